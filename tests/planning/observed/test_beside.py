"""Bots beside people: differences planted in SYNTHETIC histories are found, named."""

from dataclasses import replace
from datetime import date

import pytest

from bots.errors import ConfigError
from loadtest.models import ProfileCapacity
from planning.capacities import Measured, capacities_used
from planning.catalog import parse_catalog
from planning.observed.beside import at_dearer_cost, set_beside
from planning.observed.fit import fit_node
from planning.observed.lines import observed_lines
from planning.observed.models import Observed
from tests.support.histories import catalog_data
from tests.support.people import (
    school_profile,
    synthetic_benchmark,
    synthetic_past,
)


def people(**changes: object):
    return fit_node(synthetic_past(counted=True, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_no_difference_bots_and_people_agree_within_15_percent(seed):
    found = set_beside([people(seed=seed)], synthetic_benchmark())

    assert 0.85 <= found.ratio.mid <= 1.15
    assert found.ratio.low <= 1.0 <= found.ratio.high
    assert found.dearer == ""


@pytest.mark.parametrize(("dearer", "whose"), [(1 / 0.7, "people"), (1 / 1.3, "bots")])
def test_a_planted_difference_of_30_percent_is_found_and_named(dearer, whose):
    found = set_beside([people(dearer=dearer)], synthetic_benchmark())

    assert found.ratio.low <= 1 / dearer <= found.ratio.high
    assert found.ratio.mid == pytest.approx(1 / dearer, rel=0.1)
    assert found.dearer == whose


@pytest.mark.parametrize(
    ("dearer", "words"),
    [(1.0, "they agree"), (1.2, "differ beyond chance"), (1.5, "WARNING, outside")],
)
def test_the_first_line_says_how_far_bots_and_people_are_apart(dearer, words):
    found = set_beside([people(dearer=dearer)], synthetic_benchmark())

    observed = Observed(
        source="", since="", until="", step_s=300, tool_version="", seed=0,
        coverage=0.9, nodes=(), beside=found,
    )  # fmt: skip
    assert words in next(observed_lines(observed))


def test_a_collinear_history_can_still_be_set_beside():
    # The split of costs is unknown, the mix is the same on both sides.
    together = people(camera_share=0.2, dearer=1 / 0.7)

    found = set_beside([together], synthetic_benchmark())

    assert together.result.roles[0].costs == ()
    assert found.ratio.mid == pytest.approx(0.7, rel=0.1)


def test_cameras_received_that_nobody_counted_are_an_assumption_that_is_told():
    past = synthetic_past(counted=True)
    uncounted = replace(
        past, loads=tuple(one for one in past.loads if one[0] != "streams")
    )

    found = set_beside([fit_node(uncounted)], synthetic_benchmark())

    assert found.streams == "assumed"
    assert found.ratio_half_streams is not None
    assert found.ratio_double_streams is not None
    assert found.ratio_half_streams < found.ratio.mid < found.ratio_double_streams


def test_several_nodes_are_one_ratio():
    nodes = [people(seed=1, dearer=0.8), people(seed=2, dearer=1.2)]

    found = set_beside(nodes, synthetic_benchmark())

    assert found.ratio.mid == pytest.approx(1.0, abs=0.1)


def test_a_benchmark_without_costs_and_one_of_other_cores_are_told():
    with pytest.raises(ConfigError, match="no costs to set beside"):
        set_beside([people()], synthetic_benchmark(costs=()))

    other = set_beside([people()], synthetic_benchmark(node_cores=8.0))
    assert any("another server type" in note for note in other.notes)


def carried() -> ProfileCapacity:
    return ProfileCapacity(
        profile=school_profile(),
        capacity=200.0,
        at_least=None,
        invalid="",
        low=180.0,
        high=220.0,
        coverage=0.9,
        limit="cpu",
        points=(),
        verdicts=(),
    )


def test_planning_uses_the_dearer_cost():
    benchmark = synthetic_benchmark(profiles=(carried(),))
    dear = set_beside([people(dearer=1 / 0.7)], benchmark)
    cheap = set_beside([people(dearer=1 / 1.3)], benchmark)

    planned = at_dearer_cost(benchmark, dear)

    found = planned.profiles[0]
    assert found.capacity == pytest.approx(200 * dear.ratio.mid)
    assert found.low is not None
    assert found.low < 180 * dear.ratio.mid
    for before, after in zip(benchmark.costs, planned.costs, strict=True):
        grown = 1.0 if before.name == "base" else dear.ratio.mid
        assert after.value == pytest.approx(before.value / grown)
        assert after.low <= after.value <= after.high
    assert at_dearer_cost(benchmark, cheap) == benchmark


def test_a_plan_says_that_it_uses_the_cost_of_real_people():
    benchmark = synthetic_benchmark(profiles=(carried(),))
    found = set_beside([people(dearer=1 / 0.7)], benchmark)
    data = catalog_data()
    for kind in data["types"]:
        del kind["capacity"]
        kind["cores"] = 16
    offered = parse_catalog(data, source="c.toml", today=date(2026, 11, 23))

    used = capacities_used(
        offered, (Measured(capacity=at_dearer_cost(benchmark, found)),)
    )

    assert used[0].participants == pytest.approx(200 * found.ratio.mid)
    assert "at the cost of real people" in used[0].source
