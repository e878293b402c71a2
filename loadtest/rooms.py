"""The meetings of a scenario, one after the other, as many as are needed. Pure, seeded.

Kinds come in turn by their shares, sizes are drawn for each kind by itself, and a mix
is seated through all meetings of its kind. So the first meetings of a seed are always
the same, however many follow.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bots.errors import ConfigError
from loadtest.mixes import Apportionment, in_turn, profile_of_mix
from loadtest.models import MeetingProfile
from loadtest.scenario import MeetingKind, Scenario

MOST_MEETINGS: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One meeting and its first place among the places of all."""

    index: int
    first_place: int
    profile: MeetingProfile


class Rooms:
    """As many meetings as somebody looks at; places count through all of them."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._kinds = [_profiles(kind, seed) for kind in scenario.kinds]
        self._turn = in_turn([kind.share for kind in scenario.kinds])
        self._rooms: list[Room] = []
        self._firsts: list[int] = []
        self._places = 0

    def with_place(self, place: int) -> tuple[Room, int]:
        """Return the meeting that holds a place, and the place's seat in it."""
        while self._places <= place:
            self._add()
        room = self._rooms[bisect_right(self._firsts, place) - 1]
        return room, place - room.first_place

    def holding(self, participants: int) -> tuple[Room, ...]:
        """Return the meetings that hold so many participants."""
        if participants <= 0:
            return ()
        room, _ = self.with_place(participants - 1)
        return tuple(self._rooms[: room.index + 1])

    def first(self, count: int) -> tuple[Room, ...]:
        """Return the first `count` meetings."""
        while len(self._rooms) < count:
            self._add()
        return tuple(self._rooms[:count])

    def _add(self) -> None:
        if len(self._rooms) >= MOST_MEETINGS:
            raise ConfigError(
                f"a scenario of more than {MOST_MEETINGS} meetings: give fewer "
                "participants or larger meetings"
            )
        profile = next(self._kinds[next(self._turn)])
        self._firsts.append(self._places)
        self._rooms.append(
            Room(index=len(self._rooms), first_place=self._places, profile=profile)
        )
        self._places += profile.size


def _profiles(kind: MeetingKind, seed: int) -> Iterator[MeetingProfile]:
    """Yield the meetings of one kind without end."""
    rng = np.random.default_rng((seed, zlib.crc32(kind.name.encode())))
    weights = np.array([each.weight for each in kind.sizes], dtype=float)
    weights /= weights.sum()
    seating = Apportionment(kind.mix)
    while True:
        drawn = kind.sizes[int(rng.choice(len(kind.sizes), p=weights))]
        yield profile_of_mix(
            kind.name,
            seating.next(drawn.size),
            camera_page=kind.camera_page,
            decode_every=kind.decode_every,
        )
