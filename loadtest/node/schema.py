"""The part of BBB 3.0.19's GraphQL schema that the node serves, as SDL.

Names and nesting as its HTML5 client selects them. `timer` has no `startedOn`: the
recorded server refused that field although its own client asks for it. Fields that
other 3.0 versions ask for are there where the sources name them; whatever is not here
is refused with Hasura's own error, which is how a client tells versions apart. What
older versions lack or have beside it is in `versions.py`.
"""

from graphql import parse
from graphql.language import (
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    TypeNode,
)

SDL = """
type user_current {
  authToken: S avatar: S webcamBackground: S away: S clientType: S color: S
  ejectReason: S ejectReasonCode: S ejected: S reactionEmoji: S extId: S guest: S
  guestStatus: S whiteboardWriteAccess: S inactivityWarningDisplay: S
  inactivityWarningTimeoutSecs: S isDialIn: S isModerator: S logoutUrl: S
  currentlyInMeeting: S joinErrorCode: S joinErrorMessage: S joined: S locked: S
  loggedOut: S mobile: S name: S nameSortable: S pinned: S presenter: S raiseHand: S
  registeredAt: S role: S speechLocale: S captionLocale: S userId: S meetingId: S
  guestLobbyMessage: S guestStatusSetByModerator: user bot: S disconnected: S
  guestStatusDetails: user_guest
  meeting: meeting lastBreakoutRoom: user_lastBreakoutRoom
  breakoutRoomsSummary: breakoutRoom_user_summary cameras: user_camera
  voice: user_voice userLockSettings: user_lockSettings
  sessionCurrent: user_session_current livekit: user_livekit
}
type user {
  isDialIn: S userId: S meetingId: S extId: S name: S nameSortable: S isModerator: S
  role: S color: S avatar: S away: S raiseHand: S raiseHandTime: S reactionEmoji: S
  presenter: S pinned: S locked: S authed: S mobile: S bot: S guest: S guestStatus: S
  clientType: S disconnected: S loggedOut: S registeredAt: S currentlyInMeeting: S
  whiteboardWriteAccess: S speechLocale: S captionLocale: S
  voice: user_voice cameras: user_camera lastBreakoutRoom: user_lastBreakoutRoom
  userLockSettings: user_lockSettings
}
type user_voice {
  joined: S spoke: S listenOnly: S deafened: S listenOnlyInputDevice: S voiceUserId: S
  muted: S talking: S floor: S lastFloorTime: S startTime: S endTime: S userId: S
  callerName: S showTalkingIndicator: S user: user
}
type user_voice_activity {
  muted: S startTime: S endTime: S talking: S userId: S voiceUserId: S
  voiceActivityAt: S user: user
}
type user_camera {
  streamId: S userId: S contentType: S hasAudio: S showAsContent: S
  user: user voice: user_voice
}
type user_lockSettings { disablePublicChat: S }
type user_session_current { enforceLayout: S }
type user_livekit { livekitToken: S }
type user_lastBreakoutRoom {
  currentlyInRoom: S sequence: S shortName: S isDefaultName: S
}
type breakoutRoom_user_summary {
  totalOfBreakoutRooms: S totalOfIsUserCurrentlyInRoom: S totalOfShowInvitation: S
  totalOfJoinURL: S
}
type breakoutRoom {
  breakoutRoomId: S name: S sequence: S shortName: S isDefaultName: S freeJoin: S
  joinURL: S isUserCurrentlyInRoom: S isLastAssignedRoom: S showInvitation: S
  sendInvitationToModerators: S startedAt: S durationInSeconds: S
}
type user_guest {
  userId: S guestStatus: S isWaiting: S isAllowed: S isDenied: S guestLobbyMessage: S
  positionInWaitingQueue: S user: user
}
type user_reaction { createdAt: S reactionEmoji: S userId: S }
type user_metadata { parameter: S value: S }
type user_whiteboardWriteAccess { userId: S name: S presenter: S isModerator: S }
type user_whiteboardCursorAccess { userId: S name: S presenter: S isModerator: S }
type user_typing_public {
  chatId: S userId: S isCurrentlyTyping: S typingAt: S user: user
}
type user_typing_private {
  chatId: S userId: S isCurrentlyTyping: S typingAt: S user: user
}
type user_connectionStatus {
  meetingId: S userId: S sessionToken: S clientSessionUUID: S traceLog: S
  networkRttInMs: S applicationRttInMs: S statusUpdatedAt: S connectionAliveAt: S
}
type user_connectionStatusReport {
  clientNotResponding: S lastUnstableStatus: S lastUnstableStatusAt: S currentStatus: S
  userId: S user: user
}
type meeting {
  meetingId: S extId: S name: S ended: S endedReasonCode: S endedByUserName: S
  logoutUrl: S bannerColor: S bannerText: S durationInSeconds: S createdTime: S
  createdAt: S isBreakout: S audioBridge: S cameraBridge: S screenShareBridge: S
  maxPinnedCameras: S meetingCameraCap: S notifyRecordingIsOn: S
  presentationUploadExternalUrl: S presentationUploadExternalDescription: S
  customLogoUrl: S customDarkLogoUrl: S loginUrl: S disabledFeatures: S
  lockSettings: meeting_lockSettings learningDashboard: meeting_learningDashboard
  screenshare: screenshare usersPolicies: meeting_usersPolicies layout: layout
  breakoutRoomsCommonProperties: meeting_breakoutRoomsCommonProperties
  externalVideo: externalVideo componentsFlags: meeting_componentFlags
  voiceSettings: meeting_voiceSettings breakoutPolicies: meeting_breakoutPolicies
  recordingPolicies: meeting_recordingPolicies welcome: user_welcomeMsgs polls: poll
  clientSettings: meeting_clientSettings
}
type meeting_lockSettings {
  disableCam: S disableMic: S disableNotes: S disablePrivateChat: S disablePublicChat: S
  hasActiveLockSetting: S hideUserList: S hideViewersCursor: S hideViewersAnnotation: S
  webcamsOnlyForModerator: S lockOnJoin: S lockOnJoinConfigurable: S
}
type meeting_learningDashboard { learningDashboardAccessToken: S }
type screenshare {
  contentType: S hasAudio: S screenshareConf: S screenshareId: S startedAt: S
  stoppedAt: S stream: S vidHeight: S vidWidth: S voiceConf: S
}
type meeting_usersPolicies {
  guestPolicy: S guestLobbyMessage: S webcamsOnlyForModerator: S
  allowModsToEjectCameras: S allowModsToUnmuteUsers: S authenticatedGuest: S
  maxUserConcurrentAccesses: S maxUsers: S meetingLayout: S
  moderatorsCanMuteAudio: S moderatorsCanUnmuteAudio: S userCameraCap: S
}
type layout {
  cameraDockAspectRatio: S cameraDockIsResizing: S cameraDockPlacement: S
  cameraWithFocus: S currentLayoutType: S presentationMinimized: S propagateLayout: S
  updatedAt: S
}
type meeting_breakoutRoomsCommonProperties {
  durationInSeconds: S freeJoin: S sendInvitationToModerators: S startedAt: S
}
type externalVideo {
  externalVideoId: S playerCurrentTime: S playerPlaybackRate: S playerPlaying: S
  externalVideoUrl: S startedSharingAt: S stoppedSharingAt: S updatedAt: S
}
type meeting_componentFlags {
  hasBreakoutRoom: S hasCameraAsContent: S hasCaption: S hasCurrentPresentation: S
  hasExternalVideo: S hasPoll: S hasScreenshare: S hasScreenshareAsContent: S
  hasSharedNotes: S hasTimer: S isSharedNotesPinned: S showRemainingTime: S
}
type meeting_voiceSettings { dialNumber: S muteOnStart: S voiceConf: S telVoice: S }
type meeting_breakoutPolicies {
  breakoutRooms: S captureNotes: S captureSlides: S freeJoin: S parentId: S
  privateChatEnabled: S record: S sequence: S
}
type meeting_recordingPolicies {
  allowStartStopRecording: S autoStartRecording: S keepEvents: S record: S
}
type user_welcomeMsgs { welcomeMsg: S welcomeMsgForModerators: S }
type meeting_clientSettings { clientSettingsJson: S }
type meeting_recording {
  isRecording: S startedAt: S startedBy: S previousRecordedTimeInSeconds: S
}
type plugin {
  name: S javascriptEntrypointUrl: S javascriptEntrypointIntegrity: S
  localesBaseUrl: S loadFailureReason: S loadFailureSource: S
}
type pluginDataChannelEntry_public {
  createdAt: S updatedAt: S channelName: S subChannelName: S entryId: S payloadJson: S
  createdBy: S pluginName: S
}
type pluginDataChannelEntry_private {
  createdAt: S updatedAt: S channelName: S subChannelName: S entryId: S payloadJson: S
  createdBy: S pluginName: S toRoles: S
}
type chat {
  chatId: S totalMessages: S totalUnread: S public: S lastSeenAt: S visible: S
  participant: user
}
type chat_message_public {
  chatId: S messageId: S messageSequence: S messageType: S chatEmphasizedText: S
  message: S createdAt: S editedAt: S deletedAt: S messageMetadata: S senderName: S
  senderRole: S senderId: S replyToMessage: chat_message_public
  reactions: chat_message_reaction user: user
}
type chat_message_private {
  chatId: S messageId: S messageSequence: S messageType: S chatEmphasizedText: S
  message: S createdAt: S editedAt: S deletedAt: S messageMetadata: S senderName: S
  senderRole: S senderId: S replyToMessage: chat_message_private
  reactions: chat_message_reaction user: user
}
type chat_message_reaction { createdAt: S reactionEmoji: S user: user }
type notification {
  notificationType: S icon: S messageId: S messageValues: S
  isSingleUserNotification: S createdAt: S
}
type pres_page_curr {
  height: S isCurrentPage: S num: S pageId: S scaledHeight: S scaledViewBoxHeight: S
  scaledViewBoxWidth: S scaledWidth: S urlsJson: S width: S xOffset: S yOffset: S
  presentationId: S content: S downloadFileUri: S totalPages: S downloadable: S
  presentationName: S isDefaultPresentation: S infiniteWhiteboard: S nextPagesSvg: S
  fitToWidth: S
}
type pres_page_writers { userId: S pageId: S presentationId: S isCurrentPage: S }
type pres_presentation {
  uploadTemporaryId: S uploadInProgress: S current: S downloadFileUri: S
  downloadable: S uploadErrorDetailsJson: S uploadErrorMsgKey: S filenameConverted: S
  isDefault: S name: S totalPages: S totalPagesUploaded: S presentationId: S
  removable: S uploadCompletionNotified: S uploadCompleted: S
  exportToChatInProgress: S exportToChatStatus: S exportToChatCurrentPage: S
  exportToChatHasError: S
}
type pres_annotation_curr {
  annotationId: S annotationInfo: S lastUpdatedAt: S pageId: S presentationId: S
  userId: S
}
type pres_annotation_history_curr {
  annotationId: S annotationInfo: S pageId: S presentationId: S updatedAt: S userId: S
}
type pres_page_cursor {
  xPercent: S yPercent: S userId: S lastUpdatedAt: S isCurrentPage: S pageId: S
  user: user
}
type sharedNotes { lastRev: S sharedNotesExtId: S padId: S model: S name: S pinned: S }
type caption_activeLocales { locale: S }
type timer {
  accumulated: S active: S songTrack: S time: S stopwatch: S running: S startedAt: S
  elapsed: S endedAt: S
}
type poll {
  pollId: S questionText: S secret: S type: S multipleResponses: S published: S
  ended: S quiz: S createdAt: S publishedAt: S options: poll_option users: poll_user
  responses: poll_response userCurrent: poll_user
}
type poll_option { optionDesc: S optionId: S pollId: S correctOption: S }
type poll_user { responded: S userId: S optionDescIds: S user: user }
type poll_response {
  optionDesc: S optionId: S optionResponsesCount: S pollResponsesCount: S
  questionText: S
}
type current_time { currentTimestamp: S currentTimeMillis: S }
"""

ROWS = (
    "user_current user user_voice user_camera user_guest user_metadata "
    "user_whiteboardWriteAccess user_whiteboardCursorAccess user_typing_public "
    "user_typing_private user_connectionStatus user_connectionStatusReport "
    "breakoutRoom meeting meeting_recording meeting_recordingPolicies "
    "meeting_clientSettings screenshare layout externalVideo plugin "
    "pluginDataChannelEntry_public pluginDataChannelEntry_private chat "
    "chat_message_public chat_message_private pres_page_curr pres_page_writers "
    "pres_presentation pres_annotation_curr pres_annotation_history_curr "
    "pres_page_cursor sharedNotes caption_activeLocales timer poll current_time"
).split()
STREAMS = (
    "user_voice_activity user_reaction notification chat_message_public "
    "chat_message_private pres_page_cursor pres_annotation_curr "
    "pres_annotation_history_curr"
).split()
AGGREGATES = (
    "user user_camera user_guest user_voice breakoutRoom chat_message_public "
    "chat_message_private pres_presentation"
).split()


def _read_types() -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for definition in parse(SDL, no_location=True).definitions:
        assert isinstance(definition, ObjectTypeDefinitionNode)
        types[definition.name.value] = {
            field.name.value: _type_name(field.type)
            for field in definition.fields or ()
        }
    for table in AGGREGATES:
        types[f"{table}_aggregate"] = {"aggregate": f"{table}_aggregate_fields"}
        types[f"{table}_aggregate_fields"] = {"count": ""}
    return types


def _type_name(node: TypeNode) -> str:
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return "" if node.name.value == "S" else node.name.value


TYPES = _read_types()
"""Type -> field -> type of the object behind the field, "" for a scalar."""

ROOTS = {
    **{name: name for name in ROWS},
    **{f"{name}_stream": name for name in STREAMS},
    **{f"{name}_aggregate": f"{name}_aggregate" for name in AGGREGATES},
}
"""Root field -> its type."""
