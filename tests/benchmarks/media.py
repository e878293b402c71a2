"""What one media stream of the engine costs: CPU ms per second of a stream, one core.

The clients run alone in a process (uvloop, as in the engine); the server end is another
process. CPU is process time, so other load on the machine makes it slower, not dearer,
apart from caches. 1,000 ms/s is one core.
"""

import asyncio
import gc
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from bots.media.plane import MediaPlane, MediaSession, SendSpec
from bots.models import CameraProfile
from tests.support import lite_server

CAMERA = CameraProfile(
    name="study", width=640, height=360, frame_rate=15.0, bitrate_bps=293_000
)
STREAMS = 60
SETTLE_S = 2.0
MEASURE_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stream shape."""

    name: str
    kind: str
    server_sends: bool
    server_receives: bool
    client_sends: bool


ROWS = (
    Row(
        name="camera_in",
        kind="video",
        server_sends=True,
        server_receives=False,
        client_sends=False,
    ),
    Row(
        name="camera_out",
        kind="video",
        server_sends=False,
        server_receives=True,
        client_sends=True,
    ),
    Row(
        name="audio_in",
        kind="audio",
        server_sends=True,
        server_receives=False,
        client_sends=False,
    ),
    Row(
        name="audio_out",
        kind="audio",
        server_sends=False,
        server_receives=True,
        client_sends=True,
    ),
    Row(
        name="audio_both_ways",
        kind="audio",
        server_sends=True,
        server_receives=True,
        client_sends=True,
    ),
    Row(
        name="idle_connection",
        kind="audio",
        server_sends=False,
        server_receives=True,
        client_sends=False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a row cost."""

    cpu_ms_per_s: float
    join_cpu_ms: float
    memory_kib: float
    packets_per_s: float
    late_packets: int


def measure(row: Row, pipe: Connection) -> Measured:
    """Run the clients of a row in this process."""
    return uvloop.run(_measure(row, pipe))


async def _measure(row: Row, pipe: Connection) -> Measured:
    async with MediaPlane() as plane:
        await plane.prepare(CAMERA)
        sessions: list[MediaSession] = []
        before_kib = _resident_kib()
        join_s = 0.0
        for index in range(STREAMS):
            pipe.send((row.kind, row.server_sends, row.server_receives))
            offer = pipe.recv()
            begun_s = time.process_time()
            session = plane.session()
            spec = SendSpec(
                media="audio" if row.kind == "audio" else "camera",
                profile=CAMERA,
                seed=index,
            )
            answer = await session.answer(
                offer, sends=(spec,) if row.client_sends else ()
            )
            join_s += time.process_time() - begun_s
            pipe.send(answer)
            pipe.recv()
            begun_s = time.process_time()
            await session.connected(20)
            join_s += time.process_time() - begun_s
            sessions.append(session)
        await asyncio.sleep(SETTLE_S)
        gc.collect()
        gc.freeze()
        memory_kib = (_resident_kib() - before_kib) / STREAMS
        plane.take_stats()
        cpu_s, wall_s = time.process_time(), time.monotonic()
        await asyncio.sleep(MEASURE_S)
        cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
        stats = plane.take_stats()
        assert all(not session.failure for session in sessions)
        gc.unfreeze()
    packets = stats.sent_packets + stats.received_packets
    return Measured(
        cpu_ms_per_s=1000 * cpu_s / wall_s / STREAMS,
        join_cpu_ms=1000 * join_s / STREAMS,
        memory_kib=memory_kib,
        packets_per_s=packets / wall_s / STREAMS,
        late_packets=stats.late_packets,
    )


def _resident_kib() -> float:
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 1024


def _client(row: Row, pipe: Connection, result: Connection) -> None:
    result.send(measure(row, pipe))


def run(row: Row) -> Measured:
    """Measure a row in two fresh processes, one for each end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    result, reply = context.Pipe(duplex=False)
    server = context.Process(target=lite_server.run, args=(theirs, CAMERA))
    client = context.Process(target=_client, args=(row, ours, reply))
    server.start()
    client.start()
    reply.close()  # so that a client that dies is an EOFError here, not a wait
    try:
        measured: Measured = result.recv()
    finally:
        client.join()
        ours.send(None)
        server.join()
    return measured


def main() -> None:
    """Print the table."""
    print(f"{STREAMS} streams, {MEASURE_S:g} s each.\n")
    print(
        "| stream | CPU ms/s | per core | packets/s | join ms CPU | memory KiB | late |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        found = run(row)
        print(
            f"| {row.name} | {found.cpu_ms_per_s:.2f} "
            f"| {1000 / found.cpu_ms_per_s:.0f} | {found.packets_per_s:.1f} "
            f"| {found.join_cpu_ms:.2f} | {found.memory_kib:.0f} "
            f"| {found.late_packets} |"
        )


if __name__ == "__main__":
    main()
