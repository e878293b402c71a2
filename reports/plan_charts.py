"""Plan -> charts: demand with bands, nodes, traffic and money by month."""

from datetime import date

from planning.models import MonthPlan, Plan
from reports.document import Band, Bars, Chart, Limit, Line, Mark, Whiskers
from reports.plan_tongue import Tongue


def demand(plan: Plan, tongue: Tongue) -> Chart:
    """Draw the weekly peaks of the past and the bands of the coming ones."""
    say = tongue.say
    past_x = tuple(_ordinal(week.starts_on) for week in plan.history_weeks)
    ahead = plan.forecast_weeks
    x = tuple(_ordinal(week.starts_on) for week in ahead)
    return Chart(
        language=tongue.language,
        title=say("demand, title"),
        x_label=say("week"),
        y_label=say("at once"),
        x_kind="date",
        marks=(
            Band(
                name=say("90 to 99"),
                x=x,
                low=tuple(week.peak.p90 for week in ahead),
                high=tuple(week.peak.p99 for week in ahead),
                color=4,
            ),
            Band(
                name=say("80"),
                x=x,
                low=tuple(week.peak.p10 for week in ahead),
                high=tuple(week.peak.p90 for week in ahead),
                color=0,
            ),
            Line(
                name=say("past, modelled" if plan.history_is_modelled else "past"),
                x=past_x,
                y=tuple(week.peak for week in plan.history_weeks),
                color=5,
            ),
            Line(
                name=say("forecast, median"),
                x=x,
                y=tuple(week.peak.p50 for week in ahead),
                is_dashed=True,
                color=0,
            ),
        ),
    )


def peaks(plan: Plan, tongue: Tongue) -> Chart:
    """Draw each month's peak with its interval, and what the nodes carry."""
    say = tongue.say
    x = _places(plan)
    return Chart(
        language=tongue.language,
        title=say("peaks, title"),
        x_label=say("month"),
        y_label=say("at once"),
        x_names=_month_names(plan, tongue),
        marks=(
            Line(
                name=say("room"),
                x=x,
                y=tuple(month.required for month in plan.months),
                is_dashed=True,
                color=1,
            ),
            Whiskers(
                name=say("peak"),
                x=x,
                y=tuple(month.peak.p50 for month in plan.months),
                low=tuple(month.peak.p10 for month in plan.months),
                high=tuple(month.peak.p90 for month in plan.months),
                color=0,
            ),
        ),
    )


def nodes(plan: Plan, tongue: Tongue) -> Chart:
    """Draw the nodes of each month by type, one on the other."""
    say = tongue.say
    types = dict.fromkeys(node.type for month in plan.months for node in month.nodes)
    marks: list[Mark] = [
        Bars(
            name=tongue.type_name(name),
            x=_places(plan),
            heights=tuple(float(_count(month, name)) for month in plan.months),
        )
        for name in types
    ]
    return Chart(
        language=tongue.language,
        title=say("nodes, title"),
        x_label=say("month"),
        y_label=say("nodes"),
        x_names=_month_names(plan, tongue),
        marks=tuple(marks),
        note=say("spare", rule=tongue.told(plan.node_failure.rule.rstrip("."))),
    )


def cost(plan: Plan, tongue: Tongue) -> Chart:
    """Draw what each month costs by kind, with the band of the whole bill."""
    say = tongue.say
    x = _places(plan)
    kinds = (
        (say("fixed costs"), tuple(month.fixed_cost_eur for month in plan.months)),
        (say("nodes"), tuple(month.node_cost_eur for month in plan.months)),
        (say("set-up"), tuple(month.setup_cost_eur for month in plan.months)),
        (say("bought"), tuple(month.purchase_cost_eur for month in plan.months)),
        (say("traffic"), tuple(month.traffic_cost_eur for month in plan.months)),
    )
    marks: list[Mark] = [
        Bars(name=name, x=x, heights=heights, color=(2, 0, 1, 3, 4)[place])
        for place, (name, heights) in enumerate(kinds)
        if any(heights)
    ]
    marks.append(
        Whiskers(
            name=say("bill"),
            x=x,
            y=tuple(month.cost_eur for month in plan.months),
            low=tuple(month.cost_interval_eur.low for month in plan.months),
            high=tuple(month.cost_interval_eur.high for month in plan.months),
            color=6,
        )
    )
    return Chart(
        language=tongue.language,
        title=say("cost, title"),
        x_label=say("month"),
        y_label=say("cost"),
        y_unit="eur",
        x_names=_month_names(plan, tongue),
        marks=tuple(marks),
    )


def balance(plan: Plan, tongue: Tongue) -> Chart:
    """Draw the balance at the end of each month, and the reserve it may not cross."""
    say = tongue.say
    x = _places(plan)
    return Chart(
        language=tongue.language,
        title=say("balance, title"),
        x_label=say("month"),
        y_label=say("balance"),
        y_unit="eur",
        x_names=_month_names(plan, tongue),
        marks=(
            Band(
                name=say("80"),
                x=x,
                low=tuple(month.balance_eur.low for month in plan.months),
                high=tuple(month.balance_eur.high for month in plan.months),
                color=0,
            ),
            Line(
                name=say("most likely"),
                x=x,
                y=tuple(month.balance_eur.mid for month in plan.months),
                has_points=True,
                color=0,
            ),
            Limit(
                name=say("reserve", money=tongue.money(plan.reserve_eur, plan)),
                value=plan.reserve_eur,
            ),
        ),
    )


def traffic(plan: Plan, tongue: Tongue) -> Chart:
    """Draw each month's traffic out of the nodes with its interval."""
    say = tongue.say
    x = _places(plan)
    return Chart(
        language=tongue.language,
        title=say("traffic, title"),
        x_label=say("month"),
        y_label=say("traffic"),
        y_unit="bytes",
        x_names=_month_names(plan, tongue),
        marks=(
            Bars(
                name=say("out"),
                x=x,
                heights=tuple(month.traffic_bytes for month in plan.months),
                color=0,
            ),
            Whiskers(
                name=say("80"),
                x=x,
                y=tuple(month.traffic_bytes for month in plan.months),
                low=tuple(month.traffic_interval_bytes.low for month in plan.months),
                high=tuple(month.traffic_interval_bytes.high for month in plan.months),
                color=6,
            ),
            Line(
                name=say("into"),
                x=x,
                y=tuple(month.traffic_in_bytes for month in plan.months),
                color=1,
            ),
        ),
    )


def _places(plan: Plan) -> tuple[float, ...]:
    return tuple(float(place) for place in range(len(plan.months)))


def _month_names(plan: Plan, tongue: Tongue) -> tuple[tuple[float, str], ...]:
    """Name at most a dozen months; the year stands where it changes."""
    every = 1 + (len(plan.months) - 1) // 12
    names = []
    year = ""
    for place, month in enumerate(plan.months[::every]):
        name, _, number = tongue.month(month.month).partition(" ")
        shown = name[:3] if number == year else f"{name[:3]}\n{number}"
        names.append((float(place * every), shown))
        year = number
    return tuple(names)


def _ordinal(day: str) -> float:
    return float(date.fromisoformat(day).toordinal())


def _count(month: MonthPlan, name: str) -> int:
    return sum(node.count for node in month.nodes if node.type == name)
