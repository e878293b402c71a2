"""A run on the terminal, from its log; the runs here are synthetic."""

from dataclasses import replace

from bots.models import MilestoneReport
from loadtest.codec import RunLog, encode_record
from loadtest.models import EndRecord, NodeSample
from loadtest.run_summary import summarise
from tests.support.results import run_records


def lines_of(*records):
    return list(summarise(RunLog(map(encode_record, records), "run.jsonl")))


def test_each_step_is_named_and_one_core_is_no_cores():
    records = [
        replace(record, cores=1.0) if isinstance(record, NodeSample) else record
        for record in run_records()
    ]

    lines = lines_of(*records)

    assert [line for line in lines if line.startswith("Step")] == [
        "Step 1, classes",
        "Step 2, classes",
    ]
    assert any(" % of 1 core;" in line for line in lines)


def test_a_camera_that_never_came_is_said_to_have_never_come():
    records = [
        replace(record, wait_s=None, outcome="timed out")
        if isinstance(record, MilestoneReport)
        else record
        for record in run_records()
    ]

    said = "\n".join(lines_of(*records))

    assert "first audio p95 never, first camera p95 never" in said
    assert "inf" not in said


def test_an_invalid_run_says_what_to_do_about_it_and_a_valid_one_nothing():
    end = EndRecord(elapsed_s=25.5, validity="invalid", reasons=("a late engine",))

    invalid = lines_of(*run_records(has_end=False), end)

    assert "invalid; a late engine" in invalid[-2]
    assert "repeat it with less else running" in invalid[-1]
    assert "repeat it" not in "\n".join(lines_of(*run_records()))
