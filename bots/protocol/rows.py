"""What a participant reads out of single rows of GraphQL tables. Pure.

Rows are a server's: a field may be missing, null or of another type, and reads as
nothing then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll that waits for this user's answer."""

    poll_id: str
    is_typed: bool
    """The answer is written, not chosen."""
    is_multiple: bool
    option_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One shared camera of the meeting."""

    stream_id: str
    user_id: str
    name: str
    name_sortable: str
    is_pinned: bool = False
    has_floor: bool = False
    last_floor_time: str = ""
    """ISO 8601 or a number as text: compared as text of equal form; "" if never."""


def inviting_rooms(rooms: list[Any]) -> tuple[str, ...]:
    """Return the ids of the breakout rooms whose invitation shows."""
    return tuple(
        text(room, "breakoutRoomId")
        for room in rooms
        if isinstance(room, dict) and room.get("showInvitation") is True
    )


def camera_of(row: Mapping[str, Any]) -> Camera:
    """Return a row of `user_camera` as a camera."""
    user, voice = table(row, "user"), table(row, "voice")
    return Camera(
        stream_id=text(row, "streamId"),
        user_id=text(user, "userId"),
        name=text(user, "name"),
        name_sortable=text(user, "nameSortable"),
        is_pinned=user.get("pinned") is True,
        has_floor=voice.get("floor") is True,
        last_floor_time=text(voice, "lastFloorTime"),
    )


def poll_of(row: Mapping[str, Any]) -> Poll:
    """Return a row of `poll` as a poll."""
    return Poll(
        poll_id=text(row, "pollId"),
        is_typed=text(row, "type") == "R-",
        is_multiple=row.get("multipleResponses") is True,
        option_ids=tuple(count(it, "optionId") for it in tables(row, "options")),
    )


def table(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object behind a field, empty where there is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def tables(row: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list behind a field, none where there is no list."""
    value = row.get(key)
    items = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def count(row: Mapping[str, Any], key: str) -> int:
    """Return a whole number, 0 where there is none."""
    value = row.get(key)
    return value if isinstance(value, int) else 0


def text(row: Mapping[str, Any], key: str) -> str:
    """Return a value as text, "" for none."""
    value = row.get(key)
    return "" if value is None else str(value)
