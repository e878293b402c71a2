"""Every file that holds a capacity is planned with alike, a node card above all."""

import json
from dataclasses import replace
from datetime import date

import pytest

from bots.errors import ConfigError
from loadtest.card import NodeCard, PeopleRatio
from loadtest.card_codec import decode_card, encode_card
from loadtest.card_making import make_card
from loadtest.cli import run_command
from loadtest.codec import decode_capacity, encode_capacity
from loadtest.models import Capacity
from planning.capacities import Measured, capacities_used, parse_mix
from planning.catalog import parse_catalog
from planning.measured import decode_measured, read_benchmark
from planning.observed.beside import at_dearer_cost, set_beside
from planning.observed.fit import COVERAGE, fit_node
from planning.observed.models import Observed
from planning.observed.people import beside_of, people_of
from tests.planning.test_capacities import measured
from tests.support.histories import EXAMPLE, catalog_data
from tests.support.people import synthetic_benchmark, synthetic_past
from tests.support.runs import synthetic_capacity

PEOPLE = PeopleRatio(
    low=0.6,
    mid=0.7,
    high=0.78,
    coverage=0.9,
    dearer="people",
    streams="counted",
    nodes=1,
    days=14.0,
)


def real() -> Capacity:
    """Return a SYNTHETIC benchmark with steps and costs, as if of a real node."""
    return replace(synthetic_capacity(), stand_in=False, target="bbb7.example.org")


def bare(cores: float):
    data = catalog_data()
    for kind in data["types"]:
        del kind["capacity"]
        kind["cores"] = round(cores)
    return parse_catalog(data, source="c.toml", today=date(2026, 11, 23))


@pytest.mark.parametrize("mix", ["", "talks=0.7,groups=0.3", "classes=1"])
def test_a_card_plans_with_the_capacity_of_the_file_behind_it(mix):
    offered = bare(real().node_cores or 0)
    texts = (encode_capacity(real()), encode_card(make_card(real())))

    behind, card = (
        capacities_used(
            offered, (decode_measured(text, where="x"),), mix=parse_mix(mix)
        )
        for text in texts
    )

    assert {one.origin for one in card} == {"node card"}
    assert [replace(one, origin="", source="") for one in card] == [  # type: ignore[arg-type]
        replace(one, origin="", source="")  # type: ignore[arg-type]
        for one in behind
    ]


def test_bbbload_plan_takes_cards_of_several_types(tmp_path):
    for name, cores in (("6 cores", 6.0), ("12 cores", 12.0)):
        card = make_card(measured(node_cores=cores), server_type=name)
        (tmp_path / f"{name[:2].strip()}.json").write_text(encode_card(card))
    catalogue = tmp_path / "catalog.toml"
    catalogue.write_text(
        '[catalog]\nsource = "made up"\ndate = 2020-12-01\n'
        + "".join(
            f'[[types]]\nname = "{name}"\nprice = {price}\nterm_months = 1\n'
            f"nic_mbps = 1000\ncores = {cores}\n"
            for name, price, cores in (("6 cores", 34.0, 6), ("12 cores", 55.0, 12))
        )
    )
    stated = tmp_path / "demand.toml"
    stated.write_text(
        'first = "2027-02"\nsource = "a timetable"\n'
        '[[groups]]\nname = "lessons"\nmeetings = 4\nsize = 20\n'
    )
    output = tmp_path / "plan.json"

    code = run_command(
        [
            *("plan", str(tmp_path / "6.json"), str(tmp_path / "12.json")),
            *("--demand", str(stated), "--catalog", str(catalogue)),
            *("--budget", str(EXAMPLE / "budget.toml")),
            *("--months", "1", "-o", str(output)),
        ]
    )

    assert code == 0
    used = json.loads(output.read_text())["capacity_used"]
    assert [(one["type"], one["origin"]) for one in used] == [
        ("6 cores", "node card"),
        ("12 cores", "node card"),
    ]


def carded(people: PeopleRatio | None) -> NodeCard:
    return replace(make_card(real(), server_type="six"), people=people)


def test_a_card_whose_people_were_dearer_is_planned_with_at_their_cost():
    text = encode_card(carded(PEOPLE))
    card = decode_card(text, where="card.json")
    beside = beside_of(card)

    found = decode_measured(text, where="card.json")

    assert beside is not None
    assert found.capacity == at_dearer_cost(card.capacity, beside)
    assert found.capacity.costs[1].value > card.capacity.costs[1].value
    assert found.note.startswith("card.json is planned with at the dearer cost")
    agreeing = replace(PEOPLE, low=0.9, mid=1.0, high=1.1, dearer="")
    as_it_is = decode_measured(encode_card(carded(agreeing)), where="card.json")
    assert as_it_is.capacity == card.capacity
    assert as_it_is.note == ""


def test_the_ratio_of_an_observation_goes_onto_the_card_without_a_name():
    fit = fit_node(synthetic_past(counted=True, dearer=1 / 0.7))
    found = set_beside([fit], synthetic_benchmark())
    observed = Observed(
        source="prometheus.example.org",
        since="2026-11-02T00:00:00+00:00",
        until="2026-11-16T00:00:00+00:00",
        step_s=300,
        tool_version="0.1.0",
        seed=1,
        coverage=COVERAGE,
        nodes=(fit.result,),
        beside=found,
    )

    people = people_of(observed, "synthetic")

    assert (people.mid, people.low, people.dearer) == (
        found.ratio.mid,
        found.ratio.low,
        "people",
    )
    card = make_card(replace(synthetic_benchmark(), run="abcd"), people=people)
    assert "synthetic" not in encode_card(card)
    assert beside_of(card) == replace(found, run="abcd", notes=())
    with pytest.raises(ConfigError, match="beside run synthetic, the capacity is of"):
        people_of(observed, "ffff")
    with pytest.raises(ConfigError, match="no benchmark beside it"):
        people_of(replace(observed, beside=None), "synthetic")


def test_a_card_is_a_benchmark_to_set_beside_production(tmp_path):
    for name, text in (
        ("card.json", encode_card(make_card(real()))),
        ("capacity.json", encode_capacity(real())),
    ):
        (tmp_path / name).write_text(text)

    card = read_benchmark(tmp_path / "card.json")
    behind = read_benchmark(tmp_path / "capacity.json")

    assert card.costs == behind.costs
    assert card.profiles[0].points == behind.profiles[0].points


def test_an_observation_without_a_benchmark_is_no_capacity_to_plan_with():
    text = (
        '{"schema": "bbbload.observed", "version": 1, "source": "p", "since": "", '
        '"until": "", "step_s": 300, "tool_version": "", "seed": 1, "coverage": 0.9, '
        '"nodes": []}'
    )

    with pytest.raises(ConfigError, match="observed without a benchmark"):
        decode_measured(text, where="observed.json")
    with pytest.raises(ConfigError, match=r"version 2 of bbbload\.observed"):
        decode_measured(text.replace('"version": 1', '"version": 2'), where="x")


def test_a_capacity_json_is_planned_with_as_it_is():
    text = encode_capacity(synthetic_benchmark())

    expected = decode_capacity(text, where="c")
    assert decode_measured(text, where="c") == Measured(capacity=expected)
