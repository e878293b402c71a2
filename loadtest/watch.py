"""Watching during a run: nodes by their metrics, workers by their life.

It uses the standard library's threads and events only, as `control` does. Every loop
ends when the run's `stopped` event is set.
"""

import platform
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from bots.errors import BbbloadError, ConfigError
from bots.servers import is_loopback, normalise_url
from loadtest.models import NodeSample
from loadtest.processes import is_running
from loadtest.watching import NodeWatch, Reading, Source, open_source

INTERVAL_S: Final = 1.0


@dataclass(slots=True)
class WatchedNode:
    """One node and the sources that tell of it; the first tells of the machine."""

    watch: NodeWatch
    sources: list[Source]

    def close(self) -> None:
        """Let go of the sources' connections."""
        for source in self.sources:
            source.close()


def open_watches(
    addresses: tuple[str, ...], target: str
) -> tuple[tuple[WatchedNode, ...], bool]:
    """Return the nodes that these sources tell of, and whether a stand-in is there.

    Each source must answer once, now; raises ConfigError or TargetUnusable. One that
    tells of no machine (process-exporter, bbb-webrtc-sfu's own metrics) belongs to the
    machine of its host, or else to the one named before it. Without any address the
    stand-in node's own is tried, on loopback only.
    """
    guess = "" if addresses else _stand_in_metrics(target)
    sources = tuple(map(open_source, addresses or ((guess,) if guess else ())))
    try:
        found = [(source, source.read(time.monotonic)) for source in sources]
    except BbbloadError:
        for source in sources:
            source.close()
        if guess:
            return (), False
        raise
    is_stand_in = any(reading.is_stand_in for _, reading in found)
    if guess and not is_stand_in:
        return (), False
    return _by_node(found), is_stand_in


def _by_node(found: list[tuple[Source, Reading]]) -> tuple[WatchedNode, ...]:
    nodes = [
        WatchedNode(watch=NodeWatch(source.node, reading.facts), sources=[source])
        for source, reading in found
        if reading.machine is not None
    ]
    if found and not nodes:
        raise ConfigError(
            "none of the sources tells the CPU of a whole node: add the address of a "
            "node_exporter, such as http://NODE:9100/metrics, or ssh://admin@NODE"
        )
    before = nodes[:1]
    for source, reading in found:
        if reading.machine is not None:
            before = [node for node in nodes if node.sources[0] is source]
            continue
        host = source.node.rpartition(":")[0] or source.node
        same = [
            node
            for node in nodes
            if (node.watch.node.rpartition(":")[0] or node.watch.node) == host
        ]
        node = same[0] if len(same) == 1 else before[0]
        node.sources.append(source)
    return tuple(nodes)


def facts_of(nodes: tuple[WatchedNode, ...]) -> tuple[tuple[str, str], ...]:
    """Return what the nodes say of themselves; several are told apart by their name."""
    return tuple(
        (f"{node.watch.node} {name}" if len(nodes) > 1 else name, value)
        for node in nodes
        for name, value in node.watch.facts
    )


def watch_node(
    node: WatchedNode,
    elapsed_s: Callable[[], float],
    record: Callable[[NodeSample], None],
    stopped: threading.Event,
) -> None:
    """Ask a node once a second until stopped; a source that is missed is a gap."""
    due_s = time.monotonic()
    try:
        while not stopped.wait(max(0.0, due_s - time.monotonic())):
            # After a slow answer the rhythm starts anew: no burst of questions.
            due_s = max(due_s + INTERVAL_S, time.monotonic() + INTERVAL_S / 2)
            readings = [_read(source, elapsed_s) for source in node.sources]
            sample = node.watch.receive(readings)
            if sample is not None and not stopped.is_set():
                record(sample)
    finally:
        node.close()


def _read(source: Source, elapsed_s: Callable[[], float]) -> Reading | None:
    try:
        return source.read(elapsed_s)
    except BbbloadError:
        return None


def lost_workers(
    clients: Any, begun: Iterable[str], processes: dict[str, tuple[str, int]]
) -> list[tuple[str, str]]:
    """Return the workers among `begun` that are gone, each with what became of it.

    One on this machine is known by its process, at once; others by Locust's heartbeat,
    which a machine that is starved may lack for the four seconds that Locust waits.
    """
    there = {client.id for client in clients.all}
    there -= {client.id for client in clients.missing}
    lost = []
    for worker in begun:
        machine, pid = processes.get(worker, ("", 0))
        is_dead = machine == platform.node() and not is_running(pid)
        if worker not in there or is_dead:
            name = worker.rpartition("_")[2][:8]
            lost.append(
                (worker, f"worker {name} {'died' if is_dead else 'fell silent'}")
            )
    return lost


def _stand_in_metrics(target: str) -> str:
    """Return where the stand-in node's metrics would be: only ever on loopback."""
    try:
        parts = urlsplit(normalise_url(target))
    except ConfigError:
        return ""
    if not is_loopback(parts.hostname or ""):
        return ""
    return f"{parts.scheme}://{parts.netloc}/metrics"
