"""Rows of the tables about breakout rooms: state in, plain values out."""

from typing import Any
from urllib.parse import urlencode

from loadtest.node.breakouts import BreakoutRoom
from loadtest.node.meeting import Meeting, User
from loadtest.node.times import hasura_time

Row = dict[str, Any]


def breakout_rows(meeting: Meeting, user: User, *, base_url: str) -> list[Row]:
    """Return the rows of table `breakoutRoom` that `user` is shown, in order."""
    return [
        _room_row(meeting, user, room, base_url)
        for room in meeting.breakouts.shown_to(user)
    ]


def breakout_summary(meeting: Meeting, user: User) -> Row:
    """Return what `user_current.breakoutRoomsSummary` counts."""
    breakouts = meeting.breakouts
    shown, own = breakouts.shown_to(user), breakouts.invitations.get(user.id)
    return {
        "totalOfBreakoutRooms": len(shown),
        "totalOfIsUserCurrentlyInRoom": 0,
        "totalOfShowInvitation": int(own is not None and own.is_shown),
        "totalOfJoinURL": sum(breakouts.has_url(user, room) for room in shown),
    }


def common_row(meeting: Meeting) -> Row | None:
    """Return what the rooms share, None while there are none."""
    if not meeting.breakouts.rooms:
        return None
    first = meeting.breakouts.rooms[0]
    return {
        "durationInSeconds": first.duration_s,
        "freeJoin": first.is_free,
        "sendInvitationToModerators": first.invites_moderators,
        "startedAt": hasura_time(first.started_s),
    }


def _room_row(meeting: Meeting, user: User, room: BreakoutRoom, base_url: str) -> Row:
    own = meeting.breakouts.invitations.get(user.id)
    place = own if own is not None and own.room is room else None
    has_url = meeting.breakouts.has_url(user, room)
    return {
        "breakoutRoomId": room.room_id,
        "name": room.name,
        "shortName": room.short_name,
        "sequence": room.sequence,
        "isDefaultName": room.is_default_name,
        "freeJoin": room.is_free,
        "joinURL": _join_url(user, room, base_url) if has_url else None,
        "hasJoined": False,
        "assignedAt": hasura_time(place.assigned_s) if place else None,
        "inviteDismissedAt": hasura_time(place.dismissed_s) if place else None,
        "endedAt": None,
        "isUserCurrentlyInRoom": False,
        "isLastAssignedRoom": place is not None,
        "showInvitation": place is not None and place.is_shown,
        "sendInvitationToModerators": room.invites_moderators,
        "startedAt": hasura_time(room.started_s),
        "durationInSeconds": room.duration_s,
    }


def _join_url(user: User, room: BreakoutRoom, base_url: str) -> str:
    """Return an address of the form that BBB gives; here it leads nowhere."""
    query = urlencode(
        {
            "fullName": user.name,
            "isBreakout": "true",
            "meetingID": room.room_id,
            "redirect": "true",
            "userID": f"{user.id}-{room.sequence}",
        }
    )
    return f"{base_url}/bigbluebutton/api/join?{query}"
