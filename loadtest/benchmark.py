"""The ladder: which load to try next, from what the finished steps have shown.

    CPU │            ×  ── bound      per profile: coarse growth to just below where
        │         ○  ·                the CPU foretells the bound, then past it; then
        │                             refinement between the last good and the first
        │   ○                         bad step, always in whole meetings; at the end one
        │                             contrast step per profile, for the costs
        └──────────────── participants

Pure and without chance: the same finished steps always give the same next step, so a
run can be judged, repeated and tested without a node.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bots.errors import ConfigError
from loadtest.costs import CONDITION_MAX, condition_number
from loadtest.crossing import fit_line, usable_for_cpu
from loadtest.models import LoadPoint, MeetingProfile, SloVerdict
from loadtest.profiles import contrast_of
from loadtest.streams import check_profile, streams_of

Finished = tuple[LoadPoint, SloVerdict]

CPU_BOUND = 0.80
"""Where the CPU is expected to be the limit, when the SLO names no other bound."""
START_SHARE = 1 / 8
"""Share of the cap with which a profile starts: far below any knee worth finding."""
GROWTH = 2.0
"""Growth of a step when nothing is known of the CPU's course."""
GROWTH_MAX = 3.0
"""Growth of a step towards a crossing that the CPU foretells."""
BELOW = 0.85
"""Share of the foretold crossing that a step aims at while it is far away: the last
good step should be near and reached by growth; a step down has everybody join anew."""
FAR = 0.7
"""Share of the foretold crossing below which it is far away."""
OVERSHOOT = 1.2
"""How far beyond the foretold crossing a step goes: it should break the SLO."""
REFINEMENTS = 2
CALM = 0.5
"""CPU share below which quality that breaks is looked at once more: on a calm node it
is a limit only if it comes again, and else something that passed by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPlan:
    """Limits of a benchmark, as the operator set them."""

    steps: int = 8
    """At most so many steps per profile, its contrast step among them."""
    step_duration_s: float = 30.0
    warm_up_share: float = 1 / 3
    max_participants: int = 200
    cpu_bound: float = CPU_BOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """One plateau to load next."""

    profile: MeetingProfile
    participants: int
    meetings: int
    duration_s: float
    warm_up_s: float
    is_fresh: bool
    """The meetings of earlier steps end first: another profile, or fewer participants
    (whose joins would otherwise go unjudged)."""
    is_contrast: bool = False


class Ladder:
    """Decides the next step of a benchmark; holds only what it was asked for."""

    def __init__(self, profiles: Sequence[MeetingProfile], plan: LadderPlan) -> None:
        """Raise ConfigError where no meeting fits under the cap or no step is left."""
        self.profiles = tuple(check_profile(profile) for profile in profiles)
        self.plan = plan
        _check_plan(self.profiles, plan)
        contrasts = _useful_contrasts(self.profiles, plan)
        self.contrasts = contrasts
        self._steps_per_profile = plan.steps - (1 if contrasts else 0)

    @property
    def longest_s(self) -> float:
        """The longest that all steps can last together."""
        return self.plan.steps * len(self.profiles) * self.plan.step_duration_s

    @property
    def all_profiles(self) -> tuple[MeetingProfile, ...]:
        """Every mix that the ladder may load: the profiles and their contrasts."""
        return self.profiles + tuple(self.contrasts.values())

    def next(self, finished: Sequence[Finished]) -> LadderStep | None:
        """Return the step to load after the `finished` ones; None when all is known."""
        for profile in self.profiles:
            own = [pair for pair in finished if pair[0].profile == profile.name]
            participants = self._next_load(profile, own)
            if participants is not None:
                return self._step(profile, participants, finished)
        for name, contrast in self.contrasts.items():
            if all(point.profile != contrast.name for point, _ in finished):
                own = [pair for pair in finished if pair[0].profile == name]
                good = [point.participants for point, verdict in own if verdict.met]
                wanted = max(good, default=contrast.size)
                participants = self._whole(contrast, wanted)
                return self._step(contrast, participants, finished, is_contrast=True)
        return None

    def _next_load(
        self, profile: MeetingProfile, own: Sequence[Finished]
    ) -> int | None:
        if len(own) >= self._steps_per_profile:
            return None
        if not own:
            start = math.ceil(self.plan.max_participants * START_SHARE / profile.size)
            return self._whole(profile, start * profile.size)
        good, bad = bracket(own)
        point, verdict = own[-1]
        if not verdict.generator_fit:
            # One more try: a neighbour on our machine is not our limit. In a bracket,
            # a refinement that failed is simply not used.
            tries = sum(
                1 for other, _ in own if other.participants == point.participants
            )
            if bad is None and tries == 1:
                return point.participants
            if bad is None or tries > 1:
                return None
        if _asks_for_repeat(own):
            return point.participants
        if bad is None:
            return self._grow(profile, own, good)
        if good is None:
            lower = self._whole(profile, bad // 2)
            return lower if lower < bad else None
        return self._refine(profile, own, good, bad)

    def _grow(
        self, profile: MeetingProfile, own: Sequence[Finished], good: int | None
    ) -> int | None:
        last = good if good is not None else own[-1][0].participants
        cap = self._whole(profile, self.plan.max_participants)
        if last >= cap:
            return None
        foretold = self._foretold(own)
        if foretold is None:
            meetings = math.ceil(GROWTH * last / profile.size)
        elif last < FAR * foretold:
            aim = min(GROWTH_MAX * last, BELOW * foretold)
            meetings = round(aim / profile.size)
        else:
            aim = min(GROWTH_MAX * last, max(OVERSHOOT * foretold, 1.25 * last))
            meetings = math.ceil(aim / profile.size)
        return min(cap, max(meetings * profile.size, last + profile.size))

    def _refine(
        self, profile: MeetingProfile, own: Sequence[Finished], good: int, bad: int
    ) -> int | None:
        tried = {point.participants for point, _ in own}
        free = [
            load
            for load in range(good + profile.size, bad, profile.size)
            if load not in tried
        ]
        if not free or _refinements(own) >= REFINEMENTS:
            return None
        foretold = self._foretold(own)
        inside = foretold is not None and good < foretold < bad
        aim = foretold if inside and foretold is not None else (good + bad) / 2
        return min(free, key=lambda load: (abs(load - aim), load))

    def _foretold(self, own: Sequence[Finished]) -> float | None:
        """Return the load at which the CPU would meet its bound; None if unknown.

        From one step by proportion, which is too early rather than too late.
        """
        points = [point for point, verdict in own if verdict.generator_fit]
        line = fit_line(points)
        if line is not None:
            return line.crossing(self.plan.cpu_bound)
        usable = [point for point in points if usable_for_cpu(point)]
        if not usable or not usable[-1].node_cpu_ratio:
            return None
        return self.plan.cpu_bound * usable[-1].present / usable[-1].node_cpu_ratio

    def _whole(self, profile: MeetingProfile, wanted: float) -> int:
        """Return whole meetings: at least one, at most `wanted` and the cap."""
        under = min(int(wanted), self.plan.max_participants) // profile.size
        return max(1, under) * profile.size

    def _step(
        self,
        profile: MeetingProfile,
        participants: int,
        finished: Sequence[Finished],
        *,
        is_contrast: bool = False,
    ) -> LadderStep:
        before = finished[-1][0] if finished else None
        grows = (
            before is not None
            and before.profile == profile.name
            and before.participants < participants
        )
        return LadderStep(
            profile=profile,
            participants=participants,
            meetings=participants // profile.size,
            duration_s=self.plan.step_duration_s,
            warm_up_s=self.plan.step_duration_s * self.plan.warm_up_share,
            is_fresh=not grows,
            is_contrast=is_contrast,
        )


def bracket(own: Sequence[Finished]) -> tuple[int | None, int | None]:
    """Return the largest good load below the smallest bad one, and that bad one.

    Steps for which the generator was not fit are evidence for neither; of two steps of
    one load, the later counts.
    """
    met = {p.participants: verdict.met for p, verdict in own if verdict.generator_fit}
    bad = min((load for load, is_met in met.items() if not is_met), default=None)
    good = max(
        (
            load
            for load, is_met in met.items()
            if is_met and (bad is None or load < bad)
        ),
        default=None,
    )
    return good, bad


def _asks_for_repeat(own: Sequence[Finished]) -> bool:
    """Say whether the last step broke the quality of a calm node for the first time."""
    point, verdict = own[-1]
    same = [p for p, v in own if p.participants == point.participants]
    is_calm = point.node_cpu_ratio is not None and point.node_cpu_ratio < CALM
    is_broken = verdict.generator_fit and not verdict.met
    return is_broken and is_calm and len(same) == 1


def _refinements(own: Sequence[Finished]) -> int:
    """Return how many steps were taken after good and bad were both known."""
    for count in range(1, len(own) + 1):
        good, bad = bracket(own[:count])
        if good is not None and bad is not None:
            return len(own) - count
    return 0


def _check_plan(profiles: Sequence[MeetingProfile], plan: LadderPlan) -> None:
    if not profiles:
        raise ConfigError("a benchmark without a meeting profile measures nothing")
    if plan.steps < 1:
        raise ConfigError(f"{plan.steps} steps measure nothing: give at least 1")
    if plan.step_duration_s < 3:
        raise ConfigError(
            f"a step of {plan.step_duration_s:g} s is too short to judge: "
            "give at least 3s"
        )
    for profile in profiles:
        if profile.size > plan.max_participants:
            raise ConfigError(
                f"the cap of {plan.max_participants} participants is below one meeting "
                f"of {profile.size} ({profile.name}): raise --max-participants"
            )


def _useful_contrasts(
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
