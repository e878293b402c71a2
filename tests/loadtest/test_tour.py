"""A scenario in time: who is started when, which steps are judged, what is expected."""

import pytest

from bots.persona import PERSONAS
from bots.wire import Caps
from loadtest.models import SeatGroup, Slo
from loadtest.scenario import Arrival, MeetingKind, Scenario, SizeShare, Stage
from loadtest.stages import SETTLE_S, scenario_plan
from loadtest.tour import LEAD_S, Tour

KIND = MeetingKind(
    name="talk",
    mix=(
        SeatGroup(persona=PERSONAS["presenter"], count=1),
        SeatGroup(persona=PERSONAS["listener"], count=9),
    ),
    sizes=(SizeShare(size=10),),
)


def toured(*stages, arrival=None):
    scenario = Scenario(
        name="test",
        kinds=(KIND,),
        stages=tuple(
            Stage(participants=n, over_s=over, hold_s=hold) for n, over, hold in stages
        ),
        arrival=arrival or Arrival(),
    )
    records = []
    plan = scenario_plan(scenario, slo=Slo(), seed=1, caps=Caps())
    tour = Tour.of(plan, records.append)
    assert tour is not None
    return tour, records


def test_users_are_started_a_little_before_their_visits_and_never_again():
    tour, _ = toured((20, 20, 20), (0, 5, 5), (10, 10, 5))

    wanted = [tour.wanted(s).participants for s in (0, 10, 30, 40, 50, 64)]

    assert wanted == [round(LEAD_S), 10 + LEAD_S, 20, 20, 24, 30]
    assert tour.wanted(65 + SETTLE_S) is None


def test_every_participant_gets_its_own_times_and_number():
    tour, _ = toured((20, 20, 20))

    plans = [tour.next_plan() for _ in range(20)]

    assert [plan.number for plan in plans] == list(range(20))
    assert [plan.starts_s for plan in plans] == [k + 0.5 for k in range(20)]
    assert {plan.ends_s for plan in plans} == {40}
    assert [plan.meeting_number for plan in plans] == [0] * 10 + [1] * 10
    assert plans[0].shares_screen


def test_holds_are_steps_with_what_is_planned_in_them_and_breaks_are_none():
    tour, records = toured((20, 20, 30), (0, 5, 60), (10, 10, 30))

    for second in range(0, 160, 2):
        tour.wanted(second)

    assert [(r.step, r.participants, r.meetings) for r in records] == [
        (0, 20, 2),
        (1, 10, 1),
    ]
    first, last = records
    assert (first.duration_s, first.warm_up_s) == (50, 30)
    assert last.elapsed_s == pytest.approx(114.9)
    assert (first.planned.joins, last.planned.joins) == (20, 10)
    # presenter and nine who see camera and screen, all with audio: 2 × (10 + 9 + 9)
    assert first.planned.audio_out == 20
    assert first.planned.pictures_out == 36
    assert first.planned.streams == 20 + 36 + 2 + 2 + 2


def test_a_step_is_open_before_the_first_of_its_visits_is_handed_to_an_engine():
    tour, records = toured((20, 5, 20), (0, 2, 3), (20, 5, 20))

    for second in range(0, 55, 3):  # as on a machine that is late
        handed = tour.itinerary.visits[: tour.wanted(second).participants]

        opened_s = records[-1].elapsed_s + records[-1].duration_s
        assert all(visit.starts_s < opened_s for visit in handed)


def test_a_long_hold_is_cut_into_steps_so_that_drift_is_seen():
    tour, _ = toured((20, 20, 8 * 3_600))

    lengths = {round(step.duration_s) for step in tour.steps}

    assert len(tour.steps) == 16
    assert lengths == {1_820, 1_800}
    assert [step.warm_up_s for step in tour.steps[1:]] == [0.0] * 15


def test_a_course_without_holds_is_cut_into_equal_parts():
    tour, _ = toured(*((n, 10, 0) for n in (5, 20, 10, 15, 5, 20)))

    assert [step.duration_s for step in tour.steps] == [30, 30]
