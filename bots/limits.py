"""How long each step may take, and when a lost connection is opened again. Data."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bots.protocol import sfu

FIRST_AUDIO_LIMIT_S: Final = 20.0
WAITING_LIMIT_S: Final = 60.0
"""How long a browser's user stays at a balancer's waiting page (our assumption)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """So many attempts, each after a wait."""

    attempts: int = 20
    first_wait_s: float = 10.0
    wait_s: float = 10.0

    def waits_s(self) -> Iterator[float]:
        """Yield the wait before each attempt.

        >>> list(Retries(attempts=3, first_wait_s=0.0).waits_s())
        [0.0, 10.0, 10.0]
        """
        for attempt in range(self.attempts):
            yield self.wait_s if attempt else self.first_wait_s


GRAPHQL = Retries()
"""The html5 client tries twenty times, ten seconds apart, unless refused with 4403."""
AUDIO = Retries(first_wait_s=0.0)
"""Its audio bridge tries again at once; from then on we keep the same patience."""
CAMERAS = Retries(first_wait_s=1.0)
"""Its camera socket reconnects after a second or a little more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLimits:
    """How long each step of the conversation may take."""

    ack_s: float = 30.0
    """From the open socket to the acknowledgement."""
    current_user_s: float = 8.0
    """Until the first row of `user_current`; then the next dialect's form is tried."""
    join_s: float = 20.0
    """From the acknowledgement to `joined: true`."""
    lobby_s: float = 300.0
    """In the guest lobby, until a moderator lets the participant in."""
    mutation_s: float = 15.0
    leave_s: float = 3.0
    silent_s: float = 15.0
    """The client expects some frame in this time, or takes the connection as lost."""
    retries: Retries = GRAPHQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each user-visible step of a participant may take."""

    conversation: ConversationLimits = field(default_factory=ConversationLimits)
    waiting_s: float = WAITING_LIMIT_S
    """At a balancer's waiting page, all times together."""
    audio_s: float = sfu.AUDIO_LIMIT_S
    camera_s: float = sfu.CAMERA_LIMIT_S
    screen_s: float = sfu.SCREEN_LIMIT_S
    first_audio_s: float = FIRST_AUDIO_LIMIT_S
    audio_retries: Retries = AUDIO
    camera_retries: Retries = CAMERAS
