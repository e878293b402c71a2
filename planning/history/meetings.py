"""Per-meeting sources -> `History`: bbblb's meeting_stats, BBB's events.xml. Streams.

No name of a person or meeting is kept: rows are added up at once. Both sources say
nothing while nobody meets, so silence counts as empty up to `LONGEST_SILENCE_S`, and a
longer one as unknown after its first day: a service that was closed or a poller that
was down says nothing of demand.

bbblb (docs/accounting.rst): table `meeting_stats` with ts, uuid, users, voice, video,
one row per meeting and poll, exported as CSV or as a JSON array. Rows of one poll share
their time or lie within seconds of each other, so a poll is what lies within
`POLL_S`; a meeting that is there twice in a poll counts once, with its larger numbers.

events.xml of a recording: joins and leaves of one meeting with BBB's own clock
(`timestampUTC`, milliseconds, as in the fixtures of bigbluebutton/bbb-events for BBB
2.5 and 2.6; older files have none and are refused). Concurrency is exact; several
meetings are added up.
"""

import csv
import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bots.errors import ConfigError
from planning.history.bins import Bins
from planning.history.csv import BIN_S
from planning.history.events import changes_of
from planning.peaks import History
from planning.sizes import SizeHours

POLL_S = 20
MOST_MEETING_S = 7 * 86_400
LONGEST_SILENCE_S = 5 * 86_400
"""From the last meeting before Easter to the first one after it."""


@dataclass(slots=True)
class _Seen:
    users: float
    voice: float
    video: float


def read_meeting_stats(lines: Iterable[str], *, source: str) -> History:
    """Return the history in an export of bbblb's meeting_stats, ascending by ts."""
    bins, sizes = Bins(), SizeHours()
    poll: dict[str, _Seen] = {}
    began: float | None = None
    previous = 0.0
    repeated = 0
    for number, row in enumerate(_stats_rows(lines, source), start=1):
        where = f"{source} row {number}"
        time_s = _time(row, where)
        if time_s < previous - POLL_S:
            raise ConfigError(f"{where} is earlier than the one before: sort by ts")
        previous = time_s
        if began is None or time_s - began > POLL_S:
            if began is not None:
                _add_poll(bins, sizes, began, poll)
            began, poll = time_s, {}
        seen = _Seen(
            *(_number(row, name, where) for name in ("users", "voice", "video"))
        )
        known = poll.get(str(row["uuid"]))
        if known is not None:
            repeated += 1
            seen = _Seen(
                max(seen.users, known.users),
                max(seen.voice, known.voice),
                max(seen.video, known.video),
            )
        poll[str(row["uuid"])] = seen
    if began is not None:
        _add_poll(bins, sizes, began, poll)
    notes = [f"bbblb writes no row while no meeting runs: {_silence(bins)}"]
    if repeated:
        notes.append(f"{repeated} rows were of a meeting already seen in that poll")
    return bins.history(source, notes=tuple(notes), meeting_sizes=sizes.histogram())


def read_events(paths: Iterable[Path]) -> History:
    """Return the concurrency of all meetings whose events.xml are given.

    Between the meetings nothing is known. Raises ConfigError for a file that is none.
    """
    streams = [list(changes_of(path)) for path in paths]
    if not any(streams):
        raise ConfigError("no events.xml with a join was given")
    bins = Bins()
    present: dict[int, int] = {}
    previous_s: float | None = None
    total = 0
    for time_s, index, change in heapq.merge(
        *(
            [(time_s, index, change) for time_s, change in stream]
            for index, stream in enumerate(streams)
        )
    ):
        if previous_s is not None and total:
            _hold(bins, previous_s, time_s, present)
        now = max(0, present.get(index, 0) + change) if change else 0
        total += now - present.get(index, 0)
        present[index] = now
        previous_s = time_s
        _add_now(bins, time_s, present)
    # Several joins in one second are no duplicates.
    bins.duplicates = 0
    return bins.history(
        f"events.xml of {len(streams)} meetings",
        notes=(
            "only recorded meetings leave an events.xml: others are missing, and "
            + _silence(bins),
        ),
    )


def _silence(bins: Bins) -> str:
    hours = bins.fill_silence(LONGEST_SILENCE_S)
    days = LONGEST_SILENCE_S // 86_400
    return (
        f"{hours:.0f} hours of silence, at most {days} days at a time, count as empty "
        "(name outages with --closed)"
    )


def _hold(bins: Bins, since_s: float, until_s: float, present: dict[int, int]) -> None:
    """Say for every bin between two changes who was present throughout."""
    first = int(since_s) - int(since_s) % BIN_S + BIN_S
    for start in range(first, min(int(until_s), first + MOST_MEETING_S), BIN_S):
        _add_now(bins, start, present)


def _add_now(bins: Bins, time_s: float, present: dict[int, int]) -> None:
    running = [count for count in present.values() if count]
    bins.add(
        time_s,
        {
            "participants": sum(running),
            "meetings": len(running),
            "largest_meeting": max(running, default=0),
        },
    )


def _add_poll(
    bins: Bins, sizes: SizeHours, time_s: float, poll: dict[str, _Seen]
) -> None:
    running = poll.values()
    sizes.add_meetings(time_s, (seen.users for seen in running))
    bins.add(
        time_s,
        {
            "participants": sum(seen.users for seen in running),
            "meetings": sum(1 for seen in running if seen.users),
            "voice": sum(seen.voice for seen in running),
            "cameras": sum(seen.video for seen in running),
            "largest_meeting": max(seen.users for seen in running),
        },
    )


def _stats_rows(lines: Iterable[str], source: str) -> Iterator[dict[str, Any]]:
    stream = iter(lines)
    first = next(stream, "")
    if first.lstrip().startswith(("[", "{")):
        text = first + "".join(stream)
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"{source} is no JSON: {error}") from error
        rows = rows if isinstance(rows, list) else [rows]
    else:
        rows = csv.DictReader(_chain(first, stream))
    for row in rows:
        missing = {"ts", "uuid", "users"} - set(row)
        if missing:
            raise ConfigError(
                f"{source} has no column {sorted(missing)[0]!r}: export bbblb's table "
                "meeting_stats with ts, uuid, users, voice, video"
            )
        yield row


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first.lstrip("\ufeff")
    yield from rest


def _time(row: dict[str, Any], where: str) -> float:
    text = str(row["ts"]).strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{where}: ts is {text[:40]!r}, no time") from error
    # SQLite and Postgres export bbblb's UTC times without a zone.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(row: dict[str, Any], name: str, where: str) -> float:
    text = str(row.get(name) or 0)
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {name} is {text[:40]!r}, no number") from error
