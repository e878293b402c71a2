"""`bbbload compare`: the statistics of an experiment on results that exist."""

import json
from pathlib import Path
from typing import Any

import click

from bots.errors import ConfigError
from loadtest.codec import CAPACITY_SCHEMA, open_run, read_capacity
from loadtest.commands.outputs import whole_file
from loadtest.comparison import ComparedRun, Design, RunSide
from loadtest.comparison_codec import encode_comparison
from loadtest.gates import DEFAULT_GATES, Gates, parse_gates
from loadtest.judging import exit_code_of, judge_experiment
from loadtest.measures import climbed_run, compared_run
from loadtest.timeline import run_result
from loadtest.verdict_lines import experiment_lines

DESIGNS: tuple[Design, ...] = (
    "one host",
    "two hosts, compared",
    "two hosts, swapped",
    "two hosts",
)
EXAMPLE = """\b
Example:
  bbbload compare today-*.jsonl -- next-*.jsonl -o comparison.json"""
SEPARATOR = "\0--"
"""Stands for `--` among the files: click takes that one for the end of its options."""


class TwoSides(click.Command):
    """A command whose files come in two groups with `--` between."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the first `--` as an argument, so that options may follow it."""
        if "--" in args:
            place = args.index("--")
            args = [*args[:place], SEPARATOR, *args[place + 1 :]]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the separator where it belongs."""
        return ["[OPTIONS]", "BASE…", "--", "CANDIDATE…"]


@click.command(
    cls=TwoSides,
    epilog=EXAMPLE,
)
@click.argument("files", nargs=-1, metavar="BASE… -- CANDIDATE…")
@click.option(
    "--same-version",
    "again",
    multiple=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="A further run of the baseline, to compare it with itself; on two hosts, the "
    "baseline on either. Repeatable. Default: none.",
)
@click.option(
    "--design",
    type=click.Choice(DESIGNS),
    help="How the runs were made. Default: read from their hosts.",
)
@click.option(
    "--gates",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file: gated measures, smallest effects, limits. "
    "Default: six gated, 5 % and 0.5 points.",
)
@click.option(
    "-o",
    "--output",
    default="",
    metavar="FILE",
    help="Write the whole comparison, for `bbbload report`. Default: not kept.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the whole comparison as JSON. Default: a summary.",
)
def compare(
    files: tuple[str, ...],
    again: tuple[str, ...],
    design: Design | None,
    gates: Path | None,
    output: str,
    as_json: bool,
) -> int:
    """Say whether the candidate regressed, is equal or better, or cannot be told.

    BASE and CANDIDATE are run.jsonl files of one load, a run each, or capacity.json
    files; at least five a side for a verdict. Ends with 0 for equal and better, 3 for
    invalid, 4 for inconclusive, 5 when a limit of the gates was missed, 6 for
    regressed.
    """
    if files.count(SEPARATOR) != 1:
        raise ConfigError(
            "the two sides are missing: write bbbload compare BASE… -- CANDIDATE…"
        )
    place = files.index(SEPARATOR)
    baseline, candidate = files[:place], files[place + 1 :]
    if not baseline or not candidate:
        raise ConfigError(
            "a side has no file: write bbbload compare BASE… -- CANDIDATE…"
        )
    wanted = read_gates(gates)
    runs = [read_result(name, "baseline") for name in baseline]
    runs += [read_result(name, "candidate") for name in candidate]
    runs += [read_result(name, "same version") for name in again]
    experiment = judge_experiment(runs, design=design, gates=wanted)
    text = encode_comparison(experiment)
    if output:
        with whole_file(output) as write:
            write(text)
    if as_json:
        click.echo(text, nl=False)
    else:
        for line in experiment_lines(experiment):
            click.echo(line)
    return exit_code_of(experiment)


def read_gates(path: Path | None) -> Gates:
    """Return the gates in a file, the default ones for None; raises ConfigError."""
    if path is None:
        return DEFAULT_GATES
    return parse_gates(read_text(path), where=str(path))


def read_text(path: Path) -> str:
    """Return the text of a file; raises ConfigError, one sentence."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text") from error


def read_result(name: str, side: RunSide, *, version: str = "") -> ComparedRun:
    """Read a run.jsonl or capacity.json as one run of an experiment.

    Raises ConfigError that names the file.
    """
    if _is_capacity(name):
        return climbed_run(read_capacity(name), side=side, version=version)
    with open_run(name) as log:
        result = run_result(log.header, log)
    return compared_run(result, side=side, where=name, version=version)


def _is_capacity(name: str) -> bool:
    """Say whether a file is one JSON object of a benchmark; a run is many lines."""
    text = ""
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            text = file.read(4096)
    except OSError:
        return False  # reading it as a run says what is wrong
    if f'"{CAPACITY_SCHEMA}"' not in text:
        return False
    try:
        plain: Any = json.loads(text.splitlines()[0])
    except ValueError:
        return True
    return isinstance(plain, dict) and plain.get("schema") == CAPACITY_SCHEMA
