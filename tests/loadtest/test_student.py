"""Student's t against published tables and closed forms."""

import math

import numpy as np
import pytest

from loadtest.student import incomplete_beta, student_probability, student_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [
        (0.95, 1, 6.3138),
        (0.95, 2, 2.9200),
        (0.975, 5, 2.5706),
        (0.975, 10, 2.2281),
        (0.995, 30, 2.7500),
        (0.95, 1e6, 1.6449),
    ],
)
def test_quantiles_are_those_of_the_printed_tables(probability, freedom, expected):
    assert student_quantile(probability, freedom) == pytest.approx(expected, abs=1e-4)


def test_one_degree_of_freedom_is_cauchys_distribution():
    for value in (0.0, 0.3, 1.0, 12.0, -2.0):
        expected = 0.5 + math.atan(value) / math.pi
        assert student_probability(value, 1) == pytest.approx(expected, abs=1e-12)


def test_broken_degrees_of_freedom_lie_between_whole_ones():
    assert (
        student_quantile(0.95, 4)
        > student_quantile(0.95, 4.5)
        > student_quantile(0.95, 5)
    )


def test_the_distribution_agrees_with_drawn_values():
    rng = np.random.default_rng(7)
    drawn = rng.standard_t(3.0, size=200_000)

    assert student_probability(1.2, 3.0) == pytest.approx(
        (drawn <= 1.2).mean(), abs=4e-3
    )


@pytest.mark.parametrize("probability", [0.4, 1.0, -1.0])
def test_a_quantile_outside_the_upper_half_is_refused(probability):
    with pytest.raises(ValueError, match="outside"):
        student_quantile(probability, 3)


def test_no_freedom_is_refused():
    with pytest.raises(ValueError, match="degrees of freedom"):
        student_probability(1.0, 0)


@pytest.mark.parametrize(("x", "expected"), [(0.0, 0.0), (0.3, 0.3483), (1.0, 1.0)])
def test_the_incomplete_beta_function_of_whole_numbers_is_a_polynomial(x, expected):
    assert incomplete_beta(x, 2, 3) == pytest.approx(expected, abs=1e-12)
