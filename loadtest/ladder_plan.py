"""The limits of a benchmark as its operator set them, and what they leave room for.

Pure; what cannot be is refused before any load.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bots.errors import ConfigError
from loadtest.costs import CONDITION_MAX, condition_number
from loadtest.generator import needs_of, shortfalls, traffic_of
from loadtest.machine import Machine
from loadtest.models import MeetingProfile
from loadtest.narrowing import whole_loads
from loadtest.profiles import contrast_of
from loadtest.rates import format_rate
from loadtest.streams import streams_of

CPU_BOUND = 0.80
"""Where the CPU is expected to be the limit, when the SLO names no other bound."""
PRECISION = 0.1
"""Half of an interval's width, as a share of the capacity, that is narrow enough."""

LONGEST_S = 7 * 86_400.0
"""A node and its use change within a week: what is measured longer is no one state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPlan:
    """Limits of a benchmark, as the operator set them."""

    steps: int = 8
    """At most so many steps per climb, its contrast step among them."""
    step_duration_s: float = 30.0
    warm_up_share: float = 1 / 3
    max_participants: int = 200
    cpu_bound: float = CPU_BOUND
    precision: float = PRECISION
    """A profile is known once its interval is no wider than ± this share."""
    repeats: int = 1
    """Climbs of each profile."""
    time_s: float | None = None
    """No step begins that would end later than this after the start of the run."""
    fills_time: bool = False
    """Goes on until all intervals are narrow enough or `time_s` is over."""
    at_once: bool = False
    """Every step begins empty, so that all of its people come within its ramp."""
    max_bps: float | None = None
    """Most media traffic one way, in bit/s."""


def cap_of(profile: MeetingProfile, plan: LadderPlan) -> int:
    """Return the most participants in whole meetings, 0 where not even one fits."""
    loads = whole_loads(profile, 1, plan.max_participants)
    most = loads[-1] if loads else 0
    if plan.max_bps is None or most == 0:
        return most
    one_bps = max(traffic_of(streams_of(profile, profile.size)))
    return min(most, int(plan.max_bps / max(one_bps, 1.0)) * profile.size)


def fitting(
    profiles: Sequence[MeetingProfile], most: int, machine: Machine, *, engines: int
) -> int:
    """Return the participants, `most` at most, that this machine can make of each.

    Whole meetings where it can't make all; 0 where it can't make one of some profile.
    An engine is a core.
    """
    machine = replace(machine, cores=min(machine.cores, float(engines)))

    def is_too_much(load: int, profile: MeetingProfile) -> bool:
        return bool(shortfalls(needs_of(streams_of(profile, load)), machine))

    found = []
    for profile in profiles:
        loads = [0, *whole_loads(profile, 1, most)]
        fits = bisect_left(loads, True, key=lambda load: is_too_much(load, profile)) - 1
        found.append(most if fits == len(loads) - 1 else loads[fits])
    return min(found)


def check_plan(profiles: Sequence[MeetingProfile], plan: LadderPlan) -> None:
    """Raise ConfigError where nothing can be measured within the limits."""
    if not profiles:
        raise ConfigError("a benchmark without a meeting profile measures nothing")
    if plan.steps < 1:
        raise ConfigError(f"{plan.steps} steps measure nothing: give at least 1")
    if plan.step_duration_s < 3:
        raise ConfigError(
            f"a step of {plan.step_duration_s:g} s is too short to judge: "
            "give at least 3s"
        )
    if plan.time_s is not None and plan.time_s < plan.step_duration_s:
        raise ConfigError(
            f"no step of {plan.step_duration_s:g} s fits into the "
            f"{max(0.0, plan.time_s):.0f} s that are left: give more time"
        )
    if plan.time_s is not None and plan.time_s > LONGEST_S:
        raise ConfigError(
            f"{plan.time_s / 3600:,.0f} h are more than a benchmark may take: "
            f"give at most {LONGEST_S / 3600:.0f}h"
        )
    for profile in profiles:
        if profile.size > plan.max_participants:
            raise ConfigError(
                f"the cap of {plan.max_participants} participants is below one meeting "
                f"of {profile.size} ({profile.name}): raise --max-participants"
            )
        if plan.max_bps is not None and not cap_of(profile, plan):
            raise ConfigError(
                f"one meeting of {profile.size} ({profile.name}) is more traffic than "
                f"--max-rate {format_rate(plan.max_bps)}: raise it"
            )


def useful_contrasts(
    profiles: Sequence[MeetingProfile], plan: LadderPlan
) -> dict[str, MeetingProfile]:
    """Return the contrast of each profile, by the profile's name.

    Empty when the costs could not be fitted even with them, or when they would leave a
    profile fewer than two steps: then no step is spent on them.
    """
    contrasts = {
        profile.name: contrast
        for profile in profiles
        if (contrast := contrast_of(profile)) is not None
    }
    rows = []
    for profile in (*profiles, *contrasts.values()):
        for meetings in (1, 3):
            streams = streams_of(profile, meetings * profile.size)
            rows.append(
                (
                    1.0,
                    streams.participants,
                    streams.audio_in,
                    streams.audio_out,
                    streams.video_in,
                    streams.video_out,
                )
            )
    is_enough = condition_number(np.array(rows, dtype=float)) <= CONDITION_MAX
    return contrasts if is_enough and plan.steps >= 3 else {}
