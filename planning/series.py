"""Weekly and monthly peaks of a history, and what else a plan reads off it. Pure.

Planning is on peaks: hourly means understate the weekly peak by about 14 %. A week
counts when at least `WEEK_KNOWN` of its bins have a sample; otherwise its peak is not
known and nothing is put in its place. A week of nothing but zeros is not known either:
an exporter that broke, or a service that was closed, says nothing about demand.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from planning.peaks import History, PeriodPeak
from planning.zones import clock_of, local_seconds

Floats = NDArray[np.float64]

DAY_S = 86_400
WEEK_KNOWN = 0.7
MONTH_KNOWN = 0.6
MOST_REFUSED = 0.5
"""Refused joins count as demand up to this share of who was present: people try again,
and every try is a hit of the limit."""
MONDAY_OFFSET_DAYS = 3
"""1970-01-01 was a Thursday: three days after its week's Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the history says besides its peaks; None where it has no such column."""

    mean_ratio: float
    """Mean ÷ peak concurrency, median over the known months."""
    cameras_per_participant: float | None
    microphones_ratio: float | None
    audio_ratio: float | None
    mean_meeting: float | None
    """Participants ÷ meetings, weighted by participants."""
    largest_meeting: int | None


def local_days(history: History) -> NDArray[np.int64]:
    """Return the local day number (since 1970-01-01) of each bin."""
    return np.asarray(local_seconds(history, history.times_s) // DAY_S)


def weekly_peaks(history: History) -> tuple[PeriodPeak, ...]:
    """Return the peak of every week from the first to the last one known.

    Weeks begin on Monday in the history's zone. Unknown weeks at either end are left
    out, those between are kept with a peak of None.
    """
    weeks = (local_days(history) + MONDAY_OFFSET_DAYS) // 7
    peaks, counts = _maxima(weeks, demand(history))
    bins = 7 * DAY_S / history.step_s
    first = int(weeks[0])
    rows = tuple(
        PeriodPeak(
            starts_on=_day((first + index) * 7 - MONDAY_OFFSET_DAYS),
            peak=float(peak) if count >= WEEK_KNOWN * bins and peak > 0 else None,
            coverage=min(1.0, float(count) / bins),
        )
        for index, (peak, count) in enumerate(zip(peaks, counts, strict=True))
    )
    known = [index for index, row in enumerate(rows) if row.peak is not None]
    return rows[known[0] : known[-1] + 1] if known else ()


def monthly_peaks(history: History) -> tuple[PeriodPeak, ...]:
    """Return the peak of every calendar month that the history touches."""
    days = local_days(history)
    unique, inverse = np.unique(days, return_inverse=True)
    dates = [_date(int(day)) for day in unique]
    months = np.array([moment.year * 12 + moment.month - 1 for moment in dates])
    peaks, counts = _maxima(months[inverse], demand(history))
    first = int(months[0])
    rows = []
    for index, (peak, count) in enumerate(zip(peaks, counts, strict=True)):
        year, month = divmod(first + index, 12)
        starts_on = date(year, month + 1, 1)
        length = (next_month(starts_on) - starts_on).days
        coverage = min(1.0, float(count) * history.step_s / (length * DAY_S))
        rows.append(
            PeriodPeak(
                starts_on=starts_on.isoformat(),
                peak=float(peak) if coverage >= MONTH_KNOWN else None,
                coverage=coverage,
            )
        )
    return tuple(rows)


def monthly_means(history: History) -> tuple[tuple[str, float], ...]:
    """Return (`YYYY-MM`, mean concurrency) of every month with a sample.

    The mean is over bins, each of which is a maximum: it overstates the time average
    of five-minute bins by about a percent and of hourly ones by more, and is meant
    for traffic, where the interval of bitrates is far wider.
    """
    days = local_days(history)
    unique, inverse = np.unique(days, return_inverse=True)
    labels = np.array([_date(int(day)).isoformat()[:7] for day in unique])[inverse]
    values = np.asarray(history.participants, dtype=float)
    return tuple(
        (str(label), float(values[labels == label].mean()))
        for label in np.unique(labels)
    )


def highest(history: History) -> tuple[int, str]:
    """Return the largest concurrency and its local time in ISO 8601."""
    index = int(np.argmax(np.asarray(history.participants)))
    moment = datetime.fromtimestamp(history.times_s[index], clock_of(history))
    return history.participants[index], moment.isoformat()


def shape(history: History) -> Shape:
    """Return the shares and sizes that the history's columns tell."""
    participants = np.asarray(history.participants, dtype=float)
    means = dict(monthly_means(history))
    ratios = [
        means[month.starts_on[:7]] / month.peak
        for month in monthly_peaks(history)
        if month.peak
    ]
    if not ratios:
        ratios = [participants.mean() / max(1.0, participants.max())]
    meetings = _column(history.meetings)
    mean_meeting = None
    if meetings is not None:
        known = (meetings > 0) & (participants > 0)
        if known.any():
            weights = participants[known]
            sizes = weights / meetings[known]
            mean_meeting = float(np.average(sizes, weights=weights))
    voice = _ratio(history.voice, participants)
    listeners = _ratio(history.listeners, participants)
    largest = _column(history.largest_meeting)
    has_largest = largest is not None and bool(np.isfinite(largest).any())
    return Shape(
        mean_ratio=float(np.median(ratios)),
        cameras_per_participant=_ratio(history.cameras, participants),
        microphones_ratio=voice,
        audio_ratio=None
        if voice is None or listeners is None
        else min(1.0, voice + listeners),
        mean_meeting=mean_meeting,
        largest_meeting=int(np.nanmax(largest)) if has_largest else None,  # type: ignore[arg-type]
    )


def month_days(month: str) -> int:
    """Return the days of a month (`YYYY-MM`)."""
    first = date.fromisoformat(f"{month}-01")
    return (next_month(first) - first).days


def next_month(day: date) -> date:
    """Return the first day of the month after `day`."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def demand(history: History) -> Floats:
    """Return who was present and, where a limit refused joins, who wanted to be.

    Present plus refused joins, those up to half of who was present (`MOST_REFUSED`).
    """
    present = np.asarray(history.participants, dtype=float)
    hits = _column(history.limit_hits)
    if hits is None:
        return present
    return present + np.minimum(np.nan_to_num(hits), MOST_REFUSED * present)


def _maxima(
    periods: NDArray[np.int64], values: Floats
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return maximum and count per period, from the first period to the last."""
    index = periods - periods[0]
    size = int(index[-1]) + 1
    peaks = np.zeros(size)
    np.maximum.at(peaks, index, values)
    return peaks, np.bincount(index, minlength=size)


def _ratio(
    values: tuple[int | None, ...] | None, participants: NDArray[np.float64]
) -> float | None:
    column = _column(values)
    if column is None:
        return None
    known = np.isfinite(column)
    total = participants[known].sum()
    return float(column[known].sum() / total) if total > 0 else None


def _column(values: tuple[int | None, ...] | None) -> NDArray[np.float64] | None:
    return None if values is None else np.array(values, dtype=float)


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * DAY_S, UTC).date()


def _day(day: int) -> str:
    return _date(day).isoformat()
