"""What a source said of a node at one moment, whatever the source is. Data.

Counters are since the node's or the process's start: who compares two readings gets
what happened between them. Times are `elapsed_s` of the asking side's clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loadtest.nodes import Scrape


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCpu:
    """One process, or a group of them that a source counts together."""

    key: str
    """Tells it from all others of the source, also from a later one of its number."""
    name: str
    """Program, group or service, as `loadtest.watching.roles` knows it."""
    cpu_s: float
    processes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """All processes that a source counts, at one moment."""

    elapsed_s: float
    cpu: tuple[ProcessCpu, ...]
    is_whole: bool = True
    """Whether the source looks at all processes, not only at its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """The node's clock less ours; the truth lies within `bound_s` of it."""

    offset_s: float
    bound_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer of one source; what it does not know is None or empty."""

    machine: Scrape | None = None
    processes: Processes | None = None
    participants: int | None = None
    """As bigbluebutton-exporter counts them: over all meetings it is shown."""
    connections: int | None = None
    """Open GraphQL connections, one for each client that is in a meeting (BBB 3.0)."""
    figures: tuple[tuple[str, float], ...] = ()
    """Gauges that BBB's components tell of themselves, by their own names."""
    facts: tuple[tuple[str, str], ...] = ()
    clock: ClockOffset | None = None
    is_stand_in: bool = False


class Source(Protocol):
    """One way of asking one node; each is used by one thread at a time."""

    @property
    def address(self) -> str:
        """Its address as it was given, without credentials."""

    @property
    def node(self) -> str:
        """The node it tells of: host, and the port where the address has one."""

    def read(self, elapsed_s: Callable[[], float]) -> Reading:
        """Ask once; raises TargetUnusable where nothing usable comes in time."""

    def close(self) -> None:
        """Let go of the connection, if it holds one. May be called twice."""


def clock_offset(asked_s: float, told_s: float, answered_s: float) -> ClockOffset:
    """Return the offset of a clock that said `told_s` between two times of ours.

    The clock was looked at somewhere between asking and answering, so half of the
    round trip bounds the error (as in NTP, RFC 5905, section 8).

    >>> clock_offset(10.0, 12.5, 11.0)
    ClockOffset(offset_s=2.0, bound_s=0.5)
    """
    return ClockOffset(
        offset_s=told_s - (asked_s + answered_s) / 2,
        bound_s=(answered_s - asked_s) / 2,
    )
