"""What an engine's participants stand on: one media plane, one server, its API.

Imported when a target has passed the engine's guard: loading the media stack takes a
moment, and a refused run needs none of it.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bots.cameras import sent_profiles
from bots.clock import RunClock
from bots.join import prove_join, target_of
from bots.media.clip import read_own
from bots.media.plane import MediaPlane
from bots.meetings import Fetch
from bots.models import CAMERA_MEDIUM, MeetingRef, ParticipantPlan, Report
from bots.participant import Participant
from bots.protocol.dialect import CameraQuality
from bots.servers import Server
from bots.transport import Transport, open_sockets
from bots.wire import Begin


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldStats:
    """Packets since the last asking, and what is open now."""

    late_packets: int
    sent_packets: int
    received_packets: int
    dropped_packets: int
    """Refused by a full socket buffer."""
    transports: int
    sockets: int
    """WebSockets."""
    lateness_s: float
    """Longest delay of the pacer behind its slot."""


class ServerField:
    """The network side of one server, for all participants of an engine."""

    def __init__(self, server: Server, begin: Begin, clock: RunClock) -> None:
        self._target = target_of(server)
        self._engine = begin.engine
        self._cameras = begin.cameras
        self._clip, self._ice_policy = begin.clip, begin.ice_policy
        self._clock = clock
        self._stack = AsyncExitStack()
        self.fetch: Fetch
        self._plane: MediaPlane

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            transport = Transport(
                ca_file=self._target.ca_file, reach=self._target.reach
            )
            self.fetch = (await stack.enter_async_context(transport)).get
            self._plane = await stack.enter_async_context(
                MediaPlane(
                    ca_file=self._target.ca_file,
                    ice_transport_policy=self._ice_policy,
                    own=read_own(Path(self._clip)) if self._clip else None,
                )
            )
            # A clip that is encoded during the run would make the pacer late.
            await self._plane.prepare(
                *sent_profiles(CAMERA_MEDIUM, CameraQuality(), self._cameras)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def prove_join(self, meeting: MeetingRef) -> None:
        """See that joins lead to what we may reach and can speak with."""
        await prove_join(self._target, meeting.meeting_id)

    def recruit(
        self,
        plan: ParticipantPlan,
        meeting: MeetingRef,
        report: Callable[[Report], None],
    ) -> Participant:
        """Return a participant that is ready to run."""
        return Participant(
            plan,
            meeting,
            target=self._target,
            plane=self._plane,
            clock=self._clock,
            report=report,
            engine=self._engine,
        )

    def take_stats(self) -> FieldStats:
        """Return the packet counts since the last call, and what is open now."""
        stats = self._plane.take_stats()
        return FieldStats(
            late_packets=stats.late_packets,
            sent_packets=stats.sent_packets,
            received_packets=stats.received_packets,
            dropped_packets=stats.dropped_packets,
            transports=stats.sessions,
            sockets=open_sockets(),
            lateness_s=stats.largest_delay_s,
        )
