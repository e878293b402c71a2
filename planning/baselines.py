"""Forecasts that a model must beat: the rule of thumb and seasonal naive. Pure.

Both take the log peaks of the known weeks (NaN where a week is not known) and return
log quantiles, one row per week ahead, one column per level of `LEVELS`.
"""

import numpy as np
from numpy.typing import NDArray

from planning.metrics import finite_sample_quantile

Floats = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.8, 0.9, 0.95, 0.99)
"""The levels of every forecast: those of the plan, and .1 for the lower bound."""
YEAR = 52
RULE_FACTORS = {0.1: 0.8, 0.5: 1.0, 0.8: 1.15, 0.9: 1.3, 0.95: 1.5, 0.99: 2.0}
"""The 4-week maximum times 1, 1.3, 1.5 and 2 is what people do; the factors at .8 and
.1 are ours, between and under the others, so that the rule can carry a whole plan."""
_ENOUGH_RESIDUALS = 20


def rule(log_peaks: Floats, horizon: int) -> Floats:
    """Return the maximum of the last four weeks, times a factor for each level."""
    known = log_peaks[-4:][np.isfinite(log_peaks[-4:])]
    level = known.max() if known.size else last_known(log_peaks)
    row = np.array([level + np.log(RULE_FACTORS[q]) for q in LEVELS])
    return np.tile(row, (horizon, 1))


def seasonal_naive(log_peaks: Floats, horizon: int) -> Floats:
    """Return the week a year ago, with quantiles of this method's own past errors.

    Without a year of history the last known week stands in for it. Under 20 errors of
    its own the rule's factors are used around it.
    """
    size = log_peaks.size
    points = np.array(
        [_naive_point(log_peaks, size, ahead) for ahead in range(1, horizon + 1)]
    )
    errors = naive_errors(log_peaks, horizon)
    if errors.size < _ENOUGH_RESIDUALS:
        offsets = np.log([RULE_FACTORS[q] for q in LEVELS])
    else:
        offsets = np.array([finite_sample_quantile(errors, q) for q in LEVELS])
    return np.asarray(points[:, None] + offsets[None, :], dtype=float)


def naive_errors(log_peaks: Floats, horizon: int) -> Floats:
    """Return the log errors that seasonal naive made on its own past."""
    size = log_peaks.size
    if size > YEAR + 4:
        errors = log_peaks[YEAR:] - log_peaks[:-YEAR]
    else:
        reach = min(horizon, max(1, size // 2))
        pairs = [
            log_peaks[ahead:] - log_peaks[:-ahead] for ahead in range(1, reach + 1)
        ]
        errors = np.concatenate(pairs) if size > 1 else np.empty(0)
    return np.asarray(errors[np.isfinite(errors)], dtype=float)


def last_known(log_peaks: Floats) -> float:
    """Return the last value that is known."""
    known = log_peaks[np.isfinite(log_peaks)]
    if not known.size:
        raise ValueError("no week of the history is known")
    return float(known[-1])


def _naive_point(log_peaks: Floats, size: int, ahead: int) -> float:
    index = size + ahead - 1 - YEAR
    while index >= size:
        index -= YEAR
    if index >= 0 and np.isfinite(log_peaks[index]):
        return float(log_peaks[index])
    return last_known(log_peaks)
