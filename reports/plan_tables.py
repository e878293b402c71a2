"""Plan -> tables: nodes that serve, capacities, months, shocks, backtest, assumptions.

Computes nothing but differences a reader would take with a finger on the page: which
nodes come and go from one month to the next.
"""

from planning.models import CapacityUsed, MonthPlan, Plan, StandInMeasurement
from planning.offers import NodeCount
from planning.peaks import Interval
from reports import format as written
from reports import wording
from reports.document import Block, Column, Notice, Table, Text


def nodes(counts: tuple[NodeCount, ...]) -> str:
    """Write a set of nodes: 3 × EX44 and 1 × CPX51."""
    kept = tuple(_some(node.count, node.type) for node in counts if node.count)
    return written.listing(kept) or "no node"


def changes(months: tuple[MonthPlan, ...]) -> tuple[tuple[str, str], ...]:
    """Return (month, the nodes that serve from it on) wherever these change."""
    rows: list[tuple[str, str]] = []
    for month in months:
        serving = nodes(month.nodes)
        if not rows or rows[-1][1] != serving:
            rows.append((written.month(month.month), serving))
    return tuple(rows)


def first_steps(plan: Plan) -> str:
    """Say what the first month needs besides what is held."""
    first = plan.months[0].month
    steps = [step for step in plan.orders if step.month == first]
    told = (
        f"{'order' if step.count > 0 else 'cancel'} "
        f"{_some(abs(step.count), step.type)} by {written.day(step.act_by)}"
        for step in steps
    )
    return written.listing(tuple(told)) or "all of them are held: nothing to order"


def _some(count: int, name: str) -> str:
    # Without the marks, "22 × 6 cores" would be 132 cores.
    return f"{count} × “{name}”" if name[:1].isdigit() else f"{count} × {name}"


def serving_table(plan: Plan) -> Table:
    return Table(
        title="",
        columns=(Column(title="from", is_name=True), Column(title="nodes")),
        rows=changes(plan.months),
        note=(
            f"{wording.sentence(plan.node_failure.rule)} Between these months nothing "
            "changes. What is held already counts as a node here; what to order and "
            "cancel for it, and until when, stands above."
        ),
    )


def capacity_table(plan: Plan) -> Table:
    return Table(
        title="Capacity that a node is planned with",
        columns=(
            Column(title="type", is_name=True),
            Column(title="participants", is_number=True),
            Column(title="interval"),
            Column(title="mix of meetings"),
            Column(title="SLO"),
            Column(title="from"),
            Column(title="source"),
        ),
        rows=tuple(_capacity_row(used) for used in plan.capacity_used),
    )


def _capacity_row(used: CapacityUsed) -> tuple[str, ...]:
    return (
        used.type,
        written.count(used.participants),
        written.interval(
            written.count(used.low), written.count(used.high), used.coverage
        ),
        used.mix or "not told by the source",
        used.slo or "none: a figure from elsewhere",
        "the catalogue" if used.origin == "catalog" else used.origin,
        used.source,
    )


def months_table(plan: Plan) -> Table:
    heads = ("month", "peak, median", "peak .95", "nodes", "cost", "80 % interval")
    more = ("traffic out", "balance", "80 % interval")
    texts = {"month", "nodes", "80 % interval"}
    return Table(
        title="Month by month",
        columns=tuple(
            Column(title=head, is_number=head not in texts) for head in heads + more
        ),
        rows=tuple(
            (
                written.month(month.month),
                written.count(month.peak.p50),
                written.count(month.peak.p95),
                nodes(month.nodes),
                written.money(month.cost_eur, plan.currency),
                money_span(month.cost_interval_eur, plan),
                written.byte_count(month.traffic_bytes),
                written.money(month.balance_eur.mid, plan.currency),
                money_span(month.balance_eur, plan),
            )
            for month in plan.months
        ),
        note=(
            f"All months together: {written.money(plan.cost_total_eur, plan.currency)}"
            f", {money_interval(plan.cost_total_interval_eur, plan)}. The cost "
            "interval lets nodes follow demand as it turns out."
        ),
    )


def shock_table(plan: Plan) -> Table:
    rows = tuple(
        (
            f"× {written.number(row.factor)}",
            written.month(row.month),
            written.count(row.peak),
            nodes(row.nodes) if not row.note else row.note,
            f"+{row.extra_nodes}",
            written.money(row.cost_eur, plan.currency),
            written.money(row.monthly_cost_eur, plan.currency),
            written.months(row.runway_months.mid),
            interval_of(row.runway_months, written.tenths, ""),
        )
        for row in plan.shocks
    )
    heads = ("demand", "in", "participants", "nodes", "more", "that month", "later")
    texts = {"demand", "in", "nodes", "interval"}
    return Table(
        title="What a sudden rise would take",
        columns=tuple(
            Column(title=head, is_number=head not in texts)
            for head in (*heads, "runway", "interval")
        ),
        rows=rows,
        note=(
            "No history foresees a lockdown: a shock stands beside the forecast and is "
            "never averaged into it. The cost of that month includes set-up."
        ),
    )


def backtest(plan: Plan) -> tuple[Block, ...]:
    test = plan.backtest
    intro = Text(
        text=(
            f"{wording.sentence(test.reason)} Horizon: {test.horizon_weeks} weeks; "
            f"used: {test.used}."
        )
    )
    if not test.scores:
        return (intro, Notice(text="The history is too short for a backtest."))
    quantiles = tuple(score.quantile for score in test.scores[0].scores)
    columns = (
        Column(title="forecaster"),
        Column(title="origins", is_number=True),
        *(Column(title=f"{quantile:g}", is_number=True) for quantile in quantiles),
    )
    losses = tuple(
        (
            score.name + (" (used)" if score.name == test.used else ""),
            written.count(score.origins),
            *(written.number(part.pinball) for part in score.scores),
        )
        for score in test.scores
    )
    shares = tuple(
        (
            score.name + (" (used)" if score.name == test.used else ""),
            written.count(score.origins),
            *(written.percent(part.coverage) for part in score.scores),
        )
        for score in test.scores
    )
    return (
        intro,
        Table(
            title="Pinball loss by quantile, smaller is better",
            columns=columns,
            rows=losses,
            note="In units of the median weekly peak of the 26 weeks before.",
        ),
        Table(
            title="Share of true peaks at or under the forecast quantile",
            columns=columns,
            rows=shares,
            note="Best is the quantile itself: 90 % under the 0.9 column.",
        ),
    )


def assumption_table(plan: Plan) -> Table:
    return Table(
        title="",
        columns=tuple(
            Column(title=title) for title in ("assumption", "value", "why", "source")
        ),
        rows=tuple(
            (given.name, given.value, given.reason, given.source)
            for given in plan.assumptions
        ),
    )


def stand_in(measured: StandInMeasurement) -> tuple[Block, ...]:
    rows = tuple(
        (
            found.name,
            f"meetings of {found.size} with {wording.counted(found.cameras, 'camera')}",
            _stand_in_number(found.capacity, found.at_least),
            written.interval(
                written.count(found.low), written.count(found.high), measured.coverage
            )
            if found.capacity is not None
            else found.invalid or "the SLO held at the highest load",
            wording.LIMITS.get(found.limit, found.limit),
        )
        for found in measured.profiles
    )
    return (
        Notice(text=measured.note, tone="warning"),
        Table(
            title=f"Run {measured.run}, SLO {measured.slo}: no part of this plan",
            columns=(
                Column(title="profile", is_name=True),
                Column(title="mix"),
                Column(title="participants", is_number=True),
                Column(title="interval"),
                Column(title="broke first"),
            ),
            rows=rows,
        ),
    )


def _stand_in_number(capacity: float | None, at_least: float | None) -> str:
    if capacity is not None:
        return written.count(capacity)
    return f"at least {written.count(at_least)}" if at_least else "no capacity"


def money_span(value: Interval, plan: Plan) -> str:
    return written.interval(
        written.money(value.low, plan.currency),
        written.money(value.high, plan.currency),
    )


def money_interval(value: Interval, plan: Plan) -> str:
    return f"{money_span(value, plan)} ({written.percent(value.coverage)} interval)"


def interval_of(value: Interval, write: written.Writer, unit: str) -> str:
    span = written.interval(write(value.low), write(value.high) + unit)
    return f"{span} ({written.percent(value.coverage)} interval)"
