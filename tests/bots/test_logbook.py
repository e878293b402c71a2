"""What a participant tells of itself, and whom it blames."""

import pytest

from bots.clock import RunClock
from bots.errors import ClusterError, Dropped, StepTimeout
from bots.logbook import Logbook
from bots.models import (
    JoinReport,
    MilestoneReport,
    ParticipantPlan,
    RefusalReport,
    Report,
)
from bots.transport import AWAY


class StoppedClock(RunClock):
    """A clock that stands still until it is set."""

    now_s = 0.0

    def elapsed_s(self) -> float:
        return self.now_s


def logbook(clock: RunClock | None = None) -> tuple[Logbook, list[Report]]:
    reports: list[Report] = []
    plan = ParticipantPlan(number=7, meeting_number=2, persona="flapping")
    return Logbook(plan, clock=clock or RunClock(), report=reports.append), reports


def test_the_time_that_a_join_stands_still_by_its_own_will_is_none_of_it():
    clock = StoppedClock()
    own, reports = logbook(clock)

    own.begin()
    clock.now_s = 2.0
    with own.apart():
        clock.now_s = 62.0
    clock.now_s = 63.0
    own.joined()

    (told,) = reports
    assert isinstance(told, JoinReport)
    assert (told.asked_s, told.elapsed_s, told.join_time_s) == (0.0, 63.0, 3.0)


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
