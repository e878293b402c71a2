"""The figures of a running test for Prometheus: `--metrics-port`.

Counters go up with the records that the run's log gets, so that both agree; names and
units follow Prometheus's conventions (base units, `_total` on counters). Nothing in a
label tells one participant from another, and a label has few values: media, direction,
outcome, node, engine. Served on the loopback address unless another is named.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

from bots.errors import ConfigError
from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from loadtest.models import EndRecord, NodeSample, Record, RunHeader, StepRecord

LOOPBACK: Final = "127.0.0.1"
WAIT_BUCKETS_S: Final = (0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
"""The bounds of the SLO `bbbload-1` are among them."""
RTT_BUCKETS_S: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
JITTER_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


def metrics_address(text: str) -> tuple[str, int] | None:
    """Read `[ADDRESS:]PORT`; "" and 0 mean no metrics; raises ConfigError."""
    if text in ("", "0"):
        return None
    address, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigError(
            f"--metrics-port {text!r} is no port: give one such as 9646, or an address "
            "and a port such as 192.0.2.7:9646"
        )
    return address.strip("[]") or LOOPBACK, int(port)


class Exporter:
    """The metrics of this process's run; `receive` takes each record of its log."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._participants = self._gauge("participants", "Participants that are in now")
        self._wanted = self._gauge("step_participants", "Participants of this step")
        self._step = self._gauge("step", "Number of this step, from 0")
        self._running = self._gauge("run", "1 while this run goes on", "run", "target")
        self._stand_in = self._gauge("stand_in", "1: no real BigBlueButton is loaded")
        self._joins = self._counter("joins", "Joins by their outcome", "outcome")
        self._leaves = self._counter("leaves", "Leaves by their outcome", "outcome")
        self._refusals = self._counter(
            "refusals", "What the server refused to who stayed", "what", "outcome"
        )
        self._join_time = self._histogram("join_seconds", "Join time", WAIT_BUCKETS_S)
        self._first = self._histogram(
            "first_media_seconds", "Wait for first media", WAIT_BUCKETS_S, "media"
        )
        self._no_media = self._counter("media_missing", "Media never came", "media")
        ways = ("media", "direction")
        self._packets = self._counter("rtp_packets", "RTP packets", *ways)
        self._bytes = self._counter("rtp_bytes", "RTP header and payload", *ways)
        self._expected = self._counter(
            "rtp_expected_packets", "Packets the numbers say were sent", "media"
        )
        self._freezes = self._counter("freezes", "Freezes of video", "media")
        self._frozen = self._counter("frozen_seconds", "Time frozen", "media")
        self._watched = self._counter("watched_seconds", "Time to play", "media")
        self._rtt = self._histogram(
            "rtt_seconds", "RTCP round trip", RTT_BUCKETS_S, "media"
        )
        self._jitter = self._histogram(
            "jitter_seconds", "Jitter (RFC 3550)", JITTER_BUCKETS_S, "media"
        )
        self._node_cpu = self._counter(
            "node_cpu_seconds", "CPU time of a node, by role", "node", "role"
        )
        self._node_cores = self._gauge("node_cores", "Cores of a node", "node")
        self._node_memory = self._gauge("node_memory_bytes", "Memory used", "node")
        self._engine_cpu = self._gauge(
            "engine_cpu_ratio", "Share of its core a bot engine uses", "engine"
        )
        self._engine_lag = self._gauge(
            "engine_lag_seconds", "Largest event-loop delay of a second", "engine"
        )
        self._engine_lateness = self._gauge(
            "engine_lateness_seconds", "Largest delay of a packet in a second", "engine"
        )
        self._late = self._counter("late_packets", "Packets sent late", "engine")
        self._dropped = self._counter(
            "dropped_packets", "Packets lost in our own sockets", "engine"
        )

    def receive(self, record: Record) -> None:
        """Take one record of the run."""
        match record:
            case StreamReport():
                self._stream(record)
            case EngineReport():
                engine = str(record.engine)
                self._engine_cpu.labels(engine).set(record.cpu_ratio)
                self._engine_lag.labels(engine).set(record.lag_s)
                self._engine_lateness.labels(engine).set(record.lateness_s)
                self._late.labels(engine).inc(record.late_packets)
                self._dropped.labels(engine).inc(record.dropped_packets)
            case NodeSample():
                for role, seconds in record.cpu_s:
                    self._node_cpu.labels(record.node, role).inc(max(0.0, seconds))
                self._node_cores.labels(record.node).set(record.cores)
                self._node_memory.labels(record.node).set(record.memory_bytes)
            case JoinReport():
                self._joins.labels(record.outcome).inc()
                self._participants.inc(record.outcome == "joined")
                if record.outcome == "joined" and record.join_time_s is not None:
                    self._join_time.observe(record.join_time_s)
            case LeaveReport():
                self._leaves.labels(record.outcome).inc()
                self._participants.dec()
            case MilestoneReport(wait_s=None):
                self._no_media.labels(record.media).inc()
            case MilestoneReport(wait_s=float(wait_s)):
                self._first.labels(record.media).observe(wait_s)
            case RefusalReport():
                self._refusals.labels(record.what, record.outcome).inc()
            case StepRecord():
                self._step.set(record.step)
                self._wanted.set(record.participants)
            case RunHeader():
                self._running.clear()
                self._running.labels(record.run, record.target).set(1)
                self._stand_in.set(record.stand_in)
                self._participants.set(0)
            case EndRecord():
                self._running.clear()
                self._participants.set(0)

    def serve(self, address: str, port: int) -> Callable[[], None]:
        """Answer Prometheus on this address; return what ends that.

        Raises ConfigError when the port cannot be had.
        """
        try:
            server, thread = start_http_server(port, address, self.registry)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"--metrics-port {address}:{port} cannot be used ({reason}): "
                "give another port"
            ) from error

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return end

    def _stream(self, report: StreamReport) -> None:
        media, way = report.media, report.direction
        self._packets.labels(media, way).inc(report.packets)
        self._bytes.labels(media, way).inc(report.bytes)
        if report.rtt_s is not None:
            self._rtt.labels(media).observe(report.rtt_s)
        if way == "in":
            self._expected.labels(media).inc(max(0, report.expected))
            if report.jitter_s is not None:
                self._jitter.labels(media).observe(report.jitter_s)
        if report.watched_s:
            self._freezes.labels(media).inc(report.freezes)
            self._frozen.labels(media).inc(report.frozen_s)
            self._watched.labels(media).inc(report.watched_s)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"bbbload_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"bbbload_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, bounds: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"bbbload_{name}", text, labels, buckets=bounds, registry=self.registry
        )
