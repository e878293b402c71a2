"""The display of a run: its figures from records, its lines without a terminal."""

import io
from dataclasses import replace

from rich.console import Console

from bots.models import JoinReport, StreamReport
from loadtest.models import NodeSample, StepRecord
from loadtest.progress import Progress, Tally, rows_of
from tests.loadtest.test_codec import HEADER, RECORDS


def join(number, outcome="joined", code=""):
    return JoinReport(
        elapsed_s=1.0,
        participant=number,
        meeting=0,
        persona="talker",
        role="viewer",
        node="",
        outcome=outcome,
        code=code,
    )


def stream(at, direction, size, ssrc=1):
    return StreamReport(
        elapsed_s=at,
        participant=0,
        meeting=0,
        direction=direction,
        media="audio",
        ssrc=ssrc,
        bytes=size,
    )


def test_the_figures_are_those_of_the_last_whole_second():
    tally = Tally()
    for record in (
        HEADER,
        RECORDS[0],
        join(0),
        join(1),
        join(2, "refused", "full"),
        stream(2.0, "in", 125_000),
        stream(2.5, "in", 125_000, ssrc=2),
        stream(2.5, "out", 12_500, ssrc=3),
        stream(3.0, "in", 1),
    ):
        tally.add(record)

    rows = dict(rows_of(tally))
    assert rows["participants"] == "2 in, 2 joined, 1 not, 0 dropped"
    assert rows["media"] == "3 streams, 2.0 Mbit/s received, 0.1 sent"
    assert rows["last failure"] == "join refused full"
    assert rows["node"] == "not watched"


def test_the_nodes_cpu_is_a_share_of_its_cores():
    tally = Tally()
    tally.add(
        NodeSample(
            elapsed_s=2.0,
            node="n",
            cpu_s=(("node", 1.0),),
            interval_s=2.0,
            cores=2.0,
            memory_bytes=0,
            memory_total_bytes=0,
            received_bytes=0,
            sent_bytes=0,
        )
    )

    assert dict(rows_of(tally))["node"] == "CPU 25 %"


def test_without_a_terminal_there_is_a_line_for_each_step_and_the_end():
    output = io.StringIO()
    with Progress(Console(file=output, width=200)) as progress:
        for record in (HEADER, *RECORDS):
            progress.receive(record)

    lines = output.getvalue().splitlines()
    assert lines == [
        "step 1, classes: 10 participants in 1 meeting, 0 of 12 s",
        "ended after 5 s: invalid",
    ]
    assert isinstance(RECORDS[0], StepRecord)


def test_on_a_terminal_the_display_is_live_and_leaves_nothing_behind():
    output = io.StringIO()
    console = Console(file=output, width=100, force_terminal=True)
    with Progress(console) as progress:
        for record in (HEADER, *RECORDS):
            progress.receive(record)

    assert "participants" in output.getvalue()


def test_a_step_that_is_told_ahead_of_its_time_does_not_put_the_clock_forward():
    tally = Tally()
    for record in (HEADER, stream(26.0, "in", 1), replace(RECORDS[0], elapsed_s=29.9)):
        tally.add(record)

    assert tally.elapsed_s == 26
    assert ", 0 of " in rows_of(tally)[0][1]
