"""What a node's own history says of its CPU: data, frozen, no behaviour.

`loadtest/formats.md` documents every field of observed.json for readers of the file.
"""

from dataclasses import dataclass
from typing import Literal

from loadtest.models import Capacity, Cost
from planning.peaks import Interval

Dearer = Literal["", "bots", "people"]
AGREE = (0.8, 1.25)
"""CPU of bots ÷ CPU of people between which they cost the same to a plan."""


def is_beyond_chance(low: float, high: float) -> bool:
    """Tell whether a ratio's interval leaves 1 out: bots and people differ.

    >>> is_beyond_chance(0.74, 0.92), is_beyond_chance(0.91, 1.08)
    (True, False)
    """
    return not low <= 1.0 <= high


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePast:
    """One node, bin by bin; all columns are as long as `times_s`."""

    node: str
    times_s: tuple[int, ...]
    """Unix time at which each bin begins."""
    step_s: int
    cores: float | None
    loads: tuple[tuple[str, tuple[float, ...]], ...]
    """Means over each bin: `participants`, `voice`, `cameras`; where they were counted
    `listeners`, `streams` (all that the node sends) and `meetings`."""
    cpu: tuple[tuple[str, tuple[float, ...]], ...]
    """Cores in use: `node` is the whole node; then roles, where they were watched."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCosts:
    """What the CPU of one role is made of."""

    role: str
    """`node` is the whole node without `recording`, where that is watched."""
    cores: float
    """Mean over the busiest tenth of the bins, as fitted."""
    costs: tuple[Cost, ...]
    """Empty where the history can't tell the parts of the load apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNode:
    """What one node's history says, and how far it may be believed."""

    node: str
    bins: int
    days: float
    cores: float | None
    largest: tuple[tuple[str, float], ...]
    """The most seen of each part of the load: nothing is said beyond 1.2 times that."""
    busy: tuple[tuple[str, float], ...]
    """Mean load of the busiest tenth of the bins: the mix that is spoken of."""
    busy_cores: float
    """Mean CPU measured in these bins."""
    base: Interval
    """Cores in use without any load."""
    load_cores: Interval
    """Cores that the busy mix costs, without `base`."""
    condition_number: float | None
    """None where a part of the load is a sum of others, to the last digit."""
    roles: tuple[RoleCosts, ...]
    at_bound: Interval | None
    """Participants of the busy mix at 80 % of the cores, None beyond 1.2 × the largest
    seen."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A benchmark's bots beside real people, at the people's mix."""

    run: str
    """Run of the benchmark."""
    ratio: Interval
    """CPU of bots ÷ CPU of people, base left out on both sides."""
    dearer: Dearer
    """Whose cost is to be planned with, "" where they agree (0.8 to 1.25)."""
    streams: Literal["counted", "assumed"]
    """How many cameras people received: counted by the SFU, or computed as if all
    meetings at one time were alike."""
    ratio_half_streams: float | None
    """The ratio if people received half as many cameras; None where counted."""
    ratio_double_streams: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a mix that was asked for costs a node."""

    node: str
    mix: tuple[tuple[str, float], ...]
    cores: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The content of observed.json."""

    source: str
    """Host of the Prometheus server."""
    since: str
    until: str
    """UTC, ISO 8601."""
    step_s: int
    tool_version: str
    seed: int
    coverage: float
    nodes: tuple[ObservedNode, ...]
    asked: tuple[Asked, ...] = ()
    beside: Beside | None = None
    planning: Capacity | None = None
    """The benchmark's capacity at the dearer cost: what `bbbload plan` uses."""
    notes: tuple[str, ...] = ()
