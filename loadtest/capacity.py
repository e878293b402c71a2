"""Load points -> what a node carries, per meeting profile, with an interval.

A capacity exists only where a bound of the SLO was seen to break. Which limit was met
first is decided by where each broken bound was crossed, not by which broke worst: a
node at its end loses packets by the dozen, long after its CPU passed the bound.

- CPU: a weighted line through all unsaturated steps of the profile, crossed with the
  bound; the noise of a step is pooled over the profiles, the interval is Student's.
- Quality: flat until it breaks; the interval is the bracket between the last good and
  the first bad step, the estimate follows the law of an overloaded queue within it.

An SLO that held at the largest load gives `at_least`; a profile ended by the generator
gives `invalid`. Neither is ever a capacity. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from loadtest.aggregate import Aggregate
from loadtest.benchmark import Finished, bracket
from loadtest.costs import CostFit, fit_costs, meeting_cost
from loadtest.crossing import (
    Crossing,
    Line,
    delay_crossing,
    fit_line,
    line_crossing,
    pooled_noise,
    saturation_crossing,
)
from loadtest.limits import Met, limit_met
from loadtest.models import (
    Capacity,
    EndRecord,
    Limit,
    LoadPoint,
    MeetingProfile,
    ProfileCapacity,
    Record,
    RunHeader,
    Slo,
)
from loadtest.slo import bounds_of, judge

COVERAGE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ascent:
    """The steps of one profile, with their verdicts."""

    profile: MeetingProfile
    pairs: tuple[Finished, ...]
    line: Line | None


def capacity_of(
    header: RunHeader,
    points: Sequence[LoadPoint],
    *,
    profiles: Sequence[MeetingProfile],
    is_interrupted: bool = False,
    notes: Sequence[str] = (),
) -> Capacity:
    """Return what the steps of a benchmark show, judged by the header's SLO.

    `profiles` are those whose capacity was asked for; steps of other profiles are
    contrasts and serve the costs alone.
    """
    ascents = [_ascent(profile, points, header.slo) for profile in profiles]
    noise = pooled_noise([a.line for a in ascents if a.line is not None])
    fit = fit_costs(_fit_points(points, header.slo), seed=header.seed)
    found = tuple(_profile_capacity(a, header.slo, noise, fit) for a in ascents)
    asked = {profile.name for profile in profiles}
    reasons = tuple(
        f"{each.profile.name}: {each.invalid}" for each in found if each.invalid
    )
    reasons += tuple(note for ascent in ascents for note in _passed_by(ascent))
    unwatched = [p for p in points if p.node_cpu_ratio is None]
    if unwatched and header.slo.node_cpu_max is not None:
        reasons += (
            f"the node's CPU was not seen in {len(unwatched)} of {len(points)} steps: "
            "its bound was not judged there",
        )
    is_known = any(each.capacity or each.at_least for each in found)
    return Capacity(
        run=header.run,
        started_at=header.started_at,
        tool_version=header.tool_version,
        target=header.target,
        bbb_version=header.bbb_version,
        stand_in=header.stand_in,
        seed=header.seed,
        slo=header.slo,
        profiles=found,
        costs=fit.costs,
        cost_coverage=fit.coverage,
        condition_number=_finite(fit.condition_number),
        cost_note=fit.note,
        node_cores=_cores(points),
        validity=(
            "interrupted" if is_interrupted else "valid" if is_known else "invalid"
        ),
        reasons=reasons + tuple(notes),
        cost_points=tuple(point for point in points if point.profile not in asked),
    )


def capacity_of_run(
    header: RunHeader,
    records: Iterable[Record],
    *,
    profiles: Sequence[MeetingProfile],
) -> Capacity:
    """Return what the records of a benchmark's run show; see `capacity_of`.

    A run without an end, or whose end says so, is interrupted. One that its own end
    calls invalid makes the whole result invalid: its numbers may describe us.
    """
    aggregate = Aggregate()
    aggregate.add(header)
    end: EndRecord | None = None
    for record in records:
        aggregate.add(record)
        if isinstance(record, EndRecord):
            end = record
    found = capacity_of(
        header,
        aggregate.points(),
        profiles=profiles,
        is_interrupted=end is None or end.validity == "interrupted",
        notes=header.notes if end is None else end.reasons,
    )
    if end is not None and end.validity == "invalid":
        return replace(found, validity="invalid")
    return found


def _ascent(profile: MeetingProfile, points: Sequence[LoadPoint], slo: Slo) -> _Ascent:
    pairs = tuple((p, judge(p, slo)) for p in points if p.profile == profile.name)
    fit_points = [point for point, verdict in pairs if verdict.generator_fit]
    return _Ascent(profile=profile, pairs=pairs, line=fit_line(fit_points))


def _fit_points(points: Sequence[LoadPoint], slo: Slo) -> list[LoadPoint]:
    return [point for point in points if judge(point, slo).generator_fit]


def _profile_capacity(
    ascent: _Ascent, slo: Slo, noise: tuple[float, int], fit: CostFit
) -> ProfileCapacity:
    good, bad = bracket(ascent.pairs)
    capacity = at_least = low = high = None
    limit: Limit = ""
    invalid = ""
    met = Met(limit="", evidence=())
    if bad is not None and good is not None:
        limit, crossing = _first_crossing(ascent, slo, noise, good, bad)
        capacity, low, high = crossing.value, crossing.low, crossing.high
        met = _met(ascent, bad, limit)
        if met.limit == "connection cap":
            crossing = _counted(ascent, good, bad) or crossing
            capacity, low, high = crossing.value, crossing.low, crossing.high
        if met.limit == "path":
            invalid = f"the path, and not the node: {', '.join(met.evidence)}"
            capacity = low = high = None
    elif bad is not None:
        invalid = f"the smallest load tried, {bad} participants, already broke the SLO"
        limit = _broken_at(ascent.pairs, bad)[0]
        met = _met(ascent, bad, limit)
        if met.limit == "path":
            invalid += "; it is the path, and not the node: " + ", ".join(met.evidence)
    elif (reason := _ended_by_generator(ascent.pairs)) != "":
        invalid, limit = reason, "generator"
    elif good is not None:
        at_least, limit = float(good), "cap"
    else:
        invalid = "no step was measured"
    return ProfileCapacity(
        profile=ascent.profile,
        capacity=capacity,
        at_least=at_least,
        invalid=invalid,
        low=low,
        high=high,
        coverage=COVERAGE,
        limit=limit,
        points=tuple(point for point, _ in ascent.pairs),
        verdicts=tuple(verdict for _, verdict in ascent.pairs),
        meeting_cost=meeting_cost(fit, ascent.profile),
        limit_met=met.limit,
        evidence=met.evidence,
    )


def _first_crossing(
    ascent: _Ascent, slo: Slo, noise: tuple[float, int], good: int, bad: int
) -> tuple[Limit, Crossing]:
    """Return the limit whose bound is crossed first on the way up, and where.

    Asked are the limits that broke at the first bad step.
    """
    crossings = [
        (limit, _crossing(ascent, slo, noise, limit, good, bad))
        for limit in _broken_at(ascent.pairs, bad)
    ]
    return min(crossings, key=lambda pair: pair[1].value)


def _crossing(
    ascent: _Ascent,
    slo: Slo,
    noise: tuple[float, int],
    limit: Limit,
    good: int,
    bad: int,
) -> Crossing:
    if limit == "cpu" and ascent.line is not None and slo.node_cpu_max is not None:
        crossing = line_crossing(
            ascent.line,
            slo.node_cpu_max,
            noise=noise[0],
            freedom=noise[1],
            coverage=COVERAGE,
        )
        if crossing is not None:
            return crossing
    below, above = _bounds_at(ascent, slo, limit, good, bad)
    if limit in ("join time", "first audio", "first camera"):
        value = delay_crossing(
            good, bad, measured_good=below[0], measured_bad=above[0], bound=above[1]
        )
    elif limit == "cpu":
        value = (good + bad) / 2
    else:
        value = saturation_crossing(good, bad, measured_bad=above[0], bound=above[1])
    return Crossing(value=value, low=float(good), high=float(bad))


def _bounds_at(
    ascent: _Ascent, slo: Slo, limit: Limit, good: int, bad: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (measured, bound) of a limit at the good and at the bad load.

    Of several steps of one load the latest counts; a minimum is turned into the
    largest shortfall.
    """
    found = []
    for load in (good, bad):
        measured, bound = 0.0, 1.0
        for point, verdict in ascent.pairs:
            if point.participants != load or not verdict.generator_fit:
                continue
            for each in bounds_of(point, slo):
                if each.limit == limit and each.measured is not None:
                    measured, bound = each.measured, each.bound
                    if each.is_minimum:
                        measured, bound = 1 - measured, 1 - bound
        found.append((measured, bound))
    return found[0], found[1]


def _broken_at(pairs: Sequence[Finished], load: int) -> tuple[Limit, ...]:
    """Return what broke at a load, in the latest step of it."""
    broken: tuple[Limit, ...] = ("",)
    for point, verdict in pairs:
        is_bad = not verdict.met and verdict.generator_fit
        if point.participants == load and is_bad:
            broken = verdict.broken
    return broken


def _counted(ascent: _Ascent, good: int, bad: int) -> Crossing | None:
    """Return how many were let in where a cap kept the others out, give or take one.

    Nothing has to be estimated: those who were in at the end of the bad step are the
    cap. None where that is not known, or is no more than what was good before.
    """
    points = [p for p, v in ascent.pairs if p.participants == bad and v.generator_fit]
    inside = points[-1].present_at_end
    if inside is None or not good <= round(inside) < bad:
        return None
    return Crossing(
        value=float(round(inside)), low=float(round(inside) - 1), high=inside + 1
    )


def _met(ascent: _Ascent, bad: int, first: Limit) -> Met:
    """Return what ran out at the latest step of the first bad load."""
    points = [p for p, v in ascent.pairs if p.participants == bad and v.generator_fit]
    return limit_met(points[-1], _broken_at(ascent.pairs, bad), first)


def _passed_by(ascent: _Ascent) -> list[str]:
    """Tell the breaks that did not come again when their load was repeated."""
    notes = []
    fit = [(p.participants, v) for p, v in ascent.pairs if v.generator_fit]
    for place, (load, verdict) in enumerate(fit):
        later = [other.met for again, other in fit[place + 1 :] if again == load]
        if not verdict.met and later and later[-1]:
            notes.append(
                f"{ascent.profile.name}: {load} participants broke "
                f"{', '.join(verdict.broken)} once and kept the SLO when repeated"
            )
    return notes


def _ended_by_generator(pairs: Sequence[Finished]) -> str:
    """Say why the generator ended an ascent that never broke the SLO, "" if not."""
    if not pairs or pairs[-1][1].generator_fit:
        return ""
    point, verdict = pairs[-1]
    return (
        f"at {point.participants} participants the generator was the limit: "
        + "; ".join(verdict.generator_reasons)
    )


def _cores(points: Sequence[LoadPoint]) -> float | None:
    known = [point.node_cores for point in points if point.node_cores is not None]
    return sorted(known)[len(known) // 2] if known else None


def _finite(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else value
