"""Specs of experiments for tests, and SYNTHETIC finished runs for their plans."""

from dataclasses import replace

import numpy as np

from loadtest.experiment import Finished, PlannedRun, next_run, plan_runs
from loadtest.experiment_spec import ExperimentSpec, parse_spec
from loadtest.measures import CPU
from tests.support.experiments import compared

SWITCH = 'switch = "put {version}"'


def spec_of(
    *,
    baseline: str = SWITCH,
    candidate: str = SWITCH,
    other_host: bool = False,
    load: str = "size = 3\nparticipants = 12",
    experiment: str = "",
    top: str = f'gated = ["{CPU}"]',
) -> ExperimentSpec:
    """Return a spec; by default of one host whose version can be switched."""
    first = (
        f'target = "one"\nversion = "3.0.12"\n{baseline}\n{top}\n'
        f"[load]\n{load}\n[experiment]\n{experiment}\n"
    )
    host = "two" if other_host else "one"
    second = f'target = "{host}"\nversion = "3.0.19"\n{candidate}\n'
    return parse_spec(first, second)


def make(
    run: PlannedRun, spec: ExperimentSpec, value: float, *, at: int, invalid: str = ""
) -> Finished:
    """Return a planned run as made, with its CPU."""
    host = (spec.baseline if run.host == "baseline" else spec.candidate).target
    is_ladder = run.kind == "ladder"
    made = compared(
        at,
        run.side,
        host=host,
        values={"capacity": 30.0} if is_ladder else {CPU: value},
        at=at,
        run=f"r{at}",
        seed=run.seed,
        load="" if is_ladder else "12 participants",
        invalid=invalid,
    )
    return Finished(name=run.name, kind=run.kind, block=run.block, run=made)


def simulate(
    spec: ExperimentSpec,
    *,
    effect: float = 1.0,
    noise: float = 0.02,
    drift: float = 0.0,
    second_host: float = 1.0,
    seed: int = 0,
    finished: tuple[Finished, ...] = (),
    at_most: int = 10_000,
) -> tuple[Finished, ...]:
    """Make the runs of an experiment, by its own rule of what comes next.

    `drift` is what the machine slows by over a hundred runs.
    """
    plan = plan_runs(spec)
    made = list(finished)
    while len(made) < len(finished) + at_most:
        run = next_run(plan, made, spec)
        if run is None:
            break
        rng = np.random.default_rng((seed, len(made)))
        value = float(np.exp(rng.normal(0, noise))) * (1 + drift * len(made) / 100)
        value *= effect if run.version == "candidate" else 1.0
        value *= second_host if run.host == "candidate" else 1.0
        made.append(make(run, spec, value, at=len(made)))
    return tuple(made)


def shorter(spec: ExperimentSpec, **changes: object) -> ExperimentSpec:
    """Return the spec with fields changed."""
    return replace(spec, **changes)  # type: ignore[arg-type]
