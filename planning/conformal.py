"""From experts to quantiles: weights by recent loss, errors from rolling origins. Pure.

The model of the weekly peak, on the log scale:

1. every expert forecasts from every past origin, knowing only the weeks before it;
2. at each origin the experts are mixed with exponential weights by the losses that were
   known then, older losses counting half every `HALF_LIFE_WEEKS`;
3. the errors of that mix, divided by the spread that the structural expert claimed and
   by a factor a + b·√h, are pooled over origins and weeks ahead, newer ones counting
   more; their quantiles times spread and factor lie around the newest mix.

A short history has few errors of its own: it is blended with shipped prior quantiles,
its own weight growing with the number of origins. Neither spread nor factor falls with
h, so a longer horizon never narrows the interval (as a ratio to its median), unless a
calendar says that a later week is better known than an earlier one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS
from planning.experts import EXPERTS
from planning.metrics import weighted_quantile
from planning.structure import FEWEST_WEEKS, best_sizes, parts_of, structural

Floats = NDArray[np.float64]

FIRST_ORIGIN = 6
"""Weeks an expert must know before its errors count."""
SIZES_EVERY = 13
"""Origins after which the structural expert chooses its sizes anew."""
HALF_LIFE_WEEKS = 46.0
LEARNING_RATE = 20.0
"""Exponent on the relative excess loss of an expert."""
ERROR_HALF_LIFE_WEEKS = 25.0
SHOCK_RATIO = 3.0
LEAST_MEDIAN = 0.4
"""The median error is taken to be at least this, in spreads claimed: a service that was
forecast unusually well for a while has no shocks yet."""
MEAN_ABSOLUTE = 0.8
"""Mean absolute value of a standard normal variable."""
PRIOR_SCALE = (0.08, 0.06)
"""a and b of the spread a + b·√h of a service nobody knows yet: 14 % one week ahead
and 29 % after twelve; our assumption."""
PRIOR_QUANTILES = {0.1: -1.6, 0.5: 0.0, 0.8: 1.02, 0.9: 1.58, 0.95: 2.03, 0.99: 2.9}
"""Quantiles of errors whose mean absolute value is one: a little heavier in the tail
than a normal distribution's; our assumption, from simulated services."""
PRIOR_ORIGINS = 20.0
"""Origins after which own errors weigh as much as the prior."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolling:
    """What every expert said at every origin; row o knows weeks 0 to o inclusive."""

    log_peaks: Floats
    points: Floats
    """(origins, experts, weeks ahead); NaN where an expert could not speak."""
    spreads: Floats
    """(origins, weeks ahead): the standard deviation the structural expert claims; by
    the prior where it could not speak."""
    knows_calendar: bool = False
    """True when a calendar told of the weeks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distribution:
    """Log quantiles ahead and how errors of different weeks hang together."""

    quantiles: Floats
    """(weeks ahead, LEVELS)."""
    dependence: tuple[float, float]
    """As in `planning.models.Forecast.week_dependence`."""


def roll(log_peaks: Floats, horizon: int, features: Floats | None = None) -> Rolling:
    """Let every expert forecast from every origin of the past.

    `features` (weeks, k) describes the calendar of all weeks, past and ahead; with it a
    structural expert speaks that knows the calendar, beside one that does not.
    """
    size = log_peaks.size
    views = [parts_of(size + horizon, None)]
    if features is not None:
        views.append(parts_of(size + horizon, features))
    points = np.full((size, len(EXPERTS) + len(views), horizon), np.nan)
    spreads = np.tile(prior_spread(horizon), (size, 1))
    for index, expert in enumerate(EXPERTS):
        for origin in _origins(log_peaks):
            points[origin, index] = expert(log_peaks[: origin + 1], horizon)
    for index, parts in enumerate(views, start=len(EXPERTS)):
        sizes = None
        for origin in _origins(log_peaks):
            past = log_peaks[: origin + 1]
            if np.isfinite(past).sum() < FEWEST_WEEKS:
                continue
            if sizes is None or origin % SIZES_EVERY == 0 or origin == size - 1:
                sizes = best_sizes(past, parts)
            mean, spread = structural(past, horizon, parts, sizes)
            points[origin, index] = mean
            # The last view is the one that knows most: its claim is kept.
            spreads[origin] = (
                spread if features is not None else np.maximum.accumulate(spread)
            )
    return Rolling(
        log_peaks=log_peaks,
        points=points,
        spreads=spreads,
        knows_calendar=features is not None,
    )


def _origins(log_peaks: Floats) -> list[int]:
    """Return the origins whose past holds something to speak from."""
    first = min(FIRST_ORIGIN, log_peaks.size) - 1
    return [
        origin
        for origin in range(first, log_peaks.size)
        if np.isfinite(log_peaks[: origin + 1]).any()
    ]


def distribution(rolling: Rolling, origin: int, horizon: int) -> Distribution:
    """Return the forecast made at `origin`, from what was known then."""
    mixed = mixed_points(rolling, horizon)[: origin + 1].copy()
    if origin < FIRST_ORIGIN - 1:
        points = np.array(
            [expert(rolling.log_peaks[: origin + 1], horizon) for expert in EXPERTS]
        )
        mixed[origin] = np.nanmean(points, axis=0)
    residuals = truths_of(rolling.log_peaks, origin, horizon) - mixed
    standard = residuals / rolling.spreads[: origin + 1, :horizon]
    weights = _recency(standard, origin)
    standard = _bounded(standard, weights)
    factor = _factor(standard, weights)
    scale = rolling.spreads[origin, :horizon] * factor
    own = float(weights.sum() / horizon)
    share = own / (own + PRIOR_ORIGINS)
    pooled = (standard / factor[None, :])[weights > 0]
    masses = weights[weights > 0]
    offsets = np.array(
        [
            share * weighted_quantile(pooled, masses, level)
            + (1 - share) * PRIOR_QUANTILES[level]
            if pooled.size
            else PRIOR_QUANTILES[level]
            for level in LEVELS
        ]
    )
    quantiles = mixed[origin][:, None] + scale[:, None] * offsets[None, :]
    return Distribution(
        quantiles=quantiles, dependence=_dependence(standard / factor[None, :])
    )


@lru_cache(maxsize=8)
def mixed_points(rolling: Rolling, horizon: int) -> Floats:
    """Return (origins, weeks ahead): the experts mixed at each origin.

    Each row rests on losses known at its own origin only, so it is the same whatever
    came later. Callers must not write into it.
    """
    size = rolling.log_peaks.size
    losses = np.abs(_errors(rolling, size - 1, horizon))
    mixed = np.full((size, horizon), np.nan)
    for past in range(FIRST_ORIGIN - 1, size):
        points = rolling.points[past, :, :horizon]
        mixed[past] = _mix(points, _weights(losses, past))
    return mixed


def prior_spread(horizon: int) -> Floats:
    """Return the spread of a service nobody knows yet, by weeks ahead."""
    roots = np.sqrt(np.arange(1, horizon + 1, dtype=float))
    return np.asarray(PRIOR_SCALE[0] + PRIOR_SCALE[1] * roots, dtype=float)


def truths_of(log_peaks: Floats, origin: int, horizon: int) -> Floats:
    """Return (origins, weeks ahead): the truth where it was known at `origin`."""
    truths = np.full((origin + 1, horizon), np.nan)
    for past in range(origin):
        reach = min(horizon, origin - past)
        truths[past, :reach] = log_peaks[past + 1 : past + 1 + reach]
    return truths


def _errors(rolling: Rolling, origin: int, horizon: int) -> Floats:
    truths = truths_of(rolling.log_peaks, origin, horizon)
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


def _recency(standard: Floats, origin: int) -> Floats:
    """Return the weight of each known error: newer ones count more."""
    age = origin - np.arange(origin + 1)
    decay = 0.5 ** (age / ERROR_HALF_LIFE_WEEKS)
    return np.asarray(np.where(np.isfinite(standard), decay[:, None], 0.0), dtype=float)


def _bounded(standard: Floats, weights: Floats) -> Floats:
    """Return the errors cut off where they are shocks (winsorised)."""
    known = weights > 0
    if not known.any():
        return standard
    median = weighted_quantile(np.abs(standard[known]), weights[known], 0.5)
    bound = SHOCK_RATIO * max(median, LEAST_MEDIAN)
    return np.clip(standard, -bound, bound)


def _factor(standard: Floats, weights: Floats) -> Floats:
    """Return a + b·√h: how many times larger errors were than the spreads claimed.

    The prior (they were as claimed) enters as `PRIOR_ORIGINS` origins.
    """
    horizon = standard.shape[1]
    roots = np.sqrt(np.arange(1, horizon + 1, dtype=float))
    counts = weights.sum(axis=0)
    sums = (np.where(np.isfinite(standard), np.abs(standard), 0.0) * weights).sum(
        axis=0
    )
    target = (sums + PRIOR_ORIGINS * MEAN_ABSOLUTE) / (counts + PRIOR_ORIGINS)
    intercept, slope = _line(roots, target, counts + PRIOR_ORIGINS)
    return np.maximum(intercept + slope * roots, 1e-3)


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
