"""Capacity -> Document: what a node carries, for which meetings, and what broke first.

Computes nothing: every number is a field of `loadtest.models.Capacity`.
"""

from loadtest.models import Capacity, Cost, ProfileCapacity
from planning.observed.models import Beside
from reports import format as written
from reports import people, wording
from reports.document import (
    Answer,
    Block,
    Chart,
    Column,
    Document,
    Limit,
    Line,
    Mark,
    Notice,
    Section,
    Span,
    Table,
    Text,
    Tone,
    Whiskers,
)
from reports.steps import steps_table

NO_CAPACITY = "no capacity"


def document(
    capacity: Capacity, *, source: str, beside: Beside | None = None
) -> Document:
    """Tell a benchmark's result; `source` is the file it came from.

    `beside` is what production said of it, where that was observed.
    """
    node = "the stand-in node" if capacity.stand_in else capacity.target
    mixes = len(capacity.profiles)
    return Document(
        kind="capacity",
        title=(
            "Capacity of bbbload's stand-in node (not of BigBlueButton)"
            if capacity.stand_in
            else f"Capacity of {capacity.target}"
        ),
        asked=(
            f"How many participants does {node} carry while it keeps "
            f"{capacity.slo.name}, for "
            f"{'one mix' if mixes == 1 else f'{mixes} mixes'} of meetings?"
        ),
        verdict=verdict(capacity),
        tone=wording.VALIDITY_TONES[capacity.validity],
        answers=(
            *(answer(found, capacity) for found in capacity.profiles),
            *((people.answer(beside, beside.ratio),) if beside else ()),
        ),
        next_steps=_next_steps(capacity),
        notices=(
            *((wording.STAND_IN,) if capacity.stand_in else ()),
            *people.notices(beside),
        ),
        sections=(
            summary_section(capacity),
            chart_section(capacity),
            cost_section(capacity),
            *(_profile_section(found, capacity) for found in capacity.profiles),
        ),
        provenance=_provenance(capacity, source),
    )


def participants(found: ProfileCapacity) -> str:
    """Write a profile's capacity in participants: a number, `at least`, or `none`."""
    if found.capacity is not None:
        return written.count(found.capacity)
    if found.at_least is not None:
        return f"at least {written.count(found.at_least)}"
    return NO_CAPACITY


def span(found: ProfileCapacity) -> str:
    """Write the interval of a capacity, or why there is none."""
    if found.capacity is not None:
        low, high = written.count(found.low), written.count(found.high)
        return written.interval(low, high, found.coverage)
    if found.at_least is not None:
        return "the SLO held at the highest load: no upper end was seen"
    return found.invalid or "no interval"


def verdict(capacity: Capacity) -> str:
    """Say whether a benchmark may be believed, and why not."""
    if capacity.validity == "valid":
        noted = f" Noted: {'; '.join(capacity.reasons)}." if capacity.reasons else ""
        return f"Valid: wherever a capacity is given, the generator was fit.{noted}"
    head = "Invalid" if capacity.validity == "invalid" else "Interrupted"
    return f"{head}: " + ("; ".join(capacity.reasons) or "no reason was recorded.")


def answer(found: ProfileCapacity, capacity: Capacity) -> Answer:
    """Return a profile's capacity as a first screen shows it."""
    tone: Tone = "plain"
    if found.capacity is None:
        tone = "warning" if found.at_least is not None else "bad"
    first = (
        f"; first limit: {wording.LIMITS[found.limit]}"
        if found.capacity is not None
        else ""
    )
    return Answer(
        question=f"{found.profile.name}: participants",
        value=participants(found),
        interval=span(found),
        holds_for=f"{wording.mix(found.profile)}; SLO {capacity.slo.name}{first}",
        tone=tone,
    )


def _next_steps(capacity: Capacity) -> tuple[str, ...]:
    steps = []
    open_ended = tuple(
        found.profile.name
        for found in capacity.profiles
        if found.at_least is not None and found.capacity is None
    )
    void = tuple(
        found.profile.name
        for found in capacity.profiles
        if found.at_least is None and found.capacity is None
    )
    if open_ended:
        steps.append(
            f"{written.listing(open_ended)}: raise the cap to find where the SLO "
            "breaks; until then plan with the load that held."
        )
    if void:
        steps.append(
            f"{written.listing(void)}: repeat after removing the reason given; there "
            "is no capacity to plan with."
        )
    if capacity.stand_in:
        steps.append(
            "Benchmark a node of yours for a number to plan with: "
            "bbbload benchmark NAME -o capacity.json."
        )
    else:
        steps.append(
            "Plan with it: bbbload plan capacity.json --history H.csv "
            "--catalog C.toml --budget B.toml -o plan.json."
        )
    return tuple(steps)


def summary_section(capacity: Capacity) -> Section:
    """Return the capacity by mix of meetings, in a table."""
    rows = tuple(
        (
            found.profile.name,
            wording.mix(found.profile),
            participants(found),
            span(found),
            limit(found),
            capacity.slo.name,
        )
        for found in capacity.profiles
    )
    table = Table(
        title="Capacity by mix of meetings",
        columns=(
            Column(title="profile", is_name=True),
            Column(title="mix"),
            Column(title="participants", is_number=True),
            Column(title="interval"),
            Column(title="broke first"),
            Column(title="SLO", is_name=True),
        ),
        rows=rows,
        note=f"{wording.slo(capacity.slo)}. {wording.slo_sources(capacity.slo)}",
    )
    return Section(title="What the node carries", blocks=(table,))


def limit(found: ProfileCapacity) -> str:
    """Say what broke first."""
    if found.capacity is not None or found.limit:
        return wording.LIMITS[found.limit]
    return wording.LIMITS["cap"] if found.at_least is not None else written.MISSING


def chart_section(capacity: Capacity) -> Section:
    """Return load against CPU, drawn."""
    measured = tuple(found for found in capacity.profiles if found.capacity is not None)
    blocks: list[Block] = []
    if len(measured) > 1:
        blocks.append(_overview(measured, capacity))
    blocks += [
        _cpu_chart(found, capacity, place)
        for place, found in enumerate(capacity.profiles)
        if any(point.node_cpu_ratio is not None for point in found.points)
    ]
    if not any(
        point.node_samples for found in capacity.profiles for point in found.points
    ):
        blocks.append(
            Notice(
                text="The node's CPU was not watched: give --node-metrics URL.",
                tone="warning",
            )
        )
    return Section(title="Load and CPU", blocks=tuple(blocks))


def _overview(measured: tuple[ProfileCapacity, ...], capacity: Capacity) -> Chart:
    return Chart(
        title=f"Capacity with its interval, SLO {capacity.slo.name}",
        x_label="mix of meetings",
        y_label="participants",
        x_names=tuple(
            (float(place), found.profile.name) for place, found in enumerate(measured)
        ),
        marks=tuple(
            Whiskers(
                name="",
                x=(float(place),),
                y=(found.capacity,),
                low=(found.low if found.low is not None else found.capacity,),
                high=(found.high if found.high is not None else found.capacity,),
                color=capacity.profiles.index(found),
            )
            for place, found in enumerate(measured)
            if found.capacity is not None
        ),
    )


def _cpu_chart(found: ProfileCapacity, capacity: Capacity, place: int) -> Chart:
    points = tuple(sorted(found.points, key=lambda point: point.present))
    marks: list[Mark] = []
    if found.capacity is not None and found.low is not None and found.high is not None:
        marks.append(
            Span(
                name=f"capacity, {written.percent(found.coverage)} interval",
                start=found.low,
                end=found.high,
                color=place % 6,
            )
        )
    marks.append(
        Line(
            name=f"{found.profile.name}, one point a step",
            x=tuple(point.present for point in points),
            y=tuple(point.node_cpu_ratio for point in points),
            has_points=True,
            color=place % 6,
        )
    )
    if capacity.slo.node_cpu_max is not None:
        bound = written.percent(capacity.slo.node_cpu_max)
        marks.append(Limit(name=f"SLO: {bound}", value=capacity.slo.node_cpu_max))
    return Chart(
        title=f"{found.profile.name}: node CPU against participants",
        x_label="participants present",
        y_label="node CPU, share of its cores",
        y_unit="ratio",
        marks=tuple(marks),
        note=f"{wording.mix(found.profile)}; broke first: {limit(found)}",
    )


def cost_section(capacity: Capacity) -> Section:
    """Return what streams and whole meetings cost the node."""
    blocks: list[Block] = []
    if capacity.cost_note:
        blocks.append(Notice(text=capacity.cost_note, tone="warning"))
    if capacity.costs:
        condition = written.number(capacity.condition_number)
        blocks.append(
            Table(
                title="CPU that one unit of load costs the node",
                columns=(
                    Column(title="unit of load"),
                    Column(title="cores", is_number=True),
                    Column(title="interval"),
                ),
                rows=tuple(_cost_row(cost, capacity) for cost in capacity.costs),
                note=(
                    "In cores: CPU seconds per second. Fitted on every step and on "
                    f"{len(capacity.cost_points)} contrast steps of a lighter mix; "
                    f"scaled condition number of the fit: {condition}."
                ),
            )
        )
    meetings = tuple(
        (found.profile, found.meeting_cost)
        for found in capacity.profiles
        if found.meeting_cost is not None
    )
    if meetings:
        blocks.append(
            Table(
                title="What one whole meeting costs",
                columns=(
                    Column(title="meeting"),
                    Column(title="cores", is_number=True),
                    Column(title="interval"),
                ),
                rows=tuple(
                    (
                        f"{profile.name}: {wording.mix(profile)}",
                        *_cost_row(cost, capacity)[1:],
                    )
                    for profile, cost in meetings
                ),
            )
        )
    if not blocks:
        blocks.append(Text(text="No cost was fitted."))
    return Section(title="What a stream costs", blocks=tuple(blocks))


def _cost_row(cost: Cost, capacity: Capacity) -> tuple[str, str, str]:
    return (
        wording.COSTS.get(cost.name, cost.name),
        written.number(cost.value),
        written.interval(
            written.number(cost.low), written.number(cost.high), capacity.cost_coverage
        ),
    )


def _profile_section(found: ProfileCapacity, capacity: Capacity) -> Section:
    name = found.profile.name
    unit = " participants" if participants(found) != NO_CAPACITY else ""
    intro = (
        f"{wording.mix(found.profile).capitalize()}: {participants(found)}{unit} – "
        f"{span(found)}; SLO {capacity.slo.name}."
    )
    if found.limit_met:
        intro += (
            f" What ran out: {found.limit_met} ({written.listing(found.evidence)})."
        )
    return Section(
        title=f"Every step of {name}",
        blocks=(
            Text(text=intro),
            steps_table(
                found.points,
                found.verdicts,
                slo_name=capacity.slo.name,
                with_profile=False,
            ),
        ),
    )


def _provenance(capacity: Capacity, source: str) -> tuple[tuple[str, str], ...]:
    stand_in = " (stand-in node)" if capacity.stand_in else ""
    return (
        ("input", source),
        ("target", capacity.target + stand_in),
        ("BBB version", capacity.bbb_version or "not told by the node"),
        ("node cores", written.number(capacity.node_cores)),
        ("measured", written.moment(capacity.started_at)),
        ("run", capacity.run),
        ("seed", str(capacity.seed)),
        ("bbbload", capacity.tool_version),
        ("SLO", wording.slo(capacity.slo)),
        *wording.manner_row(capacity.manner),
        ("validity", verdict(capacity)),
    )
