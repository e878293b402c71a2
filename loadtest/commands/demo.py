"""`bbbload demo`: the whole chain on this machine, from an empty folder to a report.

It is a thin conductor: every step is the command that a user would type, started as a
child process, so that what the demo shows is what the commands do.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from bots.errors import BbbloadError, ConfigError, TargetUnusable
from loadtest.codec import read_capacity
from loadtest.commands.options import FiniteRange
from loadtest.durations import DURATION
from loadtest.summary import profile_line

STEPS = 5
STEP_DURATION_S = 12.0
WORK_FACTOR = 18.0
"""Slows the node so that its knee lies near 30 participants of a class."""
NODE_STOP_S = 10.0
STEP_STOP_S = 60.0
INTERRUPTED = 130
VERDICTS = (3, 4)
"""A benchmark that ends as invalid or inconclusive has done its work: on a busy machine
that is the right answer. The demo says so and goes on to show the rest of the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the demo leaves behind."""

    run: Path
    capacity: Path
    plan: Path
    report: Path


@click.command(epilog="Example: bbbload demo --output out/demo")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo"),
    show_default=True,
    help="Folder for run.jsonl, capacity.json, plan.json and report.html.",
)
@click.option(
    "--example",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("examples/senfcall-2020"),
    show_default=True,
    help="Folder with history.csv, catalog.toml and budget.toml.",
)
@click.option(
    "--work-factor",
    type=FiniteRange(0.0, 1000.0),
    default=WORK_FACTOR,
    show_default=True,
    help="How much the stand-in node is slowed on purpose (a factor).",
)
@click.option(
    "--steps",
    type=click.IntRange(1, STEPS),
    default=STEPS,
    show_default=True,
    help="Steps per meeting profile at most; fewer make a shorter, poorer demo.",
)
@click.option(
    "--step-duration",
    type=DURATION,
    default=STEP_DURATION_S,
    show_default=f"{STEP_DURATION_S:g}s",
    help="Length of a step, such as 12s.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of the run.",
)
def demo(
    output: Path,
    example: Path,
    work_factor: float,
    steps: int,
    step_duration: float,
    seed: int,
) -> int:
    """Benchmark the stand-in node, plan the example, write a report: five minutes.

    The node is bbbload's own stand-in on this machine, slowed on purpose: its capacity
    says nothing about BigBlueButton. The plan takes its capacity from the catalogue.
    """
    inputs = _inputs(example)
    files = _files(output)
    started_s = time.monotonic()
    with _sigterm_as_ctrl_c():
        with _node(work_factor) as (url, environment):
            _step(
                "1/3 measuring the stand-in node: three meeting profiles, step by step",
                [
                    *("benchmark", url, "--output", str(files.capacity)),
                    *("--log", str(files.run), "--seed", str(seed)),
                    *("--steps", str(steps), "--step-duration", f"{step_duration:g}"),
                ],
                environment,
            )
        _step(
            "2/3 planning the example (history: modelled; capacity: its catalogue's)",
            [
                *("plan", str(files.capacity), "--output", str(files.plan)),
                *("--history", str(inputs["history.csv"])),
                *("--catalog", str(inputs["catalog.toml"])),
                *("--budget", str(inputs["budget.toml"])),
            ],
        )
        results = [str(files.run), str(files.capacity), str(files.plan)]
        _step(
            "3/3 writing the report",
            ["report", *results, "--output", str(files.report)],
        )
    for line in _summary(files, time.monotonic() - started_s):
        click.echo(line)
    return 0


def _inputs(example: Path) -> dict[str, Path]:
    names = ("history.csv", "catalog.toml", "budget.toml")
    inputs = {name: example / name for name in names}
    for path in inputs.values():
        if not path.is_file():
            raise ConfigError(
                f"{path} is missing: start the demo in the project's folder, "
                "or name the example's folder with --example"
            )
    return inputs


def _files(output: Path) -> Files:
    files = Files(
        run=output / "run.jsonl",
        capacity=output / "capacity.json",
        plan=output / "plan.json",
        report=output / "report.html",
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path in (files.run, files.capacity, files.plan, files.report):
            path.unlink(missing_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"cannot write to {output} ({problem.strerror}): "
            "name another folder with --output"
        ) from problem
    return files


@contextmanager
def _node(work_factor: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a slowed stand-in node; yield its URL and an environment with its secret."""
    environment = {**os.environ, "BBB_SECRET": secrets.token_hex(20)}
    # A session of its own: Ctrl-C reaches the benchmark first, which still needs the
    # node to end its meetings.
    process = subprocess.Popen(
        [*_BBBLOAD, "node", "--port", "0", "--work-factor", str(work_factor)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        yield _ready_url(process), environment
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(NODE_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready_url(process: subprocess.Popen[str]) -> str:
    """Return the URL of the node's first line; the node itself bounds its start."""
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        url = json.loads(line)["api_url"]
    except (ValueError, KeyError) as problem:
        raise TargetUnusable(
            "the stand-in node did not start; its message is above"
        ) from problem
    assert isinstance(url, str)
    return url


_BBBLOAD = (sys.executable, "-m", "loadtest")


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: in order, leaving nothing behind."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _step(title: str, arguments: list[str], env: dict[str, str] | None = None) -> None:
    click.echo(f"— {title}", err=True)
    # A session of its own: the demo alone decides when a step is told to end, so that
    # one Ctrl-C is never taken for two.
    process = subprocess.Popen([*_BBBLOAD, *arguments], env=env, start_new_session=True)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        try:
            process.wait(STEP_STOP_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            process.terminate()  # the second time means: at once
            process.wait()
        raise
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code in VERDICTS:
        click.echo(
            f"— `bbbload {arguments[0]}` gave no full result on this machine "
            f"(exit code {code}, the reason is above); the demo goes on",
            err=True,
        )
    elif code != 0:
        raise _StepFailed(f"`bbbload {arguments[0]}` ended with {code}", code)


class _StepFailed(BbbloadError):
    """A step of the demo ended with a code of its own, which the demo passes on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def _summary(files: Files, took_s: float) -> list[str]:
    """Return what the demo found, in ten lines."""
    capacity = read_capacity(files.capacity)
    plan: dict[str, Any] = json.loads(files.plan.read_text("utf-8"))
    first, last = plan["months"][0], plan["months"][-1]
    runway = plan["runway_months"]
    used = plan["capacity_used"][0]
    origin = "catalogue" if used["origin"] == "catalog" else used["origin"]
    return [
        f"bbbload demo: done in {took_s:.0f} s",
        f"The stand-in node (says nothing about BBB), SLO {capacity.slo.name}:",
        *(profile_line(found) for found in capacity.profiles),
        f"The example (modelled history; {used['type']} carry "
        f"{used['low']:.0f} to {used['high']:.0f}, from the {origin}):",
        *(f"  {_month_line(month)}" for month in (first, last)),
        f"  the money lasts {runway['low']:.1f} to {runway['high']:.1f} months, "
        f"most likely {runway['mid']:.1f}",
        f"Open in a browser: {files.report}; results lie beside it",
    ]


def _month_line(month: dict[str, Any]) -> str:
    peak, cost = month["peak"], month["cost_interval_eur"]
    nodes = ", ".join(f"{count} × {name}" for name, count in month["nodes"].items())
    return (
        f"{month['month']}: peak {peak['p50']:.0f} (p95 {peak['p95']:.0f}), {nodes}, "
        f"{cost['low']:.0f} to {cost['high']:.0f} EUR"
    )
