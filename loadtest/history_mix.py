"""What people had in their meetings -> meetings of the same mix, to load a node with.

A history tells sums over all meetings of a time. Of its busiest tenth, by participants,
the means are taken, and all meetings as alike: so many participants, cameras,
microphones and listeners in each, in whole numbers. That is an assumption, for a few
large meetings among many small ones cost more than their mean; a scenario with a
histogram of sizes has no need of it. Pure.

Three files are read: the CSV of `bbbload history`, the same rows as a JSON list, and
the observed.json of `bbbload capacity observe`, which knows its busiest tenth itself.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bots.errors import ConfigError
from loadtest.models import MeetingProfile

SUFFIXES: Final = (".csv", ".json")
NAME: Final = "history"
BUSY_SHARE: Final = 0.1
"""As `bbbload capacity observe` takes it."""
NEEDED: Final = ("participants", "meetings", "cameras", "voice")
COUNTS: Final = (*NEEDED, "listeners")
"""Columns of a history; without `listeners` nobody only listens."""
OBSERVED: Final = "bbbload.observed"
OBSERVED_VERSION: Final = 1

Row = Mapping[str, float]
"""By column; a count that is not known is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMix:
    """The meetings that a history stands for."""

    profile: MeetingProfile
    told: str
    """A sentence on what it was made of, for people."""


def is_history(name: str) -> bool:
    """Tell the file of a history from the name of a mix."""
    return name.lower().endswith(SUFFIXES)


def mix_of_history(text: str, source: str) -> HistoryMix:
    """Return the mix in a file's text; raises ConfigError naming file and column."""
    if source.lower().endswith(".csv"):
        busy = _busiest(_csv_rows(text, source), source)
    else:
        told = _json(text, source)
        busy = (
            _busiest(_json_rows(told, source), source)
            if isinstance(told, list)
            else _observed(told, source)
        )
    return _mix(busy, source)


def _mix(busy: Row, source: str) -> HistoryMix:
    meetings = busy["meetings"]
    each = {name: busy.get(name, 0.0) / meetings for name in COUNTS}
    size = max(1, round(each["participants"]))
    microphones = min(size, round(each["voice"]))
    profile = MeetingProfile(
        name=NAME,
        size=size,
        cameras=min(size, round(each["cameras"])),
        microphones=microphones,
        listeners=min(size - microphones, round(each["listeners"])),
    )
    said = ", ".join(f"{busy.get(name, 0.0):.4g} {name}" for name in COUNTS)
    return HistoryMix(
        profile=profile,
        told=f"{source}, busiest tenth: {said}; all meetings taken as alike, with "
        f"{size} participants, {profile.cameras} of them with a camera, "
        f"{profile.microphones} with a microphone, {profile.listeners} listening",
    )


def _busiest(rows: Sequence[Row], source: str) -> Row:
    """Return the means over the tenth of the rows with the most participants."""
    missing = [name for name in NEEDED if not any(name in row for row in rows)]
    if missing:
        raise ConfigError(
            f"{source} tells no {missing[0]}: a mix needs {', '.join(NEEDED)}, and "
            "listeners where there are any"
        )
    whole = [
        row for row in rows if all(name in row for name in NEEDED) and row["meetings"]
    ]
    if not whole:
        raise ConfigError(
            f"{source} has no row with a meeting and all of {', '.join(NEEDED)}"
        )
    whole.sort(key=lambda row: row["participants"], reverse=True)
    busy = whole[: math.ceil(BUSY_SHARE * len(whole))]
    return {
        name: math.fsum(row.get(name, 0.0) for row in busy) / len(busy)
        for name in COUNTS
    }


def _csv_rows(text: str, source: str) -> list[Row]:
    rows: list[Row] = []
    columns: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if not columns:
            columns = cells
            continue
        told = {
            name: cell
            for name, cell in zip(columns, cells, strict=False)
            if name in COUNTS and cell
        }
        rows.append(_row(told, f"{source}, line {number}"))
    return rows


def _row(told: Any, where: str) -> Row:
    if not isinstance(told, Mapping):
        raise ConfigError(
            f"{where} holds {told!r}, which is no row: write participants"
        )
    return {
        name: _count(told[name], name, where)
        for name in COUNTS
        if told.get(name) is not None
    }


def _count(value: Any, name: str, where: str) -> float:
    try:
        count = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        count = math.nan
    if not 0 <= count < math.inf:
        raise ConfigError(f"{where}: {name} = {value!r} is no count: give 0 or more")
    return count


def _json_rows(told: Sequence[Any], source: str) -> list[Row]:
    return [
        _row(each, f"{source}, row {number}")
        for number, each in enumerate(told, start=1)
    ]


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as mistake:
        raise ConfigError(f"{source} is no JSON: {mistake}") from mistake


def _observed(told: Any, source: str) -> Row:
    """Return the busiest tenth of all nodes together, as observed.json tells it."""
    if not isinstance(told, dict) or told.get("schema") != OBSERVED:
        raise ConfigError(
            f"{source} is no history: give a CSV of `bbbload history`, a list of its "
            "rows, or the observed.json of `bbbload capacity observe`"
        )
    if told.get("version") != OBSERVED_VERSION:
        raise ConfigError(
            f"{source} has version {told.get('version')!r}, which is not known here: "
            "use a newer bbbload"
        )
    nodes = told.get("nodes")
    rows = _busy_of(nodes if isinstance(nodes, list) else [], source)
    for row in rows:
        missing = [name for name in NEEDED if name not in row]
        if missing:
            raise ConfigError(
                f"{source}: a node tells no {missing[0]}: a mix needs "
                f"{', '.join(NEEDED)}"
            )
    if not sum(row["meetings"] for row in rows):
        raise ConfigError(f"{source} tells of no meeting: nothing to load is in it")
    return {name: math.fsum(row.get(name, 0.0) for row in rows) for name in COUNTS}


def _busy_of(nodes: Iterable[Any], source: str) -> list[Row]:
    return [
        _row(node.get("busy") if isinstance(node, dict) else node, source)
        for node in nodes
    ]
