"""Dataclasses to plain values and back, including everything that must be refused."""

import json
import math
from dataclasses import dataclass
from typing import Literal

import pytest

from bots.models import ParticipantPlan
from bots.plain import Malformed, from_plain, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    colour: Literal["red", "blue"]
    share: float | None = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    count: int = 0
    inner: Inner | None = None
    times_s: tuple[tuple[str, float], ...] = ()
    several: tuple[Inner, ...] = ()
    pair: tuple[int, str] = (0, "")
    is_set: bool = False


FULL = Outer(
    name="ä",
    count=3,
    inner=Inner(colour="red", share=None),
    times_s=(("b", 2.0), ("a", 1.5)),
    several=(Inner(colour="blue"), Inner(colour="red", share=0.0)),
    pair=(1, "x"),
    is_set=True,
)


@pytest.mark.parametrize("value", [FULL, Outer(name="")])
def test_a_value_survives_the_way_through_json(value):
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


def test_empty_defaults_are_left_out_and_defaults_with_a_meaning_are_written():
    assert to_plain(Outer(name="", inner=Inner(colour="red"))) == {
        "name": "",
        "inner": {"colour": "red", "share": 0.5},
        "pair": [0, ""],
    }


def test_a_value_that_is_empty_but_not_the_default_is_written():
    assert to_plain(Inner(colour="red", share=0.0))["share"] == 0.0
    assert to_plain(Inner(colour="red", share=None))["share"] is None


def test_pairs_become_an_object_in_their_order():
    assert list(to_plain(FULL)["times_s"].items()) == [("b", 2.0), ("a", 1.5)]


def test_unknown_fields_are_ignored_and_integers_serve_as_floats():
    value = from_plain(Inner, {"colour": "red", "share": 1, "newer": [1]})

    assert value == Inner(colour="red", share=1.0)
    assert type(value.share) is float


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        ({}, "name is missing"),
        ({"name": 3}, "name: 3 is no str"),
        ({"name": "", "count": 1.5}, "count: 1.5 is no int"),
        ({"name": "", "count": True}, "count: True is no int"),
        ({"name": "", "is_set": 1}, "is_set: 1 is no bool"),
        ({"name": "", "inner": {"colour": "green"}}, "inner: colour: 'green'"),
        ({"name": "", "inner": []}, "inner: Inner is no object"),
        ({"name": "", "several": {}}, "several: is no array"),
        ({"name": "", "times_s": {"a": "x"}}, "times_s: 'x' is no float"),
        ({"name": "", "pair": [1]}, "pair: is no array of 2"),
        ([], "Outer is no object"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(plain, complaint):
    with pytest.raises(Malformed) as mistake:
        from_plain(Outer, plain)

    assert str(mistake.value).startswith(complaint)


def test_the_wait_for_what_never_came_is_written_as_a_word():
    value = Inner(colour="red", share=math.inf)

    assert to_plain(value)["share"] == "infinity"
    assert from_plain(Inner, to_plain(value)) == value


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_what_is_no_number_is_refused_both_ways(number):
    with pytest.raises(Malformed):
        to_plain(Inner(colour="red", share=number))
    with pytest.raises(Malformed):
        from_plain(Inner, {"colour": "red", "share": number})


def test_a_participants_plan_survives():
    plan = ParticipantPlan(number=7, meeting_number=1, persona="teacher", seed=9)

    assert from_plain(ParticipantPlan, json.loads(json.dumps(to_plain(plan)))) == plan
