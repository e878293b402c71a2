"""Sizes of meetings: gathered from busy hours, kept in a file, drawn again."""

from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.history.collect import Store, added_up
from planning.history.csv import parse_csv, write_csv
from planning.history.meetings import read_meeting_stats
from planning.history.prometheus import Wanted, read_prometheus
from planning.joint import Mornings, failing_share
from planning.placement import meeting_sizes
from planning.sizes import SizeHours, class_of, drawn, parse_sizes, write_sizes
from tests.support.histories import hourly_history

HOUR = 3600
SMALL = ((5, 900.0), (15, 90.0), (30, 10.0))


def test_classes_are_those_of_the_exporter():
    assert [class_of(size) for size in (1, 2, 5, 6, 30, 31, 500, 501)] == [
        *(1, 5, 5, 15, 30, 60, 500, 1000)
    ]


def test_nights_do_not_count_and_nobody_is_no_meeting():
    hours = SizeHours()
    for hour in range(10):
        hours.add_meetings(hour * HOUR, [12.0] * 100)
        hours.add_meetings((100 + hour) * HOUR, [3.0] * 50)

    assert hours.histogram() == ((15, 1000.0),)


def test_too_few_meetings_are_no_histogram():
    hours = SizeHours()
    hours.add_meetings(0, [12.0] * 50)

    assert hours.histogram() == ()


def test_drawn_sizes_follow_the_histogram_up_to_the_largest():
    sizes = drawn(SMALL, 20, np.random.default_rng(1), (200, 500))

    assert sizes.max() <= 20
    assert np.mean(sizes <= 5) == pytest.approx(0.9, abs=0.01)
    assert np.mean((sizes > 5) & (sizes <= 15)) == pytest.approx(0.09, abs=0.01)


def test_a_morning_of_known_sizes_sums_up_and_reaches_the_largest():
    sizes = meeting_sizes(600.0, 120, np.random.default_rng(1), 400, SMALL)

    assert sizes.sum(axis=1) == pytest.approx(np.full(400, 600.0))
    assert 60 < sizes.max() <= 120
    assert np.median(sizes[sizes > 0]) < 5


def test_smaller_meetings_fail_less_often():
    drawn_mornings = Mornings(
        peaks=np.full(1500, 1150.0),
        factors=np.ones(1500),
        largest_meeting=30,
        seed=1,
    )
    large = replace(drawn_mornings, sizes=((30, 1000.0),))
    small = replace(drawn_mornings, sizes=((5, 1000.0), (30, 1.0)))

    assert failing_share(small, (200.0,) * 6) < failing_share(large, (200.0,) * 6)
    # Sizes that vary widely, as is assumed where none are known, fail more often.
    assert failing_share(large, (200.0,) * 7) < failing_share(
        drawn_mornings, (200.0,) * 7
    )


def test_a_file_keeps_the_histogram():
    history = replace(hourly_history(2, lambda _: 100.0), meeting_sizes=SMALL)

    again = parse_csv(list(write_csv(history)), source=history.source)

    assert again.meeting_sizes == SMALL
    assert parse_sizes(write_sizes(SMALL), "f") == SMALL


@pytest.mark.parametrize("text", ["5", "7=3", "15=1 5=1", "5=-1", "5=many", "5=nan"])
def test_a_broken_histogram_is_one_sentence(text):
    with pytest.raises(ConfigError, match="the comment of meeting sizes holds"):
        parse_sizes(text, "h.csv")


def test_meeting_stats_tell_sizes():
    rows = "".join(f"{60 * n},m{m},{10 + m}\n" for n in range(50) for m in range(10))

    history = read_meeting_stats(
        ("ts,uuid,users\n" + rows).splitlines(keepends=True), source="s"
    )

    assert history.meeting_sizes == ((15, 300.0), (30, 200.0))


def test_a_collector_keeps_sizes_by_the_hour(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    nobody = added_up(())
    for minute in range(60):
        poll = replace(nobody, participants=60, sizes=((15, 4), (30, 1)))
        store.add(7200 + 60 * minute, poll)

    found = store.history().meeting_sizes
    store.forget(7200 + 2 * HOUR)
    store.close()

    assert found == ((15, 240.0), (30, 60.0))


def test_the_exporters_cumulative_rooms_become_classes():
    times = [7200, 7200 + HOUR]

    def fetch(path: str, parameters: object) -> object:
        if path.endswith("/values"):
            return ["bbb_meetings_participants"]
        query = str(dict(parameters)["query"])  # type: ignore[call-overload]
        if "bbb_room_participants_bucket" in query:
            upto = {"0": 1, "1": 2, "5": 80, "15": 280, "30": 300, "+Inf": 300}
            return {
                "result": [
                    {"metric": {"le": le}, "values": [[t, str(n)] for t in times]}
                    for le, n in upto.items()
                ]
            }
        if query.startswith("max_over_time((sum(max by (instance) (bbb_meetings_part"):
            return {"result": [{"metric": {}, "values": [[t, "9"] for t in times]}]}
        return {"result": []}

    history = read_prometheus(
        Wanted(url="http://p", starts_s=0, ends_s=7200 + 2 * HOUR), fetch
    )

    assert history.meeting_sizes == ((5, 156.0), (15, 400.0), (30, 40.0))
