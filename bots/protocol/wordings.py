"""What the html5 clients of other 3.0 versions ask where that of 3.0.19 asks otherwise.

Data. The selections are those of BBB's `bigbluebutton-html5` queries of their time;
that another server would refuse them is why a client of its own version is played. Each
stands for an operation of `operations.py`, by whose name the rest of a participant
knows it.
"""

from dataclasses import dataclass, replace
from typing import Any

from bots.protocol import operations as op
from bots.protocol.opening import Fact
from bots.protocol.operations import Operation, mutate, read, watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """An operation of another client, and what its opening gives beside."""

    operation: Operation
    variables: tuple[tuple[str, Any], ...] = ()
    """Values or Facts that the operation of 3.0.19 does not have."""


Words = dict[str, Wording | None]
"""By the name of 3.0.19's operation; None: that client asks nothing in its place."""


def _for(original: Operation, asked: Operation, **variables: Any) -> Words:
    standing = replace(asked, stands_for=original.name)
    wording = Wording(operation=standing, variables=tuple(variables.items()))
    return {original.name: wording}


# --- After 3.0.19: who speaks is told by the middleware itself -----------------------

VOICE_STATES = watch(
    "getUserVoiceStateStream",
    "user_voice_activity_stream",
    "userId voiceUserId talking muted leftVoiceConf user { color name speechLocale }",
    given='cursor: {initial_value: {voiceActivityAt: "2020-01-01"}}, batch_size: 10',
)
"""Answered by its name (PR 24118, PR 24967); before, `leftVoiceConf` is unknown."""
WORDS_AFTER_3_0_19: Words = _for(op.VOICE_ACTIVITY, VOICE_STATES)

# --- Before 3.0.19: fields that most of its forerunners share ------------------------

_ABOUT_ME = (
    "authToken avatar webcamBackground away clientType color "
    "ejectReason ejectReasonCode ejected reactionEmoji extId guest guestStatus "
    "hasDrawPermissionOnCurrentPage inactivityWarningDisplay "
    "inactivityWarningTimeoutSecs isDialIn isModerator {logout}currentlyInMeeting "
    "joinErrorCode joinErrorMessage joined locked loggedOut mobile name nameSortable "
    "pinned presenter raiseHand registeredAt role speechLocale captionLocale userId "
)
_WRITABLE = "presPagesWritable { isCurrentPage pageId userId } "

# --- 3.0.14: whiteboard rights by page, the status by session -----------------------

CURRENT_USER_3_0_14 = watch(
    "Patched_userCurrentSubscription",
    "user_current",
    _ABOUT_ME.replace("{logout}", "logoutUrl ")
    + "meeting { ended endedReasonCode endedByUserName logoutUrl } "
    "lastBreakoutRoom { currentlyInRoom sequence shortName } "
    "breakoutRoomsSummary { totalOfBreakoutRooms totalOfIsUserCurrentlyInRoom "
    "totalOfShowInvitation totalOfJoinURL } "
    "cameras { streamId } "
    "voice { joined spoke listenOnly deafened listenOnlyInputDevice } "
    "userLockSettings { disablePublicChat } "
    "sessionCurrent { enforceLayout } livekit { livekitToken } " + _WRITABLE,
)


def _user_list(about: str, voice: str) -> Operation:
    """Build the list's first pages as clients before 3.0.15 ask for them."""
    return watch(
        "Patched_UserListSubscription",
        "user",
        "isDialIn userId extId name isModerator role color avatar away raiseHand "
        f"reactionEmoji avatar presenter pinned locked authed mobile {about}guest "
        f"clientType disconnected loggedOut voice {{ {voice} }} cameras {{ streamId }} "
        + _WRITABLE
        + "lastBreakoutRoom { isDefaultName sequence shortName currentlyInRoom } "
        "userLockSettings { disablePublicChat }",
        takes="$offset: Int!, $limit: Int!",
        given="limit: $limit, offset: $offset, order_by: [{presenter: desc}, "
        "{role: asc}, {raiseHandTime: asc_nulls_last}, {isDialIn: desc}, "
        "{hasDrawPermissionOnCurrentPage: desc}, {nameSortable: asc}, "
        "{registeredAt: asc}, {userId: asc}]",
    )


_BEFORE_WRITE_ACCESS: Words = {
    **_for(
        op.WRITE_ACCESS,
        watch(
            "currentPageWritersSubscription",
            "pres_page_writers",
            "userId",
            takes="$pageId: String!",
            given="where: {pageId: {_eq: $pageId}}",
        ),
        pageId=Fact.PAGE_ID,
    ),
    **_for(
        op.CURSOR_ACCESS,
        watch(
            "CursorSubscription",
            "pres_page_cursor",
            "userId user { name presenter role }",
            given="where: {isCurrentPage: {_eq: true}}, order_by: {userId: asc}",
        ),
    ),
    **_for(
        op.CURSORS,
        watch(
            "getCursorCoordinatesStream",
            "pres_page_cursor_stream",
            "xPercent yPercent lastUpdatedAt userId",
            given='cursor: {initial_value: {lastUpdatedAt: "2020-01-01"}}, '
            "where: {isCurrentPage: {_eq: true}}, batch_size: 100",
        ),
    ),
}
WORDS_3_0_14: Words = {
    **_BEFORE_WRITE_ACCESS,
    **_for(
        op.USER_LIST,
        _user_list("bot ", "joined deafened listenOnly voiceUserId"),
    ),
    **_for(
        op.CONNECTION_STATUS,
        watch(
            "ConnStatusWithTraceLog",
            "user_connectionStatus",
            "meetingId userId traceLog networkRttInMs statusUpdatedAt",
        ),
    ),
    **_for(
        op.CONNECTION_ALIVE,
        mutate(
            "UpdateConnectionAliveAt",
            "userSetConnectionAlive",
            networkRttInMs="Float!",
            traceLog="String",
        ),
    ),
}

# --- 3.0.0: another first question, and fewer fields everywhere ---------------------

WHO_AM_I_3_0_0 = watch(
    "getUserCurrent",
    "user_current",
    "userId authToken joinErrorCode joinErrorMessage joined ejectReasonCode loggedOut "
    "guestStatus meeting { ended endedReasonCode endedByUserName }",
)
"""The one form that an early middleware answers before the join."""

CURRENT_USER_3_0_0 = watch(
    "Patched_userCurrentSubscription",
    "user_current",
    _ABOUT_ME.replace("{logout}", "")
    + "breakoutRooms { hasJoined assignedAt breakoutRoomId isLastAssignedRoom "
    "durationInSeconds endedAt freeJoin inviteDismissedAt isDefaultName joinURL name "
    "sendInvitationToModerators sequence shortName showInvitation startedAt "
    "isUserCurrentlyInRoom } "
    "lastBreakoutRoom { currentlyInRoom sequence shortName } "
    "cameras { streamId } voice { joined spoke listenOnly } "
    "userLockSettings { disablePublicChat } "
    "sessionCurrent { enforceLayout } livekit { livekitToken }",
)
WORDS_3_0_0: Words = {
    **_BEFORE_WRITE_ACCESS,
    op.CONNECTION_STATUS.name: None,
    **_for(
        op.USER_JOIN,
        mutate(
            "UserJoin", "userJoinMeeting", authToken="String!", clientType="String!"
        ),
    ),
    **_for(
        op.MEETING,
        watch(
            "Patched_MeetingSubscription",
            "meeting",
            "disabledFeatures durationInSeconds extId endWhenNoModerator "
            "endWhenNoModeratorDelayInMinutes createdTime loginUrl "
            "lockSettings { disableCam disableMic disableNotes disablePrivateChat "
            "disablePublicChat hasActiveLockSetting hideUserList hideViewersCursor "
            "hideViewersAnnotation webcamsOnlyForModerator lockOnJoin "
            "lockOnJoinConfigurable } "
            "metadata { name value } maxPinnedCameras meetingCameraCap cameraBridge "
            "screenShareBridge audioBridge meetingId name notifyRecordingIsOn "
            "presentationUploadExternalDescription presentationUploadExternalUrl "
            "recordingPolicies { allowStartStopRecording autoStartRecording record "
            "keepEvents } "
            "groups { groupId name } "
            "learningDashboard { learningDashboardAccessToken } "
            "screenshare { contentType hasAudio screenshareConf screenshareId "
            "startedAt stoppedAt stream vidHeight vidWidth voiceConf } "
            "usersPolicies { allowModsToEjectCameras allowModsToUnmuteUsers "
            "authenticatedGuest guestPolicy maxUserConcurrentAccesses maxUsers "
            "meetingLayout moderatorsCanMuteAudio moderatorsCanUnmuteAudio "
            "userCameraCap webcamsOnlyForModerator guestLobbyMessage } "
            "layout { cameraDockAspectRatio cameraDockIsResizing cameraDockPlacement "
            "cameraWithFocus currentLayoutType presentationMinimized propagateLayout "
            "updatedAt } "
            "isBreakout "
            "breakoutPolicies { breakoutRooms captureNotes captureNotesFilename "
            "captureSlides captureSlidesFilename freeJoin parentId privateChatEnabled "
            "record sequence } "
            "voiceSettings { dialNumber muteOnStart voiceConf telVoice } "
            "externalVideo { externalVideoId playerCurrentTime playerPlaybackRate "
            "playerPlaying externalVideoUrl startedSharingAt stoppedSharingAt "
            "updatedAt } "
            "componentsFlags { hasCaption hasBreakoutRoom hasExternalVideo hasPoll "
            "hasScreenshare hasTimer showRemainingTime hasCameraAsContent "
            "hasScreenshareAsContent }",
        ),
    ),
    **_for(
        op.PLUGINS,
        read(
            "query",
            "PluginConfigurationQuery",
            "plugin",
            "name javascriptEntrypointUrl javascriptEntrypointIntegrity",
        ),
    ),
    **_for(
        op.CHATS,
        watch(
            "ChatSubscription",
            "chat",
            "chatId participant { userId name role color loggedOut avatar "
            "currentlyInMeeting isModerator } totalMessages totalUnread public "
            "lastSeenAt",
            given="order_by: [{public: desc}, {totalUnread: desc}, "
            "{participant: {name: asc, userId: asc}}]",
        ),
    ),
    **_for(
        op.NOTIFICATIONS,
        watch(
            "getNotificationStream",
            "notification_stream",
            "notificationType icon messageId messageValues isSingleUserNotification "
            "createdAt",
            takes="$initialCursor: timestamptz!, $excludedMessageIds: [String!]!",
            given="batch_size: 10, "
            "cursor: {initial_value: {createdAt: $initialCursor}}, "
            "where: {messageId: {_nin: $excludedMessageIds}}",
        ),
        excludedMessageIds=[
            "app.notification.userJoinPushAlert",
            "app.notification.userLeavePushAlert",
        ],
    ),
    **_for(
        op.CAMERAS,
        watch(
            "Patched_VideoStreams",
            "user_camera",
            "streamId user { name userId nameSortable pinned away disconnected role "
            "avatar color presenter clientType raiseHand isModerator reactionEmoji } "
            "voice { floor lastFloorTime }",
        ),
    ),
    **_for(
        op.CURRENT_PAGE,
        watch(
            "CurrentPresentationPagesSubscription",
            "pres_page_curr",
            "height isCurrentPage num pageId scaledHeight scaledViewBoxHeight "
            'scaledViewBoxWidth scaledWidth svgUrl: urlsJson(path: "$.svg") width '
            "xOffset yOffset presentationId content downloadFileUri totalPages "
            "downloadable presentationName isDefaultPresentation infiniteWhiteboard "
            "nextPagesSvg",
        ),
    ),
    **_for(
        op.ANNOTATION_HISTORY,
        watch(
            "annotationsStream",
            "pres_annotation_curr_stream",
            "annotationId annotationInfo lastUpdatedAt pageId presentationId userId",
            takes="$lastUpdatedAt: timestamptz",
            given="batch_size: 1000, "
            "cursor: {initial_value: {lastUpdatedAt: $lastUpdatedAt}}",
        ),
        lastUpdatedAt=Fact.MEETING_CREATED_AT,
    ),
    **_for(
        op.USER_LIST,
        _user_list("", "joined listenOnly voiceUserId"),
    ),
    **_for(
        op.CONNECTION_ALIVE,
        mutate(
            "UpdateConnectionAliveAt", "userSetConnectionAlive", networkRttInMs="Float!"
        ),
    ),
    **_for(
        op.CAMERA_START,
        mutate(
            "CameraBroadcastStart", "cameraBroadcastStart", stream="cameraId=String!"
        ),
    ),
}
