"""Plan -> charts: demand with bands, nodes, traffic and money by month."""

from datetime import date

from planning.models import MonthPlan, Plan
from reports import format as written
from reports.document import Band, Bars, Chart, Limit, Line, Mark, Whiskers


def demand(plan: Plan) -> Chart:
    """Draw the weekly peaks of the past and the bands of the coming ones."""
    past_x = tuple(_ordinal(week.starts_on) for week in plan.history_weeks)
    ahead = plan.forecast_weeks
    x = tuple(_ordinal(week.starts_on) for week in ahead)
    modelled = ", modelled" if plan.history_is_modelled else ""
    return Chart(
        title="Weekly peak of participants: past and forecast",
        x_label="week",
        y_label="participants at once",
        x_kind="date",
        marks=(
            Band(
                name="90 to 99 of 100 peaks",
                x=x,
                low=tuple(week.peak.p90 for week in ahead),
                high=tuple(week.peak.p99 for week in ahead),
                color=4,
            ),
            Band(
                name="80 % interval",
                x=x,
                low=tuple(week.peak.p10 for week in ahead),
                high=tuple(week.peak.p90 for week in ahead),
                color=0,
            ),
            Line(
                name=f"past{modelled}",
                x=past_x,
                y=tuple(week.peak for week in plan.history_weeks),
                color=5,
            ),
            Line(
                name="forecast, median",
                x=x,
                y=tuple(week.peak.p50 for week in ahead),
                is_dashed=True,
                color=0,
            ),
        ),
    )


def peaks(plan: Plan) -> Chart:
    """Draw each month's peak with its interval, and what the nodes carry."""
    x = _places(plan)
    return Chart(
        title="Monthly peak and what the plan makes room for",
        x_label="month",
        y_label="participants at once",
        x_names=_month_names(plan),
        marks=(
            Line(
                name="room, one node down",
                x=x,
                y=tuple(month.required for month in plan.months),
                is_dashed=True,
                color=1,
            ),
            Whiskers(
                name="peak: median, 80 % interval",
                x=x,
                y=tuple(month.peak.p50 for month in plan.months),
                low=tuple(month.peak.p10 for month in plan.months),
                high=tuple(month.peak.p90 for month in plan.months),
                color=0,
            ),
        ),
    )


def nodes(plan: Plan) -> Chart:
    """Draw the nodes of each month by type, one on the other."""
    types = dict.fromkeys(node.type for month in plan.months for node in month.nodes)
    marks: list[Mark] = [
        Bars(
            name=name,
            x=_places(plan),
            heights=tuple(float(_count(month, name)) for month in plan.months),
        )
        for name in types
    ]
    return Chart(
        title="Nodes by month",
        x_label="month",
        y_label="nodes",
        x_names=_month_names(plan),
        marks=tuple(marks),
        note=f"With the spare: {plan.node_failure.rule.rstrip('.')}.",
    )


def cost(plan: Plan) -> Chart:
    """Draw what each month costs by kind, with the band of the whole bill."""
    x = _places(plan)
    kinds = (
        ("fixed costs", tuple(month.fixed_cost_eur for month in plan.months)),
        ("nodes", tuple(month.node_cost_eur for month in plan.months)),
        ("set-up", tuple(month.setup_cost_eur for month in plan.months)),
        ("traffic", tuple(month.traffic_cost_eur for month in plan.months)),
    )
    marks: list[Mark] = [
        Bars(name=name, x=x, heights=heights, color=(2, 0, 1, 4)[place])
        for place, (name, heights) in enumerate(kinds)
        if any(heights)
    ]
    marks.append(
        Whiskers(
            name="whole bill, 80 % interval",
            x=x,
            y=tuple(month.cost_eur for month in plan.months),
            low=tuple(month.cost_interval_eur.low for month in plan.months),
            high=tuple(month.cost_interval_eur.high for month in plan.months),
            color=6,
        )
    )
    return Chart(
        title="Monthly cost",
        x_label="month",
        y_label="cost",
        y_unit="eur",
        x_names=_month_names(plan),
        marks=tuple(marks),
    )


def balance(plan: Plan) -> Chart:
    """Draw the balance at the end of each month, and the reserve it may not cross."""
    x = _places(plan)
    return Chart(
        title="Money left at the end of each month",
        x_label="month",
        y_label="balance",
        y_unit="eur",
        x_names=_month_names(plan),
        marks=(
            Band(
                name="80 % interval",
                x=x,
                low=tuple(month.balance_eur.low for month in plan.months),
                high=tuple(month.balance_eur.high for month in plan.months),
                color=0,
            ),
            Line(
                name="most likely",
                x=x,
                y=tuple(month.balance_eur.mid for month in plan.months),
                has_points=True,
                color=0,
            ),
            Limit(
                name=f"reserve: {written.money(plan.reserve_eur, plan.currency)}",
                value=plan.reserve_eur,
            ),
        ),
    )


def traffic(plan: Plan) -> Chart:
    """Draw each month's traffic out of the nodes with its interval."""
    x = _places(plan)
    return Chart(
        title="Traffic out of the nodes by month",
        x_label="month",
        y_label="traffic",
        y_unit="bytes",
        x_names=_month_names(plan),
        marks=(
            Bars(
                name="out",
                x=x,
                heights=tuple(month.traffic_bytes for month in plan.months),
                color=0,
            ),
            Whiskers(
                name="80 % interval",
                x=x,
                y=tuple(month.traffic_bytes for month in plan.months),
                low=tuple(month.traffic_interval_bytes.low for month in plan.months),
                high=tuple(month.traffic_interval_bytes.high for month in plan.months),
                color=6,
            ),
            Line(
                name="in",
                x=x,
                y=tuple(month.traffic_in_bytes for month in plan.months),
                color=1,
            ),
        ),
    )


def _places(plan: Plan) -> tuple[float, ...]:
    return tuple(float(place) for place in range(len(plan.months)))


def _month_names(plan: Plan) -> tuple[tuple[float, str], ...]:
    """Name at most a dozen months; the year stands where it changes."""
    every = 1 + (len(plan.months) - 1) // 12
    names = []
    year = ""
    for place, month in enumerate(plan.months[::every]):
        name, _, number = written.month(month.month).partition(" ")
        shown = name if number == year else f"{name}\n{number}"
        names.append((float(place * every), shown))
        year = number
    return tuple(names)


def _ordinal(day: str) -> float:
    return float(date.fromisoformat(day).toordinal())


def _count(month: MonthPlan, name: str) -> int:
    return sum(node.count for node in month.nodes if node.type == name)
