"""Stock aiortc clients through the node's SFU over real loopback sockets."""

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from av import AudioFrame, VideoFrame

from loadtest.node.faults import Faults
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.sfu import (
    frames_of,
    gather_loopback_only,
    join_audio,
    media_node,
    peer,
    share_camera,
    view_camera,
)


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    gather_loopback_only(monkeypatch)


class Stripes(VideoStreamTrack):
    """A picture whose left half is bright, so that a viewer can be sure of it."""

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        picture = np.zeros((240, 320, 3), np.uint8)
        picture[:, :160] = 220
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(MediaStreamTrack):
    """A loud tone, 20 ms a frame, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frame = 0
        self._begin_s: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._begin_s = self._begin_s or loop.time()
        await asyncio.sleep(self._begin_s + 0.02 * self._frame - loop.time())
        at = np.arange(960) + 960 * self._frame
        # A tone that wanders costs the encoder more bytes than a steady one.
        wave = np.sin(at * (0.05 + 0.02 * np.sin(at / 9000))) * 12_000
        frame = AudioFrame.from_ndarray(
            wave.astype(np.int16).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = 48_000
        frame.pts, frame.time_base = 960 * self._frame, Fraction(1, 48_000)
        self._frame += 1
        return frame


def tracks_of(connection: RTCPeerConnection) -> list[MediaStreamTrack]:
    tracks: list[MediaStreamTrack] = []
    connection.on("track")(tracks.append)
    return tracks


@pytest.mark.parametrize("family", ["sha-256", "sha-384", "sha-512"])
def test_a_camera_is_seen_by_two_viewers(family):
    @asynctest
    async def run() -> None:
        async with media_node(faults=Faults(fingerprint=family)) as node:
            ann, bob, eve = (node.join(name) for name in ("Ann", "Bob", "Eve"))
            camera = f"{ann.id}_session_device"
            async with (
                node.socket(ann) as publisher,
                node.socket(bob) as first,
                node.socket(eve) as second,
            ):
                sending, *viewing = peer(), peer(), peer()
                sending.addTrack(Stripes())
                await share_camera(publisher, sending, camera)
                node.announce(ann, camera)
                pictures = []
                for socket, connection in zip((first, second), viewing, strict=True):
                    tracks = tracks_of(connection)
                    await view_camera(socket, connection, camera)
                    pictures.append((await frames_of(tracks[0], 10))[-1])

                for picture in pictures:
                    assert (picture.width, picture.height) == (320, 240)
                    pixels = picture.to_ndarray(format="gray")
                    assert pixels[:, :140].mean() > 150
                    assert pixels[:, 180:].mean() < 60
                assert node.media.counters.auth_failures == 0
                for connection in (sending, *viewing):
                    await connection.close()

    run()


@asynctest
async def test_a_microphone_offered_by_the_node_is_heard_and_shown_talking():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        async with node.socket(ann) as one, node.socket(bob) as other:
            talking, listening = peer(), peer()
            heard = tracks_of(listening)
            await join_audio(one, talking, track=Tone())
            await join_audio(other, listening, role="passive-sendrecv", track=Tone())

            loud = 0
            async with asyncio.timeout(scaled(20)):
                while loud < 25:
                    frame = await heard[0].recv()
                    loud += bool(np.abs(frame.to_ndarray()).max() > 2000)

            assert ann.voice is not None
            assert bob.voice is not None
            assert ann.voice.talking
            assert not bob.voice.talking  # a passive listener is muted
            await talking.close()
            await listening.close()


@asynctest
async def test_a_microphone_offered_by_the_client_is_heard_by_a_listener():
    async with media_node() as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        async with node.socket(ann) as one, node.socket(bob) as other:
            talking, listening = peer(), peer()
            talking.addTrack(Tone())
            await talking.setLocalDescription(await talking.createOffer())
            await one.send(
                {
                    "id": "start",
                    "type": "audio",
                    "role": "sendrecv",
                    "clientSessionNumber": 1,
                    "sdpOffer": talking.localDescription.sdp,
                    "extension": None,
                    "transparentListenOnly": False,
                }
            )
            frame = await one.expect("startResponse")
            await talking.setRemoteDescription(
                RTCSessionDescription(sdp=frame["sdpAnswer"], type="answer")
            )
            await one.expect("webRTCAudioSuccess")
            heard = tracks_of(listening)
            await join_audio(other, listening, role="recv")

            frames = await frames_of(heard[0], 50)

            assert any(np.abs(f.to_ndarray()).max() > 2000 for f in frames)
            await talking.close()
            await listening.close()


@asynctest
async def test_a_screen_is_shared_by_the_presenter_and_seen():
    async with media_node() as node:
        mia, bob = node.join("Mia", role="MODERATOR"), node.join("Bob")
        async with node.socket(mia) as publisher, node.socket(bob) as viewer:
            sending, viewing = peer(), peer()
            sending.addTrack(Stripes())
            await sending.setLocalDescription(await sending.createOffer())
            await publisher.send(
                {
                    "id": "start",
                    "type": "screenshare",
                    "role": "send",
                    "sdpOffer": sending.localDescription.sdp,
                    "hasAudio": False,
                    "contentType": "screenshare",
                    "bitrate": 1500,
                }
            )
            frame = await publisher.expect("startResponse")
            await sending.setRemoteDescription(
                RTCSessionDescription(sdp=frame["sdpAnswer"], type="answer")
            )
            assert await publisher.receive() == {
                "type": "screenshare",
                "id": "playStart",
                "role": "send",
            }
            assert node.meeting.screenshare is not None
            assert node.meeting.screenshare.user_id == mia.id

            seen = tracks_of(viewing)
            await viewer.send({"id": "start", "type": "screenshare", "role": "recv"})
            frame = await viewer.expect("startResponse")
            assert list(frame)[:4] == ["type", "role", "id", "response"]
            await viewing.setRemoteDescription(
                RTCSessionDescription(sdp=frame["sdpAnswer"], type="offer")
            )
            await viewing.setLocalDescription(await viewing.createAnswer())
            await viewer.send(
                {
                    "id": "subscriberAnswer",
                    "type": "screenshare",
                    "role": "recv",
                    "answer": viewing.localDescription.sdp,
                }
            )
            await viewer.expect("playStart")
            assert len(await frames_of(seen[0], 10)) == 10

            await publisher.socket.close()
            await eventually(lambda: node.meeting.screenshare is None)
            assert not node.media.sources
            await sending.close()
            await viewing.close()


@asynctest
async def test_a_publisher_that_stops_sending_gets_play_stop():
    async with media_node(flow_timeout_s=4.0) as node:
        ann = node.join("Ann")
        camera = f"{ann.id}_session_device"
        async with node.socket(ann) as socket:
            sending = peer()
            sender = sending.addTrack(Stripes())
            await share_camera(socket, sending, camera)
            node.announce(ann, camera)
            sender.replaceTrack(None)

            frame = await socket.expect("playStop")

            assert frame == {
                "type": "video",
                "role": "share",
                "id": "playStop",
                "cameraId": camera,
            }
            assert not ann.cameras
            await sending.close()
