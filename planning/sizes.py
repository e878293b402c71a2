"""How large meetings are: a histogram of those of busy hours. Pure.

Placement asks which meetings a peak morning holds. Sources tell it in different ways:
bigbluebutton-exporter as a histogram over rooms, getMeetings and bbblb meeting by
meeting. Here they become counts of meetings by size class, hour by hour, of which only
the busy hours are kept: what meets at night says nothing about a morning. No meeting's
identity is kept anywhere.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError

Floats = NDArray[np.float64]
Histogram = tuple[tuple[int, float], ...]
"""(participants at most, meetings seen), ascending."""

EDGES = (1, 5, 15, 30, 60, 90, 120, 150, 200, 250, 300, 400, 500)
"""Upper ends of the classes, those of bigbluebutton-exporter's bbb_room_participants; a
last class is open and is told as `OPEN_END`."""
OPEN_END = 1000
BUSY_SHARE = 0.5
"""An hour is busy from this share of the fullest hour's participants on."""
LEAST_MEETINGS = 200
"""Fewer meetings seen than this are no histogram."""
HOUR_S = 3600
LARGEST_COUNT = 1e12


def class_of(participants: float) -> int:
    """Return the upper end of the class that a meeting belongs to."""
    return next((edge for edge in EDGES if participants <= edge), OPEN_END)


class SizeHours:
    """Collects meetings by size class, hour by hour."""

    def __init__(self) -> None:
        self._hours: dict[int, dict[int, float]] = {}

    def add(self, time_s: float, counts: Mapping[int, float]) -> None:
        """Add how many meetings of each class ran at a moment."""
        hour = self._hours.setdefault(int(time_s) // HOUR_S, {})
        for edge, count in counts.items():
            if edge > EDGES[0] and count > 0:
                hour[edge] = hour.get(edge, 0.0) + count

    def add_meetings(self, time_s: float, participants: Iterable[float]) -> None:
        """Add the meetings that ran at a moment by what each held."""
        counts: dict[int, float] = {}
        for size in participants:
            edge = class_of(size)
            counts[edge] = counts.get(edge, 0.0) + 1.0
        self.add(time_s, counts)

    def histogram(self) -> Histogram:
        """Return the busy hours' meetings, () for too few."""
        weights = {
            hour: sum(edge * count for edge, count in counts.items())
            for hour, counts in self._hours.items()
        }
        most = max(weights.values(), default=0.0)
        total: dict[int, float] = {}
        for hour, counts in self._hours.items():
            if weights[hour] >= BUSY_SHARE * most:
                for edge, count in counts.items():
                    total[edge] = total.get(edge, 0.0) + count
        if sum(total.values()) < LEAST_MEETINGS:
            return ()
        return tuple(sorted(total.items()))


def drawn(
    histogram: Histogram, largest: int, rng: np.random.Generator, shape: tuple[int, int]
) -> Floats:
    """Return sizes drawn from the histogram, none above `largest`.

    Within a class sizes are spread evenly on the log scale; a class that reaches beyond
    the largest meeting ends there, one that begins beyond it is left out.
    """
    lows, highs, counts = [], [], []
    for edge, count in histogram:
        low = max((one for one in EDGES if one < edge), default=1) + 1
        if low <= max(largest, 2):
            lows.append(low)
            highs.append(min(edge, max(largest, 2)))
            counts.append(count)
    shares = np.cumsum(counts) / np.sum(counts)
    chosen = np.minimum(
        np.searchsorted(shares, rng.random(shape), side="right"), len(counts) - 1
    )
    low, high = np.log(np.array(lows))[chosen], np.log(np.array(highs))[chosen]
    return np.asarray(np.exp(low + (high - low) * rng.random(shape)), dtype=float)


def mean_size(histogram: Histogram, largest: int) -> float:
    """Return the mean of the sizes that `drawn` draws."""
    sizes = drawn(histogram, largest, np.random.default_rng(1), (4000, 1))
    return float(sizes.mean())


def write_sizes(histogram: Histogram) -> str:
    """Return the histogram as one line of text."""
    return " ".join(f"{edge}={count:g}" for edge, count in histogram)


def parse_sizes(text: str, source: str) -> Histogram:
    """Return what `write_sizes` wrote; raises ConfigError for anything else."""
    known = (*EDGES, OPEN_END)
    found: list[tuple[int, float]] = []
    for piece in text.split():
        edge, _, count = piece.partition("=")
        try:
            pair = int(edge), float(count)
        except ValueError:
            pair = 0, 0.0
        late = bool(found) and pair[0] <= found[-1][0]
        if pair[0] not in known or late or not 0 <= pair[1] <= LARGEST_COUNT:
            raise ConfigError(
                f"{source}: the comment of meeting sizes holds {piece[:30]!r}; write "
                f"ascending classes of {', '.join(map(str, known))} with counts, as "
                "5=120 15=300"
            )
        found.append(pair)
    return tuple(found)
