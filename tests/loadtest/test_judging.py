"""From runs to a result: design, notes, limits, exit code; all data is synthetic."""

import pytest

from bots.errors import ConfigError
from loadtest.comparison_codec import decode_comparison, encode_comparison
from loadtest.gates import parse_gates
from loadtest.judging import design_of, exit_code_of, judge_experiment
from loadtest.measures import CPU
from loadtest.verdict_lines import experiment_lines
from tests.support.experiments import compared, side_of

ONLY_CPU = parse_gates(f'gated = ["{CPU}"]', where="gates")


def judged(*sides, **more):
    return judge_experiment(
        [run for side in sides for run in side], gates=ONLY_CPU, **more
    )


@pytest.mark.parametrize(
    ("level", "verdict", "code"),
    [(1.0, "equal", 0), (1.3, "regressed", 6), (0.7, "better", 0)],
)
def test_the_verdict_has_an_exit_code(level, verdict, code):
    found = judged(side_of("baseline", 6), side_of("candidate", 6, level))

    assert found.verdict == verdict
    assert exit_code_of(found) == code


def test_few_runs_are_inconclusive_and_name_what_they_need():
    found = judged(side_of("baseline", 3), side_of("candidate", 3, 1.3))

    assert (found.verdict, exit_code_of(found)) == ("inconclusive", 4)
    assert found.runs_wanted == 5
    assert any("about 5 runs a side" in line for line in experiment_lines(found))


def test_runs_that_are_all_void_are_invalid():
    found = judged(side_of("baseline", 5, invalid="late"), side_of("candidate", 5, 1.3))

    assert exit_code_of(found) == 3


def test_a_missed_limit_ends_with_5_but_a_regression_weighs_more():
    gates = parse_gates(
        f'gated = ["{CPU}"]\n[measure."{CPU}"]\nlimit = 0.5', where="gates"
    )
    equal = [*side_of("baseline", 6), *side_of("candidate", 6)]
    worse = [*side_of("baseline", 6), *side_of("candidate", 6, 1.4)]

    missed = judge_experiment(equal, gates=gates)

    assert exit_code_of(missed) == 5
    assert "limit missed" in "\n".join(experiment_lines(missed))
    assert exit_code_of(judge_experiment(worse, gates=gates)) == 6


def test_a_limit_that_only_warns_decides_nothing():
    gates = parse_gates(
        f'gated = ["{CPU}"]\n[measure."{CPU}"]\nlimit = 0.5\nlimit_fails = false',
        where="gates",
    )
    found = judge_experiment(
        [*side_of("baseline", 6), *side_of("candidate", 6)], gates=gates
    )

    assert exit_code_of(found) == 0
    assert "missed (warning)" in "\n".join(experiment_lines(found))


@pytest.mark.parametrize(
    ("hosts", "again", "design"),
    [
        (("a", "a"), (), "one host"),
        (("a", "b"), (), "two hosts"),
        (("a", "b"), ("b",), "two hosts"),
        (("a", "b"), ("a", "b"), "two hosts, compared"),
    ],
)
def test_the_design_is_read_from_the_hosts(hosts, again, design):
    runs = [compared(1, host=hosts[0]), compared(2, "candidate", host=hosts[1])]
    runs += [compared(3 + n, "same version", host=h) for n, h in enumerate(again)]

    assert design_of(runs) == design


def test_both_versions_on_both_hosts_are_a_swap():
    runs = [compared(n, host="ab"[n % 2]) for n in range(4)]
    runs += [compared(n, "candidate", host="ab"[n % 2]) for n in range(4)]

    assert design_of(runs) == "two hosts, swapped"


def test_two_hosts_alone_never_regress_and_the_first_line_says_so():
    found = judged(
        side_of("baseline", 8, host="a"), side_of("candidate", 8, 1.15, host="b")
    )

    assert found.verdict == "inconclusive"
    lines = list(experiment_lines(found))
    assert lines[0].startswith("Design: two hosts, neither swapped nor compared")
    assert "host and version cannot be told apart" in "\n".join(lines)


@pytest.mark.parametrize(("level", "verdict"), [(1.15, "equal"), (1.5, "regressed")])
def test_hosts_fifteen_percent_apart_are_told_from_versions_when_compared(
    level, verdict
):
    found = judged(
        side_of("baseline", 10, host="a", noise=0.01),
        side_of("candidate", 10, level, host="b", noise=0.01, seed=1),
        side_of("same version", 10, host="a", noise=0.01, seed=2),
        [
            compared(50 + n, "same version", host="b", values=dict(run.values))
            for n, run in enumerate(side_of("candidate", 10, 1.15, noise=0.01, seed=3))
        ],
    )

    assert found.verdict == verdict
    (host,) = [each for each in found.hosts if each.measure.name == CPU]
    assert host.estimate == pytest.approx(1.15, abs=0.03)
    assert any("host against host" in line for line in experiment_lines(found))


@pytest.mark.parametrize(("level", "verdict"), [(1.0, "equal"), (1.3, "regressed")])
def test_hosts_that_changed_sides_cancel_out(level, verdict):
    runs = []
    for n, host in enumerate("abababababab"):
        factor = 1.4 if host == "b" else 1.0
        for side, own in (("baseline", 1.0), ("candidate", level)):
            wobble = 1 + 0.01 * ((7 * n + len(side)) % 5 - 2)
            runs.append(
                compared(n, side, host=host, at=n, values={CPU: factor * own * wobble})
            )

    found = judge_experiment(runs, gates=ONLY_CPU)

    assert found.design == "two hosts, swapped"
    assert found.verdict == verdict
    (cpu,) = found.measures
    assert cpu.estimate == pytest.approx(level, rel=0.03)


def test_a_baseline_that_differs_from_itself_voids_the_verdict():
    found = judged(
        side_of("baseline", 6),
        side_of("candidate", 6, 1.3),
        side_of("same version", 6, 1.25),
    )

    assert (found.verdict, exit_code_of(found)) == ("invalid", 3)
    assert "differs from itself" in "; ".join(found.reasons)


def test_a_capacity_climbed_once_a_side_is_shown_and_gates_nothing():
    gates = parse_gates(f'gated = ["capacity", "{CPU}"]', where="gates")
    runs = [*side_of("baseline", 6), *side_of("candidate", 6)]
    runs.append(compared(20, load="", values={"capacity": 30.0}))
    runs.append(compared(21, "candidate", load="", values={"capacity": 20.0}))

    found = judge_experiment(runs, gates=gates)

    named = {each.measure.name: each for each in found.measures}
    assert found.verdict == "equal"
    assert named["capacity"].estimate == pytest.approx(20 / 30)
    assert not named["capacity"].measure.is_gated


def test_different_loads_are_refused():
    with pytest.raises(ConfigError, match="held different loads"):
        judged(side_of("baseline", 5), side_of("candidate", 5, load="40 participants"))


def test_a_run_counts_once():
    with pytest.raises(ConfigError, match="given twice as baseline"):
        judged(side_of("baseline", 5), side_of("baseline", 5))


def test_runs_that_do_not_alternate_are_said():
    first = [compared(n, at=n) for n in range(5)]
    second = [compared(n, "candidate", at=20 + n) for n in range(5)]

    assert "do not alternate" in "; ".join(judged(first, second).reasons)
    assert "do not alternate" not in "; ".join(
        judged(side_of("baseline", 5), side_of("candidate", 5)).reasons
    )


def test_what_differs_between_the_sides_is_told_apart_from_what_is_alike():
    found = judged(
        side_of("baseline", 5),
        side_of("candidate", 5, version="3.0.19", facts=(("kernel", "6.8"),)),
    )

    differs = {each.name: (each.baseline, each.candidate) for each in found.differences}
    assert differs == {"version": ("3.0.12", "3.0.19"), "kernel": ("6.1", "6.8")}
    assert {each.name for each in found.alike} == {"host", "bbbload"}


def test_a_comparison_is_read_back_as_it_was_written():
    found = judged(
        side_of("baseline", 6),
        side_of("candidate", 6, 1.3),
        side_of("same version", 6, seed=3),
    )

    text = encode_comparison(found)
    again = decode_comparison(text, where="comparison.json")

    assert encode_comparison(again) == text
    assert (again.verdict, again.differences) == (found.verdict, found.differences)
    assert len(again.runs) == 18


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ('{"schema": "bbbload.plan", "version": 1}', "bbbload.comparison was expected"),
        ('{"schema": "bbbload.comparison", "version": 1}', "verdict is missing"),
    ],
)
def test_what_is_no_comparison_is_named(text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        decode_comparison(text, where="c.json")


def test_samples_of_the_valid_runs_are_counted():
    runs = [
        compared(number, side, samples=((CPU, 10 + number),))
        for side in ("baseline", "candidate")
        for number in range(2)
    ]
    runs.append(compared(9, "candidate", samples=((CPU, 99),), invalid="late"))

    (cpu,) = judge_experiment(runs, gates=ONLY_CPU).measures

    assert (cpu.baseline_samples, cpu.candidate_samples) == (21, 21)
