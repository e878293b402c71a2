"""Calibration of the verdict rule by simulation: does it keep what it promises?

Every experiment is SYNTHETIC: runs are drawn with log-normal noise, the verdict is that
of `loadtest.compare`. Run all with `python -m tests.benchmarks`.
"""

from dataclasses import dataclass

import numpy as np

from loadtest.compare import compare
from loadtest.effects import Sides
from loadtest.measures import RunMeasures
from loadtest.models import ComparisonVerdict, Measure

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


def main(experiments: int = 4000) -> None:
    """Print the study as a Markdown table."""
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
