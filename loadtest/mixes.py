"""A mix of personas -> the seats of meetings, exactly. Pure.

Personas that need to be moderator lead a meeting: it has as many of them as the mix
says, however large it is, and they sit first. All other seats are shared in the mix's
proportions, in Tijdeman's order (The chairman assignment problem, Discrete Mathematics
32, 1980): after any number of seats, over all meetings, no persona is a whole seat away
from its share. So a meeting of the mix's own size has exactly the mix, a meeting half
full has about half of everything, and a persona of one in fifty comes once in fifty
seats though no meeting holds fifty.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from bots.errors import ConfigError
from bots.models import Persona
from loadtest.models import MeetingProfile, SeatGroup


class Apportionment:
    """Seats meeting after meeting, so that what one lacks the next one gets."""

    def __init__(self, mix: Sequence[SeatGroup]) -> None:
        """Take a mix whose counts are proportions; raises ConfigError."""
        check_mix(mix)
        present = [group for group in mix if group.count]
        self._leaders = [group for group in present if _leads(group.persona)]
        self._others = [group for group in present if not _leads(group.persona)]
        self._order = in_turn([group.count for group in self._others])

    def next(self, size: int) -> tuple[SeatGroup, ...]:
        """Return who sits in the next meeting, which has `size` seats."""
        groups = []
        left = size
        for group in self._leaders:
            is_last = not self._others and group is self._leaders[-1]
            count = left if is_last else min(group.count, left)
            groups.append(SeatGroup(persona=group.persona, count=count))
            left -= count
        taken = Counter(next(self._order) for _ in range(left))
        groups += [
            SeatGroup(persona=group.persona, count=taken[index])
            for index, group in enumerate(self._others)
        ]
        return tuple(group for group in groups if group.count)


def profile_of_mix(
    name: str,
    mix: tuple[SeatGroup, ...],
    *,
    camera_page: int = 5,
    decode_every: int = 0,
) -> MeetingProfile:
    """Return the profile of a meeting in which exactly this mix sits.

    Without a leader in the mix, the first seat is the moderator's.
    """
    check_mix(mix)
    count = functools.partial(_count, mix)
    return MeetingProfile(
        name=name,
        size=sum(group.count for group in mix),
        cameras=count(lambda persona: persona.shares_camera),
        microphones=count(lambda persona: persona.audio == "microphone"),
        listeners=count(lambda persona: persona.audio == "listen only"),
        moderators=max(1, count(_leads)),
        camera_page=camera_page,
        decode_every=decode_every,
        mix=mix,
    )


def resized(profile: MeetingProfile, size: int) -> MeetingProfile:
    """Return a profile with a mix, for meetings of another size."""
    return profile_of_mix(
        profile.name,
        Apportionment(profile.mix).next(size),
        camera_page=profile.camera_page,
        decode_every=profile.decode_every,
    )


@functools.lru_cache(maxsize=4096)
def seats_of(mix: tuple[SeatGroup, ...]) -> tuple[Persona, ...]:
    """Return who sits on each seat of a meeting with this mix, the leaders first."""
    leaders = [g.persona for g in mix if _leads(g.persona) for _ in range(g.count)]
    others = tuple(group for group in mix if not _leads(group.persona) and group.count)
    order = in_turn([group.count for group in others])
    size = sum(group.count for group in others)
    return (*leaders, *(others[next(order)].persona for _ in range(size)))


def check_mix(mix: Sequence[SeatGroup]) -> None:
    """Raise ConfigError for a mix that no meeting can have."""
    if not any(group.count for group in mix):
        raise ConfigError("a mix without participants: give at least one")
    sharers = 0
    for group in mix:
        if group.count < 0:
            raise ConfigError(f"{group.count} of {group.persona.name}: give 0 or more")
        if not group.persona.shares_screen:
            continue
        sharers += group.count
        if not _leads(group.persona):
            raise ConfigError(
                f"persona {group.persona.name} shares its screen, which only a "
                'presenter may: give it role = "moderator"'
            )
    if sharers > 1:
        raise ConfigError(
            f"{sharers} participants of one meeting share their screen, and BBB shows "
            "one: let one persona with shares_screen count 1"
        )
    leaders = [group for group in mix if group.count and _leads(group.persona)]
    if sharers and not leaders[0].persona.shares_screen:
        raise ConfigError(
            f"{leaders[0].persona.name} would be presenter, and not who shares the "
            "screen: put the persona with shares_screen first"
        )


def in_turn(counts: Sequence[int]) -> Iterator[int]:
    """Yield the indices of `counts` for ever, each in its share (Tijdeman's rule).

    Of those whose share of all seats so far, this one included, exceeds what they have
    by 1/(2n − 2) or more, the one whose deviation would first become too large.
    """
    total = sum(counts)
    present = [index for index, count in enumerate(counts) if count]
    if len(present) < 2:
        while present:
            yield present[0]
        return
    slack = 1 / (2 * len(present) - 2)
    given = dict.fromkeys(present, 0)
    seats = 0
    while True:
        # Whole numbers of one cycle: no rounding error grows with the seats.
        owed = {i: (counts[i] * seats - given[i] * total) / total for i in present}
        share = {i: counts[i] / total for i in present}
        eligible = (i for i in present if owed[i] + share[i] >= slack - 1e-12)
        chosen = min(eligible, key=lambda i: ((1 - slack - owed[i]) / share[i], i))
        given[chosen] += 1
        seats += 1
        yield chosen


def _leads(persona: Persona) -> bool:
    return persona.role == "moderator"


def _count(mix: tuple[SeatGroup, ...], does: Callable[[Persona], bool]) -> int:
    return sum(group.count for group in mix if does(group.persona))
