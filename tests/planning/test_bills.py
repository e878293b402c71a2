"""Bills along simulated demand: cash when it is due, at what the plan's nodes cost."""

from dataclasses import replace

import numpy as np
import pytest

from planning.bills import Added, Bills, Demand, Terms, simulate_bills, simulate_traffic
from planning.buying import Purchase, cheapest_purchase
from planning.market import Setting
from planning.node_prices import main_type, node_prices
from planning.offers import Budget, NodeCount
from planning.peaks import Interval
from planning.settings import held_counts, with_contracts
from planning.sizing import SizedType
from planning.traffic import DEFAULT_STREAMS
from tests.planning.test_buying import plain, sized
from tests.support.histories import budget

MONTHS = ("2026-01", "2026-02", "2026-03")
PATHS = 50


def demand(*peaks: float) -> Demand:
    """Return a demand that is known, on nodes that carry what is stated."""
    return Demand(
        months=MONTHS,
        peaks=np.tile(np.array(peaks), (PATHS, 1)),
        factors=np.ones(PATHS),
        required=peaks,
    )


def bills(
    known: Demand,
    purchase: Purchase,
    types: tuple[SizedType, ...],
    money: Budget,
    kept: tuple[int, ...] = (),
) -> Bills:
    main, held = main_type(purchase, types), held_counts(money, types)
    terms = Terms(
        main=main,
        largest_meeting=40,
        risk=0.05,
        margin=1.0,
        mean_ratio=0.1,
        budget=money,
        prices=node_prices(purchase, types, held, main, kept),
        seed=1,
    )
    return simulate_bills(known, terms)


def test_a_bought_node_is_paid_when_it_begins_and_stays():
    (own,) = (
        replace(
            one,
            type=replace(
                one.type,
                billing="bought",
                price_eur=50.0,
                setup_eur=0.0,
                purchase_eur=3000.0,
                life_months=48,
            ),
        )
        for one in sized()[:1]
    )
    # 140 a node: two and the spare, then four and the spare, then two would do.
    peaks = (270.0, 550.0, 270.0)
    purchase = cheapest_purchase(peaks, (own,))

    made = bills(demand(*peaks), purchase, (own,), budget(fixed_costs=[]))

    assert purchase.purchase_eur == (9000.0, 6000.0, 0.0)
    assert made.total[0].tolist() == [9150.0, 6250.0, 250.0]


def test_contracts_keep_their_price_and_have_no_set_up():
    money = budget(fixed_costs=[], held=[{"type": "small", "count": 3, "price": 10.0}])
    types = with_contracts(sized()[:1], money)
    purchase = cheapest_purchase((270.0,) * 3, types, held_counts(money, types))

    made = bills(demand(270, 270, 270), purchase, types, money)

    assert purchase.nodes[0] == (NodeCount(type="small (held)", count=3),)
    assert made.total[0].tolist() == [30.0, 30.0, 30.0]


def test_a_contract_that_cannot_end_is_paid_whatever_comes():
    money = budget(fixed_costs=[], held=[{"type": "small", "count": 9, "price": 60.0}])
    types = with_contracts(sized()[:1], money)
    setting = Setting(kept_months=(0, 1))
    held = held_counts(money, types)
    purchase = cheapest_purchase((270.0,) * 3, types, held, setting)

    made = bills(demand(270, 270, 270), purchase, types, money, setting.kept_months)

    assert made.total[0, 0] == 540.0
    # From the second month on three nodes do, at what the plan's cost on average.
    assert made.total[0, 1] == made.total[0, 2] < 200.0


def test_types_beside_each_other_cost_what_the_plan_pays_for_them():
    types = (plain(100, 30, setup_eur=60.0), plain(200, 80, setup_eur=0.0))
    purchase = replace(
        cheapest_purchase((100.0,), types),
        nodes=(
            (NodeCount(type="100", count=4), NodeCount(type="200", count=1)),
            (NodeCount(type="100", count=6), NodeCount(type="200", count=1)),
        ),
        rent_eur=(200.0, 260.0),
        setup_eur=(240.0, 120.0),
        purchase_eur=(0.0, 0.0),
    )

    main = main_type(purchase, types)
    found = node_prices(purchase, types, (NodeCount(type="200", count=1),), main)

    assert main.type.name == "100"
    # 6 and 8 nodes of 100; those of the other type were there before.
    assert found.month_eur == pytest.approx(460 / 14)
    assert found.start_eur == pytest.approx(360 / 6)
    assert found.held == 2.0
    assert not found.stays


def test_people_with_more_cameras_move_more_bytes():
    base = demand(300, 300, 300)
    more = np.full((PATHS, 3), 100.0)

    def out(seen: float) -> float:
        streams = replace(
            DEFAULT_STREAMS, seen_cameras=Interval(low=seen, mid=seen, high=seen)
        )
        both = replace(
            base,
            peaks=base.peaks + more,
            added=Added(peaks=more, mean_ratio=0.1, streams=streams),
        )
        moved, _ = simulate_traffic(both, 0.1, budget(), np.random.default_rng(1))
        return float(np.median(moved))

    alone, _ = simulate_traffic(base, 0.1, budget(), np.random.default_rng(1))
    # 10 people present for 31 days, each seeing three cameras more of 175 kbit/s.
    assert out(4.0) - out(1.0) == pytest.approx(
        10 * 3 * 175e3 * 31 * 86400 / 8, rel=0.15
    )
    assert out(0.0) > float(np.median(alone))
