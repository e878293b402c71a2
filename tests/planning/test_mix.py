"""Capacity of a mix: stream counts by hand, capacities of planted costs."""

import numpy as np
import pytest

from bots.errors import ConfigError
from loadtest.models import Capacity, Cost, MeetingProfile, Slo
from planning.mix import capacity_of, streams_of


def profile(**changes: int) -> MeetingProfile:
    values = {"size": 20, "cameras": 20, "microphones": 20, "listeners": 0} | changes
    return MeetingProfile(name="test", **values)


def capacity(**changes: object) -> Capacity:
    costs = (
        Cost(name="base", value=0.1, unit="cores", low=0.1, high=0.1),
        Cost(name="participant", value=0.002, unit="cores", low=0.001, high=0.003),
        Cost(name="video_out", value=0.001, unit="cores", low=0.0008, high=0.0012),
    )
    values: dict[str, object] = {
        "run": "r1",
        "started_at": "2026-11-23T08:00:00Z",
        "tool_version": "0.1.0",
        "target": "node",
        "bbb_version": "3.0",
        "stand_in": False,
        "seed": 1,
        "slo": Slo(),
        "profiles": (),
        "costs": costs,
        "cost_coverage": 0.9,
        "condition_number": 10.0,
        "cost_note": "",
        "node_cores": 8.0,
        "validity": "valid",
        "reasons": (),
    }
    return Capacity(**(values | changes))  # type: ignore[arg-type]


def test_twenty_cameras_are_380_streams_out_where_nothing_is_paged():
    streams = streams_of(profile(camera_page=50))

    # BBB FAQ: all-to-all of 20 participants is 20 in and 380 out.
    assert 20 * streams.video_in == 20
    assert 20 * streams.video_out == pytest.approx(380)


def test_a_page_of_five_holds_for_viewers_but_not_for_the_moderator():
    streams = streams_of(profile())

    assert 20 * streams.video_out == pytest.approx(19 + 19 * 5)


def test_one_camera_is_nineteen_streams_out():
    streams = streams_of(profile(cameras=1, microphones=1, listeners=15))

    assert 20 * streams.video_out == pytest.approx(19)
    assert 20 * streams.audio_out == pytest.approx(16)


def test_capacity_is_where_the_costs_reach_the_slo():
    found = capacity_of(
        profile(cameras=1, microphones=0), capacity(), np.random.default_rng(1)
    )

    by_hand = (0.8 * 8 - 0.1) / (0.002 + 0.95 * 0.001)
    assert found.mid == pytest.approx(by_hand, rel=0.05)
    assert found.low < by_hand < found.high
    assert found.coverage == 0.9


def test_dearer_streams_carry_fewer_participants():
    rng = np.random.default_rng
    few = capacity_of(profile(cameras=1), capacity(), rng(1))
    many = capacity_of(profile(cameras=20), capacity(), rng(1))

    assert many.mid < few.mid


def test_a_measurement_without_costs_is_one_sentence():
    with pytest.raises(ConfigError, match="too few steps"):
        capacity_of(
            profile(),
            capacity(costs=(), cost_note="too few steps"),
            np.random.default_rng(1),
        )
