"""Two sets of runs -> regressed, equal, better, inconclusive or invalid.

The unit is the run, never a sample within one: samples of a run share its machine, its
hour and its luck. Ratios are judged on logarithms, shares (loss, freezes, refusals) as
differences. Per measure:

    regressed     at least five runs a side, Holm-adjusted p of Welch's test < 0.015
                  over the gated measures, and the estimate at or beyond the smallest
                  effect that matters, on the bad side
    better        the mirror of it
    equal         at least five runs a side and the whole 95 % interval within the
                  smallest effect
    inconclusive  all else, with the runs a side that should settle it

The design limits the verdict: two hosts that were never swapped and never compared with
the same version can show nothing about the version. Hosts that were compared have their
difference taken out, with its error; where they were swapped, each host's own effect is
averaged. A measure taken at most once a side (the ladder) is shown and gates nothing.
Pure; `tests/benchmarks` holds the rule to its promises by simulation.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bots.errors import ConfigError
from loadtest.comparison import (
    Comparison,
    ComparisonVerdict,
    Design,
    Measure,
    MeasureVerdict,
    OverallVerdict,
)
from loadtest.effects import (
    Sides,
    Tested,
    adjust,
    measured_effect,
    only_valid,
    shown,
    smallest_of,
    values_of,
)
from loadtest.measures import MEASURES, RunMeasures
from loadtest.welch import (
    COVERAGE,
    P_MAX,
    RUNS_MIN,
    runs_to_tell,
)

PERMUTATIONS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What a verdict asks for."""

    design: Design = "one host"
    p_max: float = P_MAX
    coverage: float = COVERAGE


def compare(
    sides: Sides,
    measures: Sequence[Measure] = MEASURES,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    p_max: float = P_MAX,
    coverage: float = COVERAGE,
) -> ComparisonVerdict:
    """Return the verdict on the candidate, with every measure's own.

    Void runs are left out and told. `permutations=0` leaves the second opinion of the
    permutation test out. A look before the end of an experiment takes a smaller `p_max`
    and a larger `coverage`: see `loadtest.experiment`.
    """
    _check(sides, measures)
    reasons = list(dict.fromkeys(_void_runs(sides)))
    valid = only_valid(sides)
    measures = [_gated_if_decidable(measure, valid) for measure in measures]
    reasons += _set_aside(measures, valid)
    tested, listed = [], []
    for measure in measures:
        one = measured_effect(measure, valid, seed, permutations)
        if one is None:
            listed.append(measure)
        else:
            tested.append(one)
    adjust(tested)
    rule = _Rule(design=sides.design, p_max=p_max, coverage=coverage)
    compared = [_compared(one, rule) for one in tested]
    compared += [_listed(measure, valid) for measure in listed]
    order = {measure.name: place for place, measure in enumerate(measures)}
    compared.sort(key=lambda comparison: order[comparison.measure.name])
    failed = _same_version_difference(valid, measures)
    if failed:
        reasons.append(failed)
    if sides.design == "two hosts":
        reasons.append("host and version cannot be told apart")
    no_runs = not valid.baseline or not valid.candidate
    if no_runs:
        reasons.append("a side has no valid run")
    elif min(len(valid.baseline), len(valid.candidate)) < RUNS_MIN:
        reasons.append(
            f"a verdict needs at least {RUNS_MIN} valid runs a side: "
            f"{len(valid.baseline)} and {len(valid.candidate)} are here"
        )
    return ComparisonVerdict(
        verdict="invalid" if failed or no_runs else _overall(compared),
        design=sides.design,
        measures=tuple(compared),
        reasons=tuple(reasons),
        runs_wanted=_most_wanted(compared),
    )


def _check(sides: Sides, measures: Sequence[Measure]) -> None:
    if not any(measure.is_gated for measure in measures):
        raise ConfigError("no measure is gated: a verdict needs at least one")
    same = sides.same_version
    if sides.design == "two hosts, compared" and not (same[0] and same[1]):
        raise ConfigError(
            "the design compares two hosts, but no runs of the baseline on both are "
            "given: add them, or name the design `two hosts`"
        )


def _gated_if_decidable(measure: Measure, sides: Sides) -> Measure:
    """Return the measure, not gated where no side took it more than once."""
    most = max(
        len(values_of(measure, side)) for side in (sides.baseline, sides.candidate)
    )
    others = min(len(sides.baseline), len(sides.candidate))
    is_once = most == 1 and others > 1
    return replace(measure, is_gated=False) if is_once else measure


def _set_aside(measures: Sequence[Measure], sides: Sides) -> list[str]:
    """Say which measures could not decide, though they might have been meant to."""
    reasons = []
    for measure in measures:
        baseline = values_of(measure, sides.baseline)
        candidate = values_of(measure, sides.candidate)
        if measure.is_gated and bool(baseline) != bool(candidate):
            side = "candidate" if candidate else "baseline"
            reasons.append(f"{measure.name}: only the {side} has it, not compared")
    return reasons


def host_difference(
    sides: Sides, measures: Sequence[Measure] = MEASURES
) -> tuple[Comparison, ...]:
    """Return the candidate's host against the other, both with the baseline.

    Estimates and intervals, no verdicts; () where that was not measured.
    """
    first, second = only_valid(sides).same_version
    if sides.design == "one host" or not first or not second:
        return ()
    hosts = Sides(baseline=first, candidate=second, design="two hosts")
    return compare(hosts, measures, permutations=0).measures


def _void_runs(sides: Sides) -> list[str]:
    return [
        f"{name} run {run.run} is left out: {run.invalid}"
        for name, runs in (
            ("baseline", sides.baseline),
            ("candidate", sides.candidate),
            ("baseline", sides.same_version[0]),
            ("same-version", sides.same_version[1]),
        )
        for run in runs
        if run.invalid
    ]


def _compared(one: Tested, rule: _Rule) -> Comparison:
    measure, runs = one.measure, one.runs
    smallest = smallest_of(measure)
    low, high = -math.inf, math.inf
    if one.effect is not None:
        low, high = one.effect.interval(rule.coverage)
    verdict: MeasureVerdict = "inconclusive"
    # Two hosts without a swap or a host comparison: nothing can be said of versions.
    can_tell = one.effect is not None and rule.design != "two hosts"
    if can_tell and runs >= RUNS_MIN:
        is_large = abs(one.estimate) >= smallest
        if one.p_adjusted < rule.p_max and is_large:
            is_worse = (one.estimate > 0) == measure.is_higher_worse
            verdict = "regressed" if is_worse else "better"
        elif -smallest < low and high < smallest:
            verdict = "equal"
    wanted = None
    if verdict == "inconclusive" and can_tell:
        wanted = runs_to_tell(one.spread, smallest, one.estimate)
        wanted = None if wanted is None else max(wanted, runs + 1, RUNS_MIN)
    return Comparison(
        measure=measure,
        baseline=tuple(one.baseline),
        candidate=tuple(one.candidate),
        estimate=shown(measure, one.estimate),
        low=shown(measure, low) if math.isfinite(low) else None,
        high=shown(measure, high) if math.isfinite(high) else None,
        coverage=rule.coverage,
        p=one.effect.p if one.effect else None,
        p_adjusted=one.p_adjusted if one.effect else None,
        p_permutation=one.p_permutation,
        verdict=verdict,
        runs_wanted=wanted,
        baseline_median=_median(one.baseline),
        candidate_median=_median(one.candidate),
    )


def _listed(measure: Measure, sides: Sides) -> Comparison:
    """Return a measure that one side lacks: shown, not compared."""
    baseline = values_of(measure, sides.baseline)
    candidate = values_of(measure, sides.candidate)
    return Comparison(
        measure=measure,
        baseline=tuple(baseline),
        candidate=tuple(candidate),
        coverage=COVERAGE,
        verdict="not compared",
        baseline_median=_median(baseline),
        candidate_median=_median(candidate),
    )


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _same_version_difference(sides: Sides, measures: Sequence[Measure]) -> str:
    """Say what differed between two sets of one version on one host, "" if naught."""
    tested = [
        one
        for first, second in _same_twice(sides)
        for measure in measures
        if measure.is_gated
        and (
            one := measured_effect(
                measure,
                Sides(baseline=first, candidate=second),
                seed=0,
                permutations=0,
            )
        )
    ]
    adjust(tested)
    different = [
        one.measure.name
        for one in tested
        if _compared(one, _Rule()).verdict in ("regressed", "better")
    ]
    if not different:
        return ""
    return (
        "the baseline differs from itself in "
        + ", ".join(dict.fromkeys(different))
        + ": the machine is not steady enough for a verdict"
    )


def _same_twice(
    sides: Sides,
) -> list[tuple[tuple[RunMeasures, ...], tuple[RunMeasures, ...]]]:
    """Return the pairs of sets that were made with the baseline on one host.

    Where two hosts were compared, that is each host's baseline at first and later, as
    far as it had it later: a host that changed meanwhile shows nothing of a version.
    """
    first, second = sides.same_version
    if sides.design == "one host":
        pairs = [(first, second)]
    elif sides.design == "two hosts, compared":
        pairs = [(first, sides.baseline)]
    else:
        pairs = [
            (
                tuple(run for run in (*first, *second) if run.host == host),
                tuple(run for run in sides.baseline if run.host == host),
            )
            for host in sorted({run.host for run in sides.baseline})
        ]
    return [pair for pair in pairs if all(pair)]


def _overall(compared: Sequence[Comparison]) -> OverallVerdict:
    """Return the verdict over the gated measures that both sides have."""
    verdicts = {
        each.verdict
        for each in compared
        if each.measure.is_gated and each.verdict != "not compared"
    }
    if "regressed" in verdicts:
        return "regressed"
    if not verdicts or "inconclusive" in verdicts:
        return "inconclusive"
    return "better" if "better" in verdicts else "equal"


def _most_wanted(compared: Sequence[Comparison]) -> int | None:
    wanted = [
        each.runs_wanted
        for each in compared
        if each.measure.is_gated and each.runs_wanted is not None
    ]
    return max(wanted, default=None)
