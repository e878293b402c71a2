"""bbbload plan and backtest as a user runs them."""

import json

import pytest

from loadtest.cli import run_command
from loadtest.codec import encode_capacity
from tests.planning.test_capacities import measured
from tests.support.histories import EXAMPLE

FILES = [
    *("--history", str(EXAMPLE / "history.csv")),
    *("--catalog", str(EXAMPLE / "catalog.toml")),
    *("--budget", str(EXAMPLE / "budget.toml")),
]


def test_a_plan_is_written_and_summed_up(tmp_path, capsys):
    output = tmp_path / "plan.json"

    code = run_command(["plan", *FILES, "--months", "3", "-o", str(output)])

    said = capsys.readouterr()
    assert code == 0
    assert said.out == ""
    assert len(json.loads(output.read_text())["months"]) == 3
    for words in ("modelled", "2021-01", "EUR", "The money lasts", "Shock × 5"):
        assert words in said.err
    assert list(tmp_path.iterdir()) == [output]


def test_a_plan_goes_to_standard_output_by_default(capsys):
    assert run_command(["plan", *FILES, "--months", "1"]) == 0

    assert json.loads(capsys.readouterr().out)["schema"] == "bbbload.plan"


def test_the_stand_in_is_printed_apart_and_changes_nothing(tmp_path, capsys):
    capacity = tmp_path / "capacity.json"
    capacity.write_text(encode_capacity(measured(stand_in=True)))
    arguments = [*FILES, "--months", "1"]

    assert run_command(["plan", *arguments]) == 0
    without = json.loads(capsys.readouterr().out)
    assert run_command(["plan", str(capacity), *arguments]) == 0
    said = capsys.readouterr()
    with_it = json.loads(said.out)

    assert "Measured on bbbload's stand-in node, not on BigBlueButton" in said.err
    assert with_it.pop("stand_in")["profiles"][0]["name"] == "talks"
    without.pop("stand_in", None)
    assert with_it == without


@pytest.mark.parametrize("option", ["--history", "--catalog", "--budget"])
def test_a_missing_file_is_one_sentence_and_exit_2(option, capsys):
    arguments = list(FILES)
    arguments[arguments.index(option) + 1] = "absent.file"

    assert run_command(["plan", *arguments]) == 2

    said = capsys.readouterr().err.strip()
    assert "absent.file" in said
    assert "\n" not in said


def test_an_unwritable_output_is_one_sentence_and_leaves_nothing(tmp_path, capsys):
    output = tmp_path / "no" / "plan.json"

    assert run_command(["plan", *FILES, "--months", "1", "-o", str(output)]) == 2

    assert "no/plan.json" in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_short_history_is_one_sentence(tmp_path, capsys):
    history = tmp_path / "h.csv"
    history.write_text("time,participants\n2026-11-02T08:00:00Z,5\n")
    arguments = [str(history) if "history.csv" in part else part for part in FILES]

    assert run_command(["plan", *arguments]) == 2

    assert "h.csv has 0 complete weeks" in capsys.readouterr().err


def test_a_backtest_prints_the_documented_json(capsys):
    code = run_command(
        ["backtest", str(EXAMPLE / "history.csv"), "--horizon", "12w", "--json"]
    )

    said = capsys.readouterr()
    plain = json.loads(said.out)
    assert code == 0
    assert plain["horizon_weeks"] == 12
    assert plain["used"] in ("model", "rule", "seasonal_naive")
    for name in ("model", "rule", "seasonal_naive"):
        assert set(plain[name]) == {"pinball", "coverage", "origins"}
        assert set(plain[name]["pinball"]) == {"0.5", "0.8", "0.9", "0.95", "0.99"}
        assert set(plain[name]["coverage"]) == {"0.5", "0.8", "0.9", "0.95", "0.99"}
    assert "60 minutes" in said.err


def test_a_backtest_of_few_weeks_has_the_same_fields_without_values(tmp_path, capsys):
    lines = (EXAMPLE / "history.csv").read_text().splitlines(keepends=True)
    short = tmp_path / "h.csv"
    short.write_text("".join(lines[: 6 * 168]))

    assert run_command(["backtest", str(short), "--json"]) == 0

    plain = json.loads(capsys.readouterr().out)
    assert plain["used"] == "rule"
    for name in ("model", "rule", "seasonal_naive"):
        assert plain[name]["origins"] == 0
        assert plain[name]["pinball"]["0.95"] is None
        assert set(plain[name]["coverage"]) == {"0.5", "0.8", "0.9", "0.95", "0.99"}


def test_a_horizon_that_is_no_weeks_is_one_sentence(capsys):
    code = run_command(["backtest", str(EXAMPLE / "history.csv"), "--horizon", "3m"])

    assert code == 2
    assert "'3m'" in capsys.readouterr().err


def test_a_risk_that_is_no_number_is_one_sentence(capsys):
    code = run_command(["plan", "--risk", "nan", "-o", "plan.json"])

    assert code == 2
    assert "'nan' is no number" in capsys.readouterr().err
