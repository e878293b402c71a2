"""Where a rising measure crosses its bound, from the steps of one profile.

CPU is nearly linear in participants as long as the node is not saturated, so a line
through all unsaturated steps is crossed with the bound, and its residuals give the
interval. Quality has no such line: it is flat and then breaks, so what is known is the
bracket between the last good and the first bad step. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.models import LoadPoint
from loadtest.student import student_quantile

SATURATED = 0.95
"""CPU share from which on a node no longer does all the work asked of it, so that its
CPU says nothing about the load."""
NOISE_FLOOR = 0.01
"""Relative noise of a step's CPU below which residuals are not believed."""
NOISE_SHARE = 0.05
"""Share of the largest CPU that every step's noise has beside its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """CPU share = `base` + `slope` × participants, by weighted least squares."""

    base: float
    slope: float
    covariance: tuple[float, float, float]
    """Unscaled: of base, of base with slope, of slope; times the residual variance."""
    squared_residuals: float
    """Weighted sum; over `freedom` it is the variance of a step of unit weight."""
    freedom: int

    def crossing(self, bound: float) -> float | None:
        """Return the participants at which the line meets `bound`, None if never."""
        if self.slope <= 0:
            return None
        return max(0.0, (bound - self.base) / self.slope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """An estimated crossing with its interval."""

    value: float
    low: float
    high: float


def usable_for_cpu(point: LoadPoint) -> bool:
    """Say whether the CPU of this step is that of its load."""
    ratio = point.node_cpu_ratio
    return ratio is not None and ratio < SATURATED and point.present > 0


def fit_line(points: Sequence[LoadPoint]) -> Line | None:
    """Fit CPU share on participants present; None with fewer than two different loads.

    A step's noise is taken as proportional to its CPU, plus a twentieth of the largest.
    """
    used = [point for point in points if usable_for_cpu(point)]
    if len({round(point.present, 1) for point in used}) < 2:
        return None
    loads = np.array([point.present for point in used])
    ratios = np.array([point.node_cpu_ratio for point in used], dtype=float)
    weights = 1 / (ratios + NOISE_SHARE * ratios.max() + 1e-9)
    design = np.column_stack([np.ones_like(loads), loads]) * weights[:, None]
    inverse = np.linalg.inv(design.T @ design)
    base, slope = inverse @ design.T @ (ratios * weights)
    residuals = ratios * weights - design @ np.array([base, slope])
    return Line(
        base=float(base),
        slope=float(slope),
        covariance=(float(inverse[0, 0]), float(inverse[0, 1]), float(inverse[1, 1])),
        squared_residuals=float(residuals @ residuals),
        freedom=len(used) - 2,
    )


def pooled_noise(lines: Sequence[Line]) -> tuple[float, int]:
    """Return the relative noise of a step (at least the floor) and its freedom.

    One profile has few steps; the noise of a step is the machine's, so all profiles
    speak for it together.
    """
    freedom = sum(line.freedom for line in lines)
    if freedom == 0:
        return NOISE_FLOOR, 0
    variance = sum(line.squared_residuals for line in lines) / freedom
    return max(NOISE_FLOOR, math.sqrt(variance)), freedom


def line_crossing(
    line: Line, bound: float, *, noise: float, freedom: int, coverage: float
) -> Crossing | None:
    """Cross `line` with `bound`; the interval is the delta method's, by Student's t.

    x = (bound − base) / slope; var x = (v₀₀ + 2x·v₀₁ + x²·v₁₁)·noise² / slope². With no
    freedom left, the noise is the floor and one degree of freedom is assumed.
    """
    crossing = line.crossing(bound)
    if crossing is None:
        return None
    v00, v01, v11 = line.covariance
    variance = (v00 + 2 * crossing * v01 + crossing**2 * v11) * noise**2
    deviation = math.sqrt(max(variance, 0.0)) / line.slope
    reach = student_quantile((1 + coverage) / 2, max(freedom, 1)) * deviation
    return Crossing(
        value=crossing, low=max(0.0, crossing - reach), high=crossing + reach
    )


def saturation_crossing(
    good: float, bad: float, *, measured_bad: float, bound: float
) -> float:
    """Return where a lossy queue met `bound`, between a good and a bad load.

    Beyond its knee k a node of fixed throughput loses 1 − k/n of the load n; the bad
    step gives k, the bound the crossing. Kept within the two loads.
    """
    if measured_bad >= 1:
        return (good + bad) / 2
    return min(bad, max(good, bad * (1 - measured_bad) / (1 - bound)))


def delay_crossing(
    good: float, bad: float, *, measured_good: float, measured_bad: float, bound: float
) -> float:
    """Return where a waiting time met `bound`, between a good and a bad load.

    A queue's wait is proportional to 1/(1 − utilisation), so its inverse is linear in
    the load; a wait without end has the inverse 0. Kept within the two loads.
    """
    if measured_good <= 0:
        return (good + bad) / 2
    inverse_good = 1 / measured_good
    inverse_bad = 0.0 if math.isinf(measured_bad) else 1 / measured_bad
    fall = inverse_good - inverse_bad
    if fall <= 0:
        return (good + bad) / 2
    share = (inverse_good - 1 / bound) / fall
    return good + (bad - good) * min(1.0, max(0.0, share))


def growing_crossing(
    good: float, bad: float, *, measured_good: float, measured_bad: float, bound: float
) -> float:
    """Return where the wait of a crowd met `bound`, between a good and a bad load.

    Who comes at once to a door that lets in so many a second waits in proportion to
    their number, so the wait is linear in it; in the middle where one had no end.
    """
    if math.isinf(measured_bad) or measured_bad <= measured_good:
        return (good + bad) / 2
    share = (bound - measured_good) / (measured_bad - measured_good)
    return good + (bad - good) * min(1.0, max(0.0, share))
