"""Costs of participants and streams, against planted truth."""

import dataclasses

import numpy as np
import pytest

from loadtest.costs import (
    CONDITION_MAX,
    condition_number,
    fit_costs,
    meeting_cost,
    nonnegative_least_squares,
    participants_at,
    predict_cpu,
)
from loadtest.models import LoadPoint, MeetingProfile
from loadtest.profiles import SMALL_PROFILES, USUAL_PROFILES, contrast_of
from loadtest.streams import Streams, streams_of
from tests.support.runs import CLASSES, GROUPS, TALKS, SyntheticNode, synthetic_point

LOADS = ((TALKS, (8, 24, 40)), (CLASSES, (6, 12, 18)), (GROUPS, (6, 12, 18)))
UNSEEN = MeetingProfile(
    name="seminar", size=10, cameras=4, microphones=5, listeners=4, moderators=2
)


def design_points(
    node: SyntheticNode, seed: int | None = None, contrasts: bool = True
) -> list[LoadPoint]:
    rng = None if seed is None else np.random.default_rng(seed)
    points = []
    for profile, loads in LOADS:
        points += [synthetic_point(node, profile, n, rng=rng) for n in loads]
        contrast = contrast_of(profile)
        if contrasts and contrast is not None:
            points.append(synthetic_point(node, contrast, loads[-1], rng=rng))
    return points


def test_planted_costs_come_back_exactly_without_noise():
    node = SyntheticNode(noise=0.0)

    fit = fit_costs(design_points(node))

    assert {cost.name: cost.value for cost in fit.costs} == pytest.approx(
        {
            "base": node.base,
            "participant": node.participant,
            "audio_in": node.audio_in,
            "audio_out": node.audio_out,
            "video_in": node.video_in,
            "video_out": node.video_out,
        }
    )


def test_a_cost_of_nothing_is_found_as_nothing_and_never_below():
    node = SyntheticNode(audio_in=0.0, noise=0.02)

    for seed in range(20):
        fit = fit_costs(design_points(node, seed), bootstraps=20)
        assert all(cost.value >= 0 for cost in fit.costs)
        assert all(cost.low <= cost.value <= cost.high for cost in fit.costs)


def test_intervals_cover_the_planted_costs_about_as_often_as_they_say():
    node = SyntheticNode(noise=0.02)
    hits = total = 0
    for seed in range(60):
        for cost in fit_costs(design_points(node, seed), bootstraps=150).costs:
            hits += cost.low <= getattr(node, cost.name) <= cost.high
            total += 1

    assert 0.8 <= hits / total <= 0.99


def test_an_unseen_mix_is_predicted_within_a_tenth():
    node = SyntheticNode(noise=0.015)
    errors = []
    for seed in range(20):
        fit = fit_costs(design_points(node, seed), bootstraps=2)
        predicted = predict_cpu(fit.costs, streams_of(UNSEEN, 20))
        errors.append(predicted / node.demand(streams_of(UNSEEN, 20)) - 1)

    assert max(abs(error) for error in errors) < 0.1
    assert abs(np.mean(errors)) < 0.02


def test_three_profiles_without_contrasts_are_refused_by_name():
    fit = fit_costs(design_points(SyntheticNode(), contrasts=False))

    assert fit.costs == ()
    assert fit.condition_number is not None
    assert fit.condition_number > CONDITION_MAX
    assert "moved together" in fit.note
    assert "audio_out" in fit.note


def test_a_design_without_cameras_names_the_missing_streams():
    contrast = contrast_of(GROUPS)
    assert contrast is not None

    fit = fit_costs([synthetic_point(SyntheticNode(), contrast, n) for n in (3, 6)])

    assert fit.costs == ()
    assert "video_in or video_out" in fit.note


def test_without_node_cpu_there_are_no_costs_but_a_reason():
    points = [synthetic_point(SyntheticNode(), CLASSES, 6, watched=False)]

    fit = fit_costs(points)

    assert fit.costs == ()
    assert "not watched" in fit.note


def test_as_many_steps_as_costs_are_too_few_for_an_interval():
    steps = design_points(SyntheticNode())
    chosen = [steps[index] for index in (0, 3, 4, 7, 8, 11)]

    fit = fit_costs(chosen)

    assert fit.costs == ()
    assert "6 usable steps for 6 costs" in fit.note


def test_saturated_steps_do_not_bend_the_costs():
    node = SyntheticNode(noise=0.0)
    beyond = [synthetic_point(node, profile, 72) for profile in SMALL_PROFILES]

    fit = fit_costs(design_points(node) + beyond)

    assert fit.costs[-1].value == pytest.approx(node.video_out)


def test_the_same_seed_gives_the_same_intervals():
    points = design_points(SyntheticNode(), seed=4)

    assert fit_costs(points, seed=9) == fit_costs(points, seed=9)
    assert fit_costs(points, seed=9) != fit_costs(points, seed=10)


@pytest.mark.parametrize("profiles", [SMALL_PROFILES, USUAL_PROFILES])
@pytest.mark.parametrize("meetings", [(1, 2), (1, 2, 4, 3)])
def test_the_default_profiles_are_a_good_design(profiles, meetings):
    rows = []
    for profile in profiles:
        shapes = [(profile, count) for count in meetings]
        shapes.append((contrast_of(profile), max(meetings)))
        for shape, count in shapes:
            streams = streams_of(shape, count * shape.size)
            rows.append((1.0, *dataclasses.astuple(streams)[:5]))

    assert condition_number(np.array(rows)) < CONDITION_MAX / 10


def test_the_condition_number_is_numpys_of_the_scaled_columns():
    design = np.random.default_rng(1).uniform(1, 9, size=(12, 4)) * [1, 10, 1e4, 1e-3]
    scaled = design / np.linalg.norm(design, axis=0)

    assert condition_number(design) == pytest.approx(np.linalg.cond(scaled))
    assert condition_number(design * [1, 2, 3, 4]) == pytest.approx(
        condition_number(design)
    )


def test_dependent_or_empty_columns_have_no_finite_condition():
    design = np.random.default_rng(1).uniform(1, 9, size=(12, 3))

    assert condition_number(np.column_stack([design, design[:, 0] * 2])) == np.inf
    assert condition_number(np.column_stack([design, np.zeros(12)])) == np.inf
    assert condition_number(design[:2]) == np.inf


@pytest.mark.parametrize("seed", range(40))
def test_nonnegative_least_squares_meets_the_conditions_of_an_optimum(seed: int):
    # Karush, Kuhn, Tucker: no gradient at positive parts, none downhill at zeros.
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(15, 6)) * 10 ** rng.uniform(-2, 2, size=6)
    target = rng.normal(size=15)

    found = nonnegative_least_squares(design, target)

    scale = np.linalg.norm(design, axis=0)
    gradient = design.T @ (target - design @ found) / scale
    assert np.all(found >= 0)
    assert gradient.max() < 1e-8
    assert np.abs(gradient[found > 0]).max(initial=0.0) < 1e-8


def test_nonnegative_least_squares_is_ordinary_where_that_is_positive():
    rng = np.random.default_rng(2)
    design = rng.uniform(0, 1, size=(30, 4))
    target = design @ [1.0, 2.0, 3.0, 4.0] + rng.normal(0, 0.01, size=30)

    expected = np.linalg.lstsq(design, target, rcond=None)[0]

    assert nonnegative_least_squares(design, target) == pytest.approx(expected)


def test_a_mix_can_be_given_by_names():
    costs = fit_costs(design_points(SyntheticNode(noise=0.0))).costs

    assert predict_cpu(costs, {}) == pytest.approx(0.03)
    assert predict_cpu(costs, {"participant": 10, "video_out": 20.0}) == pytest.approx(
        0.03 + 0.04 + 0.2
    )
    with pytest.raises(KeyError, match="cameras"):
        predict_cpu(costs, {"cameras": 3})


def test_participants_at_a_cpu_bound_are_the_nodes_knee():
    node = SyntheticNode(noise=0.0)
    costs = fit_costs(design_points(node)).costs

    for profile in (*SMALL_PROFILES, UNSEEN):
        assert participants_at(costs, profile, 0.8) == pytest.approx(node.knee(profile))
    free = tuple(dataclasses.replace(cost, value=0.0) for cost in costs)
    assert participants_at(free, TALKS, 0.8) is None


def test_a_meetings_cost_is_the_sum_of_its_streams_with_a_narrower_interval():
    node = SyntheticNode(noise=0.02)
    fit = fit_costs(design_points(node, seed=1))

    cost = meeting_cost(fit, CLASSES)

    assert cost is not None
    truth = node.demand(streams_of(CLASSES, 6)) - node.base
    assert cost.low <= truth <= cost.high
    assert cost.name == "classes"
    single = predict_cpu(fit.costs, streams_of(CLASSES, 6)) - predict_cpu(
        fit.costs, Streams()
    )
    assert cost.value == pytest.approx(single)
    lows = [dataclasses.replace(each, value=each.low) for each in fit.costs]
    worst = predict_cpu(lows, streams_of(CLASSES, 6)) - predict_cpu(lows, Streams())
    assert cost.low > worst


def test_without_a_fit_a_meeting_has_no_cost():
    assert meeting_cost(fit_costs([]), CLASSES) is None
