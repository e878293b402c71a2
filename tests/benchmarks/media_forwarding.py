"""The stand-in node's forwarding: one publisher to many viewers, one talker to many.

The node's own sessions run in a process of theirs, without HTTP and GraphQL, and its
process CPU is divided by the copies that it sends; the clients are our engine's. What
viewers report and what is sent once a second for each is part of it, as in a meeting.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import uvloop

from bots.media.plane import MediaPlane, MediaSession, SendSpec
from bots.models import Media
from loadtest.node.audio_session import AudioSession
from loadtest.node.content import MeetingRequest
from loadtest.node.effort import Effort
from loadtest.node.media import NodeMedia
from loadtest.node.meeting import Meeting
from loadtest.node.sessions import Surroundings
from loadtest.node.sfu_errors import Frame
from loadtest.node.state import Node
from loadtest.node.video_sessions import CameraShare, CameraView, source_of
from tests.benchmarks.media_engine import (
    CONNECT_LIMIT_S,
    MEASURE_S,
    SETTLE_S,
    Cost,
    ask,
    measured,
    prepare,
    raise_descriptors,
)
from tests.benchmarks.media_shapes import AUDIO_IN, CAMERA_IN, Row

BITRATE_KBPS = 200
VIEWERS = 150
FORWARDED = (
    Row(name="camera_forwarded", links=((CAMERA_IN,),), count=VIEWERS, stock_count=0),
    Row(name="audio_forwarded", links=((AUDIO_IN,),), count=VIEWERS, stock_count=0),
)
"""`count`: how many get a copy; the publisher comes on top."""

MEASURE = "measure"
"""Asks the node's process for its `Cost` from now on."""


@dataclass(slots=True)
class _Stage:
    """A meeting on a node of its own, whose sessions are started without a socket."""

    media: NodeMedia
    node: Node
    meeting: Meeting
    waiting: list[Callable[[object], None]] = field(default_factory=list)
    """Take the answer to the last offer of ours."""

    def around(self) -> Surroundings:
        """Let another user in."""
        session = self.node.register(
            self.meeting, name="Ann", role="VIEWER", cookie="crumb"
        )
        self.meeting.enter(session.user, client_type="HTML5", mobile=False)
        return Surroundings(
            media=self.media, meeting=self.meeting, user=session.user, send=_unsaid
        )

    def publish(self, media: Media, offer: str) -> str:
        """Return our answer to a publisher's offer."""
        if media == "audio":
            talker = AudioSession(self.around(), role="sendrecv", may_be_held=False)
            return str(talker.open(offer)["sdpAnswer"])
        share = CameraShare(self.around(), stream_id="camera")
        return str(share.start(offer, bitrate_kbps=BITRATE_KBPS)["sdpAnswer"])

    def view(self, media: Media) -> str:
        """Return our offer to one more viewer or listener."""
        if media == "audio":
            listener = AudioSession(self.around(), role="recv", may_be_held=False)
            self.waiting.append(listener.accept)
            return str(listener.open(None)["sdpAnswer"])
        source = source_of(self.media, self.meeting, "camera")
        view = CameraView(self.around(), source=source, stream_id="camera")
        self.waiting.append(view.accept)
        return str(view.start(None, bitrate_kbps=BITRATE_KBPS)["sdpAnswer"])


def forwarding_cost(row: Row) -> Cost:
    """Return what one forwarded stream costs the node."""
    cost: Cost = measured(viewers, row, serve_node)
    return cost


def serve_node(pipe: Connection, row: Row) -> None:
    """Be the node, commanded over a pipe; None ends."""
    raise_descriptors()
    uvloop.run(_serve(pipe, row))


def viewers(row: Row, pipe: Connection, result: Connection) -> None:
    """Be the publisher and its viewers; send the node's `Cost`."""
    raise_descriptors()
    result.send(uvloop.run(_view(row, pipe)))


async def _serve(pipe: Connection, row: Row) -> None:
    node = Node(now_s=time.time, rng=random.Random(1))
    meeting = node.create(
        MeetingRequest(
            meeting_id="m",
            name="m",
            attendee_password="a",
            moderator_password="b",
            voice_bridge="70001",
        )
    )
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    async with NodeMedia(address="127.0.0.1", effort=Effort(), seed=1) as media:
        stage = _Stage(media, node, meeting)
        begun: list[tuple[float, float, int]] = []

        def now() -> tuple[float, float, int]:
            packets = media.counters.forwarded_packets
            return time.process_time(), time.monotonic(), packets

        def measure() -> None:
            cpu_s, wall_s, packets = (
                after - before for after, before in zip(now(), begun[0], strict=True)
            )
            pipe.send(
                Cost(
                    cpu_ms_per_s=1000 * cpu_s / wall_s / row.count,
                    packets_per_s=packets / wall_s / row.count,
                )
            )

        def readable() -> None:
            message = pipe.recv()
            if message is None:
                done.set()
            elif message == MEASURE:
                begun.append(now())
                loop.call_later(MEASURE_S, measure)
            elif isinstance(message, tuple):
                pipe.send(stage.publish(*message))
            elif stage.waiting:
                stage.waiting.pop()(message)
                pipe.send(True)
            else:
                pipe.send(stage.view(message))

        loop.add_reader(pipe.fileno(), readable)
        await done.wait()
        loop.remove_reader(pipe.fileno())


async def _view(row: Row, pipe: Connection) -> Cost:
    media: Media = "audio" if row.links == ((AUDIO_IN,),) else "camera"
    sessions: list[MediaSession] = []
    async with MediaPlane() as plane:
        await prepare(plane)
        publisher = plane.session()
        offer = await publisher.offer(sends=(SendSpec(media=media),))
        await publisher.accept(ask(pipe, (media, offer)))
        await publisher.connected(CONNECT_LIMIT_S)
        for _ in range(row.count):
            session = plane.session()
            ask(pipe, await session.answer(ask(pipe, media)))
            await session.connected(CONNECT_LIMIT_S)
            sessions.append(session)
        for session in sessions:
            await session.first(media, CONNECT_LIMIT_S)
        await asyncio.sleep(SETTLE_S)
        # on a thread, since our own media go on meanwhile
        cost: Cost = await asyncio.to_thread(ask, pipe, MEASURE)
    return cost


def _unsaid(frame: Frame) -> None:
    return
