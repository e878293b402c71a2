"""From experts to quantiles: weights by recent loss, errors from rolling origins. Pure.

The model of the weekly peak, on the log scale:

1. every expert forecasts from every past origin, knowing only the weeks before it;
2. at each origin the experts are mixed with exponential weights by the losses that were
   known then, older losses counting half every `HALF_LIFE_WEEKS`;
3. the errors of that mix, standardised by s(h) = a + b·√h, are pooled over origins and
   weeks ahead; their finite-sample quantiles times s(h) lie around the newest mix.

A short history has few errors of its own: it is blended with shipped prior quantiles,
its own weight growing with the number of origins. The scale never falls with h, so a
longer horizon never narrows the interval (as a ratio to its median).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS
from planning.experts import EXPERTS, Expert
from planning.metrics import finite_sample_quantile

Floats = NDArray[np.float64]

FIRST_ORIGIN = 6
"""Weeks an expert must know before its errors count."""
HALF_LIFE_WEEKS = 46.0
LEARNING_RATE = 12.0
"""Exponent on the relative excess loss of an expert."""
PRIOR_SCALE = (0.08, 0.045)
"""a and b of s(h) = a + b·√h for a service nobody knows yet: about 13 % one week ahead
and 24 % after twelve; our assumption, from simulated services."""
PRIOR_QUANTILES = {0.1: -1.5, 0.5: 0.0, 0.8: 1.0, 0.9: 1.7, 0.95: 2.4, 0.99: 4.2}
"""Quantiles of standardised errors (mean absolute error 1) with a heavier upper tail
than a normal distribution's; our assumption, from simulated services."""
PRIOR_ORIGINS = 12.0
"""Origins after which own errors weigh as much as the prior."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolling:
    """What every expert said at every origin; row o knows weeks 0 to o inclusive."""

    log_peaks: Floats
    points: Floats
    """(origins, experts, weeks ahead); NaN where an expert could not speak."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distribution:
    """Log quantiles ahead and how errors of different weeks hang together."""

    quantiles: Floats
    """(weeks ahead, LEVELS)."""
    dependence: tuple[float, float]
    """As in `planning.models.Forecast.week_dependence`."""


def roll(
    log_peaks: Floats, horizon: int, experts: tuple[Expert, ...] = EXPERTS
) -> Rolling:
    """Let every expert forecast from every origin of the past."""
    size = log_peaks.size
    points = np.full((size, len(experts), horizon), np.nan)
    for origin in range(min(FIRST_ORIGIN, size) - 1, size):
        past = log_peaks[: origin + 1]
        if not np.isfinite(past).any():
            continue
        for index, expert in enumerate(experts):
            points[origin, index] = expert(past, horizon)
    return Rolling(log_peaks=log_peaks, points=points)


def distribution(rolling: Rolling, origin: int, horizon: int) -> Distribution:
    """Return the forecast made at `origin`, from what was known then."""
    errors = _errors(rolling, origin, horizon)
    losses = np.abs(errors)
    mixed = np.full((origin + 1, horizon), np.nan)
    for past in range(FIRST_ORIGIN - 1, origin + 1):
        points = rolling.points[past, :, :horizon]
        mixed[past] = _mix(points, _weights(losses, past))
    if origin < FIRST_ORIGIN - 1:
        points = np.array(
            [expert(rolling.log_peaks[: origin + 1], horizon) for expert in EXPERTS]
        )
        mixed[origin] = np.nanmean(points, axis=0)
    residuals = _truths(rolling.log_peaks, origin, horizon) - mixed
    scale, standard = _standardise(residuals, horizon)
    own = int(np.isfinite(residuals[:, 0]).sum())
    share = own / (own + PRIOR_ORIGINS)
    offsets = np.array(
        [
            share * finite_sample_quantile(standard, level)
            + (1 - share) * PRIOR_QUANTILES[level]
            if standard.size
            else PRIOR_QUANTILES[level]
            for level in LEVELS
        ]
    )
    quantiles = mixed[origin][:, None] + scale[:, None] * offsets[None, :]
    return Distribution(
        quantiles=quantiles, dependence=_dependence(residuals / scale[None, :])
    )


def _truths(log_peaks: Floats, origin: int, horizon: int) -> Floats:
    """Return (origins, weeks ahead): the truth where it was known at `origin`."""
    truths = np.full((origin + 1, horizon), np.nan)
    for past in range(origin):
        reach = min(horizon, origin - past)
        truths[past, :reach] = log_peaks[past + 1 : past + 1 + reach]
    return truths


def _errors(rolling: Rolling, origin: int, horizon: int) -> Floats:
    truths = _truths(rolling.log_peaks, origin, horizon)
    return truths[:, None, :] - rolling.points[: origin + 1, :, :horizon]


def _weights(losses: Floats, origin: int) -> Floats:
    """Return the weight of each expert at `origin`, from losses known by then."""
    known = losses[: origin + 1].copy()
    reach = origin - np.arange(origin + 1)
    ahead = np.arange(1, known.shape[2] + 1)
    known[
        np.broadcast_to((ahead[None, :] > reach[:, None])[:, None, :], known.shape)
    ] = np.nan
    age = reach[:, None, None] - ahead[None, None, :]
    decay = np.where(np.isfinite(known), 0.5 ** (age / HALF_LIFE_WEEKS), 0.0)
    total = decay.sum(axis=(0, 2))
    loss = np.where(np.isfinite(known), known * decay, 0.0).sum(axis=(0, 2))
    judged = total > 0
    if not judged.any():
        return np.full(losses.shape[1], 1.0 / losses.shape[1])
    mean = np.where(judged, loss / np.where(judged, total, 1.0), np.nan)
    best = max(float(np.nanmin(mean)), 1e-6)
    # An expert without a record of its own is believed as much as the median one.
    mean = np.where(judged, mean, np.nanmedian(mean))
    weights = np.exp(-LEARNING_RATE * (mean / best - 1.0))
    return np.asarray(weights / weights.sum(), dtype=float)


def _mix(points: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of the experts that spoke."""
    spoke = np.isfinite(points)
    masses = np.where(spoke, weights[:, None], 0.0) + np.where(spoke, 1e-12, 0.0)
    total = masses.sum(axis=0)
    mixed = np.where(spoke, points, 0.0) * masses
    return np.asarray(mixed.sum(axis=0) / total, dtype=float)


def _standardise(residuals: Floats, horizon: int) -> tuple[Floats, Floats]:
    """Return s(h) for each week ahead, and the residuals divided by it, pooled."""
    roots = np.sqrt(np.arange(1, horizon + 1, dtype=float))
    known = np.isfinite(residuals)
    counts = known.sum(axis=0)
    means = np.where(known, np.abs(residuals), 0.0).sum(axis=0) / np.maximum(counts, 1)
    # The prior enters as PRIOR_ORIGINS origins that behaved as it says.
    prior = PRIOR_SCALE[0] + PRIOR_SCALE[1] * roots
    share = counts / (counts + PRIOR_ORIGINS)
    target = share * means + (1 - share) * prior
    intercept, slope = _line(roots, target, counts + PRIOR_ORIGINS)
    scale = np.maximum(intercept + slope * roots, 1e-4)
    pooled = (residuals / scale[None, :])[known]
    return scale, np.asarray(pooled, dtype=float)


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Return intercept and slope, neither negative, of least weighted squares."""
    if x.size == 1:
        return float(y[0]), 0.0
    centre = float(np.average(x, weights=weights))
    height = float(np.average(y, weights=weights))
    spread = float(np.average((x - centre) ** 2, weights=weights))
    shared = float(np.average((x - centre) * (y - height), weights=weights))
    slope = max(0.0, shared / spread)
    intercept = height - slope * centre
    if intercept < 0.0:
        slope = float(
            np.average(x * y, weights=weights) / np.average(x * x, weights=weights)
        )
        intercept = 0.0
    return intercept, slope


def _dependence(standard: Floats) -> tuple[float, float]:
    """Return (share common to all weeks ahead, correlation of the rest).

    Moment estimates from the correlation of errors one week and many weeks apart,
    drawn towards (.5, .5) while there are few origins.
    """
    far = max(2, standard.shape[1] // 2)
    near_r, count = _correlation(standard, 1)
    far_r, _ = _correlation(standard, far)
    share = count / (count + 40.0)
    common = float(np.clip(share * far_r + (1 - share) * 0.5, 0.0, 0.95))
    rest = (near_r - common) / (1.0 - common)
    return common, float(np.clip(share * rest + (1 - share) * 0.5, 0.0, 0.95))


def _correlation(standard: Floats, lag: int) -> tuple[float, int]:
    if standard.shape[1] <= lag:
        return 0.5, 0
    first, second = standard[:, :-lag].ravel(), standard[:, lag:].ravel()
    known = np.isfinite(first) & np.isfinite(second)
    count = int(known.sum())
    if count < 8:
        return 0.5, 0
    first, second = first[known], second[known]
    norm = np.sqrt((first**2).mean() * (second**2).mean())
    return (float((first * second).mean() / norm) if norm > 0 else 0.5), count
