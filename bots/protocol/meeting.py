"""What a participant knows of its meeting from GraphQL data. Pure: rows in, events out.

It follows `user_current` through lobby, join, ejection and the meeting's end, and keeps
what a participant decides by: who it is, which cameras there are, who speaks, which
page is shown. It keeps copies, never the rows themselves: those change under patches.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bots.errors import GraphqlRefusal
from bots.protocol import operations as op
from bots.protocol.graphql import Data
from bots.protocol.opening import Fact
from bots.protocol.rows import (
    Camera,
    Poll,
    camera_of,
    count,
    inviting_rooms,
    poll_of,
    table,
    tables,
    text,
)

REJOIN_CODE = "able_to_rejoin_user_disconnected_reason"
"""The user was away for longer than the server waits, and may join again."""
NOT_JOINED = "not_joined"
"""Our own name for `joined` turned false without a reason: the client joins again."""


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
        return self.code in (REJOIN_CODE, NOT_JOINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasChanged:
    """A camera came or went, or the speakers changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """The server says whether this user's microphone is muted."""

    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Something else that a participant decides by has changed."""


Membership = Waiting | Admitted | InMeeting | JoinRefused | Removed
MeetingEvent = Membership | CamerasChanged | Muted | Changed


def refusal(event: JoinRefused | Removed) -> GraphqlRefusal:
    """Return the exception that says the same of somebody who is not in yet."""
    words = f"the meeting refused the participant: {event.code} {event.message}"
    return GraphqlRefusal(words.rstrip(), code=event.code)


class MeetingView:
    """One participant's knowledge of its meeting."""

    def __init__(self, *, client_session_uuid: str) -> None:
        self.user_id = ""
        self.auth_token = ""
        self.is_joined = False
        self.is_moderator = False
        self.is_presenter = False
        self.is_locked = False
        self.is_muted = False
        """Whether the server has this user's microphone muted, as it last said."""
        self.locks: Mapping[str, bool] = {}
        """`lockSettings` of the meeting: `disableCam`, `disablePublicChat`, …"""
        self.knows_locks = False
        """Whether `locks` have been told at all."""
        self.screen = ""
        """Stream id of the shared screen, "" while none is shared."""
        self.has_poll = False
        self.polls: tuple[Poll, ...] = ()
        """Those that wait for this user's answer."""
        self.cameras: tuple[Camera, ...] = ()
        self.page_id = ""
        self.presentation_id = ""
        self.page = 0
        self.pages = 0
        self.presenter_name = ""
        self.user_ids: tuple[str, ...] = ()
        """Of the user list's first page."""
        self.writes = False
        """Whether this user may draw on the whiteboard, as the presenter always may."""
        self.waiting_guests = 0
        self.guest_ids: tuple[str, ...] = ()
        self.breakout_invitations = 0
        self.invited_to: tuple[str, ...] = ()
        """Ids of the breakout rooms that show this user an invitation."""
        self.messages = 0
        """Of the public chat, as far as its panel is open."""
        self.trace_log = ""
        """The trace of the last connection-alive report, grown on its way."""
        self._uuid = client_session_uuid
        self._meeting_created_at = ""
        self._was_waiting = False
        self._was_admitted = False
        self._is_over = False
        self._gone_for = ""

    def knows_meeting(self, internal_meeting_id: str) -> None:
        """Take the creation time out of the internal id, `<40 hex>-<ms>`."""
        digits = internal_meeting_id.rpartition("-")[2]
        if re.fullmatch(r"\d{1,14}", digits, re.ASCII):
            created = datetime.fromtimestamp(int(digits) / 1000, UTC)
            written = created.isoformat(timespec="milliseconds")
            self._meeting_created_at = written.replace("+00:00", "Z")

    def facts(self, now_http: str) -> dict[Fact, str]:
        """Return what is known now, for the steps of the opening."""
        known = {
            Fact.SESSION_UUID: self._uuid,
            Fact.NOW_HTTP: now_http,
            Fact.MEETING_CREATED_AT: self._meeting_created_at,
            Fact.PAGE_ID: self.page_id,
            Fact.PRESENTATION_ID: self.presentation_id,
        }
        return {fact: value for fact, value in known.items() if value}

    def binds(self, lock: str) -> bool:
        """Whether a lock setting (`disableCam`, …) keeps this user from something."""
        is_bound = self.is_locked and not (self.is_moderator or self.is_presenter)
        return is_bound and self.locks.get(lock, False)

    def take(self, data: Data) -> list[MeetingEvent]:
        """Learn from an answer and return what it means for this participant."""
        if data.operation.root == op.GUESTS_COUNT.root:
            return self._changed_by(lambda: self._guests_count(data.value))
        if not isinstance(data.value, list):
            return []
        rows = [row for row in data.value if isinstance(row, dict)]
        name, root = data.operation.topic, data.operation.root
        if name == op.GUEST_LOBBY.name:  # the same row, of which it tells no more
            return []
        if root == op.CURRENT_USER.root:
            return self._current_user(rows[0]) if rows else []
        if root == op.CAMERAS.root:
            return self._cameras(rows)
        if root == op.VOICE_ACTIVITY.root:
            return self._voices(rows)
        learn = {
            op.MEETING.name: self._meeting,
            op.CURRENT_PAGE.name: self._page,
            op.PENDING_POLLS.name: self._polls,
            op.USER_LIST.name: self._users,
            op.WRITE_ACCESS.name: self._writers,
            op.WAITING_GUESTS.name: self._guests,
            op.CHAT_MESSAGES.name: self._messages,
            op.CONNECTION_STATUS.name: self._trace,
            op.BREAKOUTS.name: self._breakouts,
        }.get(name)
        return [] if learn is None else self._changed_by(lambda: learn(rows))

    def _changed_by(self, learn: Callable[[], None]) -> list[MeetingEvent]:
        before = self._others()
        learn()
        return [] if self._others() == before else [Changed()]

    def _others(self) -> tuple[object, ...]:
        """Return what `Changed` speaks of."""
        return (
            self.is_presenter,
            self.is_locked,
            self.locks,
            self.screen,
            self.writes,
            self.has_poll,
            self.polls,
            self.page_id,
            self.waiting_guests,
            self.guest_ids,
            self.breakout_invitations,
            self.invited_to,
            self.messages,
            self.trace_log,
        )

    def _current_user(self, row: Mapping[str, Any]) -> list[MeetingEvent]:
        was_joined = self.is_joined
        changed = self._changed_by(lambda: self._know_user(row))
        if self._is_over:
            return []
        if gone := self._gone(row):
            self._is_over = not (isinstance(gone, Removed) and gone.may_rejoin)
            self.is_joined, self._was_admitted = False, False
            is_news, self._gone_for = gone.code != self._gone_for, gone.code
            return [gone] if is_news else []
        if was_joined:
            return changed
        if row.get("joined") is True:
            self.is_joined, self._gone_for = True, ""
            return [InMeeting()]
        if row.get("guestStatus") == "WAIT":
            waiting, self._was_waiting = not self._was_waiting, True
            return [Waiting()] if waiting else []
        if self._was_admitted:
            return []
        self._was_admitted = True
        return [Admitted(auth_token=self.auth_token)]

    def _know_user(self, row: Mapping[str, Any]) -> None:
        self.user_id = text(row, "userId") or self.user_id
        self.auth_token = text(row, "authToken") or self.auth_token
        # The form that early 3.0 asks for before the join says nothing of these.
        self.is_moderator = row.get("isModerator", self.is_moderator) is True
        self.is_presenter = row.get("presenter", self.is_presenter) is True
        self.is_locked = row.get("locked", self.is_locked) is True
        if "breakoutRoomsSummary" in row:
            summary = table(row, "breakoutRoomsSummary")
            self._invitations(count(summary, "totalOfShowInvitation"))
        elif isinstance(rooms := row.get("breakoutRooms"), list):
            self._invitations(len(inviting_rooms(rooms)))

    def _gone(self, row: Mapping[str, Any]) -> JoinRefused | Removed | None:
        if code := text(row, "joinErrorCode"):
            return JoinRefused(code=code, message=text(row, "joinErrorMessage"))
        if code := text(row, "ejectReasonCode"):
            return Removed(code=code, message=text(row, "ejectReason"))
        meeting = row.get("meeting")
        if isinstance(meeting, dict) and meeting.get("ended") is True:
            reason = text(meeting, "endedReasonCode")
            return Removed(code="meeting_ended", message=reason)
        if row.get("loggedOut") is True:
            return Removed(code="logged_out")
        if row.get("guestStatus") == "DENY":
            return JoinRefused(code="guest_deny", message="the guest was denied entry")
        if self.is_joined and row.get("joined") is False:
            return Removed(code=NOT_JOINED)
        return None

    def _cameras(self, rows: list[dict[str, Any]]) -> list[MeetingEvent]:
        cameras = tuple(camera_of(row) for row in rows)
        if cameras == self.cameras:
            return []
        self.cameras = cameras
        return [CamerasChanged()]

    def _voices(self, rows: list[dict[str, Any]]) -> list[MeetingEvent]:
        own = [row for row in rows if row.get("userId") == self.user_id]
        if not own:
            return []
        self.is_muted = own[-1].get("muted") is True
        return [Muted(muted=self.is_muted)]

    def _meeting(self, rows: list[dict[str, Any]]) -> None:
        for row in rows[:1]:
            locks = row.get("lockSettings")
            if isinstance(locks, dict):
                self.knows_locks = True
                self.locks = {k: v for k, v in locks.items() if isinstance(v, bool)}
            self.screen = text(table(row, "screenshare"), "stream")
            self.has_poll = table(row, "componentsFlags").get("hasPoll") is True

    def _page(self, rows: list[dict[str, Any]]) -> None:
        for row in rows[:1]:
            self.page_id = text(row, "pageId")
            self.presentation_id = text(row, "presentationId")
            self.page, self.pages = count(row, "num"), count(row, "totalPages")

    def _polls(self, rows: list[dict[str, Any]]) -> None:
        polls = tables(rows[0], "polls") if rows else []
        self.polls = tuple(poll_of(poll) for poll in polls if self._is_pending(poll))

    def _is_pending(self, poll: Mapping[str, Any]) -> bool:
        users = tables(poll, "users")
        own = [user for user in users if user.get("userId") == self.user_id]
        return bool(own) and own[0].get("responded") is not True

    def _writers(self, rows: list[dict[str, Any]]) -> None:
        self.writes = any(row.get("userId") == self.user_id for row in rows)

    def _users(self, rows: list[dict[str, Any]]) -> None:
        self.user_ids = tuple(str(row["userId"]) for row in rows if row.get("userId"))
        presenters = [text(row, "name") for row in rows if row.get("presenter")]
        self.presenter_name = presenters[0] if presenters else ""

    def _guests_count(self, value: object) -> None:
        counted = table(value, "aggregate") if isinstance(value, dict) else {}
        self.waiting_guests = count(counted, "count")

    def _guests(self, rows: list[dict[str, Any]]) -> None:
        self.guest_ids = tuple(text(row, "userId") for row in rows)

    def _messages(self, rows: list[dict[str, Any]]) -> None:
        """Count the messages that others sent, by the sequence of the last one."""
        last = rows[-1] if rows else {}
        if text(table(last, "user"), "userId") != self.user_id:
            self.messages = max(self.messages, count(last, "messageSequence"))

    def _invitations(self, count: int) -> None:
        self.breakout_invitations = count
        if not count:
            self.invited_to = ()

    def _breakouts(self, rows: list[dict[str, Any]]) -> None:
        self.invited_to = inviting_rooms(rows)

    def _trace(self, rows: list[dict[str, Any]]) -> None:
        self.trace_log = text(rows[0], "traceLog") if rows else ""
