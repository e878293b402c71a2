"""The steps of one profile on its way up, and the bracket that they leave of its knee.

A benchmark climbs each profile once, or several times (`repeat`); each climb is one
ascent, judged by itself. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.crossing import Line, fit_line
from loadtest.limits import Met, limit_met
from loadtest.models import Limit, LoadPoint, MeetingProfile, Slo, SloVerdict
from loadtest.slo import bounds_of

Finished = tuple[LoadPoint, SloVerdict]
ALL_STREAMS = 0.5
"""Loss hits all participants alike when the median has this share of the 95th
percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """The steps of one climb of a profile, with their verdicts."""

    profile: MeetingProfile
    pairs: tuple[Finished, ...]
    line: Line | None
    """CPU over participants; None with fewer than two different loads."""
    repeat: int = 0

    @property
    def fit_pairs(self) -> list[Finished]:
        """The steps in which the generator was fit: only they are evidence."""
        return [pair for pair in self.pairs if pair[1].generator_fit]


def ascents_of(
    profile: MeetingProfile, pairs: Sequence[Finished]
) -> tuple[Ascent, ...]:
    """Return the climbs of a profile, in their order; one without steps if none."""
    own = [pair for pair in pairs if pair[0].profile == profile.name]
    repeats = sorted({point.repeat for point, _ in own}) or [0]
    return tuple(
        _ascent(profile, repeat, [p for p in own if p[0].repeat == repeat])
        for repeat in repeats
    )


def _ascent(profile: MeetingProfile, repeat: int, pairs: Sequence[Finished]) -> Ascent:
    fit = [point for point, verdict in pairs if verdict.generator_fit]
    return Ascent(
        profile=profile, pairs=tuple(pairs), line=fit_line(fit), repeat=repeat
    )


def bracket(pairs: Sequence[Finished]) -> tuple[int | None, int | None]:
    """Return the largest good load below the smallest bad one, and that bad one.

    Steps for which the generator was not fit are evidence for neither. Of several steps
    of one load most decide, of as many good as bad the last. A limit of joining is one
    of how many come at once: below it only steps that began empty are compared.
    """
    fit = [pair for pair in pairs if pair[1].generator_fit]
    met = {point.participants: _is_met(fit, point.participants) for point, _ in fit}
    bad = min((load for load, is_met in met.items() if not is_met), default=None)
    below = {load for load, is_met in met.items() if is_met}
    if bad is not None:
        below = {load for load in below if load < bad}
        if met_at(fit, bad).limit == "join rate":
            began_empty = {p.participants for p, _ in fit if p.joins >= p.participants}
            below &= began_empty
    return max(below, default=None), bad


def _is_met(fit: Sequence[Finished], load: int) -> bool:
    verdicts = [verdict.met for point, verdict in fit if point.participants == load]
    votes = sum(1 if is_met else -1 for is_met in verdicts)
    return verdicts[-1] if votes == 0 else votes > 0


def met_at(pairs: Sequence[Finished], load: int, first: Limit = "") -> Met:
    """Return what ran out at the latest bad step of a load; `first` as `limit_met`."""
    bad = [(p, v) for p, v in pairs if p.participants == load and not v.met]
    fit = [pair for pair in bad if pair[1].generator_fit]
    if not fit:
        return Met(limit="", evidence=())
    point, verdict = fit[-1]
    return limit_met(point, verdict.broken, first or verdict.broken[0])


def broken_at(pairs: Sequence[Finished], load: int) -> tuple[Limit, ...]:
    """Return what broke at a load, in the latest bad step of it."""
    broken: tuple[Limit, ...] = ("",)
    for point, verdict in pairs:
        is_bad = not verdict.met and verdict.generator_fit
        if point.participants == load and is_bad:
            broken = verdict.broken
    return broken


def measured_at(
    ascent: Ascent, slo: Slo, limit: Limit, load: int, *, is_met: bool
) -> tuple[float, float]:
    """Return (measured, bound) of a limit at a load, (0, 1) where neither is known.

    Of several steps of one load the latest with that verdict counts; a minimum is
    turned into the largest shortfall. Of a loss that all share the median is taken: the
    percentile adds to it what chance did to the packets of one step.
    """
    measured, bound = 0.0, 1.0
    for point, verdict in ascent.fit_pairs:
        if point.participants != load or verdict.met != is_met:
            continue
        for each in bounds_of(point, slo):
            if each.limit == limit and each.measured is not None:
                measured, bound = each.measured, each.bound
                if each.is_minimum:
                    measured, bound = 1 - measured, 1 - bound
        shared = _shared_loss(point, limit)
        measured = measured if shared is None else shared
    return measured, bound


def _shared_loss(point: LoadPoint, limit: Limit) -> float | None:
    loss = {"audio loss": point.audio_loss, "video loss": point.video_loss}.get(limit)
    if loss is None or loss.p50 < ALL_STREAMS * loss.p95:
        return None
    return loss.p50
