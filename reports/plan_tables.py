"""Plan -> tables: nodes that serve, capacities, months, shocks, backtest, assumptions.

Computes nothing but differences a reader would take with a finger on the page: which
nodes come and go from one month to the next.
"""

from planning.models import (
    LONGEST_RUNWAY_MONTHS,
    CapacityUsed,
    MonthPlan,
    Plan,
    StandInMeasurement,
)
from planning.offers import NodeCount
from planning.peaks import Backtest, Interval
from reports import wording
from reports.document import Block, Column, Notice, Table, Text
from reports.plan_tongue import ENGLISH, Tongue


def nodes(counts: tuple[NodeCount, ...], tongue: Tongue = ENGLISH) -> str:
    """Write a set of nodes: 3 × EX44 and 1 × CPX51."""
    kept = tuple(some(node.count, node.type, tongue) for node in counts if node.count)
    return tongue.listing(kept) or tongue.say("no node")


def changes(
    months: tuple[MonthPlan, ...], tongue: Tongue = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """Return (month, the nodes that serve from it on) wherever these change."""
    rows: list[tuple[str, str]] = []
    for month in months:
        serving = nodes(month.nodes, tongue)
        if not rows or rows[-1][1] != serving:
            rows.append((tongue.month(month.month), serving))
    return tuple(rows)


def some(count: int, type_name: str, tongue: Tongue) -> str:
    name = tongue.type_name(type_name)
    # Without the marks, "22 × 6 cores" would be 132 cores.
    if name[:1].isdigit():
        return tongue.say("quoted", count=count, type=name)
    return f"{count} × {name}"


def serving_table(plan: Plan, tongue: Tongue) -> Table:
    return Table(
        title="",
        columns=(
            Column(title=tongue.say("from"), is_name=True),
            Column(title=tongue.say("nodes")),
        ),
        rows=changes(plan.months, tongue),
        note=tongue.say("serving, note", rule=tongue.sentence(plan.node_failure.rule)),
    )


def capacity_table(plan: Plan, tongue: Tongue) -> Table:
    return Table(
        title=tongue.say("capacity"),
        columns=(
            Column(title=tongue.say("type"), is_name=True),
            Column(title=tongue.say("participants"), is_number=True),
            *(
                Column(title=tongue.say(name))
                for name in ("interval", "mix of meetings", "slo", "origin", "source")
            ),
        ),
        rows=tuple(_capacity_row(used, tongue) for used in plan.capacity_used),
    )


def _capacity_row(used: CapacityUsed, tongue: Tongue) -> tuple[str, ...]:
    is_listed = used.origin == "catalog"
    return (
        used.type,
        tongue.count(used.participants),
        tongue.span(tongue.count(used.low), tongue.count(used.high), used.coverage),
        tongue.told(used.mix) or tongue.say("no mix"),
        used.slo or tongue.say("no slo"),
        tongue.say("the catalogue") if is_listed else tongue.told(used.origin),
        tongue.told(used.source),
    )


def months_table(plan: Plan, tongue: Tongue) -> Table:
    heads = ("month", "peak, median", "peak .95", "nodes", "cost", "80, head")
    more = ("traffic out", "balance", "80, head")
    texts = {"month", "nodes", "80, head"}
    return Table(
        title=tongue.say("month by month"),
        columns=tuple(
            Column(title=tongue.say(head), is_number=head not in texts)
            for head in heads + more
        ),
        rows=tuple(
            (
                tongue.month(month.month),
                tongue.count(month.peak.p50),
                tongue.count(month.peak.p95),
                nodes(month.nodes, tongue),
                tongue.money(month.cost_eur, plan),
                tongue.money_span(month.cost_interval_eur, plan),
                tongue.byte_count(month.traffic_bytes),
                tongue.money(month.balance_eur.mid, plan),
                tongue.money_span(month.balance_eur, plan),
            )
            for month in plan.months
        ),
        note=_months_note(plan, tongue),
    )


def _months_note(plan: Plan, tongue: Tongue) -> str:
    note = tongue.say(
        "months, note",
        total=tongue.money(plan.cost_total_eur, plan),
        interval=tongue.money_interval(plan.cost_total_interval_eur, plan),
    )
    left, runway = plan.months[-1].ordered_balance_eur, plan.ordered_runway_months
    if left is None or runway is None:
        return note
    ordered = tongue.say(
        "months, ordered", left=tongue.money(left, plan), runway=tongue.months(runway)
    )
    return f"{note} {ordered}"


def _runway_span(value: Interval, tongue: Tongue) -> str:
    if value.high < LONGEST_RUNWAY_MONTHS:
        return tongue.interval(value, tongue.tenths)
    return tongue.beside(value)


def shock_table(plan: Plan, tongue: Tongue) -> Table:
    rows = tuple(
        (
            f"× {tongue.number(row.factor)}",
            tongue.month(row.month),
            tongue.count(row.peak),
            tongue.told(row.note) or nodes(row.nodes, tongue),
            f"+{row.extra_nodes}",
            tongue.money(row.cost_eur, plan),
            tongue.money(row.monthly_cost_eur, plan),
            tongue.months(row.runway_months.mid),
            _runway_span(row.runway_months, tongue),
        )
        for row in plan.shocks
    )
    heads = ("demand", "in", "participants", "nodes", "more", "that month", "later")
    texts = {"demand", "in", "nodes", "interval"}
    return Table(
        title=tongue.say("shock"),
        columns=tuple(
            Column(title=tongue.say(head), is_number=head not in texts)
            for head in (*heads, "runway", "interval")
        ),
        rows=rows,
        note=tongue.say("shock, note"),
    )


def backtest(test: Backtest, tongue: Tongue) -> tuple[Block, ...]:
    intro = Text(
        text=tongue.say(
            "backtest, intro",
            reason=tongue.sentence(test.reason),
            weeks=test.horizon_weeks,
            used=tongue.told(test.used),
        )
    )
    if not test.scores:
        return (intro, Notice(text=tongue.say("no backtest")))
    columns = (
        Column(title=tongue.say("forecaster")),
        Column(title=tongue.say("origins"), is_number=True),
        *(
            Column(title=tongue.number(score.quantile), is_number=True)
            for score in test.scores[0].scores
        ),
    )
    names = {
        score.name: tongue.say("used", name=tongue.told(score.name))
        if score.name == test.used
        else tongue.told(score.name)
        for score in test.scores
    }
    losses = tuple(
        (
            names[score.name],
            tongue.count(score.origins),
            *(tongue.number(part.pinball) for part in score.scores),
        )
        for score in test.scores
    )
    shares = tuple(
        (
            names[score.name],
            tongue.count(score.origins),
            *(tongue.percent(part.coverage) for part in score.scores),
        )
        for score in test.scores
    )
    return (
        intro,
        Table(
            title=tongue.say("losses"),
            columns=columns,
            rows=losses,
            note=tongue.say("losses, note"),
        ),
        Table(
            title=tongue.say("shares"),
            columns=columns,
            rows=shares,
            note=tongue.say("shares, note"),
        ),
    )


def assumption_table(plan: Plan, tongue: Tongue) -> Table:
    return Table(
        title="",
        columns=tuple(
            Column(title=tongue.say(title))
            for title in ("assumption", "value", "why", "source")
        ),
        rows=tuple(
            (
                tongue.told(given.name),
                tongue.value(given),
                tongue.told(given.reason),
                tongue.told(given.source),
            )
            for given in plan.assumptions
        ),
    )


def stand_in(measured: StandInMeasurement, tongue: Tongue) -> tuple[Block, ...]:
    rows = tuple(
        (
            found.name,
            tongue.say(
                "meetings of", size=found.size, cameras=_cameras(found.cameras, tongue)
            ),
            _stand_in_number(found.capacity, found.at_least, tongue),
            tongue.span(
                tongue.count(found.low), tongue.count(found.high), measured.coverage
            )
            if found.capacity is not None
            else found.invalid or tongue.say("held"),
            tongue.told(wording.LIMITS.get(found.limit, found.limit)),
        )
        for found in measured.profiles
    )
    return (
        Notice(text=tongue.told(measured.note), tone="warning"),
        Table(
            title=tongue.say("run", run=measured.run, slo=measured.slo),
            columns=tuple(
                Column(
                    title=tongue.say(name),
                    is_name=name == "profile",
                    is_number=name == "participants",
                )
                for name in (
                    "profile",
                    "mix",
                    "participants",
                    "interval",
                    "broke first",
                )
            ),
            rows=rows,
        ),
    )


def _cameras(count: int, tongue: Tongue) -> str:
    name = {0: "no camera", 1: "a camera"}.get(count, "cameras")
    return tongue.say(name, count=count)


def _stand_in_number(
    capacity: float | None, at_least: float | None, tongue: Tongue
) -> str:
    if capacity is not None:
        return tongue.count(capacity)
    if at_least:
        return tongue.say("at least", count=tongue.count(at_least))
    return tongue.say("no capacity")
