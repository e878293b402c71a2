"""The ladder: which load it tries next, against synthetic nodes."""

import dataclasses
import itertools
from collections import defaultdict

import pytest

from bots.errors import ConfigError
from loadtest.ascents import Finished, bracket
from loadtest.benchmark import BETWEEN_S, Ladder, LadderStep
from loadtest.generator import traffic_of
from loadtest.ladder_plan import LadderPlan
from loadtest.models import Percentiles, Slo
from loadtest.profiles import SMALL_PROFILES, USUAL_PROFILES, profiles_named
from loadtest.slo import judge
from loadtest.streams import streams_of
from tests.support.runs import (
    CLASSES,
    GROUPS,
    TALKS,
    Generator,
    SyntheticNode,
    climb,
    synthetic_point,
)

PLAN = LadderPlan(steps=5, step_duration_s=12, max_participants=60)


def loads_by_profile(finished: tuple[Finished, ...]) -> dict[str, list[int]]:
    loads = defaultdict(list)
    for point, _ in finished:
        loads[point.profile].append(point.participants)
    return dict(loads)


def scaled_node(factor: float) -> SyntheticNode:
    """Return a node that is `factor` times as strong as the default one."""
    node = SyntheticNode()
    costs = ("participant", "audio_in", "audio_out", "video_in", "video_out")
    cheaper = {name: getattr(node, name) / factor for name in costs}
    return dataclasses.replace(node, **cheaper)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
def test_the_knee_of_every_profile_is_enclosed_and_passed(seed, factor):
    node = scaled_node(factor)

    plan = dataclasses.replace(PLAN, max_participants=90)

    finished = climb(node, plan=plan, seed=seed)

    for profile in SMALL_PROFILES:
        own = [pair for pair in finished if pair[0].profile == profile.name]
        good, bad = bracket(own)
        assert good is not None
        assert bad is not None
        knee = node.knee(profile)
        # The noise of a step may misjudge one that stands right at the bound.
        assert good * 0.94 <= knee <= bad * 1.06


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("cap", [8, 20, 60, 300])
@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_a_ladder_never_exceeds_its_cap_its_steps_or_a_whole_meeting(
    steps, cap, factor
):
    plan = LadderPlan(steps=steps, step_duration_s=12, max_participants=cap)
    sizes = {p.name: p.size for p in Ladder(SMALL_PROFILES, plan).all_profiles}

    finished = climb(scaled_node(factor), plan=plan)

    assert len(finished) <= steps * len(SMALL_PROFILES)
    for point, _ in finished:
        assert 0 < point.participants <= cap
        assert point.participants % sizes[point.profile] == 0
        assert point.meetings * sizes[point.profile] == point.participants
    for name, loads in loads_by_profile(finished).items():
        assert len(loads) <= steps
        # One may be looked at twice: the one whose quality broke on a calm node.
        assert len(set(loads)) >= len(loads) - 1, name


def test_the_same_finished_steps_give_the_same_next_step():
    assert climb(SyntheticNode(), plan=PLAN) == climb(SyntheticNode(), plan=PLAN)


def test_growth_stops_just_below_the_foretold_knee_and_then_goes_past_it():
    finished = climb(SyntheticNode(noise=0), plan=PLAN, profiles=(TALKS,), seed=None)

    loads = loads_by_profile(finished)["talks"]

    assert loads[:4] == [8, 24, 40, 56]


def test_holds_near_the_knee_narrow_an_interval_that_growth_left_wide():
    plan = dataclasses.replace(PLAN, precision=0.02)

    finished = climb(SyntheticNode(noise=0), plan=plan, profiles=(GROUPS,), seed=None)

    loads = loads_by_profile(finished)["groups"]

    assert loads[:3] == sorted(loads[:3])
    knee = SyntheticNode().knee(GROUPS)
    assert all(abs(load - knee) <= GROUPS.size for load in loads[3:])
    assert len(loads) > 3


def test_a_node_without_metrics_is_climbed_by_doubling():
    calm = climb(
        scaled_node(20), plan=PLAN, profiles=(CLASSES,), seed=None, watched=False
    )

    assert loads_by_profile(calm)["classes"] == [12, 24, 48, 60]


def test_a_quality_knee_far_below_the_cpus_is_halved_towards():
    node = dataclasses.replace(scaled_node(3), quality_knee=0.2)
    plan = dataclasses.replace(PLAN, steps=7, max_participants=120)

    finished = climb(node, plan=plan, profiles=(GROUPS,), seed=None)

    good, bad = bracket(finished)
    assert good is not None
    assert bad is not None
    assert node.utilisation(GROUPS, good) <= 0.2 / 0.99 <= node.utilisation(GROUPS, bad)


def test_a_profile_that_breaks_at_once_is_tried_lower():
    plan = dataclasses.replace(PLAN, max_participants=400)

    finished = climb(SyntheticNode(), plan=plan, profiles=(CLASSES,), seed=None)

    loads = loads_by_profile(finished)["classes"]
    assert loads[:2] == [54, 24]
    assert bracket(finished)[0] is not None


def test_a_single_meeting_that_breaks_the_slo_ends_the_profile():
    finished = climb(scaled_node(0.05), plan=PLAN, profiles=(TALKS,), seed=None)

    assert loads_by_profile(finished)["talks"] == [8]


def test_an_slo_that_holds_at_the_cap_ends_the_profile():
    finished = climb(scaled_node(50), plan=PLAN, profiles=(CLASSES,), seed=None)

    loads = loads_by_profile(finished)["classes"]
    assert loads[-1] == 60
    assert len(loads) == len(set(loads))


def test_an_unfit_generator_gets_one_more_try_and_then_ends_the_profile():
    weak = Generator(cpu_ratio=0.9)

    finished = climb(SyntheticNode(), plan=PLAN, generator=weak, seed=None)

    loads = loads_by_profile(finished)
    assert loads["talks"] == [8, 8]
    assert loads["classes"] == [12, 12]


def test_a_generator_that_was_unfit_once_goes_on_after_the_second_try():
    ladder = Ladder((CLASSES,), PLAN)
    node = SyntheticNode(noise=0)
    weak = synthetic_point(node, CLASSES, 12, generator=Generator(lag_s=0.5))
    fit = synthetic_point(node, CLASSES, 12)

    second = ladder.next([(weak, judge(weak))])
    third = ladder.next([(weak, judge(weak)), (fit, judge(fit))])

    assert second is not None
    assert second.participants == 12
    assert third is not None
    assert third.participants > 12


BROKEN_MEDIA = Percentiles(count=10, p50=0.0, p95=0.1, max=0.3)


def test_quality_that_breaks_on_a_calm_node_is_looked_at_once_more():
    ladder = Ladder((CLASSES,), PLAN)
    calm = synthetic_point(SyntheticNode(noise=0), CLASSES, 12)
    frozen = dataclasses.replace(calm, frozen=BROKEN_MEDIA)
    first = (frozen, judge(frozen))

    again = ladder.next([first])
    passed_by = ladder.next([first, (calm, judge(calm))])
    came_again = ladder.next([first, first])

    assert again is not None
    assert (again.participants, again.is_fresh) == (12, True)
    assert passed_by is not None
    assert passed_by.participants > 12
    assert came_again is not None
    assert came_again.participants < 12
    assert bracket([first, (calm, judge(calm))]) == (12, None)
    assert bracket([first, first]) == (None, 12)


def test_quality_that_breaks_on_a_busy_node_is_believed_at_once():
    ladder = Ladder((CLASSES,), PLAN)
    good = synthetic_point(SyntheticNode(noise=0), CLASSES, 12)
    busy = synthetic_point(SyntheticNode(noise=0), CLASSES, 18)
    frozen = dataclasses.replace(busy, frozen=BROKEN_MEDIA)

    after = ladder.next([(good, judge(good)), (frozen, judge(frozen))])

    assert after is None


def test_contrast_steps_come_last_at_a_load_that_was_good():
    finished = climb(SyntheticNode(), plan=PLAN)

    names = [point.profile for point, _ in finished]
    contrasts = finished[-3:]

    assert names[-3:] == [
        "talks without media",
        "classes listening",
        "groups without cameras",
    ]
    assert all(verdict.met for _, verdict in contrasts)
    assert len(names) == len([n for n in names if n not in names[-3:]]) + 3


def test_contrast_steps_are_not_spent_where_costs_could_not_be_fitted():
    for chosen in ((TALKS,), (TALKS, GROUPS)):
        assert Ladder(chosen, PLAN).contrasts == {}
    assert len(Ladder(USUAL_PROFILES, PLAN).contrasts) == 3
    assert Ladder(SMALL_PROFILES, dataclasses.replace(PLAN, steps=2)).contrasts == {}


def steps_of(plan: LadderPlan, node: SyntheticNode) -> list[LadderStep]:
    """Return the steps of a whole ladder over all small profiles."""
    ladder = Ladder(SMALL_PROFILES, plan, seed=4)
    finished: list[Finished] = []
    steps = []
    while (step := ladder.next(finished)) is not None:
        steps.append(step)
        point = synthetic_point(node, step.profile, step.participants)
        point = dataclasses.replace(point, repeat=step.repeat)
        finished.append((point, judge(point)))
    return steps


def test_climbs_are_repeated_in_another_order_and_begin_near_the_knee():
    plan = dataclasses.replace(PLAN, repeats=4)

    steps = [s for s in steps_of(plan, SyntheticNode(noise=0)) if not s.is_contrast]

    climbs = list(dict.fromkeys((step.repeat, step.profile.name) for step in steps))
    orders = [[n for r, n in climbs if r == repeat] for repeat in range(4)]
    firsts = dict.fromkeys(climbs)
    for step in reversed(steps):
        firsts[step.repeat, step.profile.name] = step.participants
    assert [repeat for repeat, _ in climbs] == sorted([0, 1, 2, 3] * 3)
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == ["classes", "groups", "talks"] for order in orders)
    assert firsts[1, "talks"] > firsts[0, "talks"]
    assert all(
        step.is_fresh
        for before, step in itertools.pairwise(steps)
        if (before.repeat, before.profile) != (step.repeat, step.profile)
    )


def test_people_come_at_once_where_that_was_asked_for():
    plan = dataclasses.replace(PLAN, at_once=True)

    assert all(step.is_fresh for step in steps_of(plan, SyntheticNode(noise=0)))


def test_traffic_stays_below_its_cap_in_whole_meetings():
    plan = dataclasses.replace(PLAN, max_bps=4e6)

    for step in steps_of(plan, scaled_node(50)):
        streams = streams_of(step.profile, step.participants)
        assert max(traffic_of(streams)) <= 4e6
    with pytest.raises(ConfigError, match="more traffic than --max-rate 100kbit"):
        Ladder(SMALL_PROFILES, dataclasses.replace(PLAN, max_bps=1e5))


def test_a_load_that_our_machine_cannot_make_is_approached_from_below():
    ladder = Ladder((CLASSES,), PLAN)
    node = SyntheticNode(cores=20, noise=0)
    good = synthetic_point(node, CLASSES, 12)
    weak = synthetic_point(node, CLASSES, 36, generator=Generator(lag_s=0.5))
    pairs = [(good, judge(good)), (weak, judge(weak)), (weak, judge(weak))]

    step = ladder.next(pairs)

    assert step is not None
    assert step.participants == 24


def test_below_a_join_rate_only_steps_that_began_empty_are_good():
    node = SyntheticNode(cores=20, noise=0)
    late = Percentiles(count=30, p50=6.0, p95=12.0, max=13.0)
    first = synthetic_point(node, GROUPS, 6)
    grown = dataclasses.replace(synthetic_point(node, GROUPS, 18), joins=12)
    bad = dataclasses.replace(
        synthetic_point(node, GROUPS, 30),
        join_time_s=late,
        join_rate=2.0,
        join_rate_asked=15.0,
    )
    pairs = [(point, judge(point)) for point in (first, grown, bad, bad)]

    step = Ladder((GROUPS,), PLAN).next(pairs)

    assert bracket(pairs) == (6, 30)
    assert step is not None
    assert step.is_fresh
    assert 6 < step.participants < 30


def test_most_of_several_steps_of_one_load_decide():
    node = SyntheticNode(noise=0)
    good = synthetic_point(node, GROUPS, 12)
    bad = dataclasses.replace(good, frozen=BROKEN_MEDIA)
    pairs = [(point, judge(point)) for point in (good, bad, good, bad, good)]

    assert bracket(pairs[:3]) == (12, None)
    assert bracket(pairs[:4]) == (None, 12)
    assert bracket(pairs) == (12, None)


def test_a_step_begins_fresh_unless_its_meetings_only_grow():
    ladder = Ladder((CLASSES,), PLAN)
    node = SyntheticNode(noise=0)
    finished = []
    fresh = []
    while (step := ladder.next(finished)) is not None:
        fresh.append((step.participants, step.is_fresh))
        point = synthetic_point(node, CLASSES, step.participants)
        finished.append((point, judge(point)))

    for (before, _), (after, is_fresh) in itertools.pairwise(fresh):
        assert is_fresh == (after <= before)
    assert fresh[0][1]


def test_the_warm_up_is_a_third_of_a_step():
    step = Ladder((CLASSES,), PLAN).next([])

    assert step is not None
    assert step.warm_up_s == pytest.approx(4.0)
    assert step.duration_s == 12


def test_the_longest_run_is_known_before_it_starts():
    plan = dataclasses.replace(PLAN, repeats=2)

    assert Ladder(SMALL_PROFILES, PLAN).longest_s == 3 * 5 * (12 + BETWEEN_S)
    assert Ladder(SMALL_PROFILES, plan).longest_s == 2 * 3 * 5 * (12 + BETWEEN_S)


def test_a_slo_with_another_cpu_bound_is_aimed_at():
    plan = dataclasses.replace(PLAN, cpu_bound=0.5)
    node = SyntheticNode(noise=0)

    finished = climb(
        node, plan=plan, profiles=(CLASSES,), seed=None, slo=Slo(node_cpu_max=0.5)
    )

    good, bad = bracket(finished)
    assert good is not None
    assert bad is not None
    assert good <= node.knee(CLASSES, 0.5) <= bad


@pytest.mark.parametrize(
    ("profiles", "changes", "words"),
    [
        ((), {}, "without a meeting profile"),
        (SMALL_PROFILES, {"steps": 0}, "0 steps"),
        (SMALL_PROFILES, {"step_duration_s": 2.0}, "2 s is too short"),
        (SMALL_PROFILES, {"max_participants": 7}, "cap of 7 .* meeting of 8"),
    ],
)
def test_an_impossible_benchmark_is_refused_before_any_load(profiles, changes, words):
    with pytest.raises(ConfigError, match=words):
        Ladder(profiles, dataclasses.replace(PLAN, **changes))


def test_profiles_are_chosen_by_name():
    assert profiles_named((), "small") == SMALL_PROFILES
    assert profiles_named(("groups", "talks", "groups"), "small") == (GROUPS, TALKS)
    with pytest.raises(ConfigError, match="'lectures': choose among talks"):
        profiles_named(("lectures",), "usual")
