"""The clock that people live by: a history's zone, daylight saving and all. Pure.

A history knows the offset of its first sample, and where its reader was told, the name
of its zone. Lessons begin at eight by the clock on the wall, in summer as in winter, so
hours of the week are told in the zone; without a name they keep the first offset.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.peaks import History

HOUR_S = 3600


def zone_of(name: str, what: str = "--zone") -> ZoneInfo:
    """Return the zone called `name`; raises ConfigError that begins with `what`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"{what} {name!r} is no time zone such as Europe/Berlin"
        ) from error


def clock_of(history: History) -> tzinfo:
    """Return the zone in which the history's days and hours are told."""
    if history.zone:
        return zone_of(history.zone, f"{history.source}: zone")
    return timezone(timedelta(seconds=history.utc_offset_s))


def local_seconds(history: History, times_s: Sequence[int]) -> NDArray[np.int64]:
    """Return Unix times with the clock's offset added, one by one."""
    times = np.asarray(times_s, dtype=np.int64)
    if not history.zone:
        return times + history.utc_offset_s
    clock = clock_of(history)
    # Zones change their offset on the full hour of UTC.
    hours, inverse = np.unique(times // HOUR_S, return_inverse=True)
    offsets = [_offset_s(int(hour) * HOUR_S, clock) for hour in hours]
    return np.asarray(times + np.array(offsets, dtype=np.int64)[inverse])


def _offset_s(time_s: int, clock: tzinfo) -> int:
    offset = datetime.fromtimestamp(time_s, UTC).astimezone(clock).utcoffset()
    return int(offset.total_seconds()) if offset else 0
