"""The plan: forecast, capacity, prices and money put together. Pure, seeded.

Two answers stand side by side in every month. *What to order*: nodes that carry the
peak at the chosen risk, widened by what is not known about capacity, with any one node
down; its price is `cost_eur`. *What it will probably cost*: over simulated demand and
capacity, nodes that follow demand month by month with the margin a forecast of one
month ahead needs; that is `cost_interval_eur`, and the balance and the runway rest on
it. Intervals are therefore never read off the order alone.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.budget import (
    LONGEST_RUNWAY_MONTHS,
    applies,
    balances,
    month_distance,
    monthly_amounts,
    runways,
)
from planning.buying import Purchase, cheapest_purchase
from planning.forecast import forecast
from planning.models import (
    Budget,
    CapacityUsed,
    Catalog,
    Forecast,
    History,
    Interval,
    MonthPlan,
    NodeFailure,
    Plan,
    ServerType,
    ShockRow,
    StandInMeasurement,
)
from planning.paths import monthly_maxima, quantiles_of, simulate
from planning.placement import morning_risk
from planning.reasons import assumptions_of
from planning.sampling import interval_of, log_normal
from planning.series import (
    Shape,
    highest,
    month_days,
    monthly_peaks,
    shape,
    weekly_peaks,
)
from planning.sizing import (
    SPARE_NODES,
    SizedType,
    capacity_spread,
    cheapest,
    simulated_nodes,
    sized_types,
    with_utilisation,
)
from planning.traffic import DEFAULT_STREAMS, draw_rates, monthly_bytes

Floats = NDArray[np.float64]

PATHS = 4000
MORNINGS = 2000
LARGEST_SHARE_GUESSED = 0.1
"""Largest meeting ÷ peak when nobody said: our assumption."""
_SQUEEZE = 0.96
_MOST_SQUEEZES = 40


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
    stand_in: StandInMeasurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Demand:
    """Simulated demand: months, their peaks by path, capacity factors by path."""

    months: tuple[str, ...]
    peaks: Floats
    factors: Floats
    required: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Money:
    """Simulated money by path and month."""

    bills: Floats
    nodes: Floats
    income: Floats
    out_bytes: Floats
    in_bytes: Floats
    fixed: Floats


def make_plan(inputs: Inputs) -> Plan:
    """Return the plan for the months after the history.

    Raises ConfigError when the inputs allow none.
    """
    history, budget = inputs.history, inputs.budget
    rng = np.random.default_rng(inputs.seed)
    known = shape(history)
    largest = _largest_meeting(budget, known, history)
    intervals = {
        used.type: Interval(
            low=used.low,
            mid=used.participants,
            high=used.high,
            coverage=used.coverage,
        )
        for used in inputs.capacities
    }
    sized = sized_types(inputs.catalog, intervals, largest, inputs.risk)
    weeks = weekly_peaks(history)
    horizon_weeks = int(np.ceil(inputs.months * 4.35)) + 8
    predicted = forecast(
        weeks, horizon_weeks=horizon_weeks, rng=rng, source=history.source
    )
    demand = _demand(predicted, sized, inputs, rng)
    sized, purchase, risks = _purchase(demand, sized, largest, inputs)
    money = _money(demand, purchase, sized, known, largest, inputs, rng)
    offset = _months_before(budget, demand.months)
    bills, income = (
        _from_balance_on(money.bills, offset),
        _from_balance_on(money.income, offset),
    )
    left = balances(budget.balance_eur, income, bills)
    runway = interval_of(runways(budget.balance_eur, income, bills, budget.reserve_eur))
    months = tuple(
        _month(index, demand, purchase, sized, risks, money, left, offset)
        for index in range(len(demand.months))
    )
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
        runway_months=runway,
        cost_total_eur=sum(month.cost_eur for month in months),
        cost_total_interval_eur=interval_of(money.bills.sum(axis=1)),
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
            worst_type=_largest_present(purchase, sized, worst).type.name,
            overload_risk=risks[worst],
            month=demand.months[worst],
        ),
        buying=purchase.buying,
        shocks=tuple(
            _shock(shock.factor, shock.month, demand, money, sized, months, inputs)
            for shock in budget.shocks
        ),
        assumptions=assumptions_of(
            history=history,
            catalog=inputs.catalog,
            budget=budget,
            sized=sized,
            shape=known,
            largest_meeting=largest,
        ),
        warnings=_warnings(inputs, predicted, sized, largest),
        stand_in=inputs.stand_in,
    )


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
) -> _Demand:
    """Simulate monthly peaks, growth drivers and the capacity's uncertainty."""
    paths = simulate(predicted.weeks, predicted.week_dependence, rng, PATHS)
    labels, peaks = monthly_maxima(predicted.weeks, paths)
    last = date.fromtimestamp(
        inputs.history.times_s[-1] + inputs.history.utc_offset_s
    ).isoformat()[:7]
    first = next((i for i, label in enumerate(labels) if label > last), len(labels))
    labels = labels[first : first + inputs.months]
    peaks = peaks[:, first : first + inputs.months]
    if len(labels) < inputs.months:
        raise ConfigError(
            f"the history ends {predicted.cutoff}, too far before {last}: the forecast "
            f"reaches {len(labels)} of {inputs.months} months; fill the gap at its end"
        )
    for driver in inputs.budget.growth:
        drawn = log_normal(driver.factor, rng, PATHS)
        active = np.array([applies(driver, label) for label in labels])
        peaks = peaks * np.where(active[None, :], drawn[:, None], 1.0)
    factors = log_normal(capacity_spread(sized), rng, PATHS)
    widened = np.quantile(peaks / factors[:, None], 1.0 - inputs.risk, axis=0)
    return _Demand(
        months=labels,
        peaks=peaks,
        factors=factors,
        required=tuple(widened.tolist()),
    )


def _purchase(
    demand: _Demand, sized: tuple[SizedType, ...], largest: int, inputs: Inputs
) -> tuple[tuple[SizedType, ...], Purchase, tuple[float, ...]]:
    """Buy, simulate peak mornings with a node down, fill nodes less until it holds."""
    for _ in range(_MOST_SQUEEZES):
        purchase = cheapest_purchase(demand.required, sized)
        risks = tuple(
            _risk_with_a_node_down(index, demand, purchase, sized, largest, inputs.seed)
            for index in range(len(demand.months))
        )
        if max(risks) <= inputs.risk:
            break
        sized = tuple(
            with_utilisation(one, one.utilisation * _SQUEEZE) for one in sized
        )
    return sized, purchase, risks


def _risk_with_a_node_down(
    month: int,
    demand: _Demand,
    purchase: Purchase,
    sized: tuple[SizedType, ...],
    largest: int,
    seed: int,
) -> float:
    by_name = {one.type.name: one for one in sized}
    pool = [
        by_name[node.type].capacity.mid
        for node in purchase.nodes[month]
        for _ in range(node.count)
    ]
    pool.remove(max(pool))
    rng = np.random.default_rng([seed, 77])
    return morning_risk(
        demand.required[month], largest, tuple(pool), rng, mornings=MORNINGS
    ).risk


def _money(
    demand: _Demand,
    purchase: Purchase,
    sized: tuple[SizedType, ...],
    known: Shape,
    largest: int,
    inputs: Inputs,
    rng: np.random.Generator,
) -> _Money:
    """Simulate bills and traffic along every path of demand."""
    budget, months = inputs.budget, demand.months
    main = _main_type(purchase, sized)
    # Who orders for a month knows it only as well as a forecast one month ahead does.
    margin = float(
        np.quantile(demand.peaks[:, 0], 1.0 - inputs.risk)
        / np.median(demand.peaks[:, 0])
    )
    nodes = simulated_nodes(
        demand.peaks * margin, demand.factors, main, largest, inputs.risk
    )
    ordered = np.maximum(np.diff(nodes, axis=1, prepend=0.0), 0.0)
    mean_ratio = budget.mean_ratio or known.mean_ratio
    rates = draw_rates(budget.streams or DEFAULT_STREAMS, rng, PATHS)
    # The peak of a month moves more than its mean does: half of the surprise on the
    # log scale is taken to be the whole month's, half its highest hour's.
    typical = np.median(demand.peaks, axis=0)
    mean = mean_ratio * np.sqrt(demand.peaks * typical[None, :])
    days = np.array([month_days(label) for label in months], dtype=float)
    out_bytes = monthly_bytes(mean, np.array(rates.out_bps)[:, None], days[None, :])
    in_bytes = monthly_bytes(mean, np.array(rates.in_bps)[:, None], days[None, :])
    fixed = monthly_amounts(budget.fixed_costs, months, rng, PATHS)
    bills = (
        nodes * main.type.price_eur
        + ordered * main.type.setup_eur
        + _traffic_cost(out_bytes, nodes, main.type)
        + fixed
    )
    return _Money(
        bills=bills,
        nodes=nodes,
        income=monthly_amounts(budget.income, months, rng, PATHS),
        out_bytes=out_bytes,
        in_bytes=in_bytes,
        fixed=fixed,
    )


def _traffic_cost(out_bytes: Floats, nodes: Floats, kind: ServerType) -> Floats:
    if kind.included_traffic_bytes is None:
        return np.zeros_like(out_bytes)
    beyond = np.maximum(out_bytes - nodes * kind.included_traffic_bytes, 0.0)
    return np.asarray(beyond * kind.extra_traffic_eur_per_byte, dtype=float)


def _month(
    index: int,
    demand: _Demand,
    purchase: Purchase,
    sized: tuple[SizedType, ...],
    risks: tuple[float, ...],
    money: _Money,
    left: Floats,
    offset: int,
) -> MonthPlan:
    by_name = {one.type.name: one for one in sized}
    traffic = interval_of(money.out_bytes[:, index])
    counts = purchase.nodes[index]
    included = 0.0
    price = 0.0
    for node in counts:
        kind = by_name[node.type].type
        if kind.included_traffic_bytes is None:
            included = np.inf
        else:
            included += node.count * kind.included_traffic_bytes
            price = max(price, kind.extra_traffic_eur_per_byte)
    traffic_cost = max(0.0, traffic.mid - included) * price
    fixed = float(np.median(money.fixed[:, index]))
    capacity = sum(by_name[node.type].capacity.mid * node.count for node in counts)
    usable = sum(by_name[node.type].usable * node.count for node in counts)
    row = index + offset
    return MonthPlan(
        month=demand.months[index],
        peak=quantiles_of(demand.peaks[:, index]),
        required=demand.required[index],
        nodes=counts,
        utilisation=usable / capacity,
        overload_risk=risks[index],
        cost_eur=purchase.rent_eur[index]
        + purchase.setup_eur[index]
        + traffic_cost
        + fixed,
        node_cost_eur=purchase.rent_eur[index],
        setup_cost_eur=purchase.setup_eur[index],
        traffic_cost_eur=traffic_cost,
        fixed_cost_eur=fixed,
        cost_interval_eur=interval_of(money.bills[:, index]),
        nodes_interval=interval_of(money.nodes[:, index]),
        income_eur=float(np.median(money.income[:, index])),
        traffic_bytes=traffic.mid,
        traffic_interval_bytes=traffic,
        traffic_in_bytes=float(np.median(money.in_bytes[:, index])),
        balance_eur=interval_of(left[:, row])
        if row >= 0
        else Interval(low=0.0, mid=0.0, high=0.0),
    )


def _shock(
    factor: float,
    month: str | None,
    demand: _Demand,
    money: _Money,
    sized: tuple[SizedType, ...],
    months: tuple[MonthPlan, ...],
    inputs: Inputs,
) -> ShockRow:
    """Multiply demand from a month on and see what it takes and what is left."""
    label = month or demand.months[0]
    if label not in demand.months:
        raise ConfigError(
            f"{inputs.budget.source} plans a shock in {label}, outside the plan's "
            f"months {demand.months[0]} to {demand.months[-1]}"
        )
    index = demand.months.index(label)
    planned = months[index]
    peak = planned.peak.p95 * factor
    note = ""
    try:
        bought = cheapest_purchase((demand.required[index] * factor,), sized)
    except ConfigError as error:
        return ShockRow(
            factor=factor,
            month=label,
            peak=peak,
            nodes=planned.nodes,
            extra_nodes=0,
            cost_eur=planned.cost_eur,
            monthly_cost_eur=planned.cost_eur - planned.setup_cost_eur,
            runway_months=Interval(low=0.0, mid=0.0, high=0.0),
            note=str(error),
        )
    nodes = bought.nodes[0]
    main = cheapest(demand.required[index] * factor, sized)
    total = sum(node.count for node in nodes)
    extra = max(0, total - sum(node.count for node in planned.nodes))
    # The shock's bill scales the simulated node bill and leaves the fixed costs.
    fixed = money.fixed
    bills = money.bills.copy()
    rest = bills[:, index:] - fixed[:, index:]
    bills[:, index:] = fixed[:, index:] + rest * factor
    offset = _months_before(inputs.budget, demand.months)
    runway = interval_of(
        runways(
            inputs.budget.balance_eur,
            _from_balance_on(money.income, offset),
            _from_balance_on(bills, offset),
            inputs.budget.reserve_eur,
        )
    )
    monthly = bought.rent_eur[0] + planned.fixed_cost_eur
    monthly += planned.traffic_cost_eur * factor
    return ShockRow(
        factor=factor,
        month=label,
        peak=peak,
        nodes=nodes,
        extra_nodes=extra,
        cost_eur=monthly + extra * main.type.setup_eur,
        monthly_cost_eur=monthly,
        runway_months=runway,
        note=note,
    )


def _months_before(budget: Budget, months: tuple[str, ...]) -> int:
    """Return the months between the balance and the first planned one.

    Negative where the balance is younger than the first planned months.
    """
    return month_distance(budget.balance_on[:7], months[0]) - 1


def _from_balance_on(amounts: Floats, offset: int) -> Floats:
    """Return amounts by month from the balance on.

    Months before the plan are taken to cost what its first month costs; planned months
    before the balance are already in it.
    """
    if offset > 0:
        return np.concatenate(
            [np.repeat(amounts[:, :1], offset, axis=1), amounts], axis=1
        )
    if offset < 0:
        return amounts[:, min(-offset, amounts.shape[1] - 1) :]
    return amounts


def _main_type(purchase: Purchase, sized: tuple[SizedType, ...]) -> SizedType:
    """Return the type that the purchase has most nodes of over all months."""
    counts: dict[str, int] = {}
    for nodes in purchase.nodes:
        for node in nodes:
            counts[node.type] = counts.get(node.type, 0) + node.count
    name = max(counts, key=lambda key: counts[key])
    return next(one for one in sized if one.type.name == name)


def _largest_present(
    purchase: Purchase, sized: tuple[SizedType, ...], month: int
) -> SizedType:
    present = {node.type for node in purchase.nodes[month]}
    return max(
        (one for one in sized if one.type.name in present), key=lambda one: one.usable
    )


def _warnings(
    inputs: Inputs, predicted: Forecast, sized: tuple[SizedType, ...], largest: int
) -> tuple[str, ...]:
    warnings = [*inputs.catalog.warnings, *predicted.warnings]
    history, budget = inputs.history, inputs.budget
    if predicted.level_shift:
        warnings.append(
            "the last week lay above what the forecast before it called its .99 "
            "quantile: the level may have shifted, look at the shock scenarios"
        )
    if history.step_s > 300:
        warnings.append(
            f"peaks come from values every {history.step_s // 60} minutes: peaks "
            "between them are not seen"
        )
    if history.duplicates:
        warnings.append(
            f"{history.duplicates} samples of {history.source} were duplicates: the "
            "larger value was kept"
        )
    small = {used.type for used in inputs.capacities} - {one.type.name for one in sized}
    warnings.extend(
        f"{name} cannot hold the largest meeting of {largest} and is left out"
        for name in sorted(small)
    )
    bare = {kind.name for kind in inputs.catalog.types} - {
        used.type for used in inputs.capacities
    }
    warnings.extend(f"{name} has no capacity and is left out" for name in sorted(bare))
    for used in inputs.capacities:
        if used.low < largest <= used.participants:
            warnings.append(
                f"at the low end of its capacity ({used.low:g}) {used.type} cannot hold "
                f"the largest meeting of {largest}"
            )
    peaks = [row.peak for row in monthly_peaks(history) if row.peak is not None]
    if peaks and budget.largest_meeting and budget.largest_meeting > max(peaks):
        warnings.append(
            f"the largest meeting to plan for ({largest}) is above every peak so far"
        )
    return tuple(warnings)


__all__ = ["LONGEST_RUNWAY_MONTHS", "Inputs", "make_plan"]
