"""Crossings of a bound, against numpy and planted lines."""

import math

import numpy as np
import pytest

from loadtest.crossing import (
    delay_crossing,
    fit_line,
    line_crossing,
    pooled_noise,
    saturation_crossing,
)
from tests.support.runs import CLASSES, GROUPS, SyntheticNode, synthetic_point

EXACT = SyntheticNode(noise=0.0)


def test_a_line_without_noise_crosses_at_the_nodes_knee():
    line = fit_line([synthetic_point(EXACT, CLASSES, n) for n in (6, 12, 18)])

    assert line is not None
    assert line.crossing(0.8) == pytest.approx(EXACT.knee(CLASSES))
    assert line.base == pytest.approx(EXACT.base)


def test_saturated_steps_are_left_out_of_the_line():
    points = [synthetic_point(EXACT, CLASSES, n) for n in (6, 12, 18, 48, 96)]

    line = fit_line(points)

    assert line is not None
    assert line.freedom == 1
    assert line.crossing(0.8) == pytest.approx(EXACT.knee(CLASSES))


@pytest.mark.parametrize("loads", [(), (12,), (12, 12)])
def test_one_load_is_no_line(loads: tuple[int, ...]):
    assert fit_line([synthetic_point(EXACT, CLASSES, n) for n in loads]) is None


def test_the_fit_is_numpys_weighted_polynomial():
    rng = np.random.default_rng(5)
    node = SyntheticNode(noise=0.05)
    points = [synthetic_point(node, CLASSES, n, rng=rng) for n in (6, 12, 18, 24)]
    ratios = np.array([point.node_cpu_ratio for point in points])
    weights = 1 / (ratios + 0.05 * ratios.max())

    line = fit_line(points)
    slope, base = np.polyfit([6, 12, 18, 24], ratios, 1, w=weights)

    assert line is not None
    assert line.slope == pytest.approx(slope)
    assert line.base == pytest.approx(base)


def test_a_falling_line_never_crosses():
    points = [
        synthetic_point(SyntheticNode(base=base), CLASSES, n)
        for n, base in ((6, 0.6), (12, 0.1), (18, 0.0))
    ]
    line = fit_line(points)

    assert line is not None
    assert line.slope < 0
    assert line_crossing(line, 0.8, noise=0.01, freedom=3, coverage=0.9) is None


def test_the_interval_of_a_crossing_has_its_coverage():
    node = SyntheticNode(noise=0.03)
    truth = node.knee(CLASSES)
    hits = 0
    repeats = 300
    rng = np.random.default_rng(11)
    for _ in range(repeats):
        lines = [
            line
            for profile, loads in ((CLASSES, (6, 12, 18, 24)), (GROUPS, (6, 12, 15)))
            if (
                line := fit_line(
                    [synthetic_point(node, profile, n, rng=rng) for n in loads]
                )
            )
        ]
        noise, freedom = pooled_noise(lines)
        found = line_crossing(lines[0], 0.8, noise=noise, freedom=freedom, coverage=0.9)
        assert found is not None
        hits += found.low <= truth <= found.high

    assert 0.85 <= hits / repeats <= 0.97


def test_noise_below_the_floor_is_not_believed():
    line = fit_line([synthetic_point(EXACT, CLASSES, n) for n in (6, 12, 18)])

    assert line is not None
    assert pooled_noise([line]) == (0.01, 1)
    assert pooled_noise([]) == (0.01, 0)


def test_more_coverage_is_a_wider_interval():
    line = fit_line([synthetic_point(EXACT, CLASSES, n) for n in (6, 12, 18)])
    assert line is not None

    widths = [
        found.high - found.low
        for coverage in (0.5, 0.9, 0.99)
        if (found := line_crossing(line, 0.8, noise=0.02, freedom=4, coverage=coverage))
    ]

    assert widths == sorted(widths)
    assert len(widths) == 3


@pytest.mark.parametrize("knee", [21.0, 25.0, 29.0])
def test_a_lossy_queues_knee_is_found_from_the_loss_of_one_bad_step(knee: float):
    measured = 1 - knee / 30

    found = saturation_crossing(20, 30, measured_bad=measured, bound=0.02)

    assert found == pytest.approx(knee / 0.98)


def test_a_crossing_stays_between_the_good_and_the_bad_load():
    assert saturation_crossing(20, 30, measured_bad=0.6, bound=0.02) == 20
    assert saturation_crossing(20, 30, measured_bad=1.0, bound=0.02) == 25
    assert delay_crossing(20, 30, measured_good=0, measured_bad=9, bound=5) == 25
    assert delay_crossing(20, 30, measured_good=4, measured_bad=4, bound=5) == 25


def test_a_queues_delay_is_crossed_where_its_law_says():
    def delay_s(load: float) -> float:
        return 0.5 / (1 - load / 40)

    truth = 40 * (1 - 0.5 / 5)

    found = delay_crossing(
        30, 38, measured_good=delay_s(30), measured_bad=delay_s(38), bound=5
    )

    assert found == pytest.approx(truth)


def test_an_endless_delay_still_gives_a_crossing_in_the_bracket():
    found = delay_crossing(20, 30, measured_good=1, measured_bad=math.inf, bound=5)

    assert found == pytest.approx(28)
