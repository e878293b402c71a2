"""Node card -> Document: one server type, told so that two people can compare theirs.

Computes nothing and knows nobody's host: every word is a field of the card.
"""

from loadtest.card import NodeCard
from reports import capacity_report, people, wording
from reports import format as written
from reports.document import Block, Column, Document, Section, Table, Text

NOT_KNOWN = "not known"


def document(card: NodeCard) -> Document:
    """Tell a node card; not its file, which may be called after a host."""
    capacity = card.capacity
    ratio = card.people
    return Document(
        kind="card",
        title=_title(card),
        asked=(
            f"How many participants does this server type carry while it keeps "
            f"{capacity.slo.name}, and how was that measured?"
        ),
        verdict=capacity_report.verdict(capacity),
        tone=wording.VALIDITY_TONES[capacity.validity],
        answers=(
            *(capacity_report.answer(found, capacity) for found in capacity.profiles),
            people.UNKNOWN if ratio is None else people.answer(ratio, ratio),
        ),
        next_steps=_next_steps(card),
        notices=(
            *((wording.STAND_IN,) if capacity.stand_in else ()),
            *people.notices(ratio),
        ),
        sections=(
            _machine_section(card),
            _load_section(card),
            capacity_report.summary_section(capacity),
            *_ran_out_sections(card),
            capacity_report.chart_section(capacity),
            capacity_report.cost_section(capacity),
        ),
        provenance=_provenance(card),
    )


def _title(card: NodeCard) -> str:
    if card.capacity.stand_in:
        return "Node card of bbbload's stand-in node (not of BigBlueButton)"
    return f"Node card: {card.type or 'a server type that nobody named'}"


def _next_steps(card: NodeCard) -> tuple[str, ...]:
    if card.capacity.stand_in:
        return ("Benchmark a node of yours: bbbload benchmark NAME --card card.json.",)
    return (
        "Compare it with others: bbbload cards DIR --catalog C.toml.",
        "Plan with it: bbbload plan card.json --history H.csv --catalog C.toml "
        "--budget B.toml -o plan.json.",
    )


def _machine_section(card: NodeCard) -> Section:
    machine, software = card.hardware, card.software
    rows = (
        ("server type", card.type),
        ("machine", machine.maker),
        ("processor", machine.processor),
        ("cores", _known(written.number(machine.cores))),
        ("memory", _known(written.memory(machine.memory_bytes))),
        ("network card", _known(written.bit_rate(machine.nic_bps))),
        (
            "taken by other machines (steal)",
            _known(written.percent(machine.steal_ratio)),
        ),
        ("BigBlueButton", card.capacity.bbb_version),
        *((f"package {name}", version) for name, version in software.packages),
        ("system", software.system),
        ("kernel", software.kernel),
        *((f"setting: {name}", value) for name, value in card.settings),
    )
    if not card.settings:
        rows += (("settings that matter", ""),)
    table = Table(
        title="",
        columns=(Column(title="what"), Column(title="found")),
        rows=tuple((name, value or NOT_KNOWN) for name, value in rows),
        note=_seen(card),
    )
    return Section(title="The machine", blocks=(table,))


def _known(text: str) -> str:
    return "" if text == written.MISSING else text


def _seen(card: NodeCard) -> str:
    if not card.nodes:
        return "Nobody watched the machine, or the run's log was not at hand."
    nodes = wording.counted(card.nodes, "node")
    rest = "; what differs between them is not known here" if card.nodes > 1 else ""
    return f"As {nodes} told during the run{rest}. What nobody saw is not guessed."


def _load_section(card: NodeCard) -> Section:
    hashes = dict(card.scenarios)
    table = Table(
        title="",
        columns=(
            Column(title="profile", is_name=True),
            Column(title="hash", is_name=True),
            Column(title="mix"),
        ),
        rows=tuple(
            (
                found.profile.name,
                hashes.get(found.profile.name, written.MISSING),
                wording.mix(found.profile) + wording.manner(card.capacity.manner),
            )
            for found in card.capacity.profiles
        ),
        note=(
            "The same hash is the same load, whatever it was called; cards are "
            "compared where hash and SLO are the same."
        ),
    )
    blocks: list[Block] = [table]
    if card.people is not None:
        ratio = card.people
        blocks.append(
            Text(
                text=(
                    "Real people were observed on "
                    f"{wording.counted(ratio.nodes, 'node')} for "
                    f"{written.tenths(ratio.days)} days in all."
                )
            )
        )
    return Section(title="What it was loaded with", blocks=tuple(blocks))


def _ran_out_sections(card: NodeCard) -> tuple[Section, ...]:
    """Return what ran out and what shows it, where anything does."""
    rows = tuple(
        (
            found.profile.name,
            found.limit_met,
            written.listing(found.evidence) or written.MISSING,
        )
        for found in card.capacity.profiles
        if found.limit_met
    )
    if not rows:
        return ()
    table = Table(
        title="",
        columns=(
            Column(title="profile", is_name=True),
            Column(title="what", is_name=True),
            Column(title="shown by"),
        ),
        rows=rows,
    )
    return (Section(title="What ran out", blocks=(table,)),)


def _provenance(card: NodeCard) -> tuple[tuple[str, str], ...]:
    capacity = card.capacity
    return (
        ("measured", card.measured_on or NOT_KNOWN),
        ("run", capacity.run or NOT_KNOWN),
        ("seed", str(capacity.seed)),
        ("bbbload", capacity.tool_version or NOT_KNOWN),
        ("SLO", wording.slo(capacity.slo)),
        ("validity", capacity_report.verdict(capacity)),
        ("left out", "hosts, addresses, tenants, and every text that could name them"),
    )
