"""Watching during a run: nodes by their metrics, workers by their life.

It uses the standard library's threads and events only, as `control` does. Every loop
ends when the run's `stopped` event is set.
"""

import platform
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from bots.errors import BbbloadError, ConfigError
from bots.servers import is_loopback, normalise_url
from loadtest.models import NodeSample
from loadtest.nodes import NodeWatch, fetch_metrics, read_facts, read_scrape
from loadtest.processes import is_running

INTERVAL_S: Final = 1.0


def open_watches(
    urls: tuple[str, ...], target: str
) -> tuple[tuple[NodeWatch, ...], bool]:
    """Return a watch for each metrics address, and whether a stand-in node is there.

    Each address must answer once, now; raises ConfigError or TargetUnusable. Without
    any, the stand-in node's own is tried, on loopback only.
    """
    guess = "" if urls else _stand_in_metrics(target)
    watches = []
    is_stand_in = False
    for url in urls or ((guess,) if guess else ()):
        try:
            text = fetch_metrics(url)
            scrape = read_scrape(text, time.monotonic())
        except BbbloadError:
            if guess:
                return (), False
            raise
        if guess and not scrape.is_stand_in:
            return (), False
        is_stand_in = is_stand_in or scrape.is_stand_in
        watches.append(NodeWatch(url, read_facts(text)))
    return tuple(watches), is_stand_in


def facts_of(watches: tuple[NodeWatch, ...]) -> tuple[tuple[str, str], ...]:
    """Return what the nodes say of themselves; several are told apart by their name."""
    return tuple(
        (f"{watch.node} {name}" if len(watches) > 1 else name, value)
        for watch in watches
        for name, value in watch.facts
    )


def watch_node(
    watch: NodeWatch,
    elapsed_s: Callable[[], float],
    record: Callable[[NodeSample], None],
    stopped: threading.Event,
) -> None:
    """Scrape a node once a second until stopped; a missed scrape is a gap."""
    due_s = time.monotonic()
    while not stopped.wait(max(0.0, due_s - time.monotonic())):
        # After a slow answer the rhythm starts anew: no burst of scrapes.
        due_s = max(due_s + INTERVAL_S, time.monotonic() + INTERVAL_S / 2)
        try:
            scrape = read_scrape(fetch_metrics(watch.url), elapsed_s())
        except BbbloadError:
            watch.receive(None)
            continue
        sample = watch.receive(scrape)
        if sample is not None and not stopped.is_set():
            record(sample)


def lost_workers(
    clients: Any, begun: list[str], processes: dict[str, tuple[str, int]]
) -> list[str]:
    """Return the workers among `begun` that are gone.

    One on this machine is known by its process, at once; others by Locust's heartbeat.
    """
    there = {client.id for client in clients.all}
    there -= {client.id for client in clients.missing}
    lost = []
    for worker in begun:
        machine, pid = processes.get(worker, ("", 0))
        is_dead = machine == platform.node() and not is_running(pid)
        if worker not in there or is_dead:
            lost.append(worker)
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
