"""The runs of a store over versions: medians per version, and files for Apache Otava.

A series is one measure on one host under one load. Change points are found by Apache
Otava (https://otava.apache.org), which reads a CSV file for each series; it brings its
own pinned numpy, so it lives in an environment of its own and is called as a program.
Pure.
"""

import csv
import io
import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bots.errors import ConfigError
from loadtest.comparison import Measure
from loadtest.measures import measures_for
from loadtest.store import StoredRun
from loadtest.verdict_lines import amount

TEST: Final = "bbbload"
ROOM: Final = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run in a series."""

    at: str
    version: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One measure on one host under one load, in the order of time."""

    name: str
    """Short and unique: file name and metric of Otava."""
    measure: Measure
    host: str
    load: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMedian:
    """What one version measured."""

    version: str
    runs: int
    median: float
    low: float
    high: float
    """Smallest and largest run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """Where a series changed, as Otava found it."""

    series: str
    at: str
    version: str
    change: float
    """Relative: 0.27 is 27 % more."""


def series_of(runs: Iterable[StoredRun]) -> tuple[Series, ...]:
    """Return every series of the valid runs; warm-ups are left out."""
    kept = [
        each.run for each in runs if each.kind != "warm-up" and not each.run.invalid
    ]
    kept.sort(key=lambda run: run.started_at)
    found = []
    places = dict.fromkeys((run.host, run.load) for run in kept)
    for number, (host, load) in enumerate(places):
        here = [run for run in kept if (run.host, run.load) == (host, load)]
        for measure in measures_for(here):
            points = tuple(
                Point(at=run.started_at, version=run.version, value=value)
                for run in here
                for name, value in run.values
                if name == measure.name and value != float("inf")
            )
            if points:
                found.append(
                    Series(
                        name=_short(f"{number} {measure.name}"),
                        measure=measure,
                        host=host,
                        load=load,
                        points=points,
                    )
                )
    return tuple(found)


def medians(series: Series) -> tuple[VersionMedian, ...]:
    """Return the median of each version, in the order in which they were first run."""
    versions = dict.fromkeys(point.version for point in series.points)
    found = []
    for version in versions:
        values = [p.value for p in series.points if p.version == version]
        found.append(
            VersionMedian(
                version=version,
                runs=len(values),
                median=statistics.median(values),
                low=min(values),
                high=max(values),
            )
        )
    return tuple(found)


def trend_lines(
    found: Sequence[Series], changes: Sequence[ChangePoint] | None
) -> list[str]:
    """Return the trend for a terminal; `changes` is None where nobody looked."""
    lines = []
    place = None
    for series in found:
        if (series.host, series.load) != place:
            place = (series.host, series.load)
            lines.append(f"{series.host}, {series.load or 'capacity ladder'}")
        lines.append(f"  {series.measure.name}")
        lines += [
            f"{ROOM}{each.version or 'unknown version'}: "
            f"{amount(series.measure, each.median)} "
            f"({amount(series.measure, each.low)} to "
            f"{amount(series.measure, each.high)}, {each.runs} runs)"
            for each in medians(series)
        ]
        lines += [
            f"{ROOM}changed by {100 * change.change:+.1f} % at {change.version or '?'} "
            f"({change.at})"
            for change in changes or ()
            if change.series == series.name
        ]
    return lines


def csv_text(series: Series) -> str:
    """Return the CSV file that Otava reads: time, version, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("time", "version", "value"))
    for point in series.points:
        writer.writerow((point.at, point.version, repr(point.value)))
    return text.getvalue()


def otava_yaml(found: Sequence[Series]) -> str:
    """Return Otava's configuration for the CSV files of these series."""
    lines = ["tests:"]
    for series in found:
        direction = -1 if series.measure.is_higher_worse else 1
        lines += [
            f"  {series.name}:",
            f"{ROOM}type: csv",
            f"{ROOM}file: {series.name}.csv",
            f"{ROOM}time_column: time",
            f"{ROOM}attributes: [version]",
            f"{ROOM}metrics:",
            f"{ROOM}  value:",
            f"{ROOM}    column: value",
            f"{ROOM}    direction: {direction}",
            f"{ROOM}csv_options:",
            f"{ROOM}  delimiter: ','",
            f"{ROOM}  quotechar: '\"'",
        ]
    return "\n".join(lines) + "\n"


def read_otava(text: str) -> tuple[ChangePoint, ...]:
    """Return the change points in what `otava analyze --output json` printed.

    It prints one JSON object a series among lines for people. Raises ConfigError.
    """
    found = []
    try:
        for line in text.splitlines():
            if line.startswith("{"):
                plain: Mapping[str, Any] = json.loads(line)
                for name, groups in plain.items():
                    found += [_change(name, group) for group in groups]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"otava printed what cannot be read ({type(error).__name__}): versions of "
            "apache-otava from 0.8.0 on are understood"
        ) from error
    return tuple(found)


def _change(name: str, group: Mapping[str, Any]) -> ChangePoint:
    change = group["changes"][0]
    before, after = float(change["mean_before"]), float(change["mean_after"])
    at = datetime.fromtimestamp(int(group["time"]), UTC)
    return ChangePoint(
        series=name,
        at=at.strftime("%Y-%m-%d %H:%M UTC"),
        version=str(group.get("attributes", {}).get("version", "")),
        change=after / before - 1 if before else float("inf"),
    )


def _short(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
