"""Shock scenarios: demand multiplied from a month on, beside the forecast. Pure.

No history tells of a lockdown to come, so a shock is never averaged into the forecast:
it is planned for separately, with the same simulated paths and the same money. The
scenario takes demand as given (the month's median peak times the factor); what is left
uncertain is what a node carries, and its nodes hold at the plan's risk.
"""

from dataclasses import replace

import numpy as np

from bots.errors import ConfigError
from planning.bills import (
    Demand,
    Terms,
    simulate_bills,
)
from planning.buying import cheapest_purchase
from planning.market import Setting
from planning.models import MonthPlan, ShockRow
from planning.offers import NodeCount, Shock
from planning.ordering import known_peak, required_of
from planning.sampling import interval_of
from planning.sizing import SizedType


def shock_row(
    shock: Shock,
    demand: Demand,
    terms: Terms,
    sized: tuple[SizedType, ...],
    months: tuple[MonthPlan, ...],
    plan: Setting,
) -> ShockRow:
    """Return what `shock` takes and what money is left.

    `plan` is what the plan's months asked besides participants.

    Raises ConfigError for a month outside the plan.
    """
    label = shock.month or demand.months[0]
    if label not in demand.months:
        raise ConfigError(
            f"{terms.budget.source} plans a shock in {label}, outside the plan's "
            f"months {demand.months[0]} to {demand.months[-1]}"
        )
    index = demand.months.index(label)
    planned = months[index]
    peak = planned.peak.p50 * shock.factor
    nodes, note = planned.nodes, ""
    setting = Setting(
        blocks=plan.blocks,
        traffic_bytes=(planned.traffic_bytes * shock.factor,),
        kept_months=tuple(max(0, kept - index) for kept in plan.kept_months),
    )
    rent, traffic, once = planned.node_cost_eur, planned.traffic_cost_eur, 0.0
    try:
        bought = cheapest_purchase(
            _required(peak, demand, terms, sized),
            sized,
            planned.nodes,
            setting,
            is_quick=True,
        )
        nodes, rent = bought.nodes[0], bought.rent_eur[0]
        traffic = bought.traffic_eur[0]
        once = bought.setup_eur[0] + bought.purchase_eur[0]
    except ConfigError as error:
        note = f"cannot be served: {error}"
    monthly = rent + planned.fixed_cost_eur + traffic
    return ShockRow(
        factor=shock.factor,
        month=label,
        peak=peak,
        nodes=nodes,
        extra_nodes=max(0, _count(nodes) - _count(planned.nodes)),
        cost_eur=monthly + once,
        monthly_cost_eur=monthly,
        runway_months=interval_of(_runways(shock.factor, index, demand, terms)),
        note=note,
    )


def _required(
    peak: float, demand: Demand, terms: Terms, sized: tuple[SizedType, ...]
) -> tuple[float, ...]:
    """Return what a pool must carry for a known peak at the plan's risk."""
    known = known_peak(demand, peak)
    return required_of(known, sized, terms.largest_meeting, terms.risk, terms.seed)


def _runways(
    factor: float, index: int, demand: Demand, terms: Terms
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    peaks = demand.peaks.copy()
    peaks[:, index:] *= factor
    bills = simulate_bills(replace(demand, peaks=peaks), terms)
    return bills.cash.runway_months()


def _count(nodes: tuple[NodeCount, ...]) -> int:
    return sum(node.count for node in nodes)
