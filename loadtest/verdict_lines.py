"""An experiment as lines for a terminal: the design first, then verdict and measures.

Pure; computes nothing.
"""

from collections.abc import Iterator
from typing import Final

from loadtest.comparison import Comparison, Experiment, LimitCheck, Measure
from loadtest.summary import counted

DESIGNS: Final = {
    "one host": "one host, its version switched",
    "two hosts, compared": "two hosts, their difference measured with the baseline",
    "two hosts, swapped": "two hosts that changed sides",
    "two hosts": "two hosts, neither swapped nor compared",
}
VERDICTS: Final = {
    "regressed": "REGRESSED",
    "equal": "equal",
    "better": "better",
    "inconclusive": "inconclusive",
    "invalid": "INVALID",
}


def experiment_lines(experiment: Experiment) -> Iterator[str]:
    """Yield the lines; the first one names the design."""
    yield design_line(experiment)
    if experiment.runs and all(run.stand_in for run in experiment.runs):
        yield "Measured on bbbload's stand-in node: says nothing about BigBlueButton"
    yield f"Verdict: {verdict_sentence(experiment)}"
    for comparison in experiment.measures:
        yield f"  {measure_line(comparison)}"
    for check in experiment.limits:
        yield f"  {limit_line(check)}"
    for comparison in experiment.hosts:
        yield f"  host against host, {comparison.measure.name}: {effect(comparison)}"
    for difference in experiment.differences:
        yield (
            f"  differs: {difference.name}: {difference.baseline} | "
            f"{difference.candidate}"
        )
    for reason in experiment.reasons:
        yield f"Note: {reason}"


def design_line(experiment: Experiment) -> str:
    """Return the line that names the design and the runs of each side."""
    counts = [
        sum(run.side == side and not run.invalid for run in experiment.runs)
        for side in ("baseline", "candidate", "same version")
    ]
    again = f", {counts[2]} of the baseline against itself" if counts[2] else ""
    return (
        f"Design: {DESIGNS[experiment.design]}; {counted(counts[0], 'run')} of the "
        f"baseline, {counts[1]} of the candidate{again}"
    )


def verdict_sentence(experiment: Experiment) -> str:
    """Return the verdict with the measures that decided it, or what it still needs."""
    said = VERDICTS[experiment.verdict]
    named = [
        each.measure.name
        for each in experiment.measures
        if each.measure.is_gated and each.verdict == experiment.verdict
    ]
    if experiment.verdict in ("regressed", "better") and named:
        said += ": " + ", ".join(named)
    elif experiment.verdict == "inconclusive":
        if experiment.design == "two hosts":
            return f"{said}: host and version cannot be told apart"
        if named:
            said += ": " + ", ".join(named)
        if experiment.runs_wanted is not None:
            said += f"; about {experiment.runs_wanted} runs a side should tell"
    missed = [
        check.measure.name
        for check in experiment.limits
        if check.fails and not check.is_kept
    ]
    if missed:
        said += f"; limit missed: {', '.join(missed)}"
    return said


def measure_line(comparison: Comparison) -> str:
    """Return one measure: medians, effect, verdict."""
    measure = comparison.measure
    medians = [
        amount(measure, median)
        for median in (comparison.baseline_median, comparison.candidate_median)
    ]
    wanted = (
        f" (about {comparison.runs_wanted} runs a side)"
        if comparison.runs_wanted is not None
        else ""
    )
    role = "" if measure.is_gated else ", only warns"
    return (
        f"{measure.name}: {medians[0]} -> {medians[1]}, {effect(comparison)}: "
        f"{comparison.verdict}{wanted}{role}"
    )


def effect(comparison: Comparison) -> str:
    """Return the effect with its interval: a ratio, or a difference in points."""
    if comparison.estimate is None:
        return "one side only"
    shown = _points if comparison.measure.is_share else _ratio
    said = shown(comparison.estimate)
    if comparison.low is None or comparison.high is None:
        return f"{said} (no interval)"
    return (
        f"{said} ({shown(comparison.low)} to {shown(comparison.high)}, "
        f"{comparison.coverage:.0%})"
    )


def limit_line(check: LimitCheck) -> str:
    """Return an absolute limit and whether it was kept."""
    bound = "at most" if check.measure.is_higher_worse else "at least"
    said = "kept" if check.is_kept else "MISSED" if check.fails else "missed (warning)"
    return (
        f"limit on {check.measure.name}: {bound} {amount(check.measure, check.limit)}, "
        f"measured {amount(check.measure, check.measured)}: {said}"
    )


def amount(measure: Measure, value: float | None) -> str:
    """Return a value of a measure with its unit."""
    if value is None:
        return "-"
    if measure.is_share:
        return f"{100 * value:.3g} %"
    if measure.unit == "bytes":
        return f"{value / 2**20:.4g} MiB"
    if measure.unit == "bit/s":
        return f"{value / 1000:.4g} kbit/s"
    return f"{value:.4g} {measure.unit}".rstrip()


def _ratio(value: float) -> str:
    return f"x {value:.3f}" if value < 100 else f"x {value:.3g}"


def _points(value: float) -> str:
    return f"{100 * value:+.2f} points"
