"""Breakout rooms of a meeting: who is assigned to which, and who is invited. Pure.

What `breakoutRoomCreate` makes in BBB's tables: a room is shown to those assigned to
it, to moderators, and to everybody where rooms may be joined freely; then whoever was
left over is assigned one by chance, the presenter and (unless asked for) moderators
apart (akka-bbb-apps `BreakoutRoomDAO`). An invitation shows until it is dismissed
(bbb-graphql-server `bbb_schema.sql`, column `showInvitation`). The rooms themselves are
no meetings here: nobody can enter one.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadtest.node.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakoutRoom:
    """One room, as the moderator asked for it."""

    room_id: str
    sequence: int
    name: str
    short_name: str
    is_default_name: bool
    is_free: bool
    """Anybody may choose it."""
    invites_moderators: bool
    duration_s: int
    started_s: float
    """Unix time."""
    user_ids: tuple[str, ...] = ()
    """Whom the moderator assigned to it."""


@dataclass(slots=True, kw_only=True)
class Invitation:
    """One user's place in one room that it is assigned to."""

    room: BreakoutRoom
    assigned_s: float
    dismissed_s: float | None = None

    @property
    def is_shown(self) -> bool:
        return self.dismissed_s is None or self.assigned_s > self.dismissed_s


@dataclass(slots=True, kw_only=True)
class Breakouts:
    """The breakout rooms of one meeting, none at first."""

    rooms: tuple[BreakoutRoom, ...] = ()
    invitations: dict[str, Invitation] = field(default_factory=dict)
    """User id -> the room that it was assigned to last."""
    urls_asked: set[tuple[str, str]] = field(default_factory=set)
    """(user id, room id) of addresses that were asked for without an assignment."""

    def open(
        self,
        rooms: Iterable[BreakoutRoom],
        present: Iterable[User],
        *,
        now_s: float,
        rng: random.Random,
    ) -> None:
        """Open rooms in place of those before, and invite whoever is here."""
        self.end()
        self.rooms = tuple(sorted(rooms, key=lambda room: room.sequence))
        for room in self.rooms:
            for user_id in room.user_ids:
                self.invitations[user_id] = Invitation(room=room, assigned_s=now_s)
        for user in present:
            if not user.presenter:
                self.welcome(user, now_s=now_s, rng=rng)

    def welcome(self, user: User, *, now_s: float, rng: random.Random) -> None:
        """Assign a room by chance to a user without one, where rooms are free."""
        if user.id in self.invitations or not any(it.is_free for it in self.rooms):
            return
        if user.is_moderator and not self.rooms[0].invites_moderators:
            return
        room = rng.choice(self.rooms)
        self.invitations[user.id] = Invitation(room=room, assigned_s=now_s)

    def end(self) -> None:
        """Close all rooms."""
        self.rooms = ()
        self.invitations.clear()
        self.urls_asked.clear()

    def shown_to(self, user: User) -> Sequence[BreakoutRoom]:
        """Return the rooms that `user` is told of."""
        own = self.invitations.get(user.id)
        return [
            room
            for room in self.rooms
            if user.is_moderator or room.is_free or (own and own.room is room)
        ]

    def has_url(self, user: User, room: BreakoutRoom) -> bool:
        """Return whether `user` holds the address of `room`."""
        own = self.invitations.get(user.id)
        is_own = own is not None and own.room is room
        return is_own or (user.id, room.room_id) in self.urls_asked
