"""Our own CSV: aggregated to bins, gaps known, every mistake one sentence."""

import pytest

from bots.errors import ConfigError
from planning.history.csv import parse_csv, read_csv

HEADER = "time,participants"


def read(*lines: str, header: str = HEADER):
    return parse_csv([header, *lines], source="h.csv")


def test_samples_become_maxima_of_five_minutes():
    history = read(
        "2026-11-02T08:00:00+01:00,10",
        "2026-11-02T08:01:00+01:00,14",
        "2026-11-02T08:04:59+01:00,12",
        "2026-11-02T08:05:00+01:00,9",
    )

    assert history.participants == (14, 9)
    assert history.step_s == 300
    assert history.utc_offset_s == 3600
    assert history.times_s[1] - history.times_s[0] == 300
    assert history.samples == 4


def test_hourly_values_keep_hourly_bins():
    history = read(*(f"2026-11-02T{hour:02d}:00:00Z,{hour}" for hour in range(24)))

    assert history.step_s == 3600
    assert history.participants == tuple(range(24))
    assert history.gaps == ()


def test_a_missing_stretch_is_a_gap_and_not_a_zero():
    hours = (0, 1, 2, 3, 6, 7)

    history = read(*(f"2026-11-02T{hour:02d}:00:00Z,5" for hour in hours))

    (gap,) = history.gaps
    assert gap.starts_at == "2026-11-02T04:00:00+00:00"
    assert gap.duration_s == 7200
    assert len(history.participants) == 6


def test_an_empty_cell_is_unknown_and_leaves_a_gap():
    history = read(
        "2026-11-02T08:00:00Z,5",
        "2026-11-02T08:05:00Z,",
        "2026-11-02T08:10:00Z,7",
    )

    assert history.participants == (5, 7)
    assert len(history.gaps) == 1


def test_the_larger_of_duplicates_is_kept_and_counted():
    history = read("2026-11-02T08:00:00Z,5", "2026-11-02T08:00:00Z,8")

    assert history.participants == (8,)
    assert history.duplicates == 1


def test_the_clock_change_is_neither_a_gap_nor_a_step_back():
    history = read(
        "2026-10-25T01:00:00+02:00,1",
        "2026-10-25T02:00:00+02:00,2",
        "2026-10-25T02:00:00+01:00,3",
        "2026-10-25T03:00:00+01:00,4",
    )

    assert history.participants == (1, 2, 3, 4)
    assert history.gaps == ()


def test_known_columns_come_along():
    history = read(
        "2026-11-02T08:00:00Z,20,3,4,15,2,9",
        "2026-11-02T08:02:00Z,18,4,,16,2,8",
        header="time,participants,meetings,cameras,voice,listeners,largest_meeting",
    )

    assert history.meetings == (4,)
    assert history.cameras == (4,)
    assert history.voice == (16,)
    assert history.largest_meeting == (9,)


def test_comment_lines_are_kept_and_can_say_modelled():
    history = parse_csv(
        ["# Modelled, not measured\n", HEADER, "2026-11-02T08:00:00Z,5"], source="h.csv"
    )

    assert history.comments == ("Modelled, not measured",)
    assert history.is_modelled


GOOD = "2026-11-02T08:00:00Z,5"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), ("h.csv", "no sample")),
        (("2026-11-02T08:00:00,5",), ("line 2", "no time zone", "Z")),
        (("yesterday,5",), ("line 2", "'yesterday'", "ISO 8601")),
        ((GOOD, "2026-11-02T07:55:00Z,5"), ("line 3", "earlier", "sort")),
        (("2026-11-02T08:00:00Z,many",), ("line 2", "participants", "'many'")),
        (("2026-11-02T08:00:00Z,-3",), ("line 2", "-3", "between 0")),
        (("2026-11-02T08:00:00Z,5,6",), ("line 2", "3 cells")),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(lines, words):
    with pytest.raises(ConfigError) as caught:
        read(*lines)

    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_line_numbers_count_comment_lines():
    with pytest.raises(ConfigError, match="line 4"):
        parse_csv(["# one\n", "# two\n", HEADER, "x,5"], source="h.csv")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "bbbload history csv"),
        ("date;users", "bbbload history csv"),
        ("time,participants,rooms", "'rooms'"),
    ],
)
def test_a_wrong_header_is_named(header, words):
    with pytest.raises(ConfigError, match=rf"h\.csv .*{words}"):
        read(GOOD, header=header)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the history .*absent\.csv"):
        read_csv(tmp_path / "absent.csv")


def test_a_file_that_is_no_text_is_one_sentence(tmp_path):
    path = tmp_path / "h.csv"
    path.write_bytes(b"\xff\xfe\x00t\x00i")

    with pytest.raises(ConfigError, match="UTF-8"):
        read_csv(path)
