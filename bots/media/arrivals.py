"""When transport-wide sequence numbers came, until the next feedback tells of them.

One `Arrivals` a session. Where the compiled part was built its twin does the same, byte
for byte: packets are noted without the interpreter (`lanes.make_arrivals`).
"""

from array import array
from collections.abc import Sequence
from typing import Protocol

from bots.media.transport_feedback import build_transport_feedback

MAX_ARRIVALS = 1000
"""Kept for the next feedback; what comes on top is not told."""
SPAN = 4000
"""Transport-wide numbers one feedback covers at most."""


class Noted(Protocol):
    """What either kind of `Arrivals` does."""

    def __len__(self) -> int:
        """Return how many arrivals the next feedback would tell."""

    def note(self, number: int, at_s: float) -> None:
        """Remember that a packet with this 16-bit number came at a monotonic time."""

    def clear(self) -> None:
        """Forget what came."""

    def feedback(self, sender_ssrc: int, media_ssrc: int, count: int) -> bytes:
        """Return what came since the last feedback, as transport-cc number `count`.

        What is missing between the two is told as missing, too. b"" where nothing came,
        where numbers jump so far that they belong to a server that began anew, and
        where arrivals lie more than 8 s apart.
        """


class Arrivals:
    """The Python kind."""

    __slots__ = ("_next", "_numbers", "_times_s")

    def __init__(self) -> None:
        # Flat, so that what a quarter of a second brought lies together in memory.
        self._numbers = array("H")
        self._times_s = array("d")
        self._next: int | None = None
        """The number after the highest that was told; None where none was."""

    def __len__(self) -> int:
        """Return how many arrivals the next feedback would tell."""
        return len(self._numbers)

    def note(self, number: int, at_s: float) -> None:
        """Remember that a packet with this 16-bit number came at a monotonic time."""
        if len(self._numbers) < MAX_ARRIVALS:
            self._numbers.append(number)
            self._times_s.append(at_s)

    def clear(self) -> None:
        """Forget what came."""
        del self._numbers[:], self._times_s[:]

    def feedback(self, sender_ssrc: int, media_ssrc: int, count: int) -> bytes:
        """Return what came since the last feedback; see `Noted`."""
        numbers, times_s = self._numbers.tolist(), self._times_s.tolist()
        if not numbers:
            return b""
        self.clear()
        first, told = numbers[0], self._next
        self._next = None
        arrivals_s: Sequence[float | None] = times_s
        if first != told or numbers != list(range(first, first + len(numbers))):
            first, arrivals_s = _in_order(numbers, times_s, told)
            if len(arrivals_s) > SPAN:
                return b""
        try:
            feedback = build_transport_feedback(
                sender_ssrc, media_ssrc, first, count, arrivals_s
            )
        except ValueError:  # over 8 s between two arrivals: nothing worth telling
            return b""
        after = (first + len(arrivals_s)) & 0xFFFF
        is_late = told is not None and (after - told) & 0xFFFF >= 0x8000
        self._next = told if is_late else after
        return feedback


def _in_order(
    numbers: list[int], times_s: list[float], told: int | None
) -> tuple[int, list[float | None]]:
    """Return the first number and the times from it on, None for what is missing.

    The first is `told`, where a feedback that begins there covers what came, or else
    the lowest that came. Numbers are compared by the shorter way round; of two alike
    the later one counts.
    """
    base = numbers[0]
    distances = (((number - base + 0x8000) & 0xFFFF) - 0x8000 for number in numbers)
    found = dict(zip(distances, times_s, strict=True))
    first, last = min(found), max(found)
    if told is not None:
        missing = (base + first - told) & 0xFFFF
        if missing + last - first < SPAN:
            first -= missing
    last = min(last, first + SPAN)
    return base + first, [found.get(number) for number in range(first, last + 1)]
