"""Calendars: holidays, terms, exams and events -> features of weeks. Pure.

Public and school holidays come from the `holidays` package, offline; terms and events
from a TOML file the user writes:

    country = "DE"                  # optional, with public and school holidays
    states = ["NI", "BE"]           # optional: each counts alike
    school = true                   # default: where the package knows them

    [[term]]                        # lectures run from … to …, both days included
    name = "winter term"
    from = 2026-10-19
    to = 2027-02-05

    [[event]]                       # demand differs while it lasts: exams, a conference
    name = "exams"                  # events of one name share one effect
    from = 2027-02-08
    to = 2027-02-19

What is not there does not matter to the demand. The forecast learns the effect of each
column from the history; a column that never changes is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import holidays
import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.peaks import PeriodPeak
from planning.structure import regimes

Floats = NDArray[np.float64]

WEEKDAYS = 5
LONGEST_YEARS = 12
"""A period longer than this is a typing mistake."""
_KEYS = {"country", "states", "school", "term", "event"}
_PERIOD_KEYS = {"name", "from", "to"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from `first` to `last`, both included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What a calendar file says."""

    source: str
    country: str = ""
    states: tuple[str, ...] = ()
    school: bool | None = None
    """None: where the `holidays` package knows school holidays of the country."""
    terms: tuple[Period, ...] = ()
    events: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weeks:
    """A calendar's view of a row of weeks."""

    features: Floats | None
    """(weeks, k) for `planning.forecast.forecast`; None when nothing ever changes."""
    columns: tuple[str, ...]
    """What changes, in words."""
    warnings: tuple[str, ...]


def parse_calendar(data: Mapping[str, Any], *, source: str) -> Calendar:
    """Return the calendar in a parsed TOML file.

    Raises ConfigError naming the file, the key and the fix.
    """
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise ConfigError(
            f"{source}: unknown key {unknown[0]!r}; known are "
            f"{', '.join(sorted(_KEYS))}"
        )
    country = data.get("country", "")
    states = data.get("states", [])
    school = data.get("school")
    if not isinstance(states, list) or not all(isinstance(s, str) for s in states):
        raise ConfigError(f'{source}: states must be a list such as ["NI", "BE"]')
    if school is not None and not isinstance(school, bool):
        raise ConfigError(f"{source}: school must be true or false, not {school!r}")
    calendar = Calendar(
        source=source,
        country=str(country),
        states=tuple(states),
        school=school,
        terms=_periods(data, "term", source),
        events=_periods(data, "event", source),
    )
    if not calendar.country and (states or school):
        raise ConfigError(f'{source}: states and school need a country, such as "DE"')
    if calendar.country:
        _check_country(calendar)
    if not (calendar.country or calendar.terms or calendar.events):
        raise ConfigError(f"{source} is empty: name a country, a term or an event")
    return calendar


def weeks_and_ahead(
    calendar: Calendar, weeks: tuple[PeriodPeak, ...], horizon_weeks: int
) -> Weeks:
    """Return the features of a history's weeks and of those ahead of it."""
    first = date.fromisoformat(weeks[0].starts_on)
    return weeks_of(calendar, first, len(weeks) + horizon_weeks)


def weeks_of(calendar: Calendar, first_monday: date, count: int) -> Weeks:
    """Return the features of `count` weeks from `first_monday` on.

    A public or school holiday closes its weekday; terms open theirs. Warns when the
    weeks go past what the calendar knows.
    """
    days = [first_monday + timedelta(days=day) for day in range(7 * count)]
    last = days[-1]
    columns: list[tuple[str, Floats]] = []
    warnings: list[str] = []
    if calendar.country:
        public, school, ends = _holidays(calendar, days)
        columns.append(("public holidays", _weekday_share(1.0 - public)))
        if school is not None:
            either = (1.0 - school) * (1.0 - public)
            columns.append(("school holidays", _weekday_share(either)))
            if ends is not None:
                warnings.append(
                    f"school holidays of {calendar.country} are known until "
                    f"{ends.isoformat()} only: weeks after it count as school weeks"
                )
        elif calendar.school is not False and _has_school(calendar.country):
            warnings.append(
                f"{calendar.source} names no state of {calendar.country}: school "
                "holidays differ by state and are not used"
            )
    if calendar.terms:
        columns.append(("terms", _weekday_share(_inside(days, calendar.terms))))
        ends = max(term.last for term in calendar.terms)
        if ends < last - timedelta(weeks=26):
            warnings.append(
                f"{calendar.source} knows terms until {ends.isoformat()} only: weeks "
                "after it count as free of lectures"
            )
    changing = [(name, open_days) for name, open_days in columns if np.ptp(open_days)]
    parts = []
    if changing:
        parts.append(regimes(np.stack([share for _, share in changing], axis=1)))
    names = [name for name, _ in changing]
    for name in dict.fromkeys(event.name for event in calendar.events):
        same = tuple(event for event in calendar.events if event.name == name)
        inside = _inside(days, same).reshape(count, 7).max(axis=1)
        if np.ptp(inside):
            parts.append(inside[:, None])
            names.append(name)
    return Weeks(
        features=np.concatenate(parts, axis=1) if parts else None,
        columns=tuple(names),
        warnings=tuple(warnings),
    )


def _periods(data: Mapping[str, Any], key: str, source: str) -> tuple[Period, ...]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{source}: write every {key} as a table [[{key}]]")
    found = []
    for number, row in enumerate(rows, start=1):
        where = f"{source}: {key} {number}"
        unknown = sorted(set(row) - _PERIOD_KEYS)
        if unknown:
            raise ConfigError(
                f"{where} has an unknown key {unknown[0]!r}; known are name, from, to"
            )
        first, last = row.get("from"), row.get("to")
        if type(first) is not date or type(last) is not date:
            raise ConfigError(f"{where} needs from and to, days such as 2026-10-19")
        if not first <= last <= first + timedelta(days=366 * LONGEST_YEARS):
            raise ConfigError(
                f"{where} ends {last}, which is not within {LONGEST_YEARS} years after "
                f"its beginning on {first}"
            )
        name = row.get("name", key)
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{where} has a name that is no text: {name!r}")
        found.append(Period(name=name, first=first, last=last))
    return tuple(found)


def _check_country(calendar: Calendar) -> None:
    known = holidays.list_supported_countries(include_aliases=False)
    if calendar.country not in known:
        raise ConfigError(
            f"{calendar.source}: country {calendar.country!r} is not known; write its "
            'code in two letters, such as "DE"'
        )
    for state in calendar.states:
        if state not in known[calendar.country]:
            shown = ", ".join(known[calendar.country]) or "none"
            raise ConfigError(
                f"{calendar.source}: {calendar.country} has no state {state!r}; known: "
                f"{shown}"
            )
    if calendar.school and not calendar.states:
        raise ConfigError(
            f'{calendar.source}: school = true needs states, such as ["NI"]: school '
            "holidays differ by state"
        )
    if calendar.school and not _has_school(calendar.country):
        raise ConfigError(
            f"{calendar.source}: no school holidays are known of {calendar.country}; "
            "leave school out and write the terms instead"
        )


def _has_school(country: str) -> bool:
    return "school" in holidays.country_holidays(country).supported_categories


def _holidays(
    calendar: Calendar, days: list[date]
) -> tuple[Floats, Floats | None, date | None]:
    """Return the shares of states with a public and with a school holiday each day.

    Last comes the day that school holidays are known until, None past our reach.
    """
    years = range(days[0].year, days[-1].year + 1)
    states = calendar.states or (None,)
    country = calendar.country
    public = _share(days, [_dates(country, s, years, "public") for s in states])
    # School holidays differ by state: without one none are known.
    if not calendar.states or calendar.school is False or not _has_school(country):
        return public, None, None
    by_state = [_dates(country, s, years, "school") for s in states]
    ends = min((max(dates) for dates in by_state if dates), default=None)
    # Within four months of the last known holiday the next ones may be yet to come.
    is_over = ends is not None and (days[-1] - ends).days > 120
    return public, _share(days, by_state), ends if is_over else None


def _dates(
    country: str, state: str | None, years: Iterable[int], category: str
) -> frozenset[date]:
    found = holidays.country_holidays(
        country, subdiv=state, years=years, categories=(category,)
    )
    return frozenset(found)


def _share(days: list[date], by_state: list[frozenset[date]]) -> Floats:
    rows = [[day in dates for day in days] for dates in by_state]
    return np.asarray(np.array(rows, dtype=float).mean(axis=0), dtype=float)


def _inside(days: list[date], periods: tuple[Period, ...]) -> Floats:
    return np.array(
        [any(one.first <= day <= one.last for one in periods) for day in days],
        dtype=float,
    )


def _weekday_share(open_days: Floats) -> Floats:
    """Return, by week, the share of the five weekdays that are open."""
    return np.asarray(open_days.reshape(-1, 7)[:, :WEEKDAYS].mean(axis=1), dtype=float)
