"""bbbload capacity observe: what production shows, without sending any load."""

import os
import sys
import urllib.parse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import click

from bots.errors import ConfigError
from bots.whole_file import check_writable, write_whole
from planning.history.prometheus import http_fetch
from planning.measured import read_benchmark
from planning.observed.beside import at_dearer_cost, set_beside
from planning.observed.codec import encode_observed
from planning.observed.fit import COVERAGE, NodeFit, cost_of_mix, fit_node
from planning.observed.lines import observed_lines
from planning.observed.models import Observed
from planning.observed.reading import Span, read_nodes

TOKEN = "BBBLOAD_PROMETHEUS_TOKEN"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(
    epilog="Example: bbbload capacity observe --prometheus http://localhost:9090 "
    "--since 2026-11-01"
)
def capacity() -> None:
    """Tell what nodes carry from what they have carried."""


@capacity.command(
    epilog="Example: bbbload capacity observe --prometheus http://localhost:9090 "
    "--since 2026-11-01 --benchmark capacity.json -o observed.json"
)
@click.option("--prometheus", required=True, metavar="URL", help="Server to read.")
@click.option(
    "--since",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day to read, UTC.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day to read, included, UTC (default: until now).",
)
@click.option(
    "--instance",
    "instances",
    multiple=True,
    metavar="NODE",
    help="Host of a node, with or without port; repeatable (default: all).",
)
@click.option(
    "--benchmark",
    type=_FILE,
    help="capacity.json or node card to set beside (default: none).",
)
@click.option(
    "--at",
    "mixes",
    multiple=True,
    metavar="MIX",
    help="A mix to tell the CPU of, as participants=200,voice=180,cameras=40; "
    "repeatable (default: none). Beyond 1.2 times the largest seen it is refused.",
)
@click.option(
    "--step",
    "step_s",
    type=click.IntRange(15, 3600),
    default=300,
    show_default=True,
    help="Seconds that are averaged; at least two scrapes must lie in them.",
)
@click.option(
    "--keep-own-tests",
    is_flag=True,
    help="Keep times at which our own load tests ran (default: left out).",
)
@click.option("--ca-file", type=_FILE, help="PEM file of the server's authority.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of chance.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("-"),
    show_default=True,
    help="File for observed.json; - is standard output.",
)
def observe(
    prometheus: str,
    since: datetime,
    until: datetime | None,
    instances: tuple[str, ...],
    benchmark: Path | None,
    mixes: tuple[str, ...],
    step_s: int,
    keep_own_tests: bool,
    ca_file: Path | None,
    seed: int,
    output: Path,
) -> int:
    """Fit CPU on people and streams of each node's real history. No load is sent.

    Reads bigbluebutton-exporter, node_exporter, and process-exporter and bbb-webrtc-sfu
    where they are scraped. A benchmark's bots are set beside real people. A bearer
    token is taken from the variable BBBLOAD_PROMETHEUS_TOKEN.
    """
    measured = None if benchmark is None else read_benchmark(benchmark)
    asked = [_parse_mix(text) for text in mixes]
    if str(output) != "-":
        check_writable(output)
    now = datetime.now(UTC)
    ends = now if until is None else until.replace(tzinfo=UTC) + timedelta(days=1)
    starts = since.replace(tzinfo=UTC)
    fetch = http_fetch(
        prometheus,
        token=os.environ.get(TOKEN, ""),
        ca_file=None if ca_file is None else str(ca_file),
    )
    span = Span(
        starts_s=int(starts.timestamp()),
        ends_s=int(min(ends, now).timestamp()),
        step_s=step_s,
    )
    past = read_nodes(span, fetch, wanted=instances, keep_own_tests=keep_own_tests)
    fits = [fit_node(one, seed=seed + index) for index, one in enumerate(past)]
    found = None if measured is None else set_beside(fits, measured, seed=seed)
    observed = Observed(
        source=urllib.parse.urlsplit(prometheus).netloc.rpartition("@")[2],
        since=starts.isoformat(),
        until=min(ends, now).isoformat(timespec="seconds"),
        step_s=step_s,
        tool_version=version("bbbload"),
        seed=seed,
        coverage=COVERAGE,
        nodes=tuple(fit.result for fit in fits),
        asked=tuple(cost_of_mix(fit, mix) for mix in asked for fit in fits),
        beside=found,
        planning=None if not (measured and found) else at_dearer_cost(measured, found),
        notes=_notes(fits),
    )
    text = encode_observed(observed)
    if str(output) == "-":
        sys.stdout.write(text)
    else:
        write_whole(output, (text,))
    for line in observed_lines(observed):
        click.echo(line, err=True)
    return 0


def _notes(fits: Sequence[NodeFit]) -> tuple[str, ...]:
    without = [fit.result.node for fit in fits if len(fit.result.roles) == 1]
    if not without:
        return ()
    return (
        f"no CPU by role of {', '.join(without)}: scrape process-exporter there; work "
        "on recordings that bbb_recordings_processing did not tell of is in these "
        "figures and makes people look cheaper",
    )


def _parse_mix(text: str) -> dict[str, float]:
    mix = {}
    for piece in text.split(","):
        name, equals, count = piece.partition("=")
        try:
            number = float(count)
        except ValueError:
            number = -1.0
        if not equals or not 0 <= number < 1e9:
            raise ConfigError(
                f"--at {text!r} is no mix: write it as participants=200,voice=180"
            )
        mix[name.strip()] = number
    return mix
