"""Durations, as typed and as shown."""

import pytest

from bots.errors import ConfigError
from loadtest.durations import format_duration, parse_duration


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
