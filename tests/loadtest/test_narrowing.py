"""Which hold narrows an interval most, against synthetic nodes."""

import dataclasses

import numpy as np
import pytest

from loadtest.ascents import Ascent, Finished, ascents_of
from loadtest.benchmark import Ladder
from loadtest.knees import Knee, knee_of
from loadtest.ladder_plan import LadderPlan
from loadtest.models import LoadPoint, MeetingProfile, Percentiles, Slo
from loadtest.narrowing import best_hold
from loadtest.repeats import noise_of
from loadtest.slo import judge
from tests.support.runs import (
    CLASSES,
    GROUPS,
    TALKS,
    Generator,
    SyntheticNode,
    synthetic_point,
)

STRONG = SyntheticNode(cores=20.0, noise=0.0)


def at(node: SyntheticNode, *loads: int) -> Ascent:
    points = [synthetic_point(node, GROUPS, load) for load in loads]
    return ascents_of(GROUPS, [(point, judge(point)) for point in points])[0]


def lossy(load: int, served: float) -> Finished:
    """A calm node whose mixer loses what is beyond the people it serves."""
    lost = max(0.0, 1 - served / load)
    loss = Percentiles(count=load, p50=lost, p95=lost, max=lost)
    point = dataclasses.replace(
        synthetic_point(STRONG, GROUPS, load), audio_loss=loss, node_cpu_ratio=0.1
    )
    return point, judge(point)


def known(ascent: Ascent) -> Knee:
    knee = knee_of(ascent, Slo(), noise_of([ascent]))
    assert knee is not None
    return knee


def test_a_line_is_narrowed_near_the_bound_and_not_where_the_node_is_full():
    node = SyntheticNode(noise=0.0)
    ascent = at(node, 3, 9, 21)
    knee = known(ascent)

    hold = best_hold(ascent, knee, noise_of([ascent]), cap=60)

    assert hold is not None
    assert hold.spread < knee.spread
    assert abs(hold.participants - node.knee(GROUPS)) <= 2 * GROUPS.size


def test_a_bracket_is_narrowed_where_the_law_says_that_the_knee_is():
    ascent = ascents_of(GROUPS, [lossy(6, 20), lossy(48, 20)])[0]
    knee = known(ascent)

    hold = best_hold(ascent, knee, noise_of([ascent]), cap=60)

    assert knee.crossing.value == pytest.approx(20 / 0.99, rel=0.01)
    assert hold is not None
    assert 18 <= hold.participants <= 24


def test_a_bracket_of_one_meeting_is_not_narrowed():
    ascent = ascents_of(GROUPS, [lossy(18, 20), lossy(21, 20)])[0]

    assert best_hold(ascent, known(ascent), noise_of([ascent]), cap=60) is None


def test_a_counted_cap_needs_no_further_hold():
    point = dataclasses.replace(
        synthetic_point(STRONG, GROUPS, 30),
        refusals=(("connections_limit_exceeded", 10),),
        join_success=20 / 30,
        present_at_end=20.0,
    )
    good = synthetic_point(STRONG, GROUPS, 6)
    ascent = ascents_of(GROUPS, [(good, judge(good)), (point, judge(point))])[0]

    assert known(ascent).crossing.value == 20
    assert best_hold(ascent, known(ascent), noise_of([ascent]), cap=60) is None


def climbed(
    plan: LadderPlan, profiles: tuple[MeetingProfile, ...], *, noise: float
) -> list[LoadPoint]:
    """Return the points of a whole ladder; each step takes its time."""
    rng = np.random.default_rng(3)
    ladder = Ladder(profiles, plan, seed=3)
    finished: list[Finished] = []
    while (step := ladder.next(finished)) is not None:
        assert len(finished) < 300, "the ladder has no end"
        point = dataclasses.replace(
            synthetic_point(
                SyntheticNode(noise=noise),
                step.profile,
                step.participants,
                step=len(finished),
                rng=rng,
            ),
            repeat=step.repeat,
        )
        finished.append((point, judge(point)))
    return [point for point, _ in finished]


def test_time_is_spent_until_every_interval_is_narrow_enough():
    plan = LadderPlan(
        step_duration_s=12,
        max_participants=60,
        time_s=3_600,
        fills_time=True,
        precision=0.03,
    )

    points = climbed(plan, (TALKS, CLASSES, GROUPS), noise=0.02)

    pairs = [(point, judge(point)) for point in points]
    ascents = [a for p in (TALKS, CLASSES, GROUPS) for a in ascents_of(p, pairs)]
    noise = noise_of(ascents)
    firsts = [a for a in ascents if a.repeat == 0]
    spreads = [knee.spread for a in firsts if (knee := knee_of(a, Slo(), noise))]
    assert len(points) < 100
    assert len(spreads) == 3
    assert max(spreads) <= 0.03


def test_a_bad_minute_of_our_machine_does_not_end_what_has_hours_left():
    plan = LadderPlan(
        step_duration_s=12, max_participants=60, time_s=3_600, fills_time=True
    )
    ladder = Ladder((CLASSES,), plan)
    weak = synthetic_point(SyntheticNode(), CLASSES, 6, generator=Generator(lag_s=1.0))
    climbs = [dataclasses.replace(weak, repeat=number // 2) for number in range(12)]
    spoilt = [(point, judge(point)) for point in climbs]

    again = ladder.next(spoilt[:2])

    assert again is not None
    assert again.repeat == 1
    assert ladder.next(spoilt) is None


def test_no_time_is_spent_on_a_climb_that_met_another_limit_than_most():
    plan = LadderPlan(
        step_duration_s=12,
        max_participants=60,
        time_s=3_600,
        fills_time=True,
        precision=0.001,
    )
    node = SyntheticNode(noise=0.0)
    points = [
        dataclasses.replace(synthetic_point(node, GROUPS, load), repeat=repeat)
        for repeat in (0, 2)
        for load in (3, 9, 21)
    ]
    odd = [dataclasses.replace(lossy(n, 20)[0], repeat=1) for n in (6, 48, 48)]
    finished = [(point, judge(point)) for point in (*points, *odd)]
    spreads = [known(ascent).spread for ascent in ascents_of(GROUPS, finished)]

    step = Ladder((GROUPS,), plan).next(finished)

    assert max(spreads) == spreads[1]
    assert step is not None
    assert step.repeat != 1


def test_no_step_begins_that_would_end_too_late():
    plan = LadderPlan(
        step_duration_s=12,
        max_participants=60,
        time_s=100,
        fills_time=True,
        precision=0.001,
    )

    points = climbed(plan, (CLASSES,), noise=0.02)

    assert 84 < points[-1].ends_s <= 100
