"""An experiment as data: which run comes next, and when enough is known. Pure.

    one host            warm-up, then A B S | S B A | A B S …, from the sixth block on
                        A B | B A; A baseline, B candidate, S the baseline once more
    two hosts, compared warm-up on both, the baseline on both in turn, then A B | B A
    two hosts, swapped  the same, and half-way each host takes the other version
    two hosts           warm-up on both, then A B | B A

and at the end the capacity ladder, once a side. Every two blocks are the mirror of each
other, so that a drift of the machine falls on all sides alike; runs of a block have one
seed. The warm-up is discarded.

After each block from the fifth on the verdict is looked at. Looking often finds more by
chance, so a look before the end asks for a smaller p and a wider interval
(`tests/benchmarks` shows what remains). A run whose generator was not fit is made
anew, twice at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from bots.wire import Caps
from loadtest.benchmark import Ladder
from loadtest.comparison import ComparedRun, Experiment, RunSide
from loadtest.experiment_spec import ExperimentSpec, LoadSpec, SideSpec
from loadtest.judging import judge_experiment
from loadtest.ladder_plan import LadderPlan
from loadtest.measures import STORM
from loadtest.slo import BBBLOAD_1
from loadtest.stages import EMPTY_TIMEOUT_S, SETTLE_S, PlannedStep, RunPlan
from loadtest.streams import streams_of
from loadtest.welch import RUNS_MIN

P_EARLY: Final = 0.002
COVERAGE_EARLY: Final = 0.995
TRIES: Final = 3
OVERHEAD_S: Final = 25.0
"""Of a run: processes start, meetings are made and ended, everybody leaves."""
CAMERA_BPS: Final = 200e3
AUDIO_BPS: Final = 50e3
"""For the estimate of traffic: a camera of BBB's default profile, and Opus."""

Version = Literal["baseline", "candidate"]
Kind = Literal["warm-up", "hold", "ladder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run of the experiment."""

    name: str
    """Unique in the experiment, and the same when more runs are planned later."""
    kind: Kind
    side: RunSide
    version: Version
    """Which side's version the host must have."""
    host: Version
    """Which side's target it runs on."""
    block: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A planned run that was made, as it is stored."""

    name: str
    kind: Kind
    block: int
    run: ComparedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an experiment will take at most."""

    runs: int
    hours: float
    gigabytes: float
    """Sent and received by the servers, media only."""
    eur: float | None
    """None where no price was given."""


def plan_runs(spec: ExperimentSpec) -> tuple[PlannedRun, ...]:
    """Return every run of the experiment in order, as if it never stopped early."""
    has_two = spec.design != "one host"
    runs = [_run("warm-up", "baseline", "baseline", "baseline", 0, spec)]
    if has_two:
        runs.append(_run("warm-up", "candidate", "candidate", "candidate", 0, spec))
    compares = spec.design in ("two hosts, compared", "two hosts, swapped")
    if compares:
        for block in range(spec.same_version_runs):
            pair = [
                _run("hold", "same version", "baseline", host, block, spec)
                for host in _hosts()
            ]
            runs += pair if block % 2 == 0 else pair[::-1]
    swap_at = (spec.runs + 1) // 2 if spec.design == "two hosts, swapped" else spec.runs
    for block in range(spec.runs):
        is_swapped = block >= swap_at
        first = _run(
            "hold",
            "baseline",
            "baseline",
            "candidate" if is_swapped else "baseline",
            block - swap_at if is_swapped else block,
            spec,
        )
        second = _run(
            "hold",
            "candidate",
            "candidate",
            "candidate" if has_two and not is_swapped else "baseline",
            block - swap_at if is_swapped else block,
            spec,
        )
        row = [first, second]
        if not has_two and block < spec.same_version_runs:
            row.append(
                _run("hold", "same version", "baseline", "baseline", block, spec)
            )
        row = [replace(run, block=block) for run in row]
        runs += row if block % 2 == 0 else row[::-1]
    if spec.ladder.steps:
        runs += [
            _run("ladder", side, side, side if has_two else "baseline", 0, spec)
            for side in _hosts()
        ]
    return tuple(runs)


def next_run(
    plan: Sequence[PlannedRun], finished: Sequence[Finished], spec: ExperimentSpec
) -> PlannedRun | None:
    """Return the run to make now; None when the experiment is over."""
    is_over = settled_at(plan, finished, spec) is not None
    for run in plan:
        if _is_done(run, finished) or (is_over and run.kind != "ladder"):
            continue
        return run
    return None


def settled_at(
    plan: Sequence[PlannedRun], finished: Sequence[Finished], spec: ExperimentSpec
) -> int | None:
    """Return the block after which the verdict was certain; None while it is not."""
    for block in range(RUNS_MIN - 1, spec.runs - 1):
        wanted = [r for r in plan if r.kind == "hold" and _is_until(r, block)]
        if not all(_is_done(run, finished) for run in wanted):
            return None
        names = {run.name for run in wanted}
        looked_at = [each.run for each in _counted(finished) if each.name in names]
        found = judge_experiment(
            looked_at,
            design=spec.design,
            gates=spec.gates,
            p_max=P_EARLY,
            coverage=COVERAGE_EARLY,
            permutations=0,
        )
        if found.verdict in ("regressed", "equal", "better"):
            return block
    return None


def conclude(finished: Sequence[Finished], spec: ExperimentSpec) -> Experiment:
    """Return the result of the runs so far; the warm-ups are not among them."""
    runs = [each.run for each in _counted(finished)]
    return judge_experiment(runs, design=spec.design, gates=spec.gates)


def estimate(plan: Sequence[PlannedRun], spec: ExperimentSpec) -> Estimate:
    """Return runs, hours, traffic and price, without an early stop."""
    seconds = sum(run_seconds(run, spec) for run in plan)
    installed: dict[Version, Version] = {}
    for run in plan:
        if side_of(run.host, spec).switch and installed.get(run.host) != run.version:
            seconds += side_of(run.host, spec).switch_takes_s
        installed[run.host] = run.version
    gigabytes = sum(_gigabytes(run, spec) for run in plan)
    hours = seconds / 3600
    prices = (spec.eur_per_hour, spec.eur_per_gb)
    eur = None
    if any(price is not None for price in prices):
        eur = hours * (prices[0] or 0.0) + gigabytes * (prices[1] or 0.0)
    return Estimate(runs=len(plan), hours=hours, gigabytes=gigabytes, eur=eur)


def run_seconds(run: PlannedRun, spec: ExperimentSpec) -> float:
    """Return about how long a run takes, without a switch of the version."""
    if run.kind == "ladder":
        return OVERHEAD_S + spec.ladder.steps * (spec.ladder.step_s + SETTLE_S)
    return OVERHEAD_S + sum(step.duration_s for step in _steps(spec.load))


def run_plan(run: PlannedRun, spec: ExperimentSpec) -> RunPlan:
    """Return the order for a run: the load held and the storm, or the ladder."""
    profile = spec.load.profile
    if run.kind == "ladder":
        climb = LadderPlan(
            steps=spec.ladder.steps,
            step_duration_s=spec.ladder.step_s,
            max_participants=spec.ladder.participants,
            cpu_bound=BBBLOAD_1.node_cpu_max or LadderPlan().cpu_bound,
        )
        ladder = Ladder((profile,), climb)
        each_s = climb.step_duration_s + SETTLE_S + EMPTY_TIMEOUT_S
        duration_s = 2 * EMPTY_TIMEOUT_S + climb.steps * each_s
        return RunPlan(
            profiles=ladder.profiles,
            slo=BBBLOAD_1,
            seed=run.seed,
            ladder=climb,
            duration_s=duration_s,
            caps=_caps(climb.max_participants, duration_s),
        )
    steps = _steps(spec.load)
    duration_s = sum(step.duration_s for step in steps) + 2 * EMPTY_TIMEOUT_S
    return RunPlan(
        profiles=tuple(step.profile for step in steps),
        slo=BBBLOAD_1,
        seed=run.seed,
        steps=steps,
        duration_s=duration_s,
        caps=_caps(spec.load.participants, duration_s),
    )


def side_of(which: Version, spec: ExperimentSpec) -> SideSpec:
    """Return the side whose file this is."""
    return spec.baseline if which == "baseline" else spec.candidate


def _hosts() -> tuple[Version, Version]:
    return ("baseline", "candidate")


def _run(
    kind: Kind,
    side: RunSide,
    version: Version,
    host: Version,
    block: int,
    spec: ExperimentSpec,
) -> PlannedRun:
    where = "" if spec.design == "one host" else f" on the {host}'s host"
    return PlannedRun(
        name=f"{kind} {block}: {side}{where}",
        kind=kind,
        side=side,
        version=version,
        host=host,
        block=block,
        seed=spec.seed + block,
    )


def _is_until(run: PlannedRun, block: int) -> bool:
    # On two hosts the comparison of the hosts comes first, whole.
    return run.side == "same version" or run.block <= block


def _is_done(run: PlannedRun, finished: Sequence[Finished]) -> bool:
    tries = [each.run for each in finished if each.name == run.name]
    if run.kind == "warm-up" and tries:
        return True
    return any(not each.invalid for each in tries) or len(tries) >= TRIES


def _counted(finished: Sequence[Finished]) -> list[Finished]:
    return [each for each in finished if each.kind != "warm-up"]


def _steps(load: LoadSpec) -> tuple[PlannedStep, ...]:
    """Return the step that is held, and the storm.

    A course makes a step's joins within half of its warm-up: that sets their rate.
    """
    ramp_s = load.participants / load.join_rate
    hold = PlannedStep(
        profile=load.profile,
        participants=load.participants,
        duration_s=ramp_s + load.hold_s,
        warm_up_s=ramp_s + load.hold_s / 3,
    )
    if not load.storm_s:
        return (hold,)
    storm_s = 2 * load.participants / load.storm_rate
    storm = PlannedStep(
        profile=replace(load.profile, name=STORM),
        participants=load.participants,
        duration_s=storm_s + load.storm_s,
        warm_up_s=storm_s,
    )
    return (hold, storm)


def _caps(participants: int, duration_s: float) -> Caps:
    usual = Caps()
    return Caps(
        participants=max(usual.participants, participants),
        streams=usual.streams,
        duration_s=max(usual.duration_s, duration_s),
    )


def _gigabytes(run: PlannedRun, spec: ExperimentSpec) -> float:
    participants, seconds = spec.load.participants, run_seconds(run, spec)
    if run.kind == "ladder":
        participants = spec.ladder.participants // 2  # the mean of a climb, about
    streams = streams_of(spec.load.profile, participants)
    bps = CAMERA_BPS * (streams.video_in + streams.video_out)
    bps += AUDIO_BPS * (streams.audio_in + streams.audio_out)
    return bps * max(0.0, seconds - OVERHEAD_S) / 8e9
