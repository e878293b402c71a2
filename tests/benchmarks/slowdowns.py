"""Stand-in nodes slowed on purpose, judged by `bbbload ci`: is the verdict right?

Real runs, short ones: every case is a whole experiment on stand-ins whose versions are
switched, with an A/A wherever the design has one. What is judged is held small against
the machine and is large against its noise: one meeting of three; CPU time that the node
burns by the packet, which no neighbour changes; joins whose wait is the server's own.
The study asks for a higher priority, so that other work does not make runs void.

Name cases to run only them: python -m tests.benchmarks slowdowns cpu loss
"""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.comparison import Comparison, Experiment
from loadtest.comparison_codec import decode_comparison
from tests.support.switch_node import switchable

ROOT = Path(__file__).parents[2]
PRIORITY: Final = -10
OLD, NEW = "3.0.12", "3.0.19"
GATES = """\
gated = ["cpu per participant", "join time p50", "audio loss p95"]
[measure."join time p50"]
smallest_effect = 0.15
"""
"""A join takes wall time: beside other work it spreads by 7 % from run to run."""
LOAD = """\
[load]
size = 3
cameras = 2
participants = 3
join_rate = 10
hold = "13s"
storm = "8s"
storm_rate = 6
[experiment]
runs = 8
same_version_runs = 5
"""
LADDER = """\
ladder_steps = 4
ladder_step = "6s"
ladder_participants = 30
"""


def node(work: float = 50, ack_s: float = 4, *more: str) -> tuple[str, ...]:
    """Return the options of a node: CPU a packet, wait of a join, faults."""
    options = ("--work-factor", f"{work:g}", "--fixed-cost")
    return (*options, "--fault", f"slow-ack={ack_s:g}", *more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One experiment: what is planted, and what may be said of it."""

    planted: str
    verdicts: tuple[str, ...]
    new: tuple[str, ...] = node()
    """Options of the new version, on the only host or on the first."""
    measure: str = ""
    """The gated measure that must be named, and no other."""
    second: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Options of both versions on a second host, where there is one."""
    switches: tuple[bool, bool] = (True, True)
    """Whether either host can take both versions."""
    drift_per_s: float = 0.0
    has_ladder: bool = False


APART = 57.5
"""Work factor of a second host that is 15 % slower by construction."""
HOSTS = (node(APART), node(APART))
HOSTS_WORSE = (node(APART), node(APART * 1.2))
CASES = {
    "none": Case(planted="nothing", verdicts=("equal",)),
    "cpu": Case(
        planted="CPU +20 %; ladders at the end",
        new=node(60),
        verdicts=("regressed",),
        measure="cpu per participant",
        has_ladder=True,
    ),
    "join": Case(
        planted="join +30 %",
        new=node(50, 5.3),
        verdicts=("regressed",),
        measure="join time p50",
    ),
    "loss": Case(
        planted="2 % loss towards viewers",
        new=node(50, 4, "--fault", "viewer-loss=0.02"),
        verdicts=("regressed",),
        measure="audio loss p95",
    ),
    "drift": Case(
        planted="nothing, on a machine that slows by 2 % a minute",
        verdicts=("equal", "inconclusive", "invalid"),
        drift_per_s=0.02 / 60,
    ),
    "hosts": Case(
        planted="nothing, two hosts 15 % apart, neither swapped nor compared",
        verdicts=("inconclusive",),
        second=HOSTS,
        switches=(False, False),
    ),
    "compared": Case(
        planted="nothing, two hosts 15 % apart, compared first",
        verdicts=("equal", "inconclusive"),
        second=HOSTS,
        switches=(False, True),
    ),
    "swapped": Case(
        planted="CPU +20 %, two hosts 15 % apart that change sides",
        verdicts=("regressed",),
        measure="cpu per participant",
        new=node(60),
        second=HOSTS_WORSE,
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
    own = {OLD: node(), NEW: case.new}
    other = dict(zip((OLD, NEW), case.second or (node(), case.new), strict=True))
    drift = case.drift_per_s
    with (
        switchable(folder / "one", own, drift_per_s=drift) as (target, command),
        switchable(folder / "two", other, drift_per_s=drift) as (target_2, command_2),
    ):
        if case.second is None:
            target_2, command_2 = target, command
        wanted = ["{version}" if switches else "" for switches in case.switches]
        ladder = LADDER if case.has_ladder else "ladder_steps = 0\n"
        (folder / "baseline.toml").write_text(
            f'target = "{target}"\nversion = "{OLD}"\n'
            f'switch = "{command} {wanted[0] or OLD}"\n{GATES}\n{LOAD}{ladder}'
        )
        (folder / "candidate.toml").write_text(
            f'target = "{target_2}"\nversion = "{NEW}"\n'
            f'switch = "{command_2} {wanted[1] or NEW}"\n'
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


def is_right(case: Case, found: Experiment) -> bool:
    """Say whether the verdict is one of the case's and names its measure alone."""
    named = [
        each.measure.name
        for each in found.measures
        if each.verdict == "regressed" and each.measure.is_gated
    ]
    return found.verdict in case.verdicts and named == [case.measure] * len(named)


def row(case: Case, found: Experiment, took_s: float) -> str:
    """Return a case's line of the table."""
    gated = [each for each in found.measures if each.measure.is_gated]
    named = [each.measure.name for each in gated if each.verdict == "regressed"]
    void = sum(bool(run.invalid) for run in found.runs)
    counts = [
        sum(run.side == side and not run.invalid for run in found.runs)
        for side in ("baseline", "candidate", "same version")
    ]
    seen = [_effect(each) for each in gated if each.estimate is not None]
    seen += [f"hosts: {_effect(each)}" for each in found.hosts if each.measure.is_gated]
    seen += [
        f"capacity {each.baseline_median} and {each.candidate_median}"
        for each in found.measures
        if each.measure.name == "capacity"
    ]
    said = "yes" if is_right(case, found) else "NO"
    return (
        f"| {case.planted} | {found.verdict} | {', '.join(named) or 'nothing'} "
        f"| {' + '.join(map(str, counts))}, {void} void | {took_s / 60:.1f} | {said} "
        f"| {'; '.join(seen)} |"
    )


def _effect(each: Comparison) -> str:
    if each.low is None or each.high is None:
        return f"{each.measure.name} {each.estimate:.3f}"
    return (
        f"{each.measure.name} {each.estimate:.3f} ({each.low:.3f} to {each.high:.3f})"
    )


def main(options: list[str] | None = None) -> int:
    """Print the study as a Markdown table; 1 when a verdict was wrong."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    print(
        "| planted | verdict | regressed | runs (baseline + candidate + A/A) | min "
        "| as it should be | seen |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    worst = 0
    for name in options or list(CASES):
        case = CASES[name]
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bbbload-bench-") as folder:
            _, found = experiment(case, Path(folder))
        print(row(case, found, time.monotonic() - started_s), flush=True)
        worst = max(worst, 0 if is_right(case, found) else 1)
    return worst
