"""A stock aiortc peer connection as the media server of a test, on 127.0.0.1."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aioice.ice
import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack


class MovingPicture(VideoStreamTrack):
    """A small live picture that changes, so that an encoder has something to do."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def recv(self) -> av.VideoFrame:
        timestamp, base = await self.next_timestamp()
        data = np.full((90, 160, 3), (self.count * 3) % 255, np.uint8)
        data[:, self.count % 160 :: 7] = 255
        frame = av.VideoFrame.from_ndarray(data, "rgb24")
        frame.pts, frame.time_base = timestamp, base
        self.count += 1
        return frame


class StockPeer:
    """An RTCPeerConnection that counts what it decodes."""

    def __init__(self) -> None:
        # max-bundle: in the default policy aiortc leaves a second camera unconnected
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.frames: dict[str, list[av.VideoFrame | av.AudioFrame]] = {
            "audio": [],
            "video": [],
        }
        self._sinks: list[asyncio.Task[None]] = []

        @self.connection.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            self._sinks.append(asyncio.ensure_future(self._sink(track)))

    async def _sink(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(Exception):  # the track ends with an exception
            while True:
                self.frames[track.kind].append(await track.recv())

    async def offer(self, *kinds: str) -> str:
        for kind in kinds:
            track = AudioStreamTrack() if kind == "audio" else MovingPicture()
            self.connection.addTrack(track)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take_answer(self, text: str) -> None:
        await self.connection.setRemoteDescription(
            RTCSessionDescription(sdp=text, type="answer")
        )

    async def answer(self, text: str, *, sends: tuple[str, ...] = ()) -> str:
        await self.connection.setRemoteDescription(
            RTCSessionDescription(sdp=text, type="offer")
        )
        for kind in sends:
            track = AudioStreamTrack() if kind == "audio" else MovingPicture()
            self.connection.addTrack(track)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def close(self) -> None:
        await self.connection.close()
        for sink in self._sinks:
            sink.cancel()
        await asyncio.gather(*self._sinks, return_exceptions=True)


@contextlib.asynccontextmanager
async def stock_peer() -> AsyncIterator[StockPeer]:
    """Run a stock peer that gathers 127.0.0.1, which aioice never does by itself."""
    gathered = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    peer = StockPeer()
    try:
        yield peer
    finally:
        aioice.ice.get_host_addresses = gathered
        await peer.close()


def as_lite(text: str) -> str:
    """Make a description claim ICE-lite, so that our light agent meets aioice's."""
    return text.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", 1)
