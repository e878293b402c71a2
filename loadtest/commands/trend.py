"""`bbbload trend`: what the runs of a store say of one version after the other."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from bots.errors import ConfigError
from loadtest.store import RUNS, STORED_RUN_SCHEMA, StoredRun, read_lines
from loadtest.trend import (
    ChangePoint,
    Series,
    csv_text,
    otava_yaml,
    read_otava,
    series_of,
    trend_lines,
)

OTAVA_TIMEOUT_S = 300.0
CONFIG = "otava.yaml"
FEWEST = 8
"""Runs of a series below which nobody can find a change in it."""


@click.command(epilog="Example: bbbload trend verdicts --csv otava-files")
@click.argument(
    "store",
    type=click.Path(path_type=Path, exists=True),
    default=Path("verdicts"),
)
@click.option(
    "--csv",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for Otava's files: a CSV a series, and otava.yaml. Default: none.",
)
@click.option(
    "--otava",
    default="otava",
    show_default=True,
    metavar="PROGRAM",
    help="Apache Otava, which finds change points (`pipx install apache-otava`); "
    '"" goes without.',
)
def trend(store: Path, folder: Path | None, otava: str) -> int:
    """Show each measure over versions, with change points where Otava is installed.

    STORE is the folder of `bbbload ci`, or one runs.jsonl.
    """
    path = store / RUNS if store.is_dir() else store
    found = series_of(read_lines(path, StoredRun, STORED_RUN_SCHEMA))
    if not found:
        raise ConfigError(f"{path} holds no valid run: `bbbload ci` adds them")
    if folder is not None:
        _write(folder, found)
    changes = _changes(found, otava)
    for line in trend_lines(found, changes):
        click.echo(line)
    if changes is None and otava:
        click.echo(
            f"No change points: {otava} was not found (pipx install apache-otava)",
            err=True,
        )
    return 0


def _write(folder: Path, found: Sequence[Series]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for series in found:
            (folder / f"{series.name}.csv").write_text(csv_text(series), "utf-8")
        (folder / CONFIG).write_text(otava_yaml(found), "utf-8")
    except OSError as error:
        reason = (error.strerror or "unusable").lower()
        raise ConfigError(f"{folder} cannot be written: {reason}") from error


def _changes(found: Sequence[Series], otava: str) -> tuple[ChangePoint, ...] | None:
    """Return what Otava finds; None without it."""
    program = shutil.which(otava) if otava else None
    if program is None:
        return None
    long = [series for series in found if len(series.points) >= FEWEST]
    if not long:
        return ()
    with tempfile.TemporaryDirectory(prefix="bbbload-") as name:
        _write(Path(name), long)
        names = [series.name for series in long]
        arguments = [program, "analyze", "--config-file", CONFIG, "--output", "json"]
        try:
            done = subprocess.run(
                [*arguments, *names],
                cwd=name,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=OTAVA_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(f"{otava} failed ({type(error).__name__})") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ConfigError(f"{otava} ended with {done.returncode}: {''.join(last)}")
    return read_otava(done.stdout)
