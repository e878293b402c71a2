"""Forecasters are weighed at each quantile by what they lost at it, fairly."""

import numpy as np
import pytest

from planning.baselines import LEVELS, rule
from planning.combining import (
    ENOUGH_WEEKS,
    EVERY_WEEKS,
    FIRST_KNOWN,
    HORIZON,
    PRIOR_LOSSES,
    Record,
    combined,
    weights_at,
)
from planning.conformal import roll
from planning.peaks import QUANTILES
from tests.support.simulator import service

MIXED, RULE, NAIVE, CLAIM = range(len(PRIOR_LOSSES))
YEARS = 150
"""Weeks in which everybody has long been able to speak."""


def record(*shares: float, weeks: int = YEARS) -> Record:
    """Build a record in which each forecaster always lost the same."""
    known = tuple(range(FIRST_KNOWN, weeks, EVERY_WEEKS))
    row = np.array(shares)[None, :, None, None]
    shape = (len(known), len(shares), HORIZON, len(QUANTILES))
    return Record(known=known, losses=np.broadcast_to(row, shape).copy())


@pytest.mark.parametrize("known", [10, 30, 60, YEARS])
@pytest.mark.parametrize("knows_calendar", [False, True])
def test_weights_are_shares_at_every_quantile(known, knows_calendar):
    weights = weights_at(record(0.7, 1.0, 1.4, 0.9), known, knows_calendar)

    assert np.all(weights >= 0.0)
    assert weights.sum(axis=0) == pytest.approx(np.ones(len(QUANTILES)))


def test_who_loses_least_at_a_quantile_weighs_most_at_it_and_at_no_other():
    split = record(0.5, 1.0, 2.0, 2.0)
    split.losses[:, MIXED, :, -1] = 2.0
    split.losses[:, CLAIM, :, -1] = 0.5

    weights = weights_at(split, YEARS, knows_calendar=False)

    assert weights.argmax(axis=0).tolist() == [MIXED] * 4 + [CLAIM]


def test_the_same_difference_tells_less_in_a_rarer_quantile():
    weights = weights_at(record(0.8, 1.0, 2.0, 2.0), YEARS, knows_calendar=False)

    assert weights[RULE, 0] < weights[RULE, -1] < weights[MIXED, -1]


def test_one_shock_does_not_undo_a_record():
    shaken = record(0.6, 1.0, 2.0, 2.0)
    shaken.losses[-4, MIXED] = 500.0

    weights = weights_at(shaken, YEARS, knows_calendar=False)

    assert weights[MIXED, 0] > weights[RULE, 0]


def test_shocks_that_keep_coming_do():
    shaken = record(0.6, 1.0, 2.0, 2.0)
    shaken.losses[::2, MIXED] = 500.0

    weights = weights_at(shaken, YEARS, knows_calendar=False)

    assert weights[MIXED, 0] < weights[RULE, 0]


def test_seasonal_naive_has_no_voice_before_a_year():
    naive_wins = record(1.0, 1.0, 0.1, 1.0)

    assert np.all(weights_at(naive_wins, 51, knows_calendar=False)[NAIVE] == 0.0)
    assert np.all(weights_at(naive_wins, YEARS, knows_calendar=False)[NAIVE] > 0.5)


def test_what_seasonal_naive_said_before_a_year_is_not_held_against_it():
    fair, early = record(1.0, 1.0, 0.5, 1.0), record(1.0, 1.0, 0.5, 1.0)
    early.losses[: (52 - FIRST_KNOWN) // EVERY_WEEKS, NAIVE] = 3.0

    before = weights_at(fair, YEARS, knows_calendar=False)

    assert weights_at(early, YEARS, knows_calendar=False) == pytest.approx(before)


def test_losses_that_are_not_known_yet_do_not_count():
    later = record(0.7, 1.0, 2.0, 1.2)
    known = 60
    for began, losses in zip(later.known, later.losses, strict=True):
        losses[:, max(0, known - began) :] = 99.0

    expected = weights_at(record(0.7, 1.0, 2.0, 1.2), known, knows_calendar=True)

    assert weights_at(later, known, knows_calendar=True) == pytest.approx(expected)


def test_unknown_weeks_ahead_do_not_count():
    gappy = record(0.7, 1.0, 2.0, 1.2)
    gappy.losses[:, :, 5] = np.nan

    assert np.isfinite(weights_at(gappy, YEARS, knows_calendar=False)).all()


def test_from_enough_weeks_on_the_others_have_a_say():
    series = np.log(service(0).peaks)
    rolling = roll(series, HORIZON)

    said = combined(rolling, ENOUGH_WEEKS - 1, HORIZON)

    assert said.shape == (HORIZON, len(LEVELS))
    assert np.all(np.diff(said, axis=1) >= 0.0)
    assert said != pytest.approx(rule(series[:ENOUGH_WEEKS], HORIZON))
