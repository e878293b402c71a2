"""The ladder: which load to try next, from what the finished steps have shown.

    CPU │            ×  ── bound      per profile: coarse growth to just below where
        │         ○  ·                the CPU foretells the bound, then past it; then
        │                             the holds that narrow the interval most, until it
        │   ○                         is as narrow as asked for; always whole meetings;
        └──────────────── participants   at the end one contrast step per profile

Climbs may be repeated, the profiles in an order by chance (of a seed) so that what
changes with the hour hits all alike. A ladder that fills a time climbs once, coarsely,
and then asks again and again which hold narrows the widest interval most. Pure: the
same finished steps always give the same next step, so a run can be judged, repeated and
tested without a node.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.ascents import Ascent, Finished, ascents_of, bracket, met_at
from loadtest.crossing import fit_line, usable_for_cpu
from loadtest.knees import Knee, knee_of
from loadtest.ladder_plan import LadderPlan, cap_of, check_plan, useful_contrasts
from loadtest.limits import CALM
from loadtest.models import LimitMet, MeetingProfile, Slo
from loadtest.narrowing import best_hold
from loadtest.repeats import alike, noise_of, together
from loadtest.slo import BBBLOAD_1
from loadtest.streams import check_profile

START_SHARE = 1 / 8
"""Share of the cap with which a profile starts: far below any knee worth finding."""
AGAIN_SHARE = 1 / 2
"""Share of the knee found before with which a further climb starts."""
GROWTH = 2.0
"""Growth of a step when nothing is known of the CPU's course."""
GROWTH_MAX = 3.0
"""Growth of a step towards a crossing that the CPU foretells."""
BELOW = 0.85
"""Share of the foretold crossing that a step aims at while it is far away: the last
good step should be near and reached by growth; a step down has everybody join anew."""
FAR = 0.7
"""Share of the foretold crossing below which it is far away."""
OVERSHOOT = 1.12
"""How far beyond the foretold crossing a step goes: it should break the SLO, and not
saturate the node, or its CPU would say nothing of its load."""
BETWEEN_S = 4.0
"""From one step's end to the next one's start: reports come in, people leave."""
CLIMBS_MAX = 6
"""Climbs of a profile, at most, while our own machine spoils them."""
CERTAIN: frozenset[LimitMet] = frozenset(
    {"connection cap", "udp ports", "nic", "memory", "one process"}
)
"""Limits that a node shows by themselves; no second look makes them surer."""


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
    repeat: int = 0
    """Which climb of the profile it belongs to."""


class Ladder:
    """Decides the next step of a benchmark; holds only what it was asked for."""

    def __init__(
        self,
        profiles: Sequence[MeetingProfile],
        plan: LadderPlan,
        *,
        slo: Slo = BBBLOAD_1,
        seed: int = 0,
    ) -> None:
        """Raise ConfigError where no meeting fits under the caps or no step is left.

        `slo` is the one that the steps are judged by; `seed` orders repeated climbs.
        """
        self.profiles = tuple(check_profile(profile) for profile in profiles)
        assert plan.time_s is not None or not plan.fills_time, "no time to fill"
        self.plan = plan
        self._slo = slo
        self._seed = seed
        check_plan(self.profiles, plan)
        contrasts = useful_contrasts(self.profiles, plan)
        self.contrasts = contrasts
        self._steps_per_climb = plan.steps - (1 if contrasts else 0)

    @property
    def longest_s(self) -> float:
        """The longest that all steps can last together."""
        steps = self.plan.steps * len(self.profiles) * self.plan.repeats
        all_s = steps * (self.plan.step_duration_s + BETWEEN_S)
        if self.plan.time_s is None:
            return all_s
        return (
            self.plan.time_s if self.plan.fills_time else min(all_s, self.plan.time_s)
        )

    @property
    def all_profiles(self) -> tuple[MeetingProfile, ...]:
        """Every mix that the ladder may load: the profiles and their contrasts."""
        return self.profiles + tuple(self.contrasts.values())

    def cap(self, profile: MeetingProfile) -> int:
        """Return the most participants of a mix, in whole meetings."""
        return cap_of(profile, self.plan)

    def next(self, finished: Sequence[Finished]) -> LadderStep | None:
        """Return the step to load after the `finished` ones; None when all is known."""
        step = self._climbed(finished) or self._contrasted(finished)
        if step is None and self.plan.fills_time:
            step = self._narrowed(finished)
        return step if step is not None and self._is_in_time(finished) else None

    def _is_in_time(self, finished: Sequence[Finished]) -> bool:
        if self.plan.time_s is None:
            return True
        elapsed_s = finished[-1][0].ends_s + BETWEEN_S if finished else 0.0
        return elapsed_s + self.plan.step_duration_s <= self.plan.time_s

    def _climbed(self, finished: Sequence[Finished]) -> LadderStep | None:
        """Return the next step of the first climb that is not over."""
        for repeat, profile in self._climbs(finished):
            ascents = ascents_of(profile, finished)
            ascent = next((a for a in ascents if a.repeat == repeat), None)
            own = Ascent(profile=profile, pairs=(), line=None, repeat=repeat)
            participants = self._next_load(ascent or own, finished)
            if participants is not None:
                return self._step(profile, participants, finished, repeat=repeat)
        return None

    def _climbs(self, finished: Sequence[Finished]) -> list[tuple[int, MeetingProfile]]:
        """Return the climbs in their order: those planned, then those added."""
        climbs = []
        for repeat in range(self.plan.repeats):
            order = list(range(len(self.profiles)))
            if self.plan.repeats > 1:
                np.random.default_rng((self._seed, repeat)).shuffle(order)
            climbs += [(repeat, self.profiles[index]) for index in order]
        by_name = {profile.name: profile for profile in self.profiles}
        added = {
            (point.repeat, point.profile): by_name[point.profile]
            for point, _ in finished
            if point.repeat >= self.plan.repeats
        }
        return climbs + [(repeat, profile) for (repeat, _), profile in added.items()]

    def _contrasted(self, finished: Sequence[Finished]) -> LadderStep | None:
        for name, contrast in self.contrasts.items():
            if all(point.profile != contrast.name for point, _ in finished):
                own = [pair for pair in finished if pair[0].profile == name]
                good = [point.participants for point, verdict in own if verdict.met]
                wanted = max(good, default=contrast.size)
                participants = self._whole(contrast, wanted)
                return self._step(contrast, participants, finished, is_contrast=True)
        return None

    def _narrowed(self, finished: Sequence[Finished]) -> LadderStep | None:
        """Return the hold that narrows the widest interval most.

        Where no hold of a climb narrows it, another climb begins; so it does, some
        times, for a profile of which our own machine has kept a knee from being found.
        """
        noise = noise_of([a for p in self.profiles for a in ascents_of(p, finished)])
        widest = []
        for profile in self.profiles:
            ascents = ascents_of(profile, finished)
            known = [(knee_of(a, self._slo, noise), a) for a in ascents]
            knees = [(knee, ascent) for knee, ascent in known if knee is not None]
            whole = together([knee for knee, _ in knees], seed=self._seed)
            if whole is None and _ended_by_us(ascents):
                again = self.start(profile, finished)
                return self._step(
                    profile, again, finished, repeat=ascents[-1].repeat + 1
                )
            if whole is not None and whole.spread > self.plan.precision:
                same = alike([knee for knee, _ in knees])
                least_sure = max(
                    (pair for pair in knees if pair[0] in same),
                    key=lambda pair: pair[0].spread,
                )
                widest.append((whole.spread, least_sure, ascents[-1].repeat))
        if not widest:
            return None
        _, (knee, ascent), last = max(widest, key=lambda found: found[0])
        profile = ascent.profile
        hold = best_hold(ascent, knee, noise, cap=self.cap(profile))
        if hold is not None:
            return self._step(
                profile, hold.participants, finished, repeat=ascent.repeat
            )
        again = self._whole(profile, AGAIN_SHARE * knee.crossing.value)
        return self._step(profile, again, finished, repeat=last + 1)

    def _next_load(self, ascent: Ascent, finished: Sequence[Finished]) -> int | None:
        profile, own = ascent.profile, ascent.pairs
        if len(own) >= self._steps_per_climb:
            return None
        if not own:
            return self.start(profile, finished)
        good, bad = bracket(own)
        point, verdict = own[-1]
        if not verdict.generator_fit:
            # One more try: a neighbour on our machine is not our limit. In a bracket,
            # a refinement that failed again is simply not used.
            same = [p for p, _ in own if p.participants == point.participants]
            if len(same) == 1:
                return point.participants
            if bad is None:
                return self._between(profile, good, point.participants)
        if _asks_for_repeat(own):
            return point.participants
        if bad is None:
            return self._grow(profile, own, good)
        if good is None:
            lower = self._whole(profile, bad // 2)
            return lower if lower < bad else None
        return None if self.plan.fills_time else self._refine(ascent, finished)

    def _between(
        self, profile: MeetingProfile, good: int | None, unfit: int
    ) -> int | None:
        """Return a load between a good one and one that our machine cannot make."""
        middle = self._whole(profile, ((good or 0) + unfit) / 2)
        return middle if good is not None and good < middle < unfit else None

    def start(self, profile: MeetingProfile, finished: Sequence[Finished] = ()) -> int:
        """Return the load of a climb's first step, from what earlier ones showed."""
        knee = self._known(profile, finished)
        if knee is not None:
            return self._whole(profile, AGAIN_SHARE * knee.crossing.value)
        start = math.ceil(self.plan.max_participants * START_SHARE / profile.size)
        return self._whole(profile, start * profile.size)

    def _known(
        self, profile: MeetingProfile, finished: Sequence[Finished]
    ) -> Knee | None:
        ascents = ascents_of(profile, finished)
        noise = noise_of(ascents)
        knees = [knee for a in ascents if (knee := knee_of(a, self._slo, noise))]
        return together(knees, seed=self._seed)

    def _grow(
        self, profile: MeetingProfile, own: Sequence[Finished], good: int | None
    ) -> int | None:
        last = good if good is not None else own[-1][0].participants
        cap = self.cap(profile)
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

    def _refine(self, ascent: Ascent, finished: Sequence[Finished]) -> int | None:
        """Return the load that narrows a climb's interval most, if it is too wide."""
        noise = noise_of([a for p in self.profiles for a in ascents_of(p, finished)])
        knee = knee_of(ascent, self._slo, noise)
        if knee is None or knee.spread <= self.plan.precision:
            return None
        hold = best_hold(ascent, knee, noise, cap=self.cap(ascent.profile))
        return None if hold is None else hold.participants

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
        under = min(int(wanted), self.cap(profile)) // profile.size
        return max(1, under) * profile.size

    def _step(
        self,
        profile: MeetingProfile,
        participants: int,
        finished: Sequence[Finished],
        *,
        repeat: int = 0,
        is_contrast: bool = False,
    ) -> LadderStep:
        before = finished[-1][0] if finished else None
        grows = (
            before is not None
            and before.profile == profile.name
            and before.repeat == repeat
            and before.participants < participants
        )
        return LadderStep(
            profile=profile,
            participants=participants,
            meetings=participants // profile.size,
            duration_s=self.plan.step_duration_s,
            warm_up_s=self.plan.step_duration_s * self.plan.warm_up_share,
            is_fresh=not grows
            or self.plan.at_once
            or _is_about_joining(finished, profile, repeat),
            is_contrast=is_contrast,
            repeat=repeat,
        )


def _ended_by_us(ascents: Sequence[Ascent]) -> bool:
    """Say whether the last climb stopped at a step that our machine could not make."""
    pairs = ascents[-1].pairs
    is_unfit = bool(pairs) and not pairs[-1][1].generator_fit
    return is_unfit and len(ascents) < CLIMBS_MAX


def _is_about_joining(
    finished: Sequence[Finished], profile: MeetingProfile, repeat: int
) -> bool:
    """Say whether a climb met a limit of how many join at once."""
    own = [
        (point, verdict)
        for point, verdict in finished
        if point.profile == profile.name and point.repeat == repeat
    ]
    _, bad = bracket(own)
    return bad is not None and met_at(own, bad).limit == "join rate"


def _asks_for_repeat(own: Sequence[Finished]) -> bool:
    """Say whether the last step broke the quality of a calm node for the first time.

    On a calm node that is a limit only if it comes again, and else something that
    passed by; but for a limit that the node shows by itself.
    """
    point, verdict = own[-1]
    same = [p for p, v in own if p.participants == point.participants]
    is_calm = point.node_cpu_ratio is not None and point.node_cpu_ratio < CALM
    is_broken = verdict.generator_fit and not verdict.met
    if not (is_broken and is_calm and len(same) == 1):
        return False
    return met_at(own, point.participants).limit not in CERTAIN
