"""Weekly and monthly peaks read off a history."""

from datetime import timedelta

from planning.history.csv import parse_csv
from planning.series import (
    highest,
    monthly_means,
    monthly_peaks,
    shape,
    weekly_peaks,
)
from tests.support.histories import MONDAY, example_history, hourly_history


def test_weeks_begin_on_monday_and_hold_their_maximum():
    history = hourly_history(3, lambda week: 100 * (week + 1), noise=0.0)

    weeks = weekly_peaks(history)

    assert [week.starts_on for week in weeks] == [
        "2025-01-06",
        "2025-01-13",
        "2025-01-20",
    ]
    assert [week.peak for week in weeks] == [100, 200, 300]
    assert all(week.coverage == 1.0 for week in weeks)


def test_a_week_that_is_mostly_unknown_has_no_peak():
    hours = [hour for hour in range(4 * 168) if not 168 <= hour < 168 + 100]
    lines = [f"{(MONDAY + timedelta(hours=hour)).isoformat()},7" for hour in hours]

    weeks = weekly_peaks(parse_csv(["time,participants", *lines], source="h.csv"))

    assert [week.peak for week in weeks] == [7, None, 7, 7]


def test_an_unfinished_last_week_is_left_out():
    lines = [
        f"{(MONDAY + timedelta(hours=hour)).isoformat()},7" for hour in range(168 + 48)
    ]

    weeks = weekly_peaks(parse_csv(["time,participants", *lines], source="h.csv"))

    assert len(weeks) == 1


def test_months_and_means_agree_with_a_direct_count():
    history = hourly_history(10, lambda week: 100.0, noise=0.0)

    january, february = monthly_peaks(history)[:2]
    means = dict(monthly_means(history))

    assert (january.starts_on, january.peak) == ("2025-01-01", 100)
    assert (february.starts_on, february.peak) == ("2025-02-01", 100)
    assert means["2025-02"] == sum(history.participants[26 * 24 : 54 * 24]) / (28 * 24)


def test_the_shape_tells_only_what_the_columns_tell():
    lines = [
        "time,participants,meetings,cameras,voice,listeners,largest_meeting",
        "2026-11-02T08:00:00Z,40,4,10,20,12,25",
        "2026-11-02T09:00:00Z,20,2,5,10,6,",
    ]

    told = shape(parse_csv(lines, source="h.csv"))

    assert told.cameras_per_participant == 0.25
    assert told.microphones_ratio == 0.5
    assert told.audio_ratio == 0.8
    assert told.mean_meeting == 10
    assert told.largest_meeting == 25
    assert shape(example_history()).cameras_per_participant is None


def test_the_highest_value_is_told_in_local_time():
    assert highest(example_history()) == (1117, "2020-12-16T10:00:00+01:00")
