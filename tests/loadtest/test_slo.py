"""Verdicts over load points."""

import dataclasses
import math
from typing import Any

import pytest

from loadtest.models import LoadPoint, Percentiles, Slo
from loadtest.slo import BBBLOAD_1, bounds_of, describe, judge
from tests.support.runs import CLASSES, Generator, SyntheticNode, synthetic_point


def point(**changes: Any) -> LoadPoint:
    calm = synthetic_point(SyntheticNode(), CLASSES, 12)
    return dataclasses.replace(calm, **changes)


def late(p95: float) -> Percentiles:
    return Percentiles(count=20, p50=p95 / 2, p95=p95, max=p95)


def test_a_calm_step_meets_the_default_slo():
    verdict = judge(point())

    assert verdict.met
    assert verdict.generator_fit
    assert verdict.broken == ()
    assert verdict.unjudged == ()


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"join_success": 0.98}, "join success"),
        ({"dropped": 0.006}, "dropped"),
        ({"join_time_s": late(10.1)}, "join time"),
        ({"first_audio_s": late(5.1)}, "first audio"),
        ({"first_camera_s": late(8.1)}, "first camera"),
        ({"audio_loss": late(0.011)}, "audio loss"),
        ({"video_loss": late(0.021)}, "video loss"),
        ({"frozen": late(0.021)}, "freezes"),
        ({"node_cpu_ratio": 0.81}, "cpu"),
    ],
)
def test_each_bound_is_judged_on_its_own(changes, limit):
    verdict = judge(point(**changes))

    assert not verdict.met
    assert verdict.broken == (limit,)


@pytest.mark.parametrize(
    "changes",
    [
        {"join_success": 0.99},
        {"dropped": 0.005},
        {"join_time_s": late(10.0)},
        {"video_loss": late(0.02)},
        {"node_cpu_ratio": 0.80},
    ],
)
def test_a_measure_exactly_at_its_bound_keeps_it(changes):
    assert judge(point(**changes)).met


def test_the_most_exceeded_bound_comes_first():
    verdict = judge(
        point(node_cpu_ratio=0.9, video_loss=late(0.08), join_time_s=late(15))
    )

    assert verdict.broken == ("video loss", "join time", "cpu")


def test_a_milestone_that_never_came_breaks_its_bound_above_all_others():
    verdict = judge(point(first_audio_s=late(math.inf), video_loss=late(0.9)))

    assert verdict.broken[0] == "first audio"


def test_a_bound_without_data_is_told_and_neither_met_nor_broken():
    verdict = judge(point(node_cpu_ratio=None, first_camera_s=None))

    assert verdict.met
    assert verdict.unjudged == ("first camera", "cpu")


def test_a_bound_that_the_slo_does_not_set_is_not_judged():
    without_cpu = Slo(name="quality", node_cpu_max=None)

    verdict = judge(point(node_cpu_ratio=0.99), without_cpu)

    assert verdict.met
    assert "cpu" not in verdict.unjudged


def test_a_bound_of_zero_is_broken_by_anything_above_it():
    assert judge(point(), Slo(dropped_max=0.0)).met
    assert judge(point(dropped=0.001), Slo(dropped_max=0.0)).broken == ("dropped",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine_cpu_max": 0.66}, "0.66 of a core"),
        ({"engine_lag_max_s": 0.12}, "0.12 s late"),
        ({"late_packets": 200, "sent_packets": 10_000}, "2.0% of our packets"),
        ({"warm_up_lag_max_s": 1.2}, "during the joins"),
        ({"engine_cpu_max": 0.0}, "no bot engine reported"),
    ],
)
def test_a_generator_that_was_not_fit_is_told_with_its_number(changes, words):
    verdict = judge(point(**changes))

    assert not verdict.generator_fit
    assert words in verdict.generator_reasons[0]


def test_a_step_can_not_be_good_with_less_load_than_it_claims():
    few_streams = judge(point(streams_seen=30.0, streams_expected=48.0))
    few_people = judge(point(present=9.0))

    assert "30 of 48 streams" in few_streams.generator_reasons[0]
    assert "9.0 of 12 participants" in few_people.generator_reasons[0]


def test_load_missing_from_a_broken_step_is_the_nodes_doing():
    verdict = judge(point(present=9.0, streams_seen=20.0, join_success=0.75))

    assert verdict.broken == ("join success",)
    assert verdict.generator_fit


def test_a_weak_generator_is_seen_in_a_whole_synthetic_step():
    weak = synthetic_point(
        SyntheticNode(), CLASSES, 12, generator=Generator(late_share=0.3)
    )

    assert not judge(weak).generator_fit


def test_only_the_cpu_bound_of_the_default_has_a_public_source():
    sources = {each.limit: each.source for each in bounds_of(point(), BBBLOAD_1)}

    assert sources.pop("cpu") == "BBB FAQ"
    assert set(sources.values()) == {"our assumption"}


def test_the_default_slo_is_described_with_its_name_numbers_and_sources():
    text = describe(BBBLOAD_1)

    assert text.startswith("bbbload-1: joins ≥ 99 %")
    assert "node CPU ≤ 80 %" in text
    assert "dropped ≤ 0.5 %" in text
    assert "our assumption" in text


def test_a_users_slo_is_described_as_theirs_without_bounds_it_does_not_set():
    text = describe(Slo(name="ours", node_cpu_max=None))

    assert "CPU" not in text
    assert "user" in text
