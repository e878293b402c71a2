"""The node's media side alone behind a real port, and stock clients that speak to it.

    async with media_node() as node:
        user = node.join("Ann")
        async with node.socket(user) as socket:
            await socket.send({"id": "start", ...})
            frame = await socket.expect("startResponse")

The state is the node's own `Node`, changed directly where a test needs no GraphQL. The
clients are aiohttp and aiortc as they come: nothing of `bots` takes part.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aioice.ice
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from loadtest.node.content import Camera, MeetingRequest
from loadtest.node.effort import Effort
from loadtest.node.faults import Faults
from loadtest.node.meeting import Meeting, User
from loadtest.node.sfu import NodeMedia, serve
from loadtest.node.state import Node
from tests.support.asynctest import scaled

FRAME_LIMIT_S = 15.0
Frame = dict[str, object]


class SfuSocket:
    """A client's signalling socket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, message: object) -> None:
        """Send one message as compact JSON."""
        await self.socket.send_str(json.dumps(message, separators=(",", ":")))

    async def receive(self) -> Frame:
        """Return the next frame."""
        message = await self.socket.receive(timeout=scaled(FRAME_LIMIT_S))
        assert message.type is WSMsgType.TEXT, message
        frame = json.loads(message.data)
        assert isinstance(frame, dict)
        return frame

    async def expect(self, frame_id: str) -> Frame:
        """Return the next frame, which must have this id."""
        frame = await self.receive()
        assert frame.get("id") == frame_id, frame
        return frame

    async def is_quiet(self) -> bool:
        """Return whether nothing was said up to now: the next answer is our ping's."""
        await self.send({"id": "ping"})
        return await self.receive() == {"id": "pong"}

    async def closed(self) -> int | None:
        """Wait until the other side closes; return its status code, 0 for none.

        A connection that was cut without a closing frame counts as 1006.
        """
        async with asyncio.timeout(scaled(FRAME_LIMIT_S)):
            while True:
                message = await self.socket.receive()
                if message.type is WSMsgType.CLOSE:
                    return int(message.data)
                if message.type in (
                    WSMsgType.CLOSED,
                    WSMsgType.CLOSING,
                    WSMsgType.ERROR,
                ):
                    return self.socket.close_code


@dataclass
class MediaNode:
    """A node's media with one meeting."""

    node: Node
    meeting: Meeting
    media: NodeMedia
    url: str
    client: ClientSession
    users: dict[str, User]

    def join(self, name: str, *, role: str = "VIEWER", enters: bool = True) -> User:
        """Register a user and let it in."""
        session = self.node.register(self.meeting, name=name, role=role, cookie=name)
        if enters:
            self.meeting.enter(session.user, client_type="HTML5", mobile=False)
        self.users[session.user.id] = session.user
        return session.user

    def announce(self, user: User, stream_id: str) -> None:
        """Do what `cameraBroadcastStart` does."""
        camera = Camera(stream_id=stream_id, user_id=user.id)
        self.meeting.start_camera(user, camera)

    @asynccontextmanager
    async def socket(self, user: User) -> AsyncIterator[SfuSocket]:
        """Open a signalling socket as `user`."""
        async with self.client.ws_connect(
            f"{self.url}?sessionToken={user.id}", max_msg_size=0
        ) as socket:
            yield SfuSocket(socket)


@asynccontextmanager
async def media_node(
    *,
    seed: int = 1,
    faults: Faults | None = None,
    flow_timeout_s: float = 30.0,
    consent_s: float = 30.0,
    restarts_ice: bool = True,
    work_factor: float = 0.0,
    **request: object,
) -> AsyncIterator[MediaNode]:
    """Run the media side of a node on loopback with one meeting in it."""
    node = Node(now_s=time.time, rng=random.Random(seed))
    meeting = node.create(
        MeetingRequest(
            meeting_id="m",
            name="m",
            attendee_password="a",
            moderator_password="b",
            voice_bridge="70001",
            **request,  # type: ignore[arg-type]
        )
    )
    users: dict[str, User] = {}
    async with NodeMedia(
        address="127.0.0.1",
        effort=Effort(work_factor=work_factor),
        seed=seed,
        faults=faults or Faults(fingerprint="sha-256"),
        flow_timeout_s=flow_timeout_s,
        consent_s=consent_s,
        restarts_ice=restarts_ice,
    ) as media:

        async def sfu(request: web.Request) -> web.StreamResponse:
            user = users[request.query["sessionToken"]]
            return await serve(
                request, node=node, media=media, user=user, meeting=meeting
            )

        app = web.Application()
        app.add_routes([web.get("/bbb-webrtc-sfu", sfu)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with ClientSession() as client:
                yield MediaNode(
                    node=node,
                    meeting=meeting,
                    media=media,
                    url=f"http://127.0.0.1:{port}/bbb-webrtc-sfu",
                    client=client,
                    users=users,
                )
        finally:
            await runner.cleanup()


# -- stock aiortc clients ----------------------------------------------------------


def gather_loopback_only(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Let aioice gather 127.0.0.1, which it leaves out of its own accord."""
    monkeypatch.setattr(
        aioice.ice, "get_host_addresses", lambda *_, **__: ["127.0.0.1"]
    )


def peer() -> RTCPeerConnection:
    """Return a stock peer connection that asks nobody for its address."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def share_camera(
    socket: SfuSocket,
    connection: RTCPeerConnection,
    camera_id: str,
    *,
    bitrate: int = 200,
) -> None:
    """Publish the connection's video track and wait for `playStart`."""
    await connection.setLocalDescription(await connection.createOffer())
    await socket.send(
        {
            "id": "start",
            "type": "video",
            "cameraId": camera_id,
            "role": "share",
            "sdpOffer": connection.localDescription.sdp,
            "bitrate": bitrate,
            "record": True,
        }
    )
    frame = await socket.expect("startResponse")
    await connection.setRemoteDescription(
        RTCSessionDescription(sdp=str(frame["sdpAnswer"]), type="answer")
    )
    await socket.expect("playStart")


async def view_camera(
    socket: SfuSocket, connection: RTCPeerConnection, camera_id: str
) -> None:
    """Receive a camera over `connection` and wait for `playStart`."""
    await socket.send(
        {
            "id": "start",
            "type": "video",
            "cameraId": camera_id,
            "role": "viewer",
            "sdpOffer": None,
            "bitrate": 200,
            "record": True,
        }
    )
    frame = await socket.expect("startResponse")
    await connection.setRemoteDescription(
        RTCSessionDescription(sdp=str(frame["sdpAnswer"]), type="offer")
    )
    await connection.setLocalDescription(await connection.createAnswer())
    await socket.send(
        {
            "id": "subscriberAnswer",
            "type": "video",
            "role": "viewer",
            "cameraId": camera_id,
            "answer": connection.localDescription.sdp,
        }
    )
    await socket.expect("playStart")


async def join_audio(
    socket: SfuSocket,
    connection: RTCPeerConnection,
    *,
    role: str = "sendrecv",
    track: MediaStreamTrack | None = None,
) -> None:
    """Take the server's audio offer and wait for `webRTCAudioSuccess`."""
    await socket.send(
        {
            "id": "start",
            "type": "audio",
            "role": role,
            "clientSessionNumber": 1,
            "extension": None,
            "transparentListenOnly": True,
        }
    )
    frame = await socket.expect("startResponse")
    if track is not None:
        connection.addTrack(track)
    await connection.setRemoteDescription(
        RTCSessionDescription(sdp=str(frame["sdpAnswer"]), type="offer")
    )
    await connection.setLocalDescription(await connection.createAnswer())
    await socket.send(
        {
            "id": "subscriberAnswer",
            "type": "audio",
            "role": role,
            "sdpOffer": connection.localDescription.sdp,
        }
    )
    await socket.expect("webRTCAudioSuccess")


async def frames_of(track: MediaStreamTrack, count: int) -> list[object]:
    """Return the first `count` decoded frames of a received track."""
    frames: list[object] = []
    async with asyncio.timeout(scaled(30)):
        while len(frames) < count:
            try:
                frames.append(await track.recv())
            except MediaStreamError:
                break
    return frames
