"""RunResult -> Document: did the load that was asked for get what the SLO promises?

Computes nothing: `loadtest.timeline` digested the run.
"""

from loadtest.models import SelfCheck, SloVerdict
from loadtest.results import RunResult
from reports import depths, run_charts, wording
from reports import format as written
from reports.document import (
    Answer,
    Block,
    Column,
    Document,
    Notice,
    Section,
    Table,
    Text,
    Tone,
)
from reports.steps import steps_table


def document(run: RunResult, *, source: str, torn: str = "") -> Document:
    """Tell a run; `torn` says what of the file could not be read."""
    header = run.header
    target = "bbbload's stand-in node" if header.stand_in else header.target
    stand_in = " (not BigBlueButton)" if header.stand_in else ""
    mixes = (
        wording.mix(header.scenario[0])
        if len(header.scenario) == 1
        else written.listing(tuple(dict.fromkeys(p.name for p in header.scenario)))
    )
    return Document(
        kind="run",
        title=f"Load on {target}{stand_in}",
        asked=(
            f"Does {target} keep {header.slo.name} with up to "
            f"{written.count(_largest_asked(run))} participants in {mixes}?"
        ),
        verdict=_verdict(run),
        tone=_tone(run),
        answers=_answers(run),
        next_steps=_next_steps(run),
        notices=(
            *((wording.STAND_IN,) if header.stand_in else ()),
            *(Notice(text=f"{note}.", tone="warning") for note in header.notes),
            *((Notice(text=torn, tone="warning", short="cut off"),) if torn else ()),
        ),
        sections=_sections(run),
        provenance=_provenance(run, source),
    )


def _largest_asked(run: RunResult) -> int:
    return max((step.participants for step in run.steps), default=0)


def _broken(run: RunResult) -> tuple[tuple[int, SloVerdict], ...]:
    """Return the steps that broke a bound while the generator was fit to judge it."""
    return tuple(
        (place, verdict)
        for place, verdict in enumerate(run.verdicts)
        if verdict.generator_fit and not verdict.met
    )


def _unfit(run: RunResult) -> int:
    return sum(not verdict.generator_fit for verdict in run.verdicts)


def _verdict(run: RunResult) -> str:
    reasons = "; ".join(run.reasons)
    if run.validity != "valid":
        return f"{run.validity.capitalize()}: {reasons or 'no reason was recorded'}."
    noted = f" Noted: {reasons}." if reasons else ""
    if not run.points:
        return f"Valid, but no step lasted long enough to be judged.{noted}"
    if unfit := _unfit(run):
        return (
            f"Valid, but {unfit} of {len(run.points)} steps judge nothing: the "
            f"generator was unfit in them.{noted}"
        )
    return f"Valid: the generator was fit to judge the node.{noted}"


def _tone(run: RunResult) -> Tone:
    if run.validity == "valid" and (not run.points or _unfit(run)):
        return "warning"
    return wording.VALIDITY_TONES[run.validity]


def _answers(run: RunResult) -> tuple[Answer, ...]:
    slo = run.header.slo.name
    total = len(run.points)
    kept = total - len(_broken(run)) - _unfit(run)
    tone: Tone = "good" if total and kept == total else "warning"
    return (
        Answer(
            question="Steps that kept the SLO",
            value=f"{kept} of {total}",
            interval="a count; a run alone gives no interval",
            holds_for=f"SLO {slo}; {_first_broken(run)}",
            tone=tone if run.validity == "valid" else "plain",
        ),
        Answer(
            question="Participants present at once",
            value=written.count(run.peak_participants),
            interval=f"of {written.count(_largest_asked(run))} asked for",
            holds_for=f"in {written.duration(run.duration_s)}",
        ),
        Answer(
            question="Joins that succeeded",
            value=f"{written.count(_joins(run, True))} of {written.count(_joins(run))}",
            interval=_failures(run),
            tone="plain" if _joins(run) == _joins(run, True) else "warning",
        ),
        Answer(
            question="Media carried",
            value=written.byte_count(run.sent_bytes + run.received_bytes),
            interval=(
                f"{written.byte_count(run.sent_bytes)} sent and "
                f"{written.byte_count(run.received_bytes)} received by participants"
            ),
        ),
    )


def _joins(run: RunResult, succeeded: bool = False) -> int:
    return sum(
        found.count
        for found in run.outcomes
        if found.what == "join" and (found.outcome == "joined" or not succeeded)
    )


def _failures(run: RunResult) -> str:
    failed = tuple(
        f"{found.count} {found.outcome}" + (f" ({found.code})" if found.code else "")
        for found in run.outcomes
        if found.what == "join" and found.outcome != "joined"
    )
    return written.listing(failed) or "none failed"


def _first_broken(run: RunResult) -> str:
    for place, verdict in _broken(run):
        point = run.points[place]
        limits = tuple(wording.LIMITS[limit] for limit in verdict.broken)
        return (
            f"first broken at {written.number(point.present)} participants "
            f"({point.profile}): {written.listing(limits)}"
        )
    if len(run.points) == _unfit(run):
        return "no step was judged"
    return "no bound broke" + (" in the steps that were judged" * bool(_unfit(run)))


def _next_steps(run: RunResult) -> tuple[str, ...]:
    steps = []
    if run.validity == "invalid":
        steps.append(
            "Repeat from a stronger or a second generator: these numbers describe "
            "the generator, not the node."
        )
    elif run.validity == "interrupted":
        steps.append("Repeat the run to its end before you rely on it.")
    if not run_charts.node_names(run):
        steps.append("Watch the node (metrics URL): its CPU was not seen.")
    if run.validity == "valid" and _unfit(run):
        steps.append(
            "Repeat the steps in which the generator was unfit: with less else running "
            "on its machine, or from a stronger one."
        )
    if not _broken(run) and not _unfit(run) and run.points:
        steps.append(
            "The load was carried. Find the end with bbbload benchmark, which also "
            "gives a capacity with its interval."
        )
    for _, verdict in _broken(run)[:1]:
        first = wording.LIMITS[verdict.broken[0]]
        steps.append(f"Look at {first} first: it was exceeded most.")
    return tuple(steps)


def _sections(run: RunResult) -> tuple[Section, ...]:
    slo = run.header.slo
    verdicts: tuple[Block, ...] = (
        steps_table(run.points, run.verdicts, slo_name=slo.name, with_profile=True),
        Text(text=f"{wording.slo(slo)}. {wording.slo_sources(slo)}"),
        _unjudged(run),
        _mix_table(run),
    )
    watched = bool(run_charts.node_names(run))
    node: tuple[Block, ...] = (
        (
            run_charts.node_cpu(run),
            *(
                run_charts.node_roles(run, name)
                for name in run_charts.node_names(run)
                if run_charts.has_roles(run, name)
            ),
            run_charts.node_memory(run),
            *_node_facts(run),
        )
        if watched
        else (Notice(text="The node was not watched: no CPU, no memory."),)
    )
    sections = [
        ("Verdict by step", verdicts),
        ("Joins, refusals and drops", (run_charts.joins(run), _outcome_table(run))),
    ]
    if run.bins:
        sections += [
            (
                "Participants and media",
                (
                    run_charts.participants(run),
                    run_charts.bit_rates(run),
                    run_charts.loss(run),
                    run_charts.freezes(run),
                    run_charts.jitter(run),
                ),
            ),
            ("The node", node),
            (
                "The generator",
                (run_charts.engine(run), run_charts.engine_lag(run)),
            ),
        ]
    if run.depths:
        sections.append((depths.TITLE, depths.blocks(run.depths)))
    sections.append(("Paths that media took", (_path_table(run),)))
    if run.self_check is not None:
        sections.append(("What the run checked of itself", (_checks(run.self_check),)))
    return tuple(Section(title=title, blocks=blocks) for title, blocks in sections)


def _checks(self_check: SelfCheck) -> Table:
    return Table(
        title="",
        columns=(
            Column(title="check", is_name=True),
            Column(title="measured", is_number=True),
            Column(title="expected", is_number=True),
            Column(title="may differ by", is_number=True),
            Column(title="result"),
        ),
        rows=tuple(
            (
                f"{check.name} ({check.unit})" if check.unit else check.name,
                written.number(check.measured),
                written.number(check.expected) if check.expected else "",
                written.number(check.tolerance),
                check.reason or "kept",
            )
            for check in self_check.checks
        ),
        note="Packets: received and lost by our viewers, beside those sent by our "
        "publishers. Streams and connections: of the step that lacked most, where the "
        "SLO held. "
        "The others are limits of the generator, the worst of all steps.",
    )


def _node_facts(run: RunResult) -> tuple[Block, ...]:
    """Tell the clock and what the node's components said, as each was last told."""
    blocks: list[Block] = []
    rows = []
    for name in run_charts.node_names(run):
        told = [it for moment in run.bins for it in moment.nodes if it.node == name]
        timed = [it for it in told if it.clock_bound_s is not None]
        if timed:
            last = timed[-1]
            offset_s, bound_s = last.clock_offset_s or 0.0, last.clock_bound_s or 0.0
            ahead = "ahead of" if offset_s >= 0 else "behind"
            blocks.append(
                Text(
                    text=f"The clock of {name} is {written.seconds(abs(offset_s))} "
                    f"{ahead} ours, give or take {written.seconds(bound_s)}."
                )
            )
        rows += [
            (name, figure, written.number(value))
            for figure, value in (told[-1].figures if told else ())
        ]
    if rows:
        blocks.append(
            Table(
                title="What the node's components said at the end",
                columns=(
                    Column(title="node", is_name=True),
                    Column(title="figure", is_name=True),
                    Column(title="value", is_number=True),
                ),
                rows=tuple(rows),
            )
        )
    return tuple(blocks)


def _unjudged(run: RunResult) -> Block:
    names = dict.fromkeys(name for verdict in run.verdicts for name in verdict.unjudged)
    if not names:
        return Text(text="Every bound had data in every step.")
    return Notice(
        text=(
            f"Not judged in some step, for want of data: "
            f"{written.listing(tuple(names))}."
        ),
        tone="warning",
    )


def _mix_table(run: RunResult) -> Table:
    return Table(
        title="Mixes of meetings",
        columns=(Column(title="profile", is_name=True), Column(title="meetings")),
        rows=tuple(
            (profile.name, wording.mix(profile)) for profile in run.header.scenario
        ),
    )


def _outcome_table(run: RunResult) -> Table:
    return Table(
        title="What ended how",
        columns=(
            Column(title="what"),
            Column(title="outcome"),
            Column(title="code"),
            Column(title="how often", is_number=True),
        ),
        rows=tuple(
            (found.what, found.outcome, found.code, written.count(found.count))
            for found in run.outcomes
        ),
        note="Codes are the server's own: message keys, close codes, error numbers. "
        "A first camera or screen with the code relay came by TURN.",
    )


def _path_table(run: RunResult) -> Table:
    return Table(
        title="",
        columns=(
            Column(title="node", is_name=True),
            Column(title="schema"),
            Column(title="bridge"),
            Column(title="audio"),
            Column(title="offer by"),
            Column(title="candidate"),
            Column(title="participants", is_number=True),
        ),
        rows=tuple(
            (
                path.node or written.MISSING,
                path.schema or written.MISSING,
                path.bridge or written.MISSING,
                path.audio_role or "without audio",
                path.offerer or written.MISSING,
                path.candidate_type or written.MISSING,
                written.count(path.count),
            )
            for path in run.paths
        ),
        note="A path of type relay measures TURN as well, not the node alone.",
    )


def _provenance(run: RunResult, source: str) -> tuple[tuple[str, str], ...]:
    header = run.header
    stand_in = " (stand-in node)" if header.stand_in else ""
    return (
        ("input", source),
        ("target", header.target + stand_in),
        ("BBB version", header.bbb_version or "not told by the node"),
        ("started", written.moment(header.started_at)),
        ("duration", written.duration(run.duration_s)),
        ("run", header.run),
        ("seed", str(header.seed)),
        ("engines", str(header.engines)),
        ("bbbload", header.tool_version),
        ("SLO", wording.slo(header.slo)),
        *wording.manner_row(header.manner),
        ("validity", _verdict(run)),
    )
