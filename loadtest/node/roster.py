"""What a meeting of the stand-in node holds, who is in it, and who is told of changes.

Every change is told to the meeting's watchers as (topic, user id), which is what drives
GraphQL subscriptions and the media sockets. No socket here, and no clock but the
`now_s` (Unix seconds) that the node hands in.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadtest.node.breakouts import Breakouts
from loadtest.node.content import (
    LOG_LIMIT,
    Annotation,
    Camera,
    Chat,
    ConnectionStatus,
    Layout,
    LockSettings,
    MeetingRequest,
    Notification,
    Poll,
    Presentation,
    Screenshare,
)
from loadtest.node.users import User

Watcher = Callable[[str, str], None]
"""Called with (topic, user id or ""); must return at once and not raise."""


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Roster:
    """The state of one meeting: everything but what happens to it."""

    id: str
    """Internal: SHA-1 of the external id, a dash, the creation time in ms."""
    request: MeetingRequest
    created_ms: int
    now_s: Callable[[], float]
    rng: random.Random
    users: dict[str, User] = field(default_factory=dict)
    ended: bool = False
    ended_s: float | None = None
    ended_reason: str | None = None
    ended_by: str | None = None
    forcibly_ended: bool = False
    started_s: float | None = None
    """First join."""
    empty_since_s: float | None = None
    moderator_left_s: float | None = None
    max_users: int = 0
    guest_policy: str = "ALWAYS_ACCEPT"
    locks: LockSettings = field(default_factory=LockSettings)
    webcams_only_for_moderator: bool = False
    muted: bool = False
    recording: bool = False
    floor_user_id: str = ""
    screenshare: Screenshare | None = None
    chats: dict[str, Chat] = field(default_factory=dict)
    presentations: dict[str, Presentation] = field(default_factory=dict)
    current_presentation_id: str = ""
    annotations: dict[str, Annotation] = field(default_factory=dict)
    annotation_log: deque[Annotation] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    cursors: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """User id -> (x percent, y percent, when)."""
    polls: dict[str, Poll] = field(default_factory=dict)
    breakouts: Breakouts = field(default_factory=Breakouts)
    layout: Layout = field(default_factory=Layout)
    notifications: deque[Notification] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    reactions: deque[tuple[float, str, str]] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    """(when, user id, emoji)"""
    connection_status: dict[str, ConnectionStatus] = field(default_factory=dict)
    """By client session UUID."""
    versions: dict[str, int] = field(default_factory=dict)
    """How often each topic changed."""
    watchers: dict[int, Watcher] = field(default_factory=dict)
    learning_dashboard_token: str = ""
    _watch_number: int = 0

    # -- change notification ---------------------------------------------------

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` on every change from now on; return how to stop it."""
        self._watch_number += 1
        number = self._watch_number
        self.watchers[number] = watcher

        def stop() -> None:
            self.watchers.pop(number, None)

        return stop

    def changed(self, *topics: str, user_id: str = "") -> None:
        """Tell all watchers that `topics` changed, because of `user_id` if given."""
        for topic in topics:
            self.versions[topic] = self.versions.get(topic, 0) + 1
            for watcher in tuple(self.watchers.values()):
                watcher(topic, user_id)

    # -- who is here -----------------------------------------------------------

    def present(self) -> Iterator[User]:
        """Yield the users in the meeting now."""
        return (user for user in self.users.values() if user.joined)

    @property
    def present_count(self) -> int:
        return sum(1 for _ in self.present())

    @property
    def is_running(self) -> bool:
        return not self.ended and self.started_s is not None and self.present_count > 0

    def cameras(self) -> list[Camera]:
        """Return all announced cameras."""
        return [camera for user in self.present() for camera in user.cameras.values()]

    def camera(self, stream_id: str) -> Camera | None:
        """Return the announced camera `stream_id`."""
        for user in self.present():
            if stream_id in user.cameras:
                return user.cameras[stream_id]
        return None
