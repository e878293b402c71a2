"""What is added up for one step of a run, and the percentiles of its samples. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from bots.models import EngineReport, JoinReport
from loadtest.models import NodeSample, Percentiles, StepRecord

LATE_SHARE = 0.25
"""The end of the judged part, in which all that was asked for should be there."""
PACKETS_MIN = 25
"""Fewer packets expected of a participant than half a second of audio give no loss."""
RATED_MIN = 3
"""Fewer joins have no rate."""


def percentiles(samples: Sequence[float]) -> Percentiles | None:
    """Return nearest-rank percentiles, None without a sample.

    The p-th percentile is the smallest sample with at least p % of all samples at or
    below it, so infinite samples need no arithmetic.
    """
    if not samples:
        return None
    ordered = sorted(samples)

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]

    return Percentiles(
        count=len(ordered),
        p50=at(0.50),
        p95=at(0.95),
        max=ordered[-1],
        missing=sum(1 for sample in ordered if math.isinf(sample)),
    )


@dataclass(slots=True)
class Received:
    """What one participant received of one medium in a step's judged part."""

    expected: int = 0
    lost: int = 0
    watched_s: float = 0.0
    frozen_s: float = 0.0


@dataclass(slots=True)
class StepSums:
    """What was added up for one step."""

    joined: int = 0
    refused: set[int] = field(default_factory=set)
    failed: int = 0
    unasked: int = 0
    """Joins that our own engine did not take: neither tried nor failed."""
    dropped: int = 0
    join_times_s: list[float] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    """When joins were asked for."""
    joined_s: list[float] = field(default_factory=list)
    """When joins ended in a usable meeting."""
    first_audio_s: list[float] = field(default_factory=list)
    first_camera_s: list[float] = field(default_factory=list)
    audio: defaultdict[int, Received] = field(
        default_factory=lambda: defaultdict(Received)
    )
    video: defaultdict[int, Received] = field(
        default_factory=lambda: defaultdict(Received)
    )
    stream_s: defaultdict[tuple[str, bool], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    """(direction at the participant, is audio) -> stream-seconds with packets."""
    late_stream_s: defaultdict[tuple[str, bool], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    """The same in the end of the judged part alone."""
    sent_bytes: float = 0.0
    received_bytes: float = 0.0
    node_cpu_s: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_seconds: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_core_s: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_samples: int = 0
    busiest: str = ""
    busiest_cores: float | None = None
    memory_ratio: float | None = None
    nic_ratios: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    engine_cpu_max: float = 0.0
    engine_lag_max_s: float = 0.0
    warm_up_lag_max_s: float = 0.0
    late_packets: int = 0
    sent_packets: int = 0
    cut_off: dict[int, float] = field(default_factory=dict)
    """Participants that lost their connection, when, and that have received nothing
    since."""

    @property
    def all_dropped(self) -> int:
        """Those that went and those that are cut off."""
        return self.dropped + len(self.cut_off)

    def add_join(self, join: JoinReport, asked_s: float) -> None:
        """Add a join that the server let in or did not."""
        self.asked_s.append(asked_s)
        if join.outcome != "joined":
            self.failed += 1
            self.refused.add(join.participant)
            self.refusals[join.code] += 1
            return
        self.joined += 1
        self.joined_s.append(join.elapsed_s)
        if join.join_time_s is not None:
            self.join_times_s.append(join.join_time_s)

    def come_back(self, participant: int, since_s: float) -> None:
        """Take back a drop: media came in a time that began after it."""
        if since_s >= self.cut_off.get(participant, math.inf):
            del self.cut_off[participant]

    def add_engine(self, report: EngineReport) -> None:
        """Add what an engine said of itself in the judged part."""
        self.engine_cpu_max = max(self.engine_cpu_max, report.cpu_ratio)
        self.engine_lag_max_s = max(self.engine_lag_max_s, report.lag_s)
        self.late_packets += report.late_packets
        self.sent_packets += report.sent_packets

    def add_node(self, sample: NodeSample) -> None:
        """Add a sample of the judged part; one without the whole node says nothing."""
        cpu_s = dict(sample.cpu_s).get("node")
        if cpu_s is None or sample.interval_s <= 0:
            return
        self.node_cpu_s[sample.node] += cpu_s
        self.node_seconds[sample.node] += sample.interval_s
        self.node_core_s[sample.node] += sample.interval_s * sample.cores
        self.node_samples += 1
        if (sample.busiest_cores or 0.0) > (self.busiest_cores or 0.0):
            self.busiest, self.busiest_cores = sample.busiest, sample.busiest_cores
        if sample.memory_total_bytes > 0:
            ratio = sample.memory_bytes / sample.memory_total_bytes
            self.memory_ratio = max(ratio, self.memory_ratio or 0.0)
        if sample.nic_bps:
            fuller = max(sample.received_bytes, sample.sent_bytes)
            self.nic_ratios.append(8 * fuller / sample.interval_s / sample.nic_bps)

    def evidence(self) -> dict[str, Any]:
        """Return what a load point says of the node beside its CPU, by field."""
        return {
            "node_samples": self.node_samples,
            "node_busiest": self.busiest,
            "node_busiest_cores": self.busiest_cores,
            "node_memory_ratio": self.memory_ratio,
            "nic_ratio": fmean(self.nic_ratios) if self.nic_ratios else None,
            "nic_ratio_most": max(self.nic_ratios, default=None),
            "refusals": tuple(sorted(self.refusals.items())),
            "join_rate": rate_of(self.joined_s),
            "join_rate_asked": rate_of(self.asked_s),
        }


def losses(received: Iterable[Received]) -> list[float]:
    return [
        max(0, each.lost) / each.expected
        for each in received
        if each.expected >= PACKETS_MIN
    ]


def frozen_shares(received: Iterable[Received]) -> list[float]:
    return [each.frozen_s / each.watched_s for each in received if each.watched_s > 0]


def mean_of(
    totals: defaultdict[str, float], seconds: defaultdict[str, float]
) -> float | None:
    """Return the sum over nodes of each one's mean per second; None without samples."""
    if not totals:
        return None
    return sum(totals[node] / seconds[node] for node in totals)


def rate_of(times_s: Sequence[float]) -> float | None:
    """Return how many a second came, from the first to the last of them."""
    if len(times_s) < RATED_MIN or max(times_s) <= min(times_s):
        return None
    return (len(times_s) - 1) / (max(times_s) - min(times_s))


def late_start(starts_s: float, ends_s: float) -> float:
    """Return where the end of a judged part begins."""
    return ends_s - LATE_SHARE * (ends_s - starts_s)


def asked_at(asked_s: float | None, elapsed_s: float, took_s: float) -> float:
    return elapsed_s - took_s if asked_s is None else asked_s


def first_of_ascent(steps: Sequence[StepRecord], index: int) -> int:
    """Return the step with which the meetings of step `index` began.

    Another profile, or a load that does not grow, begins with fresh meetings; so does a
    step that says so.
    """
    while index > 0:
        before, after = steps[index - 1], steps[index]
        is_growth = before.participants < after.participants
        if before.profile != after.profile or after.is_fresh or not is_growth:
            break
        index -= 1
    return index
