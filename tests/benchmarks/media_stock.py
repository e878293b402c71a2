"""Stock aiortc's side of the bench: live encoding, decoding into a sink.

The same server end, the same streams, the same measure: process CPU, threads included.
"""

import asyncio
import time
from fractions import Fraction
from multiprocessing.connection import Connection

import aioice.ice
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from bots.media import scene
from tests.benchmarks.media_engine import Cost, ask, resident_mb, wanted
from tests.benchmarks.media_shapes import Row

SETTLE_S = 2.0
MEASURE_S = 3.0
FRAME_RATE = 15
CLOCK_HZ = 90_000


class Camera(VideoStreamTrack):
    """The scene of the project's own clip, live at 15 frames a second."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = [
            av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24").reformat(
                format="yuv420p"
            )
            for picture in scene.pictures(640, 360, FRAME_RATE, 30, seed=1)
        ]
        self._count = 0
        self._begun_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        """Return the next frame when it is due."""
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s
        due_s = self._begun_s + self._count / FRAME_RATE
        await asyncio.sleep(max(0.0, due_s - now_s))
        frame = self._frames[self._count % len(self._frames)]
        frame.pts = self._count * CLOCK_HZ // FRAME_RATE
        frame.time_base = Fraction(1, CLOCK_HZ)
        self._count += 1
        return frame


def stock_row(row: Row, pipe: Connection, result: Connection) -> None:
    """Measure the row in this process and send its `Cost`."""
    # aioice never gathers 127.0.0.1 by itself
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    result.send(asyncio.run(_measure(row, pipe)))


async def _measure(row: Row, pipe: Connection) -> Cost:
    connections: list[RTCPeerConnection] = []
    sinks: list[MediaBlackhole] = []
    before_mb = resident_mb()
    begun_s = time.process_time()
    for _ in range(row.stock_count):
        for link in row.links:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            connections.append(connection)
            sink = MediaBlackhole()
            sinks.append(sink)
            if any(stream.receives for stream in link):
                connection.on("track", sink.addTrack)
            connected = asyncio.Event()

            def changed(
                connection: RTCPeerConnection = connection,
                connected: asyncio.Event = connected,
            ) -> None:
                if connection.connectionState == "connected":
                    connected.set()

            connection.on("connectionstatechange", changed)
            await connection.setRemoteDescription(
                RTCSessionDescription(sdp=ask(pipe, wanted(link)), type="offer")
            )
            for stream in link:
                if stream.sends:
                    is_audio = stream.kind == "audio"
                    connection.addTrack(AudioStreamTrack() if is_audio else Camera())
            await connection.setLocalDescription(await connection.createAnswer())
            ask(pipe, connection.localDescription.sdp)
            await asyncio.wait_for(connected.wait(), 20)
            await sink.start()
    join_s = time.process_time() - begun_s
    await asyncio.sleep(SETTLE_S)
    memory_mb = (resident_mb() - before_mb) / row.stock_count
    packets = await _packets(connections)
    cpu_s, wall_s = time.process_time(), time.monotonic()
    await asyncio.sleep(MEASURE_S)
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    packets = await _packets(connections) - packets
    for sink in sinks:
        await sink.stop()
    for connection in connections:
        await connection.close()
    return Cost(
        cpu_ms_per_s=1000 * cpu_s / wall_s / row.stock_count,
        packets_per_s=packets / wall_s / row.stock_count,
        memory_mb=memory_mb,
        join_cpu_ms=1000 * join_s / row.stock_count,
    )


async def _packets(connections: list[RTCPeerConnection]) -> int:
    count = 0
    for connection in connections:
        for stats in (await connection.getStats()).values():
            if stats.type == "inbound-rtp":
                count += stats.packetsReceived
            elif stats.type == "outbound-rtp":
                count += stats.packetsSent
    return count
