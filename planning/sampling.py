"""Random draws from stated intervals. Pure, seeded."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planning.peaks import Interval

Floats = NDArray[np.float64]


def log_normal(interval: Interval, rng: np.random.Generator, count: int) -> Floats:
    """Draw `count` values whose median is `mid` and whose interval is `interval`.

    Each side has its own log-normal spread, so that low and high are met exactly. An
    interval without width is its middle; one that reaches zero is normal on each side
    and cut at zero.
    """
    if interval.low == interval.high:
        return np.full(count, interval.mid)
    scores = rng.standard_normal(count)
    reach = NormalDist().inv_cdf(0.5 + interval.coverage / 2)
    if interval.low <= 0.0:
        below = (interval.mid - interval.low) / reach
        above = (interval.high - interval.mid) / reach
        values = interval.mid + scores * np.where(scores < 0, below, above)
        return np.asarray(np.maximum(values, 0.0), dtype=float)
    below = np.log(interval.mid / interval.low) / reach
    above = np.log(interval.high / interval.mid) / reach
    spread = np.where(scores < 0, below, above)
    return np.asarray(interval.mid * np.exp(scores * spread), dtype=float)


def interval_of(sample: Floats, coverage: float = 0.8) -> Interval:
    """Return the median of `sample` and the central interval of this coverage."""
    low, mid, high = np.quantile(sample, [(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
    return Interval(low=float(low), mid=float(mid), high=float(high), coverage=coverage)
