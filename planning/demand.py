"""Demand that somebody states: groups of people, meetings, how many at once. Pure.

    first = "2027-02"            # the first planned month
    source = "the school's timetable"

    [[groups]]
    name = "lessons"
    meetings = 32                # classes that exist
    size = {low = 22, mid = 26, high = 30}
    simultaneity = {low = 0.5, mid = 0.7, high = 0.9}   # share that meets at once
    people = 900                 # optional: never more than that
    cameras = 2                  # in each meeting
    hours_a_week = 25

The peak of a group is meetings × size × simultaneity, at most its people; groups are
taken to peak together. Nobody measured any of it: where an interval is not given, one
that is wide enough for a guess is taken, and the plan says that it rests on statements.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planning.market import HOURS_IN_A_MONTH
from planning.offers import StreamMix
from planning.peaks import (
    Backtest,
    Forecast,
    History,
    Interval,
    PeakQuantiles,
    PeriodForecast,
)
from planning.sampling import log_normal
from planning.series import Shape
from planning.sizes import Histogram, class_of
from planning.tables import Table
from planning.traffic import CAMERA_PAGE, DEFAULT_STREAMS

Floats = NDArray[np.float64]

DRAWS = 4000
SIMULTANEITY = Interval(low=0.5, mid=0.75, high=1.0)
"""Of the classes of a school on its fullest hour of a month: our assumption."""
SIZE_SPREAD = 0.15
"""Sizes given as one number may be so much smaller or larger: our assumption."""
HOURS_A_WEEK = 25.0
WEEK_HOURS = 168.0
MEAN_SHARE = 0.6
"""Mean ÷ peak concurrency while meetings are on: our assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People who meet in meetings of similar size."""

    name: str
    meetings: Interval
    size: Interval
    simultaneity: Interval
    people: float | None
    cameras: float | None
    """In each meeting; None where nobody says."""
    hours_a_week: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedDemand:
    """What a demand file says, ready for a plan."""

    source: str
    why: str
    first_month: str
    groups: tuple[Group, ...]
    peak: PeakQuantiles
    shape: Shape
    blocks: tuple[tuple[float, float], ...]
    sizes: Histogram
    streams: StreamMix


def parse_demand(data: Mapping[str, Any], *, source: str) -> StatedDemand:
    """Return the demand that the TOML `data` states; raises ConfigError."""
    top = Table(data, source)
    first = top.month("first")
    if first is None:
        raise top.mistake('lacks first: the first planned month, such as "2027-02"')
    why = top.text("source", "")
    if not why:
        raise top.mistake("lacks source: who says so, or from what does it follow?")
    groups = tuple(_group(table) for table in top.tables("groups"))
    top.finish()
    if not groups:
        raise top.mistake("has no [[groups]]: say who meets")
    rng = np.random.default_rng(11)
    drawn = np.asarray(sum(draw_peak(group, rng) for group in groups), dtype=float)
    p10, p50, p80, p90, p95, p99 = (
        float(v) for v in np.quantile(drawn, (0.1, 0.5, 0.8, 0.9, 0.95, 0.99))
    )
    hours = max(group.hours_a_week for group in groups)
    busy = min(hours / WEEK_HOURS, 1.0) * HOURS_IN_A_MONTH
    return StatedDemand(
        source=source,
        why=why,
        first_month=first,
        groups=groups,
        peak=PeakQuantiles(p10=p10, p50=p50, p80=p80, p90=p90, p95=p95, p99=p99),
        shape=Shape(
            mean_ratio=mean_ratio_of_hours(hours),
            cameras_per_participant=None,
            microphones_ratio=None,
            audio_ratio=None,
            mean_meeting=float(np.mean([group.size.mid for group in groups])),
            largest_meeting=round(max(group.size.high for group in groups)),
        ),
        # Lessons, the hours beside them, and nights and week-ends.
        blocks=(
            (1.0, busy),
            (0.5, min(busy, HOURS_IN_A_MONTH - busy)),
            (0.2, max(HOURS_IN_A_MONTH - 2 * busy, 0.0)),
        ),
        sizes=_sizes(groups),
        streams=streams_of(groups, source),
    )


def mean_ratio_of_hours(hours_a_week: float) -> float:
    """Return mean ÷ peak concurrency of a month of people who meet in these hours."""
    return MEAN_SHARE * min(hours_a_week / WEEK_HOURS, 1.0)


def streams_of(groups: tuple[Group, ...], source: str) -> StreamMix:
    """Return what people of the groups send and see, for their traffic.

    In a meeting of n with c cameras a participant sees c - c ÷ n of them, since nothing
    is sent to oneself, and at most a page; groups count by who is there at once. A
    group that does not tell its cameras has our assumption.
    """
    usual = DEFAULT_STREAMS
    if all(group.cameras is None for group in groups):
        return usual
    people = [
        group.meetings.mid * group.size.mid * group.simultaneity.mid for group in groups
    ]
    seen, sent = [], []
    for group in groups:
        if group.cameras is None:
            seen.append(usual.seen_cameras)
            sent.append(usual.cameras_per_participant)
            continue
        size = group.size.mid
        cameras = min(group.cameras, size)
        seen.append(_around(min(cameras * (1.0 - 1.0 / size), CAMERA_PAGE)))
        sent.append(_around(cameras / size))
    return replace(
        usual,
        seen_cameras=_average(seen, people),
        cameras_per_participant=_average(sent, people),
        source=f"cameras in a meeting: {source}; {usual.source}",
    )


def draw_peak(group: Group, rng: np.random.Generator, count: int = DRAWS) -> Floats:
    """Draw the participants of a group at its fullest hour of a month."""
    together = np.minimum(log_normal(group.simultaneity, rng, count), 1.0)
    present = log_normal(group.meetings, rng, count) * together
    peak = present * log_normal(group.size, rng, count)
    if group.people is not None:
        peak = np.minimum(peak, group.people)
    return np.asarray(np.maximum(peak, 1.0), dtype=float)


def spread(value: Interval) -> Interval:
    """Return an interval for a number that somebody gave without one."""
    return value if value.low < value.high else _around(value.mid)


def stated_history(stated: StatedDemand) -> History:
    """Return the one bin that stands for a history, called modelled."""
    first = date.fromisoformat(f"{stated.first_month}-01")
    before = datetime.combine(first - timedelta(days=1), datetime.min.time(), UTC)
    return History(
        source=stated.source,
        comments=(f"stated, not measured: {stated.why}",),
        utc_offset_s=0,
        step_s=300,
        times_s=(int(before.timestamp()),),
        participants=(round(stated.peak.p50),),
        is_modelled=True,
        meeting_sizes=stated.sizes,
    )


def stated_forecast(stated: StatedDemand, weeks: int) -> Forecast:
    """Return the stated peak for every week ahead: nothing is known of their order."""
    first = date.fromisoformat(f"{stated.first_month}-01")
    monday = first - timedelta(days=first.weekday())
    reason = (
        f"there is no history; {stated.source} states the demand ({stated.why}), and "
        "its intervals are those of statements, not of measurements"
    )
    return Forecast(
        method="rule",
        reason=reason,
        cutoff=(monday - timedelta(days=1)).isoformat(),
        weeks=tuple(
            PeriodForecast(
                starts_on=(monday + timedelta(weeks=week)).isoformat(),
                peak=stated.peak,
            )
            for week in range(weeks)
        ),
        months=(),
        month_rule=(
            "the stated peak is a month's; what is wrong about it is wrong in every "
            "week"
        ),
        backtest=Backtest(horizon_weeks=0, used="rule", reason=reason, scores=()),
        history_weeks=(),
        week_dependence=(1.0, 0.0),
        level_shift=False,
        warnings=(
            f"the demand is stated in {stated.source} and nobody measured it: collect "
            "a history from the first day on and plan again after a month",
        ),
    )


def _around(value: float) -> Interval:
    low, high = value * (1 - SIZE_SPREAD), value * (1 + SIZE_SPREAD)
    return Interval(low=low, mid=value, high=high)


def _average(intervals: list[Interval], weights: list[float]) -> Interval:
    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=weights))

    return Interval(
        low=mean([one.low for one in intervals]),
        mid=mean([one.mid for one in intervals]),
        high=mean([one.high for one in intervals]),
    )


def _sizes(groups: tuple[Group, ...]) -> Histogram:
    """Return the meetings of a full hour by size class."""
    rng = np.random.default_rng(12)
    counts: dict[int, float] = {}
    for group in groups:
        meetings = group.meetings.mid * group.simultaneity.mid
        for size in log_normal(group.size, rng, DRAWS):
            edge = class_of(max(float(size), 2.0))
            counts[edge] = counts.get(edge, 0.0) + meetings / DRAWS
    return tuple((edge, float(f"{counts[edge]:.3g}")) for edge in sorted(counts))


def _group(table: Table) -> Group:
    people = table.number("people", None)
    group = Group(
        name=table.text("name"),
        meetings=table.interval("meetings"),
        size=spread(table.interval("size")),
        simultaneity=table.interval("simultaneity", SIMULTANEITY),
        people=people,
        cameras=table.number("cameras", None),
        hours_a_week=table.number("hours_a_week", HOURS_A_WEEK),
    )
    table.finish()
    if group.meetings.low <= 0 or group.size.low <= 0 or group.simultaneity.low <= 0:
        raise table.mistake("needs meetings, size and simultaneity above 0")
    if group.simultaneity.high > 1:
        raise table.mistake("has a simultaneity above 1: it is a share")
    return group
