"""The conductor: places, records, validity and exit code, without Locust or network."""

import io
import json
import logging

import pytest

from bots.models import EngineReport, JoinReport, LeaveReport
from bots.wire import Begun, Caps, Ended, plain_report
from loadtest.codec import RunLog
from loadtest.conductor import Conductor
from loadtest.models import EndRecord, MeetingProfile, Slo, StepRecord
from loadtest.stages import PlannedStep, RunPlan

PAIRS = MeetingProfile(name="pairs", size=2, cameras=0, microphones=0, listeners=0)
BEGUN = Begun(server="north", host="h", bbb_version="3.0.4", stand_in=False)
STEP = PlannedStep(profile=PAIRS, participants=4, duration_s=12.0, warm_up_s=4.0)


def conductor(*steps, slo=None):
    plan = RunPlan(
        profiles=(PAIRS,),
        slo=slo or Slo(),
        caps=Caps(),
        steps=steps,
        join_rate=4.0,
    )
    made = Conductor(plan, run="r1", log=io.StringIO())
    made.begin(
        made.describe(BEGUN, started_at="t0", tool_version="0.1.0", stand_in=True)
    )
    return made


def log_of(made):
    made._log.seek(0)
    log = RunLog(made._log.read().splitlines(keepends=True), "run.jsonl")
    return log.header, list(log)


def joined(number, meeting=0, at=1.0, outcome="joined", code=""):
    return plain_report(
        JoinReport(
            elapsed_s=at,
            participant=number,
            meeting=meeting,
            persona="lurker",
            role="viewer",
            node="",
            outcome=outcome,
            code=code,
            join_time_s=0.5 if outcome == "joined" else None,
            asked_s=at - 0.5,
        )
    )


def engine_report(at, cpu_ratio=0.1):
    return plain_report(
        EngineReport(
            elapsed_s=at,
            engine=0,
            cpu_ratio=cpu_ratio,
            lag_s=0.001,
            late_packets=0,
            sent_packets=0,
            received_packets=0,
            participants=4,
            memory_bytes=1,
        )
    )


def run_through(made, **engine):
    """Play a whole run of one step, everybody joined."""
    assert made.wanted(0.2).participants == 4
    for _ in range(4):
        plan = made.place("local")
        made.receive([joined(plan.number, plan.meeting_number)])
    for second in range(1, 14):
        made.receive([engine_report(float(second), **engine)])
    assert made.wanted(13.9) is None


def test_places_fill_meetings_and_numbers_are_never_used_twice():
    made = conductor()

    plans = [made.place("a"), made.place("b"), made.place("a")]
    made.left(1)
    plans.append(made.place("b"))

    assert [plan.number for plan in plans] == [0, 1, 2, 3]
    assert [plan.meeting_number for plan in plans] == [0, 0, 1, 0]
    assert made.held == 3


def test_the_log_begins_with_the_header_and_holds_what_the_engines_said():
    made = conductor(STEP)
    run_through(made)
    code = made.finish(14.0, interrupted=False)

    header, records = log_of(made)
    assert (header.run, header.target, header.stand_in) == ("r1", "north", True)
    assert [type(record) for record in records[:2]] == [StepRecord, JoinReport]
    end = records[-1]
    assert end == EndRecord(elapsed_s=14.0, validity="valid", self_check=end.self_check)
    assert not any(check.reason for check in end.self_check.checks)
    assert (code, made.peak) == (0, 4)


def test_a_missed_slo_is_an_exit_code_of_its_own(caplog):
    caplog.set_level(logging.INFO)
    made = conductor(STEP, slo=Slo(join_time_p95_max_s=0.1))
    run_through(made)

    assert made.finish(14.0, interrupted=False) == 5
    assert "run r1 is valid; the SLO was missed" in caplog.text
    assert log_of(made)[1][-1].validity == "valid"


def test_a_late_generator_makes_the_run_invalid_with_the_cause(caplog):
    caplog.set_level(logging.INFO)
    made = conductor(STEP)
    run_through(made, cpu_ratio=0.9)

    assert made.finish(14.0, interrupted=False) == 3
    assert "run r1 is invalid; a bot engine used 0.90 of a core" in caplog.text
    end = log_of(made)[1][-1]
    assert end.validity == "invalid"
    assert end.reasons


def test_an_interrupted_run_says_so_and_nothing_else():
    made = conductor(STEP)
    made.wanted(0.2)

    assert made.finish(3.0, interrupted=True) == 130
    assert log_of(made)[1][-1].validity == "interrupted"


def test_participants_of_a_lost_worker_are_withdrawn_and_their_places_free():
    made = conductor()
    for worker in ("a", "b", "a"):
        plan = made.place(worker)
        made.receive([joined(plan.number, plan.meeting_number)])
    made.place("a")

    assert made.lost("a", 5.0, "worker a died") == 3
    leaves = [r for r in log_of(made)[1] if isinstance(r, LeaveReport)]
    assert [(x.participant, x.outcome, x.code) for x in leaves] == [
        (0, "withdrawn", "engine lost"),
        (2, "withdrawn", "engine lost"),
    ]
    made._log.seek(0, io.SEEK_END)
    assert made.held == 1
    assert made.place("b").meeting_number == 0
    assert made.finish(6.0, interrupted=False) == 3


@pytest.mark.parametrize("code", ["engine full", "participants cap", "streams cap"])
def test_a_join_that_our_engine_refused_makes_the_run_invalid(code):
    made = conductor()
    plan = made.place("a")
    made.receive([joined(plan.number, outcome="withdrawn", code=code)])

    assert made.finish(6.0, interrupted=False) == 3
    assert code in log_of(made)[1][-1].reasons[0]


def test_meetings_that_did_not_end_are_told():
    made = conductor()
    made.ended(Ended(ended=1, failed=("bbbload-r1-1",)))

    made.finish(6.0, interrupted=False)

    assert "bbbload cleanup" in log_of(made)[1][-1].reasons[0]


def test_between_profiles_the_next_meetings_get_numbers_of_their_own():
    trios = MeetingProfile(name="trios", size=3, cameras=0, microphones=0, listeners=0)
    second = PlannedStep(profile=trios, participants=3, duration_s=12.0, warm_up_s=4.0)
    plan = RunPlan(
        profiles=(PAIRS, trios), slo=Slo(), caps=Caps(), steps=(STEP, second)
    )
    made = Conductor(plan, run="r1", log=io.StringIO())
    made.wanted(0.2)
    for _ in range(3):
        plan = made.place("a")
        made.receive([joined(plan.number, plan.meeting_number)])
    for second in range(1, 14):
        made.receive([engine_report(float(second))])

    assert made.wanted(14.0).participants == 0
    for number in range(3):
        made.left(number)
    assert made.wanted(15.0).participants == 3
    assert made.retired_below == 2
    assert made.place("a").meeting_number == 2


def test_damaged_reports_are_counted_and_told_not_written():
    made = conductor()
    made.receive([{"kind": "join"}, {"kind": "poll"}])

    assert made.finish(1.0, interrupted=False) == 3
    assert "2 reports of our engines were damaged" in log_of(made)[1][-1].reasons


def test_a_token_in_a_servers_words_does_not_reach_the_log():
    made = conductor()
    plan = made.place("a")
    report = joined(plan.number, outcome="refused", code="x")
    report["detail"] = 'GET /join?sessionToken=abcdef123456&x=1 "password": "pw"'
    made.receive([report])

    text = made._log.getvalue()
    assert "abcdef123456" not in text
    assert [json.loads(line) for line in text.splitlines()]
