"""What a meeting holds besides its users: settings, chat, pages, polls, shares.

Plain mutable records and two frozen ones (what `create` asked for). No sockets, no
clock: times are Unix seconds handed in by the caller.
"""

from collections import deque
from dataclasses import dataclass, field

PUBLIC_CHAT = "MAIN-PUBLIC-GROUP-CHAT"
LOG_LIMIT = 5000
"""Entries kept of any log of a meeting (chat, notifications, annotations)."""


@dataclass(slots=True, kw_only=True)
class LockSettings:
    """What locked viewers may not do; names as in `meeting.lockSettings`."""

    disable_cam: bool = False
    disable_mic: bool = False
    disable_notes: bool = False
    disable_private_chat: bool = False
    disable_public_chat: bool = False
    hide_user_list: bool = False
    hide_viewers_cursor: bool = False
    hide_viewers_annotation: bool = False
    lock_on_join: bool = True
    lock_on_join_configurable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRequest:
    """A `create` call, checked; defaults are BBB 3.0's."""

    meeting_id: str
    name: str
    attendee_password: str
    moderator_password: str
    voice_bridge: str
    passwords_given: tuple[str | None, str | None] = (None, None)
    welcome: str = ""
    duration_min: int = 0
    max_participants: int = 0
    record: bool = False
    auto_start_recording: bool = False
    allow_start_stop_recording: bool = True
    keep_events: bool = False
    guest_policy: str = "ALWAYS_ACCEPT"
    mute_on_start: bool = False
    allow_mods_to_unmute: bool = False
    webcams_only_for_moderator: bool = False
    meeting_camera_cap: int = 0
    user_camera_cap: int = 3
    expire_if_no_user_joined_min: int = 5
    expire_when_last_user_left_min: int = 1
    allow_requests_without_session: bool = False
    end_when_no_moderator: bool = False
    layout: str = "CUSTOM_LAYOUT"
    logout_url: str = ""
    audio_bridge: str = "bbb-webrtc-sfu"
    camera_bridge: str = "bbb-webrtc-sfu"
    screen_share_bridge: str = "bbb-webrtc-sfu"
    disabled_features: tuple[str, ...] = ()
    locks: tuple[tuple[str, bool], ...] = ()
    """(field of `LockSettings`, value) for each `lockSettings*` given."""
    metadata: tuple[tuple[str, str], ...] = ()
    """(name without `meta_`, lower case, value), in the order given."""
    is_breakout: bool = False


@dataclass(slots=True, kw_only=True)
class Voice:
    """A user's place in the voice conference; absent users have none."""

    listen_only: bool = False
    muted: bool = False
    talking: bool = False
    spoke: bool = False
    deafened: bool = False
    floor: bool = False
    last_floor_s: float | None = None
    started_talking_s: float | None = None
    stopped_talking_s: float | None = None
    activity_s: float = 0.0
    listen_only_input_device: bool = False
    voice_user_id: str = ""


@dataclass(slots=True, kw_only=True)
class Camera:
    """A camera announced by `cameraBroadcastStart`."""

    stream_id: str
    user_id: str
    content_type: str = "camera"
    show_as_content: bool = False
    has_audio: bool = False


@dataclass(slots=True, kw_only=True)
class Screenshare:
    """The screen share of a meeting; there is at most one."""

    user_id: str
    stream: str
    started_s: float
    content_type: str = "screenshare"
    has_audio: bool = False
    width: int = 0
    height: int = 0


@dataclass(slots=True, kw_only=True)
class ChatMessage:
    """One message of one chat."""

    message_id: str
    chat_id: str
    sequence: int
    sender_id: str | None
    sender_name: str
    sender_role: str
    message: str
    created_s: float
    message_type: str = "default"
    reply_to: str | None = None
    metadata: object = None
    reactions: list[tuple[str, str]] = field(default_factory=list)
    """(user id, emoji)"""


@dataclass(slots=True, kw_only=True)
class Chat:
    """The public chat, or a private one between two users."""

    chat_id: str
    members: tuple[str, ...] = ()
    """Empty: public."""
    messages: deque[ChatMessage] = field(
        default_factory=lambda: deque(maxlen=LOG_LIMIT)
    )
    total: int = 0
    last_seen_s: dict[str, float] = field(default_factory=dict)
    typing_s: dict[str, float] = field(default_factory=dict)
    """User id -> when it last said that it types."""


@dataclass(slots=True, kw_only=True)
class Annotation:
    """One shape on a page."""

    annotation_id: str
    page_id: str
    user_id: str
    info: object
    updated_s: float


@dataclass(slots=True, kw_only=True)
class Presentation:
    """A converted presentation; the default one has a single page."""

    presentation_id: str
    name: str = "default.pdf"
    pages: int = 1
    current_page: int = 1
    upload_completion_notified: set[str] = field(default_factory=set)
    zoom: tuple[float, float, float, float] = (0.0, 0.0, 1440.0, 931.7647058823529)
    """x offset, y offset, view box width and height of the current page."""

    @property
    def current_page_id(self) -> str:
        return f"{self.presentation_id}/{self.current_page}"


@dataclass(slots=True, kw_only=True)
class Poll:
    """A poll that runs or whose result is published."""

    poll_id: str
    poll_type: str
    question: str
    secret: bool
    multiple: bool
    quiz: bool
    options: list[str]
    created_s: float
    votes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """User id -> option ids."""
    published: bool = False
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Layout:
    """The layout that the presenter pushes."""

    camera_dock_aspect_ratio: float = 0
    camera_dock_is_resizing: bool = False
    camera_dock_placement: str = ""
    camera_with_focus: str = "none"
    current_layout: str = "CUSTOM_LAYOUT"
    presentation_minimized: bool = False
    propagate: bool = False
    updated_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification for all, or for one user."""

    created_s: float
    message_id: str
    kind: str = "info"
    icon: str = "user"
    values: tuple[tuple[str, str], ...] = ()
    user_id: str | None = None


@dataclass(slots=True, kw_only=True)
class ConnectionStatus:
    """What the connection-alive loop of one client session left behind."""

    user_id: str
    session_token: str
    client_session: str
    updated_s: float
    trace_log: str | None = None
    network_rtt_ms: float | None = None
    application_rtt_ms: float | None = None
