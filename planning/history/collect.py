"""A small daemon that polls getMeetings and keeps five-minute maxima in SQLite.

For who has no Prometheus: BBB's or Scalelite's API is asked every minute, the answer is
added up at once, and nothing of a person or a meeting is kept. A poll that fails is a
gap, told in the log; the daemon goes on. Meetings of our own load tests
(`bbb-origin` bbbload) are counted apart. Breakout rooms count as meetings with their
participants, as in bigbluebutton-exporter: a person in one holds two sessions.

Bounded: one call at a time, one row a bin, rows older than the retention go.
"""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bots.errors import ClusterError, ConfigError
from bots.protocol.answers import MeetingInfo, parse_meetings
from bots.protocol.api import ORIGIN, get_meetings_url
from bots.servers import Server
from bots.transport import Transport
from planning.history.bins import Bins
from planning.history.csv import BIN_S
from planning.peaks import History
from planning.sizes import HOUR_S, SizeHours, class_of

log = logging.getLogger(__name__)

DAY_S = 86_400
_TABLE = """
CREATE TABLE IF NOT EXISTS bins (
    time_s INTEGER PRIMARY KEY, participants INTEGER, meetings INTEGER,
    cameras INTEGER, voice INTEGER, listeners INTEGER, largest_meeting INTEGER,
    own INTEGER, polls INTEGER
)"""
_SIZES_TABLE = """
CREATE TABLE IF NOT EXISTS sizes (
    hour_s INTEGER, size INTEGER, meetings INTEGER, PRIMARY KEY (hour_s, size)
)"""
_ADD_SIZE = """
INSERT INTO sizes (hour_s, size, meetings) VALUES (?, ?, ?)
ON CONFLICT (hour_s, size) DO UPDATE SET meetings = meetings + excluded.meetings"""
_COLUMNS = (
    "participants",
    "meetings",
    "cameras",
    "voice",
    "listeners",
    "largest_meeting",
    "own",
)
_ADD = f"""
INSERT INTO bins (time_s, {", ".join(_COLUMNS)}, polls)
VALUES (?, {", ".join("?" * len(_COLUMNS))}, 1)
ON CONFLICT (time_s) DO UPDATE SET polls = polls + 1,
{", ".join(f"{name} = max({name}, excluded.{name})" for name in _COLUMNS)}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One answer of getMeetings, added up."""

    participants: int
    meetings: int
    cameras: int
    voice: int
    listeners: int
    largest_meeting: int
    own: int
    """Participants of our own load tests, in none of the other numbers."""
    sizes: tuple[tuple[int, int], ...] = ()
    """(size class, meetings) of those with anybody in them."""


def added_up(meetings: Iterable[MeetingInfo]) -> Poll:
    """Return the sums over the meetings that have not been ended. Pure."""
    running = [one for one in meetings if not one.has_been_forcibly_ended]
    demand = [one for one in running if dict(one.metadata).get("bbb-origin") != ORIGIN]
    return Poll(
        participants=sum(one.participants for one in demand),
        meetings=sum(1 for one in demand if one.participants),
        cameras=sum(one.videos for one in demand),
        voice=sum(one.voices for one in demand),
        listeners=sum(one.listeners for one in demand),
        largest_meeting=max((one.participants for one in demand), default=0),
        own=sum(one.participants for one in running)
        - sum(one.participants for one in demand),
        sizes=tuple(
            sorted(
                Counter(
                    class_of(one.participants) for one in demand if one.participants
                ).items()
            )
        ),
    )


class Store:
    """The SQLite file of five-minute maxima."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = sqlite3.connect(path, timeout=10, isolation_level=None)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(_TABLE)
            self._file.execute(_SIZES_TABLE)
        except sqlite3.Error as error:
            raise ConfigError(
                f"{path} cannot be used as a SQLite file: {error}"
            ) from error

    def add(self, time_s: float, poll: Poll) -> None:
        """Keep the larger of what the bin holds and `poll`."""
        start = int(time_s) - int(time_s) % BIN_S
        values = tuple(getattr(poll, name) for name in _COLUMNS)
        self._file.execute(_ADD, (start, *values))
        hour = int(time_s) - int(time_s) % HOUR_S
        rows = [(hour, size, meetings) for size, meetings in poll.sizes]
        self._file.executemany(_ADD_SIZE, rows)

    def forget(self, before_s: float) -> None:
        """Delete the bins that began before `before_s`."""
        self._file.execute("DELETE FROM bins WHERE time_s < ?", (int(before_s),))
        self._file.execute("DELETE FROM sizes WHERE hour_s < ?", (int(before_s),))

    def history(self, *, utc_offset_s: int = 0) -> History:
        """Return all that was collected."""
        bins = Bins()
        query = f"SELECT time_s, {', '.join(_COLUMNS)} FROM bins ORDER BY time_s"
        highest = busy = 0
        for time_s, *row in self._file.execute(query):
            values = dict(zip(_COLUMNS, row, strict=True))
            own = values.pop("own")
            highest, busy = max(highest, own), busy + (own > 0)
            bins.add(time_s, values)
        notes: tuple[str, ...] = ()
        if busy:
            notes = (
                f"our own load tests were taken out: up to {highest} participants in "
                f"{busy * BIN_S / 3600:.1f} hours (bbb-origin {ORIGIN})",
            )
        sizes = SizeHours()
        for hour_s, size, meetings in self._file.execute(
            "SELECT hour_s, size, meetings FROM sizes"
        ):
            sizes.add(hour_s, {size: meetings})
        return bins.history(
            self.path.name,
            utc_offset_s=utc_offset_s,
            notes=notes,
            meeting_sizes=sizes.histogram(),
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How often to poll, how long to keep, when to stop."""

    every_s: float = 60.0
    keep_s: float = 800.0 * DAY_S
    most_polls: int | None = None
    """None: until stopped."""


async def collect(
    server: Server,
    path: Path,
    rounds: Round,
    *,
    now_s: Callable[[], float],
    stopped: asyncio.Event,
) -> int:
    """Poll `server` until stopped; return the number of polls that failed."""
    failed = polls = 0
    with closing(Store(path)) as store:
        async with Transport(ca_file=server.ca_file, reach=server.reach) as transport:
            url = get_meetings_url(server.url, server.secret.reveal())
            while not stopped.is_set():
                began_s = now_s()
                try:
                    answer = await transport.get(url)
                    store.add(began_s, added_up(parse_meetings(answer)))
                except ClusterError as failure:
                    failed += 1
                    log.warning("no answer of %s: %s", server.name, failure)
                polls += 1
                store.forget(began_s - rounds.keep_s)
                if rounds.most_polls is not None and polls >= rounds.most_polls:
                    break
                rest = max(0.0, rounds.every_s - (now_s() - began_s))
                try:
                    async with asyncio.timeout(rest):
                        await stopped.wait()
                except TimeoutError:
                    continue
    return failed
