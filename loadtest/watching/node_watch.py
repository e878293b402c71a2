"""The readings of one node's sources, one after the other -> samples. No I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadtest.models import NodeSample
from loadtest.nodes import Scrape, difference
from loadtest.watching.reading import ClockOffset, Processes, Reading
from loadtest.watching.roles import OTHER, ROLES, kind_of

CLOCKS_KEPT: Final = 16
"""The best bounded of so many readings tells the offset, as NTP's clock filter does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busiest:
    """The process that is nearest to the end of what it can use."""

    name: str
    cores: float
    ratio: float
    """Share of one core for what works in one thread, of the node's cores otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """What one source says of processes since its reading before."""

    roles: dict[str, float]
    busiest: Busiest | None


class NodeWatch:
    """One node, through one or several sources; a missed reading leaves a gap."""

    def __init__(self, node: str, facts: tuple[tuple[str, str], ...] = ()) -> None:
        self.node = node
        self.facts = facts
        self.missed = 0
        self._machine: Scrape | None = None
        self._processes: dict[int, Processes] = {}
        self._used: dict[int, _Used] = {}
        self._whole: int | None = None
        self._clocks: deque[ClockOffset] = deque(maxlen=CLOCKS_KEPT)

    def receive(self, readings: Sequence[Reading | None]) -> NodeSample | None:
        """Take a reading of each source, None for a missed one, always in one order.

        Return what happened since the last sample, None where that cannot be told.
        """
        self.missed += sum(reading is None for reading in readings)
        heard = [(place, it) for place, it in enumerate(readings) if it is not None]
        self._clocks += [it.clock for _, it in heard if it.clock is not None]
        machine = next((it.machine for _, it in heard if it.machine), None)
        cores = machine.processors if machine else 1
        self._add_processes(heard, float(cores))
        if machine is None:
            return None
        before, self._machine = self._machine, machine
        sample = None if before is None else difference(self.node, before, machine)
        if before is None or sample is None:
            return None
        return self._completed(sample, before, machine, [it for _, it in heard])

    def _completed(
        self,
        sample: NodeSample,
        before: Scrape,
        machine: Scrape,
        heard: list[Reading],
    ) -> NodeSample:
        stolen = dict(machine.cpu_s).get("steal", 0.0)
        stolen -= dict(before.cpu_s).get("steal", 0.0)
        groups = [*sample.cpu_s, ("steal", max(0.0, stolen))]
        for role in (*ROLES, OTHER):
            told = [it.roles[role] for it in self._used.values() if role in it.roles]
            groups += [(role, sum(told) * sample.interval_s)] if told else []
        clock = min(self._clocks, key=lambda it: it.bound_s, default=None)
        counts = [it.participants for it in heard if it.participants is not None]
        most = [it.busiest for it in self._used.values() if it.busiest]
        busiest = max(most, key=lambda it: it.ratio, default=None)
        return replace(
            sample,
            cpu_s=tuple(groups),
            participants=max(counts, default=None),
            busiest=busiest.name if busiest else "",
            busiest_cores=busiest.cores if busiest else None,
            clock_offset_s=clock.offset_s if clock else None,
            clock_bound_s=clock.bound_s if clock else None,
            figures=tuple(pair for it in heard for pair in it.figures),
        )

    def _add_processes(self, heard: list[tuple[int, Reading]], cores: float) -> None:
        """Note what each role used; one source that looks at all processes is enough.

        A source that is missed says nothing of this time: what it said is dropped.
        """
        self._used = {
            place: used
            for place, used in self._used.items()
            if any(place == there for there, _ in heard)
        }
        for place, reading in heard:
            now = reading.processes
            if now is None:
                continue
            if now.is_whole and self._whole is None:
                self._whole = place
                self._used.clear()
            if self._whole not in (None, place):
                continue
            before = self._processes.get(place)
            if before is not None and now.elapsed_s <= before.elapsed_s:
                # Nothing new yet, as with a Prometheus between two scrapes.
                continue
            self._processes[place] = now
            if before is not None:
                self._used[place] = _Used(
                    roles=cores_by_role(before, now),
                    busiest=busiest_of(before, now, cores),
                )


def cores_by_role(before: Processes, after: Processes) -> dict[str, float]:
    """Return the cores that each role used between two counts of its processes.

    A process that is in one of them only is left out: it lived less than both.
    """
    used = dict.fromkeys((kind_of(process.name).role for process in after.cpu), 0.0)
    for name, cores, _ in _used(before, after):
        used[kind_of(name).role] += cores
    return used


def busiest_of(before: Processes, after: Processes, cores: float) -> Busiest | None:
    """Return the process nearest to the end of what it can use, None without any.

    Of a group that is counted together only the mean is known: the busiest of it is
    at least as busy.
    """
    found = [
        Busiest(
            name=name,
            cores=used / processes,
            ratio=used / processes / (1.0 if kind_of(name).one_core else cores),
        )
        for name, used, processes in _used(before, after)
    ]
    return max(found, key=lambda it: it.ratio, default=None)


def _used(before: Processes, after: Processes) -> list[tuple[str, float, int]]:
    interval_s = after.elapsed_s - before.elapsed_s
    if interval_s <= 0:
        return []
    earlier = {process.key: process.cpu_s for process in before.cpu}
    return [
        (
            process.name,
            max(0.0, process.cpu_s - earlier[process.key]) / interval_s,
            max(1, process.processes),
        )
        for process in after.cpu
        if process.key in earlier
    ]
