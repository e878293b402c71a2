"""A participant's own camera and those it watches, on the one socket for cameras.

Which cameras are watched is `cameras.py`'s choice; here they are started, measured,
tried again as a browser does, and stopped. A camera that does not come is an outcome
and ends nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from bots.cameras import PAGE_CHANGE_DEBOUNCE_S, cameras_to_view
from bots.clock import RunClock
from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.media.session import SendSpec
from bots.models import (
    IceServer,
    MilestoneReport,
    Outcome,
    ParticipantPlan,
    Report,
)
from bots.outcomes import refusal_report, verdict
from bots.persona import device_id, number_of
from bots.protocol import operations as op
from bots.protocol import sfu
from bots.protocol.meeting import Camera
from bots.sfu_link import SfuCall, SfuLink
from bots.streams import Plane, Session, Stream, Streams, first_loss

VIEW_BITRATE_BPS = 200_000
"""What a viewer's `start` asks for: the default profile's rate."""
STOP_GRACE_S = 2.0
"""A camera that fails is news only if the meeting still lists it after this long: the
media of one that was switched off may end before its row does."""


class Webcams:
    """The camera socket of one participant and all that runs on it."""

    def __init__(
        self,
        *,
        plan: ParticipantPlan,
        conversation: Conversation,
        client_session_uuid: str,
        plane: Plane,
        streams: Streams,
        clock: RunClock,
        report: Callable[[Report], None],
        open_link: Callable[[bool], Awaitable[SfuLink]],
        ice_servers: tuple[IceServer, ...] = (),
        limit_s: float = sfu.CAMERA_LIMIT_S,
    ) -> None:
        self.changed = asyncio.Event()
        """Set by whoever learns that cameras or speakers have changed."""
        self._plan = plan
        self._conversation = conversation
        self._uuid = client_session_uuid
        self._plane = plane
        self._streams = streams
        self._clock = clock
        self._report = report
        self._open_link = open_link
        self._ice_servers = ice_servers
        self._limit_s = limit_s
        self._link: SfuLink | None = None
        self._opening = asyncio.Lock()
        self._viewing: dict[str, asyncio.Task[None]] = {}

    # --- Sharing ----------------------------------------------------------------------

    async def share(self) -> None:
        """Publish the own camera until cancelled; report failures and try again.

        The camera's id starts with the user's and the client's ids: the server demands
        the first, the browser adds the second.
        """
        user_id = self._conversation.view.user_id
        camera_id = f"{user_id}_{self._uuid}_{device_id(self._plan)}"
        attempt = 0
        while True:
            try:
                await self._share(camera_id)
            except ClusterError as failure:
                if self._is_over:
                    return
                self._report(
                    refusal_report(self._plan, self._clock, "camera share", failure)
                )
            attempt += 1
            await asyncio.sleep(sfu.view_retry_s(attempt))

    async def _share(self, camera_id: str) -> None:
        deadline_s = time.monotonic() + self._limit_s
        profile = self._plan.camera
        async with self._session(camera_id, "its camera") as (session, stream):
            spec = SendSpec(media="camera", profile=profile, seed=self._plan.seed)
            offer = await session.offer(sends=(spec,))
            call = await self._call(
                sfu.camera_share(
                    camera_id=camera_id, offer=offer, bitrate_bps=profile.bitrate_bps
                )
            )
            is_announced = False
            try:
                await call.start()
                answered = await call.expect(
                    sfu.Answered, deadline_s, "camera share start"
                )
                await session.accept(answered.sdp)
                await call.expect(sfu.Flowing, deadline_s, "camera share flowing")
                await session.connected(_rest(deadline_s))
                names = {"cameraId": camera_id}
                await self._conversation.call(
                    op.CAMERA_START, {**names, "contentType": "camera"}
                )
                is_announced = True
                raise await first_loss(call.over, stream.failed)
            finally:
                await call.stop()
                if is_announced and not self._is_over:
                    with contextlib.suppress(ClusterError):
                        await self._conversation.call(
                            op.CAMERA_STOP, {"cameraId": camera_id}
                        )

    # --- Viewing ----------------------------------------------------------------------

    async def watch(self, group: asyncio.TaskGroup) -> None:
        """View the cameras that a browser would, until cancelled; `group` owns them.

        A camera that comes or goes is followed at once, a page that moves with the
        speakers after the browser's debounce.
        """
        present: set[str] = set()
        while True:
            await self.changed.wait()
            self.changed.clear()
            now = {camera.stream_id for camera in self._conversation.view.cameras}
            if now == present:
                await asyncio.sleep(PAGE_CHANGE_DEBOUNCE_S)
            present = {c.stream_id for c in self._conversation.view.cameras}
            self._arrange(group)

    def _arrange(self, group: asyncio.TaskGroup) -> None:
        view = self._conversation.view
        wanted = {
            camera.stream_id: camera
            for camera in cameras_to_view(
                view.cameras,
                own_user_id=view.user_id,
                limit=self._plan.camera_view_limit,
            )
        }
        for stream_id in [s for s in self._viewing if s not in wanted]:
            self._viewing.pop(stream_id).cancel()
        for stream_id, camera in wanted.items():
            if stream_id not in self._viewing:
                self._viewing[stream_id] = group.create_task(self._view(camera))

    async def _view(self, camera: Camera) -> None:
        attempt = 0
        while True:
            try:
                await self._view_once(camera)
            except ClusterError as failure:
                if self._is_over:
                    return
                self._report(
                    refusal_report(self._plan, self._clock, "camera view", failure)
                )
            attempt += 1
            await asyncio.sleep(sfu.view_retry_s(attempt))

    async def _view_once(self, camera: Camera) -> None:
        """View a camera until it ends; report the wait for its first frame, once."""
        asked_s = time.monotonic()
        deadline_s = asked_s + self._limit_s
        source = number_of(camera.name)
        is_reported = False
        async with self._session(
            camera.stream_id, f"the camera of {camera.name}", source
        ) as (session, stream):
            call = await self._call(
                sfu.camera_view(
                    camera_id=camera.stream_id, bitrate_bps=VIEW_BITRATE_BPS
                )
            )
            try:
                await call.start()
                offered = await call.expect(
                    sfu.Offered, deadline_s, "camera view start"
                )
                await call.answer(await session.answer(offered.sdp))
                await call.expect(sfu.Flowing, deadline_s, "camera view flowing")
                await session.connected(_rest(deadline_s))
                first_s = await session.first("camera", _rest(deadline_s))
                self._milestone(max(first_s - asked_s, 0.0), source)
                is_reported = True
                raise await first_loss(call.over, stream.failed)
            except ClusterError as failure:
                await asyncio.sleep(STOP_GRACE_S)
                if not is_reported and not self._is_over:
                    self._milestone(None, source, failure)
                raise
            finally:
                await call.stop()

    def _milestone(
        self,
        wait_s: float | None,
        source: int | None,
        failure: ClusterError | None = None,
    ) -> None:
        outcome: Outcome = "joined"
        code = ""
        if failure is not None:
            outcome, code = verdict(failure)
        self._report(
            MilestoneReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=self._plan.number,
                meeting=self._plan.meeting_number,
                media="camera",
                wait_s=wait_s,
                source=source,
                outcome=outcome,
                code=code,
            )
        )

    # --- Both -------------------------------------------------------------------------

    async def leave(self) -> None:
        """Stop viewing and close the camera socket; idempotent."""
        viewing, self._viewing = list(self._viewing.values()), {}
        for task in viewing:
            task.cancel()
        if viewing:
            await asyncio.wait(viewing)
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    @property
    def _is_over(self) -> bool:
        """Whether the participant's membership ended: then nothing here is news."""
        return self._conversation.over.done()

    async def _call(self, conversation: sfu.SfuConversation) -> SfuCall:
        async with self._opening:
            if self._link is None or self._link.lost.done():
                self._link = None
                self._link = await self._open_link(True)
            return self._link.call(conversation)

    @contextlib.asynccontextmanager
    async def _session(
        self, stream_id: str, what: str, source: int | None = None
    ) -> AsyncIterator[tuple[Session, Stream]]:
        session = self._plane.session(ice_servers=self._ice_servers)
        stream = self._streams.hold(session, what, source)
        try:
            yield session, stream
        finally:
            self._streams.release(stream)
            await session.close()


def _rest(deadline_s: float) -> float:
    return max(deadline_s - time.monotonic(), 0.1)
