"""Limits beside capacity: the network cuts, a room refuses, joins are told."""

from dataclasses import replace

import pytest

from bots.errors import ConfigError
from planning.budget import parse_budget
from planning.capacities import capacities_used
from planning.caps import (
    check_room,
    join_warnings,
    network_participants,
    within_network,
)
from planning.offers import Balancer, Budget, NodeCount
from tests.planning.test_buying import sized
from tests.support.histories import budget, catalog


def with_placement(**words: object) -> Budget:
    data = {"balance": 1.0, "balance_on": "2026-01-01", "placement": words}
    return parse_budget(data, source="budget.toml")


def test_a_gigabit_carries_more_than_a_thousand_and_half_of_it_half():
    whole = network_participants(1e9, budget())
    half = network_participants(5e8, budget())

    assert 700 < whole.low < whole.mid < whole.high < 4000
    assert half.mid == pytest.approx(whole.mid / 2)


def test_a_slow_network_cuts_the_capacity_and_says_so():
    slow = replace(
        catalog(), types=tuple(replace(k, nic_bps=1e8) for k in catalog().types)
    )
    stated = capacities_used(slow)

    cut = within_network(stated, slow, budget())

    carried = network_participants(1e8, budget()).mid
    assert [one.participants for one in cut] == [
        min(one.participants, carried) for one in stated
    ]
    assert "its network of 100 Mbit/s" in cut[-1].source
    assert all(one.low <= one.participants <= one.high for one in cut)
    assert within_network(stated, catalog(), budget()) == stated


def test_a_meeting_above_the_rooms_limit_is_refused():
    check_room(200, with_placement(room_limit=200))
    with pytest.raises(ConfigError, match="lets a room have 200"):
        check_room(201, with_placement(room_limit=200))


def test_joins_beyond_what_a_node_takes_are_told():
    nodes = (NodeCount(type="small", count=4),)

    few, many = (
        join_warnings(400, nodes, sized(), with_placement(joins_per_s=most), 40, 1)
        for most in (30.0, 0.2)
    )

    assert few == ()
    assert "joins a second" in many[0]
    assert join_warnings(400, nodes, sized(), budget(), 40, 1) == ()


@pytest.mark.parametrize("name", ["scalelite", "b3scale", "round robin"])
def test_the_budget_names_the_balancer(name: Balancer):
    assert with_placement(balancer=name).balancer == name
    assert budget().balancer == "scalelite"


def test_an_unknown_balancer_is_one_sentence():
    with pytest.raises(ConfigError, match="'haproxy'; it is one of scalelite"):
        with_placement(balancer="haproxy")
