"""Foreign CSV of concurrency -> `History`: Grafana's export, spreadsheets', others'.

What such files differ in is found out, or told by the user where it cannot be: the
delimiter (`,` `;` tab), decimal commas, a byte order mark, Excel's `sep=` line; the
time (ISO 8601, `2026-11-02 08:00`, `02.11.2026 08:00` or the day alone, `11/2/2026 8:00
AM`, Unix seconds or milliseconds); units behind the number. Several value columns are
nodes and are summed at equal times, unless `columns` names which one means what or
their names say it (`NAMES`). Day and time of day may stand in two columns. A time
without zone needs `zone`; in the hour that autumn repeats the second pass is the later
one, and an hour that spring skips cannot exist and is told.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bots.errors import ConfigError
from planning.history.bins import COLUMNS, Bins
from planning.peaks import History

DELIMITERS = ("\t", ";", ",")
TIME_NAMES = ("time", "date", "datetime", "timestamp", "zeit", "datum", "ts")
CLOCK_NAMES = ("uhrzeit", "time of day", "time")
"""Beside a column of days, that of the time of day."""
NAMES = {
    **{name: name for name in COLUMNS},
    "users": "participants",
    "teilnehmer": "participants",
    "teilnehmende": "participants",
    "personen": "participants",
    "konferenzen": "meetings",
    "besprechungen": "meetings",
    "webcams": "cameras",
    "kameras": "cameras",
}
"""What columns are called whose meaning needs no --column, and what they are to us."""
SHOWN_NAMES = 4
LATER_MS = 100_000_000_000
"""Unix times above this are milliseconds: as seconds they lie beyond the year 5000."""
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y",
    "%d.%m.%y",
)
_AMERICAN = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M %p")
_NUMBER = re.compile(r"^\s*(-?[\d.,\u00a0\u202f' ]*\d)\s*([KkM]?)(?:\s|$|[a-zA-Z%])")
_UNKNOWN = {"", "nan", "null", "none", "n/a", "-", "–", "undefined"}


def read_table(
    lines: Iterable[str],
    *,
    source: str,
    zone: ZoneInfo | None = None,
    columns: Mapping[str, str] | None = None,
) -> History:
    """Return the history in the lines of a foreign CSV.

    `columns` maps a header of the file to one of our columns; without it every value
    column is a node's participants. Raises ConfigError naming the line and the fix.
    """
    numbered = _numbered(lines)
    header_line, first = next(numbered, (1, ""))
    if first.lower().startswith("sep="):
        header_line, first = next(numbered, (2, ""))
    if not first.strip():
        raise ConfigError(f"{source} line {header_line} is empty: export it anew")
    delimiter = max(DELIMITERS, key=first.count)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    if len(header) < 2:
        raise ConfigError(
            f"{source} line {header_line} has one column; expected a time and at least "
            "one number, parted by comma, semicolon or tab"
        )
    times_at = _times_at(header)
    meaning = _meaning(header, times_at, columns, source)
    clock = _Clock(zone, source)
    bins = Bins()
    duplicates = 0
    last: tuple[float, list[str]] | None = None
    for line, text in numbered:
        if not text.strip():
            continue
        row = next(csv.reader([text], delimiter=delimiter))
        if len(row) != len(header):
            raise ConfigError(
                f"{source} line {line}: {len(row)} cells where the header has "
                f"{len(header)}; a decimal comma must stand in quotes or the file be "
                "parted by semicolons"
            )
        time_s = clock.read(" ".join(row[at].strip() for at in times_at), line)
        # Where the comma is decimal, files are parted by semicolons.
        decimal = "," if delimiter == ";" else "."
        values = _values(row, meaning, decimal, line, source)
        if last is not None and last == (time_s, row):
            duplicates += 1
            continue
        last = (time_s, row)
        if values.get("participants") is not None:
            bins.add(time_s, values)
    notes = list(clock.notes())
    if columns is None and list(meaning.values()).count("participants") > 1:
        added = [header[i] for i in meaning]
        notes.append(
            f"{len(added)} columns of {source} were added up as participants of one "
            f"node each ({', '.join(added[:SHOWN_NAMES])}"
            f"{', …' * (len(added) > SHOWN_NAMES)}): name what is none with --column"
        )
    if duplicates:
        notes.append(f"{duplicates} lines of {source} were there twice")
    return bins.history(
        source, utc_offset_s=clock.offset_s, notes=tuple(notes), is_coarse=True
    )


class _Clock:
    """Reads times of one file; knows its zone and where daylight saving repeats."""

    def __init__(self, zone: ZoneInfo | None, source: str) -> None:
        self._zone, self._source = zone, source
        self._previous: datetime | None = None
        self._second_pass = False
        self._skipped = 0
        self.offset_s = 0
        self._is_first = True

    def read(self, text: str, line: int) -> float:
        text = text.strip()
        if re.fullmatch(r"\d{9,14}(\.\d+)?", text):
            value = float(text)
            return value / 1000 if value > LATER_MS else value
        moment = self._parse(text, line)
        if moment.tzinfo is None:
            if self._zone is None:
                raise ConfigError(
                    f"{self._source} line {line}: {text!r} has no time zone; say which "
                    "with --zone Europe/Berlin"
                )
            moment = self._localised(moment)
        if self._is_first:
            offset = moment.utcoffset() or timedelta()
            self.offset_s, self._is_first = int(offset.total_seconds()), False
        return moment.timestamp()

    def notes(self) -> Iterator[str]:
        if self._skipped:
            yield (
                f"{self._skipped} times lie in the hour that daylight saving skips in "
                "spring: taken as an hour later"
            )

    def _parse(self, text: str, line: int) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        for pattern in _AMERICAN if text[-1:] in "mM" else _FORMATS:
            try:
                return datetime.strptime(text, pattern)
            except ValueError:
                continue
        raise ConfigError(
            f"{self._source} line {line}: {text[:40]!r} is no time this program knows; "
            "write it as 2026-11-02T08:00:00+01:00"
        )

    def _localised(self, moment: datetime) -> datetime:
        assert self._zone is not None
        if self._previous is not None and moment < self._previous:
            # Only in autumn a clock goes back: the repeated hour's second pass.
            self._second_pass = True
        local = moment.replace(tzinfo=self._zone)
        ambiguous = local.utcoffset() != local.replace(fold=1).utcoffset()
        if not ambiguous:
            self._second_pass = False
        self._previous = moment
        back = local.astimezone(UTC).astimezone(self._zone)
        if back.replace(tzinfo=None) != moment and not self._second_pass:
            self._skipped += 1
        return local.replace(fold=1) if self._second_pass and ambiguous else local


def number_of(text: str, decimal: str = ".") -> float | None:
    """Return the number in a cell, None where nothing is known.

    Of dot and comma in one number the last is the decimal sign. A lone one before
    exactly three digits is read as the file's locale does: as a decimal sign if it is
    `decimal`, else as parting thousands. `1.2 K` is 1200. Raises ValueError for no
    number.
    """
    if text.strip().lower() in _UNKNOWN:
        return None
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(text)
    digits = re.sub(r"[\u00a0\u202f' ]", "", found[1])
    dot, comma = digits.rfind("."), digits.rfind(",")
    if dot >= 0 and comma >= 0:
        thousands = "," if dot > comma else "."
        digits = digits.replace(thousands, "").replace(",", ".")
    elif dot >= 0 or comma >= 0:
        sign = "." if dot >= 0 else ","
        parts_thousands = re.fullmatch(r"-?[1-9]\d{0,2}([.,]\d{3})+", digits)
        if digits.count(sign) > 1 or (parts_thousands and sign != decimal):
            digits = _joined(digits)
        else:
            digits = digits.replace(",", ".")
    return float(digits) * {"": 1, "K": 1e3, "k": 1e3, "M": 1e6}[found[2]]


def _joined(digits: str) -> str:
    return digits.replace(",", "").replace(".", "")


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for line, text in enumerate(lines, start=1):
        text = text.lstrip("\ufeff").rstrip("\r\n")
        if not text.startswith("#"):
            yield line, text


def _times_at(header: list[str]) -> tuple[int, ...]:
    """Return the column of the time, or those of the day and the time of day."""
    names = [name.lower() for name in header]
    first = next((i for i, name in enumerate(names) if name in TIME_NAMES), 0)
    if names[first] not in ("date", "datum"):
        return (first,)
    clocks = [i for i, name in enumerate(names) if name in CLOCK_NAMES]
    return (first, *clocks[:1])


def _meaning(
    header: list[str],
    times_at: tuple[int, ...],
    columns: Mapping[str, str] | None,
    source: str,
) -> dict[int, str]:
    values = {i: name for i, name in enumerate(header) if i not in times_at}
    if columns is None:
        if {"series", "value"} <= {name.lower() for name in header}:
            raise ConfigError(
                f"{source} holds one series below the other; export it with series "
                "joined by time, a column for each"
            )
        called = {i: name.lower() for i, name in values.items()}
        named = {i: NAMES[name] for i, name in called.items() if name in NAMES}
        if "participants" in named.values():
            return named
        return dict.fromkeys(values, "participants")
    for name, ours in columns.items():
        if name not in header:
            raise ConfigError(f"{source} has no column {name!r}: it has {header}")
        if ours not in COLUMNS:
            raise ConfigError(
                f"--column {name}={ours}: {ours!r} is none of {', '.join(COLUMNS)}"
            )
    return {i: columns[name] for i, name in values.items() if name in columns}


def _values(
    row: list[str], meaning: Mapping[int, str], decimal: str, line: int, source: str
) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for index, name in meaning.items():
        try:
            value = number_of(row[index], decimal)
        except ValueError:
            raise ConfigError(
                f"{source} line {line}: {row[index][:40]!r} is no number"
            ) from None
        known = values.get(name)
        if value is not None and known is not None:
            # Several columns of one meaning are nodes: summed at equal times.
            value = max(known, value) if name == "largest_meeting" else known + value
        values[name] = known if value is None else value
    return values
