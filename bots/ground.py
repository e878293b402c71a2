"""What the media of one participant stand on, shared by audio, cameras and screen."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bots.conversation import Conversation
from bots.errors import StepTimeout
from bots.limits import Limits
from bots.logbook import Logbook
from bots.media.ice_servers import NO_RELAY
from bots.models import IceServer, Media, ParticipantPlan, PathTaken
from bots.protocol import sfu
from bots.protocol.dialect import SFU_BRIDGE, ClientSettings
from bots.protocol.meeting import MeetingView
from bots.sfu_link import SfuCall, SfuLink
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
        session = self.plane.session(
            ice_servers=self.ice_servers, depth=self.plan.depth
        )
        stream = self.streams.hold(session, what, source)
        try:
            yield session, stream
        finally:
            self.streams.release(stream)
            await session.close()


def rest(deadline_s: float) -> float:
    """Return the seconds left until `deadline_s` (monotonic), never quite none."""
    return max(deadline_s - time.monotonic(), 0.1)


async def flowing(
    call: SfuCall, session: Session, deadline_s: float, step: str
) -> PathTaken:
    """Wait until the SFU says that media flow and our side can send; return the path.

    A transport that fails is told at once and by its own reason, such as `no relay
    candidate`: of that the SFU hears nothing, and just stays silent. Where both are
    merely late it is the SFU's word that was not kept.

    Raises a ClusterError of either.
    """
    said = asyncio.ensure_future(call.expect(sfu.Flowing, deadline_s, step))
    path = asyncio.ensure_future(session.connected(rest(deadline_s)))
    try:
        await asyncio.wait((said, path), return_when=asyncio.FIRST_EXCEPTION)
        if _is_late(said) or _is_late(path):  # the other one is about to be, or is not
            await asyncio.wait((said, path))
        if path.done() and (reason := path.exception()) and not _is_late(path):
            raise reason
        await said
        return replace(await path, bridge=SFU_BRIDGE)
    finally:
        for task in (said, path):
            task.cancel()
        await asyncio.gather(said, path, return_exceptions=True)


async def first(
    call: SfuCall, session: Session, media: Media, deadline_s: float
) -> float:
    """Return when the first media of a kind came, a time of `time.monotonic()`.

    Raises what ended the call where that comes before it: nobody waits for media over a
    call that is over. Else StepTimeout at the deadline.
    """
    coming = asyncio.ensure_future(session.first(media, rest(deadline_s)))
    try:
        await asyncio.wait((coming, call.over), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            raise call.over.result()
        return coming.result()
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _is_late(task: "asyncio.Future[Any]") -> bool:
    """Return whether a step ended by its limit, and nothing more is known."""
    error = task.exception() if task.done() else None
    return isinstance(error, StepTimeout) and error.code != NO_RELAY
