"""The statistics behind a verdict: Welch's test, its interval, and runs still needed.

Plain functions on lists of one number per run; knows no measure and no verdict. Pure;
chance comes from a seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.student import student_probability, student_quantile

RUNS_MIN = 5
"""Two sides of four reach p = 0.029 at best in a rank test: proof of nothing."""
P_MAX = 0.015
COVERAGE = 0.95
POWER_QUANTILE = 0.95
"""One-sided share of experiments that the runs named as needed should settle."""
EXACT_PERMUTATIONS_MAX = 3_500
"""C(14, 7) = 3,432: up to seven runs a side every split is looked at."""
RUNS_NAMED_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A difference of means with its standard error and degrees of freedom."""

    difference: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Two-sided p of Student's t; without any noise 1 or 0."""
        if self.error == 0:
            return 1.0 if self.difference == 0 else 0.0
        reached = abs(self.difference) / self.error
        return 2 * (1 - student_probability(reached, self.freedom))

    def interval(self, coverage: float) -> tuple[float, float]:
        """Return the two-sided interval of this coverage."""
        if self.error == 0:
            return self.difference, self.difference
        reach = student_quantile((1 + coverage) / 2, self.freedom) * self.error
        return self.difference - reach, self.difference + reach


def contrast(groups: Sequence[tuple[float, Sequence[float]]]) -> Effect | None:
    """Return Σ wᵢ · mean(groupᵢ), with Welch's error and Satterthwaite's freedom.

    var = Σ vᵢ with vᵢ = wᵢ² sᵢ²/nᵢ; freedom = var² / Σ vᵢ²/(nᵢ − 1) (Welch 1947). None
    when a group has fewer than two values.
    """
    if any(len(values) < 2 for _, values in groups):
        return None
    difference = sum(weight * float(np.mean(values)) for weight, values in groups)
    parts = [
        weight**2 * float(np.var(values, ddof=1)) / len(values)
        for weight, values in groups
    ]
    variance = float(sum(parts))
    if variance <= 1e-24:  # rounding of equal values, not noise
        return Effect(difference=difference, error=0.0, freedom=math.inf)
    freedom = variance**2 / sum(
        part**2 / (len(values) - 1)
        for part, (_, values) in zip(parts, groups, strict=True)
    )
    return Effect(difference=difference, error=math.sqrt(variance), freedom=freedom)


def permutation_p(
    baseline: Sequence[float], candidate: Sequence[float], *, seed: int, count: int
) -> float:
    """Return the two-sided p of the difference of means when labels mean nothing.

    Every split is looked at up to seven runs a side, `count` drawn ones beyond; the
    observed split is among them, so p is never 0.
    """
    together = np.array([*baseline, *candidate])
    size = len(baseline)
    observed = float(abs(np.mean(candidate) - np.mean(baseline)))
    total = together.sum()
    if math.comb(len(together), size) <= EXACT_PERMUTATIONS_MAX:
        masks = _all_masks(len(together), size)
    else:
        order = np.random.default_rng(seed).random((count, len(together)))
        masks = np.argsort(order, axis=1) < size
    sums = masks @ together
    others = len(together) - size
    differences = np.abs((total - sums) / others - sums / size)
    extreme = int(np.sum(differences >= observed - 1e-12 * max(1.0, observed)))
    if len(masks) == math.comb(len(together), size):
        return extreme / len(masks)
    return (extreme + 1) / (len(masks) + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's adjusted p-values (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)


def runs_to_tell(
    spread: float, smallest: float, estimate: float, *, gated: int = 1
) -> int | None:
    """Return the runs a side that should settle a measure; None for too many.

    `spread` is the standard deviation of a run, all three on the scale of the test. An
    estimate at or beyond the smallest effect is taken as the truth and *different* is
    planned for, n = 2·(s·(t₁ + t₂)/effect)²; one within it is planned for as *equal*
    with no true difference, its interval and its own error both within the effect.
    """
    if abs(estimate) >= smallest:
        room, level = abs(estimate), 1 - P_MAX / (2 * gated)
    else:
        room, level = smallest, (1 + COVERAGE) / 2

    def settles(runs: int) -> bool:
        freedom = 2 * (runs - 1)
        reach = student_quantile(level, freedom)
        reach += student_quantile(POWER_QUANTILE, freedom)
        return 2 * (spread * reach / room) ** 2 <= runs

    low, high = RUNS_MIN, RUNS_NAMED_MAX
    if not settles(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if settles(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _all_masks(length: int, size: int) -> npt.NDArray[np.bool_]:
    bits = (np.arange(2**length)[:, None] >> np.arange(length)) & 1
    found: npt.NDArray[np.bool_] = bits[bits.sum(axis=1) == size].astype(bool)
    return found
