"""The E-model against values worked out by hand from ITU-T G.107 and G.107.1."""

import pytest

from bots.media.mos import burst_ratio, mos, mos_of_rating, rating


@pytest.mark.parametrize(
    ("narrowband", "expected"),
    [(-5, 1.0), (0, 1.0), (50, 2.58), (70, 3.60), (80, 4.02), (93.2, 4.41), (110, 4.5)],
)
def test_a_rating_becomes_the_mos_of_annex_b(narrowband, expected):
    assert mos_of_rating(narrowband) == pytest.approx(expected, abs=0.01)


def test_a_clear_line_has_the_whole_wideband_rating():
    assert rating(0.0, 1.0, 0.05) == 129.0
    assert mos(loss_ratio=0.0, delay_s=0.05) == 4.5


def test_loss_counts_by_its_share_against_the_robustness():
    # 95 * 10 / (10 + 10)
    assert rating(0.1, 1.0, 0.05) == pytest.approx(129 - 47.5)


def test_loss_in_bursts_counts_more():
    # 95 * 10 / (10 / 2 + 10)
    assert rating(0.1, 2.0, 0.05) == pytest.approx(129 - 63.33, abs=0.01)


def test_delay_counts_from_a_tenth_of_a_second_on():
    assert rating(0.0, 1.0, 0.1) == 129.0
    # x = 1 at 200 ms: 25 * (2**(1/6) - 3 * (1 + 3**-6)**(1/6) + 2)
    assert rating(0.0, 1.0, 0.2) == pytest.approx(129 - 3.05, abs=0.02)


def test_worse_lines_are_never_rated_better():
    ratings = [rating(step / 50, 1.0, 0.02 * step) for step in range(51)]

    assert ratings == sorted(ratings, reverse=True)


@pytest.mark.parametrize(
    ("lost", "bursts", "expected", "ratio"),
    [(0, 0, 100, 1.0), (10, 10, 100, 1.0), (10, 5, 100, 1.8), (10, 2, 100, 4.5)],
)
def test_the_burst_ratio_compares_with_random_loss(lost, bursts, expected, ratio):
    assert burst_ratio(lost, bursts, expected) == pytest.approx(ratio)


@pytest.mark.parametrize("line", [(-0.1, 1, 0), (1.1, 1, 0), (0, 0.5, 0), (0, 1, -1)])
def test_an_impossible_line_is_refused(line):
    with pytest.raises(ValueError, match="no such line"):
        rating(*line)
