"""How a comparison is said, wherever it is written: effects, amounts, verdicts."""

import math

from loadtest.comparison import Comparison, Design, Experiment, LimitCheck, Measure
from reports import format as written
from reports.document import Tone, Unit

DESIGNS: dict[Design, str] = {
    "one host": "One host, its version switched",
    "two hosts, compared": "Two hosts, compared with the same version first",
    "two hosts, swapped": "Two hosts that changed sides",
    "two hosts": "Two hosts, neither swapped nor compared",
}
TONES: dict[str, Tone] = {
    "regressed": "bad",
    "invalid": "bad",
    "inconclusive": "warning",
    "equal": "good",
    "better": "good",
    "not compared": "plain",
}
UNITS: dict[str, Unit] = {
    "s": "s",
    "s/min": "s/min",
    "bytes": "bytes",
    "bit/s": "bps",
}


def unit(measure: Measure) -> Unit:
    """Return the unit of a measure's axis."""
    return "ratio" if measure.is_share else UNITS.get(measure.unit, "")


def amount(measure: Measure, value: float | None) -> str:
    """Write a value of a measure with its unit."""
    if value is not None and math.isinf(value):
        return "never"
    if measure.is_share:
        return written.percent(value)
    if measure.unit == "s":
        return written.seconds(value)
    if measure.unit == "bytes":
        return written.memory(value)
    if measure.unit == "bit/s":
        return written.bit_rate(value)
    text = written.number(value)
    return text if value is None else f"{text}{written.NBSP}{measure.unit}".rstrip()


def effect(comparison: Comparison) -> str:
    """Write an effect: ×1.08, or +0.5 points for a share."""
    return _shown(comparison.measure, comparison.estimate)


def interval(comparison: Comparison) -> str:
    """Write the interval of an effect."""
    if comparison.low is None or comparison.high is None:
        return "no interval"
    low = _shown(comparison.measure, comparison.low)
    high = _shown(comparison.measure, comparison.high)
    return f"{low} to {high}"


def smallest(measure: Measure) -> str:
    """Write the smallest effect that matters."""
    if measure.is_share:
        return f"{written.number(100 * measure.smallest_effect)}{written.NBSP}points"
    return written.percent(measure.smallest_effect)


def sentence(comparison: Comparison) -> str:
    """Say one measure: medians, effect, verdict, runs still needed."""
    measure = comparison.measure
    before = amount(measure, comparison.baseline_median)
    after = amount(measure, comparison.candidate_median)
    said = f"{measure.name}: {before} before, {after} after"
    if comparison.estimate is not None:
        said += f"; {effect(comparison)}, {interval(comparison)}"
        said += f" ({written.percent(comparison.coverage)} interval)"
    said += f"; {len(comparison.baseline)} and {len(comparison.candidate)} runs"
    said += f": {comparison.verdict}"
    if comparison.runs_wanted is not None:
        said += f", about {comparison.runs_wanted} runs a side should tell"
    return said


def limit_sentence(check: LimitCheck) -> str:
    """Say an absolute limit and whether it was kept."""
    bound = "at most" if check.measure.is_higher_worse else "at least"
    return (
        f"{check.measure.name}: {bound} {amount(check.measure, check.limit)}, the "
        f"candidate's median is {amount(check.measure, check.measured)}: "
        f"{'kept' if check.is_kept else 'missed'}"
    )


def versions(experiment: Experiment) -> tuple[str, str]:
    """Return the versions of the two sides, several joined."""
    found = []
    for side in ("baseline", "candidate"):
        named = {run.version for run in experiment.runs if run.side == side}
        found.append(written.listing(tuple(sorted(named - {""}))) or "unknown version")
    return found[0], found[1]


def verdict(experiment: Experiment) -> str:
    """Say the verdict and what decided it, in one sentence."""
    deciding = tuple(
        each.measure.name
        for each in experiment.measures
        if each.measure.is_gated and each.verdict == experiment.verdict
    )
    said = experiment.verdict.capitalize()
    if experiment.verdict == "invalid":
        said += f": {'; '.join(experiment.reasons) or 'no reason was recorded'}"
    elif experiment.design == "two hosts" and experiment.verdict == "inconclusive":
        said += ": host and version cannot be told apart"
    elif deciding and experiment.verdict != "equal":
        said += f": {written.listing(deciding)}"
    if experiment.runs_wanted is not None:
        said += f"; about {experiment.runs_wanted} runs a side should tell"
    missed = tuple(
        check.measure.name
        for check in experiment.limits
        if check.fails and not check.is_kept
    )
    if missed:
        said += f"; limit missed: {written.listing(missed)}"
    return said + "."


def _shown(measure: Measure, value: float | None) -> str:
    if value is None:
        return written.MISSING
    if measure.is_share:
        sign = "+" if value > 0 else ""
        return f"{sign}{written.number(100 * value)}{written.NBSP}points"
    return f"×{written.number(value, 4)}"
