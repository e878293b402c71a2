"""What a receiver knows about a stream from its RTP headers alone. Pure; no clock.

* Loss and extended sequence numbers: RFC 3550 appendix A.1 and A.3.
* Jitter: RFC 3550 section 6.4.1, kept in seconds.
* Freezes: W3C webrtc-stats, `freezeCount`: an interval between two rendered frames of
  at least max(3 × average, average + 150 ms), where the average is that of the last 30
  intervals. `frozen_s` is W3C's `totalFreezesDuration` (the whole of such intervals),
  except that a freeze that goes on is counted up to the moment of asking, so that a
  stream that never comes back does not look fluent. Until it has lasted
  `SETTLE_S` it is neither watched nor frozen time: a camera that was switched off falls
  silent before the meeting's list says so, and that is no freeze.

Where definitions of a freeze differ (webrtcperf passes on `freezeCount` and
`totalFreezesDuration` of its Chromium, webrtcperf-js `peer-connection-stats.ts`, so its
rule is libwebrtc's, `video_quality_observer2.cc`):

    ours                          W3C                    webrtcperf: libwebrtc
    average of the last 30        the last 30            the last 30, of which the
    intervals before this one     rendered frames        interval itself is one
    from the third interval on    not said               from the fifth on
    intervals between whole       between rendered       between rendered frames,
    frames as they came           frames                 in whole milliseconds
    one that goes on counts       only when it is over   only when it is over; what
    from `SETTLE_S` on                                   a pause interrupts is none

At 15 frames a second an interval is a freeze from 217 ms on by ours and W3C's, from
222 ms on by libwebrtc's. A jitter buffer smooths what is rendered: we have none.

Times are monotonic seconds given by the caller.
"""

from collections import deque
from dataclasses import dataclass

from bots.models import Depth, Direction, Media

MAX_DROPOUT = 3000
"""A jump further than this is a new start of the stream (RFC 3550 A.1)."""
MAX_MISORDER = 500
"""More than the RFC's 100: what is sent again after a NACK may come a second late."""
FREEZE_FACTOR = 3.0
FREEZE_EXTRA_S = 0.150
FREEZE_AVERAGE_FRAMES = 30
LONGEST_DELAY_S = 10.0
"""A one-way delay above this is a clock that is not ours: of random timestamps of video
one in 4,800 lies below."""
SETTLE_S = 3.0
"""Longer than a viewer waits for a camera's row to go (`webcams.STOP_GRACE_S`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounters:
    """One stream since the last asking; the fields mean what `StreamReport` says."""

    direction: Direction
    media: Media
    ssrc: int
    packets: int = 0
    bytes: int = 0
    expected: int = 0
    lost: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None
    jitter_s: float | None = None
    rtt_s: float | None = None
    frames: int = 0
    freezes: int = 0
    frozen_s: float = 0.0
    watched_s: float = 0.0
    nacks: int = 0
    plis: int = 0
    key_frames: int = 0
    auth_failures: int = 0
    depth: Depth = "light"
    lost_bursts: int = 0
    decoded_frames: int | None = None
    concealed_s: float | None = None
    one_way_delay_s: float | None = None


class Reception:
    """Sequence numbers, loss and jitter of one received SSRC."""

    __slots__ = (
        "_bad_sequence",
        "_before_expected",
        "_clock_hz",
        "bytes",
        "first",
        "gaps",
        "highest",
        "jitter",
        "last_arrival_s",
        "last_timestamp",
        "received",
    )

    def __init__(self, clock_hz: int) -> None:
        self.first: int | None = None
        """Extended number of the first packet since the last new start."""
        self.highest = -1
        """Highest extended number so far."""
        self.received = 0
        self.bytes = 0
        self.gaps = 0
        """Runs of missing numbers, as packets came: late ones are not taken back."""
        self._clock_hz = clock_hz
        self.jitter = 0.0
        """In ticks."""
        self.last_arrival_s = 0.0
        self.last_timestamp = 0
        self._before_expected = 0  # what was expected before the last new start
        self._bad_sequence = -1

    def packet(
        self, sequence: int, timestamp: int, size_bytes: int, arrival_s: float
    ) -> int:
        """Count a packet and return its distance from the highest number before it.

        1 is the packet in order, more a gap before it, 0 and less a late one or a
        duplicate. The first packet gives 1, a new start after a jump MAX_DROPOUT. A
        single stray number is dropped, uncounted, and gives 0 (RFC 3550 A.1).
        """
        if self.first is None:
            self.first = self.highest = sequence
            distance = 1
        else:
            distance = (sequence - self.highest) & 0xFFFF
            if distance == 1:
                self.highest += 1
                ticks = timestamp - self.last_timestamp
                # in order and within one turn of the 32-bit timestamp: the usual case
                if 0 <= ticks < 0x80000000 and self.last_arrival_s:
                    change = (arrival_s - self.last_arrival_s) * self._clock_hz - ticks
                    self.jitter += (
                        (change if change > 0 else -change) - self.jitter
                    ) / 16
                    self.received += 1
                    self.bytes += size_bytes
                    self.last_arrival_s = arrival_s
                    self.last_timestamp = timestamp
                    return 1
            elif distance < MAX_DROPOUT:
                self.highest += distance
                self.gaps += distance > 0
            elif distance > 0x10000 - MAX_MISORDER:
                distance -= 0x10000
            elif sequence != self._bad_sequence:
                self._bad_sequence = (sequence + 1) & 0xFFFF
                return 0
            else:  # the second of two consecutive strays: the sender began anew
                self._before_expected += self.highest - self.first + 1
                self.highest = self.highest + distance
                self.first = self.highest
                self.last_arrival_s = 0.0
                distance = MAX_DROPOUT
            if self.last_arrival_s:
                ticks = timestamp - self.last_timestamp
                if not -0x80000000 < ticks < 0x80000000:
                    ticks += -0x100000000 if ticks > 0 else 0x100000000
                change = (arrival_s - self.last_arrival_s) * self._clock_hz - ticks
                self.jitter += (abs(change) - self.jitter) / 16
        self.received += 1
        self.bytes += size_bytes
        self.last_arrival_s = arrival_s
        self.last_timestamp = timestamp
        return distance

    def follow(
        self,
        received: int,
        size_bytes: int,
        jitter: float,
        timestamp: int,
        arrival_s: float,
    ) -> None:
        """Count packets in order that another has taken, as `packet` would have."""
        self.highest += received
        self.received += received
        self.bytes += size_bytes
        self.jitter = jitter
        self.last_timestamp = timestamp
        self.last_arrival_s = arrival_s

    @property
    def expected(self) -> int:
        """Packets that the sequence numbers say were sent so far."""
        if self.first is None:
            return 0
        return self._before_expected + self.highest - self.first + 1

    @property
    def jitter_ticks(self) -> int:
        """Jitter in ticks, as a report block carries it."""
        return int(self.jitter)

    @property
    def jitter_s(self) -> float:
        """Jitter in seconds."""
        return self.jitter / self._clock_hz

    @property
    def one_way_delay_s(self) -> float | None:
        """How long the last packet took since it was due at a publisher of ours.

        Our senders' timestamps are ticks of the machine's monotonic clock
        (`sending.SendStream.set_out`). An SFU that forwards keeps them, but writes
        abs-send-time anew. What our pacer waits, up to 6 ms, is in it. None for
        timestamps of another clock: another machine's, a browser's, an audio mixer's.
        """
        if not self.last_arrival_s:
            return None
        ticks = int(self.last_arrival_s * self._clock_hz) - self.last_timestamp
        delay_s = (ticks & 0xFFFFFFFF) / self._clock_hz
        return delay_s if delay_s <= LONGEST_DELAY_S else None


def fraction_lost(expected: int, received: int) -> int:
    """Return the lost share of an interval in 1/256, 0 when none (RFC 3550 A.3)."""
    lost = expected - received
    if expected <= 0 or lost <= 0:
        return 0
    return min(255, (lost << 8) // expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezes:
    """Freezes since the last asking."""

    count: int
    frozen_s: float
    watched_s: float


class FreezeMeter:
    """Counts freezes of one video stream from the times its frames were complete."""

    __slots__ = (
        "_asked_s",
        "_count",
        "_frozen_s",
        "_gaps_s",
        "_is_frozen",
        "_sum_s",
        "frames",
        "last_s",
    )

    def __init__(self) -> None:
        self.frames = 0
        self._gaps_s: deque[float] = deque(maxlen=FREEZE_AVERAGE_FRAMES)
        self._sum_s = 0.0
        self.last_s = 0.0
        self._asked_s = 0.0
        self._count = 0
        self._frozen_s = 0.0
        self._is_frozen = False

    def frame(self, at_s: float) -> None:
        """Note that a frame could be rendered at `at_s`."""
        self.frames += 1
        if self.frames == 1:
            self.last_s = self._asked_s = at_s
            return
        gap_s = at_s - self.last_s
        gaps = self._gaps_s
        # no limit lies under `FREEZE_EXTRA_S`, so a usual gap costs one comparison
        if gap_s >= FREEZE_EXTRA_S and len(gaps) >= 2 and gap_s >= self.limit_s():
            self._freeze(at_s)
        self._is_frozen = False
        if len(gaps) == FREEZE_AVERAGE_FRAMES:
            self._sum_s -= gaps[0]
        gaps.append(gap_s)
        self._sum_s += gap_s
        self.last_s = at_s

    def follow(self, frames: int, gaps_s: tuple[float, ...], last_s: float) -> None:
        """Note frames without a freeze that another has seen, with the last gaps."""
        if not frames:
            return
        self.frames += frames
        self.last_s = last_s
        self._is_frozen = False
        gaps = self._gaps_s
        for gap_s in gaps_s[-FREEZE_AVERAGE_FRAMES:]:
            if len(gaps) == FREEZE_AVERAGE_FRAMES:
                self._sum_s -= gaps[0]
            gaps.append(gap_s)
            self._sum_s += gap_s

    def limit_s(self) -> float:
        """Return the interval that is a freeze, from the average so far."""
        average_s = self._sum_s / len(self._gaps_s) if self._gaps_s else 0.0
        return max(FREEZE_FACTOR * average_s, average_s + FREEZE_EXTRA_S)

    def take(self, now_s: float) -> Freezes:
        """Return freezes since the last call; one that goes on counts up to `now_s`.

        Each freeze is counted once: when it is over, or has lasted `SETTLE_S`. A
        silence that is shorter than that ended the watching with its last frame, until
        another frame comes.
        """
        if not self.frames:
            return Freezes(count=0, frozen_s=0.0, watched_s=0.0)
        silent_s = now_s - self.last_s
        if len(self._gaps_s) >= 2 and silent_s >= self.limit_s():
            if silent_s < SETTLE_S:
                now_s = max(self.last_s, self._asked_s)
            else:
                self._freeze(now_s)
        taken = Freezes(
            count=self._count,
            frozen_s=self._frozen_s,
            watched_s=max(0.0, now_s - self._asked_s),
        )
        self._count, self._frozen_s, self._asked_s = 0, 0.0, now_s
        return taken

    def _freeze(self, until_s: float) -> None:
        if self._is_frozen:  # the part before was counted when last asked
            self._frozen_s += until_s - self._asked_s
        else:
            self._count += 1
            self._frozen_s += until_s - self.last_s
            self._is_frozen = True
