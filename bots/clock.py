"""The clock of a run: seconds since its start, on the machine's monotonic clock.

It is the one door to the time of day for a participant, whose protocol wants it in two
places (a cursor and a "last seen"); nothing is ever measured with that.
"""

import time
from datetime import UTC, datetime


class RunClock:
    """Where `elapsed_s` comes from; one for all participants of an engine."""

    __slots__ = ("zero_s",)

    def __init__(self, zero_s: float | None = None) -> None:
        """Start the run at `zero_s` of `time.monotonic()`, by default now."""
        self.zero_s = time.monotonic() if zero_s is None else zero_s

    def elapsed_s(self) -> float:
        """Return the seconds since the run's start."""
        return time.monotonic() - self.zero_s

    def elapsed_at(self, monotonic_s: float) -> float:
        """Return what `elapsed_s` was at a reading of `time.monotonic()`."""
        return monotonic_s - self.zero_s

    def utc(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)
