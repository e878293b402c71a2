"""Simple experts on log weekly peaks; each knows one thing well. Pure.

An expert takes the past (log peaks, NaN where a week is not known) and returns a point
for each week ahead, NaN where it cannot speak. None of them is good everywhere: the
aggregation in `conformal.py` weighs them by how they did lately.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planning.baselines import YEAR, last_known

Floats = NDArray[np.float64]
Expert = Callable[[Floats, int], Floats]


def recent_maximum(past: Floats, horizon: int) -> Floats:
    """Say that the largest of the last four weeks comes again."""
    recent = past[-4:][np.isfinite(past[-4:])]
    value = recent.max() if recent.size else last_known(past)
    return np.full(horizon, value)


def last_value(past: Floats, horizon: int) -> Floats:
    """Say that the last known week comes again."""
    return np.full(horizon, last_known(past))


def fast_level(past: Floats, horizon: int) -> Floats:
    """Say the exponential mean with a half-life of three weeks."""
    return np.full(horizon, smoothed(past, 3.0))


def slow_level(past: Floats, horizon: int) -> Floats:
    """Say the exponential mean with a half-life of ten weeks."""
    return np.full(horizon, smoothed(past, 10.0))


def damped_trend(past: Floats, horizon: int) -> Floats:
    """Carry the trend of the last weeks on, losing a tenth of it each week.

    The trend is the slope between two exponential means of different age; damping
    follows Gardner and McKenzie (1985).
    """
    fast, slow = smoothed(past, 2.0), smoothed(past, 6.0)
    # The mean age of an exponential mean is half-life ÷ ln 2.
    slope = (fast - slow) / ((6.0 - 2.0) / np.log(2.0))
    steps = np.cumsum(0.9 ** np.arange(1, horizon + 1))
    return np.asarray(fast + slope * (steps + 2.0 / np.log(2.0)), dtype=float)


def last_year(past: Floats, horizon: int) -> Floats:
    """Say the same weeks of last year, moved by the growth since then."""
    size = past.size
    if size < YEAR + 4:
        return np.full(horizon, np.nan)
    growth = past[-8:] - past[-8 - YEAR : -YEAR] if size >= YEAR + 8 else np.empty(0)
    growth = growth[np.isfinite(growth)]
    if not growth.size:
        growth = past[YEAR:] - past[:-YEAR]
        growth = growth[np.isfinite(growth)]
    if not growth.size:
        return np.full(horizon, np.nan)
    index = size + np.arange(horizon) - YEAR
    index = np.where(index >= size, index - YEAR, index)
    index = np.clip(index, 0, size - 1)
    return np.asarray(past[index] + np.median(growth), dtype=float)


def seasonal_level(past: Floats, horizon: int) -> Floats:
    """Say the recent level, plus how that week of the year differs from its level.

    The difference of each week is its mean over the years known, each against a level
    of 26 weeks around it, smoothed over three weeks and shrunk towards none.
    """
    size = past.size
    if size < YEAR + 12:
        return np.full(horizon, np.nan)
    filled = fill_gaps(past)
    kernel = np.ones(27)
    level = np.convolve(filled, kernel, "same") / np.convolve(
        np.ones(size), kernel, "same"
    )
    ratio = filled - level
    phase = np.arange(size) % YEAR
    counts = np.bincount(phase, minlength=YEAR)
    means = np.bincount(phase, ratio, minlength=YEAR) / (counts + 0.5)
    around = (np.roll(means, 1) + 2 * means + np.roll(means, -1)) / 4
    seasonal = around - around.mean()
    adjusted = smoothed(filled - seasonal[phase], 4.0)
    return np.asarray(
        adjusted + seasonal[(size + np.arange(horizon)) % YEAR], dtype=float
    )


EXPERTS: tuple[Expert, ...] = (
    recent_maximum,
    last_value,
    fast_level,
    slow_level,
    damped_trend,
    last_year,
    seasonal_level,
)


def smoothed(past: Floats, half_life: float) -> float:
    """Return the exponential mean of the known values, newest heaviest."""
    ages = np.arange(past.size - 1, -1, -1, dtype=float)
    known = np.isfinite(past)
    weights = 0.5 ** (ages[known] / half_life)
    return float(np.average(past[known], weights=weights))


def fill_gaps(past: Floats) -> Floats:
    """Return `past` with unknown weeks interpolated between their neighbours."""
    known = np.isfinite(past)
    index = np.arange(past.size)
    return np.interp(index, index[known], past[known])
