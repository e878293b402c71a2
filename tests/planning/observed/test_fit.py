"""Costs from a node's own past: planted truths in SYNTHETIC histories."""

from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.observed.fit import REACH, cost_of_mix, fit_node
from tests.support.people import DAY_BINS, TRUTH, synthetic_past


def test_planted_costs_are_found_within_their_intervals():
    node = fit_node(synthetic_past()).result

    (whole,) = node.roles
    for cost in whole.costs:
        assert cost.value == pytest.approx(TRUTH[cost.name], rel=0.15)
        assert cost.low <= TRUTH[cost.name] <= cost.high
    assert node.base.mid == pytest.approx(TRUTH["base"], rel=0.05)


def test_intervals_of_90_percent_cover_the_cost_of_the_mix_that_often():
    # Days differ by 10 %: bins are no independent witnesses, days are.
    hits = 0
    for seed in range(12):
        node = fit_node(synthetic_past(seed=seed, noise=0.1, days=10)).result
        truth = sum(TRUTH[name] * count for name, count in node.busy if name in TRUTH)
        hits += node.load_cores.low <= truth <= node.load_cores.high

    # Binomial(12, 0.9): fewer than 8 has a chance below 1 %.
    assert hits >= 8


def test_roles_get_costs_of_their_own_and_recordings_are_no_cost_of_people():
    node = fit_node(synthetic_past(roles=True)).result

    whole, audio = node.roles
    assert [whole.role, audio.role] == ["node", "audio"]
    costs = {cost.name: cost.value for cost in audio.costs}
    assert costs["voice"] == pytest.approx(TRUTH["voice"], rel=0.1)
    assert costs["cameras"] == pytest.approx(0.0, abs=0.001)
    # Two cores of recordings a night, taken out, leave the base as it is.
    assert node.base.mid == pytest.approx(TRUTH["base"], rel=0.05)


def test_cameras_that_always_follow_people_get_no_cost_of_their_own():
    node = fit_node(synthetic_past(camera_share=0.2)).result

    assert node.roles[0].costs == ()
    (note,) = [note for note in node.notes if note.startswith("no costs")]
    assert "participants, voice, cameras moved together" in note
    # The mix as a whole stays known: every split that fits says the same of it.
    truth = sum(TRUTH[name] * count for name, count in node.busy if name in TRUTH)
    assert node.load_cores.mid == pytest.approx(truth, rel=0.1)


def test_another_mix_is_refused_where_the_split_is_not_known():
    fit = fit_node(synthetic_past(camera_share=0.2))

    with pytest.raises(ConfigError, match=r"another mix than its own.*moved together"):
        cost_of_mix(fit, {"participants": 100, "voice": 90})


def test_a_mix_within_what_was_seen_is_told_with_an_interval():
    found = cost_of_mix(
        fit_node(synthetic_past()), {"participants": 200, "voice": 150, "cameras": 20}
    )

    truth = 0.6 + 200 * 0.004 + 150 * 0.008 + 20 * 0.03
    assert found.cores.low <= truth <= found.cores.high
    assert found.cores.mid == pytest.approx(truth, rel=0.05)


def test_nothing_is_said_beyond_1_2_times_the_largest_seen():
    fit = fit_node(synthetic_past())
    largest = dict(fit.result.largest)["participants"]

    assert cost_of_mix(fit, {"participants": REACH * largest}).cores.mid > 0
    with pytest.raises(ConfigError, match=r"beyond 1\.2 times the"):
        cost_of_mix(fit, {"participants": REACH * largest + 1})
    with pytest.raises(ConfigError, match="no 'streams' in its history"):
        cost_of_mix(fit, {"streams": 1})


def test_the_bound_is_named_when_it_was_nearly_reached_only():
    calm = fit_node(synthetic_past(cores=16)).result
    busy = fit_node(synthetic_past(cores=8)).result

    assert calm.at_bound is None
    assert any("beyond 1.2 times the largest" in note for note in calm.notes)
    assert busy.at_bound is not None
    assert busy.at_bound.high <= REACH * dict(busy.largest)["participants"]


def test_a_history_of_few_days_says_that_its_interval_is_too_narrow():
    node = fit_node(synthetic_past(days=3)).result

    assert any(note.startswith("3 days are too few") for note in node.notes)


def test_a_node_without_cameras_says_nothing_of_them():
    past = synthetic_past()
    silent = replace(
        past,
        loads=tuple(
            (name, (0.0,) * len(column) if name == "cameras" else column)
            for name, column in past.loads
        ),
    )

    node = fit_node(silent).result

    assert "cameras" not in {cost.name for cost in node.roles[0].costs}
    assert "there were no cameras: nothing is said of them" in node.notes


def test_equal_seeds_give_equal_results():
    past = synthetic_past(days=6)

    assert fit_node(past, seed=3) == fit_node(past, seed=3)


def test_a_fit_over_blocks_is_the_fit_over_all_bins():
    past = synthetic_past(days=5, noise=0.0)
    fit = fit_node(past)

    assert len(past.times_s) == 5 * DAY_BINS
    assert np.allclose(fit.values, [TRUTH[name] for name in fit.names], rtol=1e-6)
