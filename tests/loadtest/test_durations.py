"""Durations, as typed and as shown."""

import time
from datetime import datetime

import pytest

from bots.errors import ConfigError
from loadtest.durations import format_duration, parse_duration, seconds_until


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("7d", 604_800),
        ("12w", 7_257_600),
        ("90", 90),
        ("0.5", 0.5),
        ("1.5m", 90),
        ("1h30m", 5400),
        (" 30S ", 30),
    ],
)
def test_usual_forms_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5s", "5 m", "5min", "1y", "inf", "nan", "s", "1e3", "5m3"]
)
def test_anything_else_is_refused_with_the_right_forms(text):
    with pytest.raises(ConfigError) as mistake:
        parse_duration(text)

    assert str(mistake.value) == (
        f"{text!r} is no duration: write it like 30s, 5m, 2h or 12w; a bare number is "
        "seconds"
    )


@pytest.mark.parametrize("seconds", [1, 59, 60, 5400, 604_800, 700_000, 0.25])
def test_what_is_shown_can_be_read_again(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


def test_long_times_are_shown_in_large_units():
    assert format_duration(5400) == "1h30m"


@pytest.mark.parametrize(
    ("text", "now", "seconds"),
    [
        ("05:30", (2026, 11, 23, 4, 0), 5_400),
        ("5:30", (2026, 11, 23, 5, 30), 86_400),
        ("00:00", (2026, 11, 23, 23, 59), 60),
        # Berlin's clocks go back an hour in this night, and ahead in that one.
        ("05:30", (2026, 10, 25, 1, 30), 5 * 3_600),
        ("05:30", (2026, 3, 29, 1, 30), 3 * 3_600),
    ],
)
def test_a_time_of_the_day_is_the_next_one_here(text, now, seconds, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert seconds_until(text, datetime(*now).astimezone()) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["24:00", "05:60", "5", "half past five", ""])
def test_what_is_no_time_of_the_day_is_one_sentence(text):
    with pytest.raises(ConfigError, match="no time of day: write it like 05:30"):
        seconds_until(text, datetime.now().astimezone())
