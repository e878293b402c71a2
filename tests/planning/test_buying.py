"""Sizing and buying: N+1 always holds, and nothing cheaper was overlooked."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.buying import cheapest_purchase
from planning.capacities import as_interval, capacities_used
from planning.models import Catalog, NodeCount
from planning.sizing import (
    SizedType,
    cheapest,
    cost_of_peak,
    nodes_needed,
    sized_types,
    with_utilisation,
)
from tests.support.histories import catalog


def sized(offered: Catalog | None = None, largest: int = 40) -> tuple[SizedType, ...]:
    offered = offered or catalog()
    intervals = {
        used.type: as_interval(used) for used in capacities_used(offered, None)
    }
    return sized_types(offered, intervals, largest)


def plain(usable: float, price: float, **changes: object) -> SizedType:
    """Return a type whose node carries `usable` and costs `price`."""
    one = sized()[0]
    kind = replace(one.type, name=f"{usable:g}", price_eur=price, **changes)
    return replace(one, type=kind, usable=usable)


def carried(nodes: tuple[NodeCount, ...], types: tuple[SizedType, ...]) -> float:
    """Return what is carried with the largest present node down."""
    usable = {one.type.name: one.usable for one in types}
    pool = [usable[node.type] for node in nodes for _ in range(node.count)]
    return sum(pool) - max(pool)


def test_usable_capacity_is_capacity_times_utilisation():
    small, large = sized(largest=40)

    # 40 of 200 is a fifth: .70; 40 of 400 a tenth: .80.
    assert small.usable == pytest.approx(140)
    assert large.usable == pytest.approx(320)


def test_a_type_that_cannot_hold_the_largest_meeting_is_left_out():
    (only,) = sized(largest=300)

    assert only.type.name == "large"


def test_a_lecture_larger_than_every_node_is_an_error_with_advice():
    with pytest.raises(ConfigError) as caught:
        sized(largest=500)

    message = str(caught.value)
    assert "500" in message
    assert "400 (large)" in message
    assert "add a larger type" in message


@pytest.mark.parametrize("peak", [0.5, 139, 140, 141, 1000, 5000])
def test_n_plus_one_never_needs_fewer_nodes(peak):
    needed = float(nodes_needed(np.array([peak]), 140.0)[0])

    assert needed >= np.ceil(peak / 140) + 1
    assert (needed - 1) * 140 >= peak


def test_the_interval_of_capacity_reaches_the_cost():
    cost = cost_of_peak(1000, sized(), 40, np.random.default_rng(1))

    assert cost.low < cost.mid < cost.high
    by_hand = float(nodes_needed(np.array([1000.0]), 140.0)[0]) * 40
    assert cost.mid == pytest.approx(by_hand, rel=0.15)


def test_every_month_of_a_purchase_holds_without_its_largest_node():
    types = sized()
    required = (300.0, 900.0, 450.0, 1400.0, 90.0)

    bought = cheapest_purchase(required, types)

    for need, nodes in zip(required, bought.nodes, strict=True):
        assert carried(nodes, types) >= need - 1e-6


def brute_force(need: float, types: tuple[SizedType, ...]) -> float:
    """Return the least monthly cost by trying every pool."""
    best = float("inf")
    for counts in itertools.product(range(14), repeat=len(types)):
        pool = [
            one.usable
            for one, count in zip(types, counts, strict=True)
            for _ in range(count)
        ]
        if pool and sum(pool) - max(pool) >= need:
            cost = sum(
                one.type.price_eur * count
                for one, count in zip(types, counts, strict=True)
            )
            best = min(best, cost)
    return best


@pytest.mark.parametrize("need", [60.0, 333.0, 700.0, 1010.0])
def test_a_month_is_as_cheap_as_trying_everything(need):
    types = (plain(100, 30, setup_eur=0.0), plain(260, 75, setup_eur=0.0))

    bought = cheapest_purchase((need,), types)

    assert bought.rent_eur[0] == pytest.approx(brute_force(need, types))
    assert bought.buying.gap_ratio <= 0.001


def test_the_total_is_rent_and_setup_and_never_under_the_bound():
    bought = cheapest_purchase((300.0, 900.0, 450.0), sized())

    total = sum(bought.rent_eur) + sum(bought.setup_eur)
    assert bought.buying.total_eur == pytest.approx(total)
    assert bought.buying.bound_eur <= total + 1e-6
    assert bought.buying.greedy_eur >= total - 1e-6


def test_nodes_are_kept_for_their_term():
    types = (plain(100, 30, setup_eur=0.0, term_months=3),)

    bought = cheapest_purchase((500.0, 100.0, 100.0, 100.0), types)

    assert [nodes[0].count for nodes in bought.nodes] == [6, 6, 6, 2]


def test_a_dear_setup_keeps_nodes_through_a_dip():
    cheap_return = (plain(100, 30, setup_eur=5.0),)
    dear_return = (plain(100, 30, setup_eur=500.0),)
    required = (500.0, 100.0, 500.0)

    dips = cheapest_purchase(required, cheap_return)
    stays = cheapest_purchase(required, dear_return)

    assert [nodes[0].count for nodes in dips.nodes] == [6, 2, 6]
    assert [nodes[0].count for nodes in stays.nodes] == [6, 6, 6]


def test_no_setup_is_due_for_nodes_already_held():
    types = (plain(100, 30, setup_eur=50.0),)

    bought = cheapest_purchase((500.0,), types, (NodeCount(type="100", count=4),))

    assert bought.setup_eur == (100.0,)


def test_too_few_nodes_on_offer_is_an_error():
    with pytest.raises(ConfigError, match="max_count"):
        cheapest_purchase((5000.0,), (plain(100, 30, max_count=10),))


def test_filling_nodes_less_never_needs_fewer():
    full = sized()
    careful = tuple(with_utilisation(one, one.utilisation * 0.8) for one in full)

    for need in (200.0, 800.0, 3000.0):
        assert (
            cheapest_purchase((need,), careful).buying.total_eur
            >= cheapest_purchase((need,), full).buying.total_eur
        )


def test_the_cheapest_type_depends_on_the_peak():
    types = (plain(100, 30), plain(400, 90))

    assert cheapest(90, types).type.name == "100"
    assert cheapest(3000, types).type.name == "400"
