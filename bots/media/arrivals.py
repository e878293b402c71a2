"""When transport-wide sequence numbers came, until the next feedback tells of them.

One `Arrivals` a session. Where the compiled part was built its twin does the same, byte
for byte: packets are noted without the interpreter (`lanes.make_arrivals`).
"""

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

        b"" where nothing came, where numbers jump so far that they belong to a server
        that began anew, and where arrivals lie more than 8 s apart.
        """


class Arrivals:
    """The Python kind."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[int, float]] = []

    def __len__(self) -> int:
        """Return how many arrivals the next feedback would tell."""
        return len(self._kept)

    def note(self, number: int, at_s: float) -> None:
        """Remember that a packet with this 16-bit number came at a monotonic time."""
        if len(self._kept) < MAX_ARRIVALS:
            self._kept.append((number, at_s))

    def clear(self) -> None:
        """Forget what came."""
        self._kept.clear()

    def feedback(self, sender_ssrc: int, media_ssrc: int, count: int) -> bytes:
        """Return what came since the last feedback; see `Noted`."""
        if not self._kept:
            return b""
        kept, self._kept = self._kept, []
        base = kept[0][0]
        times = {
            ((number - base + 0x8000) & 0xFFFF) - 0x8000: at_s for number, at_s in kept
        }
        first, last = min(times), max(times)
        if last - first >= SPAN:
            return b""
        arrivals_s = [times.get(number) for number in range(first, last + 1)]
        try:
            return build_transport_feedback(
                sender_ssrc, media_ssrc, base + first, count, arrivals_s
            )
        except ValueError:  # over 8 s between two arrivals: nothing worth telling
            return b""
