"""`bbbload compare` on files: exit codes, the JSON a pipeline reads, one sentence each.

The runs are synthetic: a node of known costs, made slower by construction.
"""

import json

import pytest

from loadtest.cli import run_command
from loadtest.codec import encode_capacity
from loadtest.comparison_codec import decode_comparison
from tests.support.experiments import write_runs
from tests.support.results import capacity
from tests.support.runs import SyntheticNode

SAME = SyntheticNode(noise=0.004)
SLOWER = SyntheticNode(
    noise=0.004, video_out=0.0145, audio_out=0.0075, participant=0.006
)
GATES = 'gated = ["cpu per participant", "video loss p95", "frozen p95"]\n'


@pytest.fixture
def gates(tmp_path):
    path = tmp_path / "gates.toml"
    path.write_text(GATES, encoding="utf-8")
    return ("--gates", str(path))


def test_a_slower_node_is_a_regression_with_the_measure_named(tmp_path, capsys, gates):
    base = write_runs(tmp_path, "base", 6, node=SAME)
    candidate = write_runs(tmp_path, "next", 6, node=SLOWER, seed=1)
    output = tmp_path / "comparison.json"

    code = run_command(
        ["compare", *base, "--", *candidate, *gates, "--json", "-o", str(output)]
    )

    said = capsys.readouterr().out
    plain = json.loads(said)
    assert (code, plain["verdict"]) == (6, "regressed")
    cpu = {each["name"]: each for each in plain["measures"]}["cpu per participant"]
    assert cpu["verdict"] == "regressed"
    assert cpu["low"] < cpu["ratio"] < cpu["high"]
    loss = {each["name"]: each for each in plain["measures"]}["video loss p95"]
    assert (loss["verdict"], loss["ratio"], loss["difference"]) == ("equal", None, 0.0)
    assert output.read_text() == said
    assert decode_comparison(said, where="").verdict == "regressed"


def test_the_same_node_is_equal_and_the_first_line_names_the_design(
    tmp_path, capsys, gates
):
    base = write_runs(tmp_path, "base", 6, node=SAME)
    candidate = write_runs(tmp_path, "next", 6, node=SAME, seed=1)

    code = run_command(["compare", *gates, *base, "--", *candidate])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0, lines
    assert lines[0].startswith("Design: one host")
    assert "Verdict: equal" in lines
    assert any("memory: 213.6 MiB -> 213.6 MiB" in line for line in lines)


def test_two_hosts_are_inconclusive_whatever_they_show(tmp_path, capsys, gates):
    base = write_runs(tmp_path, "base", 6, node=SAME, host="a")
    candidate = write_runs(tmp_path, "next", 6, node=SLOWER, seed=1, host="b")

    assert run_command(["compare", *gates, *base, "--", *candidate]) == 4
    assert "host and version cannot be told apart" in capsys.readouterr().out


def test_a_further_set_of_the_baseline_is_compared_with_itself(tmp_path, capsys, gates):
    base = write_runs(tmp_path, "base", 6, node=SAME)
    candidate = write_runs(tmp_path, "next", 6, node=SLOWER, seed=1)
    again = write_runs(tmp_path, "again", 6, node=SLOWER, seed=2)
    options = [word for name in again for word in ("--same-version", name)]

    assert run_command(["compare", *gates, *base, "--", *candidate, *options]) == 3
    assert "differs from itself" in capsys.readouterr().out


def test_capacities_are_compared_as_well(tmp_path, capsys):
    path = tmp_path / "capacity.json"
    path.write_text(encode_capacity(capacity()), encoding="utf-8")

    assert run_command(["compare", str(path), "--", str(path)]) == 4
    assert "capacity: classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.jsonl", "b.jsonl"], "the two sides are missing"),
        (["--", "b.jsonl"], "a side has no file"),
        (["a.jsonl", "--"], "a side has no file"),
        (["nowhere.jsonl", "--", "b.jsonl"], "nowhere.jsonl cannot be opened"),
        (["--gates", "no.toml", "a", "--", "b"], "no.toml cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence, capsys):
    assert run_command(["compare", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
