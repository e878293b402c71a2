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
from planning.joint import Mornings, failing_share, required_for
from planning.market import Setting
from planning.offers import NodeCount
from planning.sizing import SizedType, cheapest

DRAWS = 2500
_RAISE = 1.04
_MOST_ROUNDS = 8


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
    for month in range(len(demand.months)):
        drawn = mornings_of(demand, month, largest, seed)
        one = cheapest(float(np.quantile(drawn.peaks, 1.0 - risk)), sized)
        required.append(required_for(drawn, one, risk))
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
    for _ in range(_MOST_ROUNDS):
        purchase = cheapest_purchase(required, sized, held, setting)
        risks = tuple(
            failing_with_a_node_down(
                mornings_of(demand, month, largest, seed), purchase.nodes[month], sized
            )
            for month in range(len(demand.months))
        )
        if max(risks) <= risk:
            return Order(purchase=purchase, required=required, risks=risks)
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
    """Return the failing share of a pool without its largest node."""
    by_name = {one.type.name: one for one in sized}
    pool = [
        by_name[node.type].capacity.mid for node in nodes for _ in range(node.count)
    ]
    pool.remove(max(pool))
    return failing_share(mornings, tuple(pool))


def known_peak(demand: Demand, peak: float) -> Demand:
    """Return a demand of one month whose peak is known; capacity stays uncertain."""
    return replace(
        demand,
        months=demand.months[:1],
        peaks=np.full((demand.peaks.shape[0], 1), peak),
        required=(peak,),
    )
