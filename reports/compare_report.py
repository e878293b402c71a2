"""Experiment -> Document: is the candidate worse, and how well is that known?

The title names the design, since it limits the verdict. Every run is a dot. Computes
nothing: `loadtest.compare` did.
"""

import math

from loadtest.comparison import Comparison, Difference, Experiment, RunSide
from reports import comparison_wording as worded
from reports import format as written
from reports import wording
from reports.document import (
    Answer,
    Block,
    Chart,
    Column,
    Document,
    Dots,
    Limit,
    Line,
    Mark,
    Notice,
    Section,
    Table,
    Text,
    Whiskers,
)

PLACES: dict[RunSide, int] = {"baseline": 0, "candidate": 1, "same version": 2}
DOT_SPREAD = 0.5
"""Width over which the dots of a side are spread, in the order of their time."""


def document(experiment: Experiment, *, source: str) -> Document:
    """Tell an experiment; `source` is the file it came from."""
    before, after = worded.versions(experiment)
    stand_in = any(run.stand_in for run in experiment.runs)
    return Document(
        kind="comparison",
        title=f"{worded.DESIGNS[experiment.design]}: {before} against {after}",
        asked=(
            f"Is {after} worse than {before}, under the same load"
            f"{_load(experiment)}, by a change that matters?"
        ),
        verdict=worded.verdict(experiment),
        tone=worded.TONES[experiment.verdict],
        answers=_answers(experiment),
        next_steps=_next_steps(experiment),
        notices=(wording.STAND_IN,) if stand_in else (),
        sections=_sections(experiment),
        provenance=_provenance(experiment, source),
    )


def _load(experiment: Experiment) -> str:
    loads = dict.fromkeys(run.load for run in experiment.runs if run.load)
    return f" ({written.listing(tuple(loads))})" if loads else ""


def _answers(experiment: Experiment) -> tuple[Answer, ...]:
    gated = [each for each in experiment.measures if each.measure.is_gated]
    weights = ("regressed", "inconclusive", "better", "equal", "not compared")
    gated.sort(key=lambda each: weights.index(each.verdict))
    return tuple(
        Answer(
            question=each.measure.name,
            value=worded.effect(each),
            interval=(
                worded.interval(each)
                if each.low is None or each.high is None
                else f"{worded.interval(each)} "
                f"({written.percent(each.coverage)} interval)"
            ),
            holds_for=(
                f"{each.verdict}; runs: {len(each.baseline)} and {len(each.candidate)}"
            ),
            tone=worded.TONES[each.verdict],
        )
        for each in gated
    )


def _next_steps(experiment: Experiment) -> tuple[str, ...]:
    steps = []
    if experiment.verdict == "inconclusive" and experiment.design == "two hosts":
        steps.append(
            "Put the baseline on both hosts first, or let a command switch the version "
            "of one host: only then can a version be judged."
        )
    elif experiment.runs_wanted is not None:
        steps.append(f"Go on to about {experiment.runs_wanted} runs a side.")
    elif experiment.verdict == "inconclusive":
        steps.append("Make more runs of both sides, in turn.")
    if experiment.verdict == "invalid":
        steps.append("Find out what disturbed the runs, and repeat the experiment.")
    steps += [
        f"Look at {each.measure.name}: {worded.effect(each)}."
        for each in experiment.measures
        if each.verdict == "regressed"
    ]
    return tuple(steps)


def _sections(experiment: Experiment) -> tuple[Section, ...]:
    sections = [("Measures", _measure_blocks(experiment))]
    if experiment.limits:
        sections.append(("Limits", (_limits(experiment),)))
    charts = tuple(
        _distribution(each, experiment)
        for each in experiment.measures
        if _finite(each.baseline) or _finite(each.candidate)
    )
    sections.append(("Every run", charts))
    if experiment.hosts:
        sections.append(("Host against host", (_effects(experiment.hosts, "hosts"),)))
    sections.append(("What differs between the sides", _seen(experiment)))
    sections.append(("Runs", (_runs(experiment),)))
    return tuple(Section(title=title, blocks=blocks) for title, blocks in sections)


def _measure_blocks(experiment: Experiment) -> tuple[Block, ...]:
    notes = tuple(
        Notice(text=wording.sentence(reason), tone="warning")
        for reason in experiment.reasons
    )
    ratios = [
        each
        for each in experiment.measures
        if not each.measure.is_share and each.low is not None
    ]
    chart = (_effect_chart(ratios),) if ratios else ()
    return (*notes, _effects(experiment.measures, "measures"), *chart)


def _effects(measures: tuple[Comparison, ...], what: str) -> Table:
    is_hosts = what == "hosts"
    return Table(
        title=(
            "The candidate's host against the other, both with the baseline"
            if is_hosts
            else "Medians over runs, and the effect"
        ),
        columns=(
            Column(title="measure", is_name=True),
            Column(title="verdict"),
            Column(title="runs", is_number=True),
            Column(title="samples", is_number=True),
            Column(title="one host" if is_hosts else "baseline", is_number=True),
            Column(title="the other" if is_hosts else "candidate", is_number=True),
            Column(title="effect", is_number=True),
            Column(title="interval"),
            Column(title="p", is_number=True),
            Column(title="p adjusted", is_number=True),
            Column(title="p permuted", is_number=True),
            Column(title="gate"),
            Column(title="matters from", is_number=True),
        ),
        rows=tuple(_effect_row(each, is_hosts) for each in measures),
        note=(
            "The unit is the run; samples are the joins, streams or scrapes that their "
            "values are of. p: Welch's test (on logarithms for ratios), then "
            "after Holm over the gated measures; beside it that of the permutation "
            "test."
        ),
    )


def _effect_row(each: Comparison, is_hosts: bool) -> tuple[str, ...]:
    wanted = (
        f" (about {each.runs_wanted} runs a side)"
        if each.runs_wanted is not None
        else ""
    )
    return (
        each.measure.name,
        written.MISSING if is_hosts else f"{each.verdict}{wanted}",
        f"{len(each.baseline)} + {len(each.candidate)}",
        _samples(each),
        worded.amount(each.measure, each.baseline_median),
        worded.amount(each.measure, each.candidate_median),
        worded.effect(each),
        written.MISSING if each.low is None else worded.interval(each),
        _p(each.p),
        _p(each.p_adjusted),
        _p(each.p_permutation),
        "fails" if each.measure.is_gated else "warns",
        worded.smallest(each.measure),
    )


def _samples(each: Comparison) -> str:
    if not each.baseline_samples and not each.candidate_samples:
        return written.MISSING
    return f"{each.baseline_samples} + {each.candidate_samples}"


def _p(value: float | None) -> str:
    if value is None:
        return written.MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _effect_chart(ratios: list[Comparison]) -> Chart:
    places = tuple(float(place) for place in range(len(ratios)))
    return Chart(
        title="Change of each ratio with its interval",
        x_label="measure",
        y_label="candidate ÷ baseline",
        y_unit="ratio",
        x_names=tuple(
            (place, each.measure.name)
            for place, each in zip(places, ratios, strict=True)
        ),
        marks=(
            Whiskers(
                name="estimate and interval",
                x=places,
                y=tuple(each.estimate or 0.0 for each in ratios),
                low=tuple(each.low or 0.0 for each in ratios),
                high=tuple(each.high or 0.0 for each in ratios),
            ),
            Limit(name="no change: 100 %", value=1.0),
        ),
        starts_at_zero=False,
    )


def _distribution(each: Comparison, experiment: Experiment) -> Chart:
    measure = each.measure
    marks: list[Mark] = []
    present = []
    for side, place in PLACES.items():
        values = [
            dict(run.values).get(measure.name)
            for run in experiment.runs
            if run.side == side and not run.invalid
        ]
        finite = _finite(values)
        if not finite:
            continue
        present.append((float(place), side))
        step = DOT_SPREAD / max(1, len(finite) - 1)
        marks.append(
            Dots(
                name=f"{side}, runs: {len(finite)}",
                x=tuple(
                    place + step * (number - (len(finite) - 1) / 2)
                    for number in range(len(finite))
                ),
                y=finite,
                color=place,
            )
        )
    medians = ((0, each.baseline_median), (1, each.candidate_median))
    for place, median in medians:
        if median is not None and math.isfinite(median):
            reach = 0.32
            marks.append(
                Line(
                    name="median" if place == 0 else "",
                    x=(place - reach, place + reach),
                    y=(median, median),
                    color=5,
                )
            )
    marks += [
        Limit(name="limit", value=check.limit)
        for check in experiment.limits
        if check.measure.name == measure.name
    ]
    return Chart(
        title=f"{measure.name}: {each.verdict}",
        x_label="side; runs in the order of their time",
        y_label=measure.name,
        y_unit=worded.unit(measure),
        x_names=tuple(present),
        x_range=(-0.5, max(place for place, _ in present) + 0.5),
        marks=tuple(marks),
        starts_at_zero=measure.is_share,
        note="A run in which it never came has no dot." if _never(each) else "",
    )


def _finite(values: tuple[float, ...] | list[float | None]) -> tuple[float, ...]:
    return tuple(
        value for value in values if value is not None and math.isfinite(value)
    )


def _never(each: Comparison) -> bool:
    return any(math.isinf(value) for value in (*each.baseline, *each.candidate))


def _limits(experiment: Experiment) -> Table:
    return Table(
        title="Absolute limits on the candidate's median",
        columns=(
            Column(title="measure", is_name=True),
            Column(title="runs", is_number=True),
            Column(title="limit", is_number=True),
            Column(title="measured", is_number=True),
            Column(title="gate"),
            Column(title="verdict"),
        ),
        rows=tuple(
            (
                check.measure.name,
                str(check.runs),
                worded.amount(check.measure, check.limit),
                worded.amount(check.measure, check.measured),
                "fails" if check.fails else "warns",
                "kept" if check.is_kept else "missed",
            )
            for check in experiment.limits
        ),
    )


def _seen(experiment: Experiment) -> tuple[Block, ...]:
    if not experiment.differences:
        return (
            Text(text="Nothing that the watchers can see differs."),
            _facts("Alike on both sides", experiment.alike),
        )
    return (
        _facts("Differs", experiment.differences),
        _facts("Alike on both sides", experiment.alike),
    )


def _facts(title: str, facts: tuple[Difference, ...]) -> Table:
    return Table(
        title=title,
        columns=(
            Column(title="what", is_name=True),
            Column(title="baseline"),
            Column(title="candidate"),
        ),
        rows=tuple((each.name, each.baseline, each.candidate) for each in facts),
        note="Only what the watched nodes, the API and the media paths tell is seen.",
    )


def _runs(experiment: Experiment) -> Table:
    return Table(
        title="Every run, also those left out",
        columns=(
            Column(title="run", is_name=True),
            Column(title="side"),
            Column(title="host"),
            Column(title="version"),
            Column(title="started"),
            Column(title="seed", is_number=True),
            Column(title="validity"),
        ),
        rows=tuple(
            (
                run.run,
                run.side,
                run.host,
                run.version or "unknown",
                written.moment(run.started_at),
                str(run.seed),
                f"left out: {run.invalid}" if run.invalid else "valid",
            )
            for run in experiment.runs
        ),
    )


def _provenance(experiment: Experiment, source: str) -> tuple[tuple[str, str], ...]:
    seeds = sorted({run.seed for run in experiment.runs})
    return (
        ("Source", source),
        ("bbbload", experiment.tool_version),
        ("First run", written.moment(experiment.started_at)),
        ("Seeds", ", ".join(map(str, seeds))),
        ("Design", worded.DESIGNS[experiment.design]),
        ("Runs", str(len(experiment.runs))),
    )
