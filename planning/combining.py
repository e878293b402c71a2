"""Mixed experts, claim, rule and seasonal naive, weighed by loss. Pure.

Which forecaster is best differs by quantile and by service: a median may be easy where
a tail is not. So at every quantile the mixed experts with their pooled errors
(`conformal.py`), what the structural expert claims (`claim.py`), rule and seasonal
naive are averaged (as logarithms) with exponential weights by the pinball loss each had
at that very quantile, at past origins and weeks ahead known by then, older losses
counting half every `HALF_LIFE_WEEKS` (prediction with expert advice, Cesa-Bianchi and
Lugosi 2006).

Two things keep the record fair. A shock makes one origin cost more than all calm ones
together and says little of the next year, so the loss at an origin counts up to
`SHOCK_RATIO` times what the rule loses at one of its worse origins. And nobody is
judged for what they said before they could know: seasonal naive has no voice and no
record before a year of history.

Before `ENOUGH_WEEKS` of history nothing has been shown yet and the rule speaks alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS, YEAR, rule, seasonal_naive
from planning.claim import claimed
from planning.conformal import Rolling, distribution
from planning.metrics import pinball
from planning.peaks import QUANTILES

Floats = NDArray[np.float64]

ENOUGH_WEEKS = 30
FIRST_KNOWN = 18
"""Weeks known at the first origin whose losses count: with fewer hardly a holiday has
been seen, and what is lost before the first one tells nothing of the second."""
EVERY_WEEKS = 4
HORIZON = 12
HALF_LIFE_WEEKS = 60.0
LEARNING_RATES = (12.0, 12.0, 10.0, 8.0, 5.0)
"""Exponent on the relative excess loss, by quantile: the rarer a truth above it, the
more of a difference in loss is chance."""
SHOCK_RATIO = 4.0
WORSE_ORIGIN = 0.75
"""The quantile of the rule's losses over origins that `SHOCK_RATIO` multiplies."""
PRIOR_LOSSES = (0.9, 1.0, 1.2, 0.9)
"""Losses of mixed experts, rule, seasonal naive and claim as shares of the rule's,
believed before there is a record; chosen on simulated services and eight street
sensors."""
PRIOR_LOSSES_WITH_CALENDAR = (0.8, 1.0, 1.2, 0.5)
PRIOR_ORIGINS = 3.0
SCALE_WEEKS = 26
_COLUMNS = [LEVELS.index(q) for q in QUANTILES]
_RULE, _NAIVE = 1, 2
_ABLE = (0, 0, YEAR, 0)
"""Weeks of history from which on each forecaster is what it is called."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Scaled pinball losses of the four forecasters at past origins."""

    known: tuple[int, ...]
    """Weeks known at each origin."""
    losses: Floats
    """(origins, forecasters, weeks ahead, QUANTILES); NaN where the truth is not."""


def combined(rolling: Rolling, origin: int, horizon: int) -> Floats:
    """Return the log quantiles (weeks ahead, LEVELS) at `origin`, from what was known.

    `origin` is the index of the last week it knows.
    """
    past = rolling.log_peaks[: origin + 1]
    if origin + 1 < ENOUGH_WEEKS:
        return rule(past, horizon)
    said = _said(rolling, origin, horizon)
    weights = weights_at(record_of(rolling), origin + 1, rolling.knows_calendar)
    by_level = np.empty((said.shape[0], len(LEVELS)))
    by_level[:, 0] = weights[:, 0]  # .1 goes with the median
    by_level[:, _COLUMNS] = weights
    mixed = (said * by_level[:, None, :]).sum(axis=0)
    return np.asarray(np.maximum.accumulate(mixed, axis=1), dtype=float)


def weights_at(record: Record, known: int, knows_calendar: bool) -> Floats:
    """Return the weights (forecasters, QUANTILES) from losses seen with `known` weeks.

    Each column sums to one.
    """
    prior = PRIOR_LOSSES_WITH_CALENDAR if knows_calendar else PRIOR_LOSSES
    believed = np.repeat(np.array(prior)[:, None], len(QUANTILES), axis=1)
    shares, masses = _shares_of_rule(record, known)
    scores = (shares * masses + believed * PRIOR_ORIGINS) / (masses + PRIOR_ORIGINS)
    excess = scores / scores.min(axis=0) - 1.0
    weights = np.exp(-np.array(LEARNING_RATES) * excess)
    if known < YEAR:
        weights[_NAIVE] = 0.0
    return np.asarray(weights / weights.sum(axis=0), dtype=float)


def _shares_of_rule(record: Record, known: int) -> tuple[Floats, Floats]:
    """Return loss ÷ the rule's (forecasters, QUANTILES) and origins behind it.

    The latter is (forecasters, 1), older origins counting less; 0 without a record.
    """
    means, masses = [], []
    for began, losses in zip(record.known, record.losses, strict=True):
        seen = losses[:, : max(0, known - began)]
        there = np.isfinite(seen[_RULE, :, 0])
        if not there.any():
            continue
        mass = 0.5 ** ((known - began) / HALF_LIFE_WEEKS) * there.sum() / HORIZON
        means.append(seen[:, there].mean(axis=1))
        masses.append([mass if began >= able else 0.0 for able in _ABLE])
    if not means:
        return np.zeros((len(_ABLE), len(QUANTILES))), np.zeros((len(_ABLE), 1))
    lost, weights = np.array(means), np.array(masses)[:, :, None]
    bound = SHOCK_RATIO * np.quantile(lost[:, _RULE], WORSE_ORIGIN, axis=0)
    lost = np.minimum(lost, bound)
    rules = (lost[:, [_RULE]] * weights).sum(axis=0)
    shares = (lost * weights).sum(axis=0) / np.maximum(rules, 1e-12)
    return shares, weights.sum(axis=0)


@lru_cache(maxsize=2)
def record_of(rolling: Rolling) -> Record:
    """Return what the four forecasters lost at every fourth origin of the past."""
    peaks = np.exp(rolling.log_peaks)
    reach = min(HORIZON, rolling.points.shape[2])
    known, rows = [], []
    for weeks in range(FIRST_KNOWN, peaks.size, EVERY_WEEKS):
        recent = peaks[max(0, weeks - SCALE_WEEKS) : weeks]
        truth = np.full(reach, np.nan)
        ahead = peaks[weeks : weeks + reach]
        truth[: ahead.size] = ahead
        if not np.isfinite(recent).any() or not np.isfinite(truth).any():
            continue
        said = _said(rolling, weeks - 1, reach)
        unit = float(np.nanmedian(recent))
        rows.append([_losses(truth, np.exp(one[:, _COLUMNS])) / unit for one in said])
        known.append(weeks)
    shape = (0, len(PRIOR_LOSSES), reach, len(QUANTILES))
    return Record(
        known=tuple(known), losses=np.array(rows) if rows else np.empty(shape)
    )


def _said(rolling: Rolling, origin: int, horizon: int) -> Floats:
    """Return the log quantiles (forecasters, weeks ahead, LEVELS) at `origin`."""
    past = rolling.log_peaks[: origin + 1]
    mixed = distribution(rolling, origin, horizon).quantiles
    claim = claimed(rolling, origin, horizon)
    return np.stack(
        [
            mixed,
            rule(past, horizon),
            seasonal_naive(past, horizon),
            np.where(np.isfinite(claim), claim, mixed),
        ]
    )


def _losses(truth: Floats, said: Floats) -> Floats:
    return np.stack(
        [pinball(truth, said[:, i], q) for i, q in enumerate(QUANTILES)], axis=1
    )
