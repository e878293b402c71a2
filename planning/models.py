"""A plan as data: months, orders, alternatives, what they rest on. No behaviour.

Money is in the catalogue's currency, EUR in every field name because the first users
pay in it; peaks are participants present at one instant. An interval without another
statement covers 80 %. Months are `YYYY-MM`, days `YYYY-MM-DD`, both in the time zone of
the history.
"""

from dataclasses import dataclass
from typing import Literal

from planning.offers import Budget, CapacityOrigin, Catalog, NodeCount
from planning.peaks import (
    Backtest,
    ForecastMethod,
    Interval,
    PeakQuantiles,
    PeriodForecast,
    PeriodPeak,
)

LONGEST_RUNWAY_MONTHS = 240.0
"""A runway that ends later, or never, is this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPlan:
    """One month: demand, what serves it, what it costs, what is left."""

    month: str
    peak: PeakQuantiles
    required: float
    """Participants the nodes must make room for with one node down, so that peak,
    capacity and placement together overload a node with the plan's risk."""
    nodes: tuple[NodeCount, ...]
    utilisation: float
    """Share of its capacity up to which a node may be filled by placement."""
    overload_risk: float
    """Simulated chance that some node passes its capacity on the month's peak morning
    with any one node down; peak, capacity and placement drawn together."""
    cost_eur: float
    """The month's whole bill under this plan: nodes, set-up, traffic, fixed costs."""
    node_cost_eur: float
    setup_cost_eur: float
    traffic_cost_eur: float
    fixed_cost_eur: float
    cost_interval_eur: Interval
    """The bill when nodes follow demand as it turns out, over simulated demand and the
    capacity's interval."""
    nodes_interval: Interval
    """Total nodes in the same simulation."""
    income_eur: float
    traffic_bytes: float
    """Out of the nodes, the middle of its interval."""
    traffic_interval_bytes: Interval
    traffic_in_bytes: float
    balance_eur: Interval
    """At the end of the month."""
    purchase_cost_eur: float = 0.0
    """Cash for nodes bought that begin to serve in this month."""
    ordered_balance_eur: float | None = None
    """At the end of the month when every bill is `cost_eur`; None in older files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep:
    """Nodes of one type that come or go at the start of a month."""

    month: str
    type: str
    count: int
    """More when positive, fewer when negative."""
    act_by: str
    """Last day to order or to cancel."""
    reason: str
    """Lead time or notice that the day follows from."""
    is_late: bool = False
    """The day is before the plan was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another plan that holds as well, to argue about."""

    name: Literal["cheapest", "calmest", "fewest changes"]
    nodes: tuple[tuple[NodeCount, ...], ...]
    """By month."""
    total_eur: float
    """Nodes, set-up and traffic beyond what is included, over the plan."""
    changes: int
    """Months in which nodes come or go."""
    overload_risk: float
    """The largest of the months."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidencePrice:
    """What it costs to be this sure."""

    confidence: float
    """One minus the risk."""
    total_eur: float
    largest_pool: int
    """Nodes in the fullest month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """How much one assumption moves the bill of all months."""

    name: str
    low_eur: float
    """The bill with the assumption at the low end of its interval, all else as is."""
    high_eur: float
    rank_correlation: float | None
    """With the simulated bill (Spearman); None where it is not drawn."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShockRow:
    """One shock scenario: what it would take in the month it hits and after it."""

    factor: float
    month: str
    peak: float
    """The month's median peak times the factor: a scenario takes demand as given."""
    nodes: tuple[NodeCount, ...]
    extra_nodes: int
    """More than the plan has in that month."""
    cost_eur: float
    """Bill of that month, set-up and purchase of the extra nodes included."""
    monthly_cost_eur: float
    """The same without them: what every further month costs."""
    runway_months: Interval
    note: str = ""
    """Why the shock cannot be served, "" when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """N+1: what the plan keeps for the failure of any one node."""

    spare_nodes: int
    rule: str
    worst_type: str
    """The type whose failure costs most capacity."""
    overload_risk: float
    """Largest `overload_risk` of the plan's months."""
    month: str
    """The month in which it is largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityUsed:
    """The capacity a server type is planned with."""

    type: str
    origin: CapacityOrigin
    participants: float
    low: float
    high: float
    coverage: float
    source: str
    mix: str
    slo: str = ""
    """Name of the SLO for a measured capacity; "" for a figure from elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInProfile:
    """What the stand-in node carried in one profile; never a capacity of BBB."""

    name: str
    size: int
    cameras: int
    capacity: float | None
    at_least: float | None
    low: float | None
    high: float | None
    invalid: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInMeasurement:
    """A measurement of the stand-in node, kept apart from the plan."""

    title: str
    note: str
    run: str
    slo: str
    coverage: float
    profiles: tuple[StandInProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something the plan rests on that nobody measured here."""

    name: str
    value: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Buying:
    """How the cheapest plan was searched and how sure its cheapness is."""

    method: Literal["integer programme", "greedy"]
    total_eur: float
    """Nodes, set-up and traffic over the plan's months; a bought node counts with the
    share of its use that these months take."""
    bound_eur: float
    """No plan that holds is cheaper than this."""
    gap_ratio: float
    """(total − bound) ÷ total."""
    greedy_eur: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Nodes, money and the reasons; the content of `plan.json`."""

    tool_version: str
    made_on: str
    seed: int
    risk: float
    history: str
    """Name of the history file."""
    history_is_modelled: bool
    history_step_s: int
    history_weeks: tuple[PeriodPeak, ...]
    """Weekly peaks, for the chart; None where a week is a gap."""
    history_peak: float
    history_peak_at: str
    catalog: str
    catalog_date: str
    currency: str
    budget: str
    forecast_method: ForecastMethod
    forecast_reason: str
    forecast_month_rule: str
    forecast_weeks: tuple[PeriodForecast, ...]
    backtest: Backtest
    months: tuple[MonthPlan, ...]
    runway_months: Interval
    """From the day of the balance until it would fall under the reserve; when that lies
    past the plan, the month after it is repeated, without what is paid once."""
    cost_total_eur: float
    cost_total_interval_eur: Interval
    reserve_eur: float
    balance_start_eur: float
    largest_meeting: int
    capacity_used: tuple[CapacityUsed, ...]
    node_failure: NodeFailure
    buying: Buying
    shocks: tuple[ShockRow, ...]
    assumptions: tuple[Assumption, ...]
    warnings: tuple[str, ...]
    stand_in: StandInMeasurement | None = None
    orders: tuple[OrderStep, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    confidence: tuple[ConfidencePrice, ...] = ()
    sensitivity: tuple[Influence, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why this many nodes, in sentences."""
    disk_bytes: Interval | None = None
    """For recordings, at the end of the plan."""
    co2_kg: float | None = None
    """Of all months; None where no type has watts or the budget no kg/kWh."""
    demand: str = ""
    """Name of the demand file where there is no history."""
    catalog_used: Catalog | None = None
    """Prices the plan was made with, so that a quote can be asked of the plan alone."""
    budget_used: Budget | None = None
    mean_ratio: float = 0.0
    """Mean ÷ peak concurrency of a month, for traffic."""
    meeting_sizes: tuple[tuple[int, float], ...] = ()
    """(participants at most, meetings seen) of the history's busy hours."""
    ordered_runway_months: float | None = None
    """As `runway_months` when every bill is `cost_eur`; None in older files."""
    blocks: tuple[tuple[float, float], ...] = ()
    """(share of the requirement, hours a month) of the load-duration blocks."""
