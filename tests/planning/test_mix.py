"""Capacity of a mix: stream counts by hand, capacities of planted costs."""

from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from loadtest.models import Capacity, Cost, MeetingProfile, Slo
from planning.mix import capacity_of, capacity_of_mix, streams_of
from tests.benchmarks.mixes import MIXES, measured, planted, study, truth_of


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


def test_unseen_mixes_are_told_within_three_hundredths_and_their_intervals_hold():
    rows = list(study(nodes=25, noise=0.015, runs=1))

    assert len(rows) == len(MIXES)
    assert max(row.error_mean for row in rows) < 0.015
    assert max(row.error_p95 for row in rows) < 0.03
    # 100 truths; a nominal 90 % interval holds 85 to 95 % of many (RESULTS.md).
    assert 0.80 <= np.mean([row.coverage for row in rows]) <= 0.98
    assert max(row.width for row in rows) < 0.08


def test_without_noise_a_mix_of_measured_profiles_is_exact():
    node = planted(np.random.default_rng(3), noise=0.0)
    found = measured(node, seed=1, runs=1)

    for _, parts in MIXES:
        told = capacity_of_mix(parts, found, np.random.default_rng(1))
        assert told.mid == pytest.approx(truth_of(node, parts), rel=1e-6)


def test_costs_drawn_alone_make_a_wider_interval():
    node = planted(np.random.default_rng(3), noise=0.015)
    known = measured(node, seed=1, runs=1)
    unknown = replace(
        known,
        cost_points=(),
        profiles=tuple(replace(one, points=()) for one in known.profiles),
    )

    together, alone = (
        capacity_of_mix(MIXES[2][1], found, np.random.default_rng(1))
        for found in (known, unknown)
    )

    assert together.mid == pytest.approx(alone.mid)
    assert together.high - together.low < alone.high - alone.low


@pytest.mark.parametrize("shares", [(0.0, 0.0), (1.0, -0.5)])
def test_shares_that_are_none_are_refused(shares):
    parts = tuple(zip((profile(), profile(cameras=1)), shares, strict=True))

    with pytest.raises(ConfigError, match="not negative and not all nothing"):
        capacity_of_mix(parts, capacity(), np.random.default_rng(1))
