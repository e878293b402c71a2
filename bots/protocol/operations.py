"""The GraphQL operations of BBB 3.0's client, as data. Pure: no ids, no order, no time.

Names, root fields, arguments and selected fields are those of the schema as a 3.0.19
client uses them; the texts are built here. Two habits of the server shape them:
* The middleware tells kinds apart by text, not by parsing: a mutation starts with
  `mutation`, a stream holds `_stream(` and `cursor: {`, an aggregate `aggregate {`, and
  a mutation's arguments are cut out by a regular expression. So every document is one
  line with single spaces and passes its values by variables.
* Every selection below the root ends in `__typename`, as Apollo's client asks; the
  user-list patcher of the middleware relies on it.

Sources: BBB's `bigbluebutton-html5` queries, `bbb-graphql-server/metadata/
actions.graphql`, and the session in tests/data/captures/.
"""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["subscription", "query", "mutation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One document and what its answer is called."""

    name: str
    kind: Kind
    root: str
    """Root field of the answer; for a mutation the function it calls."""
    query: str
    stands_for: str = ""
    """Name of the operation of 3.0.19 whose place this one takes, "" for its own."""

    @property
    def topic(self) -> str:
        """The name by which the rest of a participant knows it, whatever version."""
        return self.stands_for or self.name

    @property
    def is_patched(self) -> bool:
        """Whether the middleware may answer with JSON patches: it goes by the name."""
        return self.name.startswith("Patched_")


def _named(fields: str) -> str:
    """Close every selection set of `fields` with `__typename`."""
    words = f"{fields} }}".replace("}", " __typename }").split()
    return " ".join(words[:-1])


def read(
    kind: Kind, name: str, root: str, fields: str, *, takes: str = "", given: str = ""
) -> Operation:
    """Build a query or a subscription of one root field, selections closed."""
    declared = f"({takes})" if takes else ""
    passed = f"({given})" if given else ""
    query = f"{kind} {name}{declared} {{ {root}{passed} {{ {_named(fields)} }} }}"
    return Operation(name=name, kind=kind, root=root, query=query)


def watch(
    name: str, root: str, fields: str, *, takes: str = "", given: str = ""
) -> Operation:
    """Build a subscription."""
    return read("subscription", name, root, fields, takes=takes, given=given)


def mutate(name: str, function: str, **arguments: str) -> Operation:
    """Build a mutation; an argument whose type names a variable `a=T` is renamed."""
    takes, given = [], []
    for argument, type_name in arguments.items():
        variable, _, declared = type_name.rpartition("=")
        takes.append(f"${variable or argument}: {declared}")
        given.append(f"{argument}: ${variable or argument}")
    declared = f"({', '.join(takes)})" if takes else ""
    passed = f"({', '.join(given)})" if given else ""
    query = f"mutation {name}{declared} {{ {function}{passed} }}"
    return Operation(name=name, kind="mutation", root=function, query=query)


# --- Joining ------------------------------------------------------------------------

CURRENT_USER = watch(
    "Patched_userCurrentSubscription",
    "user_current",
    "authToken avatar webcamBackground away clientType color "
    "ejectReason ejectReasonCode ejected reactionEmoji extId guest guestStatus "
    "whiteboardWriteAccess inactivityWarningDisplay inactivityWarningTimeoutSecs "
    "isDialIn isModerator logoutUrl currentlyInMeeting joinErrorCode joinErrorMessage "
    "joined locked loggedOut mobile name nameSortable pinned presenter raiseHand "
    "registeredAt role speechLocale captionLocale userId "
    "meeting { ended endedReasonCode endedByUserName logoutUrl } "
    "lastBreakoutRoom { currentlyInRoom sequence shortName } "
    "breakoutRoomsSummary { totalOfBreakoutRooms totalOfIsUserCurrentlyInRoom "
    "totalOfShowInvitation totalOfJoinURL } "
    "cameras { streamId } "
    "voice { joined spoke listenOnly deafened listenOnlyInputDevice } "
    "userLockSettings { disablePublicChat } "
    "sessionCurrent { enforceLayout } livekit { livekitToken }",
)
SERVER_TIME = read("query", "getServerTime", "current_time", "currentTimestamp")
USER_JOIN = mutate(
    "UserJoin",
    "userJoinMeeting",
    authToken="String!",
    clientType="String!",
    clientIsMobile="Boolean!",
)
USER_LEAVE = mutate("UserLeaveMeeting", "userLeaveMeeting")

# --- The first screen ---------------------------------------------------------------

MEETING = watch(
    "Patched_MeetingSubscription",
    "meeting",
    "durationInSeconds "
    "lockSettings { disableCam disableMic disableNotes disablePrivateChat "
    "disablePublicChat hasActiveLockSetting hideUserList hideViewersCursor "
    "hideViewersAnnotation webcamsOnlyForModerator lockOnJoin lockOnJoinConfigurable } "
    "learningDashboard { learningDashboardAccessToken } "
    "screenshare { contentType hasAudio screenshareConf screenshareId startedAt "
    "stoppedAt stream vidHeight vidWidth voiceConf } "
    "usersPolicies { guestPolicy guestLobbyMessage webcamsOnlyForModerator } "
    "layout { cameraDockAspectRatio cameraDockIsResizing cameraDockPlacement "
    "cameraWithFocus currentLayoutType presentationMinimized propagateLayout "
    "updatedAt } "
    "breakoutRoomsCommonProperties { durationInSeconds freeJoin "
    "sendInvitationToModerators startedAt } "
    "externalVideo { externalVideoId playerCurrentTime playerPlaybackRate "
    "playerPlaying externalVideoUrl startedSharingAt stoppedSharingAt updatedAt } "
    "componentsFlags { hasBreakoutRoom hasCameraAsContent hasCaption "
    "hasCurrentPresentation hasExternalVideo hasPoll hasScreenshare "
    "hasScreenshareAsContent hasSharedNotes hasTimer isSharedNotesPinned "
    "showRemainingTime }",
)
PLUGINS = read(
    "query",
    "PluginConfigurationQuery",
    "plugin",
    "name javascriptEntrypointUrl javascriptEntrypointIntegrity localesBaseUrl "
    "loadFailureReason loadFailureSource",
)
SET_SPEECH_OPTIONS = mutate(
    "UserSetSpeechOptions",
    "userSetSpeechOptions",
    partialUtterances="Boolean!",
    minUtteranceLength="Float!",
)
SET_CLIENT_SETTINGS = mutate(
    "UserChangedLocalSettings",
    "userSetClientSettings",
    userClientSettingsJson="settings=json!",
)
CHATS = watch(
    "ChatSubscription",
    "chat",
    "chatId participant { userId name nameSortable role color loggedOut avatar "
    "currentlyInMeeting isModerator } totalMessages totalUnread public lastSeenAt",
    given="order_by: [{chatId: asc}]",
)
PLUGIN_DATA_PUBLIC = watch(
    "Patched_FetchPluginDataChannelPublicEntry",
    "pluginDataChannelEntry_public",
    "createdAt updatedAt channelName subChannelName entryId payloadJson createdBy "
    "pluginName",
    given="order_by: {createdAt: desc}",
)
PLUGIN_DATA_PRIVATE = watch(
    "Patched_FetchPluginDataChannelEntry",
    "pluginDataChannelEntry_private",
    "createdAt updatedAt channelName subChannelName entryId payloadJson createdBy "
    "pluginName toRoles",
    given="order_by: {createdAt: desc}",
)
NOTIFICATIONS = watch(
    "getNotificationStream",
    "notification_stream",
    "notificationType icon messageId messageValues isSingleUserNotification createdAt",
    takes="$initialCursor: timestamptz!",
    given="batch_size: 10, cursor: {initial_value: {createdAt: $initialCursor}}",
)
CAMERAS = watch(
    "Patched_VideoStreams",
    "user_camera",
    "streamId user { name userId nameSortable pinned away disconnected role avatar "
    "color presenter clientType raiseHand isModerator reactionEmoji } "
    "voice { floor lastFloorTime joined listenOnly userId deafened }",
)
USERS_COUNT = watch("UsersCount", "user_aggregate", "aggregate { count }")
CURRENT_PAGE = watch(
    "CurrentPresentationPagesSubscription",
    "pres_page_curr",
    "height isCurrentPage num pageId scaledHeight scaledViewBoxHeight "
    'scaledViewBoxWidth scaledWidth svgUrl: urlsJson(path: "$.svg") width xOffset '
    "yOffset presentationId content downloadFileUri totalPages downloadable "
    "presentationName isDefaultPresentation infiniteWhiteboard nextPagesSvg fitToWidth",
)
NOTES_REVISION = watch(
    "GetPadLastRev",
    "sharedNotes",
    "lastRev",
    takes="$externalId: String!",
    given="where: {sharedNotesExtId: {_eq: $externalId}}",
)
PRESENTATIONS = watch(
    "PresentationsSubscription",
    "pres_presentation",
    "uploadTemporaryId uploadInProgress current downloadFileUri downloadable "
    "uploadErrorDetailsJson uploadErrorMsgKey filenameConverted isDefault name "
    "totalPages totalPagesUploaded presentationId removable uploadCompletionNotified "
    "uploadCompleted exportToChatInProgress exportToChatStatus "
    "exportToChatCurrentPage exportToChatHasError",
)
VOICE_ACTIVITY = watch(
    "UserVoiceActivity",
    "user_voice_activity_stream",
    "muted startTime endTime talking userId user { color name speechLocale }",
    given='cursor: {initial_value: {voiceActivityAt: "2020-01-01"}}, batch_size: 10',
)
RAISED_HANDS = watch(
    "RaisedHandUsers",
    "user",
    "userId name color presenter isModerator raiseHand raiseHandTime",
    given="where: {raiseHand: {_eq: true}}, "
    "order_by: [{raiseHandTime: asc_nulls_last}]",
)
VIEWERS_CAMERAS_COUNT = watch(
    "ViewerVideoStreams",
    "user_camera_aggregate",
    "aggregate { count }",
    given='where: {user: {role: {_eq: "VIEWER"}, presenter: {_eq: false}}}',
)
REACTIONS = watch(
    "getEmojisToRain",
    "user_reaction_stream",
    "createdAt reactionEmoji",
    takes="$initialCursor: timestamptz",
    given="batch_size: 10, cursor: {initial_value: {createdAt: $initialCursor}}",
)

# --- Whiteboard, toolbars, lists -----------------------------------------------------

SET_LAYOUT = mutate(
    "SetLayoutProps",
    "meetingLayoutSetProps",
    layout="String!",
    syncWithPresenterLayout="Boolean!",
    presentationIsOpen="Boolean!",
    isResizing="Boolean!",
    cameraPosition="String!",
    focusedCamera="String!",
    presentationVideoRate="Float!",
)
RECORDING = watch(
    "getMeetingRecordingData",
    "meeting_recording",
    "isRecording startedAt startedBy previousRecordedTimeInSeconds",
)
TIMER = watch(
    "Patched_Timer",
    "timer",
    "accumulated active songTrack time stopwatch running startedOn startedAt elapsed",
)
"""A 3.0.19 server refuses `startedOn`, although its own client asks for it."""

CURSOR_ACCESS = watch(
    "whiteboardCursorAccessSubscription",
    "user_whiteboardCursorAccess",
    "userId name presenter isModerator",
    given="order_by: {userId: asc}",
)
CURSORS = watch(
    "getCursorCoordinatesStream",
    "pres_page_cursor_stream",
    "xPercent yPercent userId",
    given='cursor: {initial_value: {lastUpdatedAt: "2020-01-01"}}, '
    "where: {isCurrentPage: {_eq: true}}, batch_size: 100",
)
CAPTIONS = watch("activeCaptions", "caption_activeLocales", "locale")
ANNOTATIONS = read(
    "query",
    "CurrentPageAnnotationsQuery",
    "pres_annotation_curr",
    "annotationId annotationInfo lastUpdatedAt pageId presentationId userId",
    takes="$pageId: String!",
    given="where: {pageId: {_eq: $pageId}}, order_by: {lastUpdatedAt: desc}",
)
WRITE_ACCESS = watch(
    "whiteboardWriteAccessSubscription",
    "user_whiteboardWriteAccess",
    "userId name presenter isModerator",
    given="order_by: {userId: asc}",
)
SET_UPLOAD_NOTIFIED = mutate(
    "PresentationSetUploadCompletionNotified",
    "presentationSetUploadCompletionNotified",
    presentationId="String!",
)
CONNECTION_STATUS = watch(
    "ConnStatusWithTraceLog",
    "user_connectionStatus",
    "meetingId userId sessionToken traceLog networkRttInMs applicationRttInMs "
    "statusUpdatedAt",
    takes="$clientSessionUUID: String!",
    given="where: {clientSessionUUID: {_eq: $clientSessionUUID}}",
)
ANNOTATION_HISTORY = watch(
    "annotationHistoryStream",
    "pres_annotation_history_curr_stream",
    "annotationId annotationInfo pageId presentationId updatedAt userId",
    takes="$updatedAt: timestamptz, $pageId: String!",
    given="batch_size: 1000, where: {pageId: {_eq: $pageId}}, "
    "cursor: {initial_value: {updatedAt: $updatedAt}, ordering: ASC}",
)
VOICES_COUNT = watch(
    "UsersWithAudioCount",
    "user_aggregate",
    "aggregate { count }",
    given="where: {voice: {joined: {_eq: true}}}",
)
GUESTS_COUNT = watch(
    "getGuestsCount",
    "user_guest_aggregate",
    "aggregate { count }",
    given="where: {isWaiting: {_eq: true}}",
)
USER_LIST = watch(
    "Patched_UserListSubscription",
    "user",
    # `avatar` twice, as the client asks; the answer holds it once.
    "isDialIn userId meetingId extId name isModerator role color avatar away raiseHand "
    "reactionEmoji avatar presenter pinned locked authed mobile bot guest clientType "
    "disconnected loggedOut "
    "voice { joined deafened listenOnly voiceUserId listenOnlyInputDevice } "
    "cameras { streamId } whiteboardWriteAccess "
    "lastBreakoutRoom { isDefaultName sequence shortName currentlyInRoom } "
    "userLockSettings { disablePublicChat }",
    takes="$offset: Int!, $limit: Int!",
    given="limit: $limit, offset: $offset, order_by: [{presenter: desc}, {role: asc}, "
    "{raiseHandTime: asc_nulls_last}, {isDialIn: desc}, {whiteboardWriteAccess: desc}, "
    "{nameSortable: asc}, {registeredAt: asc}, {userId: asc}]",
)
ECHO_TEST_RUNNING = mutate(
    "UpdateUserClientEchoTestRunningAt", "userSetEchoTestRunning"
)

# --- While in the meeting -----------------------------------------------------------

CONNECTION_ALIVE = mutate(
    "UpdateConnectionAliveAt",
    "userSetConnectionAlive",
    serverRequestId="String!",
    clientSessionUUID="String!",
    networkRttInMs="Float!",
    applicationRttInMs="Float",
    traceLog="String",
    clientIsHidden="Boolean",
)
"""Older clients send fewer of them (`wordings`)."""

SET_LISTEN_ONLY_INPUT = mutate(
    "UserSetListenOnlyInput", "userSetListenOnlyInput", listenOnlyInputDevice="Boolean!"
)
SET_MUTED = mutate("UserSetMuted", "userSetMuted", userId="String", muted="Boolean!")
MUTE_ALL = mutate(
    "MeetingSetMuted", "meetingSetMuted", muted="Boolean!", exceptPresenter="Boolean!"
)
CAMERA_START = mutate(
    "CameraBroadcastStart",
    "cameraBroadcastStart",
    stream="cameraId=String!",
    contentType="String!",
)
CAMERA_STOP = mutate(
    "CameraBroadcastStop", "cameraBroadcastStop", stream="cameraId=String!"
)
CHAT_SEND = mutate(
    "ChatSendMessage",
    "chatSendMessage",
    chatId="String!",
    chatMessageInMarkdownFormat="String!",
    replyToMessageId="String",
)
CHAT_TYPING = mutate("ChatSetTyping", "chatSetTyping", chatId="String!")
CHAT_SEEN = mutate(
    "UpdateChatLastSeen", "chatSetLastSeen", chatId="String", lastSeenAt="String"
)
RAISE_HAND = mutate(
    "SetRaiseHand", "userSetRaiseHand", userId="String!", raiseHand="Boolean!"
)

SET_REACTION = mutate(
    "SetReactionEmoji", "userSetReactionEmoji", reactionEmoji="String!"
)

# --- Opened on demand; names and fields as in the html5 client's source -------------

CHAT_MESSAGES = watch(
    "chatMessages",
    "chat_message_public",
    "user { name userId avatar currentlyInMeeting isModerator color } messageSequence "
    "messageType chatEmphasizedText chatId message messageId createdAt editedAt "
    "deletedAt messageMetadata senderName senderRole",
    takes="$limit: Int!, $offset: Int!",
    given="limit: $limit, offset: $offset, order_by: {createdAt: asc}",
)
TYPING = watch(
    "IsTyping",
    "user_typing_public",
    "userId isCurrentlyTyping user { name userId }",
    takes="$chatId: String!",
    given="limit: 4, where: {chatId: {_eq: $chatId}, isCurrentlyTyping: {_eq: true}}",
)
_POLLS = watch(
    "hasPendingPoll",
    "meeting",
    "polls { users { responded userId } options { optionDesc optionId pollId } "
    "multipleResponses pollId questionText secret type }",
    takes="$userId: String!",
)
PENDING_POLLS = replace(
    _POLLS,
    query=_POLLS.query.replace(
        "{ polls {",
        "{ polls(where: {ended: {_eq: false}, users: {responded: {_eq: false}, "
        "userId: {_eq: $userId}}}) {",
    ),
)
POLL_VOTE = mutate(
    "PollSubmitVote", "pollSubmitUserVote", pollId="String!", answerIds="[Int]!"
)
POLL_TYPED_VOTE = mutate(
    "PollSubmitTypedVote", "pollSubmitUserTypedVote", pollId="String!", answer="String!"
)
POLL_CREATE = mutate(
    "PollCreate",
    "pollCreate",
    pollType="String!",
    pollId="String!",
    secretPoll="Boolean!",
    question="String!",
    multipleResponse="Boolean!",
    quiz="Boolean",
    answers="[String]",
    correctAnswer="String",
)
POLL_PUBLISH = mutate("PollPublishResult", "pollPublishResult", pollId="String!")
SET_PAGE = mutate(
    "PresentationSetPage",
    "presentationSetPage",
    presentationId="String!",
    pageId="String!",
)
SET_WRITERS = mutate(
    "PresentationSetWriters",
    "presentationSetWriters",
    pageId="String!",
    usersIds="[String]!",
)
PUBLISH_CURSOR = mutate(
    "PresentationPublishCursor",
    "presentationPublishCursor",
    whiteboardId="String!",
    xPercent="Float!",
    yPercent="Float!",
)
SUBMIT_ANNOTATIONS = mutate(
    "PresAnnotationSubmit",
    "presAnnotationSubmit",
    pageId="String!",
    annotations="json!",
)
GUEST_LOBBY = watch(
    "getGuestLobbyInfo",
    "user_current",
    "guestStatusDetails { guestLobbyMessage positionInWaitingQueue isAllowed }",
)
"""What a guest is told in the lobby; clients of the newest 3.0 also ask there for the
meeting's own message."""
WAITING_GUESTS = watch(
    "getGuestWaitingUsersSubscription",
    "user_guest",
    "guestLobbyMessage guestStatus isAllowed isDenied userId "
    "user { authed userId name color role avatar isModerator }",
    given="where: {isWaiting: {_eq: true}}",
)
ADMIT_GUESTS = mutate(
    "SubmitApprovalStatus",
    "guestUsersSubmitApprovalStatus",
    guests="[GuestUserApprovalStatus]!",
)
BREAKOUTS = watch(
    "getBreakoutData",
    "breakoutRoom",
    "freeJoin shortName sendInvitationToModerators sequence showInvitation joinURL "
    "breakoutRoomId isLastAssignedRoom isUserCurrentlyInRoom",
    given="order_by: {sequence: asc}",
)

PUBLIC_CHAT = "MAIN-PUBLIC-GROUP-CHAT"
