"""How good a forecast quantile was: pinball loss and coverage. Pure."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pinball(truth: Floats, forecast: Floats, quantile: float) -> Floats:
    """Return the pinball loss of each forecast of the `quantile` of `truth`.

    loss = max(q·(y − f), (q − 1)·(y − f)), in the unit of `truth`; its mean is least
    where f is the true quantile (Koenker and Bassett 1978). NaN where a value is NaN.
    """
    error = truth - forecast
    return np.maximum(quantile * error, (quantile - 1.0) * error)


def coverage(truth: Floats, forecast: Floats) -> float:
    """Return the share of known truths at or under their forecast, NaN if none."""
    known = np.isfinite(truth) & np.isfinite(forecast)
    if not known.any():
        return float("nan")
    return float(np.mean(truth[known] <= forecast[known]))


def finite_sample_quantile(sample: Floats, quantile: float) -> float:
    """Return the `quantile` of what comes next, judging by `sample`.

    The next of n exchangeable values lies at or under the k-th smallest with chance
    k ÷ (n + 1), so the quantile is read at (n + 1)·q − 1 (split conformal prediction,
    Vovk et al.), between the neighbours, and stays within the sample.
    """
    if sample.size == 0:
        raise ValueError("a quantile of nothing was asked for")
    ordered = np.sort(sample)
    position = np.clip((ordered.size + 1) * quantile - 1, 0, ordered.size - 1)
    low = int(np.floor(position))
    high = min(low + 1, ordered.size - 1)
    share = float(position) - low
    return float(ordered[low] * (1 - share) + ordered[high] * share)


def weighted_quantile(sample: Floats, weights: Floats, quantile: float) -> float:
    """Return the `quantile` of what comes next, where newer values weigh more.

    As `finite_sample_quantile`, with one value of mean weight standing for the next
    one at the top (weighted conformal prediction, Tibshirani et al. 2019).
    """
    order = np.argsort(sample)
    ordered, masses = sample[order], weights[order]
    total = masses.sum() + masses.mean()
    position = np.cumsum(masses) / total
    return float(np.interp(quantile, position, ordered))
