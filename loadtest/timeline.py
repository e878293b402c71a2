"""Records of a run -> its course in time, and what ended how. Pure.

Everything is added to bins as it arrives; when a run grows too long for `MAX_BINS`,
bins are merged in pairs, so that a night needs no more memory than a minute. Rates come
from sums. Percentiles come from histograms whose classes are 2 % wide and merged by
adding: a percentile is off by at most 1 % of its value.

A report speaks of about the second before its `elapsed_s`, so its bytes are spread over
that second: otherwise a bin would show how many reports fell into it, not a rate.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from loadtest.aggregate import Aggregate
from loadtest.depths import Depths
from loadtest.models import EndRecord, NodeSample, Record, RunHeader, StepRecord
from loadtest.results import NodeBin, OutcomeCount, PathCount, RunResult, TimelineBin
from loadtest.slo import judge

FIRST_BIN_S = 2.0
"""Two scrape intervals: one late scrape is no gap, a missed pair is."""
MAX_BINS = 240
CLASS_WIDTH = math.log(1.02)
REPORT_S = 1.0
RELAYED = "relay"
"""Candidate type of media that came by TURN: its code among the outcomes."""
NO_END = "the file has no end: the run was cut off, this is what it had measured"


def run_result(header: RunHeader, records: Iterable[Record]) -> RunResult:
    """Digest a run in one pass over the records after its header."""
    aggregate, timeline, depths = Aggregate(), Timeline(), Depths()
    aggregate.add(header)
    end: EndRecord | None = None
    for record in records:
        aggregate.add(record)
        timeline.add(record)
        if isinstance(record, StreamReport):
            depths.add(record)
        if isinstance(record, EndRecord):
            end = record
    points = aggregate.points()
    return RunResult(
        header=header,
        duration_s=timeline.last_s,
        validity=end.validity if end else "interrupted",
        reasons=end.reasons if end else (NO_END,),
        points=points,
        verdicts=tuple(judge(point, header.slo) for point in points),
        bins=timeline.bins(),
        steps=tuple(timeline.steps),
        outcomes=timeline.outcomes(),
        paths=timeline.paths(),
        peak_participants=timeline.peak,
        sent_bytes=timeline.sent_bytes,
        received_bytes=timeline.received_bytes,
        self_check=end.self_check if end else None,
        depths=depths.figures(),
    )


class Histogram:
    """Counts of positive values in classes of equal ratio; adding two merges them."""

    def __init__(self) -> None:
        self.counts: Counter[int | None] = Counter()

    def add(self, value: float) -> None:
        """Count a value; 0 and less form a class of their own, below all others."""
        place = math.floor(math.log(value) / CLASS_WIDTH) if value > 0 else None
        self.counts[place] += 1

    def percentile(self, share: float) -> float | None:
        """Return the middle of the class that holds the nearest-rank percentile."""
        rank = max(1, math.ceil(share * self.counts.total() - 1e-9))
        passed = 0
        for place in sorted(self.counts, key=lambda key: (key is not None, key or 0)):
            passed += self.counts[place]
            if passed >= rank:
                return 0.0 if place is None else math.exp((place + 0.5) * CLASS_WIDTH)
        return None


@dataclass(slots=True)
class _NodeSums:
    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    interval_s: float = 0.0
    core_s: float = 0.0
    memory_ratio: float | None = None
    memory_bytes: float | None = None
    busiest: tuple[float, str] | None = None
    clock: tuple[float, float] | None = None
    """(bound, offset): the smallest bound wins."""
    figures: dict[str, float] = field(default_factory=dict)

    def tell(
        self,
        busiest: tuple[float, str] | None,
        clock: tuple[float, float] | None,
        figures: Iterable[tuple[str, float]],
    ) -> None:
        self.busiest = max(filter(None, (self.busiest, busiest)), default=None)
        self.clock = min(filter(None, (self.clock, clock)), default=None)
        for name, value in figures:
            self.figures[name] = max(value, self.figures.get(name, value))


@dataclass(slots=True)
class _Bin:
    """Sums over one bin; `merge` adds another one to it."""

    joins: int = 0
    failed_joins: int = 0
    change: int = 0
    join_times: Histogram = field(default_factory=Histogram)
    jitter: Histogram = field(default_factory=Histogram)
    rtt: Histogram = field(default_factory=Histogram)
    sums: Counter[str] = field(default_factory=Counter)
    """lost, expected, bytes, watched, frozen, freezes, late and sent packets."""
    nodes: dict[str, _NodeSums] = field(default_factory=lambda: defaultdict(_NodeSums))
    engine_cpu: float | None = None
    engine_lag_s: float | None = None

    def merge(self, other: "_Bin") -> None:
        self.joins += other.joins
        self.failed_joins += other.failed_joins
        self.change += other.change
        self.join_times.counts += other.join_times.counts
        self.jitter.counts += other.jitter.counts
        self.rtt.counts += other.rtt.counts
        self.sums.update(other.sums)
        self.engine_cpu = _largest(self.engine_cpu, other.engine_cpu)
        self.engine_lag_s = _largest(self.engine_lag_s, other.engine_lag_s)
        for name, node in other.nodes.items():
            mine = self.nodes[name]
            for group, cpu_s in node.cpu_s.items():
                mine.cpu_s[group] += cpu_s
            mine.interval_s += node.interval_s
            mine.core_s += node.core_s
            mine.memory_ratio = _largest(mine.memory_ratio, node.memory_ratio)
            mine.memory_bytes = _largest(mine.memory_bytes, node.memory_bytes)
            mine.tell(node.busiest, node.clock, node.figures.items())


class Timeline:
    """The course of a run; records may come up to seconds out of order."""

    def __init__(self) -> None:
        self.width_s = FIRST_BIN_S
        self.last_s = 0.0
        self.present = 0
        self.peak = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.steps: list[StepRecord] = []
        self._bins: dict[int, _Bin] = defaultdict(_Bin)
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._paths: Counter[tuple[str, ...]] = Counter()

    def add(self, record: Record) -> None:
        """Take in one record."""
        if isinstance(record, RunHeader):
            return
        if isinstance(record, StepRecord):
            self.steps.append(record)  # that of a scenario is told some seconds ahead
            return
        self.last_s = max(self.last_s, record.elapsed_s)
        if isinstance(record, StreamReport):
            self._add_stream(record)
        elif isinstance(record, NodeSample):
            self._add_node(record)
        elif isinstance(record, EngineReport):
            self._add_engine(record)
        elif isinstance(record, JoinReport):
            self._add_join(record)
        elif isinstance(record, LeaveReport):
            self._outcomes["leave", record.outcome, record.code] += 1
            self._add_present(record.elapsed_s, -1)
        elif isinstance(record, MilestoneReport):
            outcome = "arrived" if record.wait_s is not None else record.outcome
            is_relayed = record.path.candidate_type == RELAYED
            code = record.code or RELAYED * is_relayed
            self._outcomes[f"first {record.media}", outcome, code] += 1
        elif isinstance(record, RefusalReport):
            self._outcomes[record.what, record.outcome, record.code] += 1

    def bins(self) -> tuple[TimelineBin, ...]:
        """Return every bin up to the last record, also those where nothing came."""
        if not self._bins:
            return ()
        present = 0
        found = []
        for place in range(max(self._bins) + 1):
            sums = self._bins.get(place) or _Bin()
            present += sums.change
            found.append(_finished(sums, place * self.width_s, self.width_s, present))
        return tuple(found)

    def outcomes(self) -> tuple[OutcomeCount, ...]:
        """Return how often each thing ended in each way."""
        return tuple(
            OutcomeCount(what=what, outcome=outcome, code=code, count=count)
            for (what, outcome, code), count in sorted(self._outcomes.items())
        )

    def paths(self) -> tuple[PathCount, ...]:
        """Return the paths that media of participants took, common ones first."""
        return tuple(
            PathCount(
                node=node,
                schema=schema,
                bridge=bridge,
                audio_role=role,
                offerer=offerer,
                candidate_type=candidate,
                count=count,
            )
            for (node, schema, bridge, role, offerer, candidate), count in (
                self._paths.most_common()
            )
        )

    def _bin_at(self, elapsed_s: float) -> _Bin:
        place = max(0, math.floor(elapsed_s / self.width_s))
        while place >= MAX_BINS:
            self._halve()
            place = math.floor(elapsed_s / self.width_s)
        return self._bins[place]

    def _halve(self) -> None:
        """Make bins twice as wide, merging them in pairs."""
        self.width_s *= 2
        old, self._bins = self._bins, defaultdict(_Bin)
        for place, sums in old.items():
            self._bins[place // 2].merge(sums)

    def _add_present(self, elapsed_s: float, change: int) -> None:
        self.present += change
        self.peak = max(self.peak, self.present)
        self._bin_at(elapsed_s).change += change

    def _add_join(self, record: JoinReport) -> None:
        self._outcomes["join", record.outcome, record.code] += 1
        sums = self._bin_at(record.elapsed_s)
        if record.outcome != "joined":
            sums.failed_joins += record.outcome != "withdrawn"
            return
        sums.joins += 1
        if record.join_time_s is not None:
            sums.join_times.add(record.join_time_s)
        path = record.path
        media = (path.bridge, path.audio_role, path.offerer, path.candidate_type)
        self._paths[record.node, path.schema, *media] += 1
        self._add_present(record.elapsed_s, 1)

    def _add_stream(self, record: StreamReport) -> None:
        kind = "audio" if record.media == "audio" else "video"
        sums = self._bin_at(record.elapsed_s)
        if record.direction == "out":
            self.sent_bytes += record.bytes
            self._spread(f"{kind}_sent", record)
            return
        self.received_bytes += record.bytes
        self._spread(f"{kind}_received", record)
        sums.sums[f"{kind}_expected"] += record.expected
        sums.sums[f"{kind}_lost"] += record.lost
        if record.jitter_s is not None:
            sums.jitter.add(record.jitter_s)
        if record.rtt_s is not None:
            sums.rtt.add(record.rtt_s)
        if kind == "video":
            sums.sums["freezes"] += record.freezes
            # Counter takes whole numbers: milliseconds are fine enough for a share.
            sums.sums["frozen_ms"] += round(record.frozen_s * 1000)
            sums.sums["watched_ms"] += round(record.watched_s * 1000)

    def _spread(self, name: str, record: StreamReport) -> None:
        later = self._bin_at(record.elapsed_s)
        into_bin_s = record.elapsed_s % self.width_s
        share = min(1.0, into_bin_s / REPORT_S)
        late_bytes = round(record.bytes * share)
        later.sums[name] += late_bytes
        if late_bytes < record.bytes:
            earlier = self._bin_at(max(0.0, record.elapsed_s - REPORT_S))
            earlier.sums[name] += record.bytes - late_bytes

    def _add_node(self, record: NodeSample) -> None:
        node = self._bin_at(record.elapsed_s).nodes[record.node]
        for group, cpu_s in record.cpu_s:
            node.cpu_s[group] += cpu_s
        node.interval_s += record.interval_s
        node.core_s += record.cores * record.interval_s
        if record.memory_bytes > 0:
            node.memory_bytes = _largest(node.memory_bytes, record.memory_bytes)
        if record.memory_total_bytes > 0:
            ratio = record.memory_bytes / record.memory_total_bytes
            node.memory_ratio = _largest(node.memory_ratio, ratio)
        offset_s, bound_s = record.clock_offset_s, record.clock_bound_s
        node.tell(
            None
            if record.busiest_cores is None
            else (record.busiest_cores, record.busiest),
            None if offset_s is None or bound_s is None else (bound_s, offset_s),
            record.figures,
        )

    def _add_engine(self, record: EngineReport) -> None:
        sums = self._bin_at(record.elapsed_s)
        sums.engine_cpu = _largest(sums.engine_cpu, record.cpu_ratio)
        sums.engine_lag_s = _largest(sums.engine_lag_s, record.lag_s)
        sums.sums["late"] += record.late_packets
        sums.sums["sent"] += record.sent_packets


def _finished(sums: _Bin, starts_s: float, width_s: float, present: int) -> TimelineBin:
    added = sums.sums
    watched = added["watched_ms"]

    def rate_bps(name: str) -> float:
        return added[name] * 8 / width_s

    return TimelineBin(
        starts_s=starts_s,
        ends_s=starts_s + width_s,
        present=present,
        joins=sums.joins,
        failed_joins=sums.failed_joins,
        join_time_p50_s=sums.join_times.percentile(0.50),
        join_time_p95_s=sums.join_times.percentile(0.95),
        audio_loss=_ratio(added["audio_lost"], added["audio_expected"]),
        video_loss=_ratio(added["video_lost"], added["video_expected"]),
        jitter_p95_s=sums.jitter.percentile(0.95),
        rtt_p95_s=sums.rtt.percentile(0.95),
        freezes=added["freezes"] if watched else None,
        frozen=_ratio(added["frozen_ms"], watched),
        audio_sent_bps=rate_bps("audio_sent"),
        video_sent_bps=rate_bps("video_sent"),
        audio_received_bps=rate_bps("audio_received"),
        video_received_bps=rate_bps("video_received"),
        nodes=tuple(
            _node_bin(name, node)
            for name, node in sorted(sums.nodes.items())
            if node.interval_s > 0
        ),
        engine_cpu_max=sums.engine_cpu,
        engine_lag_max_s=sums.engine_lag_s,
        late_ratio=_ratio(added["late"], added["sent"]),
    )


def _node_bin(name: str, node: _NodeSums) -> NodeBin:
    whole = node.cpu_s.get("node")
    return NodeBin(
        node=name,
        cpu_cores=tuple(
            (group, used / node.interval_s)
            for group, used in sorted(node.cpu_s.items())
        ),
        cpu_ratio=None if whole is None else _ratio(whole, node.core_s),
        memory_ratio=node.memory_ratio,
        memory_bytes=None if node.memory_bytes is None else int(node.memory_bytes),
        busiest=node.busiest[1] if node.busiest else "",
        busiest_cores=node.busiest[0] if node.busiest else None,
        clock_offset_s=node.clock[1] if node.clock else None,
        clock_bound_s=node.clock[0] if node.clock else None,
        figures=tuple(sorted(node.figures.items())),
    )


def _ratio(part: float, whole: float) -> float | None:
    return max(0.0, part / whole) if whole > 0 else None


def _largest(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)
