"""Bit rates, as typed and as shown."""

import pytest

from bots.errors import ConfigError
from loadtest.rates import format_rate, parse_rate


@pytest.mark.parametrize(
    ("text", "bps"),
    [
        ("800Mbit", 800e6),
        ("1.5Gbit", 1.5e9),
        ("64kbit", 64e3),
        ("20 Mbit".replace(" ", ""), 20e6),
        ("100mbit/s", 100e6),
        ("5000000", 5e6),
        ("9bit", 9),
    ],
)
def test_usual_forms_are_read(text, bps):
    assert parse_rate(text) == bps


@pytest.mark.parametrize(
    "text", ["", "0", "-1Mbit", "5MB", "Mbit", "1e6", "nan", "inf", "5 M"]
)
def test_anything_else_is_refused_with_the_right_forms(text):
    with pytest.raises(ConfigError, match="write it like 800Mbit"):
        parse_rate(text)


@pytest.mark.parametrize("bps", [9, 64e3, 2.5e6, 800e6, 1.5e9])
def test_what_is_shown_is_read_again(bps):
    assert parse_rate(format_rate(bps)) == bps
