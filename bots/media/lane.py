"""The lane of a received stream, and a socket's reader, in Python.

A packet that follows the one before it on a known stream is only counted, by the one
object that knows all that this takes. Whatever else comes (a gap, a late packet, every
hundredth packet, a pause that may be a freeze) is left to the stream, which first takes
over what its lane counted. The compiled part (`lanes`) has twins of both.

Formulas are those of `quality`, in the same order of operations.
"""

import time
from array import array
from collections.abc import Callable

from bots.media.arrivals import Noted
from bots.media.quality import FREEZE_EXTRA_S
from bots.media.rtp import HEADER
from bots.media.srtp import workspace

RECEIVE_BYTES = 2048
"""Of the longest datagram that is taken."""
SHUT = -1
"""No packet's number: nothing is taken."""
MAX_GAPS = 64
"""More frames than between two takings over."""

Settled = tuple[int, int, float, int, float, int, tuple[float, ...], float]
"""Packets, bytes, jitter, last timestamp and arrival, frames, gaps between them, the
time of the last."""


class Lane:
    """Counts one stream's usual packets."""

    __slots__ = (
        "_arrival_s",
        "_bytes",
        "_clock_hz",
        "_frame_s",
        "_frames",
        "_gaps_s",
        "_is_video",
        "_jitter",
        "_next",
        "_note",
        "_open_every",
        "_received",
        "_tag_bytes",
        "_tally",
        "_timestamp",
        "_wide_at",
        "_wide_byte",
        "_wide_id",
        "heard_s",
    )

    def __init__(
        self,
        *,
        clock_hz: float,
        tag_bytes: int,
        open_every: int,
        is_video: bool,
        wide_id: int,
        arrivals: Noted,
        tally: "array[int]",
    ) -> None:
        """`tally` is the process's count of packets taken in lanes."""
        self.heard_s = 0.0
        self._next = SHUT
        self._timestamp = 0
        self._arrival_s = self._jitter = self._frame_s = 0.0
        self._received = self._bytes = self._frames = 0
        self._gaps_s: list[float] = []
        self._clock_hz = clock_hz
        self._tag_bytes = tag_bytes
        self._open_every = open_every
        self._is_video = is_video
        self._wide_id = wide_id
        self._wide_at = 0
        self._wide_byte = wide_id << 4 | 1
        self._note = arrivals.note
        self._tally = tally

    @property
    def is_open(self) -> bool:
        """Whether a packet that follows would be taken."""
        return self._next != SHUT

    def take(
        self,
        first: int,
        second: int,
        sequence: int,
        timestamp: int,
        size: int,
        now_s: float,
    ) -> bool:
        """Count the packet in the workspace, whose header begins so, if it is usual."""
        if sequence != self._next:
            return False
        ticks = timestamp - self._timestamp
        if not 0 <= ticks < 0x80000000:
            return False
        ends_frame = second > 127 and self._is_video
        if ends_frame and now_s - self._frame_s >= FREEZE_EXTRA_S:
            return False
        if self._wide_id:  # the element stands where the last one stood
            at = self._wide_at
            if (
                not at
                or at + 2 > size
                or not first & 0x10
                or workspace[at - 1] != self._wide_byte
            ):
                return False
            self._note(workspace[at] << 8 | workspace[at + 1], now_s)
        change = (now_s - self._arrival_s) * self._clock_hz - ticks
        self._jitter += ((change if change > 0 else -change) - self._jitter) / 16
        self._timestamp = timestamp
        self._arrival_s = self.heard_s = now_s
        self._received += 1
        self._bytes += size - self._tag_bytes
        self._tally[0] += 1
        if ends_frame:
            self._gaps_s.append(now_s - self._frame_s)
            self._frames += 1
            self._frame_s = now_s
        sequence = (sequence + 1) & 0xFFFF
        self._next = sequence if sequence % self._open_every else SHUT
        return True

    def packet(self, packet: bytes, now_s: float) -> bool:
        """Count this packet if it is usual."""
        if len(packet) < HEADER.size:
            return False
        workspace[: len(packet)] = packet
        first, second, sequence, timestamp, _ = HEADER.unpack_from(packet)
        return self.take(first, second, sequence, timestamp, len(packet), now_s)

    def resume(
        self,
        highest: int,
        timestamp: int,
        arrival_s: float,
        jitter: float,
        frame_s: float,
        wide_at: int,
    ) -> None:
        """Go on after the packet with this 16-bit number."""
        self._timestamp = timestamp
        self._arrival_s = arrival_s
        self._jitter = jitter
        self._frame_s = frame_s
        self._wide_at = wide_at
        self._expect(highest)

    def halt(self) -> None:
        """Take nothing until `resume`."""
        self._next = SHUT

    def settle(self) -> Settled | None:
        """Return what was counted since the last call; None for nothing."""
        if not self._received:
            return None
        told = (
            self._received,
            self._bytes,
            self._jitter,
            self._timestamp,
            self._arrival_s,
            self._frames,
            tuple(self._gaps_s[-MAX_GAPS:]),
            self._frame_s,
        )
        self._received = self._bytes = self._frames = 0
        self._gaps_s.clear()
        return told

    def _expect(self, highest: int) -> None:
        """Wait for the number after this one, unless that is one to be opened."""
        sequence = (highest + 1) & 0xFFFF
        self._next = sequence if sequence % self._open_every else SHUT


def make_reader(
    receive_into: Callable[[memoryview, int], int],
    lanes: dict[int, Lane],
    datagram: Callable[[int], None],
) -> Callable[[], None]:
    """Return what the event loop calls when a socket can be read.

    `datagram` takes what no lane does, from the workspace.
    """
    unpack, find, clock_s = HEADER.unpack_from, lanes.get, time.monotonic

    def read() -> None:
        try:
            size = receive_into(workspace, RECEIVE_BYTES)
        except OSError:  # an ICMP error of an earlier packet, or nothing there
            return
        if size >= 12:
            first, second, sequence, timestamp, ssrc = unpack(workspace)
            lane = find(ssrc)
            if (
                lane is not None
                and 128 <= first <= 191
                and not 192 <= second <= 223
                and lane.take(first, second, sequence, timestamp, size, clock_s())
            ):
                return
        datagram(size)

    return read
