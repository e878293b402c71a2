"""What a plan is made of: history, forecast, prices, money and the plan itself.

Frozen data without behaviour. Money is in the catalogue's currency, EUR in every field
name because the first users pay in it; peaks are participants present at one instant.
An interval without another statement covers 80 %. Months are `YYYY-MM`, days
`YYYY-MM-DD`, both in the time zone of the history.
"""

from dataclasses import dataclass
from typing import Literal

ForecastMethod = Literal["model", "rule", "seasonal naive"]
Billing = Literal["rented", "hourly", "bought"]
CapacityOrigin = Literal["catalog", "capacity.json"]

QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""The quantiles of the peak that every forecast and every backtest states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with the interval it is believed to lie in."""

    low: float
    mid: float
    high: float
    coverage: float = 0.8
    """Nominal share of truths between low and high."""


# --- history ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch without any sample, longer than the history's own step."""

    starts_at: str
    """ISO 8601 with zone."""
    ends_at: str
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Concurrency of the past as maxima over bins; bins without a sample are absent."""

    source: str
    """The file's name, without its folder."""
    comments: tuple[str, ...]
    """Comment lines of the file: a modelled history says there that it is modelled."""
    utc_offset_s: int
    """The zone of the first sample; weeks and months are cut in it."""
    step_s: int
    """Length of a bin: 300, or the samples' own distance where that is longer."""
    times_s: tuple[int, ...]
    """Start of each bin in Unix time, ascending, one entry per bin with samples."""
    participants: tuple[int, ...]
    meetings: tuple[int | None, ...] | None = None
    """Maxima like participants; None where the file has no such column."""
    cameras: tuple[int | None, ...] | None = None
    voice: tuple[int | None, ...] | None = None
    """Participants with a two-way microphone."""
    listeners: tuple[int | None, ...] | None = None
    """Participants who only listen."""
    largest_meeting: tuple[int | None, ...] | None = None
    gaps: tuple[Gap, ...] = ()
    samples: int = 0
    duplicates: int = 0
    """Samples at a time already seen; the larger value was kept."""
    is_modelled: bool = False
    """True when a comment of the file says that its numbers are modelled."""
    limit_hits: tuple[int | None, ...] | None = None
    """Joins that a limit refused in the bin: demand that was not served."""
    notes: tuple[str, ...] = ()
    """What was left out, filled in or doubted on the way, one sentence each."""
    disagreement_ratio: float = 0.0
    """Standard deviation of the logarithm between two sources of it, 0 for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPeak:
    """The peak of one week or month of the history."""

    starts_on: str
    """Its first day: a Monday, or the first of a month."""
    peak: float | None
    """None when too little of the period is known to speak of its peak."""
    coverage: float
    """Share of the period's bins that have a sample, 0 to 1."""


# --- forecast --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakQuantiles:
    """Quantiles of the peak of one period: of the maximum itself."""

    p10: float
    p50: float
    p80: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodForecast:
    """The forecast peak of one coming week or month."""

    starts_on: str
    peak: PeakQuantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileScore:
    """How one quantile of one forecaster did in the backtest."""

    quantile: float
    pinball: float
    """Mean pinball loss ÷ median weekly peak of the 26 weeks before each origin."""
    coverage: float
    """Share of truths at or under the forecast quantile; best is `quantile`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestScore:
    """One forecaster over all origins of a rolling-origin backtest."""

    name: ForecastMethod
    origins: int
    truths: int
    scores: tuple[QuantileScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Model and baselines on the same past, and which of them earned the forecast."""

    horizon_weeks: int
    used: ForecastMethod
    """The forecaster of most quantiles."""
    reason: str
    """One sentence: why `used` is used."""
    scores: tuple[BacktestScore, ...]
    """Empty when the history is too short for a single origin."""
    used_at: tuple[ForecastMethod, ...] = ()
    """The forecaster of each of `QUANTILES`: the one that lost least at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The peaks of the coming weeks and months, with the reasons to believe them."""

    method: ForecastMethod
    reason: str
    cutoff: str
    """Last day of the last week that the forecast knows."""
    weeks: tuple[PeriodForecast, ...]
    months: tuple[PeriodForecast, ...]
    month_rule: str
    """How monthly quantiles come from weekly ones."""
    backtest: Backtest
    history_weeks: tuple[PeriodPeak, ...]
    week_dependence: tuple[float, float]
    """(share of the error common to all weeks ahead, correlation of the rest from week
    to week): how errors of coming weeks hang together in simulated paths."""
    level_shift: bool
    """The last complete week lay above what the forecast before it called its .99."""
    warnings: tuple[str, ...] = ()


# --- prices and money --------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCapacity:
    """Participants one node carries, with the interval and where that comes from."""

    participants: float
    low: float
    high: float
    source: str
    coverage: float = 0.8
    mix: str = ""
    """The mix of meetings the figure is for, in words."""
    is_assumption: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerType:
    """One kind of server as a catalogue offers it; prices as the user pays them."""

    name: str
    price_eur: float
    """Per month, VAT included where the user pays it."""
    setup_eur: float
    term_months: int
    """Months that must be paid once ordered."""
    included_traffic_bytes: float | None
    """Outgoing bytes a month; None when traffic is not limited."""
    extra_traffic_eur_per_byte: float
    nic_bps: float
    cores: int
    memory_bytes: float | None
    source: str
    date: str
    """Day on which the price was read."""
    capacity: TypeCapacity | None
    max_count: int | None = None
    is_assumption: bool = False
    """True when the price is assumed; `reason` then says why that much."""
    reason: str = ""
    billing: Billing = "rented"
    """Rented by the month; hourly, billed while it exists; bought, where `price_eur` is
    what it costs a month to run: housing and power."""
    hour_eur: float = 0.0
    """An hour of an hourly node; a month of it is never more than `price_eur`."""
    purchase_eur: float = 0.0
    """What a bought node costs on the day it is ordered."""
    life_months: int = 0
    """Months over which a bought node is used."""
    watts: float | None = None
    notice_days: int = 0
    lead_days: int = 0
    """From the order until the node serves meetings."""
    held_until: str | None = None
    """Last month that a contract held must be paid; None: it may end at any time."""
    is_held: bool = False
    """A contract held at its own price: no more of it can be ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Server types with dated prices."""

    source: str
    """The file's name, without its folder."""
    currency: str
    vat_ratio: float
    """VAT that was added to the file's prices, 0 when they include it."""
    date: str
    """The oldest price's day."""
    types: tuple[ServerType, ...]
    warnings: tuple[str, ...] = ()
    is_net: bool = False
    """True where the user gets VAT back: prices are then without it."""
    co2_kg_per_kwh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """Money that comes or goes every month, or once when first and last are equal."""

    name: str
    amount: Interval
    first_month: str | None = None
    last_month: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthDriver:
    """A known change of demand: peaks are multiplied by `factor` from a month on."""

    name: str
    first_month: str
    factor: Interval
    last_month: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """A scenario beside the forecast: demand multiplied within one month."""

    factor: float
    month: str | None = None
    """None: the first planned month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMix:
    """What participants send and see, for traffic: shares and bitrates."""

    cameras_per_participant: Interval
    """Published cameras ÷ participants."""
    seen_cameras: Interval
    """Cameras an average participant receives at once, at most the page."""
    microphones_ratio: Interval
    """Participants with a two-way microphone ÷ participants."""
    audio_ratio: Interval
    """Participants who receive audio ÷ participants."""
    screens_seen: Interval
    """Share of participants who receive a screen share at an average instant."""
    camera_bps: Interval
    audio_bps: Interval
    screen_bps: Interval
    signalling_bps: Interval
    """Web pages, slides and GraphQL, to each participant."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCount:
    """So many nodes of one type."""

    type: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Nodes already held at a price of their own, with what binds them."""

    type: str
    count: int
    price_eur: float | None = None
    """A month of one; None: what the catalogue asks."""
    until: str | None = None
    """Last month that must be paid."""
    notice_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """What recordings put on disks."""

    hours: Interval
    """Recorded hours a month."""
    bytes_per_hour: Interval
    retention_months: float
    included_bytes: float = 0.0
    """Disk that the nodes bring along."""
    eur_per_byte_month: float = 0.0
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What there is, what comes in, what goes out besides the nodes."""

    source: str
    """The file's name, without its folder."""
    balance_eur: float
    balance_on: str
    """Day of the balance."""
    reserve_eur: float
    """The runway ends when the balance would fall under it."""
    income: tuple[MoneyLine, ...]
    fixed_costs: tuple[MoneyLine, ...]
    growth: tuple[GrowthDriver, ...] = ()
    shocks: tuple[Shock, ...] = (
        Shock(factor=2.0),
        Shock(factor=3.0),
        Shock(factor=5.0),
    )
    largest_meeting: int | None = None
    """Participants of the largest meeting to plan for; None: from the history."""
    largest_meeting_source: str = ""
    mean_ratio: float | None = None
    """Mean ÷ peak concurrency of a month for traffic; None: from the history."""
    streams: StreamMix | None = None
    held: tuple[NodeCount, ...] = ()
    """Nodes already rented when the plan begins: no set-up is due for them."""
    contracts: tuple[Contract, ...] = ()
    """Those of them with a price, an end or a notice of their own."""
    recordings: Recordings | None = None


# --- the plan ----------------------------------------------------------------


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
    """Cash for nodes bought; the balance sets it aside over their years of use."""


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
    """Monthly bill under the shock, set-up of the extra nodes included."""
    monthly_cost_eur: float
    """The same without set-up: what every further month costs."""
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
    """Nodes and set-up over the plan's months."""
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
    past the plan, the last month is repeated."""
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
    blocks: tuple[tuple[float, float], ...] = ()
    """(share of the requirement, hours a month) of the load-duration blocks."""
