"""Numbers as people read them. A plain space in an expectation stands for the
no-break space that keeps a number and its unit on one line."""

import math

import pytest

from reports import format as written


def plain(text: str) -> str:
    return text.replace(written.NBSP, " ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0"),
        (1117, "1,117"),
        (28.34, "28.3"),
        (0.0421, "0.0421"),
        (15.0, "15"),
        (-3.5, "−3.5"),
        (1234567.8, "1,234,568"),
        (-0.0, "0"),
    ],
)
def test_a_number_keeps_about_three_digits(value, expected):
    assert written.number(value) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.8, "80 %"),
        (1.0, "100 %"),
        (0.005, "0.5 %"),
        (0.0125, "1.2 %"),
        (0.991, "99.1 %"),
        (0.00001, "<0.01 %"),
    ],
)
def test_a_ratio_is_written_in_percent(ratio, expected):
    assert plain(written.percent(ratio)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0 s"), (0.042, "42 ms"), (0.5, "500 ms"), (1.25, "1.25 s"), (12, "12 s")],
)
def test_a_short_time_is_in_milliseconds_below_a_second(value, expected):
    assert plain(written.seconds(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (300, "5 min"),
        (90, "1 min 30 s"),
        (5400, "1 h 30 min"),
        (3601, "1 h"),
    ],
)
def test_a_long_time_is_in_hours_and_minutes(value, expected):
    assert plain(written.duration(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(93e12, "93 TB"), (999_600, "1 MB"), (12, "12 B"), (0, "0 B"), (None, "–")],
)
def test_data_is_written_in_decimal_units(value, expected):
    assert plain(written.byte_count(value)) == expected


def test_memory_is_written_in_binary_units():
    assert plain(written.memory(1.5 * 2**30)) == "1.5 GiB"
    assert plain(written.memory(300 * 2**20)) == "300 MiB"


def test_a_bit_rate_keeps_its_unit():
    assert plain(written.bit_rate(1_100_000)) == "1.1 Mbit/s"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (450, "€450"),
        (7.5, "€7.50"),
        (8800, "€8,800"),
        (-80, "−€80"),
        (449.6, "€450"),
        (-0.001, "€0.00"),
    ],
)
def test_money_has_cents_only_where_they_matter(value, expected):
    assert written.money(value) == expected


def test_an_unknown_currency_is_written_by_its_code():
    assert written.money(450, "CHF") == "CHF 450"


def test_an_interval_names_its_coverage():
    assert plain(written.interval("27", "31", 0.9)) == "27 to 31 (90 % interval)"
    assert plain(written.interval("–", "–", 0.9)) == "no interval"


def test_dates_are_written_for_people_and_nonsense_is_left_alone():
    assert written.month("2020-12") == "Dec 2020"
    assert written.month("2020-13") == "2020-13"
    assert written.month("December") == "December"
    assert written.day("2020-12-16T09:30:00+01:00") == "16 Dec 2020"
    assert written.day("soon") == "soon"
    assert written.moment("2026-11-23T14:05:59Z") == "2026-11-23 14:05 UTC"
    assert written.moment("2026-11-23T14:05:59.123+00:00") == "2026-11-23 14:05 UTC"


def test_a_runway_may_have_no_end():
    assert plain(written.months(15.56)) == "15.6 months"
    assert plain(written.months(1.0)) == "1 month"
    assert plain(written.months(math.inf)) == "without end"


@pytest.mark.parametrize(
    ("unit", "largest", "expected"),
    [
        ("ratio", 0.9, (0.01, "%")),
        ("s", 0.2, (0.001, "ms")),
        ("s", 3.0, (1.0, "s")),
        ("bps", 4e6, (1e6, "Mbit/s")),
        ("bytes", 2e12, (1e12, "TB")),
        ("", 5, (1.0, "")),
    ],
)
def test_an_axis_gets_the_unit_that_fits_its_reach(unit, largest, expected):
    scale = written.scale(unit, largest)

    assert (scale.divisor, scale.unit) == expected


def test_words_are_joined_as_a_sentence_joins_them():
    assert written.listing(()) == ""
    assert written.listing(("a",)) == "a"
    assert written.listing(("a", "b", "c")) == "a, b and c"
