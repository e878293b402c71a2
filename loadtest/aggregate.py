"""Records of a run -> one load point per step.

What happens once (joins, first audio, first camera, drops) belongs to the step in which
it was asked for or happened, warm-up included: a step's joins *are* at its start. What
goes on (rates, streams, loss, freezes, CPU) is judged on the rest of the step alone.

    ├ warm-up ┼───────── judged ─────────┤
    joins, first audio and camera, drops ┤ of the whole step
              rates, loss, freezes, CPU  ┤ of the judged part

Percentiles come from samples. A milestone that never came is infinitely late; a missed
scrape is a gap. Memory grows with participants, streams and steps, not with time. Pure.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    Outcome,
    RefusalReport,
    StreamReport,
)
from loadtest.models import (
    EndRecord,
    LoadPoint,
    MeetingProfile,
    NodeSample,
    Record,
    RunHeader,
    StepRecord,
)
from loadtest.step_sums import (
    StepSums,
    asked_at,
    first_of_ascent,
    frozen_shares,
    late_start,
    losses,
    mean_of,
    percentiles,
)
from loadtest.streams import Streams, streams_of

OUR_DECISIONS: tuple[Outcome, ...] = ("left", "withdrawn")
"""Outcomes that we chose: no evidence about the node."""
REPORT_GAP_MAX_S = 2.0
"""A stream silent for longer than this was not there meanwhile."""
STREAMS_MIN = 0.9
"""Share of the expected streams below which an unanswered request counts as missing."""
MEASURED_MIN = 0.5
"""Share of the judged part that must have been measured; less is no load point."""
LONGEST_STEP_S = 43_200.0
"""A step planned to be longer has no end until its user says so."""
OPEN_MEASURED_S = 3.0
"""What such a step needs, and a live look at any, beside its warm-up."""


def load_points(records: Iterable[Record]) -> tuple[LoadPoint, ...]:
    """Return the load point of every step of a run that was measured long enough."""
    aggregate = Aggregate()
    for record in records:
        aggregate.add(record)
    return aggregate.points()


@dataclass(slots=True)
class _Stay:
    """When one participant was present."""

    joined_s: float
    left_s: float = math.inf
    is_dropped: bool = False


class Aggregate:
    """Adds up the records of a run as they come, and tells its load points."""

    def __init__(self) -> None:
        self._profiles: dict[str, MeetingProfile] = {}
        self._steps: list[StepRecord] = []
        self._starts: list[float] = []
        self._sums: list[StepSums] = []
        self._stays: dict[int, _Stay] = {}
        self._receivers: set[int] = set()
        self._last_report_s: dict[tuple[int, str, str, int], float] = {}
        self._seen_until_s = 0.0
        self._ended_s = math.inf

    def add(self, record: Record) -> None:
        """Add one record; those of one step may come in any order after its start."""
        match record:
            case RunHeader():
                self._profiles = {p.name: p for p in record.scenario}
                return
            case StepRecord():
                self._steps.append(record)
                self._starts.append(record.elapsed_s)
                self._sums.append(StepSums())
            case JoinReport():
                self._add_join(record)
            case MilestoneReport():
                self._add_milestone(record)
            case LeaveReport():
                self._add_leave(record)
            case RefusalReport(outcome="dropped", what="graphql socket"):
                self._cut_off(record)
            case RefusalReport():
                self._add_refusal(record)
            case StreamReport():
                self._add_stream(record)
            case NodeSample():
                self._add_node(record)
            case EngineReport():
                self._add_engine(record)
            case EndRecord():
                self._ended_s = record.elapsed_s
        if isinstance(record, StepRecord):
            return  # that of a scenario is told some seconds ahead
        self._seen_until_s = max(self._seen_until_s, record.elapsed_s)

    def points(self) -> tuple[LoadPoint, ...]:
        """Return the load points of all steps measured long enough so far."""
        points = (self._point(index) for index in range(len(self._steps)))
        return tuple(point for point in points if point is not None)

    def points_so_far(self) -> tuple[LoadPoint, ...]:
        """Return the same, and the latest step as it stands now."""
        points = self.points()
        if points and points[-1].step == self._steps[-1].step:
            return points
        last = len(self._steps) - 1
        live = self._point(last, is_live=True) if last >= 0 else None
        return (*points, live) if live else points

    def latest(self) -> LoadPoint | None:
        """Return the load point of the latest step, None if it is too young."""
        return self._point(len(self._steps) - 1) if self._steps else None

    def _index_at(self, elapsed_s: float) -> int | None:
        index = bisect_right(self._starts, elapsed_s) - 1
        return index if index >= 0 else None

    def _judged_at(self, elapsed_s: float) -> StepSums | None:
        """Return the sums of the step whose judged part holds this time."""
        index = self._index_at(elapsed_s)
        if index is None:
            return None
        starts_s, ends_s = self._judged_part(index)
        return self._sums[index] if starts_s < elapsed_s <= ends_s else None

    def _judged_part(self, index: int) -> tuple[float, float]:
        step = self._steps[index]
        ends_s = min(step.elapsed_s + step.duration_s, self._ended_s)
        if index + 1 < len(self._starts):
            ends_s = min(ends_s, self._starts[index + 1])
        return step.elapsed_s + step.warm_up_s, ends_s

    def _add_join(self, join: JoinReport) -> None:
        took_s = join.join_time_s
        if took_s is None:
            took_s = sum(seconds for _, seconds in join.phases_s)
        asked_s = asked_at(join.asked_s, join.elapsed_s, took_s)
        index = self._index_at(asked_s)
        if join.outcome == "joined":
            self._stays[join.participant] = _Stay(join.elapsed_s)
        if index is None:
            return
        sums = self._sums[index]
        if join.outcome in OUR_DECISIONS:
            # Stopped after the step's end, it was still hanging when it was judged.
            sums.unasked += join.elapsed_s <= self._judged_part(index)[1]
            return
        sums.add_join(join, asked_s)

    def _add_milestone(self, milestone: MilestoneReport) -> None:
        wait_s = milestone.wait_s
        if wait_s is None and milestone.outcome in OUR_DECISIONS:
            return
        asked_s = asked_at(milestone.asked_s, milestone.elapsed_s, wait_s or 0.0)
        index = self._index_at(asked_s)
        if index is None:
            return
        sums = self._sums[index]
        samples = (
            sums.first_audio_s if milestone.media == "audio" else sums.first_camera_s
        )
        samples.append(math.inf if wait_s is None else wait_s)

    def _add_leave(self, leave: LeaveReport) -> None:
        is_dropped = leave.outcome not in OUR_DECISIONS
        stay = self._stays.get(leave.participant)
        if stay is not None:
            stay.left_s = leave.elapsed_s
            stay.is_dropped = is_dropped
        index = self._index_at(leave.elapsed_s)
        if index is not None and is_dropped:
            self._sums[index].dropped += 1
            self._sums[index].cut_off.pop(leave.participant, None)

    def _add_refusal(self, refusal: RefusalReport) -> None:
        index = self._index_at(refusal.elapsed_s)
        if index is not None and refusal.outcome not in OUR_DECISIONS:
            self._sums[index].refusals[refusal.code] += 1

    def _cut_off(self, report: RefusalReport) -> None:
        """Count a lost connection as a drop, until media come again."""
        index = self._index_at(report.elapsed_s)
        if index is not None and report.participant in self._receivers:
            self._sums[index].cut_off[report.participant] = report.elapsed_s

    def _add_stream(self, report: StreamReport) -> None:
        key = (report.participant, report.direction, report.media, report.ssrc)
        until_s = report.elapsed_s
        since_s = self._last_report_s.get(key, until_s - 1.0)
        since_s = max(min(since_s, until_s), until_s - REPORT_GAP_MAX_S)
        self._last_report_s[key] = until_s
        if report.direction == "in" and report.packets > 0:
            self._receivers.add(report.participant)
            index = self._index_at(until_s)
            if index is not None:
                self._sums[index].come_back(report.participant, since_s)
        is_audio = report.media == "audio"
        middle_s = (since_s + until_s) / 2
        # A report speaks of the time since the one before: of two steps, at times.
        for index in {self._index_at(since_s), self._index_at(until_s)} - {None}:
            assert index is not None
            starts_s, ends_s = self._judged_part(index)
            lasted_s = min(until_s, ends_s) - max(since_s, starts_s)
            if lasted_s <= 0:
                continue
            sums = self._sums[index]
            share = lasted_s / (until_s - since_s)
            if report.packets > 0:
                sums.stream_s[report.direction, is_audio] += lasted_s
                late_from_s = late_start(starts_s, ends_s)
                late_s = min(until_s, ends_s) - max(since_s, late_from_s)
                sums.late_stream_s[report.direction, is_audio] += max(0.0, late_s)
            if report.direction == "out":
                sums.sent_bytes += share * report.bytes
                continue
            sums.received_bytes += share * report.bytes
            if starts_s < middle_s <= ends_s:
                media = sums.audio if is_audio else sums.video
                received = media[report.participant]
                received.expected += report.expected
                received.lost += report.lost
                received.watched_s += report.watched_s
                received.frozen_s += report.frozen_s

    def _add_node(self, sample: NodeSample) -> None:
        sums = self._judged_at(sample.elapsed_s - sample.interval_s / 2)
        if sums is not None:
            sums.add_node(sample)

    def _add_engine(self, report: EngineReport) -> None:
        sums = self._judged_at(report.elapsed_s)
        if sums is None:
            index = self._index_at(report.elapsed_s)
            if index is not None and report.elapsed_s <= self._judged_part(index)[0]:
                early = self._sums[index]
                early.warm_up_lag_max_s = max(early.warm_up_lag_max_s, report.lag_s)
            return
        sums.add_engine(report)

    def _point(self, index: int, *, is_live: bool = False) -> LoadPoint | None:
        step, sums = self._steps[index], self._sums[index]
        starts_s, ends_s = self._judged_part(index)
        is_open = is_live or step.duration_s > LONGEST_STEP_S
        enough_s = MEASURED_MIN * (step.duration_s - step.warm_up_s)
        if is_open:
            ends_s, enough_s = min(ends_s, self._seen_until_s), OPEN_MEASURED_S
        if min(ends_s, self._seen_until_s + 1.0) - starts_s < enough_s:
            return None
        window_s = ends_s - starts_s
        present = self._present(starts_s, ends_s)
        joins, join_success = self._join_success(index)
        cores = mean_of(sums.node_core_s, sums.node_seconds)
        used = mean_of(sums.node_cpu_s, sums.node_seconds)
        mean = {key: total / window_s for key, total in sums.stream_s.items()}
        # Counted towards the planned end; the run, or the step, may have ended before.
        late_s = ends_s - late_start(starts_s, step.elapsed_s + step.duration_s)
        is_whole = not is_open and late_s > 0.5
        late = sums.late_stream_s.items()
        seen = {key: total / late_s for key, total in late} if is_whole else mean
        profile = self._profiles.get(step.profile)
        expected = streams_of(profile, step.participants) if profile else Streams()
        both_ways = float(expected.both_ways)
        return LoadPoint(
            step=step.step,
            profile=step.profile,
            participants=step.participants,
            present=present,
            meetings=step.meetings,
            starts_s=starts_s,
            ends_s=ends_s,
            joins=joins,
            join_success=join_success,
            dropped=sums.all_dropped / max(present, sums.all_dropped, 1.0),
            join_time_s=percentiles(sums.join_times_s),
            first_audio_s=percentiles(self._waits(index, "audio_out", seen)),
            first_camera_s=percentiles(self._waits(index, "pictures_out", seen)),
            audio_loss=percentiles(losses(sums.audio.values())),
            video_loss=percentiles(losses(sums.video.values())),
            frozen=percentiles(frozen_shares(sums.video.values())),
            audio_in=mean.get(("out", True), 0.0),
            audio_out=mean.get(("in", True), 0.0),
            video_in=mean.get(("out", False), 0.0),
            video_out=mean.get(("in", False), 0.0),
            sent_bps=8 * sums.sent_bytes / window_s,
            received_bps=8 * sums.received_bytes / window_s,
            node_cpu_ratio=None if used is None or not cores else used / cores,
            node_cpu_s_per_s=used,
            node_cores=cores,
            engine_cpu_max=sums.engine_cpu_max,
            engine_lag_max_s=sums.engine_lag_max_s,
            late_packets=sums.late_packets,
            sent_packets=sums.sent_packets,
            warm_up_lag_max_s=sums.warm_up_lag_max_s,
            streams_expected=step.planned.streams if step.planned else both_ways,
            streams_seen=sum(seen.values()),
            present_at_end=self._present(late_start(starts_s, ends_s), ends_s),
            repeat=step.repeat,
            **sums.evidence(),
        )

    def _present(self, starts_s: float, ends_s: float) -> float:
        together_s = sum(
            max(0.0, min(stay.left_s, ends_s) - max(stay.joined_s, starts_s))
            for stay in self._stays.values()
        )
        return together_s / (ends_s - starts_s)

    def _join_success(self, index: int) -> tuple[int, float | None]:
        """Return the joins tried in a step, and the share of them that succeeded.

        One still without an outcome when the step is judged has not succeeded: counted
        is what the step needed beyond who stayed, had failed, or we did not take.
        """
        step, sums = self._steps[index], self._sums[index]
        if step.planned is not None:
            tried = sums.joined + sums.failed
            asked = max(tried, step.planned.joins - sums.unasked)
            return tried, sums.joined / asked if asked > 0 else None
        first = first_of_ascent(self._steps, index)
        _, ends_s = self._judged_part(index)
        stayed = sum(
            1
            for stay in self._stays.values()
            if self._starts[first] <= stay.joined_s
            and stay.joined_s < step.elapsed_s
            and (stay.left_s >= ends_s or stay.is_dropped)
        )
        failed_before = set().union(*(s.refused for s in self._sums[first:index]))
        needed = step.participants - stayed - sums.unasked
        needed -= len(failed_before - self._stays.keys())
        tried = sums.joined + sums.failed
        if max(tried, needed) <= 0:
            return 0, None
        return tried, sums.joined / max(tried, needed)

    def _waits(
        self, index: int, name: str, seen: Mapping[tuple[str, bool], float]
    ) -> list[float]:
        """Return the waits for first audio or pictures, infinite ones among them."""
        sums, is_audio = self._sums[index], name == "audio_out"
        told = sums.first_audio_s if is_audio else sums.first_camera_s
        carried = seen.get(("in", is_audio), 0.0)
        return told + self._pending(index, name, told=len(told), seen=carried)

    def _pending(self, index: int, name: str, *, told: int, seen: float) -> list[float]:
        """Return an infinite wait for each stream asked for of which nothing came yet.

        Only where streams are missing: then a first packet that was never told is one
        that had not come when the step was judged. Who did not join waits for nothing.
        """
        step = self._steps[index]
        if step.planned is not None:
            due = float(getattr(step.planned, name))
            is_there = seen >= STREAMS_MIN * due or self._sums[index].unasked
            return [] if is_there else [math.inf] * max(0, round(due - seen))
        profile = self._profiles.get(step.profile)
        if profile is None or self._sums[index].unasked:
            return []
        is_first = first_of_ascent(self._steps, index) == index
        before = 0 if is_first else self._steps[index - 1].participants
        expected = int(getattr(streams_of(profile, step.participants), name))
        asked = expected - int(getattr(streams_of(profile, before), name))
        if seen >= STREAMS_MIN * expected:
            return []
        _, join_success = self._join_success(index)
        asked = round(asked * (1.0 if join_success is None else join_success))
        return [math.inf] * max(0, asked - told)
