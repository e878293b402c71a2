"""bbbload history: any source of past concurrency -> our CSV."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from bots.errors import ConfigError
from bots.servers import resolve
from bots.whole_file import write_whole
from planning.history.collect import Round, Store, collect
from planning.history.csv import read_csv, write_csv
from planning.history.masks import masked, span_of
from planning.history.meetings import read_events, read_meeting_stats
from planning.history.own_tests import own_tests, without
from planning.history.prometheus import Wanted, http_fetch, read_prometheus
from planning.history.reconcile import reconciled
from planning.history.tables import read_table
from planning.history.traffic_months import beside, parse_months
from planning.peaks import History
from planning.zones import zone_of

TOKEN = "BBBLOAD_PROMETHEUS_TOKEN"
_FILE = click.Path(path_type=Path, dir_okay=False)


class _Zone(click.ParamType[ZoneInfo]):
    name = "zone"

    def convert(self, value: Any, param: Any, ctx: Any) -> ZoneInfo:
        if isinstance(value, ZoneInfo):
            return value
        return zone_of(str(value))


def _output(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every conversion has."""
    for option in (
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            default=Path("-"),
            show_default=True,
            help="File for the CSV; - is standard output.",
        ),
        click.option(
            "--ledger",
            type=_FILE,
            help="Ledger of our own load tests, taken out (default: ours).",
        ),
        click.option(
            "--closed",
            multiple=True,
            metavar="FROM/TO",
            help="Stretch in which no meeting could be created, ISO 8601 with zone; "
            "repeatable (default: none).",
        ),
    ):
        command = option(command)
    return command


_ZONE = click.option(
    "--zone",
    type=_Zone(),
    help="Time zone of times without one, and of days and weeks (default: none; days "
    "in UTC).",
)


@click.group(epilog="Example: bbbload history csv grafana.csv --zone Europe/Berlin")
def history() -> None:
    """Turn any source of past concurrency into a history for plan and backtest."""


@history.command(
    epilog="Example: bbbload history prometheus http://localhost:9090 --since "
    "2025-09-01 -o history.csv"
)
@click.argument("url")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day to read (default: 15 months ago).",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day to read, included (default: today).",
)
@click.option("--selector", default="", help='Labels such as job="bbb" (default: all).')
@click.option("--ca-file", type=_FILE, help="PEM file of the server's authority.")
@_ZONE
@_output
def prometheus(
    url: str,
    since: datetime | None,
    until: datetime | None,
    selector: str,
    ca_file: Path | None,
    zone: ZoneInfo | None,
    **put: Any,
) -> int:
    """Read a Prometheus server: bigbluebutton-exporter, b3scale or b3lb.

    A bearer token is taken from the variable BBBLOAD_PROMETHEUS_TOKEN.
    """
    place = zone or UTC
    now = datetime.now(place)
    ends = now if until is None else until.replace(tzinfo=place) + timedelta(days=1)
    starts = now - timedelta(days=457)
    if since is not None:
        starts = since.replace(tzinfo=place)
    wanted = Wanted(
        url=url,
        starts_s=int(starts.timestamp()),
        ends_s=int(min(ends, now).timestamp()),
        selector=selector,
        utc_offset_s=_offset_s(zone, starts),
    )
    fetch = http_fetch(
        url,
        token=os.environ.get(TOKEN, ""),
        ca_file=None if ca_file is None else str(ca_file),
    )
    return _put(read_prometheus(wanted, fetch), zone, **put)


@history.command(
    "csv",
    epilog="Example: bbbload history csv grafana.csv --zone Europe/Berlin -o h.csv",
)
@click.argument("file", type=_FILE)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="THEIRS=OURS",
    help="What a column means, such as Users=participants; repeatable (default: every "
    "value column is a node's participants).",
)
@_ZONE
@_output
def table(
    file: Path,
    columns: tuple[str, ...],
    zone: ZoneInfo | None,
    **put: Any,
) -> int:
    """Read a CSV of Grafana, a spreadsheet or another tool."""
    meaning = {}
    for column in columns:
        theirs, equals, ours = column.rpartition("=")
        if not equals:
            raise ConfigError(f"--column {column!r} is not THEIRS=OURS")
        meaning[theirs] = ours
    read = read_table(
        _lines(file), source=file.name, zone=zone, columns=meaning or None
    )
    return _put(read, zone, **put)


@history.command(epilog="Example: bbbload history bbblb stats.csv -o history.csv")
@click.argument("file", type=_FILE)
@_output
def bbblb(file: Path, **put: Any) -> int:
    """Read an export of bbblb's table meeting_stats, CSV or JSON."""
    read = read_meeting_stats(_lines(file), source=file.name)
    return _put(read, **put)


@history.command(epilog="Example: bbbload history events */events.xml -o history.csv")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_output
def events(files: tuple[Path, ...], **put: Any) -> int:
    """Read events.xml of recordings, added up at once."""
    return _put(read_events(files), **put)


@history.command(epilog="Example: bbbload history merge prometheus.csv grafana.csv")
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@_output
def merge(first: Path, second: Path, **put: Any) -> int:
    """Fill the gaps of FIRST from SECOND; both are CSV files of ours."""
    return _put(reconciled(read_csv(first), read_csv(second)), **put)


@history.command(epilog="Example: bbbload history traffic hoster.csv history.csv")
@click.argument("months", type=_FILE)
@click.argument("file", metavar="HISTORY", type=_FILE)
def traffic(months: Path, file: Path) -> int:
    """Set a hoster's monthly traffic (MONTHS: month,out) beside HISTORY.

    Prints what a participant really moved: the bitrate for the plan's budget file, and
    the months in which one of the two sources must be wrong.
    """
    rows = beside(parse_months(_lines(months), source=months.name), read_csv(file))
    for row in rows:
        far = "  far from the others: one of the sources is wrong" * row.is_far
        click.echo(
            f"{row.month}  {row.out_bytes / 1e12:8.2f} TB  mean "
            f"{row.mean_participants:8.1f} participants  "
            f"{row.out_bps / 1e3:8.0f} kbit/s each{far}"
        )
    return 0


@history.command(
    "collect", epilog="Example: bbbload history collect north --database north.sqlite"
)
@click.argument("server")
@click.option("--database", type=_FILE, required=True, help="SQLite file to add to.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(10, 300),
    default=60.0,
    show_default=True,
    help="Seconds between two polls.",
)
@click.option(
    "--keep",
    "keep_days",
    type=click.IntRange(1, 3660),
    default=800,
    show_default=True,
    help="Days to keep.",
)
@click.option(
    "--polls", type=click.IntRange(1), help="Polls to make (default: until stopped)."
)
@click.option("--secret-file", type=_FILE, help="File with the secret of a URL.")
def collect_command(
    server: str,
    database: Path,
    every_s: float,
    keep_days: int,
    polls: int | None,
    secret_file: Path | None,
) -> int:
    """Poll getMeetings of SERVER, a name in servers.toml, until SIGTERM or Ctrl-C.

    Works with BBB, Scalelite and every balancer that answers getMeetings.
    """
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    target = resolve(
        server, secret_file=None if secret_file is None else str(secret_file)
    )
    rounds = Round(every_s=every_s, keep_s=keep_days * 86_400.0, most_polls=polls)

    async def run() -> int:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, stopped.set)
        return await collect(target, database, rounds, now_s=time.time, stopped=stopped)

    failed = asyncio.run(run())
    if failed:
        click.echo(f"{failed} polls had no answer: those minutes are gaps", err=True)
    return 0


@history.command(
    epilog="Example: bbbload history collected north.sqlite --zone Europe/Berlin"
)
@click.argument("database", type=_FILE)
@_ZONE
@_output
def collected(database: Path, zone: ZoneInfo | None, **put: Any) -> int:
    """Turn what `history collect` gathered into a CSV."""
    if not database.is_file():
        raise ConfigError(f"{database} is not there: name the file of history collect")
    store = Store(database)
    try:
        read = store.history(utc_offset_s=_offset_s(zone, datetime.now(UTC)))
    finally:
        store.close()
    return _put(read, zone, **put)


def _offset_s(zone: ZoneInfo | None, moment: datetime) -> int:
    if zone is None:
        return 0
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from lines
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text: save it as CSV in UTF-8"
        ) from error


def _put(
    read: History,
    zone: ZoneInfo | None = None,
    *,
    ledger: Path | None,
    closed: tuple[str, ...],
    output: Path,
) -> int:
    if zone is not None:
        read = replace(read, zone=zone.key)
    demand = without(read, own_tests(ledger))
    spans = [span_of(text) for text in closed]
    demand = masked(demand, spans, "times without new meetings")
    if str(output) == "-":
        sys.stdout.writelines(write_csv(demand))
    else:
        write_whole(output, write_csv(demand))
    hours = sum(gap.duration_s for gap in demand.gaps) / 3600
    click.echo(
        f"{len(demand.times_s)} bins of {demand.step_s} s from {demand.source}, "
        f"highest {max(demand.participants)}, {len(demand.gaps)} gaps of {hours:.1f} "
        "hours together",
        err=True,
    )
    for note in demand.notes:
        click.echo(f"Note: {note}.", err=True)
    return 0
