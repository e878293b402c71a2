"""Stand-in nodes slowed on purpose, judged by `bbbload ci`: is the verdict right?

Real runs, short ones: every case is a whole experiment of two versions of the stand-in
on one port, its slowdown switched on for the candidate. Name cases to run only them:
python -m tests.benchmarks slowdowns cpu loss
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from loadtest.comparison import Experiment
from loadtest.comparison_codec import decode_comparison
from tests.support.switch_node import switchable

ROOT = Path(__file__).parents[2]
SLOWNESS = ("--work-factor", "20", "--fault", "slow-ack=1.0")
"""Of both versions: it makes what is measured large against the machine's noise."""
GATES = """\
gated = ["cpu per participant", "join time p50", "audio loss p95"]
[measure."cpu per participant"]
smallest_effect = 0.10
[measure."join time p50"]
smallest_effect = 0.10
"""
LOAD = """\
[load]
size = 3
cameras = 2
participants = 6
hold = "8s"
storm = "3s"
storm_rate = 6
[experiment]
runs = 8
same_version_runs = 5
ladder_steps = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One experiment: what the candidate does worse, and what should be said."""

    planted: str
    options: tuple[str, ...]
    verdict: str
    measure: str = ""
    two_hosts: bool = False


CASES = {
    "none": Case(planted="nothing", options=SLOWNESS, verdict="equal"),
    "cpu": Case(
        planted="CPU per packet +25 % (about +20 % in all)",
        options=("--work-factor", "25", "--fault", "slow-ack=1.0"),
        verdict="regressed",
        measure="cpu per participant",
    ),
    "join": Case(
        planted="join +0.4 s (about +30 %)",
        options=("--work-factor", "20", "--fault", "slow-ack=1.4"),
        verdict="regressed",
        measure="join time p50",
    ),
    "loss": Case(
        planted="2 % loss towards viewers",
        options=(*SLOWNESS, "--fault", "viewer-loss=0.02"),
        verdict="regressed",
        measure="audio loss p95",
    ),
    "hosts": Case(
        planted="two hosts, CPU per packet 20 % apart, the same software",
        options=("--work-factor", "24", "--fault", "slow-ack=1.0"),
        verdict="inconclusive",
        two_hosts=True,
    ),
}


def experiment(case: Case, folder: Path) -> tuple[int, Experiment]:
    """Make the runs of a case; return exit code and result."""
    environment = {
        **os.environ,
        "BBB_SECRET": secrets.token_hex(20),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHONPATH": str(ROOT),
    }
    os.environ["BBB_SECRET"] = environment["BBB_SECRET"]
    first = {"3.0.12": SLOWNESS, "3.0.19": case.options}
    with (
        switchable(folder / "one", first) as (target, command),
        switchable(folder / "two", {"3.0.19": case.options}) as (other, start),
    ):
        second = other if case.two_hosts else target
        switch = f"{start} 3.0.19" if case.two_hosts else f"{command} 3.0.19"
        (folder / "baseline.toml").write_text(
            f'target = "{target}"\nversion = "3.0.12"\n'
            f'switch = "{command} 3.0.12"\n{GATES}\n{LOAD}'
        )
        (folder / "candidate.toml").write_text(
            f'target = "{second}"\nversion = "3.0.19"\nswitch = "{switch}"\n'
        )
        done = subprocess.run(
            [
                *(sys.executable, "-m", "loadtest", "ci"),
                *("baseline.toml", "candidate.toml"),
            ],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
    text = (folder / "comparison.json").read_text()
    return done.returncode, decode_comparison(text, where="comparison.json")


def main(options: list[str] | None = None) -> int:
    """Print the study as a Markdown table; 1 when a verdict was wrong."""
    print("| planted | verdict | regressed | runs a side | seconds | as it should be |")
    print("| --- | --- | --- | --- | --- | --- |")
    worst = 0
    for name in options or list(CASES):
        case = CASES[name]
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bbbload-bench-") as folder:
            _, found = experiment(case, Path(folder))
        named = [
            each.measure.name
            for each in found.measures
            if each.verdict == "regressed" and each.measure.is_gated
        ]
        right = found.verdict == case.verdict and (
            not case.measure or case.measure in named
        )
        runs = sum(run.side == "candidate" for run in found.runs)
        effects = ", ".join(
            f"{each.measure.name} {each.estimate:.3f} "
            f"({each.low:.3f} to {each.high:.3f})"
            for each in found.measures
            if each.measure.is_gated
            and each.estimate is not None
            and each.low is not None
            and each.high is not None
        )
        print(
            f"| {case.planted} | {found.verdict} | {', '.join(named) or 'nothing'} "
            f"| {runs} | {time.monotonic() - started_s:.0f} "
            f"| {'yes' if right else 'NO'}: {effects} |",
            flush=True,
        )
        worst = max(worst, 0 if right else 1)
    return worst
