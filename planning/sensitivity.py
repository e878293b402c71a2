"""Which assumptions move the bill most. Pure, seeded.

Two views of the same question. *One at a time*: the bill with one assumption at either
end of its 80 % interval and all else as it is. *Rank correlation* (Spearman): how a
drawn assumption's rank goes with the rank of the bill when everything is drawn at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planning.bills import Bills, Demand, Terms, simulate_bills
from planning.models import Influence

Floats = NDArray[np.float64]

SHOWN = 3
LOW, HIGH = 0.1, 0.9
PRICE_STEP = 0.1
"""Prices of a catalogue may be a tenth off: our assumption."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lever:
    name: str
    apply: Callable[[float], float]
    """The median bill with the assumption at this quantile (0.1 or 0.9)."""
    ranks: Floats | None
    more: str
    """What a high value of it does to the bill, in words."""


def sensitivity(demand: Demand, terms: Terms, bills: Bills) -> tuple[Influence, ...]:
    """Return the assumptions that move the bill of all months most, largest first."""
    total = bills.total.sum(axis=1)
    found = []
    for lever in _levers(demand, terms, bills):
        low, high = lever.apply(LOW), lever.apply(HIGH)
        found.append(
            Influence(
                name=lever.name,
                low_eur=low,
                high_eur=high,
                rank_correlation=None
                if lever.ranks is None
                else rank_correlation(lever.ranks, total),
                sentence=(
                    f"{lever.more}: {low:.0f} EUR at the low end of what is thought "
                    f"possible, {high:.0f} EUR at the high end"
                ),
            )
        )
    found.sort(key=lambda one: -abs(one.high_eur - one.low_eur))
    return tuple(found[:SHOWN])


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation; 0 where one of them does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _levers(demand: Demand, terms: Terms, bills: Bills) -> tuple[_Lever, ...]:
    level = demand.peaks.mean(axis=1)
    typical = np.median(demand.peaks, axis=0)
    certain = replace(
        demand,
        peaks=np.tile(typical, (demand.peaks.shape[0], 1)),
        factors=np.full(demand.factors.shape, np.median(demand.factors)),
    )

    def median_bill(changed: Demand, kept: Terms = terms) -> float:
        return float(np.median(simulate_bills(changed, kept).total.sum(axis=1)))

    def at_peak(quantile: float) -> float:
        scale = np.quantile(level, quantile) / np.median(level)
        return median_bill(replace(certain, peaks=certain.peaks * scale))

    def at_capacity(quantile: float) -> float:
        factor = np.quantile(demand.factors, quantile)
        return median_bill(
            replace(certain, factors=np.full(demand.factors.shape, factor))
        )

    def at_meeting(quantile: float) -> float:
        scale = 0.7 if quantile < 0.5 else 1.4
        size = min(round(terms.largest_meeting * scale), int(terms.main.capacity.mid))
        return median_bill(certain, replace(terms, largest_meeting=size))

    def at_price(quantile: float) -> float:
        paid = simulate_bills(certain, terms)
        step = -PRICE_STEP if quantile < 0.5 else PRICE_STEP
        change = step * np.median(paid.node_eur.sum(axis=1))
        return float(np.median(paid.total.sum(axis=1)) + change)

    def at_fixed(quantile: float) -> float:
        fixed = bills.fixed.sum(axis=1)
        change = np.quantile(fixed, quantile) - np.median(fixed)
        return median_bill(certain) + float(change)

    return (
        _Lever(
            name="demand",
            apply=at_peak,
            ranks=level,
            more="the more people come at once, the dearer the nodes",
        ),
        _Lever(
            name="capacity of a node",
            apply=at_capacity,
            ranks=demand.factors,
            more="the more a node carries, the fewer are needed",
        ),
        _Lever(
            name="largest meeting",
            apply=at_meeting,
            ranks=None,
            more=(
                "the larger the largest meeting (0.7 to 1.4 times the planned one), "
                "the emptier nodes must stay"
            ),
        ),
        _Lever(
            name="prices",
            apply=at_price,
            ranks=None,
            more=f"prices {PRICE_STEP:.0%} lower or higher than in the catalogue",
        ),
        _Lever(
            name="fixed costs",
            apply=at_fixed,
            ranks=bills.fixed.sum(axis=1),
            more="what is paid besides the nodes",
        ),
    )
