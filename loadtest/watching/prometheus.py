"""Ask a Prometheus server for what it scraped of a node: its HTTP API.

An instant query of a range, `{…}[3m]`, gives the last samples with the times at which
they were taken (Prometheus, "Querying basics"). So a figure is placed where it was
measured, and a server that scrapes every 15 s gives a sample every 15 s, not the same
one fifteen times.
"""

import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final

from bots.errors import ConfigError, TargetUnusable
from bots.redaction import redact
from loadtest.nodes import Labels, check_no_user, fetch_metrics
from loadtest.watching.exposition import (
    CONTAINER_CPU,
    GROUP_CPU,
    NODE_TIME,
    OWN_CPU,
    WANTED,
    read_series,
)
from loadtest.watching.reading import ClockOffset, Reading, clock_offset

RANGE: Final = "3m"
"""Two scrapes of one a minute, Prometheus' default, fit in."""
CLOCK_EVERY: Final = 10
SCRAPE_DURATION: Final = "scrape_duration_seconds"
SCRAPE_ALIGNED_S: Final = 0.002
"""A scrape's time is that of its turn where it begins so little later (Prometheus,
`scrape.timestamp-tolerance`)."""
SCHEME: Final = "prometheus+"
Told = Mapping[str, list[tuple[Labels, float, float]]]
"""By name: labels, Unix time of the last sample, its value."""


class PrometheusSource:
    """`prometheus+http://SERVER:9090/?instance=NODE[:PORT]`, instance repeatable."""

    def __init__(self, address: str) -> None:
        self.address = address
        try:
            parts = urllib.parse.urlsplit(address.removeprefix(SCHEME))
        except ValueError as mistake:
            raise ConfigError(
                f"{redact(address)!r} is no address of a Prometheus: {mistake}"
            ) from mistake
        check_no_user(parts)
        self._instances = urllib.parse.parse_qs(parts.query).get("instance", [])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{redact(address)!r} is no address of a Prometheus")
        if not self._instances:
            raise ConfigError(
                f"{redact(address)!r} names no node: add ?instance=NODE, as in the "
                "instance label of its series"
            )
        self._base = urllib.parse.urlunsplit(
            (parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")
        )
        self.node = self._instances[0]
        self._query = query_of(tuple(self._instances))
        self._asked = 0
        self._server_clock: ClockOffset | None = None
        self._places: dict[float, float] = {}

    def read(self, elapsed_s: Callable[[], float]) -> Reading:
        """Ask for the newest samples of the node."""
        if self._asked % CLOCK_EVERY == 0:
            self._server_clock = self._clock()
        self._asked += 1
        told = newest(self._ask(self._query))
        if not told:
            raise TargetUnusable(
                f"the Prometheus at {redact(self._base)} has no series of instance "
                f"{self.node!r} from the last {RANGE}: see the instance labels on its "
                "targets page"
            )
        now_s, now_elapsed_s = time.time(), elapsed_s()
        assert self._server_clock is not None
        self._places = places_of(
            told, now_s, now_elapsed_s, self._server_clock, self._places
        )
        return reading_of(told, self._places, now_elapsed_s, self._server_clock)

    def close(self) -> None:
        """Hold nothing: each question is a request of its own."""

    def _clock(self) -> ClockOffset:
        asked_s = time.time()
        answer = self._ask("time()")
        answered_s = time.time()
        try:
            told_s = float(answer[0])
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise TargetUnusable(
                f"{redact(self._base)} does not answer as a Prometheus"
            ) from error
        return clock_offset(asked_s, told_s, answered_s)

    def _ask(self, query: str) -> Any:
        asked = urllib.parse.urlencode({"query": query})
        text = fetch_metrics(f"{self._base}/api/v1/query?{asked}")
        try:
            return json.loads(text)["data"]["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise TargetUnusable(
                f"{redact(self._base)} does not answer as a Prometheus: give the "
                "address of its web page, such as prometheus+http://HOST:9090"
            ) from error


def query_of(instances: tuple[str, ...]) -> str:
    """Return the query for all series that are read of these instances. Pure.

    An instance without a port means the node's exporters at every port.
    """
    patterns = [
        re.escape(name) + ("" if re.search(r":\d+$", name) else "(:[0-9]+)?")
        for name in instances
    ]
    names = "|".join((*WANTED, SCRAPE_DURATION))
    matched = "|".join(patterns).replace("\\", "\\\\").replace('"', '\\"')
    return f'{{__name__=~"{names}",instance=~"{matched}"}}[{RANGE}]'


def newest(result: Any) -> Told:
    """Return the last sample of each series of an answer; others are left out. Pure."""
    found: dict[str, list[tuple[Labels, float, float]]] = {}
    for series in result if isinstance(result, list) else ():
        try:
            labels = dict(series["metric"])
            at_s, value = series["values"][-1]
            name = labels.pop("__name__")
            sample = (tuple(labels.items()), float(at_s), float(value))
        except (KeyError, IndexError, TypeError, ValueError):
            continue
        found.setdefault(name, []).append(sample)
    # A target that went away keeps its last samples for a while: only the newest scrape
    # of a name and instance counts, so that no dead series is added to a living one.
    return {name: _of_last_scrape(samples) for name, samples in found.items()}


def places_of(
    told: Told,
    now_s: float,
    now_elapsed_s: float,
    server: ClockOffset,
    before: Mapping[float, float],
) -> dict[float, float]:
    """Return the `elapsed_s` of our clock for each time at which samples were taken.

    A time that was placed `before` stays there: two clocks are never read at quite the
    same moment, and a scrape must not look newer for being asked for twice. Pure.
    """
    times = {at_s for samples in told.values() for _, at_s, _ in samples}
    return {
        at_s: before.get(at_s, now_elapsed_s - (now_s - (at_s - server.offset_s)))
        for at_s in times
    }


def reading_of(
    told: Told,
    places: Mapping[float, float],
    now_elapsed_s: float,
    server: ClockOffset,
) -> Reading:
    """Return what series say, each at the place of the time it was taken. Pure."""

    def place_of(*names: str) -> float | None:
        times = [at for name in names for _, at, _ in told.get(name, [])]
        return places[max(times)] if times else None

    machine_s = place_of("node_cpu_seconds_total")
    processes_s = next(
        (
            elapsed_s
            for name in (GROUP_CPU, CONTAINER_CPU, OWN_CPU)
            if (elapsed_s := place_of(name)) is not None
        ),
        None,
    )
    series = {
        name: [(labels, value) for labels, _, value in samples]
        for name, samples in told.items()
    }
    return read_series(
        series,
        now_elapsed_s if machine_s is None else machine_s,
        processes_s=processes_s,
        clock=_node_clock(told, server),
    )


def _node_clock(told: Told, server: ClockOffset) -> ClockOffset | None:
    """Return the node's offset from us: from the server's clock, and the server's.

    The node looked at its clock while the scrape lasted, which begins at the sample's
    time (on the server's clock) or up to `SCRAPE_ALIGNED_S` after it.
    """
    for labels, at_s, value in told.get(NODE_TIME, []):
        instance = dict(labels).get("instance")
        lasted = [
            seconds
            for other, _, seconds in told.get(SCRAPE_DURATION, [])
            if dict(other).get("instance") == instance
        ]
        if lasted:
            ended_s = at_s + SCRAPE_ALIGNED_S + lasted[0]
            scrape = clock_offset(at_s, value, ended_s)
            return ClockOffset(
                offset_s=scrape.offset_s + server.offset_s,
                bound_s=scrape.bound_s + server.bound_s,
            )
    return None


def _of_last_scrape(
    samples: list[tuple[Labels, float, float]],
) -> list[tuple[Labels, float, float]]:
    last: dict[str, float] = {}
    for labels, at_s, _ in samples:
        instance = dict(labels).get("instance", "")
        last[instance] = max(at_s, last.get(instance, at_s))
    return [
        sample
        for sample in samples
        if sample[1] == last[dict(sample[0]).get("instance", "")]
    ]
