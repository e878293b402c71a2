"""The plan: forecast, capacity, prices and money put together. Pure, seeded.

Two answers stand side by side in every month. *What to order*: nodes that carry the
peak at the chosen risk, widened by what is not known about capacity, with any one node
down; its price is `cost_eur`. *What it will probably cost*: over simulated demand and
capacity (`planning/bills.py`); that is `cost_interval_eur`, and the balance and the
runway rest on it. Intervals are therefore never read off the order alone.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning import choices
from planning.bills import (
    Bills,
    Demand,
    Terms,
    margin_of,
    mean_ratio_of,
    simulate_bills,
)
from planning.budget import applies
from planning.buying import Purchase
from planning.calendars import Calendar
from planning.capacities import as_interval
from planning.caps import check_room, join_warnings
from planning.cash import Cash, months_before
from planning.choices import alternatives, confidence_prices, reasons
from planning.demand import StatedDemand, stated_forecast
from planning.disk import co2_of, with_disk
from planning.forecast import forecast
from planning.models import (
    CapacityUsed,
    MonthPlan,
    NodeFailure,
    Plan,
    StandInMeasurement,
)
from planning.node_prices import main_type, node_prices
from planning.offers import Budget, Catalog
from planning.ordering import order
from planning.orders import order_steps
from planning.paths import monthly_maxima, quantiles_of, simulate
from planning.peaks import Forecast, History
from planning.reasons import assumptions_of, warnings_of
from planning.sampling import interval_of, log_normal
from planning.sensitivity import sensitivity
from planning.series import Shape, highest, shape, weekly_peaks
from planning.settings import blocks_of, held_counts, setting_of, with_contracts
from planning.shocks import shock_row
from planning.sizing import (
    SPARE_NODES,
    SizedType,
    capacity_spread,
    sized_types,
)
from planning.zones import local_seconds

Floats = NDArray[np.float64]

PATHS = 4000
LARGEST_SHARE_GUESSED = 0.1
"""Largest meeting ÷ peak when nobody said: our assumption."""
WEEKS_IN_A_MONTH = 4.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything a plan is made from."""

    history: History
    catalog: Catalog
    budget: Budget
    capacities: tuple[CapacityUsed, ...]
    months: int
    risk: float
    seed: int
    made_on: str
    tool_version: str
    calendar: Calendar | None = None
    stand_in: StandInMeasurement | None = None
    stated: StatedDemand | None = None
    """Demand as somebody stated it, where there is no history."""


def make_plan(inputs: Inputs) -> Plan:
    """Return the plan for the months after the history.

    Raises ConfigError when the inputs allow none.
    """
    history, stated = inputs.history, inputs.stated
    rng = np.random.default_rng(inputs.seed)
    budget, disk = with_disk(inputs.budget, np.random.default_rng([inputs.seed, 8]))
    if stated is not None and budget.streams is None:
        budget = replace(budget, streams=stated.streams)
    known = shape(history) if stated is None else stated.shape
    largest = _largest_meeting(budget, known, history)
    check_room(largest, budget)
    intervals = {used.type: as_interval(used) for used in inputs.capacities}
    sized = with_contracts(
        sized_types(
            inputs.catalog, intervals, largest, inputs.risk, _why(stated, budget)
        ),
        budget,
    )
    weeks = weekly_peaks(history) if stated is None else ()
    horizon = int(np.ceil(inputs.months * WEEKS_IN_A_MONTH)) + 8
    predicted = (
        forecast(
            weeks,
            horizon_weeks=horizon,
            rng=rng,
            source=history.source,
            calendar=inputs.calendar,
            measured_sd=history.disagreement_ratio,
        )
        if stated is None
        else stated_forecast(stated, horizon)
    )
    demand = _demand(predicted, sized, inputs, rng)
    blocks = blocks_of(history) if stated is None else stated.blocks
    setting = setting_of(
        demand,
        sized,
        budget,
        mean_ratio_of(budget, known),
        blocks,
        made_on=inputs.made_on,
        seed=inputs.seed,
    )
    held = held_counts(budget, sized)
    ordered = order(
        demand,
        sized,
        held,
        setting,
        largest=largest,
        risk=inputs.risk,
        seed=inputs.seed,
    )
    purchase, risks = ordered.purchase, ordered.risks
    demand = replace(demand, required=ordered.required)
    main = main_type(purchase, sized)
    terms = Terms(
        main=main,
        largest_meeting=largest,
        risk=inputs.risk,
        margin=margin_of(demand, inputs.risk, main.utilisation, rng),
        mean_ratio=mean_ratio_of(budget, known),
        budget=budget,
        seed=inputs.seed,
        prices=node_prices(purchase, sized, held, main, setting.kept_months),
    )
    choice = choices.Terms(
        sized=sized,
        held=held,
        setting=setting,
        largest=largest,
        risk=inputs.risk,
        seed=inputs.seed,
    )
    bills = simulate_bills(demand, terms)
    ordered_cash = bills.cash.ordered(
        np.add(purchase.rent_eur, purchase.traffic_eur),
        np.add(purchase.setup_eur, purchase.purchase_eur),
    )
    months = _months(demand, purchase, sized, risks, bills, ordered_cash)
    peak, peak_at = highest(history)
    worst = int(np.argmax(risks))
    return Plan(
        tool_version=inputs.tool_version,
        made_on=inputs.made_on,
        seed=inputs.seed,
        risk=inputs.risk,
        history=history.source,
        history_is_modelled=history.is_modelled,
        history_step_s=history.step_s,
        history_weeks=weeks,
        history_peak=float(peak),
        history_peak_at=peak_at,
        catalog=inputs.catalog.source,
        catalog_date=inputs.catalog.date,
        currency=inputs.catalog.currency,
        budget=budget.source,
        forecast_method=predicted.method,
        forecast_reason=predicted.reason,
        forecast_month_rule=predicted.month_rule,
        forecast_weeks=predicted.weeks,
        backtest=predicted.backtest,
        months=months,
        runway_months=interval_of(bills.cash.runway_months()),
        ordered_runway_months=float(ordered_cash.runway_months()[0]),
        cost_total_eur=sum(month.cost_eur for month in months),
        cost_total_interval_eur=interval_of(bills.total.sum(axis=1)),
        reserve_eur=budget.reserve_eur,
        balance_start_eur=budget.balance_eur,
        largest_meeting=largest,
        capacity_used=tuple(
            used
            for used in inputs.capacities
            if any(one.type.name == used.type for one in sized)
        ),
        node_failure=NodeFailure(
            spare_nodes=SPARE_NODES,
            rule=(
                "every month carries its peak at the plan's risk with the node missing "
                "whose loss costs most"
            ),
            worst_type=_dearest_loss(purchase, sized, worst),
            overload_risk=risks[worst],
            month=demand.months[worst],
        ),
        buying=purchase.buying,
        shocks=tuple(
            shock_row(shock, demand, terms, sized, months, setting)
            for shock in budget.shocks
        ),
        assumptions=assumptions_of(
            history=history,
            catalog=inputs.catalog,
            budget=budget,
            sized=sized,
            shape=known,
            largest_meeting=largest,
            stated="" if stated is None else stated.why,
        ),
        warnings=join_warnings(
            float(np.quantile(demand.peaks[:, worst], 1.0 - inputs.risk)),
            purchase.nodes[worst],
            sized,
            budget,
            largest,
            inputs.seed,
        )
        + warnings_of(
            history=history,
            catalog=inputs.catalog,
            budget=budget,
            capacities=inputs.capacities,
            sized=sized,
            predicted=predicted,
            largest_meeting=largest,
            months_before=months_before(budget, demand.months),
            first_month=demand.months[0],
            made_on=inputs.made_on,
        ),
        stand_in=inputs.stand_in,
        orders=order_steps(
            demand.months,
            purchase.nodes,
            tuple(one.type for one in sized),
            held,
            inputs.made_on,
        ),
        alternatives=alternatives(ordered, demand, choice),
        confidence=confidence_prices(ordered, demand, choice),
        sensitivity=sensitivity(demand, terms, bills),
        reasons=reasons(ordered, demand, choice),
        disk_bytes=disk,
        co2_kg=co2_of(purchase.nodes, inputs.catalog),
        demand="" if stated is None else stated.source,
        catalog_used=inputs.catalog,
        budget_used=budget,
        mean_ratio=terms.mean_ratio,
        meeting_sizes=history.meeting_sizes,
        blocks=blocks,
    )


def _why(stated: StatedDemand | None, budget: Budget) -> str:
    if stated is None or budget.largest_meeting is not None:
        return ""
    return f" (the high end of what {stated.source} states)"


def _largest_meeting(budget: Budget, known: Shape, history: History) -> int:
    if budget.largest_meeting is not None:
        return budget.largest_meeting
    if known.largest_meeting is not None:
        return max(2, known.largest_meeting)
    return max(2, round(LARGEST_SHARE_GUESSED * max(history.participants)))


def _demand(
    predicted: Forecast,
    sized: tuple[SizedType, ...],
    inputs: Inputs,
    rng: np.random.Generator,
) -> Demand:
    """Simulate monthly peaks, growth drivers and the capacity's uncertainty."""
    paths = simulate(predicted.weeks, predicted.week_dependence, rng, PATHS)
    labels, peaks = monthly_maxima(predicted.weeks, paths)
    history = inputs.history
    last_s = int(local_seconds(history, history.times_s[-1:])[0])
    last = datetime.fromtimestamp(last_s, UTC).date().isoformat()[:7]
    first = next((i for i, label in enumerate(labels) if label > last), len(labels))
    labels = labels[first : first + inputs.months]
    peaks = peaks[:, first : first + inputs.months]
    if len(labels) < inputs.months:
        raise ConfigError(
            f"the last complete week of {history.source} ends {predicted.cutoff}, too "
            f"long before its end in {last}: the forecast reaches {len(labels)} of "
            f"{inputs.months} months; fill the gap or cut the file there"
        )
    for driver in inputs.budget.growth:
        drawn = log_normal(driver.factor, rng, PATHS)
        active = np.array([applies(driver, label) for label in labels])
        peaks = peaks * np.where(active[None, :], drawn[:, None], 1.0)
    factors = log_normal(capacity_spread(sized), rng, PATHS)
    widened = np.quantile(peaks / factors[:, None], 1.0 - inputs.risk, axis=0)
    return Demand(
        months=labels,
        peaks=peaks,
        factors=factors,
        required=tuple(widened.tolist()),
        balancer=inputs.budget.balancer,
        sizes=history.meeting_sizes,
    )


def _months(
    demand: Demand,
    purchase: Purchase,
    sized: tuple[SizedType, ...],
    risks: tuple[float, ...],
    bills: Bills,
    ordered_cash: Cash,
) -> tuple[MonthPlan, ...]:
    left = bills.cash.balances_eur()
    ordered_left = ordered_cash.balances_eur()[0]
    by_name = {one.type.name: one for one in sized}
    rows = []
    for index, label in enumerate(demand.months):
        counts = purchase.nodes[index]
        traffic = interval_of(bills.out_bytes[:, index])
        traffic_cost = purchase.traffic_eur[index]
        bought = purchase.purchase_eur[index]
        fixed = float(np.median(bills.fixed[:, index]))
        capacity = sum(by_name[one.type].capacity.mid * one.count for one in counts)
        usable = sum(by_name[one.type].usable * one.count for one in counts)
        rent, setup = purchase.rent_eur[index], purchase.setup_eur[index]
        rows.append(
            MonthPlan(
                month=label,
                peak=quantiles_of(demand.peaks[:, index]),
                required=demand.required[index],
                nodes=counts,
                utilisation=usable / capacity,
                overload_risk=risks[index],
                cost_eur=rent + setup + bought + traffic_cost + fixed,
                node_cost_eur=rent,
                setup_cost_eur=setup,
                purchase_cost_eur=bought,
                traffic_cost_eur=traffic_cost,
                fixed_cost_eur=fixed,
                cost_interval_eur=interval_of(bills.total[:, index]),
                nodes_interval=interval_of(bills.nodes[:, index]),
                income_eur=float(np.median(bills.income[:, index])),
                traffic_bytes=traffic.mid,
                traffic_interval_bytes=traffic,
                traffic_in_bytes=float(np.median(bills.in_bytes[:, index])),
                balance_eur=interval_of(left[:, index]),
                ordered_balance_eur=float(ordered_left[index]),
            )
        )
    return tuple(rows)


def _dearest_loss(purchase: Purchase, sized: tuple[SizedType, ...], month: int) -> str:
    present = {node.type for node in purchase.nodes[month]}
    there = (one for one in sized if one.type.name in present)
    return max(there, key=lambda one: one.usable).type.name
