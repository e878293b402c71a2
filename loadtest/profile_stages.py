"""Profiles of a population by name -> the stages that make them. Pure.

ramp  ╱──   step  ┌─┘   spike  _│‾│_   soak  ╱────────   replay  ╱╲_╱╲_
"""

import csv
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bots.errors import ConfigError
from loadtest.scenario import Stage

MOST_STAGES: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """A row of a history: when, and how many were there."""

    at: datetime
    participants: int


def ramp(participants: int, *, over_s: float, hold_s: float) -> tuple[Stage, ...]:
    """Return one move to a population and its hold; a soak is one with a long hold."""
    return (Stage(participants=participants, over_s=over_s, hold_s=hold_s),)


def step(
    levels: Sequence[int], *, over_s: float, holds_s: Sequence[float]
) -> tuple[Stage, ...]:
    """Return plateaus with their holds; a level of 0 is a break."""
    return tuple(
        Stage(participants=level, over_s=over_s, hold_s=hold_s)
        for level, hold_s in zip(levels, holds_s, strict=True)
    )


def spike(
    base: int,
    top: int,
    *,
    over_s: float,
    hold_s: float,
    spike_over_s: float,
    spike_hold_s: float,
) -> tuple[Stage, ...]:
    """Return a plateau, a sudden jump above it, and the plateau again."""
    return (
        Stage(participants=base, over_s=over_s, hold_s=hold_s),
        Stage(participants=top, over_s=spike_over_s, hold_s=spike_hold_s),
        Stage(participants=base, over_s=spike_over_s, hold_s=hold_s),
    )


def replay(
    points: Sequence[HistoryPoint], *, length_s: float, peak: int | None = None
) -> tuple[Stage, ...]:
    """Return a real course compressed into `length_s`, from point to point.

    `peak` scales its largest population; None keeps it. Raises ConfigError.
    """
    if len(points) < 2:
        raise ConfigError("the history has fewer than two rows in that time")
    if len(points) > MOST_STAGES:
        points = _thinned(points)
    most = max(point.participants for point in points)
    if most == 0:
        raise ConfigError("nobody was there in that part of the history")
    factor = 1.0 if peak is None else peak / most
    span_s = (points[-1].at - points[0].at).total_seconds()
    first = Stage(
        participants=round(points[0].participants * factor), over_s=0.0, hold_s=0.0
    )
    moved = (
        Stage(
            participants=round(after.participants * factor),
            over_s=(after.at - before.at).total_seconds() * length_s / span_s,
            hold_s=0.0,
        )
        for before, after in itertools.pairwise(points)
    )
    return (first, *moved)


def read_history(
    lines: Iterable[str],
    source: str,
    *,
    since: datetime | None = None,
    lasting: timedelta | None = None,
) -> tuple[HistoryPoint, ...]:
    """Return the rows of a `time,participants` CSV, from a time on, for so long.

    Lines that begin with `#` are comments, empty cells are left out. A `since` without
    a zone is in the zone of the rows. Raises ConfigError naming file and line.
    """
    points: list[HistoryPoint] = []
    columns: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#") or not line.strip():
            continue
        cells = next(csv.reader([line]))
        if not columns:
            columns = [cell.strip() for cell in cells]
            missing = {"time", "participants"} - set(columns)
            if missing:
                raise ConfigError(
                    f"{source}, line {number}: no column {min(missing)}: the first "
                    "line names the columns time,participants"
                )
            continue
        row = dict(zip(columns, cells, strict=False))
        if not row.get("participants", "").strip():
            continue
        point = _point(row, f"{source}, line {number}")
        if since is None:
            since = point.at
        elif since.tzinfo is None:
            since = since.replace(tzinfo=point.at.tzinfo)
        if point.at < since or (lasting and point.at - since > lasting):
            continue
        if points and point.at <= points[-1].at:
            raise ConfigError(f"{source}, line {number}: times do not ascend")
        points.append(point)
    return tuple(points)


def _point(row: dict[str, str], where: str) -> HistoryPoint:
    time = row.get("time", "")
    try:
        at = datetime.fromisoformat(time.strip())
        participants = int(row["participants"])
    except ValueError as error:
        raise ConfigError(
            f"{where}: {time!r}, {row['participants']!r} are no time and count"
        ) from error
    if at.tzinfo is None or participants < 0:
        raise ConfigError(f"{where}: a time has a zone, and a count is 0 or more")
    return HistoryPoint(at=at, participants=participants)


def _thinned(points: Sequence[HistoryPoint]) -> Sequence[HistoryPoint]:
    """Return the largest point of each of `MOST_STAGES` equal runs."""
    width = -(-len(points) // MOST_STAGES)
    return [
        max(points[start : start + width], key=lambda point: point.participants)
        for start in range(0, len(points), width)
    ]
