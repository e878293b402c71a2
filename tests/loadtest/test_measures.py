"""One number per measure out of a run; all data here is synthetic."""

import dataclasses

import pytest

from bots.errors import ConfigError
from loadtest.capacity import capacity_of_run
from loadtest.comparison import Measure
from loadtest.measures import CPU, MEASURES, climbed_run, compared_run, measures_for
from loadtest.models import EndRecord, NodeSample
from loadtest.timeline import run_result
from tests.support.experiments import compared
from tests.support.results import capacity
from tests.support.runs import CLASSES, SyntheticNode, synthetic_run


def digested(*steps, node=None, change=lambda record: record):
    header, *records = synthetic_run(node=node, steps=steps)
    return run_result(header, map(change, records))


def one(*steps, **more):
    return compared_run(digested(*steps, **more), side="baseline", where="run.jsonl")


def test_a_run_of_one_load_gives_the_planted_cpu_per_participant():
    node = SyntheticNode(noise=0)

    found = dict(one((CLASSES, 12), node=node).values)

    planted = node.utilisation(CLASSES, 12) * 60 / 12
    assert found[CPU] == pytest.approx(planted, rel=0.01)
    assert found["memory"] == 200_000_000 + 2_000_000 * 12
    assert found["traffic per participant"] > 100_000
    assert found.keys() <= {measure.name for measure in MEASURES}


def test_joins_are_taken_from_the_storm_and_the_rest_from_the_load_that_was_held():
    storm = dataclasses.replace(CLASSES, name="storm")
    held = dict(one((CLASSES, 12)).values)

    both = digested((CLASSES, 12), (storm, 12))
    found = compared_run(both, side="baseline", where="run.jsonl")
    values = dict(found.values)

    assert values["join time p95"] == both.points[1].join_time_s.p95
    assert values["join time p95"] != held["join time p95"]
    assert values[CPU] == held[CPU]
    assert "12 participants in meetings of 6" in found.load
    assert found.load.endswith("all at once")


def test_a_load_made_in_another_manner_is_another_load():
    usual = digested((CLASSES, 12))
    header = dataclasses.replace(usual.header, manner=("by relay",))
    relayed = dataclasses.replace(usual, header=header)

    found = compared_run(relayed, side="candidate", where="run.jsonl")

    assert found.load == one((CLASSES, 12)).load + ", by relay"


def test_cpu_of_groups_of_processes_gives_a_measure_each():
    def with_groups(record):
        if not isinstance(record, NodeSample):
            return record
        whole = dict(record.cpu_s)["node"]
        groups = (("node", whole), ("video", 0.75 * whole), ("audio", 0.25 * whole))
        return dataclasses.replace(record, cpu_s=groups)

    run = one((CLASSES, 12), change=with_groups)
    values = dict(run.values)

    assert values[f"{CPU}: video"] == pytest.approx(0.75 * values[CPU], rel=0.05)
    assert values[f"{CPU}: audio"] == pytest.approx(0.25 * values[CPU], rel=0.05)
    added = measures_for([run])[len(MEASURES) :]
    assert [measure.name for measure in added] == [f"{CPU}: audio", f"{CPU}: video"]
    assert not any(measure.is_gated for measure in added)
    assert all(measure.unit == "s/min" for measure in added)


def test_a_run_that_climbs_is_refused_and_its_capacity_is_named():
    with pytest.raises(ConfigError, match=r"holds 2 loads.*capacity\.json"):
        one((CLASSES, 6), (CLASSES, 12))


def test_an_unfit_generator_makes_the_run_void_with_its_reason():
    def late(record):
        if not isinstance(record, EndRecord):
            return record
        return EndRecord(elapsed_s=record.elapsed_s, validity="invalid", reasons=("x",))

    assert one((CLASSES, 12), change=late).invalid == "x"


def test_a_benchmark_gives_a_capacity_for_each_profile_that_has_one():
    run = climbed_run(capacity(), side="candidate")

    assert dict(run.values) == {"capacity: classes": 28.4}
    added = measures_for([run])[len(MEASURES) :]
    assert added == (
        Measure(name="capacity: classes", unit="participants", is_higher_worse=False),
    )


def test_a_measure_nobody_knows_is_shown_and_not_gated():
    run = compared(1, values={"something else": 3.0})

    assert measures_for([run])[-1] == Measure(name="something else", is_gated=False)


def test_the_ladder_of_an_experiment_gives_the_planted_capacity():
    node = SyntheticNode(noise=0.005)
    hold = dataclasses.replace(CLASSES, name="hold")
    header, *records = synthetic_run(
        node=node, steps=tuple((hold, size) for size in (6, 12, 18, 24, 36))
    )

    found = capacity_of_run(header, records, profiles=(hold,))
    run = climbed_run(found, side="baseline", version="3.0.12")

    assert dict(run.values)["capacity"] == pytest.approx(node.knee(hold), rel=0.1)
    assert run.load == ""
    assert run.invalid == ""
