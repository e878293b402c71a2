"""Calendars: what the holidays package and a file tell, and what the forecast gains."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from bots.errors import ConfigError
from loadtest.cli import run_command
from planning.calendars import parse_calendar, weeks_of
from planning.forecast import forecast
from planning.peaks import PeriodPeak
from planning.structure import OPEN_SHARE_SIZE

GERMAN = {"country": "DE", "states": ["NI"]}


def calendar(**data):
    return parse_calendar(data, source="calendar.toml")


def open_share(told, column=-1):
    """Return the share of weekdays open, from the feature that holds it."""
    return told.features[:, column] / OPEN_SHARE_SIZE


def test_summer_holidays_of_lower_saxony_close_the_schools():
    # Lower Saxony's summer holidays 2025: 3 July to 13 August (its ministry's list).
    told = weeks_of(calendar(**GERMAN), date(2025, 6, 23), 10)

    assert told.columns[-1] == "school holidays"
    schools = open_share(told)
    assert schools[0] == 1.0
    assert schools[2:7].tolist() == [0.0] * 5
    assert schools[8] == 1.0


def test_a_public_holiday_closes_its_weekday():
    told = weeks_of(calendar(country="DE"), date(2026, 4, 20), 2)

    # 1 May 2026 is a Friday.
    assert open_share(told) == pytest.approx([1.0, 0.8])


def test_two_states_count_alike():
    both = open_share(
        weeks_of(calendar(country="DE", states=["NI", "BY"]), date(2025, 7, 7), 8)
    )

    # Bavaria begins its summer holidays in August, Lower Saxony in July.
    assert both[1] == pytest.approx(0.5)
    assert both[4] == 0.0


def test_weeks_past_the_end_of_the_data_are_warned_about():
    told = weeks_of(calendar(**GERMAN), date(2028, 1, 3), 180)

    assert any("known until 2029-" in warning for warning in told.warnings)
    assert weeks_of(calendar(**GERMAN), date(2025, 1, 6), 52).warnings == ()


def test_school_holidays_without_a_state_are_told_of():
    told = weeks_of(calendar(country="DE"), date(2025, 1, 6), 52)

    assert any("names no state" in warning for warning in told.warnings)


def test_terms_and_events_of_the_file_are_seen():
    told = weeks_of(
        calendar(
            term=[{"from": date(2026, 4, 13), "to": date(2026, 7, 24)}],
            event=[
                {"name": "exams", "from": date(2026, 8, 3), "to": date(2026, 8, 7)},
            ],
        ),
        date(2026, 7, 13),
        4,
    )

    assert told.columns == ("terms", "exams")
    assert open_share(told, -2) == pytest.approx([1.0, 1.0, 0.0, 0.0])
    assert told.features[:, -1].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_a_calendar_in_which_nothing_changes_has_no_features():
    told = weeks_of(calendar(country="DE"), date(2025, 1, 13), 3)

    assert told.features is None
    assert told.columns == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "is empty"),
        ({"holidays": True}, "unknown key 'holidays'"),
        ({"country": "XX"}, "country 'XX' is not known"),
        ({"country": "DE", "states": ["XX"]}, "no state 'XX'"),
        ({"country": "DE", "states": "NI"}, "must be a list"),
        ({"states": ["NI"]}, "need a country"),
        ({"country": "DE", "school": True}, "needs states"),
        ({"country": "NZ", "states": ["AUK"], "school": True}, "no school holidays"),
        ({"term": [{"from": "2026-10-19"}]}, "days such as 2026-10-19"),
        (
            {"term": [{"from": date(2026, 3, 1), "to": date(2026, 2, 1)}]},
            "ends 2026-02-01",
        ),
        ({"event": [{"since": 1}]}, "unknown key 'since'"),
        ({"event": {"name": "x"}}, r"a table \[\[event\]\]"),
    ],
)
def test_a_mistake_is_one_sentence(data, words):
    with pytest.raises(ConfigError, match=rf"^calendar\.toml.*{words}"):
        calendar(**data)


def school_service(weeks: int) -> tuple[PeriodPeak, ...]:
    """A service that falls to a third in the school holidays of Lower Saxony."""
    first = date(2024, 1, 1)
    closed = weeks_of(calendar(**GERMAN), first, weeks).features[:, -1] == 0.0
    rng = np.random.default_rng(4)
    return tuple(
        PeriodPeak(
            starts_on=(first + timedelta(weeks=index)).isoformat(),
            peak=300.0
            * (1 / 3 if closed[index] else 1.0)
            * np.exp(rng.normal(0, 0.05)),
            coverage=1.0,
        )
        for index in range(weeks)
    )


def test_the_forecast_falls_in_the_coming_holidays():
    # 78 weeks end with June 2025; the summer holidays begin in week 80.
    weeks = school_service(78)

    said = forecast(
        weeks,
        horizon_weeks=12,
        rng=np.random.default_rng(1),
        calendar=calendar(**GERMAN),
    )
    blind = forecast(weeks, horizon_weeks=12, rng=np.random.default_rng(1))

    middle = [week.peak.p50 for week in said.weeks]
    assert middle[0] == pytest.approx(300, rel=0.15)
    assert middle[3] == pytest.approx(100, rel=0.3)
    assert middle[9] == pytest.approx(300, rel=0.15)
    assert blind.weeks[3].peak.p50 > 1.5 * middle[3]
    assert "calendar.toml told of" in said.reason


def test_backtest_takes_a_calendar(tmp_path, capsys):
    history, dates = tmp_path / "history.csv", tmp_path / "dates.toml"
    rows = [
        f"{week.starts_on}T{hour:02}:00:00+01:00,{round(week.peak)}"
        for week in school_service(80)
        for hour in range(24)
    ]
    days = [
        row.replace(row[:10], (date.fromisoformat(row[:10]) + timedelta(d)).isoformat())
        for index in range(0, len(rows), 24)
        for d in range(7)
        for row in rows[index : index + 24]
    ]
    history.write_text("\n".join(["time,participants", *days]))
    dates.write_text('country = "DE"\nstates = ["NI"]\n')

    losses = []
    for options in ([], ["--calendar", str(dates)]):
        assert run_command(["backtest", str(history), "--json", *options]) == 0
        plain = json.loads(capsys.readouterr().out)
        losses.append(plain["model"]["pinball"]["0.5"])

    assert losses[1] < 0.6 * losses[0]
