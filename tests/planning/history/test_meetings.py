"""bbblb's meeting_stats and BBB's events.xml, added up at once."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from bots.errors import ConfigError
from planning.history.meetings import read_events, read_meeting_stats
from planning.series import weekly_peaks

START_S = int(datetime(2026, 11, 2, 8, tzinfo=UTC).timestamp())
STATS = """ts,uuid,meeting_id,tenant_fk,users,voice,video
2026-11-02 08:00:00.100,a,A,1,30,10,4
2026-11-02 08:00:01.900,b,B,1,12,5,1
2026-11-02 08:01:00.100,a,A,1,31,10,4
2026-11-02 08:01:00.100,a,A,1,29,10,4
2026-11-02 08:10:00.000,b,B,1,9,1,0
"""


def test_rows_of_one_poll_are_added_up_and_polls_compared():
    history = read_meeting_stats(STATS.splitlines(keepends=True), source="stats.csv")

    # No row at 08:05: nobody met.
    assert history.times_s == (START_S, START_S + 300, START_S + 600)
    assert history.participants == (42, 0, 9)
    assert history.meetings == (2, 0, 1)
    assert history.cameras == (5, 0, 0)
    assert history.largest_meeting == (31, 0, 9)
    assert not history.gaps
    assert any("already seen in that poll" in note for note in history.notes)


def test_the_same_rows_as_json_are_the_same_history():
    header, *rows = (line.split(",") for line in STATS.splitlines())
    plain = json.dumps([dict(zip(header, row, strict=True)) for row in rows])

    history = read_meeting_stats([plain], source="stats.csv")

    csv = read_meeting_stats(STATS.splitlines(keepends=True), source="stats.csv")
    assert history == csv


def school_of(days: Iterable[int]) -> Iterator[str]:
    """Yield polls of school days (days since Monday) from eight to noon."""
    yield "ts,uuid,users\n"
    for day in days:
        for minute in range(0, 240, 5):
            yield f"{START_S + day * 86_400 + minute * 60},a,{200 + day % 7}\n"


def test_silent_nights_and_weekends_are_empty_and_a_closed_fortnight_is_unknown():
    weeks = [week for week in range(12) if week not in (5, 6)]
    days = [7 * week + day for week in weeks for day in range(5)]

    history = read_meeting_stats(school_of(days), source="stats.csv")

    # A forecast can be made of it, and what was closed is no week of zeros.
    peaks = [week.peak for week in weekly_peaks(history)]
    assert peaks[:5] == [204.0] * 5
    assert peaks[5:7] == [None, None]
    assert peaks[7] == 204.0
    (closed,) = history.gaps
    assert 14 * 86_400 < closed.duration_s < 16 * 86_400
    (note,) = (one for one in history.notes if "silence" in one)
    assert "at most 5 days at a time" in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ts,users\n1,2\n", "no column 'uuid'"),
        ("ts,uuid,users\nlater,a,2\n", "ts is 'later'"),
        ("ts,uuid,users\n100,a,many\n", "users is 'many'"),
        ("ts,uuid,users\n900,a,1\n100,a,1\n", "sort by ts"),
        ("[1", "is no JSON"),
    ],
)
def test_a_mistake_in_stats_is_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        read_meeting_stats(text.splitlines(keepends=True), source="stats.csv")


def event(minute: float, name: str, person: str = "") -> str:
    millis = int((START_S + 60 * minute) * 1000)
    return (
        f'<event timestamp="1" module="PARTICIPANT" eventname="{name}">'
        f"<name>Ann Example</name><userId>{person}</userId>"
        f"<timestampUTC>{millis}</timestampUTC></event>"
    )


def meeting(path, *events: str):
    path.write_text(f'<recording meeting_id="x-1">{"".join(events)}</recording>')
    return path


def test_joins_and_leaves_of_two_meetings_make_exact_concurrency(tmp_path):
    join, left = "ParticipantJoinEvent", "ParticipantLeftEvent"
    first = meeting(
        tmp_path / "1.xml",
        event(0, join, "u1"),
        event(1, join, "u2"),
        event(1, join, "u2"),
        event(12, left, "u1"),
        event(31, "EndAndKickAllEvent"),
    )
    second = meeting(tmp_path / "2.xml", event(11, join, "u9"), event(21, left, "u9"))

    history = read_events([first, second])

    assert history.times_s == tuple(START_S + 300 * index for index in range(7))
    # u1 and u2; then u9 comes before u1 leaves; u2 alone from minute 21 on.
    assert history.participants == (2, 2, 3, 2, 2, 1, 1)
    assert history.largest_meeting == (2, 2, 2, 1, 1, 1, 1)
    assert "Ann" not in repr(history)
    assert history.duplicates == 0


def test_an_events_file_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "e.xml").write_text("<recording>")

    with pytest.raises(ConfigError, match=r"e\.xml is no events\.xml"):
        read_events([tmp_path / "e.xml"])
    with pytest.raises(ConfigError, match="cannot read"):
        read_events([tmp_path / "none.xml"])
