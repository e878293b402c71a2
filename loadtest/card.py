"""A node card as data: what a server type carries, fit to publish. Frozen.

`loadtest.card_making` makes one, and `loadtest.publishing` decides what may stand in
it; `loadtest/formats.md` documents the file.
"""

from dataclasses import dataclass
from typing import Literal

from loadtest.models import Capacity

Dearer = Literal["", "bots", "people"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What the watch of the node saw of its machine; None and "" are not known."""

    cores: float | None = None
    memory_bytes: int | None = None
    nic_bps: float | None = None
    """Speed of the fastest network card."""
    processor: str = ""
    maker: str = ""
    """Vendor and model of the machine, as its firmware tells them."""
    steal_ratio: float | None = None
    """Mean share of the cores' time that other machines took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What ran there; "" is not known."""

    system: str = ""
    kernel: str = ""
    packages: tuple[tuple[str, str], ...] = ()
    """(package, version) of BigBlueButton's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRatio:
    """CPU of bots ÷ CPU of real people at the people's mix, base left out."""

    low: float
    mid: float
    high: float
    coverage: float
    dearer: Dearer
    """Whose cost is to be planned with, "" where they agree (0.8 to 1.25)."""
    streams: Literal["counted", "assumed"]
    """How many cameras people received: counted, or as if all meetings were alike."""
    nodes: int
    days: float
    """Of all nodes together."""
    ratio_half_streams: float | None = None
    ratio_double_streams: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCard:
    """The content of card.json: no host, address, tenant or secret is in it."""

    type: str
    """Server type, as whoever made the card names it; "" is not named."""
    measured_on: str
    """UTC, `YYYY-MM-DD`."""
    nodes: int
    """Nodes that were watched; 0: none, or their log was not at hand."""
    hardware: Hardware
    software: Software
    settings: tuple[tuple[str, str], ...]
    """Settings that change what a node carries, those that were told."""
    scenarios: tuple[tuple[str, str], ...]
    """(profile, hash): the same hash is the same load, whatever it was called."""
    capacity: Capacity
    """Of the benchmark, without what names anybody: SLO, results, validity."""
    people: PeopleRatio | None = None
    """None: no production was set beside."""
