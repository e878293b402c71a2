"""Which video frames a decoder could show, from headers and a few decrypted packets.

Pure: no socket, no clock, no key. The rules are a receiver's (RFC 4585, and what
browsers do): packets are taken in order; a gap is asked for again (NACK) a bounded
number of times; when it does not come, every later frame depends on it, so nothing can
be shown until the next complete key frame, which is asked for (PLI). While there is a
gap or a key frame is awaited the caller decrypts, since only the VP8 payload tells a
key frame.
"""

from dataclasses import dataclass

NACK_RETRIES = 5
NACK_INTERVAL_S = 0.1
NACK_GIVE_UP_S = 1.0
REORDER_PATIENCE_S = 0.2
"""How long a gap is waited for where NACK was not negotiated, or where a whole key
frame has come behind it."""
MAX_MISSING = 400
"""More gaps than this at once: start anew at a key frame."""
PLI_INTERVAL_S = 1.0


@dataclass(slots=True)
class _Missing:
    since_s: float
    next_s: float
    tries: int


class FrameAssembly:
    """The order, the gaps and the complete frames of one received VP8 stream."""

    __slots__ = (
        "_last_request_s",
        "_later_key",
        "_missing",
        "_next",
        "_pending",
        "_top",
        "awaits_key_frame",
        "frames",
        "has_nack",
        "in_key_frame",
        "is_smooth",
        "key_frames",
        "key_sequence",
        "nacks",
        "plis",
    )

    def __init__(self, *, has_nack: bool) -> None:
        self.has_nack = has_nack
        self.awaits_key_frame = True
        self.in_key_frame = False
        """The key frame that was awaited has begun but is not complete."""
        self.is_smooth = False
        """Nothing is missing and no key frame is awaited: take the short way."""
        self.frames = 0
        """Frames that could be shown."""
        self.key_frames = 0
        """Key frames that ended a wait."""
        self.nacks = 0
        """Sequence numbers asked for again, repetitions included."""
        self.plis = 0
        self.key_sequence = 0
        """First packet of the key frame that ended, or will end, the last wait."""
        self._next = 0
        self._top = -1
        self._later_key = -1
        """First packet of a key frame that came while an earlier gap was open."""
        self._missing: dict[int, _Missing] = {}
        self._pending: dict[int, bool] = {}
        self._last_request_s = -PLI_INTERVAL_S

    def packet(
        self, sequence: int, is_last: bool, starts_key_frame: bool, now_s: float
    ) -> int:
        """Take the packet with this extended number; return frames that became whole.

        `is_last` is the marker bit; `starts_key_frame` may be left False while
        `is_smooth`. Call `resend_wanted` afterwards.
        """
        if self.awaits_key_frame and not self.in_key_frame:
            if not starts_key_frame:
                return 0
            self._missing.clear()
            self._pending.clear()
            self._next = self._top = self.key_sequence = sequence
            self._later_key = -1
            self.in_key_frame = True
        if sequence < self._next:
            return 0
        if sequence == self._next and not self._pending:
            self._next += 1
            self._missing.pop(sequence, None)
            whole = self._frame() if is_last else 0
        elif sequence in self._pending:
            return 0
        else:
            self._pending[sequence] = is_last
            self._missing.pop(sequence, None)
            self._note_gap(sequence, now_s)
            whole = self._advance()
            if starts_key_frame and sequence > self._next:
                self._later_key = sequence
            if self._later_key > self._next and self._may_skip(now_s):
                self._skip_to(self._later_key)
                whole += self._advance()
        self.is_smooth = not (self._missing or self._pending or self.awaits_key_frame)
        return whole

    def in_order(self, is_last: bool) -> None:
        """Take the packet that follows; only while `is_smooth` (the short way)."""
        self._next += 1
        if is_last:
            self.frames += 1

    def follow(self, packets: int, frames: int) -> None:
        """Take packets as `in_order` does, and the frames that they completed."""
        self._next += packets
        self.frames += frames

    def is_wanted(self, sequence: int) -> bool:
        """Return whether this late number fills a gap (if not, it is a duplicate)."""
        return sequence in self._missing

    def resend_wanted(self, now_s: float) -> list[int]:
        """Return the 16-bit numbers to NACK now, in order; give up on the oldest ones.

        Giving up means `awaits_key_frame`: ask `key_frame_wanted` afterwards.
        """
        if not self._missing:
            return []
        oldest = next(iter(self._missing.values()))
        patience_s = NACK_GIVE_UP_S if self.has_nack else REORDER_PATIENCE_S
        if now_s - oldest.since_s > patience_s or len(self._missing) > MAX_MISSING:
            self._start_over()
            return []
        if not self.has_nack:
            return []
        wanted = []
        for number, gap in self._missing.items():
            if gap.next_s <= now_s and gap.tries < NACK_RETRIES:
                gap.tries += 1
                gap.next_s = now_s + NACK_INTERVAL_S
                wanted.append(number & 0xFFFF)
        self.nacks += len(wanted)
        return wanted

    def key_frame_wanted(self, now_s: float) -> bool:
        """Return whether to send a PLI now: while awaiting, at most once a second."""
        if not self.awaits_key_frame:
            return False
        if now_s - self._last_request_s < PLI_INTERVAL_S:
            return False
        self._last_request_s = now_s
        self.plis += 1
        return True

    @property
    def next_sequence(self) -> int:
        """The extended number before which all is whole, since the last key frame."""
        return self._next

    @property
    def has_gaps(self) -> bool:
        """Whether `resend_wanted` is to be called on a timer."""
        return bool(self._missing)

    def restart(self) -> None:
        """Forget everything and await a key frame: the sender began anew."""
        self._start_over()

    def _note_gap(self, sequence: int, now_s: float) -> None:
        for number in range(max(self._top + 1, self._next), sequence):
            self._missing[number] = _Missing(now_s, now_s, 0)
        self._top = max(self._top, sequence)

    def _may_skip(self, now_s: float) -> bool:
        """Return whether the later key frame is whole and the gap no reordering."""
        if not self.awaits_key_frame:
            oldest = next(iter(self._missing.values()), None)
            if oldest is None or now_s - oldest.since_s < REORDER_PATIENCE_S:
                return False
        number = self._later_key
        while number in self._pending:
            if self._pending[number]:
                return True
            number += 1
        return False

    def _skip_to(self, key_frame: int) -> None:
        """Leave a gap behind: a decoder goes on with a whole key frame at once."""
        for number in [n for n in self._missing if n < key_frame]:
            del self._missing[number]
        for number in [n for n in self._pending if n < key_frame]:
            del self._pending[number]
        self._next = self.key_sequence = key_frame
        self.in_key_frame = True

    def _advance(self) -> int:
        whole = 0
        while self._next in self._pending:
            is_last = self._pending.pop(self._next)
            self._next += 1
            if is_last:
                whole += self._frame()
        return whole

    def _frame(self) -> int:
        if self.in_key_frame:
            self.in_key_frame = self.awaits_key_frame = False
            self.key_frames += 1
        self.frames += 1
        return 1

    def _start_over(self) -> None:
        self._missing.clear()
        self._pending.clear()
        self.awaits_key_frame = True
        self.in_key_frame = self.is_smooth = False
