"""What a participant tells of itself, and whom it blames."""

import pytest

from bots.clock import RunClock
from bots.errors import ClusterError, Dropped, StepTimeout
from bots.logbook import Logbook
from bots.models import MilestoneReport, ParticipantPlan, RefusalReport, Report
from bots.transport import AWAY


def logbook() -> tuple[Logbook, list[Report]]:
    reports: list[Report] = []
    plan = ParticipantPlan(number=7, meeting_number=2, persona="flapping")
    return Logbook(plan, clock=RunClock(), report=reports.append), reports


@pytest.mark.parametrize("kind", [ClusterError, Dropped])
def test_what_our_own_missing_network_cost_is_nobodys_refusal_and_no_wait(kind):
    own, reports = logbook()

    own.refused("screen view", kind("the network was taken away", code=AWAY))
    own.milestone("screen", None, failure=kind("taken away", code=AWAY))

    (told,) = reports
    assert isinstance(told, RefusalReport)
    assert (told.what, told.outcome, told.code) == ("screen view", "withdrawn", AWAY)


def test_media_that_never_came_are_told_with_why():
    own, reports = logbook()

    own.milestone("screen", None, failure=StepTimeout("no frame", code="screen"))

    (told,) = reports
    assert isinstance(told, MilestoneReport)
    assert (told.participant, told.meeting, told.wait_s) == (7, 2, None)
    assert (told.outcome, told.code) == ("timed out", "screen")
