"""Cards side by side -> Document. Computes nothing: `planning.cards` has compared."""

from planning.cards import CardRow, LoadRows, SideBySide
from planning.peaks import Interval
from reports import format as written
from reports import wording
from reports.document import Answer, Column, Document, Notice, Section, Table

STANDING: dict[str, str] = {
    "valid": "valid",
    "invalid": "INVALID",
    "interrupted": "INTERRUPTED",
    "stand-in": "STAND-IN",
}
NO_PRICE = "no price"
COLUMNS = (
    Column(title="card", is_name=True),
    Column(title="server type"),
    Column(title="cores", is_number=True),
    Column(title="BBB"),
    Column(title="participants"),
    Column(title="broke first"),
    Column(title="users per euro"),
    Column(title="bots ÷ people", is_number=True),
    Column(title="measured", is_name=True),
    Column(title="standing", is_name=True),
)


def document(found: SideBySide, *, source: str) -> Document:
    """Tell a comparison of cards; `source` is their folder."""
    slo = found.slo.name or "an SLO of its own"
    return Document(
        kind="cards",
        title=f"Node cards side by side, SLO {slo}",
        asked=f"Which server type carries most while it keeps {slo}?",
        verdict=_verdict(found),
        tone="good" if found.loads else "warning",
        answers=tuple(
            answer for load in found.loads if (answer := _answer(load)) is not None
        ),
        next_steps=(
            "Plan with a card: bbbload plan card.json --history H.csv --catalog C.toml "
            "--budget B.toml -o plan.json."
            if found.loads
            else "Measure a real node: bbbload benchmark NAME --card card.json "
            "--type TYPE -o capacity.json.",
        ),
        notices=(),
        sections=(
            *(_section(load, found) for load in found.loads),
            *(_stand_in_section(load) for load in found.stand_ins),
            *((_apart_section(found),) if found.apart else ()),
        ),
        provenance=(
            ("folder", source),
            ("SLO", wording.slo(found.slo)),
            ("prices", found.prices or "no catalogue was given (--catalog)"),
        ),
    )


def _verdict(found: SideBySide) -> str:
    loads = len(found.loads)
    cards = {row.name for load in found.loads for row in load.rows}
    text = "No card of a real node."
    if cards:
        text = (
            f"{wording.counted(len(cards), 'card')} of real nodes under "
            f"{wording.counted(loads, 'load')}."
        )
    stand_ins = {row.name for load in found.stand_ins for row in load.rows}
    if stand_ins:
        text += (
            f" {wording.counted(len(stand_ins), 'card').capitalize()} of the stand-in "
            "node apart: nothing about BigBlueButton."
        )
    if found.apart:
        text += f" {len(found.apart)} not compared, with the reason below."
    return text


def _answer(load: LoadRows) -> Answer | None:
    """Return the best row of a load, None where no valid card has a capacity."""
    best = load.rows[0]
    if best.standing != "valid" or best.participants is None:
        return None
    name = _type(best)
    if best.per_eur is not None:
        return Answer(
            question=f"{load.profile.name}: most users per euro",
            value=f"{name}: {written.number(best.per_eur.mid)}",
            interval=_interval(best.per_eur, written.number),
            holds_for=f"{wording.mix(load.profile)}; a euro a month",
        )
    return Answer(
        question=f"{load.profile.name}: most participants",
        value=f"{name}: {written.count(best.participants.mid)}",
        interval=_interval(best.participants, written.count),
        holds_for=wording.mix(load.profile),
    )


def _section(load: LoadRows, found: SideBySide) -> Section:
    note = "At the cost of real people where these were dearer than the bots."
    if found.prices:
        note += (
            " Users per euro a month, without set-up fees; a type that the catalogue "
            "lacks has no price."
        )
    return Section(
        title=f"{load.profile.name}: {wording.mix(load.profile)}{_manner(load)}",
        blocks=(_table(load, note),),
    )


def _stand_in_section(load: LoadRows) -> Section:
    return Section(
        title=f"STAND-IN NODES, not BigBlueButton – {load.profile.name}{_manner(load)}",
        blocks=(_table(load, "These figures show that the tool works, and no more."),),
        notices=(wording.STAND_IN,),
    )


def _table(load: LoadRows, note: str) -> Table:
    return Table(
        title=f"Load {load.hash}",
        columns=COLUMNS,
        rows=tuple(_row(row) for row in load.rows),
        note=f"{_coverages(load)}{note}",
    )


def _manner(load: LoadRows) -> str:
    """Say what the cards of one load have alike, since it is in the load's hash."""
    return wording.manner(load.rows[0].card.capacity.manner)


def _coverages(load: LoadRows) -> str:
    found = {row.participants.coverage for row in load.rows if row.participants}
    if not found:
        return ""
    said = written.listing(tuple(written.percent(each) for each in sorted(found)))
    return f"In brackets: {said} intervals. "


def _row(row: CardRow) -> tuple[str, ...]:
    card = row.card
    people = card.people
    ratio = written.MISSING if people is None else written.number(people.mid)
    if people is not None and people.dearer:
        ratio += " (!)"
    return (
        row.name,
        _type(row),
        written.number(card.hardware.cores),
        card.capacity.bbb_version or "not known",
        _participants(row),
        wording.LIMITS[row.limit],
        _per_eur(row),
        ratio,
        card.measured_on or "not known",
        STANDING[row.standing],
    )


def _participants(row: CardRow) -> str:
    if row.participants is not None:
        return _with_span(row.participants, written.count)
    if row.at_least is not None:
        return f"at least {written.count(row.at_least)}"
    return f"none: {row.reason}" if row.reason else "none"


def _per_eur(row: CardRow) -> str:
    if row.per_eur is not None:
        return _with_span(row.per_eur, written.number)
    if row.at_least_per_eur is not None:
        return f"at least {written.number(row.at_least_per_eur)}"
    return NO_PRICE if row.price_eur is None else written.MISSING


def _type(row: CardRow) -> str:
    return row.card.type or "not named"


def _with_span(found: Interval, write: written.Writer) -> str:
    return f"{write(found.mid)} ({write(found.low)} to {write(found.high)})"


def _interval(found: Interval, write: written.Writer) -> str:
    return written.interval(write(found.low), write(found.high), found.coverage)


def _apart_section(found: SideBySide) -> Section:
    table = Table(
        title="",
        columns=(Column(title="card", is_name=True), Column(title="why")),
        rows=found.apart,
    )
    return Section(
        title="Not compared",
        blocks=(
            table,
            Notice(
                text="Benchmark with the same SLO and meetings to compare.",
                tone="plain",
            ),
        ),
    )
