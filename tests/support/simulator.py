"""A service of which everything is known: meetings simulated week by week. Seeded.

Four classes of meetings with log-normal sizes start as a Poisson process by hour and
day of the week, on the hour or a quarter; 55 % of a meeting are present at once, the
rest within ten minutes. Terms and holidays differ by class, the level drifts slowly,
weekly noise is AR(1) 0.7 with a standard deviation of 10 %, daily noise 7 %. The series
is five-minute concurrency, of which the weekly peak is the truth to forecast.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKS = 130
MEETINGS_A_WEEK = 2400
BINS_A_DAY = 288
PRESENT_AT_ONCE = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingClass:
    """One class of meetings: how many, how large, when, how long."""

    name: str
    share: float
    """Of the meetings of an ordinary week."""
    median: float
    spread: float
    """Standard deviation of the log size."""
    least: float
    most: float
    durations_min: tuple[int, ...]
    hours: tuple[int, int]
    weekend: float
    """Meetings of a week-end day ÷ those of a weekday."""


CLASSES = (
    MeetingClass(
        name="school",
        share=0.35,
        median=18,
        spread=0.4,
        least=3,
        most=60,
        durations_min=(45, 90),
        hours=(8, 13),
        weekend=0.0,
    ),
    MeetingClass(
        name="seminar",
        share=0.30,
        median=7,
        spread=0.7,
        least=2,
        most=80,
        durations_min=(60, 90, 120),
        hours=(8, 20),
        weekend=0.1,
    ),
    MeetingClass(
        name="lecture",
        share=0.03,
        median=110,
        spread=0.5,
        least=50,
        most=300,
        durations_min=(90,),
        hours=(8, 18),
        weekend=0.0,
    ),
    MeetingClass(
        name="private",
        share=0.32,
        median=3,
        spread=0.6,
        least=2,
        most=40,
        durations_min=(30, 60, 90, 120, 180),
        hours=(17, 23),
        weekend=2.0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """A simulated service."""

    peaks: Floats
    """By week."""
    expected: Floats
    """By week: log level without weekly noise, what an oracle knows of it."""
    open_days: Floats
    """(weeks, 2): share of the five weekdays with school, and with lectures."""


@cache
def service(
    seed: int,
    *,
    weeks: int = WEEKS,
    shift_week: int | None = None,
    shift_factor: float = 1.0,
) -> Service:
    """Simulate `weeks` weeks; from `shift_week` on demand is `shift_factor` higher."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, 52))
    school, lecture, public = _calendar(weeks, first)
    level = np.cumsum(rng.normal(0.0, 0.012, weeks))
    noise = np.zeros(weeks)
    noise[0] = rng.normal(0, 0.10)
    for week in range(1, weeks):
        noise[week] = 0.7 * noise[week - 1] + rng.normal(0, 0.10 * np.sqrt(1 - 0.49))
    factor = np.ones(weeks)
    if shift_week is not None:
        factor[shift_week:] = shift_factor
    peaks = np.array(
        [
            _week_peak(
                rng,
                np.exp(level[week] + noise[week]) * factor[week],
                school[week],
                lecture[week],
                public[week],
            )
            for week in range(weeks)
        ]
    )
    return Service(
        peaks=peaks,
        expected=level + np.log(factor),
        open_days=np.stack([school.mean(axis=1), lecture.mean(axis=1)], axis=1),
    )


def _calendar(weeks: int, first: int) -> tuple[Floats, Floats, Floats]:
    """Return (weeks, 5) open shares of weekdays for school, lectures and the public."""
    school = np.ones((weeks, 5))
    lecture = np.ones((weeks, 5))
    public = np.ones((weeks, 5))
    for week in range(weeks):
        of_year = (first + week) % 52
        if of_year in (0, 51):  # Christmas
            school[week] = lecture[week] = 0.0
            public[week] = 0.35
        if of_year in (13, 14):  # Easter
            school[week] = 0.0
            public[week, 4 if of_year == 13 else 0] = 0.2
        if 28 <= of_year <= 33:  # summer
            school[week] = 0.0
        if of_year in (41, 42):  # autumn
            school[week] = 0.0
        if 6 <= of_year <= 14 or 29 <= of_year <= 41:  # between the terms
            lecture[week] = 0.0
        if of_year in (17, 20, 21):  # May holidays
            for open_days in (school, lecture):
                open_days[week, 3] = 0.0
            public[week, 3] = 0.2
    return school, lecture, public


def _week_peak(
    rng: np.random.Generator,
    scale: float,
    school: Floats,
    lecture: Floats,
    public: Floats,
) -> float:
    daily = np.exp(rng.normal(0.0, 0.07, 7))
    change = np.zeros(8 * BINS_A_DAY + 40)
    for kind in CLASSES:
        open_days = np.ones(7)
        open_days[:5] = {"school": school, "lecture": lecture}.get(kind.name, public)
        if kind.name == "seminar":
            # Half of the seminars belong to the university.
            open_days[:5] = public * (0.5 + 0.5 * lecture)
        weights = np.array([1.0] * 5 + [kind.weekend] * 2)
        usual = MEETINGS_A_WEEK * kind.share / weights.sum()
        counts = rng.poisson(usual * weights * open_days * daily * scale)
        days = np.repeat(np.arange(7), counts)
        count = days.size
        if not count:
            continue
        hours = rng.integers(kind.hours[0], kind.hours[1], count)
        quarter = np.where(rng.random(count) < 0.7, 0, rng.integers(0, 4, count) * 3)
        starts = days * BINS_A_DAY + hours * 12 + quarter
        sizes = np.exp(rng.normal(np.log(kind.median), kind.spread, count))
        sizes = np.clip(sizes, kind.least, kind.most)
        ends = starts + rng.choice(kind.durations_min, count) // 5
        np.add.at(change, starts, sizes * PRESENT_AT_ONCE)
        for later in (1, 2):
            np.add.at(change, starts + later, sizes * (1 - PRESENT_AT_ONCE) / 2)
        np.add.at(change, ends, -sizes)
    return max(1.0, float(np.cumsum(change).max()))
