"""From simulated demand to nodes: how much to order, and proof that it holds. Pure.

Each month's requirement comes from drawing peak, capacity and placement together
(`planning/joint.py`) on pools of the type that costs least alone; the cheapest mix of
types is bought for it, and the pool bought is simulated again, month by month, with any
one node missing. Where a mix holds less well than the single type, the month's
requirement is raised a little and bought anew.
"""

from dataclasses import dataclass, replace

import numpy as np

from bots.errors import ConfigError
from planning.bills import Demand
from planning.buying import Purchase, cheapest_purchase
from planning.joint import (
    Mornings,
    failing_share,
    guess_required,
    required_for,
)
from planning.market import Setting
from planning.offers import NodeCount
from planning.sizing import SizedType, cheapest

DRAWS = 2500
_RAISE = 1.04
_MOST_ROUNDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is bought, what it was bought for, and how often it would fail."""

    purchase: Purchase
    required: tuple[float, ...]
    """By month: participants at usable share, with one node down."""
    risks: tuple[float, ...]
    """By month: share of jointly drawn peak mornings that fail, one node down."""


def mornings_of(demand: Demand, month: int, largest: int, seed: int) -> Mornings:
    """Return jointly drawn peak mornings of one month of the plan."""
    return Mornings(
        peaks=demand.peaks[:DRAWS, month],
        factors=demand.factors[:DRAWS],
        largest_meeting=largest,
        seed=seed,
        balancer=demand.balancer,
        sizes=demand.sizes,
    )


def required_of(
    demand: Demand,
    sized: tuple[SizedType, ...],
    largest: int,
    risk: float,
    seed: int,
) -> tuple[float, ...]:
    """Return by month what the pool must carry, the largest node missing."""
    required = []
    # What a guess was off by in one month, it is off by in the next.
    ratio = 1.0
    for month in range(len(demand.months)):
        drawn = mornings_of(demand, month, largest, seed)
        one = cheapest(float(np.quantile(drawn.peaks, 1.0 - risk)), sized)
        found = required_for(drawn, one, risk, ratio)
        ratio = (found + 0.5 * one.usable) / guess_required(drawn, one, risk)
        required.append(found)
    return tuple(required)


def order(
    demand: Demand,
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...],
    setting: Setting,
    *,
    largest: int,
    risk: float,
    seed: int,
) -> Order:
    """Return the cheapest purchase found that holds the risk in every month.

    Raises ConfigError when no pool does.
    """
    required = required_of(demand, sized, largest, risk, seed)
    known: dict[tuple[int, tuple[NodeCount, ...]], float] = {}

    def failing(month: int, nodes: tuple[NodeCount, ...]) -> float:
        if (month, nodes) not in known:
            drawn = mornings_of(demand, month, largest, seed)
            known[month, nodes] = failing_with_a_node_down(drawn, nodes, sized)
        return known[month, nodes]

    # Requirements are found by quick searches; then the whole search has its turn.
    is_quick = True
    for _ in range(_MOST_ROUNDS):
        purchase = cheapest_purchase(required, sized, held, setting, is_quick=is_quick)
        risks = tuple(failing(*pool) for pool in enumerate(purchase.nodes))
        if max(risks) <= risk and not is_quick:
            return Order(purchase=purchase, required=required, risks=risks)
        is_quick = is_quick and max(risks) > risk
        required = tuple(
            need * _RAISE if found > risk else need
            for need, found in zip(required, risks, strict=True)
        )
    raise ConfigError(
        f"no pool of the catalogue keeps the risk of an overload at {risk:g} with "
        f"meetings of {largest}: add a larger type, or accept more risk with --risk"
    )


def failing_with_a_node_down(
    mornings: Mornings, nodes: tuple[NodeCount, ...], sized: tuple[SizedType, ...]
) -> float:
    """Return the failing share of a pool without the node whose loss is worst."""
    carried = {one.type.name: one.capacity.mid for one in sized}
    pool = [carried[node.type] for node in nodes for _ in range(node.count)]
    shares = []
    for lost in sorted(set(pool), reverse=True):
        rest = pool.copy()
        rest.remove(lost)
        shares.append(failing_share(mornings, tuple(rest)))
    return max(shares)


def known_peak(demand: Demand, peak: float) -> Demand:
    """Return a demand of one month whose peak is known; capacity stays uncertain."""
    return replace(
        demand,
        months=demand.months[:1],
        peaks=np.full((demand.peaks.shape[0], 1), peak),
        required=(peak,),
    )
