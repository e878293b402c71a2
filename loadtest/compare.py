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
the same version can show nothing about the version. Pure; `tests/benchmarks` holds the
rule to its promises by simulation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bots.errors import ConfigError
from loadtest.models import (
    Comparison,
    ComparisonVerdict,
    Design,
    LoadPoint,
    Measure,
    MeasureVerdict,
    OverallVerdict,
)
from loadtest.welch import (
    COVERAGE,
    P_MAX,
    RUNS_MIN,
    Effect,
    contrast,
    holm,
    permutation_p,
    runs_to_tell,
)

PERMUTATIONS = 5_000
NEVER_CAME = 10.0
"""An infinite value (a milestone that never came) stands at this many times the largest
finite one, so that it weighs but can be reckoned with."""

MEASURES = (
    Measure(name="capacity", unit="participants", is_higher_worse=False),
    Measure(name="cpu per participant", unit="s/min"),
    Measure(name="join time p95", unit="s"),
    Measure(name="first camera p95", unit="s"),
    Measure(name="video loss p95", is_share=True, smallest_effect=0.005),
    Measure(name="frozen p95", is_share=True, smallest_effect=0.005),
    Measure(name="join time p50", unit="s", is_gated=False),
    Measure(name="first audio p95", unit="s", is_gated=False),
    Measure(
        name="audio loss p95", is_share=True, smallest_effect=0.005, is_gated=False
    ),
    Measure(name="refused", is_share=True, smallest_effect=0.005, is_gated=False),
)
"""The first six are gated by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMeasures:
    """What one run measured, as one number per measure."""

    run: str
    values: Mapping[str, float | None]
    invalid: str = ""
    """Why the run is void (the generator was not fit), "" for a valid one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The runs of an experiment and what they were run on."""

    baseline: tuple[RunMeasures, ...]
    candidate: tuple[RunMeasures, ...]
    design: Design = "one host"
    same_version: tuple[tuple[RunMeasures, ...], tuple[RunMeasures, ...]] = ((), ())
    """Runs of the baseline on both sides. On one host: the A/A experiment, which voids
    the verdict when it finds a difference. On two hosts: (the baseline's host, the
    candidate's host); the difference of the hosts is taken out of the effect."""


@dataclass(slots=True, kw_only=True)
class _Tested:
    """One measure on its way to a verdict."""

    measure: Measure
    baseline: list[float]
    candidate: list[float]
    effect: Effect | None
    estimate: float
    spread: float
    p_permutation: float | None
    p_adjusted: float = 1.0


def compare(
    sides: Sides,
    measures: Sequence[Measure] = MEASURES,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> ComparisonVerdict:
    """Return the verdict on the candidate, with every measure's own.

    Void runs are left out and told. `permutations=0` leaves the second opinion of the
    permutation test out.
    """
    _check(sides, measures)
    reasons = _void_runs(sides)
    valid = _only_valid(sides)
    tested, listed = [], []
    for measure in measures:
        one = _test(measure, valid, seed, permutations)
        if one is None:
            listed.append(measure)
        else:
            tested.append(one)
    _adjust(tested)
    compared = [_compared(one, sides.design) for one in tested]
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
    return ComparisonVerdict(
        verdict="invalid" if failed or no_runs else _overall(compared),
        design=sides.design,
        measures=tuple(compared),
        reasons=tuple(reasons),
        runs_wanted=_most_wanted(compared),
    )


def measures_of(
    point: LoadPoint, capacity: float | None = None
) -> dict[str, float | None]:
    """Return the measures of a run that held one load, under the names of MEASURES."""

    def p95(name: str) -> float | None:
        found = getattr(point, name)
        return None if found is None else float(found.p95)

    used = point.node_cpu_s_per_s
    return {
        "capacity": capacity,
        "cpu per participant": (
            None if used is None or point.present <= 0 else 60 * used / point.present
        ),
        "join time p95": p95("join_time_s"),
        "join time p50": point.join_time_s.p50 if point.join_time_s else None,
        "first audio p95": p95("first_audio_s"),
        "first camera p95": p95("first_camera_s"),
        "audio loss p95": p95("audio_loss"),
        "video loss p95": p95("video_loss"),
        "frozen p95": p95("frozen"),
        "refused": None if point.join_success is None else 1 - point.join_success,
    }


def _check(sides: Sides, measures: Sequence[Measure]) -> None:
    if not any(measure.is_gated for measure in measures):
        raise ConfigError("no measure is gated: a verdict needs at least one")
    same = sides.same_version
    if sides.design == "two hosts, compared" and not (same[0] and same[1]):
        raise ConfigError(
            "the design compares two hosts, but no runs of the baseline on both are "
            "given: add them, or name the design `two hosts`"
        )


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


def _only_valid(sides: Sides) -> Sides:
    def valid(runs: tuple[RunMeasures, ...]) -> tuple[RunMeasures, ...]:
        return tuple(run for run in runs if not run.invalid)

    return replace(
        sides,
        baseline=valid(sides.baseline),
        candidate=valid(sides.candidate),
        same_version=(valid(sides.same_version[0]), valid(sides.same_version[1])),
    )


def _test(
    measure: Measure, sides: Sides, seed: int, permutations: int
) -> _Tested | None:
    """Test one measure; None when a side does not have it."""
    baseline = _values(measure, sides.baseline)
    candidate = _values(measure, sides.candidate)
    if not baseline or not candidate:
        return None
    hosts = [_values(measure, runs) for runs in sides.same_version]
    if sides.design != "two hosts, compared":
        hosts = [[], []]
    groups = _on_scale(measure, [baseline, candidate, *hosts])
    signed = [(-1.0, groups[0]), (1.0, groups[1])]
    estimate = float(np.median(groups[1]) - np.median(groups[0]))
    if hosts[0] and hosts[1]:
        signed += [(1.0, groups[2]), (-1.0, groups[3])]
        estimate -= float(np.median(groups[3]) - np.median(groups[2]))
    effect = contrast(signed)
    p_permutation = None
    if permutations and effect is not None and len(signed) == 2:
        p_permutation = permutation_p(
            groups[0], groups[1], seed=seed, count=permutations
        )
    variances = [float(np.var(group, ddof=1)) for _, group in signed if len(group) > 1]
    return _Tested(
        measure=measure,
        baseline=baseline,
        candidate=candidate,
        effect=effect,
        estimate=estimate,
        # With four groups the error is that of four means: plan for all of it.
        spread=math.sqrt(sum(variances) / 2),
        p_permutation=p_permutation,
    )


def _values(measure: Measure, runs: Sequence[RunMeasures]) -> list[float]:
    found = (run.values.get(measure.name) for run in runs)
    return [float(value) for value in found if value is not None]


def _on_scale(measure: Measure, groups: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return values as they are tested: logarithms, or shares as they are."""
    finite = [value for group in groups for value in group if math.isfinite(value)]
    ceiling = NEVER_CAME * max(finite, default=1.0)
    bounded = [[min(value, ceiling) for value in group] for group in groups]
    if measure.is_share:
        return bounded
    positive = [value for value in finite if value > 0]
    # A time of nothing has no logarithm; the smallest one seen stands for it.
    floor = min(positive, default=1e-9)
    return [[math.log(max(value, floor)) for value in group] for group in bounded]


def _adjust(tested: Sequence[_Tested]) -> None:
    """Set the adjusted p: Holm's over the gated measures, their own for the others."""
    gated = [one for one in tested if one.measure.is_gated]
    adjusted = holm([one.effect.p if one.effect else 1.0 for one in gated])
    for one, p in zip(gated, adjusted, strict=True):
        one.p_adjusted = p
    for one in tested:
        if not one.measure.is_gated and one.effect is not None:
            one.p_adjusted = one.effect.p


def _compared(one: _Tested, design: Design) -> Comparison:
    measure = one.measure
    smallest = _smallest(measure)
    low, high = one.effect.interval(COVERAGE) if one.effect else (-math.inf, math.inf)
    runs = min(len(one.baseline), len(one.candidate))
    verdict: MeasureVerdict = "inconclusive"
    # Two hosts without a swap or a host comparison: nothing can be said of versions.
    if one.effect is not None and runs >= RUNS_MIN and design != "two hosts":
        is_large = abs(one.estimate) >= smallest
        if one.p_adjusted < P_MAX and is_large:
            is_worse = (one.estimate > 0) == measure.is_higher_worse
            verdict = "regressed" if is_worse else "better"
        elif -smallest < low and high < smallest:
            verdict = "equal"
    wanted = None
    if verdict == "inconclusive" and one.effect is not None and design != "two hosts":
        wanted = runs_to_tell(one.spread, smallest, one.estimate)
        wanted = None if wanted is None else max(wanted, runs + 1, RUNS_MIN)
    return Comparison(
        measure=measure,
        baseline=tuple(one.baseline),
        candidate=tuple(one.candidate),
        estimate=_shown(measure, one.estimate),
        low=_shown(measure, low) if math.isfinite(low) else None,
        high=_shown(measure, high) if math.isfinite(high) else None,
        coverage=COVERAGE,
        p=one.effect.p if one.effect else None,
        p_adjusted=one.p_adjusted if one.effect else None,
        p_permutation=one.p_permutation,
        verdict=verdict,
        runs_wanted=wanted,
    )


def _listed(measure: Measure, sides: Sides) -> Comparison:
    """Return a measure that one side lacks: shown, not compared."""
    return Comparison(
        measure=measure,
        baseline=tuple(_values(measure, sides.baseline)),
        candidate=tuple(_values(measure, sides.candidate)),
        coverage=COVERAGE,
        verdict="not compared",
    )


def _smallest(measure: Measure) -> float:
    """Return the smallest effect on the scale of the test."""
    if measure.is_share:
        return measure.smallest_effect
    return math.log1p(measure.smallest_effect)


def _shown(measure: Measure, value: float) -> float:
    return value if measure.is_share else math.exp(value)


def _same_version_difference(sides: Sides, measures: Sequence[Measure]) -> str:
    """Say what differed between two sets of the same version on one host, "" if naught.

    On two hosts a difference is expected and taken out instead.
    """
    first, second = sides.same_version
    if sides.design == "two hosts, compared" or not first or not second:
        return ""
    tested = [
        one
        for measure in measures
        if measure.is_gated
        and (
            one := _test(
                measure,
                Sides(baseline=first, candidate=second),
                seed=0,
                permutations=0,
            )
        )
    ]
    _adjust(tested)
    different = [
        one.measure.name
        for one in tested
        if _compared(one, "one host").verdict in ("regressed", "better")
    ]
    if not different:
        return ""
    return (
        "the baseline differs from itself in "
        + ", ".join(different)
        + ": the machine is not steady enough for a verdict"
    )


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
