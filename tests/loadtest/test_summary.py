"""The words and the exit code of a benchmark."""

import dataclasses

import pytest

from loadtest.models import Capacity, ProfileCapacity
from loadtest.summary import (
    capacity_lines,
    describe_mix,
    exit_code_of,
    profile_line,
    unsure_lines,
)
from tests.support.runs import CLASSES, TALKS, synthetic_capacity

SYNTHETIC = synthetic_capacity()
KNEE, AT_LEAST, ENDED = SYNTHETIC.profiles


def with_profiles(*found: ProfileCapacity) -> Capacity:
    return dataclasses.replace(SYNTHETIC, profiles=found)


@pytest.mark.parametrize(
    ("capacity", "code"),
    [
        (with_profiles(KNEE), 0),
        (with_profiles(KNEE, KNEE), 0),
        (with_profiles(KNEE, AT_LEAST), 4),
        (with_profiles(KNEE, AT_LEAST, ENDED), 3),
        (with_profiles(KNEE, dataclasses.replace(ENDED, limit="cpu")), 4),
        (dataclasses.replace(with_profiles(KNEE), validity="invalid"), 3),
        (dataclasses.replace(with_profiles(KNEE), validity="interrupted"), 130),
    ],
)
def test_the_exit_code_says_whether_every_knee_was_found(capacity, code):
    assert exit_code_of(capacity) == code


def test_no_capacity_is_said_without_its_mix_and_its_slo():
    lines = capacity_lines(SYNTHETIC)

    assert lines[1].startswith("bbbload-1: ")
    for found, line in zip(SYNTHETIC.profiles, lines[2:], strict=False):
        assert describe_mix(found.profile) in line


def test_a_stand_ins_capacity_says_whose_it_is():
    theirs = dataclasses.replace(SYNTHETIC, stand_in=False, target="bbb1")

    assert "says nothing about BigBlueButton" in capacity_lines(SYNTHETIC)[0]
    assert capacity_lines(theirs)[0] == "Capacity of bbb1, valid"


def test_each_kind_of_result_reads_as_what_it_is():
    assert "43 participants (42 to 45, 90%), first limit: cpu" in profile_line(KNEE)
    assert "at least 18 participants" in profile_line(AT_LEAST)
    assert "no capacity: a bot engine used 0.91" in profile_line(ENDED)


def test_costs_are_given_with_intervals_or_the_reason_they_are_missing():
    without = dataclasses.replace(SYNTHETIC, costs=(), cost_note="no costs: why")

    assert any("video out 10.0 (9.0 to 11.0)" in x for x in capacity_lines(SYNTHETIC))
    assert "Costs: no costs: why" in capacity_lines(without)


def test_an_interval_wider_than_asked_for_is_told_unless_one_meeting_spans_it():
    talks = dataclasses.replace(
        SYNTHETIC.profiles[0], capacity=40.0, low=34.0, high=46.0
    )
    one_meeting = dataclasses.replace(talks, low=36.0, high=36.0 + TALKS.size)

    assert unsure_lines(with_profiles(talks), 0.1) == [
        "Note: talks: ±15% is wider than ±10%: give more --steps, --repeats or --time"
    ]
    assert unsure_lines(with_profiles(talks), 0.15) == []
    assert unsure_lines(with_profiles(one_meeting), 0.05) == []


def test_a_mix_is_told_in_words():
    assert describe_mix(CLASSES) == "classes of 6 (2 cameras, 6 microphones)"
    assert describe_mix(TALKS) == (
        "talks of 8 (1 camera, 2 microphones, 2 listeners, 4 without audio)"
    )
