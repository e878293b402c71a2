"""Load points -> what a node carries, per meeting profile, with an interval.

A capacity exists only where a bound of the SLO was seen to break. What one climb shows
is its knee (`loadtest/knees.py`); several climbs of a profile are drawn together by a
bootstrap over whole climbs (`loadtest/repeats.py`).

An SLO that held at the largest load gives `at_least`; a profile ended by the generator
gives `invalid`. Neither is ever a capacity. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from loadtest.aggregate import Aggregate
from loadtest.ascents import (
    Ascent,
    Finished,
    ascents_of,
    bracket,
    broken_at,
    met_at,
)
from loadtest.costs import CostFit, fit_costs, meeting_cost
from loadtest.knees import COVERAGE, Knee, knee_of
from loadtest.models import (
    Capacity,
    EndRecord,
    LoadPoint,
    MeetingProfile,
    ProfileCapacity,
    Record,
    RunHeader,
)
from loadtest.repeats import left_out, noise_of, together
from loadtest.slo import judge


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
    pairs = [(point, judge(point, header.slo)) for point in points]
    climbs = [ascents_of(profile, pairs) for profile in profiles]
    noise = noise_of([ascent for ascents in climbs for ascent in ascents])
    knees = [[knee_of(a, header.slo, noise) for a in ascents] for ascents in climbs]
    fit = fit_costs([p for p, v in pairs if v.generator_fit], seed=header.seed)
    found = tuple(
        _profile_capacity(ascents, known, header, fit)
        for ascents, known in zip(climbs, knees, strict=True)
    )
    asked = {profile.name for profile in profiles}
    reasons = tuple(
        f"{each.profile.name}: {each.invalid}" for each in found if each.invalid
    )
    reasons += tuple(
        note for ascents in climbs for each in ascents for note in _passed_by(each)
    )
    reasons += tuple(
        f"{profile.name}: {note}"
        for profile, known in zip(profiles, knees, strict=True)
        for note in left_out(known)
    )
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
        manner=header.manner,
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


def _profile_capacity(
    ascents: Sequence[Ascent],
    knees: Sequence[Knee | None],
    header: RunHeader,
    fit: CostFit,
) -> ProfileCapacity:
    """Return what the climbs of one profile show together."""
    profile = ascents[0].profile
    knee = together([each for each in knees if each is not None], seed=header.seed)
    pairs = tuple(pair for ascent in ascents for pair in ascent.pairs)
    found = ProfileCapacity(
        profile=profile,
        capacity=None,
        at_least=None,
        invalid="",
        low=None,
        high=None,
        coverage=COVERAGE,
        limit="",
        points=tuple(point for point, _ in pairs),
        verdicts=tuple(verdict for _, verdict in pairs),
        meeting_cost=meeting_cost(fit, profile),
    )
    return _unbroken(found, ascents[-1]) if knee is None else _broken(found, knee)


def _broken(found: ProfileCapacity, knee: Knee) -> ProfileCapacity:
    """Add the knee that was found; loss on the path is no capacity of the node."""
    found = replace(
        found, limit=knee.limit, limit_met=knee.met.limit, evidence=knee.met.evidence
    )
    if knee.met.limit == "path":
        shown = ", ".join(knee.met.evidence)
        return replace(found, invalid=f"the path, and not the node: {shown}")
    crossing = knee.crossing
    return replace(found, capacity=crossing.value, low=crossing.low, high=crossing.high)


def _unbroken(found: ProfileCapacity, ascent: Ascent) -> ProfileCapacity:
    """Add why a climb has no knee: its cap, our generator, or a first bad step."""
    good, bad = bracket(ascent.pairs)
    if bad is not None:
        invalid = f"the smallest load tried, {bad} participants, already broke the SLO"
        limit = broken_at(ascent.pairs, bad)[0]
        met = met_at(ascent.pairs, bad, limit)
        if met.limit == "path":
            invalid += "; it is the path, and not the node: " + ", ".join(met.evidence)
        return replace(
            found,
            invalid=invalid,
            limit=limit,
            limit_met=met.limit,
            evidence=met.evidence,
        )
    if reason := _ended_by_generator(ascent.pairs):
        return replace(found, invalid=reason, limit="generator")
    if good is not None:
        return replace(found, at_least=float(good), limit="cap")
    return replace(found, invalid="no step was measured")


def _passed_by(ascent: Ascent) -> list[str]:
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
