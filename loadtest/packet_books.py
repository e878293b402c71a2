"""Packets in two books: what our publishers sent, what our viewers account for.

A viewer's sequence numbers say how many packets were sent while it watched: those that
it received and those that it lost. They must be the packets that the publisher, which
is ours too, says it has sent in that time. Where they are not, one of the two does not
tell the truth, and no loss of the run can be believed. Audio is mixed on its way and
has no such pairs.

Both report about once a second, at different moments. Their counts are spread over bins
of ten seconds, and a bin is closed when all reports of it are in: memory grows with the
streams, not with time. What is off at the edges of a bin is made good by the next one;
what remains, at the edges of each stream, is `EDGE_PACKETS` at most.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bots.models import StreamReport

BIN_S: Final = 10.0
CLOSE_AFTER_S: Final = 5.0
"""Reports of several engines arrive within this."""
GAP_MAX_S: Final = 5.0
"""After a longer silence a stream is taken up again as if it had just begun."""
TOLERANCE: Final = 0.02
EDGE_PACKETS: Final = 25
"""A key frame with the frame after it, at either end of a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Both books, added up over all pairs of a publisher and a viewer."""

    sent: float
    """Packets that publishers sent, once for each who watched."""
    accounted: float
    """Packets that those viewers received or lost."""
    pairs: int

    @property
    def tolerance(self) -> float:
        """Packets by which the two may differ."""
        return TOLERANCE * self.sent + EDGE_PACKETS * self.pairs

    @property
    def is_even(self) -> bool:
        """Whether the two agree."""
        return abs(self.sent - self.accounted) <= self.tolerance


@dataclass(slots=True)
class _Page:
    """One published stream in one bin."""

    sent: float = 0.0
    sent_s: float = 0.0
    accounted: float = 0.0
    watched_s: float = 0.0


class PacketBooks:
    """Adds up the stream reports of a run as they come."""

    def __init__(self) -> None:
        self._last_s: dict[tuple[int, str, str, int], float] = {}
        self._pages: dict[int, defaultdict[tuple[int, str], _Page]] = {}
        self._pairs: set[tuple[int, str, int]] = set()
        self._newest_s = 0.0
        self._sent = 0.0
        self._accounted = 0.0

    def add(self, report: StreamReport) -> None:
        """Add a report; other media and strangers' streams count nothing."""
        publisher = report.participant if report.direction == "out" else report.source
        if report.media == "audio" or publisher is None:
            return
        is_out = report.direction == "out"
        if not is_out and not report.packets:
            return  # the next that comes tells of all that was missed meanwhile
        key = (report.participant, report.direction, report.media, report.ssrc)
        since_s, until_s = self._last_s.get(key), report.elapsed_s
        self._last_s[key] = until_s
        self._close(until_s)
        if since_s is None or not 0 < until_s - since_s <= GAP_MAX_S:
            return
        count = report.packets if is_out else report.expected
        if not is_out:
            self._pairs.add((report.participant, report.media, report.ssrc))
        for number, lasted_s in _bins(since_s, until_s):
            pages = self._pages.setdefault(number, defaultdict(_Page))
            page = pages[publisher, report.media]
            share = count * lasted_s / (until_s - since_s)
            if is_out:
                page.sent += share
                page.sent_s += lasted_s
            else:
                page.accounted += share
                page.watched_s += lasted_s

    def balance(self) -> Balance | None:
        """Return both books so far; None without a pair that was watched."""
        sent, accounted = self._sent, self._accounted
        for pages in self._pages.values():
            for page in pages.values():
                page_sent, page_accounted = _paired(page)
                sent += page_sent
                accounted += page_accounted
        if not self._pairs or not sent:
            return None
        return Balance(sent=sent, accounted=accounted, pairs=len(self._pairs))

    def _close(self, now_s: float) -> None:
        self._newest_s = max(self._newest_s, now_s)
        limit = int((self._newest_s - CLOSE_AFTER_S) // BIN_S)
        for number in [each for each in self._pages if each < limit]:
            for page in self._pages.pop(number).values():
                page_sent, page_accounted = _paired(page)
                self._sent += page_sent
                self._accounted += page_accounted


def _bins(since_s: float, until_s: float) -> Iterator[tuple[int, float]]:
    """Yield the bins that a stretch of time touches, with the seconds in each."""
    number = int(since_s // BIN_S)
    while since_s < until_s:
        ends_s = min(until_s, (number + 1) * BIN_S)
        yield number, ends_s - since_s
        since_s, number = ends_s, number + 1


def _paired(page: _Page) -> tuple[float, float]:
    """Return what was sent to all who watched, and what they account for."""
    if page.sent_s <= 0 or page.watched_s <= 0:
        return 0.0, 0.0
    return page.sent / page.sent_s * page.watched_s, page.accounted
