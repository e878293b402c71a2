"""Calibration of the verdict rule by simulation: does it keep what it promises?

Every experiment is SYNTHETIC: runs are drawn with log-normal noise, the verdict is that
of `loadtest.compare`. Run all with `python -m tests.benchmarks`.
"""

from dataclasses import dataclass

import numpy as np

from loadtest.compare import compare
from loadtest.comparison import ComparisonVerdict, Design, Measure
from loadtest.effects import Sides
from loadtest.experiment import conclude
from loadtest.measures import RunMeasures
from tests.support.specs import simulate, spec_of

SIX = tuple(Measure(name=f"measure {number}") for number in range(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One promise: what is planted, what should be said, and how often."""

    name: str
    runs: int
    noise: float
    verdict: str
    share_min: float = 0.0
    share_max: float = 1.0
    effect: float = 0.0
    """Planted in the first measure of the candidate; the others do not differ."""
    gated: int = 1
    names_runs: int | None = None


CASES = (
    Case(
        name="no difference, six gated, five runs, 5 % noise",
        runs=5,
        noise=0.05,
        gated=6,
        verdict="regressed",
        share_max=0.01,
    ),
    Case(
        name="no difference, six gated, fourteen runs, 5 % noise",
        runs=14,
        noise=0.05,
        gated=6,
        verdict="regressed",
        share_max=0.01,
    ),
    Case(
        name="no difference, one gated, five runs, 20 % noise",
        runs=5,
        noise=0.20,
        verdict="regressed",
        share_max=0.01,
    ),
    Case(
        name="10 % worse, one gated, ten runs, 5 % noise",
        runs=10,
        noise=0.05,
        effect=0.10,
        verdict="regressed",
        share_min=0.9,
    ),
    Case(
        name="10 % worse, six gated, fourteen runs, 5 % noise",
        runs=14,
        noise=0.05,
        effect=0.10,
        gated=6,
        verdict="regressed",
        share_min=0.9,
    ),
    Case(
        name="30 % worse, six gated, five runs, 5 % noise",
        runs=5,
        noise=0.05,
        effect=0.30,
        gated=6,
        verdict="regressed",
        share_min=0.9,
    ),
    Case(
        name="equal, one gated, eight runs, 2 % noise",
        runs=8,
        noise=0.02,
        verdict="equal",
        share_min=0.9,
    ),
    Case(
        name="equal, one gated, eight runs, 5 % noise",
        runs=8,
        noise=0.05,
        verdict="inconclusive",
        share_min=0.9,
        names_runs=29,
    ),
    Case(
        name="50 % worse, one gated, four runs, 1 % noise",
        runs=4,
        noise=0.01,
        effect=0.5,
        verdict="inconclusive",
        share_min=1.0,
    ),
    Case(
        name="equal, one gated, four runs, 1 % noise",
        runs=4,
        noise=0.01,
        verdict="inconclusive",
        share_min=1.0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How often a case got its verdict, with the standard error of that share."""

    case: Case
    experiments: int
    share: float
    error: float
    runs_named: float | None
    """Median of the runs a side that inconclusive experiments named."""

    def keeps(self, allowed_errors: float = 0.0) -> bool:
        """Say whether the share is inside its bounds, give or take so many errors."""
        room = allowed_errors * self.error
        return self.case.share_min - room <= self.share <= self.case.share_max + room


def experiment(case: Case, seed: int) -> ComparisonVerdict:
    """Draw one experiment and judge it."""
    rng = np.random.default_rng((case.runs, case.gated, seed))
    measures = SIX[: case.gated]

    def side(effect: float) -> tuple[RunMeasures, ...]:
        levels = np.ones(case.gated)
        levels[0] += effect
        drawn = levels * np.exp(rng.normal(0, case.noise, (case.runs, case.gated)))
        names = [measure.name for measure in measures]
        return tuple(
            RunMeasures(
                run=str(number),
                values=dict(zip(names, (float(value) for value in row), strict=True)),
            )
            for number, row in enumerate(drawn)
        )

    sides = Sides(baseline=side(0.0), candidate=side(case.effect))
    return compare(sides, measures, permutations=0)


def outcome_of(case: Case, experiments: int) -> Outcome:
    """Return how often a case's verdict is said over so many seeded experiments."""
    verdicts = [experiment(case, seed) for seed in range(experiments)]
    share = sum(each.verdict == case.verdict for each in verdicts) / experiments
    named = [
        each.runs_wanted
        for each in verdicts
        if each.verdict == "inconclusive" and each.runs_wanted is not None
    ]
    return Outcome(
        case=case,
        experiments=experiments,
        share=share,
        error=float(np.sqrt(max(share * (1 - share), 1 / experiments) / experiments)),
        runs_named=float(np.median(named)) if named else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCase:
    """A whole `bbbload ci`: looks after each block, an A/A, a drift, a second host."""

    name: str
    verdict: str
    share_min: float = 0.0
    share_max: float = 1.0
    effect: float = 1.0
    noise: float = 0.05
    drift: float = 0.0
    design: Design = "one host"
    second_host: float = 1.0
    """What the candidate's host needs, as a multiple of the other's."""


JOB_CASES = (
    JobCase(name="no difference", verdict="regressed", share_max=0.01),
    JobCase(
        name="no difference, the machine a third slower at the end",
        verdict="regressed",
        drift=1.3,
        share_max=0.01,
    ),
    JobCase(name="10 % worse", verdict="regressed", effect=1.1, share_min=0.85),
    JobCase(name="30 % worse", verdict="regressed", effect=1.3, share_min=0.95),
    JobCase(
        name="no difference, 2 % noise", verdict="equal", noise=0.02, share_min=0.9
    ),
    JobCase(
        name="two hosts 15 % apart, compared: no difference",
        verdict="regressed",
        design="two hosts, compared",
        second_host=1.15,
        share_max=0.01,
    ),
    JobCase(
        name="two hosts 15 % apart, compared: no difference, called invalid",
        verdict="invalid",
        design="two hosts, compared",
        second_host=1.15,
        share_max=0.02,
    ),
    JobCase(
        name="two hosts 15 % apart, compared, both a third slower at the end",
        verdict="regressed",
        design="two hosts, compared",
        second_host=1.15,
        drift=1.3,
        share_max=0.01,
    ),
    JobCase(
        name="two hosts 15 % apart, swapped: no difference",
        verdict="regressed",
        design="two hosts, swapped",
        second_host=1.15,
        share_max=0.01,
    ),
    JobCase(
        name="two hosts 15 % apart, swapped: 30 % worse",
        verdict="regressed",
        design="two hosts, swapped",
        second_host=1.15,
        effect=1.3,
        share_min=0.95,
    ),
    JobCase(
        name="two hosts 15 % apart, neither: no difference",
        verdict="regressed",
        design="two hosts",
        second_host=1.15,
        share_max=0.0,
    ),
)


def job_outcome(case: JobCase, experiments: int) -> tuple[float, float]:
    """Return the share of jobs with the case's verdict, and their mean runs a side."""
    switches = {
        "two hosts": {"baseline": "", "candidate": ""},
        "two hosts, compared": {"baseline": ""},
    }
    spec = spec_of(
        experiment="runs = 10\nladder_steps = 0",
        other_host=case.design != "one host",
        **switches.get(case.design, {}),
    )
    assert spec.design == case.design
    found = runs = 0
    for seed in range(experiments):
        made = simulate(
            spec,
            effect=case.effect,
            noise=case.noise,
            drift=case.drift,
            second_host=case.second_host,
            seed=seed,
        )
        found += conclude(made, spec).verdict == case.verdict
        runs += sum(each.run.side == "candidate" for each in made)
    return found / experiments, runs / experiments


def main(options: list[str] | None = None, *, experiments: int = 4000) -> None:
    """Print the study as Markdown; an option is another number of experiments."""
    experiments = int(options[0]) if options else experiments
    print("| synthetic case | verdict | share | promised | runs named |")
    print("| --- | --- | --- | --- | --- |")
    for case in CASES:
        found = outcome_of(case, experiments)
        promised = (
            f"≥ {case.share_min:g}" if case.share_min else f"≤ {case.share_max:g}"
        )
        named = "" if found.runs_named is None else f"{found.runs_named:.0f}"
        print(
            f"| {case.name} | {case.verdict} | {found.share:.4f} ± {found.error:.4f} "
            f"| {promised} | {named} |"
        )
    print(
        "\n| synthetic job, one gated, at most ten runs a side | verdict | share |",
        end="",
    )
    print(" promised | runs a side |")
    print("| --- | --- | --- | --- | --- |")
    for job in JOB_CASES:
        share, runs = job_outcome(job, experiments // 4)
        promised = f"≥ {job.share_min:g}" if job.share_min else f"≤ {job.share_max:g}"
        print(f"| {job.name} | {job.verdict} | {share:.3f} | {promised} | {runs:.1f} |")
