"""What the structural expert claims is believed as far as its record bears it out."""

import numpy as np
import pytest

from planning.baselines import LEVELS
from planning.claim import NORMAL, claimed
from planning.conformal import Rolling

HORIZON = 3
MEDIAN, HIGH = LEVELS.index(0.5), LEVELS.index(0.95)


def claiming(truths: np.ndarray, *, mean: float = 0.0, spread: float = 1.0) -> Rolling:
    """Build a record of claims that never change, about log peaks that do."""
    return Rolling(
        log_peaks=truths,
        points=np.full((truths.size, 1, HORIZON), mean),
        spreads=np.full((truths.size, HORIZON), spread),
    )


def noise(count: int, sd: float = 1.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sd, count)


def test_without_a_record_the_claim_is_taken_as_normal():
    said = claimed(claiming(noise(5), mean=4.0, spread=0.5), 0, HORIZON)

    assert said == pytest.approx(np.tile(4.0 + 0.5 * NORMAL, (HORIZON, 1)))


def test_a_claim_that_is_true_stays_as_it_is():
    said = claimed(claiming(noise(500)), 499, HORIZON)

    assert said[0] == pytest.approx(NORMAL, abs=0.25)


@pytest.mark.parametrize("sd", [0.3, 3.0])
def test_a_claim_proved_false_moves_most_of_the_way_to_the_truth(sd):
    said = claimed(claiming(noise(500, sd)), 499, HORIZON)[0]

    moved = (said[HIGH] - NORMAL[HIGH]) / ((sd - 1.0) * NORMAL[HIGH])
    assert 0.5 < moved < 1.0


def test_few_errors_move_it_less_than_many():
    truths = noise(500, 3.0)

    few = claimed(claiming(truths[:40]), 39, HORIZON)[0, HIGH]
    many = claimed(claiming(truths), 499, HORIZON)[0, HIGH]

    assert NORMAL[HIGH] < few < many


def test_a_claim_that_is_always_too_low_is_raised():
    said = claimed(claiming(noise(500) + 2.0), 499, HORIZON)[0]

    assert 1.0 < said[MEDIAN] < 2.2


def test_old_errors_count_less_than_new_ones():
    wild, calm = noise(250, 4.0), noise(250, 1.0)

    calmed = claimed(claiming(np.append(wild, calm)), 499, HORIZON)[0, HIGH]
    roused = claimed(claiming(np.append(calm, wild)), 499, HORIZON)[0, HIGH]

    assert calmed < roused


def test_a_claim_never_sees_what_came_later():
    truths = noise(100)
    changed = truths.copy()
    changed[81:] += 50.0

    assert claimed(claiming(truths), 80, HORIZON) == pytest.approx(
        claimed(claiming(changed), 80, HORIZON)
    )


def test_unknown_weeks_are_no_errors():
    truths = noise(60)
    gappy = truths.copy()
    gappy[10:20] = np.nan

    assert np.isfinite(claimed(claiming(gappy), 59, HORIZON)).all()


def test_an_expert_that_cannot_speak_claims_nothing():
    silent = claiming(noise(40), mean=np.nan)

    assert np.isnan(claimed(silent, 39, HORIZON)).all()
