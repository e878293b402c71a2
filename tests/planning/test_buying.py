"""Sizing and buying: N+1 always holds, and nothing cheaper was overlooked."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.buying import cheapest_purchase
from planning.capacities import as_interval, capacities_used
from planning.market import Market, Setting, holds, market_of, total
from planning.offers import Catalog, NodeCount
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
    intervals = {used.type: as_interval(used) for used in capacities_used(offered)}
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


def hourly(usable: float, month: float, hour: float) -> SizedType:
    return plain(usable, month, billing="hourly", hour_eur=hour, setup_eur=0.0)


BLOCKS = Setting(blocks=((1.0, 40.0), (0.6, 160.0), (0.3, 530.5)))


def test_hourly_nodes_serve_the_peak_beside_a_rented_base():
    types = (plain(100, 40, setup_eur=0.0), hourly(99, 80, 0.11))

    bought = cheapest_purchase((1000.0,), types, (), BLOCKS)

    counts = {node.type: node.count for node in bought.nodes[0]}
    # Rented for what lasts all month, 300 and the spare; 200 hours of an hourly node
    # cost 22 EUR, less than a month of a rented one.
    assert counts == {"100": 4, "99": 8}
    assert 0 < bought.hourly_hours[0] <= counts["99"] * 200
    alone = cheapest_purchase((1000.0,), types[:1], (), BLOCKS)
    assert bought.buying.total_eur < alone.buying.total_eur


def test_an_hourly_node_never_costs_more_than_its_month():
    types = (hourly(100, 80, 0.50),)

    bought = cheapest_purchase((250.0,), types, (), BLOCKS)

    # N+1: four nodes; in the last block 75 need two of them.
    assert bought.nodes[0][0].count == 4
    assert bought.buying.total_eur <= 4 * 80 + 1e-6
    # 2 all month (80, not 365), 1 more for 200 hours (80, not 100), 1 for 40 (20).
    assert bought.buying.total_eur == pytest.approx(3 * 80 + 20)


def test_bytes_beyond_the_included_volume_decide_between_types():
    lean = plain(
        100,
        30,
        setup_eur=0.0,
        included_traffic_bytes=1e12,
        extra_traffic_eur_per_byte=10e-12,
    )
    rich = plain(101, 45, setup_eur=0.0, included_traffic_bytes=None)
    quiet = Setting(traffic_bytes=(1e12,))
    loud = Setting(traffic_bytes=(100e12,))

    calm = cheapest_purchase((300.0,), (lean, rich), (), quiet)
    busy = cheapest_purchase((300.0,), (lean, rich), (), loud)

    assert calm.nodes[0] == (NodeCount(type="100", count=4),)
    assert calm.traffic_eur == (0.0,)
    # Three nodes without a limit carry all the bytes there are; the fourth may be lean.
    assert {node.type: node.count for node in busy.nodes[0]} == {"100": 1, "101": 3}
    assert busy.traffic_eur == (0.0,)


def test_extra_bytes_are_priced_as_a_bill_would_price_them():
    lean = plain(
        100,
        30,
        setup_eur=0.0,
        included_traffic_bytes=1e12,
        extra_traffic_eur_per_byte=10e-12,
    )

    bought = cheapest_purchase((300.0,), (lean,), (), Setting(traffic_bytes=(9e12,)))

    assert bought.nodes[0][0].count == 4
    assert bought.traffic_eur[0] == pytest.approx(50.0)
    assert bought.buying.total_eur == pytest.approx(4 * 30 + 50)


def test_a_node_bought_counts_with_the_months_it_serves_and_stays():
    kind = plain(
        100, 5, setup_eur=0.0, billing="bought", purchase_eur=600.0, life_months=60
    )

    bought = cheapest_purchase((150.0, 50.0, 150.0), (kind,))

    assert [nodes[0].count for nodes in bought.nodes] == [3, 3, 3]
    assert bought.purchase_eur == (1800.0, 0.0, 0.0)
    assert bought.rent_eur == pytest.approx((15.0, 15.0, 15.0))
    # Three of sixty months are used up: 90 of 1,800 EUR.
    assert bought.buying.total_eur == pytest.approx(3 * 15 + 90)
    assert bought.residual_eur == pytest.approx(1710)


def test_a_long_plan_prefers_to_buy_what_a_short_need_rents():
    rented = plain(100, 40, setup_eur=0.0)
    owned = plain(
        101, 5, setup_eur=0.0, billing="bought", purchase_eur=600.0, life_months=60
    )

    steady = cheapest_purchase((500.0,) * 6, (rented, owned))
    spike = cheapest_purchase((500.0, 50.0, 50.0, 50.0, 50.0, 50.0), (rented, owned))

    assert {node.type for node in steady.nodes[0]} == {"101"}
    assert any(node.type == "100" for node in spike.nodes[0])


def test_a_type_with_lead_time_cannot_serve_before_it_is_delivered():
    slow, quick = plain(100, 20, setup_eur=0.0), plain(101, 60, setup_eur=0.0)

    bought = cheapest_purchase((250.0,) * 3, (slow, quick), (), Setting(opens=(2, 0)))

    names = [{node.type for node in nodes} for nodes in bought.nodes]
    assert names[:2] == [{"101"}, {"101"}]
    assert "100" in names[2]


def test_nothing_deliverable_in_time_is_an_error_with_advice():
    with pytest.raises(ConfigError, match="lead_days"):
        cheapest_purchase((250.0, 250.0), (plain(100, 20),), (), Setting(opens=(1,)))


def test_a_contract_held_keeps_its_price_and_its_months():
    held = plain(100, 50, setup_eur=0.0, is_held=True)
    fresh = plain(101, 20, setup_eur=0.0)
    before = (NodeCount(type="100", count=3),)

    bound = cheapest_purchase(
        (150.0,) * 3, (held, fresh), before, Setting(kept_months=(2, 0))
    )

    counts = [{node.type: node.count for node in nodes} for nodes in bound.nodes]
    assert [month.get("100", 0) for month in counts] == [3, 3, 0]
    # No more of it can be ordered at the old price.
    cheap = plain(100, 1, setup_eur=0.0, is_held=True)
    grown = cheapest_purchase((900.0,), (cheap, fresh), before)
    assert {n.type: n.count for n in grown.nodes[0]}["100"] == 3


def offers(
    seed: int, level: float, kinds: int = 20, months: int = 24
) -> tuple[tuple[float, ...], tuple[SizedType, ...]]:
    """Return two years of demand and a catalogue, every other type hourly."""
    rng = np.random.default_rng(seed)
    types = []
    for index in range(kinds):
        usable = round(float(rng.uniform(60, 400)), 1)
        price = 8 + usable * float(rng.uniform(0.19, 0.28))
        if index % 2:
            types.append(hourly(usable, price * 1.1, price * 1.1 / 450))
        else:
            setup = price * float(rng.choice([0, 0.5, 1.0]))
            term = int(rng.choice([1, 1, 3, 12]))
            types.append(plain(usable, price, setup_eur=setup, term_months=term))
    month = np.arange(months)
    season = 1 - 0.45 * np.isin(month % 12, [6, 7, 11])
    needed = level * season * (1 + 0.02 * month) * rng.lognormal(0, 0.1, months)
    return tuple(needed.tolist()), tuple(types)


def random_market(
    seed: int, with_hourly: bool
) -> tuple[tuple[float, ...], tuple[SizedType, ...]]:
    rng = np.random.default_rng(seed)
    types = []
    for index in range(5):
        usable = round(float(rng.uniform(80, 320)), 1)
        price = usable * float(rng.uniform(0.2, 0.3)) + 5
        if with_hourly and index % 2:
            types.append(hourly(usable, price, price / 450))
        else:
            types.append(plain(usable, price, setup_eur=price * (index % 4) / 4))
    months = np.arange(10)
    needed = 2500 * (1 + 0.3 * np.sin(months / 2)) * rng.lognormal(0, 0.1, 10)
    return tuple(needed.tolist()), tuple(types)


@pytest.mark.parametrize("with_hourly", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plan_and_greedy_plan_come_close_to_the_bound(seed, with_hourly):
    required, types = random_market(seed, with_hourly)

    buying = cheapest_purchase(required, types, (), BLOCKS).buying

    assert buying.bound_eur <= buying.total_eur + 1e-6
    assert buying.total_eur <= buying.greedy_eur + 1e-6
    assert buying.gap_ratio == pytest.approx(1 - buying.bound_eur / buying.total_eur)
    assert buying.gap_ratio <= 0.01
    assert buying.greedy_eur <= 1.03 * buying.bound_eur


def test_twenty_types_and_two_years_are_within_a_hundredth_of_the_bound():
    required, types = offers(seed=1, level=1000)

    buying = cheapest_purchase(required, types, (), BLOCKS).buying

    assert len(types) == 20
    assert len(required) == 24
    assert buying.gap_ratio <= 0.01
    assert buying.greedy_eur <= 1.03 * buying.bound_eur


def every_plan(market: Market) -> float:
    """Return the least that a plan of up to four nodes a type costs, by trying all."""
    kinds, months = len(market.sized), market.months
    costs = [
        total(counts, market)
        for flat in itertools.product(range(5), repeat=kinds * months)
        if holds(counts := np.array(flat).reshape(kinds, months, 1), market)
    ]
    return min(costs)


@pytest.mark.parametrize("term", [1, 2])
@pytest.mark.parametrize("setup", [0.0, 17.0])
def test_nothing_cheaper_than_the_plan_exists_nor_than_the_bound(term, setup):
    types = (
        plain(100, 30, setup_eur=setup, term_months=term),
        plain(165, 44, setup_eur=setup / 2),
    )
    required = (180.0, 260.0, 90.0)

    buying = cheapest_purchase(required, types).buying

    cheapest_of_all = every_plan(market_of(required, types))
    assert buying.total_eur == pytest.approx(cheapest_of_all)
    assert buying.bound_eur <= cheapest_of_all + 1e-6


def test_the_same_inputs_give_the_same_plan():
    required, types = random_market(4, with_hourly=True)

    one, other = (cheapest_purchase(required, types, (), BLOCKS) for _ in range(2))

    assert one == other


def test_an_hourly_type_that_runs_out_is_used_up_to_its_number():
    types = (
        plain(100, 60, setup_eur=0.0),
        plain(101, 80, billing="hourly", hour_eur=0.05, setup_eur=0.0, max_count=3),
    )

    bought = cheapest_purchase((1000.0,), types, (), BLOCKS)

    counts = {node.type: node.count for node in bought.nodes[0]}
    assert counts == {"100": 8, "101": 3}
    assert bought.buying.bound_eur <= bought.buying.total_eur


def test_a_price_on_changes_gives_fewer_of_them():
    types = (plain(100, 30, setup_eur=0.0), plain(170, 52, setup_eur=0.0))
    required = (500.0, 300.0, 500.0, 300.0, 520.0)

    lively = cheapest_purchase(required, types)
    calm = cheapest_purchase(required, types, change_eur=200.0)

    def changes(nodes: tuple[tuple[NodeCount, ...], ...]) -> int:
        return sum(a != b for a, b in itertools.pairwise(nodes))

    assert changes(calm.nodes) < changes(lively.nodes)
    assert calm.buying.total_eur >= lively.buying.total_eur
