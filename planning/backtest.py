"""Rolling-origin backtest of the model and its baselines on one history. Pure.

Origins lie every four weeks from week 30 on (earlier where a history is shorter).
Each forecaster sees only the weeks up to the origin; its quantiles are scored against
the weeks that follow, in the unit of the median weekly peak of the 26 weeks before the
origin, averaged over weeks ahead, then over origins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS, YEAR, rule, seasonal_naive
from planning.combining import combined
from planning.conformal import Rolling, roll
from planning.metrics import pinball
from planning.peaks import (
    QUANTILES,
    Backtest,
    BacktestScore,
    ForecastMethod,
    QuantileScore,
)

Floats = NDArray[np.float64]

FIRST_ORIGIN_WEEK = 30
SHORTEST_ORIGIN_WEEK = 8
EVERY_WEEKS = 4
SCALE_WEEKS = 26
FEWEST_ORIGINS = 3
"""Fewer origins than this decide nothing."""
_METHODS: tuple[ForecastMethod, ...] = ("model", "rule", "seasonal naive")
_COLUMNS = [LEVELS.index(q) for q in QUANTILES]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Losses:
    """Scaled pinball losses and hits of one forecaster, by origin."""

    pinball: Floats
    """(origins, QUANTILES), mean over the known weeks ahead."""
    hits: Floats
    """(origins, QUANTILES), truths at or under the quantile."""
    truths: NDArray[np.int64]
    """(origins), known weeks ahead."""


def origins_of(weeks: int) -> tuple[int, ...]:
    """Return the number of weeks known at each origin of a backtest."""
    first = FIRST_ORIGIN_WEEK
    if weeks < FIRST_ORIGIN_WEEK + FEWEST_ORIGINS * EVERY_WEEKS:
        first = max(SHORTEST_ORIGIN_WEEK, weeks // 3)
    return tuple(range(first, weeks, EVERY_WEEKS))


def backtest(
    log_peaks: Floats, horizon: int, features: Floats | None = None
) -> Backtest:
    """Score model, rule and seasonal naive on `log_peaks` and choose among them.

    `features` is the calendar, as in `planning.conformal.roll`.
    """
    return judge(roll(log_peaks, horizon, features), horizon)


def judge(rolling: Rolling, horizon: int) -> Backtest:
    """Score and choose as `backtest` does, on experts that were rolled already."""
    log_peaks = rolling.log_peaks
    losses = {
        method: score_method(method, rolling, origins_of(log_peaks.size), horizon)
        for method in _METHODS
    }
    scores = tuple(_summary(method, losses[method]) for method in _METHODS)
    used_at, reason = choose(scores, log_peaks.size)
    return Backtest(
        horizon_weeks=horizon,
        used=max(_METHODS, key=used_at.count),
        used_at=used_at,
        reason=reason,
        scores=scores if scores[0].origins else (),
    )


def quantiles_at(
    method: ForecastMethod, rolling: Rolling, origin: int, horizon: int
) -> Floats:
    """Return the log quantiles (weeks ahead, LEVELS) that `method` gave at `origin`.

    `origin` is the index of the last week it knows.
    """
    past = rolling.log_peaks[: origin + 1]
    if method == "model":
        return combined(rolling, origin, horizon)
    return (rule if method == "rule" else seasonal_naive)(past, horizon)


def quantiles_used(
    tested: Backtest, rolling: Rolling, origin: int, horizon: int
) -> Floats:
    """Return the log quantiles as `quantiles_at`, each of the forecaster used at it.

    The .1 quantile goes with the median; quantiles never cross.
    """
    said = {
        method: quantiles_at(method, rolling, origin, horizon)
        for method in set(tested.used_at)
    }
    quantiles = said[tested.used_at[0]].copy()
    for column, method in zip(_COLUMNS, tested.used_at, strict=True):
        quantiles[:, column] = said[method][:, column]
    return np.asarray(np.maximum.accumulate(quantiles, axis=1), dtype=float)


def score_method(
    method: ForecastMethod, rolling: Rolling, origins: tuple[int, ...], horizon: int
) -> Losses:
    """Return the losses of `method` at `origins` (numbers of weeks known)."""
    peaks = np.exp(rolling.log_peaks)
    losses, hits, truths = [], [], []
    for known in origins:
        ahead = peaks[known : known + horizon]
        seen = np.isfinite(ahead)
        if not seen.any() or not np.isfinite(peaks[:known]).any():
            continue
        recent = peaks[max(0, known - SCALE_WEEKS) : known]
        if not np.isfinite(recent).any():
            continue
        unit = np.nanmedian(recent)
        quantiles = np.exp(quantiles_at(method, rolling, known - 1, horizon))
        said = quantiles[: ahead.size][seen][:, _COLUMNS]
        truth = ahead[seen][:, None]
        level = np.array(QUANTILES)
        error = np.stack(
            [pinball(truth[:, 0], said[:, i], q) for i, q in enumerate(level)], axis=1
        )
        losses.append(error.mean(axis=0) / unit)
        hits.append((truth <= said).sum(axis=0))
        truths.append(int(seen.sum()))
    shape = (0, len(QUANTILES))
    return Losses(
        pinball=np.array(losses) if losses else np.empty(shape),
        hits=np.array(hits, dtype=float) if hits else np.empty(shape),
        truths=np.array(truths, dtype=np.int64),
    )


def choose(
    scores: tuple[BacktestScore, ...], weeks: int
) -> tuple[tuple[ForecastMethod, ...], str]:
    """Return the forecaster that earned each of `QUANTILES`, and why, in one sentence.

    At each quantile it is the one with the least pinball loss at it; the rule where
    nothing lost less. Without a year of history there is no season to repeat: then
    seasonal naive is left out.
    """
    origins = scores[0].origins
    if origins < FEWEST_ORIGINS:
        rules: list[ForecastMethod] = ["rule"]
        return tuple(rules * len(QUANTILES)), (
            f"the history allows {origins} backtest origins, fewer than "
            f"{FEWEST_ORIGINS}: nothing shows that the model is better than the rule"
        )
    able = [s for s in scores if s.name != "seasonal naive" or weeks > YEAR]
    best: tuple[ForecastMethod, ...] = tuple(
        min(able, key=lambda s: (s.scores[i].pinball, s.name != "rule")).name
        for i in range(len(QUANTILES))
    )
    by_name = {score.name: score for score in scores}
    unit = [max(s.pinball, 1e-12) for s in by_name["rule"].scores]
    shares = ", ".join(
        f"{name} "
        + "/".join(
            f"{s.pinball / u:.2f}"
            for s, u in zip(by_name[name].scores, unit, strict=True)
        )
        for name in ("model", "seasonal naive")
    )
    levels = "/".join(f"{q:g}" for q in QUANTILES)
    reason = (
        f"over {origins} origins of this history losses at {levels} were, as shares of "
        f"the rule's: {shares}"
    )
    if len(set(best)) > 1:
        apart = ", ".join(
            f"{name} at "
            + "/".join(
                f"{q:g}"
                for q, used in zip(QUANTILES, best, strict=True)
                if used == name
            )
            for name in _METHODS
            if name in best
        )
        reason += f"; each quantile is that of the best one: {apart}"
    return best, reason


def _summary(name: ForecastMethod, losses: Losses) -> BacktestScore:
    total = int(losses.truths.sum())
    return BacktestScore(
        name=name,
        origins=int(losses.truths.size),
        truths=total,
        scores=tuple(
            QuantileScore(
                quantile=q,
                pinball=float(losses.pinball[:, i].mean()) if total else 0.0,
                coverage=float(losses.hits[:, i].sum() / total) if total else 0.0,
            )
            for i, q in enumerate(QUANTILES)
        ),
    )
