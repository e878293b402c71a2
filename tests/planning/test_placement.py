"""Meetings onto nodes: the table, and simulated mornings that agree with it."""

import itertools

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.offers import Balancer
from planning.placement import (
    BALANCERS,
    UTILISATION_TABLE,
    Caps,
    MorningRisk,
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


@pytest.mark.parametrize("balancer", BALANCERS)
def test_every_participant_is_placed_once(balancer):
    sizes = meeting_sizes(900.0, 60, rng(), 50)

    placed = place(sizes, np.full(NODES, CAPACITY), rng(), balancer)

    assert (placed.fill * CAPACITY).sum(axis=1) == pytest.approx(np.full(50, 900.0))


def test_who_counts_users_balances_better_than_who_does_not():
    sizes = meeting_sizes(1500.0, 100, rng(), 400)
    capacities = np.full(NODES, CAPACITY)

    fullest = {
        balancer: place(sizes, capacities, rng(), balancer).fill.max(axis=1).mean()
        for balancer in BALANCERS
    }

    assert fullest["b3scale"] < fullest["scalelite"]
    assert fullest["scalelite"] < fullest["fewest meetings"]
    assert fullest["scalelite"] < fullest["round robin"]


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


def one_by_one(sizes: list[float], balancer: Balancer) -> list[int]:
    """Return the nodes that meetings of one morning end on, told by their sizes."""
    capacities = np.full(4, CAPACITY)
    placed = place(np.array([sizes]), capacities, rng(), balancer)
    return sorted(round(load) for load in (placed.fill * CAPACITY)[0])


def test_round_robin_goes_round():
    assert one_by_one([10, 20, 30, 40, 1, 2, 3, 4], "round robin") == [11, 22, 33, 44]


def test_fewest_meetings_does_not_look_at_sizes():
    sizes = [90.0, 2.0, 3.0, 4.0]

    assert one_by_one(sizes, "fewest meetings") == [2, 3, 4, 90]


def test_scalelite_counts_young_meetings_alike_until_it_polls():
    # Within its first minute four meetings go to four nodes, then users count: the
    # fifth to eighth come after polls that saw 90 at 49.5 and the small ones as 15.
    found = one_by_one([90.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], "scalelite")

    assert max(found) == 90
    assert sum(found) == 125


def test_b3scale_counts_meetings_at_once_and_users_when_told():
    # 90 are told as 49.5 users before the next ones come: nothing more lands there.
    found = one_by_one([90.0, *[2.0] * 40], "b3scale")

    assert max(found) == 90
    # The rest is spread by meetings over the three other nodes.
    assert min(found[:3]) >= 24


def test_a_larger_node_is_given_more():
    capacities = np.array([100.0, 300.0])
    sizes = meeting_sizes(240.0, 20, rng(), 300)
    for balancer in ("scalelite", "b3scale", "fewest meetings"):
        load = (place(sizes, capacities, rng(), balancer).fill * capacities).mean(
            axis=0
        )

        assert 2.0 < load[1] / load[0] < 4.5


def test_each_cap_breaks_apart_from_the_others():
    def found(**caps: float) -> MorningRisk:
        return morning_risk(1500, 100, (CAPACITY,) * NODES, rng(), caps=Caps(**caps))

    free = found()

    assert free.room == free.network == free.joins == 0
    assert free.risk == free.node
    assert found(room=60).room > 0.5 > found(room=100).room == 0
    assert found(network=CAPACITY).network == free.node
    assert found(network=150).network > 0.9
    assert found(joins_per_s=0.5).joins > found(joins_per_s=5).joins
    both = found(room=60, network=150)
    assert max(both.room, both.network) <= both.risk <= both.room + both.network


def test_joins_are_those_of_the_busiest_minute():
    # One meeting of 120 on one node: 55 % of it come in the first minute.
    placed = place(np.array([[120.0]]), np.array([200.0]), rng())

    assert placed.joins_per_s[0, 0] == pytest.approx(0.55 * 120 / 60)
