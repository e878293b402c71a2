"""Verdicts on planted differences between runs; all data here is synthetic."""

import dataclasses
import math

import numpy as np
import pytest

from bots.errors import ConfigError
from loadtest.compare import compare
from loadtest.comparison import Comparison, ComparisonVerdict, Design, Measure
from loadtest.effects import Sides
from loadtest.measures import MEASURES, RunMeasures, measures_of
from tests.support.runs import CLASSES, SyntheticNode, synthetic_point

CPU = Measure(name="cpu per participant", unit="s/min")
CAPACITY = Measure(name="capacity", is_higher_worse=False)
LOSS = Measure(name="video loss p95", is_share=True, smallest_effect=0.005)


def runs(
    count: int,
    level: float = 1.0,
    *,
    noise: float = 0.02,
    seed: int = 0,
    name: str = CPU.name,
    **others: float,
) -> tuple[RunMeasures, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        RunMeasures(
            run=str(number),
            values={name: level * float(np.exp(rng.normal(0, noise)))} | others,
        )
        for number in range(count)
    )


def verdict_of(
    baseline: tuple[RunMeasures, ...],
    candidate: tuple[RunMeasures, ...],
    measures: tuple[Measure, ...] = (CPU,),
    design: Design = "one host",
) -> ComparisonVerdict:
    return compare(
        Sides(baseline=baseline, candidate=candidate, design=design), measures
    )


def only(verdict: ComparisonVerdict) -> Comparison:
    assert len(verdict.measures) == 1
    return verdict.measures[0]


def test_a_planted_regression_is_found_with_its_size():
    verdict = verdict_of(runs(8, seed=1), runs(8, 1.2, seed=2))
    found = only(verdict)

    assert verdict.verdict == "regressed"
    assert found.estimate == pytest.approx(1.2, abs=0.04)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.2 < found.high
    assert found.p_permutation is not None
    assert found.p_permutation < 0.01
    assert found.runs_wanted is None


def test_the_mirror_of_a_regression_is_better():
    assert verdict_of(runs(8, 1.2), runs(8, 1.0, seed=2)).verdict == "better"


def test_less_capacity_is_a_regression_and_more_is_better():
    less = verdict_of(
        runs(6, 30, name="capacity"), runs(6, 24, name="capacity", seed=2), (CAPACITY,)
    )
    more = verdict_of(
        runs(6, 24, name="capacity"), runs(6, 30, name="capacity", seed=2), (CAPACITY,)
    )

    assert (less.verdict, more.verdict) == ("regressed", "better")


def test_two_sides_of_the_same_are_equal():
    verdict = verdict_of(runs(8, seed=1), runs(8, seed=2))

    assert verdict.verdict == "equal"
    assert only(verdict).estimate == pytest.approx(1.0, abs=0.03)


def test_a_difference_too_small_to_matter_is_no_regression():
    verdict = verdict_of(
        runs(12, noise=0.003, seed=1), runs(12, 1.02, noise=0.003, seed=2)
    )

    assert only(verdict).p is not None
    assert only(verdict).p < 0.001  # type: ignore[operator]
    assert verdict.verdict == "equal"


def test_noise_makes_it_inconclusive_and_names_the_runs_still_needed():
    named = [
        verdict_of(
            runs(8, noise=0.05, seed=seed), runs(8, noise=0.05, seed=1000 + seed)
        )
        for seed in range(40)
    ]
    wanted = [each.runs_wanted for each in named if each.verdict == "inconclusive"]

    assert len(wanted) >= 30
    assert 22 <= float(np.median([each for each in wanted if each])) <= 36


@pytest.mark.parametrize("level", [1.0, 1.5, 0.5])
def test_fewer_than_five_runs_a_side_never_give_a_verdict(level):
    verdict = verdict_of(runs(4, noise=0.001), runs(9, level, noise=0.001, seed=3))

    assert verdict.verdict == "inconclusive"
    assert only(verdict).runs_wanted == 5


def test_a_void_run_is_left_out_and_told():
    good = runs(5, seed=1)
    void = dataclasses.replace(good[0], run="7", invalid="a bot engine was late")

    verdict = verdict_of((*good[:4], void), runs(5, 1.5, seed=2))

    assert verdict.verdict == "inconclusive"
    assert "run 7 is left out: a bot engine was late" in verdict.reasons[0]
    assert len(only(verdict).baseline) == 4


def test_a_side_without_a_valid_run_is_invalid():
    void = tuple(dataclasses.replace(run, invalid="late") for run in runs(5))

    assert verdict_of(void, runs(5)).verdict == "invalid"


def test_a_measure_that_one_side_lacks_is_listed_and_not_compared():
    verdict = verdict_of(
        runs(6, seed=1), runs(6, seed=2, capacity=30.0), (CPU, CAPACITY)
    )

    cpu, capacity = verdict.measures
    assert cpu.verdict == "equal"
    assert capacity.verdict == "not compared"
    assert capacity.candidate == (30.0,) * 6
    assert verdict.verdict == "equal"


def test_one_gated_regression_among_equals_decides():
    measures = (CPU, CAPACITY, LOSS)
    same = {"capacity": 30.0, LOSS.name: 0.0}

    verdict = verdict_of(
        runs(6, seed=1, **same), runs(6, 1.3, seed=2, **same), measures
    )

    assert verdict.verdict == "regressed"
    assert [each.verdict for each in verdict.measures] == [
        "regressed",
        "equal",
        "equal",
    ]


def test_a_measure_that_is_not_gated_warns_but_does_not_decide():
    free = dataclasses.replace(CPU, is_gated=False)

    verdict = verdict_of(
        runs(6, seed=1, capacity=30.0),
        runs(6, 1.3, seed=2, capacity=30.0),
        (free, CAPACITY),
    )

    assert verdict.measures[0].verdict == "regressed"
    assert verdict.verdict == "equal"


def test_the_adjustment_counts_gated_measures_only():
    more = tuple(
        dataclasses.replace(CPU, name=f"free {number}", is_gated=False)
        for number in range(20)
    )
    free = {measure.name: 1.0 for measure in more}

    alone = verdict_of(runs(6, seed=1), runs(6, 1.1, seed=2))
    among = verdict_of(
        runs(6, seed=1, **free), runs(6, 1.1, seed=2, **free), (CPU, *more)
    )

    assert among.measures[0].p_adjusted == only(alone).p_adjusted


def test_loss_is_compared_in_points_and_may_be_nothing():
    none = runs(6, 0.0, name=LOSS.name)
    some = runs(6, 0.02, name=LOSS.name, noise=0.1, seed=2)

    equal = only(verdict_of(none, none, (LOSS,)))
    worse = only(verdict_of(none, some, (LOSS,)))

    assert (equal.verdict, equal.estimate, equal.low, equal.high) == ("equal", 0, 0, 0)
    assert worse.verdict == "regressed"
    assert worse.estimate == pytest.approx(0.02, abs=0.003)


def test_media_that_never_came_in_any_run_is_a_regression():
    join = Measure(name="join time p95")
    never = tuple(
        RunMeasures(run=str(number), values={join.name: math.inf})
        for number in range(5)
    )

    verdict = verdict_of(runs(5, 2.0, name=join.name), never, (join,))

    assert verdict.verdict == "regressed"


def test_two_hosts_and_nothing_else_can_show_nothing():
    for level in (1.0, 1.15, 3.0):
        verdict = verdict_of(
            runs(10, noise=0.005), runs(10, level, noise=0.005, seed=2),
            design="two hosts",
        )  # fmt: skip
        assert verdict.verdict == "inconclusive"
        assert "host and version cannot be told apart" in verdict.reasons
        assert verdict.runs_wanted is None


def test_two_hosts_fifteen_percent_apart_are_no_regression_when_they_were_compared():
    for seed in range(20):
        sides = Sides(
            baseline=runs(8, 1.0, seed=seed),
            candidate=runs(8, 1.15, seed=100 + seed),
            design="two hosts, compared",
            same_version=(
                runs(8, 1.0, seed=200 + seed),
                runs(8, 1.15, seed=300 + seed),
            ),
        )
        assert compare(sides, (CPU,)).verdict in ("equal", "inconclusive")


def test_a_regression_on_a_slower_host_is_still_seen():
    sides = Sides(
        baseline=runs(8, 1.0, seed=1),
        candidate=runs(8, 1.15 * 1.25, seed=2),
        design="two hosts, compared",
        same_version=(runs(8, 1.0, seed=3), runs(8, 1.15, seed=4)),
    )

    found = only(compare(sides, (CPU,)))

    assert found.verdict == "regressed"
    assert found.estimate == pytest.approx(1.25, abs=0.05)


def test_a_host_comparison_without_its_runs_is_refused():
    with pytest.raises(ConfigError, match="no runs of the baseline on both"):
        verdict_of(runs(5), runs(5), design="two hosts, compared")


def test_a_baseline_that_differs_from_itself_voids_the_verdict():
    sides = Sides(
        baseline=runs(6, seed=1),
        candidate=runs(6, 1.4, seed=2),
        same_version=(runs(6, 1.0, seed=3), runs(6, 1.3, seed=4)),
    )

    verdict = compare(sides, (CPU,))

    assert verdict.verdict == "invalid"
    assert "differs from itself in cpu per participant" in verdict.reasons[-1]


def test_a_host_that_changed_after_the_hosts_were_compared_voids_the_verdict():
    sides = Sides(
        baseline=runs(6, 1.3, seed=1),
        candidate=runs(6, 1.3, seed=2),
        design="two hosts, compared",
        same_version=(runs(6, seed=3), runs(6, seed=4)),
    )

    verdict = compare(sides, (CPU,))

    assert verdict.verdict == "invalid"
    assert "differs from itself in cpu per participant" in verdict.reasons[-1]


def test_a_steady_baseline_voids_nothing():
    sides = Sides(
        baseline=runs(6, seed=1),
        candidate=runs(6, 1.4, seed=2),
        same_version=(runs(6, seed=3), runs(6, seed=4)),
    )

    assert compare(sides, (CPU,)).verdict == "regressed"


def test_interleaved_runs_on_a_drifting_machine_are_no_verdict():
    # The machine slows by a third over the experiment; ABBA puts both sides through it.
    order = "ABBA" * 5
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sides: dict[str, list[RunMeasures]] = {"A": [], "B": []}
        for number, side in enumerate(order):
            drift = 1 + number / (3 * len(order))
            value = drift * float(np.exp(rng.normal(0, 0.02)))
            sides[side].append(RunMeasures(run=str(number), values={CPU.name: value}))
        verdict = verdict_of(tuple(sides["A"]), tuple(sides["B"]))
        assert verdict.verdict in ("equal", "inconclusive")


def test_no_gated_measure_is_refused():
    free = dataclasses.replace(CPU, is_gated=False)

    with pytest.raises(ConfigError, match="no measure is gated"):
        verdict_of(runs(5), runs(5), (free,))


def test_the_default_gates_six_measures():
    assert sum(measure.is_gated for measure in MEASURES) == 6


def test_a_runs_measures_have_the_names_of_the_default_ones():
    point = synthetic_point(SyntheticNode(noise=0), CLASSES, 12)

    found = measures_of(point, capacity=23.0)

    assert set(found) == {measure.name for measure in MEASURES}
    assert found["cpu per participant"] == pytest.approx(60 * 0.43 / 12)
    assert found["refused"] == 0.0


def test_a_run_without_node_metrics_lacks_only_what_they_tell():
    point = synthetic_point(SyntheticNode(), CLASSES, 12, watched=False)

    lacking = {name for name, value in measures_of(point).items() if value is None}

    assert lacking == {"capacity", "cpu per participant", "memory"}
