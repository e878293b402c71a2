"""A hoster's monthly traffic beside a history: what a participant really moves. Pure.

A table of months and bytes (`month,out` and, where known, `in`; months `2026-11` or
`11/2026`; units B to TB and KiB to TiB, decimal commas) says nothing of peaks, so it is
no history of its own. Divided by the mean concurrency of the same months it is the
bitrate a participant caused, with everything in it: a check of the plan's assumption,
and a second opinion on the history, since a month far from the others is one in which
either source is wrong.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bots.errors import ConfigError
from planning.history.tables import number_of
from planning.peaks import History
from planning.series import month_days, monthly_means, monthly_peaks

FAR = 1.5
"""A month whose bitrate is this many times the median, or its inverse, is told."""
DAY_S = 86_400
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_BYTES = re.compile(r"^(.*?\d)\s*([KMGT]?)(i?)B?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthTraffic:
    """One month of both sources."""

    month: str
    out_bytes: float
    mean_participants: float
    out_bps: float
    """Outgoing bits a second for each participant present."""
    is_far: bool
    """Far from the median of the months: one of the sources is wrong there."""


def parse_months(lines: Iterable[str], *, source: str) -> dict[str, float]:
    """Return the outgoing bytes of each month; raises ConfigError naming the line."""
    text = [line for line in lines if line.strip() and not line.startswith("#")]
    delimiter = max("\t;,", key=(text[0] if text else "").count)
    rows = list(csv.reader(text, delimiter=delimiter))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "month" not in header or "out" not in header:
        raise ConfigError(f"{source} needs a first line with the columns month and out")
    month_at, out_at = header.index("month"), header.index("out")
    decimal = "," if delimiter == ";" else "."
    found: dict[str, float] = {}
    for number, row in enumerate(rows[1:], start=2):
        where = f"{source} row {number}"
        if len(row) != len(header):
            raise ConfigError(
                f"{where}: {len(row)} cells, the header has {len(header)}"
            )
        month = _month(row[month_at].strip(), where)
        if month in found:
            raise ConfigError(f"{where}: {month} is there twice")
        found[month] = _bytes(row[out_at].strip(), decimal, where)
    return found


def beside(out_bytes: dict[str, float], history: History) -> tuple[MonthTraffic, ...]:
    """Return the months that both sources know whole; raises ConfigError if none."""
    means = dict(monthly_means(history))
    whole = {
        peak.starts_on[:7] for peak in monthly_peaks(history) if peak.peak is not None
    }
    rates = {
        month: 8 * sent / (month_days(month) * DAY_S) / means[month]
        for month, sent in sorted(out_bytes.items())
        if month in whole and means[month] > 0
    }
    if not rates:
        raise ConfigError(f"no month is in both, the traffic and {history.source}")
    middle = median(rates.values())
    return tuple(
        MonthTraffic(
            month=month,
            out_bytes=out_bytes[month],
            mean_participants=means[month],
            out_bps=rate,
            is_far=not middle / FAR <= rate <= middle * FAR,
        )
        for month, rate in rates.items()
    )


def _month(text: str, where: str) -> str:
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})(-\d+)?", text):
        year, month = int(found[1]), int(found[2])
    elif found := re.fullmatch(r"(\d{1,2})[./](\d{4})", text):
        year, month = int(found[2]), int(found[1])
    else:
        raise ConfigError(f"{where}: {text[:20]!r} is no month such as 2026-11")
    if not 1 <= month <= 12:
        raise ConfigError(f"{where}: {text[:20]!r} is no month such as 2026-11")
    return f"{year:04}-{month:02}"


def _bytes(text: str, decimal: str, where: str) -> float:
    found = _BYTES.match(text)
    try:
        value = number_of(found[1], decimal) if found else None
    except ValueError:
        value = None
    if found is None or value is None or value < 0:
        raise ConfigError(f"{where}: {text[:20]!r} is no amount such as 12,5 TB")
    base = 1024.0 if found[3] else 1000.0
    return value * base ** _UNITS[found[2].upper()]
