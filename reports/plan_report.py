"""Plan -> Document: what to order, what it costs, how long the money lasts, and why.

The first screen answers what a treasurer asks; the tables and charts behind it are in
`reports.plan_tables` and `reports.plan_charts`. Computes nothing.
"""

from planning.models import Assumption, Plan, ShockRow
from reports import format as written
from reports import plan_charts, plan_page, plan_tables, wording
from reports.document import (
    Answer,
    Block,
    Document,
    Notice,
    Section,
    Text,
    Tone,
)

SHORT_RUNWAY_MONTHS = 12.0
SHOWN_ASSUMPTIONS = 3


def document(plan: Plan, *, source: str) -> Document:
    """Tell a plan; `source` is the file it came from."""
    first, last = plan.months[0], plan.months[-1]
    return Document(
        kind="plan",
        title=(
            f"Servers and money, {written.month(first.month)} to "
            f"{written.month(last.month)}"
            + (f" ({_notices(plan)[0].short})" if _notices(plan) else "")
        ),
        asked=(
            f"Which servers of {plan.catalog} carry the demand of {plan.history}, with "
            f"any one node down and at most {written.percent(plan.risk)} risk on a "
            f"peak morning, and how long does the money of {plan.budget} last?"
        ),
        verdict=_verdict(plan),
        tone=_tone(plan),
        answers=_answers(plan),
        next_steps=_next_steps(plan),
        notices=_notices(plan),
        sections=_sections(plan),
        provenance=_provenance(plan, source),
    )


def _holds(plan: Plan) -> bool:
    return plan.node_failure.overload_risk <= plan.risk


def _notices(plan: Plan) -> tuple[Notice, ...]:
    if plan.demand:
        return (wording.STATED,)
    return (wording.MODELLED,) if plan.history_is_modelled else ()


def _verdict(plan: Plan) -> str:
    failure = plan.node_failure
    risk = written.percent(failure.overload_risk)
    used = {
        "model": "the model beat the baselines in the backtest",
        "rule": "the model did not beat the rule of thumb, so the rule is used",
        "seasonal naive": "the model did not beat last year's peaks, so those are used",
    }[plan.forecast_method]
    if plan.demand:
        used = f"none, the demand is what {plan.demand} states"
    elif not any(one.origins for one in plan.backtest.scores):
        used = "the rule of thumb, as the history is too short to judge forecasts by"
    head = "The plan holds" if _holds(plan) else "The plan does not hold"
    return (
        f"{head}: with any one node down, the chance that a node is overloaded on a "
        f"peak morning is at most {risk} ({written.month(failure.month)}; wanted: "
        f"{written.percent(plan.risk)}). Forecast: {used}."
    )


def _tone(plan: Plan) -> Tone:
    if not _holds(plan):
        return "bad"
    return "warning" if plan.warnings or plan.history_is_modelled else "good"


def _answers(plan: Plan) -> tuple[Answer, ...]:
    first, last = plan.months[0], plan.months[-1]
    busiest = max(plan.months, key=lambda month: month.peak.p50)
    dearest = max(plan.months, key=lambda month: month.cost_interval_eur.high)
    runway = plan.runway_months
    later = plan_tables.changes(plan.months)[1:]
    return (
        Answer(
            question=f"Nodes for {written.month(first.month)}",
            value=plan_tables.nodes(first.nodes),
            interval=plan_tables.interval_of(
                first.nodes_interval, written.count, " nodes"
            ),
            holds_for=f"{plan_tables.first_steps(plan)}; "
            + (
                f"then {len(later)} changes, the next in {later[0][0]}"
                if later
                else f"no change until {written.month(last.month)}"
            ),
        ),
        Answer(
            question=f"Monthly cost, {written.month(first.month)}",
            value=written.money(first.cost_eur, plan.currency),
            interval=plan_tables.money_interval(first.cost_interval_eur, plan),
            holds_for=(
                f"{written.month(last.month)}: "
                f"{written.money(last.cost_eur, plan.currency)}, "
                f"{plan_tables.money_interval(last.cost_interval_eur, plan)}; "
                f"prices of {written.day(plan.catalog_date)}"
            ),
        ),
        Answer(
            question="The money lasts",
            value=written.months(runway.mid),
            interval=plan_tables.interval_of(runway, written.tenths, " months"),
            holds_for=(
                f"from {written.money(plan.balance_start_eur, plan.currency)} down to "
                f"a reserve of {written.money(plan.reserve_eur, plan.currency)}"
            ),
            tone="bad" if runway.low < SHORT_RUNWAY_MONTHS else "good",
        ),
        Answer(
            question="A bad month",
            value=written.money(dearest.cost_interval_eur.high, plan.currency),
            interval=f"one chance in ten of more, {written.month(dearest.month)}",
            holds_for=(
                f"busiest is {written.month(busiest.month)}: peak "
                f"{written.count(busiest.peak.p50)}, "
                + written.interval(
                    written.count(busiest.peak.p10),
                    written.count(busiest.peak.p90),
                    0.8,
                )
                + _so_far(plan)
            ),
        ),
        *(_shock_answer(row, plan) for row in plan.shocks[-1:]),
        Answer(
            question="Largest meeting planned for",
            value=f"{written.count(plan.largest_meeting)} participants",
            interval=f"nodes carry {_capacities(plan)}",
            holds_for="one meeting never spreads over two nodes",
        ),
    )


def _so_far(plan: Plan) -> str:
    if plan.demand:
        return ""
    day = written.day(plan.history_peak_at)
    return f"; so far {written.count(plan.history_peak)} on {day}"


def _shock_answer(row: ShockRow, plan: Plan) -> Answer:
    served = (
        f"{plan_tables.nodes(row.nodes)}; the money then lasts "
        f"{plan_tables.interval_of(row.runway_months, written.tenths, ' months')}"
    )
    return Answer(
        question=f"If demand grows {written.number(row.factor)}-fold at once",
        value=f"{written.money(row.monthly_cost_eur, plan.currency)} a month",
        interval=f"+{row.extra_nodes} nodes in {written.month(row.month)}",
        holds_for=row.note or served,
        tone="bad" if row.note else "warning",
    )


def _capacities(plan: Plan) -> str:
    return written.listing(
        tuple(
            f"{written.count(used.low)} to {written.count(used.high)} ({used.type})"
            for used in plan.capacity_used
        )
    )


def _next_steps(plan: Plan) -> tuple[str, ...]:
    steps = []
    if plan.runway_months.low < SHORT_RUNWAY_MONTHS:
        steps.append(
            "Find income: in the worse case of the interval the money ends in less "
            "than a year."
        )
    if any(used.origin == "catalog" for used in plan.capacity_used):
        steps.append(
            "Benchmark one node of the type you order (bbbload benchmark NAME): its "
            "capacity comes from the catalogue and was not measured."
        )
    if not plan.sensitivity:
        steps += [
            f"Check the assumption “{given.name}”: {given.value}."
            for given in _weighty(plan)[:SHOWN_ASSUMPTIONS]
        ]
    return tuple(steps)


def _weighty(plan: Plan) -> tuple[Assumption, ...]:
    """Return the assumptions without the history, which has a notice of its own."""
    return tuple(given for given in plan.assumptions if given.value != plan.history)


def _sections(plan: Plan) -> tuple[Section, ...]:
    warnings = tuple(Notice(text=wording.sentence(text)) for text in plan.warnings)
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("Nodes that serve", (*warnings, plan_tables.serving_table(plan))),
        (
            "Demand",
            (plan_charts.demand(plan), plan_charts.peaks(plan), _forecast_text(plan)),
        ),
        (
            "Nodes and traffic",
            (
                plan_charts.nodes(plan),
                plan_charts.traffic(plan),
                plan_tables.capacity_table(plan),
            ),
        ),
        (
            "Money",
            (
                plan_charts.cost(plan),
                plan_charts.balance(plan),
                plan_tables.months_table(plan),
                _buying_text(plan),
            ),
        ),
        ("Shocks, beside the forecast", (plan_tables.shock_table(plan),)),
        ("How well the forecast would have done", plan_tables.backtest(plan)),
        ("Assumptions and their sources", (plan_tables.assumption_table(plan),)),
    ]
    sections = (
        *plan_page.sections(plan, "en"),
        *(Section(title=title, blocks=blocks) for title, blocks in parts),
    )
    if plan.stand_in is None:
        return sections
    measured = Section(
        title=plan.stand_in.title,
        blocks=plan_tables.stand_in(plan.stand_in),
        notices=(wording.STAND_IN,),
    )
    return (*sections, measured)


def _forecast_text(plan: Plan) -> Text:
    hours = plan.history_step_s / 3600
    coarse = (
        f" The history's values are {written.duration(plan.history_step_s)} apart, so "
        "short peaks are missing from it."
        if hours >= 1
        else ""
    )
    return Text(
        text=(
            f"{wording.sentence(plan.forecast_reason)} "
            f"{wording.sentence(plan.forecast_month_rule)}{coarse}"
        )
    )


def _buying_text(plan: Plan) -> Text:
    buying = plan.buying
    return Text(
        text=(
            f"Cheapest set of nodes by {buying.method}: "
            f"{written.money(buying.total_eur, plan.currency)} for nodes and set-up; "
            "no plan that holds is cheaper than "
            f"{written.money(buying.bound_eur, plan.currency)} "
            f"(gap {written.percent(buying.gap_ratio)})."
        )
    )


def _provenance(plan: Plan, source: str) -> tuple[tuple[str, str], ...]:
    modelled = " (modelled)" if plan.history_is_modelled else ""
    demand = ("demand", f"{plan.demand} (stated)") if plan.demand else None
    return (
        ("input", source),
        demand or ("history", f"{plan.history}{modelled}"),
        ("catalogue", f"{plan.catalog}, prices of {written.day(plan.catalog_date)}"),
        ("budget", plan.budget),
        ("made on", written.day(plan.made_on)),
        ("seed", str(plan.seed)),
        ("bbbload", plan.tool_version),
        ("risk", f"{written.percent(plan.risk)} on a peak morning, one node down"),
        ("validity", _verdict(plan)),
    )
