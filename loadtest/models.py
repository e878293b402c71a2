"""A run as data: what was asked, what happened, what it means. Frozen, no behaviour.

The lines of `run.jsonl` are the reports of `bots.models` and the records below;
`loadtest/formats.md` documents every field once, for readers of the files.
"""

from dataclasses import dataclass
from typing import Literal

from bots.models import Persona, Report

SloSource = Literal["BBB FAQ", "our assumption", "user"]
Limit = Literal[
    "",
    "cpu",
    "join success",
    "join time",
    "first audio",
    "first camera",
    "audio loss",
    "video loss",
    "freezes",
    "dropped",
    "generator",
    "cap",
]


LimitMet = Literal[
    "",
    "cpu",
    "one process",
    "nic",
    "memory",
    "udp ports",
    "connection cap",
    "join rate",
    "quality without cpu",
    "path",
]
"""What ran out, as far as the evidence goes; `path` is no limit of the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Bounds that a step must keep; a bound of None is not judged."""

    name: str = "bbbload-1"
    join_success_min: float | None = 0.99
    dropped_max: float | None = 0.005
    join_time_p95_max_s: float | None = 10.0
    first_audio_p95_max_s: float | None = 5.0
    first_camera_p95_max_s: float | None = 8.0
    audio_loss_p95_max: float | None = 0.01
    video_loss_p95_max: float | None = 0.02
    frozen_p95_max: float | None = 0.02
    node_cpu_max: float | None = 0.80
    """Share of the node's cores: audio degrades from about 80 % on (BBB FAQ). All other
    bounds of `bbbload-1` are our assumption, and are printed as such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatGroup:
    """So many seats of a meeting for one persona."""

    persona: Persona
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingProfile:
    """What the meetings of a load look like; every meeting of a run has this mix."""

    name: str
    size: int
    cameras: int
    """Participants of each meeting who share a camera."""
    microphones: int
    """Participants with a two-way microphone; the rest of `listeners` only listen."""
    listeners: int
    """Participants with listen-only audio; the remaining ones have no audio."""
    moderators: int = 1
    camera_page: int = 5
    """Cameras a viewer sees at once; a moderator sees all."""
    decode_every: int = 0
    """One in so many participants of the run really decodes what it receives, so that
    a run carries its own truth; 0: none does."""
    chat_interval_s: float | None = 60.0
    mix: tuple[SeatGroup, ...] = ()
    """Who sits in it, by persona; then the counts above follow from it. Empty: the
    counts say who does what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """First line of a run: what was asked of what, by which tool."""

    run: str
    """Run id; our meetings are `bbbload-<run>-<n>`."""
    started_at: str
    """UTC, ISO 8601; every `elapsed_s` of the file counts from here (monotonic)."""
    tool_version: str
    seed: int
    target: str
    """Name or host of the target; never its secret."""
    bbb_version: str
    stand_in: bool
    """True when the target says that it is bbbload's stand-in node."""
    scenario: tuple[MeetingProfile, ...]
    slo: Slo
    engines: int = 1
    facts: tuple[tuple[str, str], ...] = ()
    """What the watched nodes said of themselves: kernel, system, hardware."""
    notes: tuple[str, ...] = ()
    """Risks that the operator took, which every report must state."""
    manner: tuple[str, ...] = ()
    """How the load was made where not as usual: `at once`, `by relay`, and `clip` with
    twelve digits of the SHA-256 of the film that was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLoad:
    """What should happen in a step whose population may change, exactly."""

    joins: int
    """Asked for within the step."""
    audio_out: float
    """Audio streams out of the node in the last quarter of the judged part, mean."""
    pictures_out: float
    """Cameras and screens out of the node then."""
    streams: float
    """All streams then, both ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A plateau of the load begins: who should be present from here on."""

    elapsed_s: float
    step: int
    profile: str
    participants: int
    meetings: int
    duration_s: float
    warm_up_s: float
    """Start of the step that no statistic uses; a step is judged on the rest."""
    planned: PlannedLoad | None = None
    """Of a scenario; None: a plateau, whose profile says it."""
    repeat: int = 0
    """Which climb of its profile a benchmark's step belongs to."""
    is_fresh: bool = False
    """Its meetings are new ones, as always where a load does not grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSample:
    """One scrape of a node; a missed scrape leaves a gap, never a zero."""

    elapsed_s: float
    node: str
    cpu_s: tuple[tuple[str, float], ...]
    """(group, CPU seconds used since the previous sample); the whole node is `node`,
    of which `steal` was taken by other machines; then the roles, where processes are
    watched: `audio`, `video`, `signalling`, `web`, `database`, `recording`, `other`."""
    interval_s: float
    cores: float
    memory_bytes: int
    memory_total_bytes: int
    received_bytes: int
    """Since the previous sample, media and the rest of the node's network."""
    sent_bytes: int
    participants: int | None = None
    busiest: str = ""
    """The process nearest to the end of what it can use, "" where none is watched."""
    busiest_cores: float | None = None
    clock_offset_s: float | None = None
    """The node's clock less ours, within `clock_bound_s`."""
    clock_bound_s: float | None = None
    figures: tuple[tuple[str, float], ...] = ()
    """Gauges that BBB's components tell of themselves, by their own names."""
    nic_bps: float | None = None
    """Speed of the fastest network card, where the node tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that a run checks of itself."""

    name: str
    expected: float
    """What the plan or the other book says; 0 for a limit."""
    measured: float
    tolerance: float
    """How far `measured` may be from `expected`."""
    unit: str = ""
    is_proof: bool = False
    """Whether the run is invalid without it; the others are judged step by step."""
    reason: str = ""
    """Why it was not kept; "" when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Whether the load was real and the generator fit to judge the node."""

    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord:
    """Last line of a run: whether its numbers may be believed."""

    elapsed_s: float
    validity: Literal["valid", "invalid", "interrupted"]
    reasons: tuple[str, ...] = ()
    self_check: SelfCheck | None = None


Record = RunHeader | StepRecord | NodeSample | EndRecord | Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Percentiles of one measure over its samples."""

    count: int
    p50: float
    p95: float
    max: float
    missing: int = 0
    """Samples among `count` that never came; they stand at infinity, the end of every
    percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """One step, aggregated over its judged part."""

    step: int
    profile: str
    participants: int
    """Participants asked for at this step."""
    present: float
    """Participants really present, mean over the judged part."""
    meetings: int
    starts_s: float
    ends_s: float
    """The judged part, in `elapsed_s`."""
    joins: int
    join_success: float | None
    """Share of the joins that were tried in this step; None when none was tried."""
    dropped: float
    """Dropped participants ÷ participants present."""
    join_time_s: Percentiles | None
    first_audio_s: Percentiles | None
    first_camera_s: Percentiles | None
    audio_loss: Percentiles | None
    """Over participants: lost ÷ expected of all that each received."""
    video_loss: Percentiles | None
    frozen: Percentiles | None
    """Over participants: frozen share of the time a camera should have played."""
    audio_in: float
    """Audio streams into the node (microphones sending), mean."""
    audio_out: float
    video_in: float
    video_out: float
    sent_bps: float
    received_bps: float
    """Of the generator: what participants sent and received, RTP bits per second."""
    node_cpu_ratio: float | None
    """Mean share of the node's cores; None when the node was not watched."""
    node_cpu_s_per_s: float | None
    node_cores: float | None
    node_samples: int
    engine_cpu_max: float
    engine_lag_max_s: float
    late_packets: int
    sent_packets: int
    warm_up_lag_max_s: float = 0.0
    """Largest event-loop delay of an engine while the step's joins were made."""
    streams_expected: float = 0.0
    """Streams both ways that the profile's arithmetic gives for `participants`."""
    streams_seen: float = 0.0
    """Streams both ways that carried packets, mean over the judged part's last quarter:
    joins may take until then."""
    present_at_end: float | None = None
    """Participants present, mean over that last quarter; None where it is not known."""
    node_busiest: str = ""
    """The process that came nearest to the end of what it can use."""
    node_busiest_cores: float | None = None
    """The most that it used in a sample."""
    node_memory_ratio: float | None = None
    """Largest share of the memory in use."""
    nic_ratio: float | None = None
    """Mean share of the network card's speed, of the fuller direction."""
    nic_ratio_most: float | None = None
    """The largest share in a sample."""
    refusals: tuple[tuple[str, int], ...] = ()
    """(code, how often) of what the server refused or dropped, in the whole step."""
    join_rate: float | None = None
    """Joins per second that got in, from the first to the last; None for fewer than
    three."""
    join_rate_asked: float | None = None
    """The same of the joins asked for, failed ones too."""
    repeat: int = 0
    """Which climb of its profile a benchmark's step belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloVerdict:
    """Whether a load point kept the SLO, and if not, which bound broke first."""

    met: bool
    broken: tuple[Limit, ...]
    """All bounds that broke, the most exceeded (measured ÷ bound) first."""
    generator_fit: bool
    generator_reasons: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    """Bounds that had no data (for example CPU when the node was not watched)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one unit of load costs the node, with its interval."""

    name: str
    """`base`, `participant`, `audio_in`, `audio_out`, `video_in`, `video_out`."""
    value: float
    unit: str
    """`cores` (CPU seconds per second)."""
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCapacity:
    """The capacity of a node for one mix of meetings, at a named SLO."""

    profile: MeetingProfile
    capacity: float | None
    """Participants at the SLO; None unless a bound of the SLO was seen to break."""
    at_least: float | None
    """Largest load that kept the SLO, where the cap came before any limit."""
    invalid: str
    """Why no capacity can be given, "" otherwise."""
    low: float | None
    high: float | None
    coverage: float
    """Nominal coverage of low..high, for example 0.9."""
    limit: Limit
    points: tuple[LoadPoint, ...]
    verdicts: tuple[SloVerdict, ...]
    meeting_cost: Cost | None = None
    """What one whole meeting of the profile costs by the fitted costs, without `base`;
    None without a fit. Its `name` is the profile's."""
    limit_met: LimitMet = ""
    """What ran out when `limit` broke; "" where nothing shows it."""
    evidence: tuple[str, ...] = ()
    """What shows it, in sentences' parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What `bbbload benchmark` found; the content of `capacity.json`."""

    run: str
    started_at: str
    tool_version: str
    target: str
    bbb_version: str
    stand_in: bool
    seed: int
    slo: Slo
    profiles: tuple[ProfileCapacity, ...]
    costs: tuple[Cost, ...]
    cost_coverage: float
    condition_number: float | None
    cost_note: str
    """Why there are no costs, or what limits them; "" if nothing does."""
    node_cores: float | None
    validity: Literal["valid", "invalid", "interrupted"]
    reasons: tuple[str, ...]
    cost_points: tuple[LoadPoint, ...] = ()
    """Contrast steps: taken for the costs alone, part of no profile's capacity."""
    manner: tuple[str, ...] = ()
    """As in the header of its run."""
