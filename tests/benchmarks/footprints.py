"""What two processes hold over time, and the rule that tells growth from noise.

**The rule.** The first quarter of the time is warm-up and left out. Of the rest, the
last third may exceed the first third by no more than the noise:

    memory   `MEMORY_NOISE_RATIO` of it and `MEMORY_NOISE_BYTES` on top
    tasks    `TASKS_NOISE`      (a message being typed, a round trip being timed)
    sockets  `SOCKETS_NOISE`    (an HTTP call under way)

Memory is compared by its median, since one sample may meet a burst. Tasks and sockets
are compared by their ninth decile: who loses the network takes its own away and brings
them back, so a third is compared with everybody present.
"""

import asyncio
import os
import resource
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

WARM_UP_SHARE = 0.25
MEMORY_NOISE_RATIO = 0.05
MEMORY_NOISE_BYTES = 2 * 1024**2
TASKS_NOISE = 3
SOCKETS_NOISE = 2

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What both processes hold at one moment."""

    elapsed_s: float
    bots_memory_bytes: int
    bots_tasks: int
    bots_sockets: int
    node_memory_bytes: int
    node_sockets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One quantity early and late, and the noise that is allowed between them."""

    name: str
    early: float
    late: float
    allowed: float

    @property
    def is_noise(self) -> bool:
        return self.late - self.early <= self.allowed


def growths(footprints: Sequence[Footprint]) -> tuple[Growth, ...]:
    """Judge footprints by the rule above. Pure.

    Raises ValueError for fewer than twelve, of which nothing can be said.
    """
    steady = footprints[int(len(footprints) * WARM_UP_SHARE) :]
    third = len(steady) // 3
    if third < 3:
        raise ValueError(f"{len(footprints)} footprints are too few to judge growth")

    def memory(name: str, of: Callable[[Footprint], int]) -> Growth:
        early = statistics.median(map(of, steady[:third]))
        late = statistics.median(map(of, steady[-third:]))
        allowed = early * MEMORY_NOISE_RATIO + MEMORY_NOISE_BYTES
        return Growth(name=name, early=early, late=late, allowed=allowed)

    def count(name: str, of: Callable[[Footprint], int], noise: int) -> Growth:
        early = _ninth_decile(map(of, steady[:third]))
        late = _ninth_decile(map(of, steady[-third:]))
        return Growth(name=name, early=early, late=late, allowed=noise)

    return (
        memory("bots memory bytes", lambda each: each.bots_memory_bytes),
        count("bots tasks", lambda each: each.bots_tasks, TASKS_NOISE),
        count("bots sockets", lambda each: each.bots_sockets, SOCKETS_NOISE),
        memory("node memory bytes", lambda each: each.node_memory_bytes),
        count("node sockets", lambda each: each.node_sockets, SOCKETS_NOISE),
    )


def footprint(elapsed_s: float, node_pid: int) -> Footprint:
    """Take the footprint of this process, which runs the bots, and of the node's."""
    bots_pid = os.getpid()
    return Footprint(
        elapsed_s=elapsed_s,
        bots_memory_bytes=_resident_bytes(bots_pid),
        bots_tasks=len(asyncio.all_tasks()),
        bots_sockets=_sockets(bots_pid),
        node_memory_bytes=_resident_bytes(node_pid),
        node_sockets=_sockets(node_pid),
    )


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _ninth_decile(values: Iterable[int]) -> float:
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def _resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _sockets(pid: int) -> int:
    count = 0
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except OSError:
            continue  # closed between the two calls
    return count
