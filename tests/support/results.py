"""SYNTHETIC results for reports: a few numbers chosen by hand, nothing measured.

They hold one case of everything a report must be able to say: a capacity, an
`at_least`, an `invalid`; a refused join, a gap, a broken bound.
"""

from dataclasses import replace

from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    PathTaken,
    RefusalReport,
    StreamReport,
)
from loadtest.models import (
    Capacity,
    Cost,
    EndRecord,
    LoadPoint,
    MeetingProfile,
    NodeSample,
    Percentiles,
    ProfileCapacity,
    Record,
    RunHeader,
    Slo,
    SloVerdict,
    StepRecord,
)

CLASSES = MeetingProfile(
    name="classes", size=6, cameras=2, microphones=6, listeners=0, moderators=1
)
TALKS = MeetingProfile(
    name="talks", size=8, cameras=1, microphones=2, listeners=2, moderators=1
)
GROUPS = MeetingProfile(
    name="groups", size=3, cameras=3, microphones=3, listeners=0, moderators=1
)
KEPT = SloVerdict(met=True, broken=(), generator_fit=True)
BROKEN = SloVerdict(met=False, broken=("cpu", "join time"), generator_fit=True)
UNFIT = SloVerdict(
    met=True,
    broken=(),
    generator_fit=False,
    generator_reasons=("a bot engine used 0.91 of a core (limit 0.65)",),
)


def point(participants: int, cpu: float | None, **changes: object) -> LoadPoint:
    """Return a load point with this CPU and calm values for everything else."""
    plain = LoadPoint(
        step=0,
        profile="classes",
        participants=participants,
        present=float(participants),
        meetings=participants // 6,
        starts_s=4.0,
        ends_s=12.0,
        joins=participants,
        join_success=1.0,
        dropped=0.0,
        join_time_s=Percentiles(count=participants, p50=0.4, p95=0.8, max=1.0),
        first_audio_s=Percentiles(count=participants, p50=0.1, p95=0.25, max=0.4),
        first_camera_s=Percentiles(count=participants, p50=0.3, p95=0.6, max=0.9),
        audio_loss=Percentiles(count=participants, p50=0.0, p95=0.0012, max=0.01),
        video_loss=Percentiles(count=participants, p50=0.0, p95=0.0, max=0.0),
        frozen=Percentiles(count=participants, p50=0.0, p95=0.004, max=0.01),
        audio_in=float(participants),
        audio_out=float(participants),
        video_in=participants / 3,
        video_out=participants * 1.5,
        sent_bps=1e6,
        received_bps=4e6,
        node_cpu_ratio=cpu,
        node_cpu_s_per_s=cpu,
        node_cores=None if cpu is None else 1.0,
        node_samples=0 if cpu is None else 8,
        engine_cpu_max=0.2,
        engine_lag_max_s=0.01,
        late_packets=0,
        sent_packets=10_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def capacity(*, stand_in: bool = True) -> Capacity:
    """Return a capacity of three profiles, one case of each kind."""
    never = Percentiles(count=24, p50=2.0, p95=float("inf"), max=float("inf"))
    return Capacity(
        run="2f9c",
        started_at="2026-11-23T06:00:00+00:00",
        tool_version="0.1.0",
        target="127.0.0.1" if stand_in else "school-1",
        bbb_version="3.0.12",
        stand_in=stand_in,
        seed=1,
        slo=Slo(),
        profiles=(
            ProfileCapacity(
                profile=CLASSES,
                capacity=28.4,
                at_least=None,
                invalid="",
                low=26.6,
                high=31.2,
                coverage=0.9,
                limit="cpu",
                points=(
                    point(6, 0.21),
                    point(12, 0.38),
                    point(24, 0.71),
                    point(36, 0.93, join_time_s=never, join_success=0.944),
                ),
                verdicts=(KEPT, KEPT, KEPT, BROKEN),
                meeting_cost=Cost(
                    name="classes", value=0.162, unit="cores", low=0.151, high=0.176
                ),
            ),
            ProfileCapacity(
                profile=TALKS,
                capacity=None,
                at_least=48.0,
                invalid="",
                low=None,
                high=None,
                coverage=0.9,
                limit="cap",
                points=(point(24, 0.33), point(48, 0.62)),
                verdicts=(KEPT, KEPT),
            ),
            ProfileCapacity(
                profile=GROUPS,
                capacity=None,
                at_least=None,
                invalid="the generator was the limit before the node was",
                low=None,
                high=None,
                coverage=0.9,
                limit="generator",
                points=(point(12, 0.5),),
                verdicts=(UNFIT,),
            ),
        ),
        costs=(
            Cost(name="base", value=0.03, unit="cores", low=0.02, high=0.04),
            Cost(name="participant", value=0.004, unit="cores", low=0.003, high=0.005),
            Cost(name="video_out", value=0.0101, unit="cores", low=0.009, high=0.0113),
        ),
        cost_coverage=0.9,
        condition_number=13.7,
        cost_note="",
        node_cores=1.0,
        validity="valid",
        reasons=(),
    )


def run_records(*, has_end: bool = True) -> tuple[Record, ...]:
    """Return a short run: two steps, a refused join, a refused camera, missed scrapes.

    `has_end=False` is the file of a run that was killed.
    """
    records: list[Record] = [
        RunHeader(
            run="2f9c",
            started_at="2026-11-23T06:00:00+00:00",
            tool_version="0.1.0",
            seed=1,
            target="127.0.0.1",
            bbb_version="3.0.12",
            stand_in=True,
            scenario=(CLASSES,),
            slo=Slo(),
        )
    ]
    for step, (starts_s, size) in enumerate(((1.0, 6), (13.0, 12))):
        records.append(
            StepRecord(
                elapsed_s=starts_s,
                step=step,
                profile="classes",
                participants=size,
                meetings=size // 6,
                duration_s=12.0,
                warm_up_s=4.0,
            )
        )
        for number in range(6 * step, size):
            records += _joins(starts_s + 0.2 * (number - 6 * step), number)
        for second in range(1, 13):
            records += _second(starts_s + second, size)
    records.append(
        RefusalReport(
            elapsed_s=14.2,
            participant=7,
            meeting=1,
            what="camera share",
            outcome="refused",
            code="2301",
        )
    )
    records.append(
        LeaveReport(elapsed_s=24.5, participant=3, meeting=0, outcome="dropped")
    )
    if has_end:
        records.append(EndRecord(elapsed_s=25.5, validity="valid"))
    return (
        records[0],
        *sorted(records[1:], key=lambda it: getattr(it, "elapsed_s", 0.0)),
    )


def _joins(elapsed_s: float, number: int) -> list[Record]:
    refused = number == 11
    join = JoinReport(
        elapsed_s=elapsed_s + 0.5,
        participant=number,
        meeting=number // 6,
        persona="viewer",
        role="viewer",
        node="127.0.0.1",
        outcome="refused" if refused else "joined",
        code="maxParticipantsReached" if refused else "",
        join_time_s=None if refused else 0.3 + 0.02 * number,
        path=PathTaken(
            bridge="bbb-webrtc-sfu",
            audio_role="sendrecv",
            offerer="server",
            candidate_type="host",
            remote_address="127.0.0.1:20000",
        ),
        asked_s=elapsed_s,
    )
    if refused:
        return [join]
    milestone = MilestoneReport(
        elapsed_s=elapsed_s + 0.7,
        participant=number,
        meeting=number // 6,
        media="audio",
        wait_s=0.2,
        asked_s=elapsed_s + 0.5,
    )
    return [join, milestone, replace(milestone, media="camera", wait_s=0.4)]


def _second(elapsed_s: float, size: int) -> list[Record]:
    stream = StreamReport(
        elapsed_s=elapsed_s,
        participant=0,
        meeting=0,
        direction="in",
        media="audio",
        ssrc=1,
        packets=50,
        bytes=4600,
        expected=50,
        jitter_s=0.002,
        rtt_s=0.001,
    )
    reports: list[Record] = []
    for number in range(size - (size == 12)):
        mine = replace(stream, participant=number, meeting=number // 6, ssrc=number)
        reports += (
            mine,
            replace(mine, direction="out", ssrc=100 + number),
            replace(
                mine,
                media="camera",
                ssrc=200 + number,
                packets=27,
                expected=28,
                lost=1,
                bytes=25_000,
                frames=15,
                watched_s=1.0,
            ),
        )
    reports.append(
        EngineReport(
            elapsed_s=elapsed_s,
            engine=0,
            cpu_ratio=0.18,
            lag_s=0.006,
            late_packets=1,
            sent_packets=50 * size,
            received_packets=78 * size,
            participants=size,
            memory_bytes=90_000_000,
        )
    )
    if not 17 < elapsed_s < 21:
        reports.append(
            NodeSample(
                elapsed_s=elapsed_s,
                node="127.0.0.1",
                cpu_s=(("node", 0.035 * size),),
                interval_s=1.0,
                cores=1.0,
                memory_bytes=200_000_000 + 4_000_000 * size,
                memory_total_bytes=2_000_000_000,
                received_bytes=10_000 * size,
                sent_bytes=40_000 * size,
            )
        )
    return reports
