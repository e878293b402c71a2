"""Our engine's side of the bench: so many participants of a row in a process of theirs.

The participants run alone in a process (uvloop, as in the engine); the server end is
another process. CPU is process time, so other load on the machine makes a run slower,
not dearer, apart from caches and clocks.
"""

import asyncio
import gc
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import uvloop

from bots.media import clip
from bots.media.packets import packetise_video
from bots.media.plane import MediaPlane, MediaSession, SendSpec
from bots.models import CAMERA_MEDIUM
from tests.benchmarks.media_shapes import MAX_PAYLOAD_BYTES, STUDY_CAMERA, Row
from tests.support import lite_server

SETTLE_S = 2.0
MEASURE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one participant, or stream, of a row cost."""

    cpu_ms_per_s: float
    packets_per_s: float
    memory_mb: float | None = None
    join_cpu_ms: float | None = None
    late_packets: int = 0


def serve_row(pipe: Connection, row: Row) -> None:
    """Be the server end of a row, in a process of its own."""
    raise_descriptors()
    is_study = row.camera == STUDY_CAMERA
    lite_server.run(pipe, row.camera, *((MAX_PAYLOAD_BYTES,) if is_study else ()))


def engine_row(row: Row, pipe: Connection, result: Connection) -> None:
    """Measure the row in this process and send its `Cost`."""
    raise_descriptors()
    result.send(uvloop.run(_steady(row, pipe)))


def join_row(row: Row, pipe: Connection, result: Connection) -> None:
    """Measure what joining costs, with no media flowing yet; send a `Cost`."""
    raise_descriptors()
    result.send(uvloop.run(_joins(row, pipe)))


def measured(client: Callable[[Row, Connection, Connection], None], row: Row) -> Any:
    """Run `client` in a fresh process against a server in another."""
    return measured_beside(client, (row,))[0]


def measured_beside(
    client: Callable[[Row, Connection, Connection], None], rows: tuple[Row, ...]
) -> list[Any]:
    """Run `client` once for each row, all at the same time."""
    context = multiprocessing.get_context("spawn")
    running: list[tuple[Connection, Connection, SpawnProcess, SpawnProcess]] = []
    for row in rows:
        ours, theirs = context.Pipe()
        result, reply = context.Pipe(duplex=False)
        server = context.Process(target=serve_row, args=(theirs, row))
        ends = context.Process(target=client, args=(row, ours, reply))
        server.start()
        ends.start()
        reply.close()  # so that a client that dies is an EOFError here, not a wait
        running.append((ours, result, server, ends))
    try:
        return [result.recv() for _, result, _, _ in running]
    finally:
        for ours, _, server, ends in running:
            ends.join()
            ours.send(None)
            server.join()


def raise_descriptors() -> None:
    """Allow as many sockets as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


async def _steady(row: Row, pipe: Connection) -> Cost:
    async with MediaPlane() as plane:
        await _prepare(plane)
        before_kib = _resident_kib()
        sessions = await _join(plane, row, pipe, is_quiet=False)
        await asyncio.sleep(SETTLE_S)
        gc.collect()
        gc.freeze()
        memory_kib = (_resident_kib() - before_kib) / row.count
        plane.take_stats()
        cpu_s, wall_s = time.process_time(), time.monotonic()
        await asyncio.sleep(MEASURE_S)
        cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
        stats = plane.take_stats()
        broken = [session.failure for session in sessions if session.failure]
        gc.unfreeze()
    if broken:
        raise RuntimeError(f"{len(broken)} sessions of {row.name} failed: {broken[0]}")
    packets = stats.sent_packets + stats.received_packets
    return Cost(
        cpu_ms_per_s=1000 * cpu_s / wall_s / row.count,
        packets_per_s=packets / wall_s / row.count,
        memory_mb=memory_kib * 1024 / 1e6,
        late_packets=stats.late_packets,
    )


async def _joins(row: Row, pipe: Connection) -> Cost:
    async with MediaPlane() as plane:
        await _prepare(plane)
        begun_s = time.process_time()
        await _join(plane, row, pipe, is_quiet=True)
        used_s = time.process_time() - begun_s
    return Cost(
        cpu_ms_per_s=0.0, packets_per_s=0.0, join_cpu_ms=1000 * used_s / row.count
    )


async def _prepare(plane: MediaPlane) -> None:
    frames = clip.video_frames(STUDY_CAMERA)
    plane.play(
        STUDY_CAMERA,
        packetise_video(frames, STUDY_CAMERA.frame_rate, MAX_PAYLOAD_BYTES),
    )
    await plane.prepare(CAMERA_MEDIUM)


async def _join(
    plane: MediaPlane, row: Row, pipe: Connection, *, is_quiet: bool
) -> list[MediaSession]:
    sessions: list[MediaSession] = []
    for index in range(row.count):
        for link in row.links:
            wanted = lite_server.Wanted(
                kind=link.kind,
                sends=link.receives,
                receives=link.sends or not link.receives,
                is_quiet=is_quiet,
            )
            offer = ask(pipe, wanted)
            session = plane.session()
            spec = SendSpec(
                media="audio" if link.kind == "audio" else "camera",
                profile=row.camera,
                seed=index,
            )
            sends = (spec,) if link.sends else ()
            answer = await session.answer(offer, sends=sends)
            if is_quiet:
                session.set_sending(False)
            ask(pipe, answer)
            await session.connected(20)
            sessions.append(session)
    return sessions


def ask(pipe: Connection, message: object) -> Any:
    """Say something to the server end and return its answer."""
    pipe.send(message)
    return pipe.recv()


def _resident_kib() -> float:
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 1024
