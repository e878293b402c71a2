"""Samples of any source -> one `History`: five-minute maxima, gaps known. Pure.

Readers add what they find, in any order; a bin keeps the largest value of each column.
`limit_hits` is a count, so it is summed within a bin. A second sample at the very same
time is a duplicate: it is counted, and the larger value stays.
"""

import itertools
from collections import Counter
from collections.abc import Mapping

from bots.errors import ConfigError
from planning.history.csv import (
    BIN_S,
    LARGEST_VALUE,
    OPTIONAL_COLUMNS,
    gaps_of,
    rebinned,
    usual_distance,
)
from planning.peaks import History
from planning.sizes import Histogram

DAY_S = 86_400
FEWEST_ROWS = 24
"""From fewer rows nothing is read of how far apart they usually are."""
COLUMNS = ("participants", *OPTIONAL_COLUMNS)
_SUMMED = COLUMNS.index("limit_hits")


class Bins:
    """Collects samples; bounded by the number of bins, not of samples."""

    def __init__(self, step_s: int = BIN_S) -> None:
        self.step_s = step_s
        self.samples = 0
        self.duplicates = 0
        self._bins: dict[int, list[int | None]] = {}
        self._last_s: int | None = None

    def add(self, time_s: float, values: Mapping[str, float | None]) -> None:
        """Add what was seen at `time_s`; raises ConfigError for an absurd value."""
        moment = int(time_s)
        if moment == self._last_s and "participants" in values:
            self.duplicates += 1
        self._last_s = moment
        row = self._bins.setdefault(
            moment - moment % self.step_s, [None] * len(COLUMNS)
        )
        for index, name in enumerate(COLUMNS):
            value = values.get(name)
            if value is None or value != value:
                continue
            if not 0 <= value <= LARGEST_VALUE:
                raise ConfigError(
                    f"{name} is {value:g} at {moment} (Unix time): it must be between "
                    f"0 and {LARGEST_VALUE:,}; is it the right column?"
                )
            if index == 0:
                self.samples += 1
            known = row[index]
            if known is None:
                row[index] = round(value)
            elif index == _SUMMED:
                row[index] = known + round(value)
            else:
                row[index] = max(known, round(value))

    def fill_silence(self, most_s: int) -> float:
        """Count stretches without a sample, up to `most_s` long, as empty.

        For sources that say nothing while nobody meets. Of a longer stretch the first
        day counts so, which ends the week before a holiday. Returns the hours filled.
        """
        rows = [row for row in self._bins.values() if row[0] is not None]
        told = [any(row[i] is not None for row in rows) for i in range(len(COLUMNS))]
        empty = [0 if is_told else None for is_told in told]
        known = sorted(at for at, row in self._bins.items() if row[0] is not None)
        filled = 0
        for earlier, later in itertools.pairwise(known):
            is_short = later - earlier - self.step_s <= most_s
            ends = later if is_short else min(later, earlier + DAY_S)
            for start_s in range(earlier + self.step_s, ends, self.step_s):
                self._bins[start_s] = list(empty)
                filled += self.step_s
        return filled / 3600

    def history(
        self,
        source: str,
        *,
        utc_offset_s: int = 0,
        notes: tuple[str, ...] = (),
        meeting_sizes: Histogram = (),
        is_coarse: bool = False,
    ) -> History:
        """Return what was collected; raises ConfigError when nothing was.

        With `is_coarse` samples may usually lie further apart than a bin is long: bins
        are then as long as that, and nothing between them is a gap.
        """
        rows = {
            time_s: self._bins[time_s]
            for time_s in sorted(self._bins)
            if self._bins[time_s][0] is not None
        }
        if not rows:
            raise ConfigError(f"{source} holds no number of participants")
        step_s = self.step_s
        if is_coarse and len(rows) >= FEWEST_ROWS:
            pairs = itertools.pairwise(rows)
            step_s = usual_distance(Counter(later - one for one, later in pairs))
            rows = rebinned(rows, step_s)
        length = "five-minute" if step_s == BIN_S else f"{step_s // 60}-minute"
        columns = dict(zip(COLUMNS, zip(*rows.values(), strict=True), strict=True))
        times = tuple(rows)
        return History(
            source=source,
            comments=(f"from {source}, {length} maxima",),
            utc_offset_s=utc_offset_s,
            step_s=step_s,
            times_s=times,
            participants=tuple(value or 0 for value in columns["participants"]),
            meetings=_known(columns["meetings"]),
            cameras=_known(columns["cameras"]),
            voice=_known(columns["voice"]),
            listeners=_known(columns["listeners"]),
            largest_meeting=_known(columns["largest_meeting"]),
            limit_hits=_known(columns["limit_hits"]),
            gaps=gaps_of(times, step_s, utc_offset_s),
            samples=self.samples,
            duplicates=self.duplicates,
            notes=notes,
            meeting_sizes=meeting_sizes,
        )


def _known(column: tuple[int | None, ...]) -> tuple[int | None, ...] | None:
    return column if any(value is not None for value in column) else None
