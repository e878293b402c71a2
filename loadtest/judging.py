"""The runs of an experiment -> its result: design, verdict, limits, what differs. Pure.

The design is read from where the runs were made, unless the caller knows it better:

    all on one host                       one host
    both versions on each of two hosts    two hosts, swapped
    two hosts, and the baseline on both   two hosts, compared
    two hosts and nothing else            two hosts (no verdict)
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from bots.errors import ConfigError
from loadtest.compare import PERMUTATIONS, compare, host_difference
from loadtest.comparison import (
    ComparedRun,
    Comparison,
    Design,
    Difference,
    Experiment,
    RunSide,
)
from loadtest.effects import Sides
from loadtest.gates import DEFAULT_GATES, Gates, all_measures, check_limits
from loadtest.measures import run_measures
from loadtest.welch import COVERAGE, P_MAX

EXIT_CODES: Final = {
    "equal": 0,
    "better": 0,
    "invalid": 3,
    "inconclusive": 4,
    "regressed": 6,
}
EXIT_LIMIT_MISSED: Final = 5


def judge_experiment(
    runs: Sequence[ComparedRun],
    *,
    design: Design | None = None,
    gates: Gates = DEFAULT_GATES,
    p_max: float = P_MAX,
    coverage: float = COVERAGE,
    permutations: int = PERMUTATIONS,
) -> Experiment:
    """Return what the runs show. Raises ConfigError for runs that cannot be compared.

    A run that is given twice, or runs of different loads, are such.
    """
    _check(runs)
    baseline, candidate = _of("baseline", runs), _of("candidate", runs)
    again = _of("same version", runs)
    design = design or design_of(runs)
    same: tuple[tuple[ComparedRun, ...], tuple[ComparedRun, ...]] = ((), ())
    if again and design == "one host":
        same = (baseline, again)
    elif again:
        theirs = {run.host for run in candidate} - {run.host for run in baseline}
        if design == "two hosts, swapped":
            theirs = {candidate[0].host} if candidate else set()
        same = (
            tuple(run for run in again if run.host not in theirs),
            tuple(run for run in again if run.host in theirs),
        )
    sides = Sides(
        baseline=tuple(map(run_measures, baseline)),
        candidate=tuple(map(run_measures, candidate)),
        design=design,
        same_version=(
            tuple(map(run_measures, same[0])),
            tuple(map(run_measures, same[1])),
        ),
    )
    measures = all_measures(gates, runs)
    found = compare(
        sides,
        measures,
        permutations=permutations,
        p_max=p_max,
        coverage=coverage,
    )
    differences, alike = _differences(baseline, candidate)
    return Experiment(
        verdict=found.verdict,
        design=found.design,
        measures=tuple(
            _with_samples(each, baseline, candidate)
            for each in found.measures
            if each.baseline or each.candidate
        ),
        reasons=found.reasons + tuple(_notes(baseline, candidate, again, design)),
        runs_wanted=found.runs_wanted if found.verdict == "inconclusive" else None,
        runs=tuple(runs),
        limits=check_limits(gates.limits, measures, candidate),
        differences=differences,
        alike=alike,
        hosts=tuple(
            _with_samples(each, *same)
            for each in host_difference(sides, measures)
            if each.estimate is not None
        ),
        tool_version=runs[-1].tool_version if runs else "",
        started_at=min((run.started_at for run in runs), default=""),
    )


def exit_code_of(experiment: Experiment) -> int:
    """Return 3 invalid, 6 regressed, 5 a failing limit missed, 4 inconclusive, else 0.

    In this order: where several hold, the first one is said.
    """
    if experiment.verdict in ("invalid", "regressed"):
        return EXIT_CODES[experiment.verdict]
    if any(check.fails and not check.is_kept for check in experiment.limits):
        return EXIT_LIMIT_MISSED
    return EXIT_CODES[experiment.verdict]


def design_of(runs: Iterable[ComparedRun]) -> Design:
    """Return the design that the hosts of the runs make; see the module's text."""
    runs = tuple(runs)
    baseline = {run.host for run in _of("baseline", runs)}
    candidate = {run.host for run in _of("candidate", runs)}
    if len(baseline | candidate) <= 1:
        return "one host"
    if baseline == candidate and len(baseline) == 2:
        return "two hosts, swapped"
    both = {run.host for run in _of("same version", runs)}
    if len(baseline) == len(candidate) == 1 and both == baseline | candidate:
        return "two hosts, compared"
    return "two hosts"


def _with_samples(
    each: Comparison, first: Sequence[ComparedRun], second: Sequence[ComparedRun]
) -> Comparison:
    """Return a comparison that tells how many samples its runs' values are of."""
    counts = [
        sum(
            dict(run.samples).get(each.measure.name, 0)
            for run in runs
            if not run.invalid
        )
        for runs in (first, second)
    ]
    return replace(each, baseline_samples=counts[0], candidate_samples=counts[1])


def _of(side: RunSide, runs: Iterable[ComparedRun]) -> tuple[ComparedRun, ...]:
    return tuple(run for run in runs if run.side == side)


def _check(runs: Sequence[ComparedRun]) -> None:
    seen = set()
    for run in runs:
        key = (run.side, run.run, run.started_at, run.values)
        if key in seen:
            raise ConfigError(
                f"run {run.run} is given twice as {run.side}: a run counts once, "
                "repeat it instead"
            )
        seen.add(key)
    loads = dict.fromkeys(run.load for run in runs if run.load and not run.invalid)
    if len(loads) > 1:
        first, second = list(loads)[:2]
        raise ConfigError(
            f"the runs held different loads ({first}; and {second}): only runs of one "
            "load can be compared"
        )


def _notes(
    baseline: Sequence[ComparedRun],
    candidate: Sequence[ComparedRun],
    again: Sequence[ComparedRun],
    design: Design,
) -> list[str]:
    notes = []
    if baseline and candidate and not _is_interleaved(baseline, candidate):
        notes.append(
            "the runs of the two sides do not alternate: what changed meanwhile on the "
            "machine counts as a difference of versions"
        )
    if design == "one host" and not again:
        notes.append(
            "the baseline was not compared with itself: nothing shows that the machine "
            "was steady"
        )
    both = {(run.run, run.values) for run in baseline} & {
        (run.run, run.values) for run in candidate
    }
    if both:
        notes.append(f"{len(both)} runs are on both sides")
    seeds = [sorted(run.seed for run in side) for side in (baseline, candidate)]
    if baseline and candidate and set(seeds[0]) != set(seeds[1]):
        notes.append("the two sides ran with different seeds")
    return notes


def _is_interleaved(
    baseline: Sequence[ComparedRun], candidate: Sequence[ComparedRun]
) -> bool:
    """Say whether neither side was over before the other began."""
    times = [[run.started_at for run in side] for side in (baseline, candidate)]
    if min(len(side) for side in times) < 2 or not all(map(all, times)):
        return True  # nothing is known of their order, or there is none
    return max(times[0]) > min(times[1]) and max(times[1]) > min(times[0])


def _differences(
    baseline: Sequence[ComparedRun], candidate: Sequence[ComparedRun]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Return what differs between the sides, and what is alike, as far as seen."""
    told = [_told(baseline), _told(candidate)]
    found = [
        Difference(
            name=name,
            baseline=told[0].get(name, "not seen"),
            candidate=told[1].get(name, "not seen"),
        )
        for name in dict.fromkeys((*told[0], *told[1]))
    ]
    return (
        tuple(each for each in found if each.baseline != each.candidate),
        tuple(each for each in found if each.baseline == each.candidate),
    )


def _told(runs: Sequence[ComparedRun]) -> dict[str, str]:
    values: dict[str, set[str]] = {}
    for run in runs:
        own = (("host", run.host), ("version", run.version), *run.facts)
        for name, value in (*own, ("bbbload", run.tool_version)):
            if value:
                values.setdefault(name, set()).add(value)
    return {name: ", ".join(sorted(several)) for name, several in values.items()}
