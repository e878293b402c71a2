"""Simulated paths of weekly peaks, and what follows from them for months. Pure, seeded.

Weekly quantiles alone do not say how high the *month* goes: the quantile of a maximum
is not the maximum of quantiles. So paths are drawn whose weeks each follow their own
quantiles and whose errors hang together as the backtest saw it: one normal draw common
to all weeks ahead, and a rest that fades from week to week (a Gaussian copula). A
month's peak in a path is the maximum over the weeks whose Thursday lies in it.
"""

from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planning.peaks import PeakQuantiles, PeriodForecast

Floats = NDArray[np.float64]

MONTH_RULE = (
    "simulated weekly paths, each week after its own quantiles, errors of weeks tied "
    "together as in the backtest; a month's peak is the maximum over the weeks whose "
    "Thursday lies in it, and its quantiles are those of that maximum"
)
_LEVELS = (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
_SCORES = np.array([NormalDist().inv_cdf(level) for level in _LEVELS])


def simulate(
    weeks: tuple[PeriodForecast, ...],
    dependence: tuple[float, float],
    rng: np.random.Generator,
    count: int,
) -> Floats:
    """Return (count, weeks) simulated weekly peaks.

    Between the stated quantiles the log peak is linear in the normal score; outside
    them the slope of the nearest pair goes on.
    """
    common, rest = dependence
    scores = np.empty((count, len(weeks)))
    shared = rng.standard_normal(count) * np.sqrt(common)
    fading = rng.standard_normal(count)
    for index in range(len(weeks)):
        if index:
            fresh = rng.standard_normal(count)
            fading = rest * fading + np.sqrt(1.0 - rest**2) * fresh
        scores[:, index] = shared + np.sqrt(1.0 - common) * fading
    peaks = np.empty_like(scores)
    for index, week in enumerate(weeks):
        peaks[:, index] = np.exp(_at_scores(scores[:, index], week.peak))
    return peaks


def months_of(weeks: tuple[PeriodForecast, ...]) -> tuple[str, ...]:
    """Return the month (`YYYY-MM`) of each week: that of its Thursday."""
    return tuple(
        (date.fromisoformat(week.starts_on) + timedelta(days=3)).isoformat()[:7]
        for week in weeks
    )


def monthly_maxima(
    weeks: tuple[PeriodForecast, ...], paths: Floats
) -> tuple[tuple[str, ...], Floats]:
    """Return the months with all their weeks ahead, and their peaks in each path.

    A month whose first weeks are already past is left out, and so is a last one that
    the weeks do not reach the end of.
    """
    labels = months_of(weeks)
    complete = [
        label
        for label in dict.fromkeys(labels)
        if labels.count(label) == _thursdays(label)
    ]
    columns = [
        paths[:, [i for i, other in enumerate(labels) if other == label]].max(axis=1)
        for label in complete
    ]
    peaks = np.stack(columns, axis=1) if columns else np.empty((paths.shape[0], 0))
    return tuple(complete), peaks


def quantiles_of(sample: Floats) -> PeakQuantiles:
    """Return the quantiles of simulated peaks."""
    p10, p50, p80, p90, p95, p99 = (float(v) for v in np.quantile(sample, _LEVELS))
    return PeakQuantiles(p10=p10, p50=p50, p80=p80, p90=p90, p95=p95, p99=p99)


def _at_scores(scores: Floats, peak: PeakQuantiles) -> Floats:
    known = np.log([peak.p10, peak.p50, peak.p80, peak.p90, peak.p95, peak.p99])
    values = np.interp(scores, _SCORES, known)
    low_slope = (known[1] - known[0]) / (_SCORES[1] - _SCORES[0])
    high_slope = (known[-1] - known[-2]) / (_SCORES[-1] - _SCORES[-2])
    under, over = scores < _SCORES[0], scores > _SCORES[-1]
    values[under] = known[0] + low_slope * (scores[under] - _SCORES[0])
    values[over] = known[-1] + high_slope * (scores[over] - _SCORES[-1])
    return np.asarray(values, dtype=float)


def _thursdays(month: str) -> int:
    day = date.fromisoformat(month + "-01")
    first = day + timedelta(days=(3 - day.weekday()) % 7)
    count = 0
    while first.isoformat()[:7] == month:
        count += 1
        first += timedelta(days=7)
    return count
