"""Foreign CSV files, as people export them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bots.errors import ConfigError
from planning.history.csv import parse_csv, write_csv
from planning.history.tables import number_of, read_table
from planning.series import weekly_peaks

BERLIN = ZoneInfo("Europe/Berlin")


def read(text: str, **options):
    return read_table(text.splitlines(keepends=True), source="t.csv", **options)


def at(history, moment: datetime) -> int:
    return history.participants[history.times_s.index(int(moment.timestamp()))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("412", 412),
        ("412,5", 412.5),
        ("1.412,5", 1412.5),
        ("1,412.5", 1412.5),
        ("1,412,000", 1412000),
        ("1.2 K", 1200),
        ("1 412", 1412),
        ("1’412".replace("’", "'"), 1412),
        ("87 users", 87),
        ("null", None),
        ("", None),
    ],
)
def test_a_number_is_read_as_people_write_it(text, expected):
    assert number_of(text) == expected


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("1.412", ",", 1412),
        ("1.412", ".", 1.412),
        ("1,412", ".", 1412),
        ("1,412", ",", 1.412),
        ("0.412", ",", 0.412),
        ("1.5", ",", 1.5),
    ],
)
def test_a_lone_sign_before_three_digits_is_read_as_the_file_does(
    text, decimal, expected
):
    assert number_of(text, decimal) == expected


def test_grafanas_export_of_two_nodes_is_summed_at_equal_times():
    history = read(
        '"Time","bbb1","bbb2"\n'
        "2026-11-02 08:00:00,100,20\n"
        "2026-11-02 08:01:00,20,100\n"
        "2026-11-02 08:02:00,,undefined\n",
        zone=BERLIN,
    )

    assert history.participants == (120,)
    assert history.utc_offset_s == 3600
    assert [note for note in history.notes if "--column" in note] == [*history.notes]
    assert "2 columns" in history.notes[0]


def test_grafanas_milliseconds_need_no_zone():
    history = read("Time;Value\n1762066800000;12\n1762067100000;13\n")

    assert history.times_s == (1762066800, 1762067100)


def test_a_german_spreadsheet_with_decimal_commas():
    history = read(
        "sep=;\r\nDatum;Teilnehmer\r\n02.11.2026 08:00;1.412,0\r\n"
        "02.11.2026 08:05;1.500,0\r\n",
        zone=BERLIN,
    )

    assert at(history, datetime(2026, 11, 2, 7, 5, tzinfo=UTC)) == 1500


def test_an_american_spreadsheet():
    history = read(
        "date,users\n11/2/2026 1:05 PM,7\n", zone=ZoneInfo("America/Chicago")
    )

    assert at(history, datetime(2026, 11, 2, 19, 5, tzinfo=UTC)) == 7


def test_the_hour_that_autumn_repeats_is_two_hours():
    rows = [
        f"2026-10-25 {hour:02}:{minute:02},{value}"
        for hour, value in ((1, 1), (2, 2), (2, 3), (3, 4))
        for minute in range(0, 60, 5)
    ]

    history = read("time,users\n" + "\n".join(rows), zone=BERLIN)

    assert history.gaps == ()
    assert at(history, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == 2
    assert at(history, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == 3
    assert at(history, datetime(2026, 10, 25, 2, 30, tzinfo=UTC)) == 4


def test_the_hour_that_spring_skips_is_no_gap_and_a_time_in_it_is_told():
    rows = ["2026-03-29 01:55,1", "2026-03-29 02:30,5", "2026-03-29 03:35,2"]

    history = read("time,users\n" + "\n".join(rows), zone=BERLIN)

    assert at(history, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == 5
    assert any("skips in spring" in note for note in history.notes)


def test_values_of_every_quarter_of_an_hour_have_no_gaps_between_them():
    rows = [
        f"2026-11-02T{h:02}:{m:02}Z,{h}" for h in range(12) for m in (0, 15, 30, 45)
    ]
    del rows[20:24]

    history = read("\n".join(["time,users", *rows]))

    assert history.step_s == 900
    assert [gap.duration_s for gap in history.gaps] == [3600]
    assert history.comments == ("from t.csv, 15-minute maxima",)


def test_one_value_a_day_stays_on_its_day_in_summer_and_in_winter():
    first = date(2026, 8, 3)
    days = [first + timedelta(days=index) for index in range(140)]
    rows = [f"{day:%d.%m.%Y};{400 if day.weekday() == 0 else 90}" for day in days]

    history = replace(
        read("\n".join(["Datum;Teilnehmer", *rows]), zone=BERLIN), zone="Europe/Berlin"
    )

    assert (history.step_s, history.gaps) == (86_400, ())
    # Each week has its Monday, on both sides of the change of clocks.
    weeks = weekly_peaks(history)
    assert [week.peak for week in weeks] == [400.0] * 20
    assert weeks[0].starts_on == "2026-08-03"
    again = parse_csv(list(write_csv(history)), source="h.csv")
    assert weekly_peaks(again) == weeks


def test_day_and_time_of_day_may_stand_in_two_columns():
    history = read(
        "Datum;Uhrzeit;Teilnehmer;Konferenzen\n"
        "02.11.2026;08:00;1.412;31\n"
        "02.11.2026;08:05;400,0;30\n",
        zone=BERLIN,
    )

    # The columns' German names say what they are: nothing is added up.
    assert history.participants == (1412, 400)
    assert history.meetings == (31, 30)
    assert at(history, datetime(2026, 11, 2, 7, 0, tzinfo=UTC)) == 1412
    assert history.notes == ()


def test_columns_can_be_named():
    history = read(
        "time,who,rooms,cpu\n2026-11-02T08:00Z,5,2,99\n",
        columns={"who": "participants", "rooms": "meetings"},
    )

    assert (history.participants, history.meetings) == ((5,), (2,))


def test_lines_that_are_there_twice_are_told():
    line = "2026-11-02T08:00:00Z,5\n"

    history = read("time,users\n" + line + line)

    assert any("1 lines" in note for note in history.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,users\n2026-11-02 08:00,5\n", "has no time zone"),
        ("time,users\nyesterday,5\n", "is no time this program knows"),
        ("time,users\n2026-11-02T08:00Z,many\n", "'many' is no number"),
        ("time,users\n2026-11-02T08:00Z,1,5\n", "3 cells"),
        ("time\n2026-11-02T08:00Z\n", "has one column"),
        ("time,users\n", "holds no number of participants"),
        ("", "is empty"),
        ("Series;Time;Value\na;2026-11-02T08:00Z;5\n", "joined by time"),
        ("time,users\n2026-11-02T08:00Z,-5\n", "between 0 and"),
    ],
)
def test_a_mistake_is_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        read(text)
