"""`bbbload ci`: run the experiment that judges a new version, as far as time allows."""

import contextlib
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bots.errors import ConfigError, GuardRefusal
from loadtest.capacity import capacity_of_run
from loadtest.codec import open_run, read_capacity
from loadtest.commands.compare import read_gates, read_text
from loadtest.commands.outputs import whole_file
from loadtest.comparison import ComparedRun, Experiment
from loadtest.comparison_codec import encode_comparison
from loadtest.durations import DURATION, format_duration
from loadtest.experiment import (
    Finished,
    PlannedRun,
    conclude,
    estimate,
    next_run,
    plan_runs,
    run_seconds,
    settled_at,
    side_of,
)
from loadtest.experiment_spec import (
    ExperimentSpec,
    check_spec,
    parse_spec,
)
from loadtest.guard import now_utc
from loadtest.hosts import Hosts
from loadtest.judging import EXIT_CODES, exit_code_of
from loadtest.locust_run import run_locust
from loadtest.measures import climbed_run, compared_run
from loadtest.store import (
    Store,
    StoredRun,
    experiment_name,
    finished_of,
    key_of,
    stored_verdict,
)
from loadtest.timeline import run_result
from loadtest.verdict_lines import DESIGNS, experiment_lines

EXIT_INTERRUPTED = 130
EXAMPLE = """\b
Example: what a nightly job runs, a piece at a time
  bbbload ci baseline.toml candidate.toml --store verdicts --max-duration 55m"""


@click.command(epilog=EXAMPLE)
@click.argument("baseline", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("candidate", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--store",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("verdicts"),
    show_default=True,
    help="Folder that every finished run is added to; the next job goes on from it.",
)
@click.option(
    "-o",
    "--output",
    default="comparison.json",
    show_default=True,
    metavar="FILE",
    help="The whole comparison, for `bbbload report`.",
)
@click.option(
    "--gates",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file: gated measures, smallest effects, limits. "
    "Default: those of BASELINE.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 1000),
    help="Runs a side at most. Default: those of BASELINE, else 10.",
)
@click.option(
    "--max-duration",
    type=DURATION,
    help="Stop between runs before this is over, such as 55m, with exit code 4. "
    "Default: no limit.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print runs, hours, GB and price; load nothing."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the whole comparison as JSON. Default: a summary.",
)
@click.option(
    "--logs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the log of every run. Default: not kept.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Bot engines, one core each.",
)
def ci(
    baseline: Path,
    candidate: Path,
    folder: Path,
    output: str,
    gates: Path | None,
    runs: int | None,
    max_duration: float | None,
    dry_run: bool,
    as_json: bool,
    logs: Path | None,
    processes: int,
) -> int:
    """Load two versions in turn and say whether the new one regressed.

    BASELINE and CANDIDATE are TOML files: target, version, how to switch it, and in the
    first the load and the number of runs. Ends as `bbbload compare` does; with 4 also
    when time was up: run it again with the same --store.
    """
    spec = _spec(baseline, candidate, gates, runs)
    plan = plan_runs(spec)
    if dry_run:
        for line in _estimate_lines(spec, plan):
            click.echo(line)
        return 0
    shortest_s = max(run_seconds(run, spec) for run in plan)
    if max_duration is not None and shortest_s > max_duration:
        raise ConfigError(
            f"one run takes about {format_duration(round(shortest_s))}: --max-duration "
            "must leave time for it"
        )
    store = Store(folder)
    name = experiment_name(key_of(spec), spec.runs, store.runs(), store.verdicts())
    hosts = Hosts(spec, lambda line: click.echo(line, err=True))
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(whole_file(output))
        if logs is None:
            temporary = tempfile.TemporaryDirectory(prefix="bbbload-")
            logs = Path(stack.enter_context(temporary))
        logs.mkdir(parents=True, exist_ok=True)
        job = Job(
            spec=spec,
            plan=plan,
            store=store,
            name=name,
            hosts=hosts,
            logs=logs,
            processes=processes,
        )
        is_over = job.go_on(max_duration)
        result = _result(job, is_over=is_over)
        write(encode_comparison(result))
    if as_json:
        click.echo(encode_comparison(result), nl=False)
    else:
        for line in experiment_lines(result):
            click.echo(line)
    if not is_over:
        return EXIT_CODES["inconclusive"]
    return exit_code_of(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job's share of an experiment."""

    spec: ExperimentSpec
    plan: tuple[PlannedRun, ...]
    store: Store
    name: str
    hosts: Hosts
    logs: Path
    processes: int

    def finished(self) -> tuple[Finished, ...]:
        """Return the runs of the experiment that are stored."""
        return finished_of(self.name, self.store.runs())

    def go_on(self, max_duration_s: float | None) -> bool:
        """Make runs until the experiment is over, which is True, or time is up."""
        started_s = time.monotonic()
        longest_s: dict[str, float] = {}
        while (run := next_run(self.plan, self.finished(), self.spec)) is not None:
            elapsed_s = time.monotonic() - started_s
            takes_s = max(run_seconds(run, self.spec), longest_s.get(run.kind, 0.0))
            if max_duration_s is not None and elapsed_s + takes_s > max_duration_s:
                return False
            click.echo(f"{run.name} (seed {run.seed})", err=True)
            self.hosts.prepare(run)
            made = self._make(run)
            self.store.add(
                StoredRun(
                    experiment=self.name,
                    name=run.name,
                    kind=run.kind,
                    block=run.block,
                    run=made,
                )
            )
            took_s = time.monotonic() - started_s - elapsed_s
            longest_s[run.kind] = max(took_s, longest_s.get(run.kind, 0.0))
            said = f"void: {made.invalid}" if made.invalid else "valid"
            click.echo(f"  {said}, {took_s:.0f} s", err=True)
        return True

    def _make(self, run: PlannedRun) -> ComparedRun:
        number = len(self.finished())
        log = self.logs / f"{self.name}-{number:03d}.jsonl"
        order = self.hosts.order(run, log, self.processes)
        code = run_locust(order, lambda record: None)
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        if code == GuardRefusal.exit_code:
            raise GuardRefusal(
                f"{self.name} was withdrawn by the guard in run {number + 1}: its log "
                "says why (--logs keeps it), and the same store goes on from there"
            )
        version = side_of(run.version, self.spec).version
        with open_run(log) as records:
            self.hosts.check(run, records.header.bbb_version)
            if run.kind == "ladder":
                capacity = capacity_of_run(
                    records.header, records, profiles=(self.spec.load.profile,)
                )
                made = climbed_run(capacity, side=run.side, version=version)
            else:
                result = run_result(records.header, records)
                made = compared_run(
                    result, side=run.side, where=str(log), version=version
                )
        # Both sides are called by one name of the host, whatever a balancer says.
        return replace(made, host=side_of(run.host, self.spec).target)


def _spec(
    baseline: Path, candidate: Path, gates: Path | None, runs: int | None
) -> ExperimentSpec:
    spec = parse_spec(
        read_text(baseline),
        read_text(candidate),
        names=(str(baseline), str(candidate)),
        read_capacity=lambda name: read_capacity(baseline.parent / name),
    )
    if gates is not None:
        spec = replace(spec, gates=read_gates(gates))
    if runs is not None:
        spec = check_spec(replace(spec, runs=runs))
    return spec


def _result(job: Job, *, is_over: bool) -> Experiment:
    finished = job.finished()
    result = conclude(finished, job.spec)
    if not is_over:
        done = len({each.name for each in finished})
        return replace(
            result,
            verdict="inconclusive",
            reasons=(
                *result.reasons,
                f"time is up: {done} of at most {len(job.plan)} runs are done; the "
                "next job with the same store goes on",
            ),
        )
    block = settled_at(job.plan, finished, job.spec)
    if block is not None:
        result = replace(
            result,
            reasons=(
                *result.reasons,
                f"stopped early: the verdict was certain after {block + 1} of "
                f"{job.spec.runs} runs a side",
            ),
        )
    job.store.conclude(
        stored_verdict(result, name=job.name, ended_at=now_utc(), spec=job.spec)
    )
    return result


def _estimate_lines(spec: ExperimentSpec, plan: tuple[PlannedRun, ...]) -> list[str]:
    found = estimate(plan, spec)
    price = (
        "price: not known, give eur_per_hour or eur_per_gb in [experiment]"
        if found.eur is None
        else f"price: {found.eur:.2f} EUR"
    )
    load = spec.load
    return [
        f"Design: {DESIGNS[spec.design]}",
        f"load: {load.participants} participants in meetings of {load.profile.size}",
        *(f"  {run.name} (seed {run.seed})" for run in plan),
        f"runs: at most {found.runs}",
        f"hours: about {found.hours:.2f}",
        f"traffic: about {found.gigabytes:.2f} GB",
        price,
    ]
