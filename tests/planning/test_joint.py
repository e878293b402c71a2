"""The stated risk is met, not beaten several times over."""

from itertools import pairwise

import numpy as np
import pytest

from planning.joint import Mornings, failing_share, nodes_for, required_for
from planning.peaks import Interval
from planning.placement import usable_utilisation
from planning.sampling import log_normal
from tests.planning.test_buying import sized


def mornings(width: float = 1.3, seed: int = 1, count: int = 1500) -> Mornings:
    rng = np.random.default_rng(seed)
    return Mornings(
        peaks=1500 * rng.lognormal(0, 0.25, count),
        factors=log_normal(Interval(low=1 / width, mid=1.0, high=width), rng, count),
        largest_meeting=40,
        seed=seed,
    )


def test_the_fewest_nodes_hold_the_risk_and_one_fewer_does_not():
    one = sized(largest=40)[0]

    count, share = nodes_for(mornings(), one, 0.05)

    assert share <= 0.05
    assert failing_share(mornings(), (one.capacity.mid,) * (count - 1)) > 0.05


def test_drawing_together_needs_fewer_than_stacking_cautious_quantiles():
    one = sized(largest=40)[0]
    drawn = mornings()
    stacked = np.quantile(drawn.peaks, 0.95) / np.quantile(drawn.factors, 0.05)

    count, _ = nodes_for(drawn, one, 0.05)

    assert count < stacked / one.usable


def test_more_nodes_never_fail_more_often():
    shares = [failing_share(mornings(), (200.0,) * count) for count in range(6, 33, 3)]

    assert all(a >= b - 0.005 for a, b in pairwise(shares))
    assert shares[0] > 0.3
    assert shares[-1] < 0.02


@pytest.mark.parametrize("risk", [0.5, 0.2, 0.05, 0.01])
def test_less_risk_asks_for_more(risk):
    one = sized(largest=40)[0]

    assert required_for(mornings(), one, risk) <= required_for(
        mornings(), one, risk / 2
    )


def test_a_known_peak_and_capacity_come_down_to_the_placement_table():
    one = sized(largest=40)[0]
    certain = Mornings(
        peaks=np.full(1500, 1200.0),
        factors=np.ones(1500),
        largest_meeting=40,
        seed=4,
    )

    count, _ = nodes_for(certain, one, 0.05)

    by_table = 1200.0 / (200.0 * usable_utilisation(0.2))
    assert count == pytest.approx(by_table, abs=1.2)


def test_no_nodes_always_fail():
    assert failing_share(mornings(), ()) == 1.0
