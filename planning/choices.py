"""Plans to argue about, what certainty costs, and why this many nodes. Pure.

All of them hold the plan's risk; they differ in what they ask of people and money.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from planning.bills import Demand
from planning.buying import Purchase, cheapest_purchase
from planning.joint import guess_required
from planning.market import Setting
from planning.models import Alternative, ConfidencePrice
from planning.offers import NodeCount
from planning.ordering import (
    Order,
    failing_with_a_node_down,
    mornings_of,
)
from planning.sizing import SPARE_NODES, SizedType

CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.99)
CHANGE_SHARE = 0.5
"""A change is priced at this share of the cheapest type's month, to be avoided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every alternative keeps."""

    sized: tuple[SizedType, ...]
    held: tuple[NodeCount, ...]
    setting: Setting
    largest: int
    risk: float
    seed: int


def alternatives(
    ordered: Order, demand: Demand, terms: Terms
) -> tuple[Alternative, ...]:
    """Return the cheapest plan and up to two calmer ones that differ from it."""
    found = [
        _told("cheapest", ordered.purchase, demand, terms, "nothing cheaper found")
    ]
    flat = (max(ordered.required),) * len(ordered.required)
    calmest = cheapest_purchase(
        flat, terms.sized, terms.held, terms.setting, is_quick=True
    )
    price = CHANGE_SHARE * min(one.type.price_eur for one in terms.sized)
    fewest = cheapest_purchase(
        ordered.required,
        terms.sized,
        terms.held,
        terms.setting,
        is_quick=True,
        change_eur=price,
    )
    for name, purchase, why in (
        (
            "calmest",
            calmest,
            "every month has room for the highest one: nothing to order or cancel on "
            "the way, and spare room in most months",
        ),
        (
            "fewest changes",
            fewest,
            "orders and cancellations are avoided where that costs little",
        ),
    ):
        if all(purchase.nodes != other.nodes for other in found):
            told = _told(name, purchase, demand, terms, why)
            if told.overload_risk <= terms.risk:
                found.append(told)
    return tuple(found)


def confidence_prices(
    ordered: Order, demand: Demand, terms: Terms
) -> tuple[ConfidencePrice, ...]:
    """Return what the plan costs at several confidences.

    Requirements are scaled by the joint draw without new placement simulation, so that
    the plan's own confidence gives the plan's own requirement.
    """
    prices = []
    for confidence in CONFIDENCES:
        required = tuple(
            need * _scale(demand, month, terms, 1.0 - confidence)
            for month, need in enumerate(ordered.required)
        )
        purchase = cheapest_purchase(
            required,
            terms.sized,
            terms.held,
            terms.setting,
            is_quick=True,
        )
        prices.append(
            ConfidencePrice(
                confidence=confidence,
                total_eur=purchase.buying.total_eur,
                largest_pool=max(
                    sum(node.count for node in nodes) for nodes in purchase.nodes
                ),
            )
        )
    # A search cut short must not make more certainty look cheaper.
    totals = np.maximum.accumulate([one.total_eur for one in prices])
    return tuple(
        ConfidencePrice(
            confidence=one.confidence,
            total_eur=float(total),
            largest_pool=one.largest_pool,
        )
        for one, total in zip(prices, totals, strict=True)
    )


def reasons(ordered: Order, demand: Demand, terms: Terms) -> tuple[str, ...]:
    """Return in sentences why the first month has as many nodes as it has."""
    nodes = ordered.purchase.nodes[0]
    count = sum(node.count for node in nodes)
    by_name = {one.type.name: one for one in terms.sized}
    stated = sum(by_name[node.type].capacity.mid * node.count for node in nodes)
    peaks = demand.peaks[:, 0]
    carried = by_name[nodes[0].type]
    return (
        f"{demand.months[0]}: the peak is {np.median(peaks):.0f} in the middle and "
        f"{np.quantile(peaks, 1 - terms.risk):.0f} at the asked confidence",
        f"{count} nodes carry {stated:.0f} as stated, {stated / count:.0f} each; one "
        f"of them is the spare ({SPARE_NODES}), since any one may fail",
        f"meetings of up to {terms.largest} cannot move: a node of {carried.type.name} "
        f"is filled to {carried.utilisation:.0%} of what it carries",
        "what a node carries is uncertain by "
        f"{carried.capacity.low:.0f} to {carried.capacity.high:.0f}; peak, capacity "
        "and placement are drawn together, not stacked as three worst cases",
        f"so the chance of an overload with a node down is {ordered.risks[0]:.1%}, "
        f"where {terms.risk:.1%} was asked",
    )


def _told(
    name: str, purchase: Purchase, demand: Demand, terms: Terms, why: str
) -> Alternative:
    risks = [
        failing_with_a_node_down(
            mornings_of(demand, month, terms.largest, terms.seed), nodes, terms.sized
        )
        for month, nodes in enumerate(purchase.nodes)
    ]
    changes = sum(a != b for a, b in itertools.pairwise(purchase.nodes))
    assert name in ("cheapest", "calmest", "fewest changes")
    return Alternative(
        name=name,  # type: ignore[arg-type]
        nodes=purchase.nodes,
        total_eur=purchase.buying.total_eur,
        changes=changes,
        overload_risk=max(risks),
        why=why,
    )


def _scale(demand: Demand, month: int, terms: Terms, risk: float) -> float:
    drawn = mornings_of(demand, month, terms.largest, terms.seed)
    one = terms.sized[0]
    return guess_required(drawn, one, risk) / guess_required(drawn, one, terms.risk)
