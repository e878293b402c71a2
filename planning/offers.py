"""What there is to choose from: server types, prices, money, growth. Frozen data.

Money is in the catalogue's currency, EUR in every field name because the first users
pay in it. Months are `YYYY-MM`, days `YYYY-MM-DD`.
"""

from dataclasses import dataclass
from typing import Literal

from planning.peaks import Interval

Balancer = Literal["scalelite", "b3scale", "fewest meetings", "round robin"]
"""Rules by which balancers choose a node; see `planning/placement.py`."""
Billing = Literal["rented", "hourly", "bought"]
HELD = " (held)"
"""Ends the name of a type that stands for contracts held."""
CapacityOrigin = Literal["catalog", "capacity.json", "node card"]


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
    stated_in: str = "EUR"
    """Currency of the file's prices; those here are in `currency`."""
    eur_per_unit: float = 1.0
    """What one of that currency was taken to be worth."""


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
    balancer: Balancer = "scalelite"
    """How meetings are put onto nodes; see `planning/placement.py`."""
    room_limit: int | None = None
    """Participants that one meeting may have, whatever a node carries."""
    joins_per_s: float | None = None
    """Joins a node takes in its busiest minute; None: not looked at."""


# --- the plan ----------------------------------------------------------------
