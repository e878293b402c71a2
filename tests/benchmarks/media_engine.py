"""Our engine's side of the bench: so many participants of a row in a process of theirs.

The participants run alone in a process (uvloop, as in the engine); the server end is
another process. CPU is process time, so other load on the machine makes a run slower,
not dearer, apart from caches and clocks.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import uvloop

from bots.media import clip, lanes
from bots.media.packets import packetise_video
from bots.media.plane import MediaPlane, MediaSession, SendSpec
from bots.models import CAMERA_MEDIUM, Media
from tests.benchmarks.media_shapes import (
    MAX_PAYLOAD_BYTES,
    STUDY_CAMERA,
    Link,
    Row,
    Stream,
)
from tests.support import lite_server

SETTLE_S = 1.2
MEASURE_S = 4.0
CONNECT_LIMIT_S = 20.0
ROW_LIMIT_S = 180.0
"""A row that has told nothing by then is lost."""
END_LIMIT_S = 10.0
PURE_PYTHON = "BBBLOAD_PURE_PYTHON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one participant, or stream, of a row cost."""

    cpu_ms_per_s: float
    packets_per_s: float
    memory_mb: float | None = None
    join_cpu_ms: float | None = None
    late_packets: int = 0
    lane: str = ""
    """What took the usual packets: `compiled` or `python`; "" where nothing did."""


Client = Callable[[Row, Connection, Connection], None]
"""Measures a row, with a pipe to its server end and one for the result."""
Server = Callable[[Connection, Row], None]


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


def measured(client: Client, row: Row, server: Server = serve_row) -> Any:
    """Run `client` in a fresh process against a server in another."""
    return measured_beside((client,), row, server)[0]


def measured_beside(
    clients: tuple[Client, ...], row: Row, server: Server = serve_row
) -> list[Any]:
    """Run the clients all at the same time, each with a server end of its own.

    Raises EOFError where one died, or told nothing within ROW_LIMIT_S.
    """
    context = multiprocessing.get_context("spawn")
    running: list[tuple[Connection, Connection, SpawnProcess, SpawnProcess]] = []
    with _lane_of(row):
        for client in clients:
            ours, theirs = context.Pipe()
            result, reply = context.Pipe(duplex=False)
            serves = context.Process(target=server, args=(theirs, row))
            ends = context.Process(target=client, args=(row, ours, reply))
            serves.start()
            ends.start()
            reply.close()  # so that a client that dies is an EOFError, not a wait
            running.append((ours, result, serves, ends))
    try:
        return [_received(result) for _, result, _, _ in running]
    finally:
        for ours, _, serves, ends in running:
            _end(ends)
            with contextlib.suppress(BrokenPipeError):
                ours.send(None)
            _end(serves)


def _received(result: Connection) -> Any:
    if not result.poll(ROW_LIMIT_S):
        raise EOFError(f"no result within {ROW_LIMIT_S:g} s")
    return result.recv()


def _end(process: SpawnProcess) -> None:
    process.join(END_LIMIT_S)
    if process.is_alive():
        process.kill()
        process.join()


@contextlib.contextmanager
def _lane_of(row: Row) -> Iterator[None]:
    """Let the processes that are started leave the compiled lane out, if wanted."""
    before = os.environ.get(PURE_PYTHON)
    if row.is_python:
        os.environ[PURE_PYTHON] = "1"
    try:
        yield
    finally:
        if row.is_python and before is None:
            del os.environ[PURE_PYTHON]


def lane_in_use() -> str:
    """Return what takes the usual packets in this process."""
    return "python" if lanes.compiled is None else "compiled"


def resident_mb() -> float:
    """Return the memory of this process (proc_pid_statm(5))."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 1e6


def raise_descriptors() -> None:
    """Allow as many sockets as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


async def _steady(row: Row, pipe: Connection) -> Cost:
    async with MediaPlane() as plane:
        await prepare(plane)
        before_mb = resident_mb()
        sessions = await join(plane, row, pipe)
        await asyncio.sleep(SETTLE_S)
        gc.collect()
        gc.freeze()
        memory_mb = (resident_mb() - before_mb) / row.count
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
        memory_mb=memory_mb,
        late_packets=stats.late_packets,
        lane=lane_in_use(),
    )


async def _joins(row: Row, pipe: Connection) -> Cost:
    async with MediaPlane() as plane:
        await prepare(plane)
        begun_s = time.process_time()
        await join(plane, row, pipe, is_quiet=True)
        used_s = time.process_time() - begun_s
    return Cost(
        cpu_ms_per_s=0.0,
        packets_per_s=0.0,
        join_cpu_ms=1000 * used_s / row.count,
        lane=lane_in_use(),
    )


async def prepare(plane: MediaPlane) -> None:
    """Load the clips before anything is measured."""
    frames = clip.video_frames(STUDY_CAMERA)
    plane.play(
        STUDY_CAMERA,
        packetise_video(frames, STUDY_CAMERA.frame_rate, MAX_PAYLOAD_BYTES),
    )
    await plane.prepare(CAMERA_MEDIUM)


async def join(
    plane: MediaPlane,
    row: Row,
    pipe: Connection,
    *,
    is_quiet: bool = False,
    is_deaf: bool = False,
) -> list[MediaSession]:
    """Connect every link of the row; `is_quiet` and `is_deaf` as in `Wanted`."""
    sessions: list[MediaSession] = []
    for index in range(row.count):
        for link in row.links:
            offer = ask(pipe, wanted(link, is_quiet=is_quiet, is_deaf=is_deaf))
            session = plane.session()
            sends = tuple(_spec(stream, row, index) for stream in link if stream.sends)
            answer = await session.answer(offer, sends=sends)
            if is_quiet:
                session.set_sending(False)
            ask(pipe, answer)
            await session.connected(CONNECT_LIMIT_S)
            sessions.append(session)
    return sessions


def wanted(
    link: Link, *, is_quiet: bool = False, is_deaf: bool = False
) -> lite_server.Wanted:
    """Return what the server end is to offer for a link of ours."""
    streams = tuple(
        lite_server.WantedStream(
            kind=stream.kind,
            sends=stream.receives,
            receives=stream.sends or not stream.receives,
        )
        for stream in link
    )
    return lite_server.Wanted(streams=streams, is_quiet=is_quiet, is_deaf=is_deaf)


def ask(pipe: Connection, message: object) -> Any:
    """Say something to the server end and return its answer."""
    pipe.send(message)
    return pipe.recv()


def _spec(stream: Stream, row: Row, seed: int) -> SendSpec:
    media: Media = "audio" if stream.kind == "audio" else "camera"
    return SendSpec(media=media, profile=row.camera, seed=seed)
