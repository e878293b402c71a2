"""Our own CSV of concurrency, read as a stream: five-minute maxima, gaps known.

The first line that is no comment names the columns: `time,participants` and, where
known, `meetings`, `cameras`, `voice`, `listeners`, `largest_meeting`, `limit_hits`
(joins that a limit refused). Times are ISO 8601 with a zone, ascending. Lines that
begin with `#` are comments; `# zone: Europe/Berlin` names the zone whose clock people
live by; `# note: …` says what was done to the numbers, `#
disagreement: 0.08` how far two sources were apart, and the report repeats both; `#
meeting sizes: 5=310 15=120` how many meetings of up to 5 and of 6 to 15 participants
were seen in busy hours (`planning/sizes.py`), which placement draws from. An empty cell
is a value that nobody knows. Every mistake is one sentence that names file and line.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from bots.errors import ConfigError
from planning.peaks import Gap, History
from planning.sizes import Histogram, parse_sizes, write_sizes
from planning.zones import clock_of, zone_of

BIN_S = 300
HOUR_S = 3600
DAY_S = 86_400
OPTIONAL_COLUMNS = (
    "meetings",
    "cameras",
    "voice",
    "listeners",
    "largest_meeting",
    "limit_hits",
)
NOTE = "note:"
DISAGREEMENT = "disagreement:"
ZONE = "zone:"
SIZES = "meeting sizes:"
LARGEST_VALUE = 100_000_000
"""No service on earth has more participants: a larger number is a wrong column."""

_Row = tuple[int, tuple[int | None, ...]]


def read_csv(path: Path) -> History:
    """Return the history in `path`.

    Raises ConfigError for a file that cannot be read or understood.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return parse_csv(lines, source=path.name)
    except OSError as error:
        raise ConfigError(
            f"cannot read the history {path}: {error.strerror or error}; "
            "name a CSV with the columns time,participants"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the history {path} is not UTF-8 text: save it as CSV in UTF-8"
        ) from error


def parse_csv(lines: Iterable[str], *, source: str) -> History:
    """Aggregate the lines of a history file to bins and return them.

    Bins are 300 s long, or as long as the usual distance of the samples where that is
    more: a history of hourly values keeps hourly bins.
    """
    comments: list[str] = []
    rows = csv.reader(_without_comments(lines, comments))
    columns = _header(rows, source)
    bins: dict[int, list[int | None]] = {}
    distances: dict[int, int] = {}
    samples = duplicates = 0
    previous_s: int | None = None
    zone_s = 0
    for row in rows:
        if not row:
            continue
        # Comment lines before this row were dropped one by one, so add them back.
        line = rows.line_num + len(comments)
        moment = _moment(row[0], line, source)
        time_s = int(moment.timestamp())
        values = _values(row, columns, line, source)
        if previous_s is None:
            offset = moment.utcoffset()
            zone_s = int(offset.total_seconds()) if offset else 0
        elif time_s < previous_s:
            raise ConfigError(
                f"{source} line {line}: {row[0]} is earlier than the line before it; "
                "sort the file by time"
            )
        elif time_s == previous_s:
            duplicates += 1
        else:
            distance = time_s - previous_s
            distances[distance] = distances.get(distance, 0) + 1
        previous_s = time_s
        if values[0] is None:
            continue
        samples += 1
        _merge(bins, time_s - time_s % BIN_S, values)
    if not bins:
        raise ConfigError(
            f"{source} holds no sample: it needs lines such as "
            "2026-11-02T08:00:00+01:00,412 under the header time,participants"
        )
    step_s = usual_distance(distances)
    if step_s > BIN_S:
        bins = rebinned(bins, step_s)
    return _history(
        bins,
        columns=columns,
        comments=tuple(comments),
        source=source,
        step_s=step_s,
        zone_s=zone_s,
        samples=samples,
        duplicates=duplicates,
    )


def _without_comments(lines: Iterable[str], comments: list[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("#"):
            comments.append(line[1:].strip())
        else:
            yield line


def _header(rows: Iterator[list[str]], source: str) -> tuple[str, ...]:
    header = tuple(name.strip().lower() for name in next(rows, []))
    if header[:2] != ("time", "participants"):
        shown = ",".join(header) if header else "nothing"
        raise ConfigError(
            f"{source} begins with {shown[:60]!r}: its first line must be "
            f"time,participants and may go on with {','.join(OPTIONAL_COLUMNS)}; "
            "`bbbload history csv` reads the files of other programs"
        )
    for name in header[2:]:
        if name not in OPTIONAL_COLUMNS:
            raise ConfigError(
                f"{source} has an unknown column {name!r}: known are time, "
                f"participants, {', '.join(OPTIONAL_COLUMNS)}"
            )
    if len(set(header)) != len(header):
        raise ConfigError(f"{source} names a column twice: {','.join(header)}")
    return header[1:]


def _moment(text: str, line: int, source: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"{source} line {line}: {text.strip()[:40]!r} is no ISO 8601 time such as "
            "2026-11-02T08:00:00+01:00"
        ) from error
    if moment.tzinfo is None:
        raise ConfigError(
            f"{source} line {line}: {text.strip()!r} has no time zone; write it as "
            f"{text.strip()}+01:00 or {text.strip()}Z"
        )
    return moment


def _values(
    row: list[str], columns: tuple[str, ...], line: int, source: str
) -> tuple[int | None, ...]:
    if len(row) != len(columns) + 1:
        raise ConfigError(
            f"{source} line {line}: {len(row)} cells where the header has "
            f"{len(columns) + 1}; a number must not hold a comma"
        )
    return tuple(
        _count(cell, name, line, source)
        for cell, name in zip(row[1:], columns, strict=True)
    )


def _count(cell: str, name: str, line: int, source: str) -> int | None:
    text = cell.strip()
    if not text or text.lower() == "nan":
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise ConfigError(
            f"{source} line {line}: {name} is {text[:40]!r}, which is no number"
        ) from error
    if not 0 <= value <= LARGEST_VALUE:
        raise ConfigError(
            f"{source} line {line}: {name} is {text}; it must be between 0 and "
            f"{LARGEST_VALUE:,}"
        )
    return round(value)


def _merge(
    bins: dict[int, list[int | None]], start_s: int, values: Iterable[int | None]
) -> None:
    known = bins.get(start_s)
    if known is None:
        bins[start_s] = list(values)
        return
    for index, value in enumerate(values):
        old = known[index]
        if value is not None and (old is None or value > old):
            known[index] = value


def usual_distance(distances: Mapping[int, int]) -> int:
    """Return the median distance of samples, in whole bins, at most a day.

    `distances` counts how often each distance was seen.
    """
    if not distances:
        return BIN_S
    half = sum(distances.values()) / 2
    seen = 0
    for distance in sorted(distances):
        seen += distances[distance]
        if seen >= half:
            break
    if distance <= BIN_S:
        return BIN_S
    return min(DAY_S, round(distance / BIN_S) * BIN_S)


def rebinned(
    bins: dict[int, list[int | None]], step_s: int
) -> dict[int, list[int | None]]:
    """Return bins put together to longer ones, each value the largest.

    Values of whole days stay at their own times: days begin at midnight by the clock
    on the wall, not at that of UTC.
    """
    if step_s >= DAY_S:
        return bins
    coarse: dict[int, list[int | None]] = {}
    for time_s, values in bins.items():
        _merge(coarse, time_s - time_s % step_s, values)
    return coarse


def _history(
    bins: dict[int, list[int | None]],
    *,
    columns: tuple[str, ...],
    comments: tuple[str, ...],
    source: str,
    step_s: int,
    zone_s: int,
    samples: int,
    duplicates: int,
) -> History:
    times = tuple(bins)
    by_column = dict(zip(columns, zip(*bins.values(), strict=True), strict=True))
    return History(
        source=source,
        comments=comments,
        utc_offset_s=zone_s,
        step_s=step_s,
        times_s=times,
        participants=by_column["participants"],
        meetings=by_column.get("meetings"),
        cameras=by_column.get("cameras"),
        voice=by_column.get("voice"),
        listeners=by_column.get("listeners"),
        largest_meeting=by_column.get("largest_meeting"),
        limit_hits=by_column.get("limit_hits"),
        gaps=gaps_of(times, step_s, zone_s),
        samples=samples,
        duplicates=duplicates,
        is_modelled=any(
            "modelled" in comment.lower()
            for comment in comments
            if not comment.startswith(NOTE)
        ),
        notes=tuple(
            comment.removeprefix(NOTE).strip()
            for comment in comments
            if comment.startswith(NOTE)
        ),
        disagreement_ratio=_disagreement(comments, source),
        meeting_sizes=_sizes(comments, source),
        zone=_zone(comments, source),
    )


def _zone(comments: tuple[str, ...], source: str) -> str:
    for comment in comments:
        if comment.startswith(ZONE):
            name = comment.removeprefix(ZONE).strip()
            return zone_of(name, f"{source}: the comment '{ZONE}'").key
    return ""


def _sizes(comments: tuple[str, ...], source: str) -> Histogram:
    for comment in comments:
        if comment.startswith(SIZES):
            return parse_sizes(comment.removeprefix(SIZES), source)
    return ()


def _disagreement(comments: tuple[str, ...], source: str) -> float:
    for comment in comments:
        if comment.startswith(DISAGREEMENT):
            text = comment.removeprefix(DISAGREEMENT).strip()
            try:
                value = float(text)
            except ValueError:
                value = -1.0
            if not 0.0 <= value <= 2.0:
                raise ConfigError(
                    f"{source}: the comment '{DISAGREEMENT} {text[:20]}' must hold a "
                    "number from 0 to 2, the standard deviation of a logarithm"
                )
            return value
    return 0.0


def gaps_of(times_s: Sequence[int], step_s: int, zone_s: int) -> tuple[Gap, ...]:
    """Return the stretches between bins that are longer than a step.

    In autumn one day is an hour longer than others.
    """
    longest = step_s + (HOUR_S if step_s >= DAY_S else 0)
    return tuple(
        _gap(earlier + step_s, later, zone_s)
        for earlier, later in itertools.pairwise(times_s)
        if later - earlier > longest
    )


def write_csv(history: History) -> Iterator[str]:
    """Yield the lines of `history` as `parse_csv` reads them."""
    for comment in history.comments:
        if not comment.startswith((NOTE, DISAGREEMENT, SIZES, ZONE)):
            yield f"# {comment}\n"
    if history.zone:
        yield f"# {ZONE} {history.zone}\n"
    for note in history.notes:
        yield f"# {NOTE} {note}\n"
    if history.disagreement_ratio:
        yield f"# {DISAGREEMENT} {history.disagreement_ratio:.3f}\n"
    if history.meeting_sizes:
        yield f"# {SIZES} {write_sizes(history.meeting_sizes)}\n"
    known = {name: getattr(history, name) for name in OPTIONAL_COLUMNS}
    columns = {name: values for name, values in known.items() if values is not None}
    yield ",".join(("time", "participants", *columns)) + "\n"
    zone = clock_of(history)
    rows = zip(history.times_s, history.participants, *columns.values(), strict=True)
    for time_s, *values in rows:
        moment = datetime.fromtimestamp(time_s, zone).isoformat()
        cells = ("" if value is None else str(value) for value in values)
        yield ",".join((moment, *cells)) + "\n"


def _gap(starts_s: int, ends_s: int, zone_s: int) -> Gap:
    zone = timezone(timedelta(seconds=zone_s)) if zone_s else UTC
    return Gap(
        starts_at=datetime.fromtimestamp(starts_s, zone).isoformat(),
        ends_at=datetime.fromtimestamp(ends_s, zone).isoformat(),
        duration_s=ends_s - starts_s,
    )
