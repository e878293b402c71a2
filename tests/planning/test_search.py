"""The search against the whole integer programme, on markets of every kind."""

from dataclasses import replace

import numpy as np
import pytest

from planning.market import Market, Setting, holds, market_of, total
from planning.models import NodeCount
from planning.programme import Programme
from planning.search import searched
from planning.sizing import SizedType
from tests.planning.test_buying import BLOCKS, plain


def any_market(seed: int) -> Market:
    """Return a small market of rented, hourly, bought and held types."""
    rng = np.random.default_rng(seed)
    months = int(rng.integers(2, 7))
    types: list[SizedType] = []
    held: list[NodeCount] = []
    kept: list[int] = []
    for index in range(int(rng.integers(2, 5))):
        usable = float(rng.choice([50, 80, 100.5, 140.2, 200, 333.3]))
        price = 5 + usable * float(rng.uniform(0.2, 0.3))
        changes: dict[str, object] = {"setup_eur": price * float(rng.choice([0, 1]))}
        kind = int(rng.integers(0, 5))
        if kind == 0:
            changes = {"billing": "hourly", "hour_eur": price / 450, "setup_eur": 0.0}
        elif kind == 1:
            changes |= {"billing": "bought", "purchase_eur": price * 30}
            changes |= {"life_months": 36, "setup_eur": 0.0}
        else:
            changes |= {"term_months": int(rng.choice([1, 3, 12]))}
        if rng.random() < 0.3:
            changes |= {"max_count": int(rng.integers(2, 9))}
        if rng.random() < 0.3:
            changes |= {"included_traffic_bytes": 2e12}
            changes |= {"extra_traffic_eur_per_byte": 5e-12}
        one = plain(usable, price, **changes)
        types.append(replace(one, type=replace(one.type, name=f"t{index}")))
        has = kind > 1 and rng.random() < 0.4
        if has:
            held.append(NodeCount(type=f"t{index}", count=2))
        kept.append(int(rng.integers(0, months)) if has else 0)
    spare = plain(120, 70, setup_eur=0.0)
    types.append(replace(spare, type=replace(spare.type, name="spare")))
    kept.append(0)
    required = rng.uniform(50, 700) * rng.lognormal(0, 0.4, months)
    traffic = rng.uniform(0, 20, months) * 1e12 if rng.random() < 0.4 else ()
    setting = Setting(
        blocks=BLOCKS.blocks,
        traffic_bytes=tuple(float(one) for one in traffic),
        kept_months=tuple(kept),
    )
    return market_of(tuple(required.tolist()), tuple(types), tuple(held), setting)


@pytest.mark.parametrize("seed", range(12))
def test_the_whole_programme_finds_nothing_much_cheaper_and_nothing_below_the_bound(
    seed,
):
    market = any_market(seed)

    found = searched(market, change_eur=0.0, is_quick=False)

    spent = total(found.counts, market)
    assert holds(found.counts, market)
    assert found.bound_eur is not None
    assert found.bound_eur <= spent + 1e-6
    programme = Programme(market)
    assert programme.run(found.counts, 2.0)
    assert holds(programme.plan(), market)
    other = total(programme.plan(), market)
    assert found.bound_eur <= other + 1e-6
    assert spent <= 1.01 * other


def test_a_calm_plan_holds_and_has_no_bound():
    market = any_market(3)

    found = searched(market, change_eur=40.0, is_quick=True)

    assert holds(found.counts, market)
    assert found.bound_eur is None


def test_where_contracts_run_out_the_plan_still_holds():
    few = plain(100, 30, setup_eur=0.0, max_count=3)
    dear = plain(101, 90, setup_eur=0.0)
    market = market_of((250.0, 600.0), (few, dear))

    found = searched(market, change_eur=0.0, is_quick=False)

    assert holds(found.counts, market)
    assert found.counts[:, :, 0].tolist() == [[3, 3], [1, 4]]
