"""The stand-in node's memory: its meetings, its sessions, and when they expire.

Nothing here knows a socket or reads a clock of its own: `Node` is given `now_s` (Unix
seconds) and a source of chance.

    register (HTTP join)      decide_guest (lobby)        enter (userJoinMeeting)
    ──────────────────▶ registered ─────────▶ registered ─────────▶ joined ──▶ left,
                        guestStatus WAIT      guestStatus ALLOW       ejected, ended
"""

import base64
import hashlib
import hmac
import random
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.node.content import (
    PUBLIC_CHAT,
    Chat,
    Layout,
    LockSettings,
    MeetingRequest,
    Presentation,
)
from loadtest.node.meeting import Meeting, User, token

__all__ = ["Meeting", "Node", "Session", "Timeouts", "User", "turn_credentials"]

COLORS = ("#7b1fa2", "#6a1b9a", "#4a148c", "#5e35b1", "#512da8", "#4527a0", "#311b92")
TYPING_S = 5.0
"""How long somebody counts as typing after the last word of it."""
REMOVED_WITH_REJOIN = "able_to_rejoin_user_disconnected_reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Times after which the node cleans up; defaults are BBB 3.0's."""

    user_s: float = 60.0
    """`usersTimeout`: without a connection a joined user is removed."""
    waiting_guest_s: float = 30.0
    ended_meeting_s: float = 10.0
    """How long an ended meeting can still be asked about."""


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """A session token, bound to one HTTP session by its cookie."""

    token: str
    cookie: str
    user: User
    meeting: Meeting
    enforce_layout: str | None = None
    replaced: bool = False


class Node:
    """All meetings and sessions of one stand-in node."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float],
        rng: random.Random | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.now_s = now_s
        self.rng = rng or random.SystemRandom()
        self.timeouts = timeouts or Timeouts()
        self.meetings: dict[str, Meeting] = {}
        """By internal id, ended ones included until they are forgotten."""
        self.sessions: dict[str, Session] = {}
        """By session token."""
        self.meetings_created = 0

    def find(self, meeting_id: str) -> Meeting | None:
        """Return the newest meeting with this external (or internal) id."""
        if meeting_id in self.meetings:
            return self.meetings[meeting_id]
        for meeting in reversed(self.meetings.values()):
            if meeting.request.meeting_id == meeting_id:
                return meeting
        return None

    def create(self, request: MeetingRequest) -> Meeting:
        """Make a meeting; the caller has checked that its id is free."""
        digest = hashlib.sha1(request.meeting_id.encode()).hexdigest()
        created_ms = int(self.now_s() * 1000)
        while f"{digest}-{created_ms}" in self.meetings:
            created_ms += 1
        presentation = Presentation(
            presentation_id=f"{token(self.rng, 40, '0123456789abcdef')}-{created_ms}"
        )
        public = Chat(chat_id=PUBLIC_CHAT)
        meeting = Meeting(
            id=f"{digest}-{created_ms}",
            request=request,
            created_ms=created_ms,
            now_s=self.now_s,
            rng=self.rng,
            guest_policy=request.guest_policy,
            locks=LockSettings(**dict(request.locks)),
            webcams_only_for_moderator=request.webcams_only_for_moderator,
            muted=request.mute_on_start,
            recording=request.record and request.auto_start_recording,
            chats={PUBLIC_CHAT: public},
            presentations={presentation.presentation_id: presentation},
            current_presentation_id=presentation.presentation_id,
            layout=Layout(current_layout=request.layout, updated_s=self.now_s()),
            learning_dashboard_token=token(self.rng, 12),
        )
        meeting.post(
            public, None, request.welcome or "Welcome.", message_type="welcome"
        )
        self.meetings[meeting.id] = meeting
        self.meetings_created += 1
        return meeting

    def register(
        self,
        meeting: Meeting,
        *,
        name: str,
        role: str,
        ext_id: str = "",
        guest: bool = False,
        authenticated: bool = False,
        bot: bool = False,
        avatar: str = "",
        logout_url: str = "",
        metadata: tuple[tuple[str, str], ...] = (),
        cookie: str,
        enforce_layout: str | None = None,
        existing: User | None = None,
        force_lobby: bool = False,
    ) -> Session:
        """Register a user (what HTTP `join` does) and return its session."""
        user = existing
        if user is None:
            user_id = f"w_{token(self.rng, 12)}"
            user = User(
                id=user_id,
                ext_id=ext_id or user_id,
                name=name,
                role=role,
                auth_token=token(self.rng, 12),
                registered_s=self.now_s(),
                color=COLORS[len(meeting.users) % len(COLORS)],
                guest=guest,
                bot=bot,
                avatar=avatar,
                logout_url=logout_url or meeting.request.logout_url,
                metadata=metadata,
            )
            asks = meeting.guest_policy == "ASK_MODERATOR" and (guest or authenticated)
            if (asks or force_lobby) and not user.is_moderator:
                user.guest_status = "WAIT"
            meeting.users[user.id] = user
        session = Session(
            token=token(self.rng, 16),
            cookie=cookie,
            user=user,
            meeting=meeting,
            enforce_layout=enforce_layout,
        )
        self.sessions[session.token] = session
        meeting.changed("user", "guest", user_id=user.id)
        return session

    def session(self, session_token: str | None, cookie: str | None) -> Session | None:
        """Return the session when both token and cookie are right."""
        session = self.sessions.get(session_token or "")
        if session is None:
            return None
        if session.meeting.request.allow_requests_without_session:
            return session
        given = (cookie or "").encode()
        return session if hmac.compare_digest(given, session.cookie.encode()) else None

    def tick(self) -> None:
        """Expire meetings and users; to be called about once a second."""
        now_s = self.now_s()
        for meeting in tuple(self.meetings.values()):
            if meeting.ended:
                assert meeting.ended_s is not None
                if now_s - meeting.ended_s >= self.timeouts.ended_meeting_s:
                    self._forget(meeting)
                continue
            self._expire_users(meeting, now_s)
            meeting.expire_typing(TYPING_S)
            reason = _reason_to_end(meeting, now_s)
            if reason is not None:
                meeting.end(reason=reason, forcibly=False)

    def _expire_users(self, meeting: Meeting, now_s: float) -> None:
        for user in tuple(meeting.users.values()):
            lost_s = user.connection_lost_s
            if user.joined and lost_s is not None:
                if now_s - lost_s >= self.timeouts.user_s:
                    meeting.remove(user, reason=REMOVED_WITH_REJOIN)
            elif user.guest_status == "WAIT" and not user.connections:
                since_s = lost_s or user.registered_s
                if now_s - since_s >= self.timeouts.waiting_guest_s:
                    meeting.decide_guest(user, "DENY")

    def _forget(self, meeting: Meeting) -> None:
        self.meetings.pop(meeting.id, None)
        meeting.changed("forgotten")
        for key in [k for k, s in self.sessions.items() if s.meeting is meeting]:
            del self.sessions[key]


def turn_credentials(
    secret: str, user_id: str, *, now_s: float, ttl_s: int = 86_400
) -> tuple[str, str]:
    """Return (username, password) as BBB makes them for coturn's `use-auth-secret`."""
    username = f"{int(now_s) + ttl_s}:{user_id}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def _reason_to_end(meeting: Meeting, now_s: float) -> str | None:
    request = meeting.request
    age_s = now_s - meeting.created_ms / 1000
    if request.duration_min and age_s >= request.duration_min * 60:
        return "ENDED_WHEN_DURATION_EXPIRED"
    if meeting.started_s is None:
        limit_s = request.expire_if_no_user_joined_min * 60
        expired = limit_s > 0 and age_s >= limit_s
        return "ENDED_WHEN_NOT_JOINED" if expired else None
    if meeting.empty_since_s is not None:
        limit_s = request.expire_when_last_user_left_min * 60
        expired = limit_s > 0 and now_s - meeting.empty_since_s >= limit_s
        return "ENDED_WHEN_LAST_USER_LEFT" if expired else None
    if request.end_when_no_moderator and meeting.moderator_left_s is not None:
        if now_s - meeting.moderator_left_s >= 60:
            return "ENDED_AFTER_NO_MODERATOR"
    return None
