"""Failures as outcomes: by kind, with a code, and without a secret."""

import pytest

from bots.clock import RunClock
from bots.errors import (
    ApiRefusal,
    ClusterError,
    Dropped,
    GraphqlRefusal,
    SfuRefusal,
    StepTimeout,
)
from bots.models import ParticipantPlan
from bots.outcomes import LONGEST_DETAIL, detail, refusal_report, verdict


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (ApiRefusal, "refused"),
        (GraphqlRefusal, "refused"),
        (SfuRefusal, "refused"),
        (ClusterError, "refused"),
        (StepTimeout, "timed out"),
        (Dropped, "dropped"),
    ],
)
def test_each_kind_of_failure_has_its_outcome(kind, outcome):
    assert verdict(kind("words", code="c")) == (outcome, "c")


def test_the_words_of_a_failure_are_redacted_and_bounded():
    failure = ClusterError("GET /join?checksum=abcdef&x=1 " + "long " * 200)

    words = detail(failure, "api")

    assert words.startswith("api: GET")
    assert "abcdef" not in words
    assert len(words) <= LONGEST_DETAIL


def test_a_refusal_report_says_who_what_and_why():
    plan = ParticipantPlan(number=4, meeting_number=2, persona="camera")

    report = refusal_report(
        plan, RunClock(), "camera share", SfuRefusal("no", code="2301")
    )

    assert (report.participant, report.meeting, report.what) == (4, 2, "camera share")
    assert (report.outcome, report.code, report.detail) == ("refused", "2301", "no")
