"""A Prometheus server's API -> `History`.

Every node's value is summed at equal times, and the maximum is taken after that, on the
server: `max_over_time(sum(…)[5m:1m])`. Adding each node's own maximum would invent
peaks. A range is asked for in chunks below the server's limit of 11,000 points a series
(Prometheus, HTTP API, "exceeded maximum resolution"). Two scrapes of one node (two
jobs, two replicas) are one node: the larger is taken before the sum.

The names have traps, each with its rule here: see `DIALECTS`. A bin in which fewer
nodes answered than usual that day is left out, since the sum of the others is no peak.
"""

import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from bots.errors import ConfigError
from planning.history.bins import Bins
from planning.history.csv import BIN_S
from planning.no_redirect import NoRedirect
from planning.peaks import History
from planning.sizes import HOUR_S, Histogram, SizeHours, class_of

MOST_POINTS = 10_000
ATTEMPTS = 4
TIMEOUT_S = 60.0
MOST_ANSWER_BYTES = 64_000_000
DAY_S = 86_400
LONGEST_DAYS = 3660
ORIGIN = "bbbload"
"""`bbb-origin` of our own meetings: they are no demand."""

Fetch = Callable[[str, Mapping[str, str]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one exporter names things: PromQL by column, `{s}` is the selector."""

    name: str
    probe: str
    """A metric whose presence tells the dialect."""
    columns: tuple[tuple[str, str], ...]
    counted: str = ""
    """How many nodes answered, where each node has an exporter of its own."""
    own: str = ""
    """Participants of our own load tests, to be subtracted."""
    zero_is_unknown: tuple[str, ...] = ()
    """Columns that some versions leave at 0 for ever."""
    limit_hits: str = ""
    sizes: str = ""
    """Meetings of at most `le` participants, a series for each."""


DIALECTS = (
    Dialect(
        name="bigbluebutton-exporter",
        probe="bbb_meetings_participants",
        counted="count(count by (instance) (bbb_meetings_participants{s}))",
        columns=(
            ("participants", "sum(max by (instance) (bbb_meetings_participants{s}))"),
            ("meetings", "sum(max by (instance) (bbb_meetings{s}))"),
            ("cameras", "sum(max by (instance) (bbb_meetings_video_participants{s}))"),
            ("voice", "sum(max by (instance) (bbb_meetings_voice_participants{s}))"),
            ("listeners", "sum(max by (instance) (bbb_meetings_listeners{s}))"),
            ("largest_meeting", "max(bbb_meetings_participants_max{s})"),
        ),
        sizes="sum by (le) (max by (instance, le) (bbb_room_participants_bucket{s}))",
        own="sum(max by (instance, server) "
        f'(bbb_meetings_participants_origin{{s:name="{ORIGIN}"}}))',
        # bigbluebutton-exporter#142: listeners stay 0 on BBB 3.0.
        zero_is_unknown=("listeners",),
    ),
    Dialect(
        name="b3scale",
        probe="b3scale_meeting_attendees",
        # b3scale_frontend_attendees counts participants without a camera only, so the
        # meetings are added up; `audio` means "has no camera". Without a meeting there
        # is no series at all, so the backends say that nobody was there.
        columns=(
            (
                "participants",
                "sum(max by (meeting, type) (b3scale_meeting_attendees{s})) "
                "or 0 * sum(b3scale_backend_meetings{s})",
            ),
            ("meetings", "count(count by (meeting) (b3scale_meeting_attendees{s}))"),
            (
                "cameras",
                'sum(max by (meeting) (b3scale_meeting_attendees{s:type="video"}))',
            ),
            (
                "largest_meeting",
                "max(sum by (meeting) "
                "(max by (meeting, type) (b3scale_meeting_attendees{s})))",
            ),
        ),
    ),
    Dialect(
        name="b3lb",
        probe="b3lb_attendees",
        columns=(
            ("participants", "sum(max by (secret) (b3lb_attendees{s}))"),
            ("meetings", "sum(max by (secret) (b3lb_meetings{s}))"),
            ("cameras", "sum(max by (secret) (b3lb_videos{s}))"),
            ("voice", "sum(max by (secret) (b3lb_voices{s}))"),
            ("listeners", "sum(max by (secret) (b3lb_listeners{s}))"),
        ),
        # increase() knows that a counter that fell was reset.
        limit_hits="sum(max by (secret) (increase(b3lb_attendee_limit_hits{s}[5m])))",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which history of which server."""

    url: str
    starts_s: int
    ends_s: int
    selector: str = ""
    """Labels inside the braces, such as `job="bbb"`."""
    utc_offset_s: int = 0


def read_prometheus(wanted: Wanted, fetch: Fetch) -> History:
    """Return the history that a Prometheus server holds of BBB nodes.

    `fetch(path, parameters)` returns the `data` of an API answer (`http_fetch`).
    Raises ConfigError when no series of a known exporter is there.
    """
    if not 0 < wanted.ends_s - wanted.starts_s <= LONGEST_DAYS * DAY_S:
        raise ConfigError(
            f"the range to read must be longer than nothing and up to {LONGEST_DAYS} "
            "days: check --since and --until"
        )
    dialect = _dialect(wanted, fetch)
    answered = dict(_values(_within(dialect.counted, wanted), wanted, fetch, "min"))
    usual = _usual(answered)
    bins = Bins()
    dropped: set[int] = set()
    own = dict(_values(_within(dialect.own, wanted), wanted, fetch, "max"))
    by_column: dict[str, dict[int, float]] = {}
    for name, query in dialect.columns:
        by_column[name] = dict(_values(_within(query, wanted), wanted, fetch, "max"))
    notes = []
    for name in dialect.zero_is_unknown:
        values = by_column[name]
        if values and not any(values.values()):
            del by_column[name]
            notes.append(
                f"{name} were 0 throughout, as {dialect.name} says on BBB 3.0 whatever "
                "is true: left out"
            )
    if dialect.limit_hits:
        hits = _within(dialect.limit_hits, wanted)
        by_column["limit_hits"] = dict(_values(hits, wanted, fetch, "last"))
    for time_s, participants in sorted(by_column["participants"].items()):
        if answered and answered.get(time_s, 0) < usual.get(time_s // DAY_S, 0):
            dropped.add(time_s)
            continue
        row = {name: column.get(time_s) for name, column in by_column.items()}
        row["participants"] = max(0.0, participants - own.get(time_s, 0.0))
        bins.add(time_s, row)
    notes += _notes(dropped, own)
    return bins.history(
        f"{dialect.name} at {_place(wanted.url)}",
        utc_offset_s=wanted.utc_offset_s,
        notes=tuple(notes),
        meeting_sizes=_sizes(dialect, wanted, fetch),
    )


def http_fetch(
    url: str,
    *,
    token: str = "",
    ca_file: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetch:
    """Return a `Fetch` that asks the server at `url`, up to four times each.

    A token goes to that server alone: no redirect is followed with one.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as mistake:
        raise ConfigError(
            f"the address of the Prometheus server is none: {mistake}"
        ) from mistake
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{_place(url)!r} is no address of a Prometheus server")
    if parts.username is not None:
        raise ConfigError(
            f"the address of {_place(url)} holds a user: leave it out, and give a "
            "token in the environment variable BBBLOAD_PROMETHEUS_TOKEN"
        )
    tls = urllib.request.HTTPSHandler(context=_tls(ca_file))
    opener = urllib.request.build_opener(tls, *((NoRedirect(),) if token else ()))

    def fetch(path: str, parameters: Mapping[str, str]) -> Any:
        asked = urllib.parse.urlencode(parameters)
        place = url.rstrip("/") + path
        # Only queries may be posted; they may be longer than an address.
        if path.startswith("/api/v1/query"):
            request = urllib.request.Request(place, data=asked.encode())
        else:
            request = urllib.request.Request(f"{place}?{asked}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        for attempt in range(ATTEMPTS):
            if attempt:
                sleep(2.0**attempt)
            try:
                with opener.open(request, timeout=TIMEOUT_S) as answer:
                    return _data(answer.read(MOST_ANSWER_BYTES), url)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429:
                    if error.code == 404:
                        raise ConfigError(
                            f"{_place(url)} answers 404, as no Prometheus does: give "
                            "its address, with the path that a proxy puts before it"
                        ) from None
                    said = error.read(2000).decode("utf-8", "replace")
                    raise ConfigError(
                        f"{_place(url)} answers {error.code}: {_message(said)}"
                    ) from None
                reason = f"it answers {error.code}"
            except (OSError, TimeoutError) as error:
                reason = str(getattr(error, "reason", error))
        raise ConfigError(
            f"{_place(url)} cannot be read, tried {ATTEMPTS} times: {reason}; give the "
            "address of a Prometheus server that runs"
        )

    return fetch


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as unusable:
        raise ConfigError(
            f"the --ca-file {ca_file} cannot be used: it must be a readable PEM file"
        ) from unusable


def _sizes(dialect: Dialect, wanted: Wanted, fetch: Fetch) -> Histogram:
    """Return the meetings of busy hours by size, looked at once an hour."""
    hours: dict[int, dict[float, float]] = {}
    query = _within(dialect.sizes, wanted)
    for first, last in chunks(wanted.starts_s, wanted.ends_s, HOUR_S) if query else ():
        data = fetch(
            "/api/v1/query_range",
            {
                "query": query,
                "start": str(first),
                "end": str(last),
                "step": str(HOUR_S),
            },
        )
        for series in data["result"]:
            most = float(series["metric"].get("le", "nan"))
            for moment, value in series["values"]:
                hours.setdefault(int(moment), {})[most] = float(value)
    found = SizeHours()
    for moment, upto in hours.items():
        # Cumulative: a class holds what is not in the one before it.
        counts: dict[int, float] = {}
        before = 0.0
        for most in sorted(edge for edge in upto if edge == edge):
            edge = class_of(most)
            counts[edge] = counts.get(edge, 0.0) + max(0.0, upto[most] - before)
            before = upto[most]
        found.add(moment, counts)
    return found.histogram()


def chunks(
    starts_s: int, ends_s: int, step_s: int = BIN_S
) -> Iterator[tuple[int, int]]:
    """Yield evaluation times (first, last) of queries below the limit of points.

    An evaluation at t looks back over the bin that ends at t.
    """
    first = starts_s - starts_s % step_s + step_s
    last = ends_s - ends_s % step_s
    while first <= last:
        end = min(last, first + (MOST_POINTS - 1) * step_s)
        yield first, end
        first = end + step_s


def _dialect(wanted: Wanted, fetch: Fetch) -> Dialect:
    for dialect in DIALECTS:
        found = fetch(
            "/api/v1/label/__name__/values",
            {
                "match[]": _within(f"{dialect.probe}{{s}}", wanted),
                "start": str(wanted.starts_s),
                "end": str(wanted.ends_s),
            },
        )
        if found:
            return dialect
    raise ConfigError(
        f"{_place(wanted.url)} has no series of "
        f"{', '.join(dialect.name for dialect in DIALECTS)} in that range: check "
        "--since and --selector; Prometheus keeps 15 days unless it is told otherwise"
    )


def _within(query: str, wanted: Wanted) -> str:
    inner = wanted.selector.strip().strip("{}").strip().rstrip(",")
    both = inner + "," if inner else ""
    start = query.find("{s:")
    if start >= 0:
        query = query.replace("{s:", "{" + both)
    return query.replace("{s}", "{" + inner + "}" if inner else "")


def _values(
    query: str, wanted: Wanted, fetch: Fetch, how: str
) -> Iterator[tuple[int, float]]:
    """Yield (bin start, value) of `query`, its maximum, minimum or last in each bin."""
    if not query:
        return
    asked = query if how == "last" else f"{how}_over_time(({query})[5m:1m])"
    for first, last in chunks(wanted.starts_s, wanted.ends_s):
        data = fetch(
            "/api/v1/query_range",
            {"query": asked, "start": str(first), "end": str(last), "step": str(BIN_S)},
        )
        for series in data["result"]:
            for moment, value in series["values"]:
                yield int(moment) - BIN_S, float(value)


def _usual(answered: Mapping[int, float]) -> dict[int, float]:
    """Return how many nodes usually answered, by day."""
    by_day: dict[int, list[float]] = {}
    for time_s, count in answered.items():
        by_day.setdefault(time_s // DAY_S, []).append(count)
    return {day: median_low(counts) for day, counts in by_day.items()}


def _notes(dropped: set[int], own: Mapping[int, float]) -> list[str]:
    notes = []
    if dropped:
        hours = len(dropped) * BIN_S / 3600
        notes.append(
            f"{hours:.1f} hours were left out: fewer nodes answered than usual that day"
        )
    busy = [value for value in own.values() if value > 0]
    if busy:
        notes.append(
            f"our own load tests were taken out: up to {max(busy):.0f} participants in "
            f"{len(busy) * BIN_S / 3600:.1f} hours (bbb-origin {ORIGIN})"
        )
    return notes


def _data(body: bytes, url: str) -> Any:
    try:
        answer = json.loads(body)
        return answer["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{_place(url)} does not answer as a Prometheus server: give the address "
            "below which it serves /api/v1"
        ) from error


def _message(said: str) -> str:
    try:
        return str(json.loads(said)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def _place(url: str) -> str:
    """Return the host of an address: never its password."""
    parts = urllib.parse.urlsplit(url)
    return parts.netloc.rpartition("@")[2] or url[:60]
