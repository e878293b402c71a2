"""What a plan will load, before anything is sent: counts at any time. Pure, seeded.

A scenario and fixed steps are exact as long as the server lets everybody in and joins
take no time. A ladder's steps follow from what is measured: the answer is then the most
it can load, each profile growing to the cap as fast as a ladder may.
"""

import itertools
import math
from dataclasses import dataclass, replace

from loadtest.benchmark import GROWTH_MAX, Ladder, LadderStep
from loadtest.generator import traffic_of
from loadtest.itinerary import Itinerary, Visit, itinerary_of, most_cameras
from loadtest.models import MeetingProfile
from loadtest.occupancy import Load, Occupancy
from loadtest.population import meetings_for
from loadtest.stages import (
    HIGHEST_JOIN_RATE,
    LEAVE_RATE,
    LOWEST_JOIN_RATE,
    RAMP_SHARE,
    SETTLE_S,
    FixedSteps,
    RunPlan,
)
from loadtest.streams import streams_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The counts of a whole run; `load_at` gives those of one time."""

    changes: tuple[Load, ...]
    """From 0 on, in order; each holds until the next."""
    most_participants: Load
    most_streams: Load
    joins: int
    meetings: int
    """Made in all."""
    ends_s: float
    is_exact: bool
    """False: an upper bound, since the steps follow from what will be measured."""
    most_cameras: int
    """In one meeting."""


def expected_of(plan: RunPlan, *, users: int = 0, spawn_rate: float = 1.0) -> Expected:
    """Return what a plan will load; `users` and `spawn_rate` are Locust's, for a plan
    that leaves them to Locust. Raises ConfigError for a scenario that cannot be."""
    itinerary = _itinerary(plan, users, spawn_rate)
    occupancy = Occupancy(itinerary)
    return Expected(
        changes=occupancy.changes,
        most_participants=occupancy.most(),
        most_streams=occupancy.most_streams(),
        joins=occupancy.joins,
        meetings=occupancy.meetings,
        ends_s=itinerary.ends_s,
        is_exact=plan.ladder is None,
        most_cameras=most_cameras(itinerary),
    )


def load_at(expected: Expected, elapsed_s: float) -> Load:
    """Return the participants, meetings and streams at a time."""
    low, high = 0, len(expected.changes)
    while high - low > 1:
        middle = (low + high) // 2
        if expected.changes[middle].elapsed_s <= elapsed_s:
            low = middle
        else:
            high = middle
    return expected.changes[low]


def _itinerary(plan: RunPlan, users: int, spawn_rate: float) -> Itinerary:
    if plan.scenario is not None:
        return itinerary_of(plan.scenario, plan.seed)
    steps = _steps(plan)
    if steps:
        return _of_steps(steps, plan.join_rate)
    free = LadderStep(
        profile=plan.profiles[0],
        participants=users,
        meetings=meetings_for(plan.profiles[0], users),
        duration_s=plan.duration_s,
        warm_up_s=0.0,
        is_fresh=True,
    )
    return _of_steps([free], spawn_rate)


def _steps(plan: RunPlan) -> list[LadderStep]:
    if plan.ladder is None:
        stepper = FixedSteps(plan.steps)
        steps: list[LadderStep] = []
        for number in range(len(plan.steps)):
            step = stepper.after(number)
            assert step is not None
            steps.append(step)
        return steps
    ladder = Ladder(plan.profiles, plan.ladder)
    steps = [step for profile in ladder.profiles for step in _climb(profile, ladder)]
    for _ in range(1, plan.ladder.repeats):
        # A further climb begins near the knee, which may be at the cap.
        steps += [
            _last(profile, ladder)
            for profile in ladder.profiles
            for _ in range(_steps_per_climb(ladder))
        ]
    steps += [_last(each, ladder) for each in ladder.contrasts.values()]
    return _in_order(_within(steps, ladder))


def _climb(profile: MeetingProfile, ladder: Ladder) -> list[LadderStep]:
    """Return the steps that load most: growth to the cap, and the cap to the end."""
    top, size = _last(profile, ladder), profile.size
    loads = [ladder.start(profile)]
    while len(loads) < _steps_per_climb(ladder):
        grown = max(math.ceil(GROWTH_MAX * loads[-1] / size) * size, loads[-1] + size)
        loads.append(min(grown, top.participants))
    return [
        replace(top, participants=load, meetings=load // profile.size) for load in loads
    ]


def _steps_per_climb(ladder: Ladder) -> int:
    return max(1, ladder.plan.steps - (1 if ladder.contrasts else 0))


def _within(steps: list[LadderStep], ladder: Ladder) -> list[LadderStep]:
    """Return the dearest steps that fit into the ladder's time, or fill it with one.

    Which steps a benchmark comes to in its time, only its measurements tell.
    """
    time_s = ladder.plan.time_s
    if time_s is None:
        return steps
    fitting = max(1, int(time_s / (ladder.plan.step_duration_s + SETTLE_S)))
    dearest = sorted(range(len(steps)), key=lambda i: _bps(steps[i]), reverse=True)
    if ladder.plan.fills_time and fitting > len(steps):
        return steps + [steps[dearest[0]]] * (fitting - len(steps))
    return [steps[index] for index in sorted(dearest[:fitting])]


def _in_order(steps: list[LadderStep]) -> list[LadderStep]:
    """Return steps of which each begins empty unless it adds to the one before it."""
    return [
        replace(
            step,
            is_fresh=before is None
            or before.profile != step.profile
            or before.participants >= step.participants,
        )
        for before, step in itertools.pairwise([None, *steps])
        if step is not None
    ]


def _bps(step: LadderStep) -> float:
    return sum(traffic_of(streams_of(step.profile, step.participants)))


def _last(profile: MeetingProfile, ladder: Ladder) -> LadderStep:
    most = ladder.cap(profile)
    return LadderStep(
        profile=profile,
        participants=most,
        meetings=most // profile.size,
        duration_s=ladder.plan.step_duration_s,
        warm_up_s=ladder.plan.step_duration_s * ladder.plan.warm_up_share,
        is_fresh=True,
    )


def _of_steps(steps: list[LadderStep], join_rate: float) -> Itinerary:
    """Return the visits of steps as a `Course` makes them."""
    visits: list[Visit] = []
    meetings: list[MeetingProfile] = []
    present: list[float] = []
    now_s = 0.0

    def leave(profile: MeetingProfile, at_s: float) -> None:
        base = len(meetings)
        count = meetings_for(profile, len(present))
        meetings.extend([profile] * count)
        for place, joined_s in enumerate(present):
            meeting, seat = divmod(place, profile.size)
            visits.append(
                Visit(meeting=base + meeting, seat=seat, starts_s=joined_s, ends_s=at_s)
            )
        present.clear()

    for index, step in enumerate(steps):
        if step.is_fresh and present:
            emptying_s = len(present) / LEAVE_RATE
            leave(steps[index - 1].profile, now_s)
            now_s += emptying_s
        joins = max(0, step.participants - len(present))
        rate = join_rate or min(
            HIGHEST_JOIN_RATE,
            max(
                LOWEST_JOIN_RATE,
                max(1, joins) / max(0.1, step.warm_up_s * RAMP_SHARE),
            ),
        )
        present.extend(now_s + (k + 1) / rate for k in range(joins))
        now_s += step.duration_s + SETTLE_S
    leave(steps[-1].profile, now_s)
    return Itinerary(
        visits=tuple(sorted(visits, key=lambda v: (v.starts_s, v.meeting, v.seat))),
        meetings=tuple(meetings),
        bursts=tuple(() for _ in meetings),
        ends_s=now_s,
    )
