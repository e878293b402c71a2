"""What a run will load, and the population wanted now. Pure: time is an argument.

A `RunPlan` is the whole order for a run; the front door writes it to a file that the
Locust child reads. Its steps are fixed, or come from a benchmark's `Ladder`, which asks
for the next one when the last is judged. A `Course` turns either into the number of
participants wanted at a time:

    participants
        │      ┌────────┐           ┌──
        │ ┌────┘ step 1 │           │      is_fresh: all leave before the next step
        │ │step 0       └── empty ──┘
        └──────────────────────────────── elapsed_s
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from bots.errors import ConfigError
from bots.models import IcePolicy
from bots.wire import Caps
from loadtest.ascents import Finished
from loadtest.benchmark import Ladder, LadderStep
from loadtest.itinerary import itinerary_of, most_cameras
from loadtest.ladder_plan import LadderPlan
from loadtest.models import MeetingProfile, Slo
from loadtest.occupancy import Occupancy
from loadtest.population import meetings_for
from loadtest.scenario import Scenario, duration_of
from loadtest.streams import check_profile, streams_of

SETTLE_S: Final = 1.2
"""After a step's end, until the reports of its last second are in."""
EMPTY_TIMEOUT_S: Final = 30.0
LEAVE_RATE: Final = 100.0
"""Participants that leave in a second between steps."""
RAMP_SHARE: Final = 0.5
"""Share of a ladder step's warm-up in which its joins are made."""
LOWEST_JOIN_RATE: Final = 2.0
HIGHEST_JOIN_RATE: Final = 40.0
"""Joins per second; BBB's middleware takes 50 new connections a second."""
LADDER_TRIES: Final = 2
"""A ladder's step that could not be measured is repeated once; then the course ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One plateau of a fixed plan."""

    profile: MeetingProfile
    participants: int
    duration_s: float
    warm_up_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The order for a run: a scenario, steps or a ladder.

    Without any of them Locust's own users count.
    """

    profiles: tuple[MeetingProfile, ...]
    slo: Slo
    caps: Caps
    run: str = ""
    """Run id; one is made up where it is empty."""
    seed: int = 0
    steps: tuple[PlannedStep, ...] = ()
    ladder: LadderPlan | None = None
    join_rate: float = 0.0
    """Joins per second; 0 leaves it to the length of each step."""
    duration_s: float = 3_600.0
    """The longest the run can take; our meetings end themselves five minutes later."""
    scenario: Scenario | None = None
    clip: str = ""
    """Path of a film or recording to send; "": the project's own."""
    ice_policy: IcePolicy = "all"
    manner: tuple[str, ...] = ()
    """What `clip` and `ice_policy` change, in the words of a header."""


class Stepper(Protocol):
    """Says which step comes after the finished ones."""

    def next(self, finished: list[Finished]) -> LadderStep | None: ...


class FixedSteps:
    """The steps of a plan, one after the other, whatever was measured."""

    def __init__(self, steps: tuple[PlannedStep, ...]) -> None:
        self._steps = steps

    def next(self, finished: list[Finished]) -> LadderStep | None:
        """Return the step after so many finished ones."""
        return self.after(len(finished))

    def after(self, count: int) -> LadderStep | None:
        """Return the step after `count` others."""
        if count >= len(self._steps):
            return None
        step = self._steps[count]
        before = self._steps[count - 1] if count else None
        return LadderStep(
            profile=step.profile,
            participants=step.participants,
            meetings=meetings_for(step.profile, step.participants),
            duration_s=step.duration_s,
            warm_up_s=step.warm_up_s,
            is_fresh=before is None
            or before.profile != step.profile
            or before.participants > step.participants,
        )


def stepper_of(plan: RunPlan) -> Stepper | None:
    """Return what decides the steps of a plan; None when Locust's users count."""
    if plan.ladder is not None:
        return Ladder(plan.profiles, plan.ladder, slo=plan.slo, seed=plan.seed)
    return FixedSteps(plan.steps) if plan.steps else None


def scenario_plan(scenario: Scenario, *, slo: Slo, seed: int, caps: Caps) -> RunPlan:
    """Return the order for a scenario; its profiles are those of its meetings, once
    each. Raises ConfigError."""
    itinerary = itinerary_of(scenario, seed)
    if not itinerary.visits:
        raise ConfigError(f"scenario {scenario.name}: nobody ever joins")
    return RunPlan(
        profiles=tuple(dict.fromkeys(itinerary.meetings)),
        slo=slo,
        seed=seed,
        caps=caps,
        duration_s=duration_of(scenario) + EMPTY_TIMEOUT_S,
        scenario=scenario,
    )


def scenario_of(plan: RunPlan) -> tuple[MeetingProfile, ...]:
    """Return every meeting profile that a plan may load."""
    if plan.ladder is not None:
        return Ladder(plan.profiles, plan.ladder).all_profiles
    return plan.profiles


def manner_of(plan: RunPlan) -> tuple[str, ...]:
    """Return how a load is made where not as usual, in the words of a header."""
    is_at_once = plan.ladder is not None and plan.ladder.at_once
    return (*(("at once",) if is_at_once else ()), *plan.manner)


def peak_of(plan: RunPlan, users: int = 0) -> tuple[int, int]:
    """Return the most participants and media streams that a plan can ask for.

    `users` is what Locust was told, for a plan that leaves it to Locust.
    """
    if plan.scenario is not None:
        occupancy = Occupancy(itinerary_of(plan.scenario, plan.seed))
        return (
            occupancy.most().participants,
            occupancy.most_streams().streams.both_ways,
        )
    loads = [(step.profile, step.participants) for step in plan.steps]
    if plan.ladder is not None:
        most = plan.ladder.max_participants
        loads += [(profile, most) for profile in scenario_of(plan)]
    if not loads:
        loads = [(profile, users) for profile in plan.profiles]
    streams = [streams_of(profile, participants) for profile, participants in loads]
    return (
        max(participants for _, participants in loads),
        max(s.both_ways for s in streams),
    )


def most_cameras_of(plan: RunPlan) -> int:
    """Return the most cameras that one meeting may have on."""
    if plan.scenario is not None:
        return most_cameras(itinerary_of(plan.scenario, plan.seed))
    return max(profile.cameras for profile in plan.profiles)


def fixed_plan(
    profile: MeetingProfile,
    *,
    meetings: int,
    duration_s: float,
    join_rate: float,
    slo: Slo,
    seed: int,
    caps: Caps,
) -> RunPlan:
    """Return the plan of equal meetings held for a time, after the ramp.

    A third of the holding time is warm-up, the rest is judged. Raises ConfigError.
    """
    check_profile(profile)
    if meetings < 1:
        raise ConfigError(f"{meetings} meetings load nothing: --meetings is 1 or more")
    if join_rate <= 0:
        raise ConfigError(f"a join rate of {join_rate:g} a second: give more than 0")
    participants = meetings * profile.size
    ramp_s = participants / join_rate
    step = PlannedStep(
        profile=profile,
        participants=participants,
        duration_s=ramp_s + duration_s,
        warm_up_s=ramp_s + duration_s / 3,
    )
    return RunPlan(
        profiles=(profile,),
        slo=slo,
        seed=seed,
        steps=(step,),
        join_rate=join_rate,
        duration_s=step.duration_s + EMPTY_TIMEOUT_S,
        caps=caps,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The population wanted now."""

    participants: int
    rate: float
    """Joins, or leaves, per second on the way there."""


class Course:
    """Where a run stands between its steps."""

    def __init__(
        self,
        stepper: Stepper,
        *,
        join_rate: float,
        start: Callable[[LadderStep, int], None],
        judge: Callable[[], Finished | None],
        clear: Callable[[], None],
    ) -> None:
        """Take what a run does at its turning points.

        `start` opens a step (with its number), `judge` returns the finished step as
        measured or None when it could not be, `clear` forgets the meetings of the past
        once everybody has left them.
        """
        self._stepper = stepper
        self._join_rate = join_rate
        self._tries_each = LADDER_TRIES if isinstance(stepper, Ladder) else 1
        self._start, self._judge, self._clear = start, judge, clear
        self.finished: list[Finished] = []
        self.failure = ""
        """Why the course ended early, "" otherwise."""
        self._step: LadderStep | None = None
        self._next: LadderStep | None = None
        self._started_s = 0.0
        self._empty_since_s: float | None = None
        self._number = 0
        self._tries = 0
        self._wanted = Wanted(participants=0, rate=LEAVE_RATE)
        self.is_over = False

    def at(self, elapsed_s: float, held: int) -> Wanted | None:
        """Return the population wanted now, None when the last step is over.

        `held` is the number of participants that have not yet left.
        """
        if self.is_over:
            return None
        step = self._step
        if step is not None:
            if elapsed_s < self._started_s + step.duration_s + SETTLE_S:
                return self._wanted
            self._finish(step)
            if self.is_over:
                return None
        if self._next is None:
            self._next = self._stepper.next(self.finished)
            if self._next is None:
                self.is_over = True
                return None
        if self._next.is_fresh and held > 0 and not self._is_late(elapsed_s):
            self._wanted = Wanted(participants=0, rate=LEAVE_RATE)
            return self._wanted
        return self._begin(self._next, elapsed_s, held)

    def _begin(self, step: LadderStep, elapsed_s: float, held: int) -> Wanted:
        if step.is_fresh:
            self._clear()
            held = 0
        self._step, self._next, self._empty_since_s = step, None, None
        self._started_s = elapsed_s
        self._start(step, self._number)
        self._number += 1
        joins = max(1, step.participants - held)
        rate = self._join_rate or joins / max(0.1, step.warm_up_s * RAMP_SHARE)
        self._wanted = Wanted(
            participants=step.participants,
            rate=min(HIGHEST_JOIN_RATE, max(LOWEST_JOIN_RATE, rate))
            if not self._join_rate
            else rate,
        )
        return self._wanted

    def _finish(self, step: LadderStep) -> None:
        self._step = None
        result = self._judge()
        if result is not None:
            self.finished.append(result)
            self._tries = 0
            return
        self._tries += 1
        if self._tries >= self._tries_each:
            self.failure = (
                f"a step of {step.participants} participants ({step.profile.name}) "
                "could not be measured"
            )
            self.is_over = True

    def _is_late(self, elapsed_s: float) -> bool:
        if self._empty_since_s is None:
            self._empty_since_s = elapsed_s
        return elapsed_s - self._empty_since_s > EMPTY_TIMEOUT_S
