"""What a participant is asked to do and what it reports: frozen data, no behaviour.

Reports are per second and hold *differences* since the previous report of the same
stream, so that sums over any window are exact. `elapsed_s` counts from the run's
`started_at`; every report becomes one line of `run.jsonl` (loadtest/formats.md).
"""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["moderator", "viewer"]
AudioMode = Literal["microphone", "listen only", "none"]
Media = Literal["audio", "camera", "screen"]
Direction = Literal["in", "out"]
Depth = Literal["light", "decrypt", "decode"]
"""How closely a participant looks at what it receives: at RTP headers and a sample, at
every packet's authenticity, or at what real decoders make of it."""
BurstKind = Literal["mute all", "whiteboard", "poll", "cameras"]
"""A moderator mutes everybody; all draw on a whiteboard that the presenter opens; the
presenter asks and all answer; everybody shows a camera."""
IcePolicy = Literal["all", "relay"]
"""Ways for media: directly or by a relay as it comes, or by a TURN relay only."""
Outcome = Literal["joined", "refused", "timed out", "dropped", "withdrawn", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraProfile:
    """A camera profile of BBB's client settings."""

    name: str
    width: int
    height: int
    frame_rate: float
    bitrate_bps: int


CAMERA_MEDIUM = CameraProfile(
    name="medium", width=640, height=360, frame_rate=15.0, bitrate_bps=200_000
)
"""BBB 3.0's default profile: 200 kbit/s (html5 settings.yml, cameraProfiles)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """A STUN or TURN server of BBB's `stuns` answer."""

    url: str
    """Such as `stun:host` or `turns:host:5349?transport=tcp` (RFC 7064, RFC 7065)."""
    username: str = ""
    credential: str = field(default="", repr=False)
    is_allowed: bool = True
    """False: its host is not on the allow-list, so nothing is sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRef:
    """A meeting that exists on the server and that participants may join."""

    number: int
    meeting_id: str
    """The external id, as given to `create`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a participant does beside its media; intervals are means, None is never."""

    hand_interval_s: float | None = None
    """Between two raised hands."""
    reaction_interval_s: float | None = None
    answers_polls: bool = True
    poll_thinking_s: float = 5.0
    """From seeing a poll to answering it, on average (our assumption)."""
    poll_interval_s: float | None = None
    """As presenter: between two polls."""
    page_interval_s: float | None = None
    """As presenter: between two turnings of the page."""
    pointer_interval_s: float | None = None
    """As presenter: between two gestures of the pointer."""
    drawing_interval_s: float | None = None
    """As presenter: between two lines drawn on the page."""
    admits_guests: bool = True
    """As moderator: lets in whoever waits in the lobby."""
    views_screen: bool = True
    join_delay_least_s: float = 0.0
    join_delay_most_s: float = 0.0
    """The extra wait before joining is drawn uniformly between the two."""
    drops_every_s: float | None = None
    """Between two losses of its own network."""
    away_s: float = 5.0
    """How long its network is gone each time."""
    dialog_s: float = 0.0
    """How long it lingers in the audio dialog, whose echo test tells the server once a
    second that it is running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A kind of participant; a meeting's mix counts them by name."""

    name: str
    audio: AudioMode = "microphone"
    talks: bool = False
    shares_camera: bool = False
    shares_screen: bool = False
    views_cameras: bool = True
    chat_interval_s: float | None = 60.0
    """Mean time between two messages; None never writes."""
    habits: Habits = Habits()
    role: Role | None = None
    """The role it needs, None for whichever the meeting gives it."""
    depth: Depth = "light"
    is_guest: bool = False
    """Joins as a guest: a moderator lets it in from the lobby."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Something that a whole meeting does at once."""

    kind: BurstKind
    starts_s: float
    """`elapsed_s` of the run."""
    lasts_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantPlan:
    """Everything one participant will do, decided before it joins."""

    number: int
    """Unique in the run, from 0. The only name a participant ever has."""
    meeting_number: int
    persona: str
    role: Role = "viewer"
    audio: AudioMode = "microphone"
    talks: bool = True
    """Whether talk spurts are sent; a silent microphone sends DTX."""
    shares_camera: bool = False
    shares_screen: bool = False
    camera_view_limit: int | None = 5
    """Cameras viewed at once: 5 for a viewer, None (all) for a moderator."""
    chat_interval_s: float | None = 60.0
    camera: CameraProfile = CAMERA_MEDIUM
    seed: int = 0
    depth: Depth = "light"
    habits: Habits = Habits()
    starts_s: float | None = None
    """`elapsed_s` at which it is to join; None: at once."""
    ends_s: float | None = None
    """`elapsed_s` at which it leaves by itself; None: when it is told to."""
    bursts: tuple[Burst, ...] = ()
    """What its meeting does at once, in order of time."""
    is_guest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTaken:
    """The path the media of a participant really took."""

    bridge: str = ""
    """`bbb-webrtc-sfu` or `livekit`."""
    audio_role: str = ""
    """`sendrecv`, `passive-sendrecv`, `recv` or "" without audio."""
    offerer: str = ""
    """Who made the audio offer: `server` or `client`."""
    candidate_type: str = ""
    """`host`, `srflx`, `prflx` or `relay` of our side's chosen pair."""
    remote_address: str = ""
    """IP and port of the media server, as in the chosen pair."""
    schema: str = ""
    """Which GraphQL schema the server was found to speak, such as `BBB 3.0.19`."""
    turn_servers: int | None = None
    """TURN servers that `stuns` named; None in older logs and without audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """How one participant's join ended, by phase."""

    elapsed_s: float
    participant: int
    meeting: int
    persona: str
    role: Role
    node: str
    """Host that the join redirect named; a cluster shows its node here."""
    outcome: Outcome
    code: str = ""
    detail: str = ""
    phases_s: tuple[tuple[str, float], ...] = ()
    """(`api` | `graphql` | `meeting` | `audio`, seconds), in order, those reached."""
    join_time_s: float | None = None
    """From the join request to the usable meeting (with audio, where asked for), less
    the time for which it lingered in the audio dialog."""
    path: PathTaken = PathTaken()
    engine: int = 0
    asked_s: float | None = None
    """`elapsed_s` at which the join was asked for; None: take the time it lasted off
    `elapsed_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneReport:
    """The wait until media of one kind first arrived (or never did)."""

    elapsed_s: float
    participant: int
    meeting: int
    media: Media
    wait_s: float | None
    """From asking for the stream to its first packet (audio) or first complete key
    frame (camera, screen); None when it did not come within the step's limit."""
    source: int | None = None
    """Participant number of the publisher, where it is one of ours."""
    outcome: Outcome = "joined"
    code: str = ""
    asked_s: float | None = None
    """`elapsed_s` at which the stream was asked for; None: `elapsed_s` − `wait_s`."""
    path: PathTaken = PathTaken()
    """Of a camera or a screen that came; that of the audio is the join's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalReport:
    """Something the server refused to a participant that stays in the meeting."""

    elapsed_s: float
    participant: int
    meeting: int
    what: str
    """`audio`, `camera share`, `camera view`, `screen share`, …; with the outcome
    `dropped` a socket or media that are opened again (`graphql socket`, `membership`,
    `audio`, `camera socket`); `withdrawn` what a lock, a habit or a plan of ours kept
    back."""
    outcome: Outcome
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """One stream over about one second; counters are differences."""

    elapsed_s: float
    participant: int
    meeting: int
    direction: Direction
    media: Media
    ssrc: int
    source: int | None = None
    """Participant number of the publisher for cameras and screens, if ours."""
    packets: int = 0
    bytes: int = 0
    """RTP header and payload, without SRTP tag, UDP and IP."""
    expected: int = 0
    """In: packets the sequence numbers say were sent; out: equal to `packets`."""
    lost: int = 0
    """In: expected − received, may be negative in one second (late arrivals); out: as
    the last receiver report told."""
    first_sequence: int | None = None
    last_sequence: int | None = None
    """Extended sequence numbers (RFC 3550 A.1): of the stream so far, not of this
    second. Their difference on a viewer spans what the publisher sent."""
    jitter_s: float | None = None
    rtt_s: float | None = None
    frames: int = 0
    freezes: int = 0
    frozen_s: float = 0.0
    watched_s: float = 0.0
    """Seconds of this report in which the stream should have been playing."""
    nacks: int = 0
    plis: int = 0
    key_frames: int = 0
    auth_failures: int = 0
    depth: Depth = "light"
    lost_bursts: int = 0
    """In: gaps in the sequence numbers as packets came, before any were sent again."""
    decoded_frames: int | None = None
    """In, depth `decode`: frames that came out of a decoder; `frames` are those that
    the headers call whole. Audio: packets of 20 ms."""
    concealed_s: float | None = None
    """In, audio, depth `decode`: time filled in for packets that came too late."""
    one_way_delay_s: float | None = None
    """In, with a `source`: of the last packet, since it was due at that publisher. None
    where the publisher runs on another machine or the server writes timestamps anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveReport:
    """How a participant that had joined went."""

    elapsed_s: float
    participant: int
    meeting: int
    outcome: Outcome
    """`left` as planned, `dropped` by the server or the network, or `withdrawn`."""
    code: str = ""
    detail: str = ""
    application_rtt_s: float | None = None
    """Median way of the connection-alive trace through the server and back, as a
    presenter's client measures it; None where it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """The state of one bot engine over about one second."""

    elapsed_s: float
    engine: int
    cpu_ratio: float
    """Share of one core."""
    lag_s: float
    """Largest event-loop delay seen in this second."""
    late_packets: int
    """Packets sent more than 20 ms after their time."""
    sent_packets: int
    received_packets: int
    participants: int
    memory_bytes: int
    dropped_packets: int = 0
    """That its own sockets lost: not read in time, or refused by a full buffer."""
    sockets: int = 0
    """WebSockets open now."""
    transports: int = 0
    """Media transports open now."""
    lag_mean_s: float = 0.0
    """Mean event-loop delay: large where the process gets too little of its core."""
    lateness_s: float = 0.0
    """Longest delay of the pacer, so of any packet, behind its time in this second."""


Report = (
    JoinReport
    | MilestoneReport
    | RefusalReport
    | StreamReport
    | LeaveReport
    | EngineReport
)
