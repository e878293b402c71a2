"""A scenario as data: which meetings, who sits in them, who comes when. Pure.

    participants
        │         ┌──────────┐ stage 1          a stage is a move over some time to a
        │    ╱────┘          └──╲ stage 2       population, and a hold there; `Arrival`
        │ ╱  stage 0             ╲              says how a move upwards is made
        └───────────────────────────── elapsed_s

`scenario_file` reads one from TOML, `itinerary` plans every visit of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from bots.errors import ConfigError
from bots.models import BurstKind
from loadtest.models import SeatGroup

ArrivalKind = Literal["closed", "open", "lecture", "storm"]
LEAST_SIZE: Final = 2
"""A meeting that is scaled down keeps its leader and one more."""
SHORTEST_BURST_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A move to a population, and how long it is held."""

    participants: int
    over_s: float
    """How long the move lasts; a lecture's or a storm's arrival sets its own for a move
    upwards."""
    hold_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How people come.

    `closed`: evenly over a stage's move. `lecture`: `early_ratio` of them within
    `within_s`, the others within `late_s` after that. `storm`: `rate` a second. `open`:
    at random (Poisson), whoever is in already; each stays for a time drawn from an
    exponential distribution, so that the mean population follows the stages.
    """

    kind: ArrivalKind = "closed"
    within_s: float = 120.0
    early_ratio: float = 0.8
    late_s: float = 480.0
    rate: float = 0.0
    stay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeShare:
    """A size of meetings and its weight among the sizes of its kind."""

    size: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingKind:
    """Meetings of one kind: who is in them, and how large they are."""

    name: str
    mix: tuple[SeatGroup, ...]
    sizes: tuple[SizeShare, ...]
    share: int = 1
    """How many of this kind there are beside `share` of each other kind."""
    camera_page: int = 5
    decode_every: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstPlan:
    """Something that meetings do at once, maybe again and again."""

    kind: BurstKind
    at_s: float
    lasts_s: float = 10.0
    every_s: float | None = None
    """From one start to the next; None: only once."""
    share: float = 1.0
    """Of the meetings, in 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All that decides who is where and when."""

    name: str
    kinds: tuple[MeetingKind, ...]
    stages: tuple[Stage, ...]
    arrival: Arrival = Arrival()
    bursts: tuple[BurstPlan, ...] = ()
    is_recorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A stage in time: from one population to the next, and the hold after it."""

    starts_s: float
    before: int
    after: int
    over_s: float
    hold_s: float

    @property
    def held_from_s(self) -> float:
        return self.starts_s + self.over_s

    @property
    def ends_s(self) -> float:
        return self.starts_s + self.over_s + self.hold_s


def moves(scenario: Scenario) -> tuple[Move, ...]:
    """Return the stages of a scenario, one after the other, from an empty server."""
    found = []
    now_s, before = 0.0, 0
    for stage in scenario.stages:
        move = Move(
            starts_s=now_s,
            before=before,
            after=stage.participants,
            over_s=_over_s(scenario.arrival, stage, before),
            hold_s=stage.hold_s,
        )
        found.append(move)
        now_s, before = move.ends_s, stage.participants
    return tuple(found)


def duration_of(scenario: Scenario) -> float:
    """Return how long a scenario lasts, in seconds."""
    return moves(scenario)[-1].ends_s


def scaled(
    scenario: Scenario, *, scale: float = 1.0, length_s: float | None = None
) -> Scenario:
    """Return a scenario with `scale` times the people, made to last `length_s`.

    Meetings shrink with the population, to two at least, so that about as many remain.
    All times shrink alike, but a storm keeps its rate. Raises ConfigError where nothing
    would be left.
    """
    if not 0 < scale <= 100:
        raise ConfigError(f"a scale of {scale:g}: give more than 0, at most 100")
    smaller = (
        replace(
            scenario,
            stages=tuple(
                replace(
                    s, participants=_scaled(s.participants, scale, least=LEAST_SIZE)
                )
                for s in scenario.stages
            ),
            kinds=tuple(
                replace(
                    kind,
                    sizes=_merged(
                        replace(s, size=_scaled(s.size, scale, least=LEAST_SIZE))
                        for s in kind.sizes
                    ),
                )
                for kind in scenario.kinds
            ),
        )
        if scale != 1
        else scenario
    )
    if length_s is None:
        return smaller
    fixed_s = 0.0
    if scenario.arrival.kind == "storm":
        fixed_s = sum(m.over_s for m in moves(smaller) if m.after > m.before)
    factor = (length_s - fixed_s) / (duration_of(smaller) - fixed_s)
    if factor <= 0:
        raise ConfigError(
            f"{length_s:g} s are too short: the joins alone last {fixed_s:.0f} s"
        )
    return _in_time(smaller, factor)


def _in_time(scenario: Scenario, factor: float) -> Scenario:
    arrival = scenario.arrival
    return replace(
        scenario,
        kinds=tuple(
            replace(kind, mix=tuple(_sooner(group, factor) for group in kind.mix))
            for kind in scenario.kinds
        ),
        stages=tuple(
            replace(s, over_s=s.over_s * factor, hold_s=s.hold_s * factor)
            for s in scenario.stages
        ),
        arrival=replace(
            arrival,
            within_s=arrival.within_s * factor,
            late_s=arrival.late_s * factor,
            stay_s=arrival.stay_s * factor,
        ),
        bursts=tuple(
            replace(
                burst,
                at_s=burst.at_s * factor,
                lasts_s=max(burst.lasts_s * factor, SHORTEST_BURST_S),
                every_s=None if burst.every_s is None else burst.every_s * factor,
            )
            for burst in scenario.bursts
        ),
    )


def _sooner(group: SeatGroup, factor: float) -> SeatGroup:
    """Return seats of a persona that comes late, less late."""
    habits = group.persona.habits
    shrunk = replace(
        habits,
        join_delay_least_s=habits.join_delay_least_s * factor,
        join_delay_most_s=habits.join_delay_most_s * factor,
    )
    return replace(group, persona=replace(group.persona, habits=shrunk))


def _over_s(arrival: Arrival, stage: Stage, before: int) -> float:
    rise = stage.participants - before
    if rise > 0 and arrival.kind == "lecture":
        return arrival.within_s + arrival.late_s
    if rise > 0 and arrival.kind == "storm":
        return rise / arrival.rate
    return stage.over_s


def _scaled(count: int, scale: float, *, least: int) -> int:
    return max(round(count * scale), min(count, least))


def _merged(sizes: Iterable[SizeShare]) -> tuple[SizeShare, ...]:
    weights: dict[int, float] = {}
    for each in sizes:
        weights[each.size] = weights.get(each.size, 0.0) + each.weight
    return tuple(SizeShare(size=size, weight=w) for size, w in sorted(weights.items()))
