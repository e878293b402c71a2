"""What the media of one participant stand on, shared by audio, cameras and screen."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from bots.conversation import Conversation
from bots.limits import Limits
from bots.logbook import Logbook
from bots.models import IceServer, ParticipantPlan
from bots.protocol.dialect import ClientSettings
from bots.protocol.meeting import MeetingView
from bots.sfu_link import SfuLink
from bots.streams import Plane, Session, Stream, Streams

LinkName = Literal["audio", "cameras", "screen"]
"""A browser has one socket for its audio, one for all its cameras, one for a screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The meeting as far as media need it, and where sessions and sockets come from."""

    plan: ParticipantPlan
    conversation: Conversation
    settings: ClientSettings
    internal_meeting_id: str
    plane: Plane
    streams: Streams
    logbook: Logbook
    open_link: Callable[[LinkName], Awaitable[SfuLink]]
    limits: Limits = field(default_factory=Limits)
    ice_servers: tuple[IceServer, ...] = ()

    @property
    def view(self) -> MeetingView:
        return self.conversation.view

    @property
    def is_over(self) -> bool:
        """Whether the membership ended: then nothing that fails is news."""
        return self.conversation.over.done()

    @contextlib.asynccontextmanager
    async def session(
        self, what: str, source: int | None = None
    ) -> AsyncIterator[tuple[Session, Stream]]:
        """Yield a media session that is watched and sampled until the block ends."""
        session = self.plane.session(ice_servers=self.ice_servers)
        stream = self.streams.hold(session, what, source)
        try:
            yield session, stream
        finally:
            self.streams.release(stream)
            await session.close()


def rest(deadline_s: float) -> float:
    """Return the seconds left until `deadline_s` (monotonic), never quite none."""
    return max(deadline_s - time.monotonic(), 0.1)
