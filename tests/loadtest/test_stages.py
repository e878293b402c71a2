"""Courses: steps in their order, judged before the next, nobody from the past left."""

import pytest

from bots.errors import ConfigError
from bots.wire import Caps
from loadtest.benchmark import LadderStep
from loadtest.ladder_plan import LadderPlan
from loadtest.models import MeetingProfile, Slo
from loadtest.stages import (
    EMPTY_TIMEOUT_S,
    SETTLE_S,
    Course,
    PlannedStep,
    RunPlan,
    fixed_plan,
    peak_of,
    scenario_of,
    stepper_of,
)

GROUPS = MeetingProfile(name="groups", size=3, cameras=3, microphones=3, listeners=0)
TALKS = MeetingProfile(name="talks", size=8, cameras=1, microphones=2, listeners=2)


class Script:
    """A stepper that gives these steps, and notes what the course does."""

    def __init__(self, *steps, results=None):
        self.steps = steps
        self.results = results
        self.log = []

    def next(self, finished):
        return self.steps[len(finished)] if len(finished) < len(self.steps) else None

    def judge(self):
        self.log.append("judge")
        return self.results.pop(0) if self.results is not None else ("point", "verdict")

    def start(self, step, number):
        self.log.append(f"start {number}: {step.participants} {step.profile.name}")

    def course(self, join_rate=0.0):
        return Course(
            self,
            join_rate=join_rate,
            start=self.start,
            judge=self.judge,
            clear=lambda: self.log.append("clear"),
        )


def step(profile, participants, *, is_fresh=False):
    return LadderStep(
        profile=profile,
        participants=participants,
        meetings=participants // profile.size,
        duration_s=12.0,
        warm_up_s=4.0,
        is_fresh=is_fresh,
    )


def test_a_course_follows_its_steps_and_judges_each_when_its_reports_are_in():
    script = Script(step(GROUPS, 6, is_fresh=True), step(GROUPS, 12))
    course = script.course()

    assert course.at(0.0, 0).participants == 6
    assert course.at(12.0, 6).participants == 6
    assert "judge" not in script.log
    assert course.at(12.0 + SETTLE_S, 6).participants == 12
    assert course.at(30.0, 12) is None
    assert script.log == [
        "clear",
        "start 0: 6 groups",
        "judge",
        "start 1: 12 groups",
        "judge",
    ]


def test_between_profiles_everybody_leaves_first():
    script = Script(step(GROUPS, 6, is_fresh=True), step(TALKS, 8, is_fresh=True))
    course = script.course()
    course.at(0.0, 0)

    assert course.at(14.0, 6).participants == 0
    assert course.at(15.0, 2).participants == 0
    assert script.log[-1] == "judge"
    assert course.at(16.0, 0).participants == 8
    assert script.log[-2:] == ["clear", "start 1: 8 talks"]


def test_who_never_leaves_does_not_hold_up_the_run_for_ever():
    script = Script(step(GROUPS, 6, is_fresh=True), step(TALKS, 8, is_fresh=True))
    course = script.course()
    course.at(0.0, 0)
    course.at(14.0, 6)

    assert course.at(14.0 + EMPTY_TIMEOUT_S, 1).participants == 0
    assert course.at(14.1 + EMPTY_TIMEOUT_S, 1).participants == 8


def test_a_step_that_could_not_be_measured_ends_a_fixed_course_with_the_reason():
    script = Script(step(GROUPS, 6, is_fresh=True), results=[None])
    course = script.course()
    course.at(0.0, 0)

    assert course.at(14.0, 6) is None
    assert "6 participants (groups) could not be measured" in course.failure
    assert course.at(15.0, 6) is None


def test_joins_fit_into_half_of_the_warm_up_unless_a_rate_was_asked_for():
    fast, slow = Script(step(GROUPS, 30, is_fresh=True)), Script(step(GROUPS, 30))

    assert fast.course().at(0.0, 0).rate == pytest.approx(15.0)
    assert slow.course(join_rate=0.5).at(0.0, 0).rate == 0.5


def test_a_fixed_plan_holds_after_its_ramp_and_judges_the_last_two_thirds():
    plan = fixed_plan(
        GROUPS,
        meetings=4,
        duration_s=30.0,
        join_rate=3.0,
        slo=Slo(),
        seed=1,
        caps=Caps(),
    )

    (only,) = plan.steps
    assert only == PlannedStep(
        profile=GROUPS, participants=12, duration_s=34.0, warm_up_s=14.0
    )
    assert peak_of(plan) == (12, 4 * (3 + 3 + 3 + 6))
    assert plan.duration_s > 34.0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"meetings": 0}, "--meetings is 1 or more"),
        ({"join_rate": 0.0}, "join rate"),
    ],
)
def test_a_plan_that_loads_nothing_is_refused(changes, complaint):
    values = {"meetings": 1, "duration_s": 30.0, "join_rate": 1.0} | changes

    with pytest.raises(ConfigError, match=complaint):
        fixed_plan(GROUPS, slo=Slo(), seed=1, caps=Caps(), **values)


def test_a_plan_with_a_ladder_knows_its_peak_and_every_profile():
    plan = RunPlan(
        profiles=(TALKS, GROUPS),
        ladder=LadderPlan(steps=4, step_duration_s=12.0, max_participants=48),
        slo=Slo(),
        caps=Caps(),
    )

    names = {profile.name for profile in scenario_of(plan)}
    assert {"talks", "groups"} <= names
    assert peak_of(plan)[0] == 48
    assert stepper_of(plan).next([]).is_fresh


def test_without_steps_locusts_own_users_count():
    plan = RunPlan(profiles=(GROUPS,), slo=Slo(), caps=Caps())

    assert stepper_of(plan) is None
    assert peak_of(plan, users=9) == (9, 3 * 15)
