"""A participant's own camera and those it watches, on the one socket for cameras.

Which cameras are watched and at which rate the own one is sent is `cameras.py`'s
choice; here they are started, measured, tried again as a browser does, and stopped. A
camera that does not come is an outcome and ends nothing; the loss of the socket is told
once, and all that ran on it begins anew.
"""

import asyncio
import contextlib
import time

from bots.cameras import PAGE_CHANGE_DEBOUNCE_S, cameras_to_view, sent_profile
from bots.errors import ClusterError, Dropped
from bots.ground import Ground, first, flowing
from bots.media.session import SendSpec
from bots.persona import device_id, number_of
from bots.protocol import operations as op
from bots.protocol import sfu
from bots.protocol.rows import Camera
from bots.sfu_link import SfuCall, SfuLink
from bots.streams import Session, first_loss
from bots.transport import AWAY

VIEW_BITRATE_BPS = 200_000
"""What a viewer's `start` asks for: the default profile's rate."""
STOP_GRACE_S = 2.0
"""A camera that fails is news only if the meeting still lists it after this long: the
media of one that was switched off may end before its row does."""
DISABLED = "disableCam"


class Webcams:
    """The camera socket of one participant and all that runs on it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._changed = asyncio.Event()
        self._counted = asyncio.Event()
        self._link: SfuLink | None = None
        self._opening = asyncio.Lock()
        self._viewing: dict[str, asyncio.Task[None]] = {}
        self._sharing: Session | None = None

    def notice(self) -> None:
        """Look again: cameras or speakers have changed."""
        self._changed.set()
        self._counted.set()

    # --- Sharing ----------------------------------------------------------------------

    async def share(self) -> None:
        """Publish the own camera until cancelled; report failures and try again.

        The camera's id starts with the user's and the client's ids: the server demands
        the first, the browser adds the second. While a lock forbids it, nothing is
        tried.
        """
        ground, view = self._ground, self._ground.view
        uuid = ground.conversation.client_session_uuid
        camera_id = f"{view.user_id}_{uuid}_{device_id(ground.plan)}"
        attempt = 0
        while True:
            if view.binds(DISABLED):
                ground.logbook.kept_back("camera share", "locked")
            await ground.conversation.until(
                lambda: view.is_joined and not view.binds(DISABLED)
            )
            try:
                await self._share(camera_id)
            except ClusterError as failure:
                if ground.is_over:
                    return
                if view.binds(DISABLED):
                    continue  # the server took it back
                attempt += 1
                await self._pause("camera share", failure, attempt)

    async def steer(self) -> None:
        """Send the own camera at the rate that the number of cameras asks for."""
        ground = self._ground
        sent, sharing = ground.plan.camera, self._sharing
        while True:
            await self._counted.wait()
            self._counted.clear()
            await asyncio.sleep(ground.settings.quality.debounce_s)
            wanted = sent_profile(
                ground.plan.camera,
                ground.view.cameras,
                own_user_id=ground.view.user_id,
                quality=ground.settings.quality,
            )
            if self._sharing is not sharing:
                sent, sharing = ground.plan.camera, self._sharing
            if wanted != sent and sharing is not None:
                await sharing.set_camera(wanted)
                sent = wanted

    async def _share(self, camera_id: str) -> None:
        ground = self._ground
        deadline_s = time.monotonic() + ground.limits.camera_s
        profile = ground.plan.camera
        async with ground.session("its camera") as (session, stream):
            spec = SendSpec(media="camera", profile=profile, seed=ground.plan.seed)
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
                await flowing(call, session, deadline_s, "camera share flowing")
                names = {"cameraId": camera_id}
                await ground.conversation.call(
                    op.CAMERA_START, {**names, "contentType": "camera"}
                )
                is_announced = True
                self._sharing = session
                self._counted.set()
                raise await first_loss(call.over, stream.failed)
            finally:
                self._sharing = None
                await call.stop()
                if is_announced and not ground.is_over and ground.view.is_joined:
                    with contextlib.suppress(ClusterError):
                        await ground.conversation.call(
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
            await self._changed.wait()
            self._changed.clear()
            now = {camera.stream_id for camera in self._ground.view.cameras}
            if now == present:
                await asyncio.sleep(PAGE_CHANGE_DEBOUNCE_S)
            present = {camera.stream_id for camera in self._ground.view.cameras}
            self._arrange(group)

    def _arrange(self, group: asyncio.TaskGroup) -> None:
        view = self._ground.view
        wanted = {
            camera.stream_id: camera
            for camera in cameras_to_view(
                view.cameras,
                own_user_id=view.user_id,
                limit=self._ground.plan.camera_view_limit,
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
                if self._ground.is_over:
                    return
                attempt += 1
                await self._pause("camera view", failure, attempt)

    async def _view_once(self, camera: Camera) -> None:
        """View a camera until it ends; report the wait for its first frame, once."""
        asked_s = time.monotonic()
        deadline_s = asked_s + self._ground.limits.camera_s
        source = number_of(camera.name)
        is_reported = False
        ground = self._ground
        async with ground.session(f"the camera of {camera.name}", source) as (
            session,
            stream,
        ):
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
                path = await flowing(call, session, deadline_s, "camera view flowing")
                first_s = await first(call, session, "camera", deadline_s)
                wait_s = max(first_s - asked_s, 0.0)
                ground.logbook.milestone("camera", wait_s, source=source, path=path)
                is_reported = True
                raise await first_loss(call.over, stream.failed)
            except ClusterError as failure:
                await asyncio.sleep(STOP_GRACE_S)
                if not (is_reported or ground.is_over or _is_socket(failure)):
                    ground.logbook.milestone(
                        "camera", None, source=source, failure=failure
                    )
                raise
            finally:
                await call.stop()

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

    async def _pause(self, what: str, failure: ClusterError, attempt: int) -> None:
        """Tell of a failure and wait as long as the browser does before it tries."""
        retries = self._ground.limits.camera_retries
        if _is_socket(failure):
            wait_s = retries.first_wait_s
        elif failure.code == AWAY:
            wait_s = retries.wait_s
        else:
            self._ground.logbook.refused(what, failure)
            wait_s = sfu.view_retry_s(attempt)
        await asyncio.sleep(wait_s)

    async def _call(self, conversation: sfu.SfuConversation) -> SfuCall:
        async with self._opening:
            if self._link is not None and self._link.lost.done():
                lost, self._link = self._link, None
                self._ground.logbook.refused("camera socket", lost.lost.result())
                await lost.close()
            if self._link is None:
                await self._ground.conversation.until(
                    lambda: self._ground.view.is_joined or self._ground.is_over
                )
                self._link = await self._ground.open_link("cameras")
            return self._link.call(conversation)


def _is_socket(failure: ClusterError) -> bool:
    """Whether this is the loss of the socket, which is told once for all on it."""
    is_lost = failure.code == AWAY or failure.code.startswith("sfu ")
    return isinstance(failure, Dropped) and is_lost
