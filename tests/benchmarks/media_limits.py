"""How many publishers an engine's process carries before its pacer is late.

Publishers alone, since a server end that sends would need more of the machine than the
engine: here the kernel drops what arrives (tests/support/socket_filter.py), and each
engine has a core. More and more of the connected publishers send; an engine is at its
limit where a larger share of what is due is late than makes a run invalid
(`loadtest.slo.LATE_PACKETS_MAX`; late is `bots.media.pacer.LATE_S`). Engines that
are measured side by side take their steps together.
"""

import asyncio
import functools
import gc
import math
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import uvloop

from bots.media.plane import MediaPlane
from bots.models import CAMERA_MEDIUM
from loadtest.slo import LATE_PACKETS_MAX
from tests.benchmarks.media_engine import (
    join,
    measured_beside,
    prepare,
    raise_descriptors,
)
from tests.benchmarks.media_shapes import PUBLISHED, PUBLISHERS, Row

STEPS = 6
"""Halvings of what is left between too few and too many, after a first look at half:
the same number in every engine, which wait for one another."""
SETTLE_S = 0.7
STEP_S = 6.0
"""Long enough that one hiccup of 20 ms alone is no 1 % of it, as in a run's steps."""
BARRIER_LIMIT_S = 120.0
DUE_PER_S = PUBLISHERS * (50 + CAMERA_MEDIUM.frame_rate)
"""Audio packets and frames that are due on a connection each second; a publisher that
is silent for now keeps its schedule, and can be late as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most publishers of whose packets hardly any was late; 0: always were."""

    publishers: int
    packets_per_s: float
    """That they sent."""
    packet_cpu_us: float
    """CPU time of one packet, while half of all that were connected were sending."""
    is_bounded: bool
    """Whether more of them were too many; else there were no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an engine did while so many connections were sending."""

    packets_per_s: float
    late_ratio: float
    """Of all that was due."""
    cpu_ratio: float
    """Of a core."""


def limits(engines: int, publishers: int) -> list[Limit]:
    """Return the limits of so many engines side by side, with publishers at hand."""
    row = Row(
        name="publishers",
        links=PUBLISHED,
        count=math.ceil(publishers / PUBLISHERS),
        stock_count=0,
        camera=CAMERA_MEDIUM,
    )
    together = multiprocessing.get_context("spawn").Barrier(engines)
    client = functools.partial(limit_row, together)
    found: list[Limit] = measured_beside((client,) * engines, row)
    return found


def limit_row(
    together: Barrier, row: Row, pipe: Connection, result: Connection
) -> None:
    """Find the limit in this process and send it."""
    raise_descriptors()
    result.send(uvloop.run(_find(together, row, pipe)))


async def _find(together: Barrier, row: Row, pipe: Connection) -> Limit:
    async with MediaPlane() as plane:
        await prepare(plane)
        sessions = await join(plane, row, pipe, is_quiet=True, is_deaf=True)
        gc.collect()
        gc.freeze()  # as the engine does after a ramp

        async def step(sending: int) -> Step:
            for index, session in enumerate(sessions):
                session.set_sending(index < sending)
            await asyncio.to_thread(together.wait, BARRIER_LIMIT_S)
            await asyncio.sleep(SETTLE_S)
            plane.take_stats()
            cpu_s, wall_s = time.process_time(), time.monotonic()
            await asyncio.sleep(STEP_S)
            cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
            stats = plane.take_stats()
            return Step(
                packets_per_s=stats.sent_packets / wall_s,
                late_ratio=stats.late_packets / (len(sessions) * DUE_PER_S * wall_s),
                cpu_ratio=cpu_s / wall_s,
            )

        lower = row.count // 2
        half = reached = await step(lower)
        packet_cpu_us = 1e6 * half.cpu_ratio / half.packets_per_s
        if half.late_ratio > LATE_PACKETS_MAX:
            lower = 0
        upper = row.count + 1
        for _ in range(STEPS):
            sending = (lower + upper) // 2
            taken = await step(sending)
            if taken.late_ratio > LATE_PACKETS_MAX:
                upper = sending
            else:
                lower, reached = sending, taken
    return Limit(
        publishers=lower * PUBLISHERS,
        packets_per_s=reached.packets_per_s,
        packet_cpu_us=packet_cpu_us,
        is_bounded=upper <= row.count,
    )
