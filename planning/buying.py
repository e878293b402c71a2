"""What to rent, buy and switch on when: the cheapest plan that holds.

Over types, months and load-duration blocks (`planning/market.py`): every block of every
month carries its requirement with the largest node missing, a node ordered is paid for
its term, a node bought for its life, nodes held for their contract, and bytes beyond
the included volume have their price. How it is searched is in `planning/search.py`; a
greedy plan is told beside it, and the gap to what no plan can be cheaper than.
"""

from dataclasses import dataclass

import numpy as np

from planning.market import (
    Counts,
    Market,
    Setting,
    market_of,
    orders,
    rents,
    total,
    traffic_costs,
)
from planning.models import Buying
from planning.offers import NodeCount
from planning.search import searched
from planning.sizing import SizedType


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Nodes by month and type, and what they cost by month."""

    nodes: tuple[tuple[NodeCount, ...], ...]
    """At the month's peak; hourly nodes exist in part of its hours only."""
    rent_eur: tuple[float, ...]
    """Rent, hours and running of what exists, without the price of what is bought."""
    setup_eur: tuple[float, ...]
    buying: Buying
    purchase_eur: tuple[float, ...] = ()
    """Cash for nodes bought, in the month they begin to serve."""
    traffic_eur: tuple[float, ...] = ()
    residual_eur: float = 0.0
    """What nodes bought are still worth after the plan, by months unused."""
    hourly_hours: tuple[float, ...] = ()
    """Hours that all hourly nodes of the month exist, together."""


def cheapest_purchase(
    required: tuple[float, ...],
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...] = (),
    setting: Setting | None = None,
    *,
    change_eur: float = 0.0,
    is_quick: bool = False,
) -> Purchase:
    """Return the cheapest plan found that carries `required` each month, N+1.

    `required` is in participants; a node of a type carries its `usable`. Set-up is not
    due for nodes `held` before the first month. `change_eur` is a price put on every
    node that comes or goes, to ask for calmer plans; it is not part of the bill, and
    such a plan has no bound. `is_quick` searches less.
    Raises ConfigError when no number of the nodes on offer can.
    """
    market = market_of(required, sized, held, setting)
    found = searched(market, change_eur=change_eur, is_quick=is_quick)
    spent = total(found.counts, market)
    bound = spent if found.bound_eur is None else min(found.bound_eur, spent)
    is_greedy = not change_eur and spent >= found.greedy_eur - 1e-6
    return _purchase(
        found.counts,
        market,
        Buying(
            method="greedy" if is_greedy else "integer programme",
            total_eur=spent,
            bound_eur=bound,
            gap_ratio=(spent - bound) / spent if spent > 0 else 0.0,
            greedy_eur=found.greedy_eur,
        ),
    )


def _purchase(counts: Counts, market: Market, buying: Buying) -> Purchase:
    kinds = [one.type for one in market.sized]
    new = orders(counts, market)
    shares = np.array(
        [k.purchase_eur / k.life_months if k.life_months else 0.0 for k in kinds]
    )
    prices = np.array([kind.purchase_eur for kind in kinds])
    rent = rents(counts, market).sum(axis=0) - shares @ counts[:, :, 0]
    cash = prices @ new
    used = np.maximum(market.months - np.arange(market.months), 0)
    worth = sum(
        prices[t]
        * float(new[t] @ np.maximum(1.0 - used / max(kind.life_months, 1), 0.0))
        for t, kind in enumerate(kinds)
        if kind.purchase_eur
    )
    hourly = np.einsum("t,tmb,b->m", market.is_hourly * 1.0, counts, market.hours)
    return Purchase(
        nodes=tuple(
            tuple(
                NodeCount(type=kind.name, count=int(counts[t, month, 0]))
                for t, kind in enumerate(kinds)
                if counts[t, month, 0] > 0
            )
            for month in range(market.months)
        ),
        rent_eur=tuple(rent.tolist()),
        setup_eur=tuple((market.setup_eur @ new).tolist()),
        buying=buying,
        purchase_eur=tuple(cash.tolist()),
        traffic_eur=tuple(traffic_costs(counts, market).tolist()),
        residual_eur=float(worth),
        hourly_hours=tuple(hourly.tolist()),
    )
