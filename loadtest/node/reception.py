"""What the node knows of a stream it receives, and what it tells the publisher of it.

Pure: packets' numbers and times go in, feedback packets come out. Loss and jitter as in
RFC 3550 A.3 and A.8; gaps become NACKs (RFC 4585), asked for again until they come or
are too old; transport-wide numbers become transport-cc feedback.
"""

from collections.abc import Sequence

from bots.media import rtcp, rtp

NACK_INTERVAL_S = 0.1
NACK_ATTEMPTS = 10
LARGEST_GAP = 256
"""A larger jump is a new beginning, not a loss to be asked for."""
FEEDBACK_LIMIT = 1000
"""Transport-wide numbers that one feedback covers at most."""


class Reception:
    """Counters of one incoming stream."""

    def __init__(self, ssrc: int, *, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.nacked = 0
        """Packets asked for, each once."""
        self.jitter = 0.0
        """In ticks of the stream's clock."""
        self._clock_rate = clock_rate
        self._first = -1
        self._highest = -1
        self._last_transit: float | None = None
        self._reported_expected = 0
        self._reported_packets = 0
        self._last_sr = 0
        self._last_sr_at_s = 0.0
        self._missing: dict[int, tuple[float, int]] = {}
        """Extended sequence -> (when asked last, how often)."""

    def receive(self, sequence: int, timestamp: int, now_s: float) -> tuple[int, ...]:
        """Count a packet; return the sequence numbers that it shows to be missing."""
        self.packets += 1
        highest = self._highest
        if highest < 0:
            self._first = self._highest = sequence + 0x10000
            self._follow_jitter(timestamp, now_s)
            return ()
        extended = rtp.extend_sequence(sequence, highest)
        if extended == highest + 1:
            self._highest = extended
            self._follow_jitter(timestamp, now_s)
            return ()
        if extended <= highest:
            self._missing.pop(extended, None)
            return ()
        self._highest = extended
        self._follow_jitter(timestamp, now_s)
        if extended - highest > LARGEST_GAP:
            self._missing.clear()
            return ()
        gap = range(highest + 1, extended)
        self._missing.update((number, (now_s, 1)) for number in gap)
        self.nacked += len(gap)
        return tuple(number & 0xFFFF for number in gap)

    def overdue(self, now_s: float) -> tuple[int, ...]:
        """Return the missing sequence numbers that are to be asked for again."""
        again = []
        for number, (asked_s, attempts) in tuple(self._missing.items()):
            if now_s - asked_s < NACK_INTERVAL_S:
                continue
            if attempts >= NACK_ATTEMPTS or self._highest - number > LARGEST_GAP:
                del self._missing[number]
                continue
            self._missing[number] = (now_s, attempts + 1)
            again.append(number & 0xFFFF)
        return tuple(again)

    def sender_report(self, ntp: int, now_s: float) -> None:
        """Remember the publisher's last report, to be echoed in ours."""
        self._last_sr = rtcp.compact_ntp(ntp)
        self._last_sr_at_s = now_s

    def report_block(self, now_s: float) -> bytes | None:
        """Return our report on this stream, None before its first packet."""
        if self._highest < 0:
            return None
        expected = self._highest - self._first + 1
        newly_expected = expected - self._reported_expected
        newly_lost = newly_expected - (self.packets - self._reported_packets)
        self._reported_expected, self._reported_packets = expected, self.packets
        fraction = 0
        if newly_expected > 0 and newly_lost > 0:
            fraction = min(255, newly_lost * 256 // newly_expected)
        delay = int((now_s - self._last_sr_at_s) * 65536) if self._last_sr else 0
        return rtcp.build_report_block(
            self.ssrc,
            fraction,
            expected - self.packets,
            self._highest - 0x10000,
            int(self.jitter),
            self._last_sr,
            delay,
        )

    def _follow_jitter(self, timestamp: int, now_s: float) -> None:
        # The difference of transit times, modulo 2^32 (RFC 3550 A.8).
        transit = now_s * self._clock_rate - timestamp
        if self._last_transit is not None:
            change = abs(transit - self._last_transit) % 4294967296.0
            change = min(change, 4294967296.0 - change)
            self.jitter += (change - self.jitter) / 16
        self._last_transit = transit


class TransportArrivals:
    """Arrival times by transport-wide sequence number, until they are told."""

    def __init__(self) -> None:
        self._next = -1
        """First number that the next feedback covers."""
        self._highest = -1
        self._arrivals: dict[int, float] = {}
        self._feedback_count = 0

    def receive(self, number: int, now_s: float) -> None:
        """Note the arrival of transport-wide number `number`."""
        if self._highest < 0:
            self._next = self._highest = number + 0x10000
            self._arrivals[self._highest] = now_s
            return
        extended = rtp.extend_sequence(number, self._highest)
        if abs(extended - self._highest) > FEEDBACK_LIMIT:
            self._arrivals.clear()
            self._next = self._highest = extended
        if extended >= self._next:
            self._arrivals.setdefault(extended, now_s)
            self._highest = max(self._highest, extended)

    def feedback(self, sender_ssrc: int, media_ssrc: int) -> bytes | None:
        """Return transport-cc feedback on what came since the last one, if anything."""
        if not self._arrivals:
            return None
        begin = max(self._next, self._highest - FEEDBACK_LIMIT + 1)
        times: Sequence[float | None] = [
            self._arrivals.get(number) for number in range(begin, self._highest + 1)
        ]
        self._arrivals.clear()
        self._next = self._highest + 1
        self._feedback_count = (self._feedback_count + 1) & 0xFF
        try:
            return rtcp.build_transport_feedback(
                sender_ssrc, media_ssrc, begin & 0xFFFF, self._feedback_count, times
            )
        except ValueError:
            return None  # arrivals more than 8 s apart: a stream that paused
