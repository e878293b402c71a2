"""The guard's decisions: what proves its sight, and what ends a run."""

import pytest

from bots.errors import ConfigError
from bots.wire import Sighted
from loadtest.models import NodeSample
from loadtest.sentry import (
    BLIND_MAX_S,
    CPU_BLIND_MAX_S,
    WINDOW_S,
    Count,
    GuardRules,
    Sentry,
    check_rules,
    prove,
)

EMPTY = Sighted(meetings=1, shows_ours=True)
BESIDE = GuardRules(beside_real_meetings=True, withdraw_at_cpu=0.7)
UNSEEN = GuardRules(meetings_unseen=True)


def shown(participants, ours=None):
    ours = participants if ours is None else ours
    return Sighted(meetings=2, participants=participants, ours=ours, shows_ours=True)


def sample(cpu_ratio=0.1, participants=None, node="node:9100"):
    return NodeSample(
        elapsed_s=1.0,
        node=node,
        cpu_s=(("node", 4 * cpu_ratio),),
        interval_s=1.0,
        cores=4.0,
        memory_bytes=0,
        memory_total_bytes=0,
        received_bytes=0,
        sent_bytes=0,
        participants=participants,
    )


@pytest.mark.parametrize(
    ("seen", "counted", "said"),
    [
        (EMPTY, Count(participants=0), ""),
        (EMPTY, Count(participants=0, meetings=1), ""),
        (EMPTY, None, "no second source counts the participants of node.example"),
        (EMPTY, Count(participants=12), "shows 0 participants and the metrics"),
        (EMPTY, Count(participants=0, meetings=4), "shows 1 meetings, with ours, and"),
        (EMPTY, Count(participants=0, meetings=0), "give the metrics of all nodes"),
        (None, Count(participants=0), "not asked"),
    ],
)
def test_a_run_begins_only_when_two_sources_show_the_same(seen, counted, said):
    problem = prove(seen, counted, "node.example")

    assert (problem == "") == (said == "")
    assert said in problem


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"beside_real_meetings": True}, "add --withdraw-at-cpu 0.7"),
        ({"withdraw_at_cpu": 0.7}, "goes with --beside-real-meetings"),
        ({"beside_real_meetings": True, "withdraw_at_cpu": 70.0}, "no share of a node"),
        (
            {"beside_real_meetings": True, "withdraw_at_cpu": float("nan")},
            "no share of a node",
        ),
    ],
)
def test_rules_that_do_not_go_together_are_refused(rules, said):
    with pytest.raises(ConfigError, match=said):
        check_rules(GuardRules(**rules))


def test_a_risk_taken_is_noted_for_every_report():
    assert check_rules(GuardRules()).notes == ()
    assert "--withdraw-at-cpu 0.7" in check_rules(BESIDE).notes[0]
    assert "--meetings-unseen" in check_rules(UNSEEN).notes[0]


@pytest.mark.parametrize("rules", [GuardRules(), UNSEEN])
def test_people_who_come_end_the_run_at_once(rules):
    sentry = Sentry(rules)

    assert sentry.sighted(shown(4), 3.0, 4) == ""
    reason = sentry.sighted(Sighted(refusal="30 participants came"), 6.0, 4)
    assert reason == "30 participants came"


def test_people_are_no_reason_beside_real_meetings():
    assert Sentry(BESIDE).sighted(Sighted(refusal="30 came"), 6.0, 4) == ""


@pytest.mark.parametrize(
    "blind",
    [
        Sighted(failure="no answer"),
        Sighted(meetings=0),  # an empty success
        Sighted(meetings=1, ours=0, shows_ours=True),  # what it showed at the start
    ],
)
def test_what_no_longer_shows_our_own_ends_the_run_after_a_minute(blind):
    sentry = Sentry(GuardRules(), since_s=10.0)

    assert sentry.sighted(blind, 13.0, 20) == ""
    assert sentry.sighted(blind, 10.0 + BLIND_MAX_S, 20) == ""
    assert "could not be seen for 60 s" in sentry.sighted(blind, 10.1 + BLIND_MAX_S, 20)
    assert "could not be seen" in sentry.tick(10.1 + BLIND_MAX_S)


def test_an_operator_who_took_the_risk_may_be_blind():
    assert Sentry(UNSEEN).tick(1e6) == ""


def watched(series, *, rules=None, ours=None):
    """Play (elapsed, shown, counted) triples; return the first reason and when."""
    sentry = Sentry(rules or GuardRules())
    for elapsed_s, seen, counted in series:
        sentry.sampled(sample(participants=counted), elapsed_s)
        reason = sentry.sighted(shown(seen, ours), elapsed_s, seen)
        if reason:
            return reason, elapsed_s
    return "", None


def test_people_whom_getmeetings_hides_end_the_run_once_they_stay():
    before = [(float(t), 8, 8) for t in range(0, 30, 3)]
    after = [(float(t), 8, 20) for t in range(30, 90, 3)]

    reason, when_s = watched(before + after)

    assert "12 people whom it hides" in reason
    assert 30 + WINDOW_S <= when_s <= 30 + WINDOW_S + 6


@pytest.mark.parametrize("lag_s", [0, 6, 15])
def test_a_ramp_is_no_stranger_however_late_the_second_source_is(lag_s):
    def ours(elapsed_s):
        return int(max(0, min(elapsed_s, 200 - elapsed_s)) * 2)

    series = [(float(t), ours(t), ours(t - lag_s)) for t in range(0, 240, 3)]

    assert watched(series) == ("", None)


def test_the_counts_of_several_nodes_are_added():
    sentry = Sentry(GuardRules())
    reasons = []
    for elapsed_s in range(0, 60, 3):
        for node in ("a", "b"):
            sentry.sampled(sample(participants=5, node=node), float(elapsed_s))
        reasons.append(sentry.sighted(shown(8), float(elapsed_s), 8))

    assert "2 people whom it hides" in reasons[-1]


def test_the_cpu_ceiling_ends_a_run_beside_real_meetings_with_the_very_sample():
    sentry = Sentry(BESIDE)

    assert sentry.sampled(sample(0.69), 1.0) == ""
    assert "used 71% of its cores" in sentry.sampled(sample(0.71), 2.0)
    assert Sentry(GuardRules()).sampled(sample(0.99), 2.0) == ""


def test_beside_real_meetings_a_cpu_that_cannot_be_read_ends_the_run():
    sentry = Sentry(BESIDE)
    sentry.sampled(sample(0.1), 5.0)

    assert sentry.tick(5.0 + CPU_BLIND_MAX_S) == ""
    assert "could not be read" in sentry.tick(5.1 + CPU_BLIND_MAX_S)
