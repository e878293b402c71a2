"""Rows of the tables about users: state in, plain values out.

A row is a dict of field -> value; a relation is a dict, a list of dicts, None, or a
function of no arguments that returns one, called only when it is selected.
"""

from typing import Any

from loadtest.node.breakout_rows import breakout_rows, breakout_summary
from loadtest.node.content import Camera, Voice
from loadtest.node.meeting import Meeting, User
from loadtest.node.times import hasura_time

Row = dict[str, Any]


def sortable(name: str) -> str:
    """Return a name as `nameSortable` has it."""
    return name.lower()


def user_row(meeting: Meeting, user: User) -> Row:
    """Return the row of table `user`."""
    entered = user.ever_joined
    return {
        "isDialIn": False,
        "userId": user.id,
        "meetingId": meeting.id,
        "extId": user.ext_id,
        "name": user.name,
        "nameSortable": sortable(user.name),
        "isModerator": user.is_moderator,
        "role": user.role,
        "color": user.color,
        "avatar": user.avatar,
        "away": user.away,
        "raiseHand": user.raise_hand_s is not None,
        "raiseHandTime": hasura_time(user.raise_hand_s),
        "reactionEmoji": user.reaction,
        "presenter": user.presenter,
        "pinned": user.pinned,
        "locked": user.locked,
        "authed": True,
        "mobile": bool(user.mobile),
        "bot": user.bot,
        "guest": user.guest,
        "guestStatus": user.guest_status,
        "clientType": user.client_type,
        "disconnected": entered and user.connections == 0,
        "loggedOut": user.logged_out,
        "registeredAt": hasura_time(user.registered_s),
        "currentlyInMeeting": user.joined,
        "whiteboardWriteAccess": user.whiteboard_write_access,
        "hasDrawPermissionOnCurrentPage": user.whiteboard_write_access,
        "presPagesWritable": lambda: writable_pages(meeting, user),
        "speechLocale": user.speech_locale,
        "captionLocale": user.caption_locale,
        "voice": lambda: voice_row(meeting, user),
        "cameras": lambda: [camera_row(meeting, c) for c in user.cameras.values()],
        "lastBreakoutRoom": None,
        "userLockSettings": {"disablePublicChat": False},
    }


def user_current_row(
    meeting: Meeting, user: User, *, enforce_layout: str | None, base_url: str
) -> Row:
    """Return the row of table `user_current`; some fields are null before the join."""
    entered = user.ever_joined
    logout_url = user.logout_url or meeting.request.logout_url or base_url
    eject = user.eject_reason_code
    return {
        **user_row(meeting, user),
        "authToken": user.auth_token,
        "webcamBackground": "",
        "clientType": user.client_type,
        "ejectReason": eject,
        "ejectReasonCode": eject,
        "ejected": True if eject else None,
        "inactivityWarningDisplay": False,
        "inactivityWarningTimeoutSecs": None,
        "isDialIn": False if entered else None,
        "logoutUrl": logout_url,
        "joinErrorCode": user.join_error_code,
        "joinErrorMessage": user.join_error_code,
        "joined": user.joined,
        "mobile": user.mobile,
        "pinned": user.pinned if entered else None,
        "presenter": user.presenter if entered else None,
        "guestLobbyMessage": None,
        "guestStatusSetByModerator": None,
        "guestStatusDetails": lambda: _own_guest_row(meeting, user),
        "meeting": {
            "ended": meeting.ended,
            "endedReasonCode": meeting.ended_reason,
            "endedByUserName": meeting.ended_by,
            "logoutUrl": logout_url,
            "meetingId": meeting.id,
            "extId": meeting.request.meeting_id,
            "name": meeting.request.name,
        },
        "breakoutRooms": lambda: breakout_rows(meeting, user, base_url=base_url),
        "breakoutRoomsSummary": lambda: breakout_summary(meeting, user),
        "sessionCurrent": {"enforceLayout": enforce_layout},
        "livekit": {"livekitToken": user.livekit_token} if user.livekit_token else None,
    }


def voice_row(meeting: Meeting, user: User) -> Row | None:
    """Return the row of table `user_voice`, None outside the voice conference."""
    voice = user.voice
    if voice is None:
        return None
    return {
        "joined": True,
        "spoke": voice.spoke,
        "listenOnly": voice.listen_only,
        "deafened": voice.deafened,
        "listenOnlyInputDevice": voice.listen_only_input_device,
        "voiceUserId": voice.voice_user_id,
        "muted": voice.muted,
        "talking": voice.talking,
        "floor": voice.floor,
        "lastFloorTime": _floor_time(voice),
        "startTime": _epoch_ms(voice.started_talking_s),
        "endTime": _epoch_ms(voice.stopped_talking_s),
        "userId": user.id,
        "callerName": user.name,
        "showTalkingIndicator": voice.talking or voice.spoke,
        "user": lambda: user_row(meeting, user),
    }


def voice_activity_row(meeting: Meeting, user: User, voice: Voice) -> Row:
    """Return the row of table `user_voice_activity`."""
    return {
        "muted": voice.muted,
        "startTime": _epoch_ms(voice.started_talking_s),
        "endTime": _epoch_ms(voice.stopped_talking_s),
        "talking": voice.talking,
        "userId": user.id,
        "voiceUserId": voice.voice_user_id,
        "voiceActivityAt": hasura_time(voice.activity_s),
        "leftVoiceConf": False,
        "user": lambda: user_row(meeting, user),
    }


def camera_row(meeting: Meeting, camera: Camera) -> Row:
    """Return the row of table `user_camera`."""
    user = meeting.users[camera.user_id]
    return {
        "streamId": camera.stream_id,
        "userId": camera.user_id,
        "contentType": camera.content_type,
        "hasAudio": camera.has_audio,
        "showAsContent": camera.show_as_content,
        "user": lambda: user_row(meeting, user),
        "voice": lambda: voice_row(meeting, user),
    }


def guest_row(meeting: Meeting, user: User, position: int) -> Row:
    """Return the row of table `user_guest`."""
    return {
        "userId": user.id,
        "guestStatus": user.guest_status,
        "isWaiting": user.guest_status == "WAIT",
        "isAllowed": user.guest_status == "ALLOW",
        "isDenied": user.guest_status == "DENY",
        "guestLobbyMessage": None,
        "positionInWaitingQueue": position,
        "user": lambda: user_row(meeting, user),
    }


def _own_guest_row(meeting: Meeting, user: User) -> Row:
    waiting = [it.id for it in meeting.users.values() if it.guest_status == "WAIT"]
    position = waiting.index(user.id) + 1 if user.id in waiting else 0
    return guest_row(meeting, user, position)


def whiteboard_row(user: User) -> Row:
    """Return the row of `user_whiteboardWriteAccess` and `…CursorAccess`."""
    return {
        "userId": user.id,
        "name": user.name,
        "presenter": user.presenter,
        "isModerator": user.is_moderator,
    }


def writable_pages(meeting: Meeting, user: User) -> list[Row]:
    """Return the row of `pres_page_writers` of a user who was let draw, if it was."""
    if not user.whiteboard_write_access or user.presenter:
        return []
    shown = meeting.presentations[meeting.current_presentation_id]
    return [
        {
            "userId": user.id,
            "pageId": shown.current_page_id,
            "presentationId": shown.presentation_id,
            "isCurrentPage": True,
        }
    ]


def _floor_time(voice: Voice) -> str:
    if voice.last_floor_s is None:
        return ""
    return str(int(voice.last_floor_s * 1000))


def _epoch_ms(unix_s: float | None) -> int | None:
    return None if unix_s is None else int(unix_s * 1000)
