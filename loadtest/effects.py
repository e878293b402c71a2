"""One measure of two sides -> its effect and error, as the design lets them be told.

Knows designs and measures, not verdicts: `loadtest.compare` judges. Pure; chance comes
from a seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from loadtest.comparison import Design, Measure
from loadtest.measures import RunMeasures
from loadtest.welch import Effect, contrast, holm, permutation_p

NEVER_CAME = 10.0
"""An infinite value (a milestone that never came) stands at this many times the largest
finite one, so that it weighs but can be reckoned with."""


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
class Tested:
    """One measure on its way to a verdict."""

    measure: Measure
    baseline: list[float]
    candidate: list[float]
    effect: Effect | None
    estimate: float
    runs: int
    """Runs of the smaller side; of the smallest group where hosts were compared."""
    spread: float
    p_permutation: float | None
    p_adjusted: float = 1.0


def only_valid(sides: Sides) -> Sides:
    def valid(runs: tuple[RunMeasures, ...]) -> tuple[RunMeasures, ...]:
        return tuple(run for run in runs if not run.invalid)

    return replace(
        sides,
        baseline=valid(sides.baseline),
        candidate=valid(sides.candidate),
        same_version=(valid(sides.same_version[0]), valid(sides.same_version[1])),
    )


def measured_effect(
    measure: Measure, sides: Sides, seed: int, permutations: int
) -> Tested | None:
    """Test one measure; None when a side does not have it."""
    baseline = values_of(measure, sides.baseline)
    candidate = values_of(measure, sides.candidate)
    if not baseline or not candidate:
        return None
    signed = _signed(measure, sides)
    effect = contrast(signed) if signed else None
    if signed:
        estimate = sum(weight * float(np.median(group)) for weight, group in signed)
    else:
        alone = _on_scale(measure, [baseline, candidate])
        estimate = float(np.median(alone[1]) - np.median(alone[0]))
    p_permutation = None
    if permutations and effect is not None and len(signed) == 2:
        p_permutation = permutation_p(
            signed[0][1], signed[1][1], seed=seed, count=permutations
        )
    runs = min(len(baseline), len(candidate))
    if sides.design == "two hosts, compared":
        runs = min(runs, *(len(values_of(measure, own)) for own in sides.same_version))
    # Of hosts that were swapped, a group holds half of its side's runs.
    strata = len(signed) / 2 if sides.design == "two hosts, swapped" else 1.0
    variances = [
        weight**2 * strata * float(np.var(group, ddof=1))
        for weight, group in signed
        if len(group) > 1
    ]
    return Tested(
        measure=measure,
        baseline=baseline,
        candidate=candidate,
        effect=effect,
        estimate=estimate,
        runs=runs,
        # With four groups the error is that of four means: plan for all of it.
        spread=math.sqrt(sum(variances) / 2),
        p_permutation=p_permutation,
    )


def _signed(measure: Measure, sides: Sides) -> list[tuple[float, list[float]]]:
    """Return groups of values with their weights in the effect; [] where one lacks."""
    weight, groups = 1.0, [sides.baseline, sides.candidate]
    if sides.design == "two hosts, compared":
        groups += [sides.same_version[1], sides.same_version[0]]
    elif sides.design == "two hosts, swapped":
        hosts = sorted({run.host for run in (*sides.baseline, *sides.candidate)})
        weight = 1 / len(hosts)
        groups = [
            tuple(run for run in side if run.host == host)
            for host in hosts
            for side in (sides.baseline, sides.candidate)
        ]
    values = [values_of(measure, group) for group in groups]
    if not all(values):
        return []
    return [
        (weight if place % 2 else -weight, scaled)
        for place, scaled in enumerate(_on_scale(measure, values))
    ]


def values_of(measure: Measure, runs: Sequence[RunMeasures]) -> list[float]:
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


def adjust(tested: Sequence[Tested]) -> None:
    """Set the adjusted p: Holm's over the gated measures, their own for the others."""
    gated = [one for one in tested if one.measure.is_gated]
    adjusted = holm([one.effect.p if one.effect else 1.0 for one in gated])
    for one, p in zip(gated, adjusted, strict=True):
        one.p_adjusted = p
    for one in tested:
        if not one.measure.is_gated and one.effect is not None:
            one.p_adjusted = one.effect.p


def smallest_of(measure: Measure) -> float:
    """Return the smallest effect on the scale of the test."""
    if measure.is_share:
        return measure.smallest_effect
    return math.log1p(measure.smallest_effect)


def shown(measure: Measure, value: float) -> float:
    return value if measure.is_share else math.exp(value)
