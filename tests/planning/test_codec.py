"""plan.json: nothing lost on the way there and back."""

import json
from dataclasses import replace

import pytest

from bots.errors import ConfigError
from planning.codec import decode_plan, encode_plan
from tests.planning.test_example import plan


def test_a_plan_survives_the_way_there_and_back():
    text = encode_plan(plan())

    again = decode_plan(text, where="plan.json")

    assert encode_plan(again) == text
    assert again.months[3].nodes == plan().months[3].nodes


def test_the_price_of_a_byte_survives():
    assert plan().catalog_used is not None
    dear = replace(plan().catalog_used.types[0], extra_traffic_eur_per_byte=1.19e-12)
    priced = replace(plan().catalog_used, types=(dear,))

    again = decode_plan(
        encode_plan(replace(plan(), catalog_used=priced)), where="plan.json"
    )

    assert again.catalog_used is not None
    assert again.catalog_used.types[0].extra_traffic_eur_per_byte == 1.19e-12


def test_the_file_has_the_documented_names():
    plain = json.loads(encode_plan(plan()))
    month = plain["months"][0]

    assert (plain["schema"], plain["version"]) == ("bbbload.plan", 1)
    assert set(month["peak"]) >= {"p50", "p80", "p90", "p95", "p99"}
    assert month["nodes"] == {node.type: node.count for node in plan().months[0].nodes}
    assert set(month["balance_eur"]) >= {"low", "mid", "high"}
    for name in ("month", "cost_eur", "traffic_bytes"):
        assert name in month
    assert set(plain["runway_months"]) >= {"low", "mid", "high"}
    assert plain["capacity_used"][0]["origin"] == "catalog"
    assert plain["assumptions"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "bbbload.plan was expected"),
        ('{"schema": "bbbload.capacity", "version": 1}', "'bbbload.capacity'"),
        ('{"schema": "bbbload.plan", "version": 2}', "update bbbload"),
        ('{"schema": "bbbload.plan", "version": 1}', "is missing"),
        ('{"schema": "bbbload.plan", "version": 1, "months": 5}', "missing"),
    ],
)
def test_another_file_is_refused_in_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        decode_plan(text, where="x.json")

    assert "x.json" in str(caught.value)


def test_unknown_fields_are_ignored():
    plain = json.loads(encode_plan(plan()))
    plain["months"][0]["mood"] = "good"

    assert decode_plan(json.dumps(plain), where="p").months[0].month == "2021-01"
