"""The rows of our tab, from steps whose truth is known."""

from dataclasses import replace

from loadtest.aggregate import Aggregate
from loadtest.models import RunHeader, Slo, StepRecord
from loadtest.slo import judge
from loadtest.web_tab import COLUMNS, rows_of
from tests.support.results import run_records


def test_a_row_says_what_a_step_gave_the_latest_first():
    aggregate = Aggregate()
    for record in run_records():
        aggregate.add(record)

    rows = rows_of((p, judge(p, Slo())) for p in aggregate.points())

    assert [row["step"] for row in rows] == ["2, classes", "1, classes"]
    assert all(set(row) == {key for key, _ in COLUMNS} for row in rows)
    assert rows[1]["population"] == "6 of 6"
    assert rows[1]["slo"].startswith(("kept", "missed", "not judged"))


def test_a_running_step_is_shown_before_it_may_be_judged():
    aggregate = Aggregate()
    for record in run_records():
        if isinstance(record, StepRecord):
            record = replace(record, duration_s=60.0)
        if isinstance(record, RunHeader) or record.elapsed_s < 12:
            aggregate.add(record)

    assert aggregate.points() == ()
    assert [point.step for point in aggregate.points_so_far()] == [0]
