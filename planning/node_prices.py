"""What a node of a plan costs on average: a month of it, and its start. Pure.

Bills along simulated demand need one price for "one node more", while a plan may hold
several types, contracts at prices of their own, and nodes that exist for some hours
only. So nodes are counted in those of the main type, by what they may be filled to, and
priced as the plan's own are on average. Money is cash: a bought node is paid in the
month it begins to serve, as the plan's own bill has it.
"""

from dataclasses import dataclass

from planning.buying import Purchase
from planning.offers import HELD, NodeCount
from planning.sizing import SizedType


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePrices:
    """EUR of a node of the main type, as the plan's nodes cost on average."""

    month_eur: float
    """Rent, hours, or the running of a bought node."""
    start_eur: float
    """Set-up, and the price of a bought node."""
    held: float
    """Nodes that are there before the plan: no start is due for them."""
    stays: bool
    """A bought node is never handed back."""
    bound_eur: tuple[float, ...]
    """By month, what contracts cost that cannot end before it, whatever comes."""


def main_type(purchase: Purchase, sized: tuple[SizedType, ...]) -> SizedType:
    """Return the type that the purchase has most nodes of over all months.

    Nodes held by contract count as nodes of their type.
    """
    counts: dict[str, int] = {}
    for node in (node for month in purchase.nodes for node in month):
        name = node.type.removesuffix(HELD)
        counts[name] = counts.get(name, 0) + node.count
    name = max(counts, key=lambda key: counts[key])
    return next(one for one in sized if one.type.name == name)


def node_prices(
    purchase: Purchase,
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...],
    main: SizedType,
    kept_months: tuple[int, ...] = (),
) -> NodePrices:
    """Return what the purchase's nodes cost on average, in nodes of `main`.

    `kept_months` is by type, as in `planning.market.Setting`.
    """
    weights = {one.type.name: one.usable / main.usable for one in sized}

    def weighed(nodes: tuple[NodeCount, ...]) -> float:
        return sum(weights.get(node.type, 0.0) * node.count for node in nodes)

    node_months = sum(weighed(nodes) for nodes in purchase.nodes)
    begun = 0.0
    before = {node.type: node.count for node in held}
    for nodes in purchase.nodes:
        for node in nodes:
            more = max(0, node.count - before.get(node.type, 0))
            begun += weights[node.type] * more
        before = {node.type: node.count for node in nodes}
    paid = sum(purchase.setup_eur) + sum(purchase.purchase_eur)
    return NodePrices(
        month_eur=sum(purchase.rent_eur) / node_months if node_months else 0.0,
        start_eur=paid / begun
        if begun
        else main.type.setup_eur + main.type.purchase_eur,
        held=weighed(held),
        stays=main.type.billing == "bought",
        bound_eur=tuple(
            _bound_eur(month, sized, held, kept_months)
            for month in range(len(purchase.nodes))
        ),
    )


def _bound_eur(
    month: int,
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...],
    kept_months: tuple[int, ...],
) -> float:
    counts = {node.type: node.count for node in held}
    kept = kept_months or (0,) * len(sized)
    return sum(
        one.type.price_eur * counts.get(one.type.name, 0)
        for one, months in zip(sized, kept, strict=True)
        if month < months
    )
