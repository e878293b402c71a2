"""Mutations about breakout rooms: created and ended by moderators, dismissed by all.

Importing this module adds them to `mutations.FUNCTIONS`. A room of the request holds
`name`, `shortName`, `sequence`, `isDefaultName`, `freeJoin` and `users` (akka-bbb-apps
`BreakoutRoomMsgBody`); what it says about slides and notes has no effect here.
"""

import hashlib
from typing import Any

from loadtest.node.breakouts import BreakoutRoom
from loadtest.node.mutations import (
    FLAG,
    LIST,
    NUMBER,
    TEXT,
    Arguments,
    Caller,
    RefusedMutation,
    function,
)

MOST_ROOMS = 16
"""`breakouts.breakoutRoomLimit` of the html5 client."""
WRONG_ROOMS = "Parameter 'rooms' contains an invalid type"


@function(
    "breakoutRoomCreate",
    role="moderator",
    record=FLAG,
    captureNotes=FLAG,
    captureSlides=FLAG,
    durationInMinutes=NUMBER,
    sendInviteToModerators=FLAG,
    rooms=LIST,
)
def _create(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    rooms = [_room(caller, asked, arguments) for asked in arguments["rooms"]]
    is_off = "breakoutRooms" in meeting.request.disabled_features
    if is_off or not rooms or meeting.breakouts.rooms or meeting.request.is_breakout:
        return
    meeting.open_breakouts(rooms[:MOST_ROOMS])


@function("breakoutRoomEndAll", role="moderator")
def _end_all(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.end_breakouts()


@function("breakoutRoomSetInviteDismissed")
def _dismiss(caller: Caller, arguments: Arguments) -> None:
    own = caller.meeting.breakouts.invitations.get(caller.user.id)
    if own is not None:
        own.dismissed_s = caller.meeting.now_s()
        caller.meeting.changed("breakout", user_id=caller.user.id)


@function("breakoutRoomRequestJoinUrl", breakoutRoomId=TEXT)
def _join_url(caller: Caller, arguments: Arguments) -> None:
    shown = caller.meeting.breakouts.shown_to(caller.user)
    if any(room.room_id == arguments["breakoutRoomId"] for room in shown):
        asked = (caller.user.id, arguments["breakoutRoomId"])
        caller.meeting.breakouts.urls_asked.add(asked)
        caller.meeting.changed("breakout", user_id=caller.user.id)


def _room(caller: Caller, asked: Any, arguments: Arguments) -> BreakoutRoom:
    """Return one asked room; raise RefusedMutation for what is none."""
    if not isinstance(asked, dict) or not isinstance(asked.get("sequence"), int):
        raise RefusedMutation(WRONG_ROOMS)
    users, sequence = asked.get("users", []), asked["sequence"]
    if not isinstance(users, list) or not all(isinstance(it, str) for it in users):
        raise RefusedMutation(WRONG_ROOMS)
    meeting = caller.meeting
    now_s = meeting.now_s()
    digest = hashlib.sha1(f"{meeting.id}-{sequence}-{now_s}".encode()).hexdigest()
    return BreakoutRoom(
        room_id=f"{digest}-{int(now_s * 1000)}",
        sequence=sequence,
        name=str(asked.get("name", "")),
        short_name=str(asked.get("shortName", "")),
        is_default_name=asked.get("isDefaultName") is True,
        is_free=asked.get("freeJoin") is True,
        invites_moderators=arguments["sendInviteToModerators"],
        duration_s=int(arguments["durationInMinutes"] * 60),
        started_s=now_s,
        user_ids=tuple(user for user in users if user in meeting.users),
    )
