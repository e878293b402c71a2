"""`bbbload ci` and the example pipelines, against a stand-in whose version is switched.

One experiment serves all, in its third night: the store already holds what two nights
recorded (`tests/data/ci-store.jsonl`: real runs of the stand-in, whose CPU a packet
is fixed, so that any machine measures the same). The commands of the GitHub example go
on and are cut off by their time limit; those of the GitLab example go on with the same
store, in another job, to the verdict. `--update-golden` makes every run anew.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import junitparser
import pytest
from ruamel.yaml import YAML

from bots.transport import Transport
from loadtest.cli import run_command
from loadtest.experiment_spec import parse_spec
from loadtest.store import key_of
from tests.support.asynctest import asynctest, scaled
from tests.support.node import SECRET, node_process
from tests.support.switch_node import switchable

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/ci"
RECORDED = ROOT / "tests/data/ci-store.jsonl"
NIGHTS = 7
"""Recorded runs: the warm-up and three blocks."""
SMALL = """\
[load]
size = 3
cameras = 2
participants = 3
join_rate = 10
hold = "2s"
storm = "0"
[experiment]
runs = 5
same_version_runs = 0
ladder_steps = 0
"""


def yaml(name):
    return YAML(typ="safe").load((EXAMPLES / name).read_text("utf-8"))


def github_commands():
    (job,) = yaml("github-actions.yml")["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab_commands():
    (job,) = yaml("gitlab-ci.yml").values()
    return [*job["script"], *job["after_script"]]


def run(command, folder, environment):
    """Run a command of a pipeline as its runner does; return code and output."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=scaled(400),
    )
    return done.returncode, done.stdout + done.stderr


def nights(work, target, request):
    """Put the recorded runs into the store of `work`; return what records them anew."""
    spec = parse_spec(
        (work / "baseline.toml").read_text("utf-8"),
        (work / "candidate.toml").read_text("utf-8"),
    )
    path = work / "verdicts/runs.jsonl"
    names = {"EXPERIMENT": f"{key_of(spec)}-1", "TARGET": target}

    def record():
        lines = path.read_text("utf-8").splitlines(keepends=True)
        valid = [line for line in lines if '"invalid"' not in line]
        text = "".join(valid[:NIGHTS])
        for mark, meant in names.items():
            text = text.replace(meant, mark)
        RECORDED.write_text(text, "utf-8")

    if request.config.getoption("--update-golden"):
        return record
    text = RECORDED.read_text("utf-8")
    for mark, meant in names.items():
        text = text.replace(mark, meant)
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    return lambda: None


def repository(folder):
    """Make a repository with a remote to push to, as a checkout has."""
    origin = folder.with_name("origin.git")
    for arguments in (
        ["git", "init", "--quiet", "--bare", str(origin)],
        ["git", "init", "--quiet", str(folder)],
        ["git", "-C", str(folder), "remote", "add", "origin", str(origin)],
        ["git", "-C", str(folder), "config", "push.autoSetupRemote", "true"],
    ):
        subprocess.run(arguments, check=True, capture_output=True)
    return origin


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_pipelines_runs_and_a_cut_job_goes_on_to_the_verdict(
    tmp_path, request
):
    work = tmp_path / "work"
    origin = repository(work)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BBB_SECRET": SECRET,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    versions = {
        "3.0.12": ("--work-factor", "20", "--fixed-cost"),
        "3.0.19": ("--work-factor", "50", "--fixed-cost"),
    }
    os.environ.setdefault("BBB_SECRET", SECRET)
    with switchable(tmp_path / "node", versions) as (target, command):
        side = f'target = "{target}"\nswitch = "{command} {{version}}"\n'
        (work / "baseline.toml").write_text(
            f'{side}version = "3.0.12"\ngated = ["cpu per participant"]\n{SMALL}'
        )
        (work / "candidate.toml").write_text(f'{side}version = "3.0.19"\n')
        record = nights(work, target, request)

        for command in github_commands():
            code, output = run(command, work, environment | {"MAX_DURATION": "40s"})
            assert code == 0, f"{command}\n{output}"
        cut = json.loads((work / "comparison.json").read_text())
        made = (work / "verdicts/runs.jsonl").read_text().splitlines()

        codes = {}
        for command in gitlab_commands():
            code, output = run(command, work, environment | {"MAX_DURATION": "55m"})
            codes[command] = (code, output)
    record()

    assert cut["verdict"] == "inconclusive"
    assert "the next job with the same store goes on" in cut["reasons"][-1]
    recorded = 0 if request.config.getoption("--update-golden") else NIGHTS
    assert recorded < len(made) < 11
    assert "inconclusive" in (tmp_path / "summary.md").read_text().lower()
    pushed = ["git", "-C", str(origin), "log", "--oneline", "--all"]
    assert b"Add runs of bbbload" in subprocess.check_output(pushed)

    whole = json.loads((work / "comparison.json").read_text())
    stored = (work / "verdicts/runs.jsonl").read_text().splitlines()
    assert stored[: len(made)] == made
    names = [json.loads(line)["name"] for line in stored]
    assert len(set(names)) == 11
    said = {code for code, _ in codes.values()}
    (cpu,) = [each for each in whole["measures"] if each["measure"]["is_gated"]]
    assert cpu["name"] == "cpu per participant"
    assert cpu["ratio"] > 1.2
    assert {each["name"] for each in whole["differences"]} >= {"version"}
    xml = junitparser.JUnitXml.fromfile(str(work / "comparison.xml"))
    results = {case.name: case.result for suite in xml for case in suite}
    # How fit this machine was decides how many runs counted, not what they show.
    if min(len(cpu["baseline"]), len(cpu["candidate"])) >= 5:
        assert (whole["verdict"], cpu["verdict"]) == ("regressed", "regressed"), codes
        assert said == {0, 6}
        assert {name for name, result in results.items() if result} == {
            "verdict",
            "cpu per participant",
        }
    else:
        assert whole["verdict"] == "inconclusive", codes
        assert said == {0, 4}
    assert any("left out" in reason for reason in whole["reasons"]) is any(
        "invalid" in json.loads(line)["run"]
        for line in stored
        if json.loads(line)["kind"] != "warm-up"
    )
    assert "<svg" in (work / "comparison.html").read_text()
    texts = [path.read_text(errors="replace") for path in work.glob("comparison.*")]
    assert all(SECRET not in text for text in [*texts, *stored])


@asynctest
async def test_a_target_that_carries_meetings_of_another_run_is_refused(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("BBB_SECRET", SECRET)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with node_process() as node, Transport() as transport:
        await transport.get(node.signed("create", meetingID="bbbload-abcd-0", name="x"))
        sides = []
        for name, host in (("baseline", "127.0.0.1"), ("candidate", "localhost")):
            path = tmp_path / f"{name}.toml"
            url = node.url.replace("127.0.0.1", host)
            load = SMALL if name == "baseline" else ""
            path.write_text(
                f'target = "{url}/bigbluebutton/"\nversion = "{name}"\n{load}'
            )
            sides.append(str(path))
        store = tmp_path / "store"

        code = await asyncio.to_thread(
            run_command, ["ci", *sides, "--store", str(store)]
        )

    assert code == 7
    assert "carries meetings of another run of bbbload (abcd)" in capfd.readouterr().err
    assert not (store / "runs.jsonl").exists()


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-workflows", "github-actions.yml"),
        ("vendor.gitlab-ci", "gitlab-ci.yml"),
    ],
)
def test_the_example_pipelines_fit_the_schema_of_their_system(schema, name):
    checker = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent))
    assert checker is not None

    done = subprocess.run(
        [checker, "--builtin-schema", schema, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


def test_the_example_files_ask_for_an_experiment_that_can_be():
    texts = [
        (EXAMPLES / name).read_text("utf-8")
        for name in ("baseline.toml", "candidate.toml")
    ]

    spec = parse_spec(*texts)

    assert spec.design == "one host"
    assert spec.load.participants == 40


def test_a_dry_run_prints_runs_hours_traffic_and_price(capsys):
    arguments = [str(EXAMPLES / f"{side}.toml") for side in ("baseline", "candidate")]

    assert run_command(["ci", *arguments, "--dry-run"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("Design: one host")
    for word in ("runs: at most 36", "hours: about", "traffic: about", "EUR"):
        assert word in said


def test_a_time_limit_below_one_run_is_refused(tmp_path, capsys):
    arguments = [str(EXAMPLES / f"{side}.toml") for side in ("baseline", "candidate")]
    store = ["--store", str(tmp_path / "store"), "--max-duration", "1m"]

    assert run_command(["ci", *arguments, *store]) == 2
    assert "must leave time for it" in capsys.readouterr().err
