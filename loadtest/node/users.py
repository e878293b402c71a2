"""A registered user of a meeting, as data; what it may do is decided by its meeting."""

import random
import string
from dataclasses import dataclass, field

from loadtest.node.content import Camera, Voice

LETTERS = string.ascii_lowercase + string.digits


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """One registered user of a meeting, joined or not."""

    id: str
    ext_id: str
    name: str
    role: str
    """`MODERATOR` or `VIEWER`."""
    auth_token: str
    registered_s: float
    color: str
    guest: bool = False
    guest_status: str = "ALLOW"
    avatar: str = ""
    bot: bool = False
    logout_url: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    joined: bool = False
    """In the meeting now; what every permission of the SFU asks first."""
    ever_joined: bool = False
    client_type: str | None = None
    mobile: bool | None = None
    presenter: bool = False
    locked: bool = False
    pinned: bool = False
    away: bool = False
    raise_hand_s: float | None = None
    reaction: str | None = None
    logged_out: bool = False
    banned: bool = False
    voice_banned: bool = False
    eject_reason_code: str | None = None
    join_error_code: str | None = None
    voice: Voice | None = None
    cameras: dict[str, Camera] = field(default_factory=dict)
    """By stream id, in the order they were announced."""
    connections: int = 0
    """Open GraphQL connections."""
    connection_lost_s: float | None = None
    whiteboard_write_access: bool = False
    speech_locale: str | None = None
    caption_locale: str | None = None
    client_settings: object = None
    exit_reason: str | None = None
    livekit_token: str | None = None

    @property
    def is_moderator(self) -> bool:
        return self.role == "MODERATOR"

    @property
    def is_locked_viewer(self) -> bool:
        """Whether the lock settings bind this user."""
        return self.locked and not self.is_moderator and not self.presenter


def token(rng: random.Random, length: int, alphabet: str = LETTERS) -> str:
    """Return `length` random characters of `alphabet`."""
    return "".join(rng.choices(alphabet, k=length))
