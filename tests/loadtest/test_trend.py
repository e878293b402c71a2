"""The trend of a store, and the files and answers of Otava; all runs are synthetic."""

import csv
import io
import json
import stat
from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from bots.errors import ConfigError
from loadtest.cli import run_command
from loadtest.measures import CPU
from loadtest.store import Store, StoredRun
from loadtest.trend import (
    ChangePoint,
    csv_text,
    medians,
    otava_yaml,
    read_otava,
    series_of,
    trend_lines,
)
from tests.support.specs import simulate, spec_of

SPEC = spec_of()
PRINTED = """\
INFO: Computing change points for test 0_cpu_per_participant...
{"0_cpu_per_participant": [{"time": 1795348800, "attributes": {"version": "3.0.19"}, \
"changes": [{"metric": "value", "index": 13, "time": 1795348800, \
"forward_change_percent": "27", "magnitude": "0.26", "mean_before": "1.500000", \
"stddev_before": "0.02", "mean_after": "1.905000", "stddev_after": "0.04", \
"pvalue": "0.000000"}]}]}
"""


def stored():
    """Runs of two versions; the later one needs 30 % more."""
    runs = []
    for place, each in enumerate(simulate(SPEC, noise=0.05)):
        is_later = place > 12
        values = [(n, v * (1.3 if is_later else 1)) for n, v in each.run.values]
        run = replace(
            each.run,
            version="3.0.19" if is_later else "3.0.12",
            values=tuple(values),
        )
        runs.append(
            StoredRun(
                experiment="k-1",
                name=each.name,
                kind=each.kind,
                block=each.block,
                run=run,
            )
        )
    return runs


def cpu_series():
    return next(each for each in series_of(stored()) if each.measure.name == CPU)


def test_each_version_has_its_median_in_the_order_of_time():
    first, second = medians(cpu_series())

    assert (first.version, second.version) == ("3.0.12", "3.0.19")
    assert second.median / first.median == pytest.approx(1.3, rel=0.06)
    assert first.runs + second.runs == len(stored()) - 3  # a warm-up, two ladders


def test_void_runs_and_warm_ups_are_left_out():
    runs = stored()
    runs[5] = replace(runs[5], run=replace(runs[5].run, invalid="late"))

    fewer = next(each for each in series_of(runs) if each.measure.name == CPU)

    assert len(fewer.points) == len(cpu_series().points) - 1


def test_hosts_and_loads_are_series_of_their_own():
    runs = stored()
    runs += [replace(each, run=replace(each.run, host="other")) for each in runs]

    found = [each for each in series_of(runs) if each.measure.name == CPU]

    assert [each.host for each in found] == ["one", "other"]
    assert len({each.name for each in found}) == 2


def test_otavas_files_hold_every_run_and_name_each_other():
    series = cpu_series()

    rows = list(csv.DictReader(io.StringIO(csv_text(series))))
    config = YAML(typ="safe").load(otava_yaml([series]))

    assert [float(row["value"]) for row in rows] == [p.value for p in series.points]
    assert {row["version"] for row in rows} == {"3.0.12", "3.0.19"}
    test = config["tests"][series.name]
    assert test["file"] == f"{series.name}.csv"
    assert test["metrics"]["value"] == {"column": "value", "direction": -1}
    assert test["csv_options"] == {"delimiter": ",", "quotechar": '"'}


def test_change_points_are_read_from_what_otava_prints():
    (change,) = read_otava(PRINTED)

    assert change.series == "0_cpu_per_participant"
    assert change.version == "3.0.19"
    assert change.change == pytest.approx(0.27)


@pytest.mark.parametrize("text", ['{"x": [{}]}', "{", '{"x": 3}'])
def test_what_otava_never_printed_is_refused(text):
    with pytest.raises(ConfigError, match="otava printed what cannot be read"):
        read_otava(text)


def test_a_change_point_stands_below_its_measure():
    series = cpu_series()
    change = ChangePoint(series=series.name, at="now", version="3.0.19", change=0.27)

    lines = trend_lines([series], [change])

    assert lines[0] == "one, 12 participants"
    assert lines[-1].strip() == "changed by +27.0 % at 3.0.19 (now)"
    assert len(trend_lines([series], None)) == len(lines) - 1


def test_the_command_shows_the_store_and_writes_otavas_files(tmp_path, capsys):
    store = Store(tmp_path / "store")
    for run in stored():
        store.add(run)
    files = tmp_path / "files"

    arguments = ["trend", str(store.folder), "--csv", str(files), "--otava", ""]
    assert run_command(arguments) == 0

    said = capsys.readouterr().out
    assert CPU in said
    assert "3.0.19:" in said
    names = {path.name for path in files.iterdir()}
    assert names == {"0_cpu_per_participant.csv", "1_capacity.csv", "otava.yaml"}


def test_the_command_calls_otava_on_series_that_are_long_enough(tmp_path, capsys):
    store = Store(tmp_path / "store")
    for run in stored():
        store.add(run)
    program = tmp_path / "otava"
    program.write_text(
        "#!/bin/sh\n"
        'test "$*" = "analyze --config-file otava.yaml --output json '
        '0_cpu_per_participant" || exit 9\n'
        "test -s otava.yaml -a -s 0_cpu_per_participant.csv || exit 8\n"
        f"cat <<'END'\n{PRINTED}END\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    assert run_command(["trend", str(store.folder), "--otava", str(program)]) == 0
    assert "changed by +27.0 % at 3.0.19" in capsys.readouterr().out


def test_an_empty_store_is_one_sentence(tmp_path, capsys):
    (tmp_path / "runs.jsonl").write_text("")

    assert run_command(["trend", str(tmp_path)]) == 2
    assert "holds no valid run" in capsys.readouterr().err


def test_a_line_of_another_schema_is_refused(tmp_path, capsys):
    (tmp_path / "runs.jsonl").write_text(json.dumps({"schema": "bbbload.run"}) + "\n")

    assert run_command(["trend", str(tmp_path)]) == 2
    assert "bbbload.stored-run was expected" in capsys.readouterr().err
