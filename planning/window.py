"""When nodes may be drained: hours in which the rest is enough. Pure.

An hour of the week, by the clock on the wall, is judged by the same hour of the weeks
before: the highest value of
each recent week, on the log scale, with its spread; the chance that the coming one is
more than the remaining nodes carry is that of Student's t (a normal's is too sure with
few weeks), with one more node taken as the one that may fail. A window's chance is the
largest of its hours, since full hours hang together.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.models import Plan
from planning.offers import HELD, NodeCount
from planning.peaks import History
from planning.series import demand
from planning.sizing import SPARE_NODES
from planning.zones import HOUR_S, clock_of, local_seconds

Floats = NDArray[np.float64]

RECENT_WEEKS = 12
LEAST_WEEKS = 4
WEEK_HOURS = 168
LEAST_SPREAD = 0.1
"""Of the log: no history is so calm that less should be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of hours and what draining in it would risk."""

    starts_at: str
    ends_at: str
    expected: float
    """Median of its fullest hour."""
    risk: float


def there_all_day(plan: Plan) -> tuple[NodeCount, ...]:
    """Return the nodes of the plan's first month that no clock switches off.

    Those held by contract are told under the name of their type.
    """
    types = plan.catalog_used.types if plan.catalog_used else ()
    switched = {kind.name for kind in types if kind.billing == "hourly"}
    counts: dict[str, int] = {}
    for node in plan.months[0].nodes:
        name = node.type.removesuffix(HELD)
        if node.type not in switched:
            counts[name] = counts.get(name, 0) + node.count
    return tuple(NodeCount(type=name, count=counts[name]) for name in counts)


def windows(
    history: History,
    *,
    usable: float,
    nodes: int,
    nodes_out: int,
    hours: int,
    days: int,
) -> tuple[Window, ...]:
    """Return every window in the days after the history, calmest first.

    `usable` is what a node may be filled to, in participants.
    Raises ConfigError for a history that is too short or coarse.
    """
    left = nodes - nodes_out - SPARE_NODES
    if left < 1:
        raise ConfigError(
            f"{nodes} nodes without {nodes_out} leave none to spare: at least one must "
            "serve and one may fail"
        )
    if history.step_s > HOUR_S:
        raise ConfigError(
            f"{history.source} has a value every {history.step_s // 60} minutes: "
            "windows need at least one an hour"
        )
    medians, chances = _by_hour(history, left * usable)
    last_s = history.times_s[-1]
    first_s = last_s + HOUR_S - int(local_seconds(history, (last_s,))[0]) % HOUR_S
    starts = [first_s + step * HOUR_S for step in range(days * 24)]
    of_week = local_seconds(history, starts) // HOUR_S % WEEK_HOURS
    found = []
    for index, start_s in enumerate(starts[: max(0, len(starts) - hours + 1)]):
        slots = of_week[index : index + hours]
        found.append(
            Window(
                starts_at=_told(start_s, history),
                ends_at=_told(start_s + hours * HOUR_S, history),
                expected=float(medians[slots].max()),
                risk=float(chances[slots].max()),
            )
        )
    return tuple(sorted(found, key=lambda one: (round(one.risk, 6), one.expected)))


def _told(time_s: int, history: History) -> str:
    moment = datetime.fromtimestamp(time_s, clock_of(history))
    return moment.isoformat(timespec="minutes")


def _by_hour(history: History, room: float) -> tuple[Floats, Floats]:
    """Return by hour of the week the median and the chance of more than `room`."""
    hours = local_seconds(history, history.times_s) // HOUR_S
    values = demand(history)
    # Weeks counted back from the end, so that the last one is whole.
    ago = (hours[-1] - hours) // WEEK_HOURS
    table = np.full((RECENT_WEEKS, WEEK_HOURS), np.nan)
    recent = ago < RECENT_WEEKS
    np.fmax.at(table, (ago[recent], hours[recent] % WEEK_HOURS), values[recent])
    known = np.isfinite(table).sum(axis=0)
    if int(np.median(known)) < LEAST_WEEKS:
        raise ConfigError(
            f"{history.source} knows its hours from {int(np.median(known))} recent "
            f"weeks: a window needs at least {LEAST_WEEKS}"
        )
    logs = np.log1p(table)
    medians = np.zeros(WEEK_HOURS)
    chances = np.ones(WEEK_HOURS)
    for slot in range(WEEK_HOURS):
        column = logs[np.isfinite(logs[:, slot]), slot]
        if column.size < LEAST_WEEKS:
            continue
        medians[slot] = float(np.expm1(np.median(column)))
        spread = max(float(column.std(ddof=1)), LEAST_SPREAD)
        score = (np.log1p(room) - column.mean()) / (
            spread * np.sqrt(1 + 1 / column.size)
        )
        chances[slot] = _beyond(float(score), column.size - 1)
    return medians, chances


def _beyond(score: float, freedom: int) -> float:
    """Return P(T > score) of Student's t, by quadrature of its density."""
    if score <= 0:
        return 1.0 - _beyond(-score, freedom) if score < 0 else 0.5
    grid = np.linspace(0.0, min(score, 60.0), 2001)
    density = (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
    whole = np.linspace(0.0, 60.0, 20001)
    all_density = (1 + whole**2 / freedom) ** (-(freedom + 1) / 2)
    inside = float(np.trapezoid(density, grid) / np.trapezoid(all_density, whole))
    return max(0.0, 0.5 * (1.0 - inside))
