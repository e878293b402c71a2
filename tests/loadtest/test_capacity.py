"""Capacities against synthetic nodes whose knee is known in closed form."""

import dataclasses
from collections import Counter

import pytest

from loadtest.aggregate import load_points
from loadtest.ascents import Finished
from loadtest.capacity import capacity_of, capacity_of_run
from loadtest.ladder_plan import LadderPlan
from loadtest.models import (
    Capacity,
    EndRecord,
    MeetingProfile,
    Percentiles,
    ProfileCapacity,
    RunHeader,
    Slo,
)
from loadtest.profiles import SMALL_PROFILES
from loadtest.slo import judge
from tests.support.runs import (
    CLASSES,
    GROUPS,
    TALKS,
    Generator,
    SyntheticNode,
    climb,
    synthetic_header,
    synthetic_point,
    synthetic_run,
)

PLAN = LadderPlan(steps=5, step_duration_s=12, max_participants=60)


LOSSLESS = Percentiles(count=20, p50=0.0, p95=0.0, max=0.0)


def found_in(
    finished: tuple[Finished, ...],
    profiles: tuple[MeetingProfile, ...] = SMALL_PROFILES,
    slo: Slo | None = None,
) -> Capacity:
    points = [point for point, _ in finished]
    return capacity_of(synthetic_header(slo=slo), points, profiles=profiles)


def only(finished: tuple[Finished, ...], profile: MeetingProfile) -> ProfileCapacity:
    return found_in(finished, (profile,)).profiles[0]


def test_the_knee_is_found_by_its_interval_about_as_often_as_it_says():
    node = SyntheticNode()
    hits: Counter[str] = Counter()
    widest = furthest = 0.0
    repeats = 40
    for seed in range(repeats):
        for found in found_in(climb(node, plan=PLAN, seed=seed)).profiles:
            assert found.capacity is not None
            assert found.low is not None
            assert found.high is not None
            assert found.limit == "cpu"
            truth = node.knee(found.profile)
            hits[found.profile.name] += found.low <= truth <= found.high
            widest = max(widest, (found.high - found.low) / 2 / found.capacity)
            furthest = max(furthest, abs(found.capacity / truth - 1))

    assert min(hits.values()) / repeats >= 0.85
    assert widest < 0.15
    assert furthest < 0.10


def test_a_whole_run_of_records_gives_capacity_costs_and_meeting_costs():
    node = SyntheticNode(noise=0.005)
    records = synthetic_run(node=node)
    header = records[0]
    assert isinstance(header, RunHeader)

    capacity = capacity_of(header, load_points(records), profiles=SMALL_PROFILES)

    for found in capacity.profiles:
        assert found.capacity == pytest.approx(node.knee(found.profile), rel=0.03)
        assert found.meeting_cost is not None
    costs = {cost.name: cost.value for cost in capacity.costs}
    assert costs["video_out"] == pytest.approx(node.video_out, rel=0.1)
    assert costs["participant"] == pytest.approx(node.participant, rel=0.2)
    assert [point.profile for point in capacity.cost_points] == [
        "talks without media",
        "classes listening",
        "groups without cameras",
    ]
    assert capacity.condition_number is not None
    assert capacity.condition_number < 100
    assert capacity.node_cores == pytest.approx(1.0)
    assert capacity.validity == "valid"


def test_more_cpu_never_gives_less_capacity():
    capacities = []
    for cores in (0.6, 0.8, 1.0, 1.4, 2.0):
        node = SyntheticNode(cores=cores, noise=0.0)
        found = only(climb(node, plan=PLAN, profiles=(CLASSES,), seed=None), CLASSES)
        assert found.capacity is not None
        capacities.append(found.capacity)

    assert capacities == sorted(capacities)
    assert len(set(capacities)) == len(capacities)


def test_a_costlier_stream_never_gives_more_capacity():
    capacities = []
    for video_out in (0.008, 0.010, 0.013, 0.020):
        node = SyntheticNode(video_out=video_out, noise=0.0)
        found = only(climb(node, plan=PLAN, profiles=(GROUPS,), seed=None), GROUPS)
        assert found.capacity is not None
        capacities.append(found.capacity)

    assert capacities == sorted(capacities, reverse=True)


def test_loss_at_the_end_of_the_cpu_is_still_the_cpus_limit():
    finished = climb(SyntheticNode(), plan=PLAN, profiles=(GROUPS,))
    beyond = synthetic_point(SyntheticNode(), GROUPS, 30)

    found = only((*finished, (beyond, judge(beyond))), GROUPS)

    worst = [verdict.broken[0] for verdict in found.verdicts if verdict.broken]
    assert "audio loss" in worst
    assert found.limit == "cpu"


def test_loss_on_a_calm_node_is_the_limit_that_it_is():
    node = SyntheticNode(quality_knee=0.4, noise=0.0)
    truth = node.knee(GROUPS, 0.4 / 0.99)

    finished = climb(node, plan=PLAN, profiles=(GROUPS,), seed=None)
    audio_alone = tuple(
        (dataclasses.replace(point, video_loss=LOSSLESS), verdict)
        for point, verdict in finished
    )
    found = only(audio_alone, GROUPS)

    assert found.limit == "audio loss"
    assert found.limit_met == "quality without cpu"
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth <= found.high
    assert found.capacity == pytest.approx(truth, rel=0.1)


def test_without_node_metrics_quality_is_judged_and_the_gap_is_told():
    finished = climb(SyntheticNode(), plan=PLAN, profiles=(GROUPS,), watched=False)
    capacity = found_in(finished, (GROUPS,))

    assert capacity.profiles[0].capacity is not None
    assert capacity.profiles[0].limit != "cpu"
    assert "CPU was not seen" in capacity.reasons[0]
    assert capacity.costs == ()
    assert capacity.node_cores is None


def test_an_slo_that_held_at_the_cap_is_at_least_and_never_a_capacity():
    node = SyntheticNode(cores=20)
    found = only(climb(node, plan=PLAN, profiles=(CLASSES,)), CLASSES)

    assert found.at_least == 60
    assert found.limit == "cap"
    assert (found.capacity, found.low, found.high, found.invalid) == (
        None,
        None,
        None,
        "",
    )


def test_a_profile_ended_by_the_generator_is_invalid_and_never_a_capacity():
    weak = Generator(cpu_ratio=0.9)
    capacity = found_in(climb(SyntheticNode(), plan=PLAN, generator=weak))

    assert capacity.validity == "invalid"
    for found in capacity.profiles:
        assert found.limit == "generator"
        assert "0.90 of a core" in found.invalid
        assert found.capacity is None
        assert found.at_least is None
    assert capacity.costs == ()


def test_a_generator_that_tires_before_the_slo_breaks_gives_no_at_least():
    node = SyntheticNode(cores=20)
    points = [
        synthetic_point(node, CLASSES, 12),
        synthetic_point(node, CLASSES, 24, generator=Generator(lag_s=0.4)),
        synthetic_point(node, CLASSES, 24, generator=Generator(lag_s=0.4)),
    ]

    found = capacity_of(synthetic_header(), points, profiles=(CLASSES,)).profiles[0]

    assert found.at_least is None
    assert found.limit == "generator"
    assert "at 24 participants" in found.invalid


def test_bad_steps_of_an_unfit_generator_break_nothing():
    node = SyntheticNode()
    points = [
        synthetic_point(node, CLASSES, 12),
        synthetic_point(node, CLASSES, 36, generator=Generator(lag_s=0.4)),
    ]

    found = capacity_of(synthetic_header(), points, profiles=(CLASSES,)).profiles[0]

    assert found.capacity is None
    assert found.limit == "generator"


def test_a_smallest_load_that_breaks_gives_no_capacity():
    node = SyntheticNode(cores=0.1)
    found = only(climb(node, plan=PLAN, profiles=(TALKS,)), TALKS)

    assert found.capacity is None
    assert found.at_least is None
    assert "8 participants, already broke" in found.invalid


def test_a_profile_without_a_step_has_neither():
    capacity = capacity_of(
        synthetic_header(), [], profiles=(TALKS,), is_interrupted=True
    )

    assert capacity.validity == "interrupted"
    assert capacity.profiles[0].invalid == "no step was measured"


def test_another_cpu_bound_moves_the_capacity():
    slo = Slo(name="half", node_cpu_max=0.5)
    node = SyntheticNode(noise=0.0)
    plan = dataclasses.replace(PLAN, cpu_bound=0.5)
    finished = climb(node, plan=plan, profiles=(CLASSES,), seed=None, slo=slo)

    capacity = found_in(finished, (CLASSES,), slo)

    assert capacity.slo.name == "half"
    assert capacity.profiles[0].capacity == pytest.approx(node.knee(CLASSES, 0.5))


def test_the_same_run_gives_the_same_capacity():
    finished = climb(SyntheticNode(), plan=PLAN)

    assert found_in(finished) == found_in(finished)


def test_every_verdict_stands_beside_its_point():
    for found in found_in(climb(SyntheticNode(), plan=PLAN)).profiles:
        assert len(found.points) == len(found.verdicts)
        assert all(point.profile == found.profile.name for point in found.points)


def test_a_run_that_its_end_calls_invalid_is_an_invalid_result():
    header, *records = synthetic_run(node=SyntheticNode())
    assert isinstance(header, RunHeader)
    lost = EndRecord(elapsed_s=300.0, validity="invalid", reasons=("an engine died",))

    valid = capacity_of_run(header, records, profiles=SMALL_PROFILES)
    invalid = capacity_of_run(header, [*records[:-1], lost], profiles=SMALL_PROFILES)
    cut_off = capacity_of_run(header, records[:-1], profiles=SMALL_PROFILES)

    assert valid.validity == "valid"
    assert (invalid.validity, invalid.reasons) == ("invalid", ("an engine died",))
    assert cut_off.validity == "interrupted"
    assert cut_off.profiles[0].capacity == valid.profiles[0].capacity


def test_a_break_that_did_not_come_again_is_told_and_no_limit():
    node = SyntheticNode(noise=0.0)
    frozen = Percentiles(count=12, p50=0.0, p95=0.1, max=0.2)
    calm = [synthetic_point(node, CLASSES, load) for load in (12, 12, 18, 30)]
    points = [dataclasses.replace(calm[0], frozen=frozen), *calm[1:]]

    capacity = capacity_of(synthetic_header(), points, profiles=(CLASSES,))

    assert capacity.profiles[0].limit == "cpu"
    assert capacity.profiles[0].capacity == pytest.approx(node.knee(CLASSES))
    assert capacity.reasons == (
        "classes: 12 participants broke freezes once and kept the SLO when repeated",
    )
