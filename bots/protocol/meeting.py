"""What a participant knows of its meeting from GraphQL data. Pure: rows in, events out.

It follows `user_current` through lobby, join, ejection and the meeting's end, and keeps
what a participant decides by: who it is, which cameras there are, who speaks, which
page is shown. It keeps copies, never the rows themselves: those change under patches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bots.protocol import operations as op
from bots.protocol.graphql import Data
from bots.protocol.opening import Fact

REJOIN_CODE = "able_to_rejoin_user_disconnected_reason"
"""The user was away for longer than the server waits, and may join again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The user sits in the guest lobby."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The user may join: send the join mutation with this token."""

    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InMeeting:
    """`joined` became true: the rest of the client may start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRefused:
    """The server will not let this user in."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The user was in the meeting and is no more."""

    code: str
    """The eject reason, `logged_out` or `meeting_ended`."""
    message: str = ""

    @property
    def may_rejoin(self) -> bool:
        return self.code == REJOIN_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasChanged:
    """A camera came or went, or the speakers changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """The server says whether this user's microphone is muted."""

    muted: bool


MeetingEvent = (
    Waiting | Admitted | InMeeting | JoinRefused | Removed | CamerasChanged | Muted
)


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


class MeetingView:
    """One participant's knowledge of its meeting."""

    def __init__(self, *, client_session_uuid: str) -> None:
        self.user_id = ""
        self.auth_token = ""
        self.is_joined = False
        self.is_moderator = False
        self.is_presenter = False
        self.is_locked = False
        self.locks: Mapping[str, bool] = {}
        """`lockSettings` of the meeting: `disableCam`, `disablePublicChat`, …"""
        self.is_screen_shared = False
        self.cameras: tuple[Camera, ...] = ()
        self._uuid = client_session_uuid
        self._meeting_created_at = ""
        self._page_id = ""
        self._presentation_id = ""
        self._was_waiting = False
        self._was_admitted = False
        self._is_over = False

    def knows_meeting(self, internal_meeting_id: str) -> None:
        """Take the creation time out of the internal id, `<40 hex>-<ms>`."""
        digits = internal_meeting_id.rpartition("-")[2]
        if digits.isdigit():
            created = datetime.fromtimestamp(int(digits) / 1000, UTC)
            text = created.isoformat(timespec="milliseconds")
            self._meeting_created_at = text.replace("+00:00", "Z")

    def facts(self, now_http: str) -> dict[Fact, str]:
        """Return what is known now, for the steps of the opening."""
        known = {
            Fact.SESSION_UUID: self._uuid,
            Fact.NOW_HTTP: now_http,
            Fact.MEETING_CREATED_AT: self._meeting_created_at,
            Fact.PAGE_ID: self._page_id,
            Fact.PRESENTATION_ID: self._presentation_id,
        }
        return {fact: value for fact, value in known.items() if value}

    def take(self, data: Data) -> list[MeetingEvent]:
        """Learn from an answer and return what it means for this participant."""
        rows = data.value
        if not isinstance(rows, list):
            return []
        rows = [row for row in rows if isinstance(row, dict)]
        root = data.operation.root
        if root == op.CURRENT_USER.root:
            return self._current_user(rows[0]) if rows else []
        if root == op.CAMERAS.root:
            return self._cameras(rows)
        if root == op.VOICE_ACTIVITY.root:
            return self._voices(rows)
        if root == op.MEETING.root and rows:
            self._meeting(rows[0])
        elif root == op.CURRENT_PAGE.root and rows:
            self._page_id = _text(rows[0], "pageId")
            self._presentation_id = _text(rows[0], "presentationId")
        return []

    def _current_user(self, row: Mapping[str, Any]) -> list[MeetingEvent]:
        self.user_id = _text(row, "userId") or self.user_id
        self.auth_token = _text(row, "authToken") or self.auth_token
        self.is_moderator = row.get("isModerator") is True
        self.is_presenter = row.get("presenter") is True
        self.is_locked = row.get("locked") is True
        if self._is_over:
            return []
        if gone := self._gone(row):
            self._is_over = not (isinstance(gone, Removed) and gone.may_rejoin)
            self.is_joined, self._was_admitted = False, False
            return [gone]
        if self.is_joined:
            return []
        if row.get("joined") is True:
            self.is_joined = True
            return [InMeeting()]
        if row.get("guestStatus") == "WAIT":
            waiting, self._was_waiting = not self._was_waiting, True
            return [Waiting()] if waiting else []
        if self._was_admitted:
            return []
        self._was_admitted = True
        return [Admitted(auth_token=self.auth_token)]

    def _gone(self, row: Mapping[str, Any]) -> JoinRefused | Removed | None:
        if code := _text(row, "joinErrorCode"):
            return JoinRefused(code=code, message=_text(row, "joinErrorMessage"))
        if code := _text(row, "ejectReasonCode"):
            return Removed(code=code, message=_text(row, "ejectReason"))
        meeting = row.get("meeting")
        if isinstance(meeting, dict) and meeting.get("ended") is True:
            reason = _text(meeting, "endedReasonCode")
            return Removed(code="meeting_ended", message=reason)
        if row.get("loggedOut") is True:
            return Removed(code="logged_out")
        if row.get("guestStatus") == "DENY":
            return JoinRefused(code="guest_deny", message="the guest was denied entry")
        return None

    def _cameras(self, rows: list[dict[str, Any]]) -> list[MeetingEvent]:
        cameras = tuple(_camera(row) for row in rows)
        if cameras == self.cameras:
            return []
        self.cameras = cameras
        return [CamerasChanged()]

    def _voices(self, rows: list[dict[str, Any]]) -> list[MeetingEvent]:
        own = [row for row in rows if row.get("userId") == self.user_id]
        return [Muted(muted=own[-1].get("muted") is True)] if own else []

    def _meeting(self, row: Mapping[str, Any]) -> None:
        locks = row.get("lockSettings")
        if isinstance(locks, dict):
            self.locks = {k: v for k, v in locks.items() if isinstance(v, bool)}
        self.is_screen_shared = isinstance(row.get("screenshare"), dict)


def _camera(row: Mapping[str, Any]) -> Camera:
    user, voice = row.get("user"), row.get("voice")
    user = user if isinstance(user, dict) else {}
    voice = voice if isinstance(voice, dict) else {}
    return Camera(
        stream_id=_text(row, "streamId"),
        user_id=_text(user, "userId"),
        name=_text(user, "name"),
        name_sortable=_text(user, "nameSortable"),
        is_pinned=user.get("pinned") is True,
        has_floor=voice.get("floor") is True,
        last_floor_time=_text(voice, "lastFloorTime"),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)
