"""Mutations about users: joining, leaving, hand, voice, cameras, moderation.

Importing this module adds them to `mutations.FUNCTIONS`.
"""

from loadtest.node.content import Camera, ConnectionStatus
from loadtest.node.meeting import User
from loadtest.node.mutations import (
    FLAG,
    JSON,
    LIST,
    NUMBER,
    TEXT,
    Arguments,
    Caller,
    RefusedMutation,
    function,
    present_user,
)
from loadtest.node.state import Session

# -- joining and leaving -------------------------------------------------------


@function(
    "userJoinMeeting",
    before_join=True,
    authToken=TEXT,
    clientType=TEXT,
    optional={"clientIsMobile": FLAG},
)
def _join(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    if caller.faults.ignore_join:
        return
    code = caller.faults.refuse_join or meeting.refusal_to_enter(
        user, arguments["authToken"]
    )
    if code:
        meeting.refuse_entry(user, code)
    elif not user.joined:
        meeting.enter(
            user,
            client_type=arguments["clientType"],
            mobile=bool(arguments.get("clientIsMobile")),
        )


@function("userLeaveMeeting", before_join=True)
def _leave(caller: Caller, arguments: Arguments) -> None:
    if caller.user.joined:
        caller.meeting.remove(caller.user, logged_out=True)


@function("userSetExitReason", before_join=True, exitReason=TEXT)
def _exit_reason(caller: Caller, arguments: Arguments) -> None:
    caller.user.exit_reason = arguments["exitReason"]


@function(
    "userSetConnectionAlive",
    networkRttInMs=NUMBER,
    optional={
        "clientSessionUUID": TEXT,
        "serverRequestId": TEXT,
        "applicationRttInMs": NUMBER,
        "traceLog": TEXT,
        "clientIsHidden": FLAG,
    },
)
def _alive(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    client_session = arguments.get("clientSessionUUID") or caller.client_session
    status = meeting.connection_status.get(client_session)
    if status is None:
        status = open_connection_status(caller.session, client_session)
    now_s = meeting.now_s()
    trace = arguments.get("traceLog")
    if trace:
        stamp = int(now_s * 1000)
        hops = ("gqlactions", "akka-apps", "pg")
        trace += "".join(f"@{hop}|{stamp}" for hop in hops)
    status.trace_log = trace
    status.network_rtt_ms = float(arguments["networkRttInMs"])
    application = arguments.get("applicationRttInMs")
    status.application_rtt_ms = None if application is None else float(application)
    status.updated_s = now_s
    meeting.changed("connection", user_id=caller.user.id)


def open_connection_status(session: Session, client_session: str) -> ConnectionStatus:
    """Return the status row of a client session, made when it connects."""
    status = ConnectionStatus(
        user_id=session.user.id,
        session_token=session.token,
        client_session=client_session,
        updated_s=session.meeting.now_s(),
    )
    session.meeting.connection_status[client_session] = status
    return status


# -- the user itself -----------------------------------------------------------


@function("userSetRaiseHand", raiseHand=FLAG, optional={"userId": TEXT})
def _raise_hand(caller: Caller, arguments: Arguments) -> None:
    user = _self_or_moderated(caller, arguments)
    raised = arguments["raiseHand"]
    user.raise_hand_s = caller.meeting.now_s() if raised else None
    caller.meeting.changed("user", user_id=user.id)


@function("userSetReactionEmoji", reactionEmoji=TEXT, optional={"userId": TEXT})
def _react(caller: Caller, arguments: Arguments) -> None:
    user, meeting = caller.user, caller.meeting
    emoji = arguments["reactionEmoji"]
    user.reaction = None if emoji == "none" else emoji
    if user.reaction:
        meeting.reactions.append((meeting.now_s(), user.id, emoji))
        meeting.changed("reaction", user_id=user.id)
    meeting.changed("user", user_id=user.id)


@function("userSetAway", away=FLAG)
def _away(caller: Caller, arguments: Arguments) -> None:
    caller.user.away = arguments["away"]
    caller.meeting.changed("user", user_id=caller.user.id)


@function("userSetClientSettings", userClientSettingsJson=JSON)
def _client_settings(caller: Caller, arguments: Arguments) -> None:
    caller.user.client_settings = arguments["userClientSettingsJson"]


@function("userSetSpeechOptions", partialUtterances=FLAG, minUtteranceLength=NUMBER)
@function("userSetEchoTestRunning")
@function("userSendActivitySign")
@function("userActivitySign")
def _accepted(caller: Caller, arguments: Arguments) -> None:
    """Accepted without an effect that anybody could see."""


@function("userSetSpeechLocale", locale=TEXT, optional={"provider": TEXT})
def _speech_locale(caller: Caller, arguments: Arguments) -> None:
    caller.user.speech_locale = arguments["locale"]
    caller.meeting.changed("user", user_id=caller.user.id)


@function("userSetCaptionLocale", locale=TEXT, optional={"provider": TEXT})
def _caption_locale(caller: Caller, arguments: Arguments) -> None:
    caller.user.caption_locale = arguments["locale"]
    caller.meeting.changed("user", user_id=caller.user.id)


# -- other users ---------------------------------------------------------------


@function("userSetPresenter", role="moderator", userId=TEXT)
def _presenter(caller: Caller, arguments: Arguments) -> None:
    user = present_user(caller, arguments["userId"])
    if user is not None:
        caller.meeting.set_presenter(user)


@function("userSetRole", role="moderator", userId=TEXT, optional={"role": TEXT})
def _role(caller: Caller, arguments: Arguments) -> None:
    user = present_user(caller, arguments["userId"])
    if user is not None and arguments.get("role") in ("MODERATOR", "VIEWER"):
        user.role = arguments["role"]
        caller.meeting.changed("role", "user", user_id=user.id)


@function("userSetLocked", role="moderator", userId=TEXT, locked=FLAG)
def _locked(caller: Caller, arguments: Arguments) -> None:
    user = present_user(caller, arguments["userId"])
    if user is not None:
        user.locked = arguments["locked"]
        caller.meeting.changed("role", "user", user_id=user.id)


@function("userEjectFromMeeting", role="moderator", userId=TEXT, banUser=FLAG)
def _eject(caller: Caller, arguments: Arguments) -> None:
    user = present_user(caller, arguments["userId"])
    if user is not None:
        user.banned = arguments["banUser"]
        caller.meeting.remove(user, reason="user_requested_eject_reason")


@function(
    "userEjectFromVoice", role="moderator", userId=TEXT, optional={"banUser": FLAG}
)
def _eject_voice(caller: Caller, arguments: Arguments) -> None:
    user = present_user(caller, arguments["userId"])
    if user is not None:
        user.voice_banned = bool(arguments.get("banUser"))
        caller.meeting.leave_voice(user)


@function("guestUsersSubmitApprovalStatus", role="moderator", guests=LIST)
def _guests(caller: Caller, arguments: Arguments) -> None:
    for item in arguments["guests"]:
        user = caller.meeting.users.get(str(item.get("guest")))
        status = item.get("status")
        if user is not None and status in ("ALLOW", "DENY"):
            caller.meeting.decide_guest(user, status)


# -- voice, cameras ------------------------------------------------------------


@function("userSetMuted", muted=FLAG, optional={"userId": TEXT})
def _muted(caller: Caller, arguments: Arguments) -> None:
    meeting, me = caller.meeting, caller.user
    user = meeting.users.get(arguments.get("userId") or me.id)
    if user is None:
        return
    muted = arguments["muted"]
    if user is not me:
        may_unmute = meeting.request.allow_mods_to_unmute
        if not me.is_moderator or not (muted or may_unmute):
            return
    elif not muted and me.is_locked_viewer and meeting.locks.disable_mic:
        return
    meeting.set_muted(user, muted)


@function("userSetListenOnlyInput", listenOnlyInputDevice=FLAG)
def _listen_only_input(caller: Caller, arguments: Arguments) -> None:
    if caller.user.voice is not None:
        caller.user.voice.listen_only_input_device = arguments["listenOnlyInputDevice"]
        caller.meeting.changed("voice", user_id=caller.user.id)


@function("userSetTalking", talking=FLAG)
def _talking(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.set_talking(caller.user, arguments["talking"])


@function("userSetDeafened", deafened=FLAG)
def _deafened(caller: Caller, arguments: Arguments) -> None:
    if caller.user.voice is not None:
        caller.user.voice.deafened = arguments["deafened"]
        caller.meeting.changed("voice", user_id=caller.user.id)


@function("meetingSetMuted", role="moderator", muted=FLAG, exceptPresenter=FLAG)
def _mute_all(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    meeting.muted = arguments["muted"]
    if meeting.muted:
        for user in meeting.present():
            if not (user.presenter and arguments["exceptPresenter"]):
                meeting.set_muted(user, True)
    meeting.changed("meeting")


@function(
    "cameraBroadcastStart",
    stream=TEXT,
    contentType=TEXT,
    optional={"hasAudio": FLAG},
)
def _camera_start(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    content_type = arguments.get("contentType", "camera")
    if content_type not in ("camera", "screenshare"):
        raise RefusedMutation("Parameter 'contentType' contains an invalid value")
    if meeting.may_share_camera(user, arguments["stream"]):
        camera = Camera(
            stream_id=arguments["stream"],
            user_id=user.id,
            content_type=content_type,
            has_audio=bool(arguments.get("hasAudio")),
        )
        meeting.start_camera(user, camera)


@function("cameraBroadcastStop", stream=TEXT)
def _camera_stop(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.stop_camera(caller.user, arguments["stream"])


@function("cameraSetShowAsContent", role="presenter", streamId=TEXT, showAsContent=FLAG)
def _camera_as_content(caller: Caller, arguments: Arguments) -> None:
    camera = caller.meeting.camera(arguments["streamId"])
    if camera is not None:
        camera.show_as_content = arguments["showAsContent"]
        caller.meeting.changed("camera", user_id=camera.user_id)


def _self_or_moderated(caller: Caller, arguments: Arguments) -> User:
    """Return the user named, where the caller may act for it, else the caller."""
    user = present_user(caller, arguments.get("userId") or caller.user.id)
    if user is None or not (user is caller.user or caller.user.is_moderator):
        return caller.user
    return user
