"""Gates: what a file may ask for, and how limits are held."""

import pytest

from bots.errors import ConfigError
from loadtest.gates import DEFAULT_GATES, Limit, check_limits, parse_gates
from loadtest.measures import CPU
from tests.support.experiments import compared


def test_no_gates_gate_six_measures():
    assert sum(measure.is_gated for measure in DEFAULT_GATES.measures) == 6
    assert parse_gates("", where="g") == DEFAULT_GATES


def test_named_measures_replace_the_gated_ones():
    gates = parse_gates('gated = ["join time p50"]', where="g")

    assert [m.name for m in gates.measures if m.is_gated] == ["join time p50"]


def test_an_effect_and_a_limit_are_taken_from_the_measures_own_table():
    text = """
    [measure."join time p95"]
    smallest_effect = 0.2
    limit = 5
    limit_fails = false
    [measure."cpu per participant: audio"]
    limit = 0.4
    """

    gates = parse_gates(text, where="g")

    changed = {m.name: m.smallest_effect for m in gates.measures}
    assert changed["join time p95"] == 0.2
    assert changed[CPU] == 0.05
    assert gates.limits == (
        Limit(measure="join time p95", value=5.0, fails=False),
        Limit(measure="cpu per participant: audio", value=0.4, fails=True),
    )
    assert not gates.measures[-1].is_gated


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gated = 3", "gated is a list"),
        ("gated = []", "gated is a list"),
        ('gated = ["joy"]', "no measure is named 'joy'"),
        ('[measure."joy"]\nlimit = 1', "no measure is named 'joy'"),
        ('[measure."capacity"]\nlimits = 1', "takes limit, limit_fails"),
        ('[measure."capacity"]\nlimit = "many"', "is no number"),
        ('[measure."capacity"]\nlimit = 1\nlimit_fails = 1', "true or false"),
        ('[measure."capacity"]\nsmallest_effect = 0', "give 0.05"),
        ("joy = 1", "unknown key 'joy'"),
        ("gated = [", "is no TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file(text, sentence):
    with pytest.raises(ConfigError, match=f"^gates.toml.*{sentence}"):
        parse_gates(text, where="gates.toml")


@pytest.mark.parametrize(
    ("name", "values", "limit", "is_kept"),
    [
        ("join time p95", (1.0, 9.0, 2.0), 2.0, True),
        ("join time p95", (1.0, 9.0, 3.0), 2.0, False),
        ("capacity", (30.0,), 28.0, True),
        ("capacity", (27.0,), 28.0, False),
        ("capacity", (), 28.0, False),
    ],
)
def test_the_median_of_the_valid_runs_is_held_against_the_limit(
    name, values, limit, is_kept
):
    runs = [
        compared(number, "candidate", values={name: value})
        for number, value in enumerate(values)
    ]
    runs.append(compared(9, "candidate", values={name: 1e9}, invalid="late"))

    (check,) = check_limits(
        [Limit(measure=name, value=limit, fails=True)], DEFAULT_GATES.measures, runs
    )

    assert check.is_kept is is_kept
    assert (check.measured is None) is (not values)
