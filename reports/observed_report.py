"""Observed -> Document: what real people cost the nodes, beside a benchmark's bots.

Computes nothing: every number is a field of `planning.observed.models.Observed`.
"""

from planning.observed.models import Asked, Observed, ObservedNode
from planning.peaks import Interval
from reports import format as written
from reports import people, wording
from reports.document import (
    Answer,
    Block,
    Column,
    Document,
    Notice,
    Section,
    Table,
    Text,
)

PARTS = {
    "base": "node without load",
    "participants": "participant (page, chat, signalling)",
    "voice": "participant with a microphone",
    "cameras": "camera sent to the node",
    "listeners": "participant who only listens",
    "streams": "stream sent by the node",
}


def document(observed: Observed, *, source: str) -> Document:
    """Tell an observation; `source` is the file it came from."""
    beside = observed.beside
    ratio = people.UNKNOWN if beside is None else people.answer(beside, beside.ratio)
    return Document(
        kind="observed",
        title="What real people cost the nodes",
        asked=(
            "How much CPU did participants and their streams use in production, and is "
            "that what a benchmark's bots use?"
        ),
        verdict=_verdict(observed),
        tone="warning" if beside is None or beside.dearer else "good",
        answers=(ratio, *(_answer(node) for node in observed.nodes)),
        next_steps=_next_steps(observed),
        notices=people.notices(beside),
        sections=(
            *(_node_section(node) for node in observed.nodes),
            *((_asked_section(observed.asked),) if observed.asked else ()),
            *((_notes_section(observed),) if _notes(observed) else ()),
        ),
        provenance=(
            ("input", source),
            ("read from", observed.source),
            ("since", written.moment(observed.since)),
            ("until", written.moment(observed.until)),
            ("averaged over", written.duration(observed.step_s)),
            ("benchmark", "none" if beside is None else f"run {beside.run}"),
            ("seed", str(observed.seed)),
            ("bbbload", observed.tool_version),
        ),
    )


def _verdict(observed: Observed) -> str:
    beside = observed.beside
    if beside is None:
        return "Observed without a benchmark beside it; no load was sent."
    if beside.dearer:
        return f"{people.DEARER[beside.dearer]} No load was sent."
    return "Bots and people cost the same within the bounds; no load was sent."


def _answer(node: ObservedNode) -> Answer:
    used, cores = written.number(node.busy_cores), written.number(node.cores)
    holds_for = f"{node.node}, busiest tenth of {written.tenths(node.days)} days: "
    return Answer(
        question=f"{node.node}: cores in use when busy",
        value=f"{used} of {cores}" if node.cores is not None else used,
        interval="of which the load "
        + written.interval(
            written.number(node.load_cores.low),
            written.number(node.load_cores.high),
            node.load_cores.coverage,
        ),
        holds_for=holds_for + _mix(node.busy),
    )


def _next_steps(observed: Observed) -> tuple[str, ...]:
    if observed.beside is None:
        return (
            "Set a benchmark of the same server type beside it: bbbload capacity "
            "observe --benchmark capacity.json.",
        )
    return (
        "Put the ratio onto the node card: bbbload card capacity.json --observed "
        "observed.json.",
        "Plan with the dearer cost: bbbload plan observed.json --history H.csv "
        "--catalog C.toml --budget B.toml -o plan.json.",
    )


def _node_section(node: ObservedNode) -> Section:
    blocks: list[Block] = [
        Text(
            text=(
                f"Largest seen: {_mix(node.largest)}; nothing is said beyond 1.2 times "
                f"that. Without load {_span(node.base)} cores; the busy mix "
                f"({_mix(node.busy)}) costs {_span(node.load_cores)} cores more."
            )
        ),
        Text(text=_at_bound(node)),
        Table(
            title="Cores by role, and what one unit of load costs",
            columns=(
                Column(title="role", is_name=True),
                Column(title="cores when busy", is_number=True),
                Column(title="unit of load"),
                Column(title="cores each", is_number=True),
                Column(title="interval"),
            ),
            rows=_role_rows(node),
            note=(
                "Scaled condition number of the fit: "
                f"{written.number(node.condition_number)}; above 100 the history does "
                "not tell the parts of the load apart."
            ),
        ),
    ]
    blocks += [Notice(text=wording.sentence(note)) for note in node.notes]
    return Section(title=node.node, blocks=tuple(blocks))


def _role_rows(node: ObservedNode) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = []
    for role in node.roles:
        name = "whole node" if role.role == "node" else role.role
        head = (name, written.number(role.cores))
        if not role.costs:
            rows.append((*head, "not told apart", written.MISSING, written.MISSING))
        for place, cost in enumerate(role.costs):
            interval = written.interval(
                written.number(cost.low), written.number(cost.high), node.base.coverage
            )
            rows.append(
                (
                    *(head if place == 0 else ("", "")),
                    PARTS.get(cost.name, cost.name),
                    written.number(cost.value),
                    interval,
                )
            )
    return tuple(rows)


def _at_bound(node: ObservedNode) -> str:
    found = node.at_bound
    if found is None:
        return "Where 80 % of the cores are reached lies too far beyond what was seen."
    low, high = written.count(found.low), written.count(found.high)
    return (
        f"80 % of the cores are reached at {written.count(found.mid)} participants of "
        f"the busy mix ({written.interval(low, high, found.coverage)})."
    )


def _asked_section(asked: tuple[Asked, ...]) -> Section:
    table = Table(
        title="",
        columns=(
            Column(title="node", is_name=True),
            Column(title="mix"),
            Column(title="cores", is_number=True),
            Column(title="interval"),
        ),
        rows=tuple(
            (
                each.node,
                _mix(each.mix),
                written.number(each.cores.mid),
                written.interval(
                    written.number(each.cores.low),
                    written.number(each.cores.high),
                    each.cores.coverage,
                ),
            )
            for each in asked
        ),
    )
    return Section(title="Mixes that were asked for", blocks=(table,))


def _notes(observed: Observed) -> tuple[str, ...]:
    beside = observed.beside
    return (*observed.notes, *(beside.notes if beside is not None else ()))


def _notes_section(observed: Observed) -> Section:
    notes = tuple(Notice(text=wording.sentence(note)) for note in _notes(observed))
    return Section(title="What limits these figures", blocks=notes)


def _mix(counts: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{written.count(count)} {name}" for name, count in counts)


def _span(found: Interval) -> str:
    low, high = written.number(found.low), written.number(found.high)
    return f"{written.number(found.mid)} ({low} to {high})"
