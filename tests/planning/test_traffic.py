"""Bytes from streams, checked against published worked examples."""

from dataclasses import fields

import numpy as np
import pytest

from planning.offers import StreamMix
from planning.peaks import Interval
from planning.traffic import (
    DEFAULT_STREAMS,
    draw_rates,
    monthly_bytes,
    traffic_between,
)
from tests.support.histories import example_history


def exact(**values: float) -> StreamMix:
    """Return a mix without uncertainty; what is not named is zero."""
    shares = {
        field.name: Interval(
            low=values.get(field.name, 0.0),
            mid=values.get(field.name, 0.0),
            high=values.get(field.name, 0.0),
        )
        for field in fields(StreamMix)
        if field.name != "source"
    }
    return StreamMix(source="a test", **shares)


def test_five_cameras_and_audio_cost_about_what_a_browser_downloads():
    mix = exact(seen_cameras=5, camera_bps=200e3, audio_ratio=1, audio_bps=50e3)

    rates = draw_rates(mix, np.random.default_rng(1), 3)

    assert rates.out_bps == pytest.approx((1.05e6,) * 3)


def test_five_of_five_cameras_match_the_worked_example():
    # meet.coop: five participants, all with 0.4 Mbit/s cameras: 2 in, 8 out.
    mix = exact(cameras_per_participant=1, seen_cameras=4, camera_bps=400e3)

    rates = draw_rates(mix, np.random.default_rng(1), 1)

    assert 5 * rates.in_bps[0] == pytest.approx(2e6)
    assert 5 * rates.out_bps[0] == pytest.approx(8e6)


def test_a_month_of_one_participant_at_a_megabit():
    month = monthly_bytes(np.array([1.0]), np.array([1e6]), 30)

    assert month[0] == pytest.approx(1e6 / 8 * 86_400 * 30)


def test_more_goes_out_than_comes_in():
    rates = draw_rates(DEFAULT_STREAMS, np.random.default_rng(1), 2000)

    assert np.median(rates.out_bps) > 2 * np.median(rates.in_bps)


def test_traffic_of_the_history_covers_the_months_asked_for():
    rng = np.random.default_rng
    history = example_history()

    whole, _ = traffic_between(history, "2020-05", "2020-12", DEFAULT_STREAMS, rng(1))
    may, _ = traffic_between(history, "2020-05", "2020-05", DEFAULT_STREAMS, rng(1))

    assert 0 < may.mid < whole.mid / 8
