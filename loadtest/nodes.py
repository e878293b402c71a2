"""A machine through its Prometheus text: CPU, memory, network, and their differences.

Parsing and differences are pure; only `fetch_metrics` touches the network. It uses
urllib, which works under gevent as well as without. What else a node can tell, and
other ways to ask it, is in `loadtest.watching`.

Metric names are those of node_exporter (https://github.com/prometheus/node_exporter)
and bigbluebutton-exporter (https://github.com/greenstatic/bigbluebutton-exporter).
"""

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bots.errors import ConfigError, TargetUnusable
from bots.redaction import redact
from loadtest.models import NodeSample

SCRAPE_TIMEOUT_S: Final = 2.0
LARGEST_SCRAPE_BYTES: Final = 8_000_000
FACTS_MAX: Final = 200
IDLE_MODES: Final = frozenset({"idle", "iowait"})
"""CPU modes in which a processor could have worked for us; all others are use."""
GUEST_MODES: Final = frozenset({"guest", "guest_nice"})
"""Already inside `user` and `nice` (Linux, proc(5)): counted twice otherwise."""

Labels = tuple[tuple[str, str], ...]
Metrics = Mapping[str, list[tuple[Labels, float]]]
"""Series by name: what a scrape, or a Prometheus server, tells at one moment."""

_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)"
    r"(?:\s+-?\d+)?"
)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?\s*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What one scrape said, in counters since the node's start."""

    elapsed_s: float
    cpu_s: tuple[tuple[str, float], ...]
    """(mode, CPU seconds) over all processors; guest time left out."""
    processors: int
    memory_total_bytes: int
    memory_used_bytes: int
    received_bytes: int
    sent_bytes: int
    participants: int | None
    is_stand_in: bool
    nic_bps: float | None = None
    """Speed of the fastest network card; None where none tells it."""


def parse_metrics(text: str) -> dict[str, list[tuple[Labels, float]]]:
    """Read Prometheus' text format; lines that are none of it are skipped."""
    metrics: dict[str, list[tuple[Labels, float]]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        labels = tuple(_LABEL.findall(match["labels"] or ""))
        metrics.setdefault(match["name"], []).append((labels, value))
    return metrics


def read_scrape(text: str, elapsed_s: float) -> Scrape:
    """Return the counters of a scrape; raises ConfigError when it is no node's."""
    scrape = scrape_in(parse_metrics(text), elapsed_s)
    if scrape is None:
        raise ConfigError(
            "the metrics have no node_cpu_seconds_total: give the address of a "
            "node_exporter, such as http://NODE:9100/metrics"
        )
    return scrape


def scrape_in(metrics: Metrics, elapsed_s: float) -> Scrape | None:
    """Return the counters of a machine among series by name; None without any."""
    modes: dict[str, float] = {}
    processors = set()
    for labels, value in metrics.get("node_cpu_seconds_total", []):
        found = dict(labels)
        mode = found.get("mode", "")
        processors.add(found.get("cpu", ""))
        if mode not in GUEST_MODES:
            modes[mode] = modes.get(mode, 0.0) + value
    if not modes:
        return None
    total = _first(metrics, "node_memory_MemTotal_bytes")
    available = _first(metrics, "node_memory_MemAvailable_bytes")
    participants = _first(metrics, "bbb_meetings_participants")
    return Scrape(
        elapsed_s=elapsed_s,
        cpu_s=tuple(sorted(modes.items())),
        processors=len(processors),
        memory_total_bytes=int(total or 0),
        memory_used_bytes=int((total or 0) - (available or 0)),
        received_bytes=_network(metrics, "node_network_receive_bytes_total"),
        sent_bytes=_network(metrics, "node_network_transmit_bytes_total"),
        participants=None if participants is None else int(participants),
        is_stand_in=_first(metrics, "bbbload_stand_in") == 1,
        nic_bps=_nic_bps(metrics),
    )


def read_facts(text: str) -> tuple[tuple[str, str], ...]:
    """Return what a scrape says of the machine and its software, by name.

    Beside node_exporter's own: every `bbbload_fact{name="…",value="…"} 1`, which a
    file of its textfile collector may hold for packages and hashed settings.
    """
    return facts_in(parse_metrics(text))


def facts_in(metrics: Metrics) -> tuple[tuple[str, str], ...]:
    """Return the facts among series by name."""
    total = _first(metrics, "node_memory_MemTotal_bytes")
    vendor = _label(metrics, "node_dmi_info", "system_vendor")
    product = _label(metrics, "node_dmi_info", "product_name")
    facts = [
        ("kernel", _label(metrics, "node_uname_info", "release")),
        ("system", _label(metrics, "node_os_info", "pretty_name")),
        ("hardware", f"{vendor} {product}".strip()),
        ("processor", _label(metrics, "node_cpu_info", "model_name")),
        ("memory", f"{total / 2**30:.1f} GiB" if total else ""),
    ]
    for labels, _ in metrics.get("bbbload_fact", [])[:FACTS_MAX]:
        told = dict(labels)
        facts.append((told.get("name", ""), told.get("value", "")))
    return tuple(
        (redact(name), redact(value)) for name, value in facts if name and value
    )


def difference(node: str, before: Scrape, after: Scrape) -> NodeSample | None:
    """Return what happened between two scrapes, or None when it cannot be told.

    It cannot after a restart of the node (a counter went back) or without time between.
    The cores are all CPU seconds that were counted, idle ones too, in a second of wall:
    for a node limited to a share of a core, that is its share.
    """
    interval_s = after.elapsed_s - before.elapsed_s
    earlier = dict(before.cpu_s)
    deltas = {mode: value - earlier.get(mode, 0.0) for mode, value in after.cpu_s}
    # Real kernels let idle and iowait step back a little; a restart is far more.
    if interval_s <= 0 or min(deltas.values()) < -0.5:
        return None
    received = after.received_bytes - before.received_bytes
    sent = after.sent_bytes - before.sent_bytes
    if received < 0 or sent < 0:
        return None
    deltas = {mode: max(0.0, value) for mode, value in deltas.items()}
    used_s = sum(value for mode, value in deltas.items() if mode not in IDLE_MODES)
    return NodeSample(
        elapsed_s=after.elapsed_s,
        node=node,
        cpu_s=(("node", used_s),),
        interval_s=interval_s,
        cores=_cores(sum(deltas.values()) / interval_s, after.processors),
        memory_bytes=after.memory_used_bytes,
        memory_total_bytes=after.memory_total_bytes,
        received_bytes=received,
        sent_bytes=sent,
        participants=after.participants,
        nic_bps=after.nic_bps,
    )


def node_of(url: str) -> str:
    """Return the name that samples of this metrics address carry: its host and port.

    Raises ConfigError for what is no address of metrics.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"the metrics address {redact(url)!r} is no http address: write it like "
            "http://NODE:9100/metrics"
        )
    check_no_user(parts)
    return parts.netloc


def check_no_user(parts: urllib.parse.SplitResult) -> None:
    """Raise ConfigError for an address with a user or a password.

    It would be seen in the process list, and is not sent anyway.
    """
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"the address of {parts.netloc.rpartition('@')[2]} holds a user or a "
            "password, which everybody here could see: leave it out, and let the "
            "exporter answer without or ask by ssh://NODE"
        )


def fetch_metrics(url: str, timeout_s: float = SCRAPE_TIMEOUT_S) -> str:
    """Return the text at a metrics address.

    Raises ConfigError for what is no address, TargetUnusable where nothing answers.
    """
    node_of(url)
    request = urllib.request.Request(url, headers={"Accept": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(LARGEST_SCRAPE_BYTES)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise TargetUnusable(
            f"the metrics at {redact(url)} cannot be read ({redact(str(reason))}): "
            "check --node-metrics, or leave it out and go without CPU figures"
        ) from error
    return body.decode("utf-8", errors="replace")


def _cores(counted: float, processors: int) -> float:
    # Counters tick in hundredths and scrapes jitter: near a whole number it is that.
    return (
        float(processors) if abs(counted - processors) < 0.1 * processors else counted
    )


def _network(metrics: Mapping[str, Iterable[tuple[Labels, float]]], name: str) -> int:
    return int(
        sum(
            value
            for labels, value in metrics.get(name, ())
            if dict(labels).get("device") != "lo"
        )
    )


def _nic_bps(metrics: Metrics) -> float | None:
    """Virtual cards tell no speed, or −1 (Linux, sysfs-class-net)."""
    told = metrics.get("node_network_speed_bytes", ())
    speeds = [8 * value for _, value in told if value > 0]
    return max(speeds, default=None)


def _first(metrics: Metrics, name: str) -> float | None:
    found = metrics.get(name)
    return found[0][1] if found else None


def _label(metrics: Metrics, name: str, label: str) -> str:
    found = metrics.get(name)
    return dict(found[0][0]).get(label, "") if found else ""
