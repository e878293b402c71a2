"""Options that several commands take, through click."""

import os

import click
import pytest
from click.testing import CliRunner

from loadtest import machine
from loadtest.commands.options import EngineCount


@click.command()
@click.option("--engines", type=EngineCount())
def told(engines):
    click.echo(engines)


@pytest.mark.parametrize(
    ("quota", "most"),
    [("max 100000", 64), ("150000 100000", 1), ("50000 100000", 1), ("", 64)],
)
def test_auto_is_an_engine_for_each_whole_core_that_we_may_use(
    quota, most, tmp_path, monkeypatch
):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    result = CliRunner().invoke(told, ["--engines", "auto"])

    assert int(result.output) == min(most, len(os.sched_getaffinity(0)))


def test_a_number_of_engines_is_taken_as_it_is():
    assert CliRunner().invoke(told, ["--engines", "3"]).output == "3\n"


@pytest.mark.parametrize("text", ["0", "65", "all", "1.5"])
def test_no_number_of_engines_is_bad_usage(text):
    assert CliRunner().invoke(told, ["--engines", text]).exit_code == 2
