"""SYNTHETIC runs: records of a benchmark that never happened, with known truth.

A `SyntheticNode` has costs by stream and fixed cores; its CPU is their sum, its delays
grow as 1/(1 − utilisation), and beyond its cores it loses packets. So capacity and
costs are known in closed form. Nothing made here may be shown as a measurement.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bots.models import (
    Direction,
    EngineReport,
    JoinReport,
    LeaveReport,
    Media,
    MilestoneReport,
    PathTaken,
    StreamReport,
)
from loadtest.ascents import Finished
from loadtest.benchmark import Ladder
from loadtest.ladder_plan import LadderPlan
from loadtest.models import (
    Capacity,
    Cost,
    EndRecord,
    Limit,
    LoadPoint,
    MeetingProfile,
    NodeSample,
    Percentiles,
    ProfileCapacity,
    Record,
    RunHeader,
    Slo,
    StepRecord,
)
from loadtest.profiles import SMALL_PROFILES, contrast_of
from loadtest.slo import judge
from loadtest.streams import Streams, streams_of

AUDIO_PACKETS_PER_S = 50
CAMERA_PACKETS_PER_S = 28
AUDIO_BYTES = 92
CAMERA_BYTES = 900
JOIN_LIMIT_S = 9.0
"""A synthetic participant gives up after this; it stays away, its load does not."""
TALKS, CLASSES, GROUPS = SMALL_PROFILES


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticNode:
    """A node of known costs, in cores; its knee can be computed instead of measured."""

    cores: float = 1.0
    base: float = 0.03
    participant: float = 0.004
    audio_in: float = 0.004
    audio_out: float = 0.006
    video_in: float = 0.008
    video_out: float = 0.010
    noise: float = 0.015
    """Relative standard deviation of a step's CPU."""
    quality_knee: float = 0.97
    """Share of the cores from which on packets are lost."""

    def demand(self, streams: Streams) -> float:
        """Return the cores that these streams ask for, served or not."""
        return (
            self.base
            + self.participant * streams.participants
            + self.audio_in * streams.audio_in
            + self.audio_out * streams.audio_out
            + self.video_in * streams.video_in
            + self.video_out * streams.video_out
        )

    def utilisation(self, profile: MeetingProfile, participants: int) -> float:
        """Return demand ÷ cores; above 1 the node can't do what is asked."""
        return self.demand(streams_of(profile, participants)) / self.cores

    def knee(self, profile: MeetingProfile, cpu_share: float = 0.8) -> float:
        """Return the true capacity: participants at which the CPU reaches the share."""
        one = streams_of(profile, profile.size)
        slope = (self.demand(one) - self.base) / profile.size
        return (cpu_share * self.cores - self.base) / slope

    def loss(self, utilisation: float) -> float:
        """Return the share of packets lost at this utilisation."""
        return max(0.0, 1 - self.quality_knee / utilisation)

    def delay_s(self, calm_s: float, utilisation: float) -> float:
        """Return a waiting time at this utilisation."""
        return calm_s / (1 - min(utilisation, 0.985))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How the synthetic generator behaved; the default one was fit."""

    cpu_ratio: float = 0.22
    lag_s: float = 0.004
    late_share: float = 0.0


DEFAULT_STEPS = (
    (TALKS, 8),
    (TALKS, 16),
    (TALKS, 32),
    (TALKS, 48),
    (TALKS, 40),
    (CLASSES, 6),
    (CLASSES, 12),
    (CLASSES, 30),
    (CLASSES, 24),
    (CLASSES, 18),
    (GROUPS, 6),
    (GROUPS, 12),
    (GROUPS, 24),
    (GROUPS, 18),
    (GROUPS, 21),
    *((contrast_of(profile) or profile, 24) for profile in SMALL_PROFILES),
)


def synthetic_run(
    *,
    node: SyntheticNode | None = None,
    generator: Generator | None = None,
    steps: tuple[tuple[MeetingProfile, int], ...] = DEFAULT_STEPS,
    step_duration_s: float = 12.0,
    slo: Slo | None = None,
    seed: int = 1,
    watched: bool = True,
) -> tuple[Record, ...]:
    """Return the records of a whole synthetic run, in the order of their time.

    `watched=False` leaves the node samples out, as of a node without metrics.
    """
    writer = _Writer(
        node=node or SyntheticNode(),
        generator=generator or Generator(),
        rng=np.random.default_rng(seed),
        watched=watched,
    )
    profiles = tuple(dict.fromkeys(profile for profile, _ in steps))
    records: list[Record] = [
        dataclasses.replace(synthetic_header(seed, slo), scenario=profiles)
    ]
    for number, (profile, participants) in enumerate(steps):
        starts_s = 1.0 + number * step_duration_s
        records += writer.step(number, profile, participants, starts_s, step_duration_s)
    ends_s = 1.0 + len(steps) * step_duration_s
    records += writer.everyone_leaves(ends_s)
    records.append(EndRecord(elapsed_s=ends_s + 0.5, validity="valid"))
    return tuple(sorted(records, key=lambda record: getattr(record, "elapsed_s", -1.0)))


def synthetic_point(
    node: SyntheticNode,
    profile: MeetingProfile,
    participants: int,
    *,
    step: int = 0,
    generator: Generator | None = None,
    rng: np.random.Generator | None = None,
    watched: bool = True,
) -> LoadPoint:
    """Return what a step would measure, without its records (fast, for ladders)."""
    engine = generator or Generator()
    noise = rng.normal(1, node.noise) if rng is not None else 1.0
    streams = streams_of(profile, participants)
    load = node.utilisation(profile, participants)
    ratio = min(0.99, max(0.0, load * noise))
    loss = min(1.0, node.loss(load))
    carried = (
        streams.audio_in + streams.audio_out + streams.video_in + streams.video_out
    )
    return LoadPoint(
        step=step,
        profile=profile.name,
        participants=participants,
        present=float(participants),
        meetings=math.ceil(participants / profile.size),
        starts_s=1.0 + 12 * step + 4,
        ends_s=1.0 + 12 * (step + 1),
        joins=participants,
        join_success=1.0,
        dropped=0.0,
        join_time_s=_spread(node.delay_s(0.3, load), participants),
        first_audio_s=_spread(node.delay_s(0.2, load), streams.audio_out),
        first_camera_s=_spread(node.delay_s(0.3, load), streams.video_out),
        audio_loss=_spread(loss, streams.audio_out),
        video_loss=_spread(loss, streams.video_out),
        frozen=_spread(loss, streams.video_out),
        audio_in=float(streams.audio_in),
        audio_out=float(streams.audio_out),
        video_in=float(streams.video_in),
        video_out=float(streams.video_out),
        sent_bps=40e3 * streams.audio_in + 200e3 * streams.video_in,
        received_bps=40e3 * streams.audio_out + 200e3 * streams.video_out,
        node_cpu_ratio=ratio if watched else None,
        node_cpu_s_per_s=ratio * node.cores if watched else None,
        node_cores=node.cores if watched else None,
        node_samples=8 if watched else 0,
        engine_cpu_max=engine.cpu_ratio,
        engine_lag_max_s=engine.lag_s,
        late_packets=round(engine.late_share * 10_000),
        sent_packets=10_000,
        streams_expected=float(carried),
        streams_seen=float(carried),
    )


def climb(
    node: SyntheticNode,
    *,
    plan: LadderPlan,
    profiles: tuple[MeetingProfile, ...] = SMALL_PROFILES,
    generator: Generator | None = None,
    seed: int | None = 1,
    watched: bool = True,
    slo: Slo | None = None,
) -> tuple[Finished, ...]:
    """Climb a whole ladder against a synthetic node; `seed=None` is without noise."""
    ladder = Ladder(profiles, plan)
    rng = None if seed is None else np.random.default_rng(seed)
    finished: list[Finished] = []
    most = plan.steps * plan.repeats * len(profiles)
    while (step := ladder.next(finished)) is not None:
        assert len(finished) < most, "the ladder has no end"
        point = synthetic_point(
            node,
            step.profile,
            step.participants,
            step=len(finished),
            generator=generator,
            rng=rng,
            watched=watched,
        )
        point = dataclasses.replace(point, repeat=step.repeat)
        finished.append((point, judge(point, slo or Slo())))
    return tuple(finished)


def synthetic_header(seed: int = 1, slo: Slo | None = None) -> RunHeader:
    """Return the header of a synthetic run of the small profiles."""
    contrasts = tuple(contrast_of(profile) or profile for profile in SMALL_PROFILES)
    return RunHeader(
        run="synthetic",
        started_at="2026-11-23T06:00:00+00:00",
        tool_version="0.1.0",
        seed=seed,
        target="synthetic",
        bbb_version="3.0.0",
        stand_in=True,
        scenario=SMALL_PROFILES + contrasts,
        slo=slo or Slo(),
    )


def _spread(value: float, count: int) -> Percentiles | None:
    if count == 0:
        return None
    return Percentiles(count=count, p50=0.7 * value, p95=value, max=1.2 * value)


def synthetic_capacity() -> Capacity:
    """Return a SYNTHETIC capacity file with one case of each kind, from the truth.

    Talks have a capacity, classes held at the cap, groups were ended by the generator.
    """
    node = SyntheticNode()
    weak = Generator(cpu_ratio=0.91, lag_s=0.4)
    knee = node.knee(TALKS)
    return Capacity(
        run="synthetic",
        started_at="2026-11-23T06:00:00+00:00",
        tool_version="0.1.0",
        target="synthetic",
        bbb_version="3.0.0",
        stand_in=True,
        seed=1,
        slo=Slo(),
        profiles=(
            _found(node, TALKS, (8, 16, 32, 48, 40), "cpu", value=knee),
            _found(node, CLASSES, (6, 12, 18), "cap", at_least=18.0),
            _found(node, GROUPS, (6, 12), "generator", generator=weak),
        ),
        costs=tuple(
            Cost(
                name=name,
                value=value,
                unit="cores",
                low=0.9 * value,
                high=1.1 * value,
            )
            for name, value in (
                ("base", node.base),
                ("participant", node.participant),
                ("audio_in", node.audio_in),
                ("audio_out", node.audio_out),
                ("video_in", node.video_in),
                ("video_out", node.video_out),
            )
        ),
        cost_coverage=0.9,
        condition_number=13.7,
        cost_note="",
        node_cores=node.cores,
        validity="valid",
        reasons=("groups: a bot engine used 0.91 of a core (limit 0.65)",),
    )


def _found(
    node: SyntheticNode,
    profile: MeetingProfile,
    loads: tuple[int, ...],
    limit: Limit,
    *,
    value: float | None = None,
    at_least: float | None = None,
    generator: Generator | None = None,
) -> ProfileCapacity:
    rng = np.random.default_rng(1)
    points = tuple(
        synthetic_point(node, profile, load, step=step, rng=rng, generator=generator)
        for step, load in enumerate(loads)
    )
    verdicts = tuple(judge(point) for point in points)
    return ProfileCapacity(
        profile=profile,
        capacity=value,
        at_least=at_least,
        invalid="" if limit != "generator" else verdicts[-1].generator_reasons[0],
        low=None if value is None else 0.96 * value,
        high=None if value is None else 1.04 * value,
        coverage=0.9,
        limit=limit,
        points=points,
        verdicts=verdicts,
    )


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Who is present, while the records of a run are written."""

    node: SyntheticNode
    generator: Generator
    rng: np.random.Generator
    watched: bool
    profile: MeetingProfile | None = None
    present: list[int] = field(default_factory=list)
    """Participants by their place, those who gave up too."""
    away: set[int] = field(default_factory=set)
    next_participant: int = 0

    def step(
        self,
        number: int,
        profile: MeetingProfile,
        participants: int,
        starts_s: float,
        duration_s: float,
    ) -> Iterator[Record]:
        yield StepRecord(
            elapsed_s=starts_s,
            step=number,
            profile=profile.name,
            participants=participants,
            meetings=math.ceil(participants / profile.size),
            duration_s=duration_s,
            warm_up_s=duration_s / 3,
        )
        if profile != self.profile or participants <= len(self.present):
            yield from self.everyone_leaves(starts_s)
            self.profile = profile
        load = self.node.utilisation(profile, participants)
        yield from self._joins(profile, participants, starts_s, duration_s / 3, load)
        for second in range(1, int(duration_s) + 1):
            yield from self._second(profile, starts_s + second, load)

    def everyone_leaves(self, elapsed_s: float) -> Iterator[Record]:
        size = self.profile.size if self.profile else 1
        for place, participant in enumerate(self.present):
            if participant in self.away:
                continue
            yield LeaveReport(
                elapsed_s=elapsed_s,
                participant=participant,
                meeting=place // size,
                outcome="left",
            )
        self.present = []

    def _joins(
        self,
        profile: MeetingProfile,
        participants: int,
        starts_s: float,
        within_s: float,
        load: float,
    ) -> Iterator[Record]:
        wanted = participants - len(self.present)
        for index in range(wanted):
            place = len(self.present)
            asked_s = starts_s + 0.5 * within_s * index / max(wanted, 1)
            took_s = self._delay_s(0.3, load)
            self.present.append(self.next_participant)
            if took_s > JOIN_LIMIT_S:
                self.away.add(self.next_participant)
                yield self._given_up(place, profile, asked_s)
                self.next_participant += 1
                continue
            has_audio = place % profile.size < profile.microphones + profile.listeners
            yield JoinReport(
                elapsed_s=asked_s + took_s,
                participant=self.next_participant,
                meeting=place // profile.size,
                persona="moderator" if place % profile.size == 0 else "viewer",
                role="moderator" if place % profile.size == 0 else "viewer",
                node="127.0.0.1",
                outcome="joined",
                phases_s=(
                    ("api", 0.1 * took_s),
                    ("graphql", 0.2 * took_s),
                    ("meeting", 0.2 * took_s),
                    ("audio", 0.5 * took_s),
                ),
                join_time_s=took_s,
                path=PathTaken(
                    bridge="bbb-webrtc-sfu",
                    audio_role="sendrecv" if has_audio else "",
                    offerer="server" if has_audio else "",
                    candidate_type="host",
                    remote_address="127.0.0.1:20000",
                ),
                asked_s=asked_s,
            )
            if has_audio:
                yield self._milestone(place, profile, "audio", asked_s, load)
            for _ in range(_cameras_seen(profile, place % profile.size)):
                yield self._milestone(place, profile, "camera", asked_s, load)
            self.next_participant += 1

    def _given_up(
        self, place: int, profile: MeetingProfile, asked_s: float
    ) -> JoinReport:
        return JoinReport(
            elapsed_s=asked_s + JOIN_LIMIT_S,
            participant=self.present[place],
            meeting=place // profile.size,
            persona="viewer",
            role="viewer",
            node="127.0.0.1",
            outcome="timed out",
            code="meeting",
            detail="the meeting was not usable within 9 s",
            phases_s=(("api", 1.0), ("graphql", 2.0)),
            asked_s=asked_s,
        )

    def _milestone(
        self,
        place: int,
        profile: MeetingProfile,
        media: Media,
        asked_s: float,
        load: float,
    ) -> MilestoneReport:
        wait_s = self._delay_s(0.2 if media == "audio" else 0.3, load)
        return MilestoneReport(
            elapsed_s=asked_s + wait_s,
            participant=self.present[place],
            meeting=place // profile.size,
            media=media,
            wait_s=wait_s,
            asked_s=asked_s,
        )

    def _delay_s(self, calm_s: float, load: float) -> float:
        return float(self.node.delay_s(calm_s, load) * self.rng.lognormal(0, 0.15))

    def _second(
        self, profile: MeetingProfile, elapsed_s: float, load: float
    ) -> Iterator[Record]:
        sent = received = sent_packets = received_packets = 0
        for place in range(len(self.present)):
            member = place % profile.size
            if self.present[place] in self.away:
                continue
            for carried in _streams_of_member(profile, member):
                report = self._stream(carried, elapsed_s, place, load)
                yield report
                if carried.direction == "out":
                    sent += report.bytes
                    sent_packets += report.packets
                else:
                    received += report.bytes
                    received_packets += report.packets
        yield EngineReport(
            elapsed_s=elapsed_s,
            engine=0,
            cpu_ratio=self.generator.cpu_ratio,
            lag_s=self.generator.lag_s,
            late_packets=round(self.generator.late_share * sent_packets),
            sent_packets=sent_packets,
            received_packets=received_packets,
            participants=len(self.present),
            memory_bytes=120_000_000 + 300_000 * len(self.present),
        )
        if self.watched:
            # A step's noise shrinks with the root of its samples: 8 are judged.
            ratio = min(load, 0.99) * self.rng.normal(1, self.node.noise * math.sqrt(8))
            yield NodeSample(
                elapsed_s=elapsed_s,
                node="synthetic",
                cpu_s=(("node", min(0.995, max(0.0, ratio)) * self.node.cores),),
                interval_s=1.0,
                cores=self.node.cores,
                memory_bytes=200_000_000 + 2_000_000 * len(self.present),
                memory_total_bytes=2_000_000_000,
                received_bytes=sent,
                sent_bytes=received,
                participants=len(self.present),
            )

    def _stream(
        self, carried: "_Carried", elapsed_s: float, place: int, load: float
    ) -> StreamReport:
        assert self.profile is not None
        is_audio = carried.media == "audio"
        is_seen = carried.direction == "in" and not is_audio
        expected = AUDIO_PACKETS_PER_S if is_audio else CAMERA_PACKETS_PER_S
        share = self.node.loss(load) if carried.direction == "in" else 0.0
        lost = int(self.rng.binomial(expected, min(1.0, share)))
        return StreamReport(
            elapsed_s=elapsed_s,
            participant=self.present[place],
            meeting=place // self.profile.size,
            direction=carried.direction,
            media=carried.media,
            ssrc=1000 * self.present[place] + carried.number,
            packets=expected - lost,
            bytes=(expected - lost) * (AUDIO_BYTES if is_audio else CAMERA_BYTES),
            expected=expected,
            lost=lost,
            jitter_s=0.002,
            rtt_s=0.001,
            frames=0 if is_audio else 15 - min(15, lost),
            freezes=1 if is_seen and lost > 3 else 0,
            frozen_s=0.3 if is_seen and lost > 3 else 0.0,
            watched_s=1.0 if is_seen else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """One stream of one member of a meeting."""

    direction: Direction
    media: Media
    number: int


def _cameras_seen(profile: MeetingProfile, member: int) -> int:
    others = profile.cameras - (1 if member < profile.cameras else 0)
    if member < profile.moderators:
        return others
    return min(others, profile.camera_page)


def _streams_of_member(profile: MeetingProfile, member: int) -> Iterator[_Carried]:
    if member < profile.microphones:
        yield _Carried(direction="out", media="audio", number=1)
    if member < profile.microphones + profile.listeners:
        yield _Carried(direction="in", media="audio", number=2)
    if member < profile.cameras:
        yield _Carried(direction="out", media="camera", number=3)
    for index in range(_cameras_seen(profile, member)):
        yield _Carried(direction="in", media="camera", number=4 + index)
