"""Which kind takes the usual packet: the optional C part where it was built, or Python.

Most packets follow the one before them on a known stream and are only counted, in that
stream's *lane*, by the socket's reader; what is not usual is handed on, and before the
stream looks at it, it takes over what its lane counted. With `_lane.c` that happens
without the interpreter; without it, or with BBBLOAD_PURE_PYTHON set, by its twins in
Python (`lane`, `arrivals`). Both give the same figures, by the same tests.
"""

import os
import socket
from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

from bots.media.arrivals import Arrivals, Noted
from bots.media.lane import Lane, make_reader
from bots.media.negotiation import Incoming
from bots.media.receiving import SAMPLE_EVERY, ReceiveStream
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from bots.models import Depth

REVISION = 4
"""Of the compiled part; one that was built from older sources is left alone."""

compiled: ModuleType | None = None
"""The compiled part; None where it was not built or is not wanted."""
if not os.environ.get("BBBLOAD_PURE_PYTHON"):
    try:
        from bots.media import _lane
    except ImportError:
        pass
    else:
        if getattr(_lane, "REVISION", 0) == REVISION:
            compiled = _lane

Lanes = dict[int, Any]
"""Of one transport: SSRC -> lane, of either kind."""


def reader(
    opened: socket.socket, lanes: Lanes, datagram: Callable[[int], None]
) -> Callable[[], None]:
    """Return what the event loop calls when this socket can be read.

    `datagram` takes what no lane does, from the workspace.
    """
    if compiled is None:
        return make_reader(opened.recv_into, lanes, datagram)
    made: Callable[[], None] = compiled.Reader(
        opened.fileno(), workspace, lanes, datagram
    )
    return made


def make_arrivals() -> Noted:
    """Return a session's memory of transport-wide numbers."""
    if compiled is None:
        return Arrivals()
    made: Noted = compiled.Arrivals()
    return made


def make_way(sender: SrtpSender, descriptor: int) -> Any:
    """Return the compiled way out through a connected socket; None without it."""
    if compiled is None or descriptor < 0:
        return None
    return compiled.Way(descriptor, workspace, sender, *sender.entry)


def make_header(
    *, first: int, ssrc: int, extensions: bytes, time_at: int, wide_at: int
) -> Any:
    """Return what `Way.packet` writes before a payload; None without the compiled part.

    `time_at` and `wide_at` say where in the packet abs-send-time and the transport-wide
    number stand, 0 where they do not.
    """
    if compiled is None:
        return None
    return compiled.Header(
        first=first,
        ssrc=ssrc,
        extensions=extensions,
        time_at=time_at,
        wide_at=wide_at,
    )


def make_stream(
    receiver: SrtpReceiver,
    expected: Incoming,
    *,
    ssrc: int,
    depth: Depth,
    arrivals: Noted,
    lanes: Lanes,
    tally: "array[int]",
) -> ReceiveStream:
    """Return a stream that is received; of depth light it gets a lane in `lanes`.

    `tally` is the process's count of packets taken in lanes, one int64.
    """
    kind = LaneStream if depth == "light" else ReceiveStream
    stream = kind(
        receiver,
        media=expected.media,
        ssrc=ssrc,
        clock_hz=expected.clock_hz,
        tag_bytes=receiver.tag_bytes,
        has_nack=expected.has_nack,
        wide_id=expected.wide_id,
        depth=depth,
        arrivals=arrivals,
    )
    if isinstance(stream, LaneStream):
        make_lane = Lane if compiled is None else compiled.Lane
        stream.lane = lanes[ssrc] = make_lane(
            clock_hz=expected.clock_hz,
            tag_bytes=receiver.tag_bytes,
            open_every=SAMPLE_EVERY,
            is_video=expected.media != "audio",
            wide_id=expected.wide_id,
            arrivals=arrivals,
            tally=tally,
        )
    return stream


class LaneStream(ReceiveStream):
    """A received stream whose usual packets are counted by its lane."""

    lane: Any = None
    _heard_s = 0.0

    @property
    def heard_s(self) -> float:
        """When the last packet came, whoever took it."""
        lane_s: float = self.lane.heard_s if self.lane is not None else 0.0
        return max(self._heard_s, lane_s)

    @heard_s.setter
    def heard_s(self, at_s: float) -> None:
        self._heard_s = at_s

    def packet(
        self, second: int, sequence: int, timestamp: int, size: int, now_s: float
    ) -> bool:
        """Take a packet that the lane did not; see `ReceiveStream.packet`."""
        self._settle()
        asked = super().packet(second, sequence, timestamp, size, now_s)
        reception, assembly = self.reception, self.assembly
        if (
            self.first_s is None
            or reception.first is None
            or not reception.last_arrival_s
            or (assembly is not None and not assembly.is_smooth)
        ):
            self.lane.halt()
        else:
            self.lane.resume(
                reception.highest & 0xFFFF,
                reception.last_timestamp,
                reception.last_arrival_s,
                reception.jitter,
                self.meter.last_s,
                self._wide_at,
            )
        return asked

    def report_block(self, now_s: float) -> bytes:
        """Return the report block about this stream and begin a new interval."""
        self._settle()
        return super().report_block(now_s)

    def take(self, now_s: float) -> Any:
        """Return the counters since the last call."""
        self._settle()
        return super().take(now_s)

    def _settle(self) -> None:
        """Take over what the lane counted."""
        told = self.lane.settle()
        if told is None:
            return
        received, size, jitter, timestamp, arrival_s, frames, gaps_s, frame_s = told
        self.reception.follow(received, size, jitter, timestamp, arrival_s)
        if self.assembly is not None:
            self.assembly.follow(received, frames)
            self.meter.follow(frames, gaps_s, frame_s)
