"""Meetings onto nodes: the table, and simulated mornings that agree with it."""

import itertools

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.placement import (
    UTILISATION_TABLE,
    meeting_sizes,
    morning_risk,
    place,
    usable_utilisation,
)

NODES = 8
CAPACITY = 300.0


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize(("ratio", "share"), UTILISATION_TABLE)
def test_the_table_is_met_at_its_points(ratio, share):
    assert usable_utilisation(ratio) == pytest.approx(share)


def test_larger_meetings_and_less_risk_leave_less_to_use():
    shares = [usable_utilisation(ratio) for ratio in np.linspace(0, 1, 21)]

    assert all(later <= earlier for earlier, later in itertools.pairwise(shares))
    assert usable_utilisation(0.3, 0.01) < usable_utilisation(0.3, 0.05)


def test_a_meeting_larger_than_a_node_is_refused():
    with pytest.raises(ConfigError, match=r"1\.20 times"):
        usable_utilisation(1.2)


def test_sizes_sum_to_the_morning_and_keep_under_the_largest():
    sizes = meeting_sizes(900.0, 60, rng(), 300)

    assert sizes.sum(axis=1) == pytest.approx(np.full(300, 900.0))
    assert sizes.max() <= 60


def test_every_participant_is_placed_once():
    sizes = meeting_sizes(900.0, 60, rng(), 50)

    load = place(sizes, np.full(NODES, CAPACITY), rng())

    assert (load * CAPACITY).sum(axis=1) == pytest.approx(np.full(50, 900.0))


def test_least_users_balances_better_than_round_robin():
    sizes = meeting_sizes(1500.0, 100, rng(), 400)
    capacities = np.full(NODES, CAPACITY)

    fullest = {
        balancer: place(sizes, capacities, rng(), balancer).max(axis=1).mean()
        for balancer in ("least users", "fewest meetings", "round robin")
    }

    assert fullest["least users"] < fullest["fewest meetings"]
    assert fullest["least users"] < fullest["round robin"]


@pytest.mark.parametrize(
    ("ratio", "share"), [point for point in UTILISATION_TABLE if point[0] > 0]
)
def test_simulated_mornings_agree_with_the_table(ratio, share):
    largest = round(ratio * CAPACITY)

    def risk(utilisation: float) -> float:
        total = utilisation * CAPACITY * NODES
        pool = (CAPACITY,) * NODES
        return morning_risk(total, largest, pool, rng(), mornings=5000).risk

    # The utilisation at which the risk is .05 lies within .03 of the table.
    assert risk(share - 0.03) < 0.05 < risk(share + 0.03)


def test_more_participants_never_lower_the_risk():
    risks = [
        morning_risk(total, 100, (CAPACITY,) * NODES, rng()).risk
        for total in (1000, 1300, 1600, 1900, 2300)
    ]

    assert risks == sorted(risks)
    assert risks[0] < 0.05 < risks[-1]


def test_no_node_left_is_certain_overload():
    assert morning_risk(10, 5, (), rng()).risk == 1.0
