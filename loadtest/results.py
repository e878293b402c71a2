"""What a run came to, as reports draw it: bins of time, outcomes, totals."""

from dataclasses import dataclass
from typing import Literal

from bots.models import Depth
from loadtest.models import LoadPoint, RunHeader, SelfCheck, SloVerdict, StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBin:
    """What one node said during one bin of a timeline."""

    node: str
    cpu_cores: tuple[tuple[str, float], ...]
    """(group, cores in use), mean; the whole node is `node`."""
    cpu_ratio: float | None
    """Share of the node's cores; None without the group `node`."""
    memory_ratio: float | None
    """Largest share of its memory in use; None when the total is unknown."""
    memory_bytes: int | None = None
    """Largest memory in use."""
    busiest: str = ""
    busiest_cores: float | None = None
    """The largest that a single process used, as each sample named it."""
    clock_offset_s: float | None = None
    """As the best bounded sample of the bin told it."""
    clock_bound_s: float | None = None
    figures: tuple[tuple[str, float], ...] = ()
    """The largest of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineBin:
    """What happened during one short stretch of a run; None where nobody measured."""

    starts_s: float
    ends_s: float
    present: int
    """Participants present at the end of the bin."""
    joins: int
    failed_joins: int
    join_time_p50_s: float | None
    join_time_p95_s: float | None
    audio_loss: float | None
    """Lost ÷ expected over all audio streams that participants received."""
    video_loss: float | None
    jitter_p95_s: float | None
    """Over the streams that participants received."""
    rtt_p95_s: float | None
    freezes: int | None
    frozen: float | None
    """Frozen ÷ watched time over all cameras seen."""
    audio_sent_bps: float
    video_sent_bps: float
    """By the participants, as the next two; RTP bits per second."""
    audio_received_bps: float
    video_received_bps: float
    nodes: tuple[NodeBin, ...]
    """A node without a sample in this bin is absent: a gap, not a zero."""
    engine_cpu_max: float | None
    engine_lag_max_s: float | None
    late_ratio: float | None
    """Packets sent more than 20 ms late ÷ packets sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """How often one thing ended in one way."""

    what: str
    """`join`, `first audio`, `first camera`, `leave`, or what was refused."""
    outcome: str
    code: str
    """`relay` of a camera or a screen that arrived by TURN."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCount:
    """How many participants' media took one path."""

    node: str
    """Where the join ended: behind a balancer, the meeting's node."""
    schema: str
    bridge: str
    audio_role: str
    offerer: str
    candidate_type: str
    count: int


VideoOrAudio = Literal["audio", "video"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthFigures:
    """All received streams of a medium that were looked at in one depth."""

    kind: VideoOrAudio
    """Cameras and screens are video."""
    depth: Depth
    streams: int
    packets: int
    loss_ratio: float | None
    jitter_s: float
    """Mean over packets."""
    frame_rate: float | None
    """Whole frames by their headers, per second that a stream should have played."""
    decoded_ratio: float | None
    """Frames out of a decoder ÷ those that the headers call whole."""
    concealed_ratio: float | None
    """Speech that a decoder filled in ÷ all of it."""
    mos_p50: float | None
    mos_p5: float | None
    """Predicted listening quality, 1 to 4.5, over the voice streams."""
    is_compared: bool
    differs: tuple[str, ...]
    """What differs from the light depth, or from the headers, by more than may be."""
    one_way_delay_s: float | None = None
    """Mean from our publishers to our viewers; None where no clock was shared."""
    auth_failures: int = 0
    """Packets that SRTP refused, of those that were opened."""
    burst_packets: float | None = None
    """Mean packets lost in a row, of voices: what video lost is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A whole `run.jsonl`, digested: what a report of the run shows."""

    header: RunHeader
    duration_s: float
    validity: Literal["valid", "invalid", "interrupted"]
    """`interrupted` also when the file has no end."""
    reasons: tuple[str, ...]
    points: tuple[LoadPoint, ...]
    verdicts: tuple[SloVerdict, ...]
    """One for each point."""
    bins: tuple[TimelineBin, ...]
    steps: tuple[StepRecord, ...]
    outcomes: tuple[OutcomeCount, ...]
    paths: tuple[PathCount, ...]
    peak_participants: int
    sent_bytes: int
    """By all participants, RTP header and payload."""
    received_bytes: int
    self_check: SelfCheck | None = None
    """None for a run without an end."""
    depths: tuple[DepthFigures, ...] = ()
