"""Welch's test and its companions, against closed forms and enumerations."""

import itertools
import math

import numpy as np
import pytest

from loadtest.student import student_quantile
from loadtest.welch import (
    COVERAGE,
    P_MAX,
    POWER_QUANTILE,
    contrast,
    holm,
    permutation_p,
    runs_to_tell,
)


def test_two_equal_sized_groups_of_equal_spread_are_students_test():
    first, second = [1.0, 2.0, 3.0], [3.0, 4.0, 5.0]

    effect = contrast(((-1.0, first), (1.0, second)))

    assert effect is not None
    assert effect.difference == pytest.approx(2.0)
    assert effect.error == pytest.approx(math.sqrt(2 / 3))
    assert effect.freedom == pytest.approx(4.0)
    # t = 2.449 on 4 degrees of freedom, from printed tables.
    assert effect.p == pytest.approx(0.0705, abs=2e-4)


def test_welchs_example_of_unequal_spreads():
    # Worked example of the English Wikipedia's article on Welch's t-test, no. 2.
    first = [17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8]
    second = [
        *(21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8),
        *(20.7, 21.7, 21.5, 22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8),
    ]

    effect = contrast(((-1.0, first), (1.0, second)))

    assert effect is not None
    assert effect.difference / effect.error == pytest.approx(1.57, abs=0.02)
    assert effect.freedom == pytest.approx(9.9, abs=0.1)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(1000):
        effect = contrast(
            ((-1.0, list(rng.normal(0, 1, 6))), (1.0, list(rng.normal(2, 3, 9))))
        )
        assert effect is not None
        low, high = effect.interval(0.95)
        hits += low <= 2 <= high

    assert 0.93 <= hits / 1000 <= 0.97


def test_values_without_noise_are_equal_or_certainly_different():
    same = contrast(((-1.0, [0.0] * 5), (1.0, [0.0] * 5)))
    different = contrast(((-1.0, [0.0] * 5), (1.0, [1.0] * 5)))

    assert same is not None
    assert different is not None
    assert (same.p, same.interval(0.95)) == (1.0, (0.0, 0.0))
    assert (different.p, different.interval(0.95)) == (0.0, (1.0, 1.0))


def test_one_value_has_no_spread():
    assert contrast(((-1.0, [1.0]), (1.0, [1.0, 2.0]))) is None


def test_the_difference_of_hosts_is_taken_out_and_adds_its_error():
    rng = np.random.default_rng(8)
    base_a, base_b = list(rng.normal(0, 1, 8)), list(rng.normal(5, 1, 8))
    new_b = list(rng.normal(7, 1, 8))

    alone = contrast(((-1.0, base_a), (1.0, new_b)))
    taken_out = contrast(((-1.0, base_a), (1.0, new_b), (1.0, base_a), (-1.0, base_b)))

    assert alone is not None
    assert taken_out is not None
    assert taken_out.difference == pytest.approx(2.0, abs=1.2)
    assert taken_out.error > alone.error


@pytest.mark.parametrize("sizes", [(3, 3), (4, 6), (5, 5)])
def test_small_permutation_tests_are_the_enumeration_of_all_splits(sizes):
    rng = np.random.default_rng(1)
    first = list(rng.normal(0, 1, sizes[0]))
    second = list(rng.normal(1, 1, sizes[1]))
    together = first + second
    observed = abs(np.mean(second) - np.mean(first))
    extreme = total = 0
    for chosen in itertools.combinations(range(len(together)), sizes[0]):
        one = [together[index] for index in chosen]
        other = [v for index, v in enumerate(together) if index not in chosen]
        extreme += abs(np.mean(other) - np.mean(one)) >= observed - 1e-12
        total += 1

    found = permutation_p(first, second, seed=0, count=10)

    assert found == pytest.approx(extreme / total)


def test_complete_separation_of_five_and_five_is_the_least_p_there_is():
    found = permutation_p([1, 2, 3, 4, 5], [11, 12, 13, 14, 15], seed=0, count=10)

    assert found == pytest.approx(2 / math.comb(10, 5))


def test_large_permutation_tests_are_drawn_by_seed_and_never_zero():
    first, second = list(range(12)), list(range(100, 112))

    found = permutation_p(first, second, seed=4, count=2000)

    assert 0 < found <= 1 / 1000
    assert found == permutation_p(first, second, seed=4, count=2000)


def test_holms_adjustment_is_that_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_more_noise_never_needs_fewer_runs():
    runs = [runs_to_tell(spread, 0.0488, 0.0) for spread in (0.02, 0.03, 0.05, 0.08)]

    assert runs == sorted(runs)
    assert runs[2] == 29


@pytest.mark.parametrize("spread", [0.01, 0.03, 0.05, 0.09])
@pytest.mark.parametrize("estimate", [0.0, 0.06, 0.2])
def test_the_runs_named_are_the_smallest_number_that_does(spread, estimate):
    named = runs_to_tell(spread, 0.0488, estimate)
    assert named is not None

    room = estimate if estimate >= 0.0488 else 0.0488
    level = 1 - P_MAX / 2 if estimate >= 0.0488 else (1 + COVERAGE) / 2

    def does(runs: int) -> bool:
        reach = sum(
            student_quantile(each, 2 * (runs - 1)) for each in (level, POWER_QUANTILE)
        )
        return reach * spread * math.sqrt(2 / runs) <= room

    assert does(named)
    assert named == 5 or not does(named - 1)


def test_a_measure_too_noisy_for_any_sensible_number_of_runs_names_none():
    assert runs_to_tell(5.0, 0.0488, 0.0) is None
