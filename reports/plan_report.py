"""Plan -> Document: what to order, what it costs, how long the money lasts, and why.

The first screen answers what a treasurer asks; the tables and charts behind it are in
`reports.plan_tables` and `reports.plan_charts`. In German the first screen is that of
`reports.plan_page`, and everything behind it the same. Computes nothing.
"""

from dataclasses import replace

from planning.models import Assumption, Plan, ShockRow
from reports import format as written
from reports import plan_charts, plan_page, plan_tables, wording
from reports.document import (
    Answer,
    Block,
    Document,
    Language,
    Notice,
    Section,
    Text,
    Tone,
)
from reports.plan_tongue import ENGLISH, Tongue

SHORT_RUNWAY_MONTHS = 12.0
SHOWN_ASSUMPTIONS = 3
COARSE_STEP_S = 3600
"""Values this far apart miss short peaks."""


def document(plan: Plan, *, source: str, language: Language = "en") -> Document:
    """Tell a plan; `source` is the file it came from."""
    tongue = Tongue(language)
    first_screen = (
        _first_screen(plan)
        if tongue.is_english
        else plan_page.first_screen(plan, language)
    )
    return replace(
        first_screen,
        title=_title(plan, tongue),
        next_steps=_next_steps(plan, tongue),
        notices=_notices(plan, tongue),
        sections=_sections(plan, tongue),
        provenance=_provenance(plan, source, tongue, first_screen.verdict),
    )


def _first_screen(plan: Plan) -> Document:
    """Return the English head of the report, without title and what stands behind."""
    return Document(
        kind="plan",
        title="",
        asked=(
            f"Which servers of {plan.catalog} carry the demand of {plan.history}, with "
            f"any one node down and at most {written.percent(plan.risk)} risk on a "
            f"peak morning, and how long does the money of {plan.budget} last?"
        ),
        verdict=_verdict(plan),
        tone=_tone(plan),
        answers=_answers(plan),
        next_steps=(),
        notices=(),
        sections=(),
        provenance=(),
    )


def _title(plan: Plan, tongue: Tongue) -> str:
    title = tongue.say(
        "title",
        first=tongue.month(plan.months[0].month),
        last=tongue.month(plan.months[-1].month),
    )
    notices = _notices(plan, tongue)
    return f"{title} ({notices[0].short})" if notices else title


def _holds(plan: Plan) -> bool:
    return plan.node_failure.overload_risk <= plan.risk


def _notices(plan: Plan, tongue: Tongue) -> tuple[Notice, ...]:
    if plan.demand:
        return (_notice("stated", tongue),)
    return (_notice("modelled", tongue),) if plan.history_is_modelled else ()


def _notice(name: str, tongue: Tongue) -> Notice:
    return Notice(
        text=tongue.say(name), tone="warning", short=tongue.say(f"{name}, short")
    )


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


def _as_ordered(plan: Plan) -> str:
    if plan.ordered_runway_months is None:
        return ""
    months = ENGLISH.months(plan.ordered_runway_months)
    return f"; {months} if each bill is as ordered"


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
            interval=ENGLISH.interval(first.nodes_interval, written.count, " nodes"),
            holds_for=f"{_first_steps(plan)}; "
            + (
                f"then {wording.counted(len(later), 'change')}, the next in "
                f"{later[0][0]}"
                if later
                else f"no change until {written.month(last.month)}"
            ),
        ),
        Answer(
            question=f"Monthly cost, {written.month(first.month)}",
            value=written.money(first.cost_eur, plan.currency),
            interval=ENGLISH.money_interval(first.cost_interval_eur, plan)
            + " as nodes follow demand",
            holds_for=(
                f"{written.month(last.month)}: "
                f"{written.money(last.cost_eur, plan.currency)}, "
                f"{ENGLISH.money_interval(last.cost_interval_eur, plan)}; "
                f"prices of {written.day(plan.catalog_date)}"
            ),
        ),
        Answer(
            question="The money lasts",
            value=ENGLISH.months(runway.mid),
            interval=ENGLISH.beside(runway),
            holds_for=(
                f"from {written.money(plan.balance_start_eur, plan.currency)} down to "
                f"a reserve of {written.money(plan.reserve_eur, plan.currency)}"
                + _as_ordered(plan)
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
        *plan_page.besides(plan, "en"),
    )


def _first_steps(plan: Plan) -> str:
    """Say what the first month needs besides what is held."""
    first = plan.months[0].month
    told = (
        f"{'order' if step.count > 0 else 'cancel'} "
        f"{plan_tables.some(abs(step.count), step.type, ENGLISH)} by "
        f"{written.day(step.act_by)}"
        for step in plan.orders
        if step.month == first
    )
    return written.listing(tuple(told)) or "all of them are held: nothing to order"


def _so_far(plan: Plan) -> str:
    if plan.demand:
        return ""
    day = written.day(plan.history_peak_at)
    return f"; so far {written.count(plan.history_peak)} on {day}"


def _shock_answer(row: ShockRow, plan: Plan) -> Answer:
    served = (
        f"{plan_tables.nodes(row.nodes)}; the money then lasts "
        f"{ENGLISH.lasting(row.runway_months)}"
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


def _next_steps(plan: Plan, tongue: Tongue) -> tuple[str, ...]:
    steps = []
    if plan.runway_months.low < SHORT_RUNWAY_MONTHS:
        steps.append(tongue.say("find income"))
    if any(used.origin == "catalog" for used in plan.capacity_used):
        steps.append(tongue.say("benchmark"))
    if not plan.sensitivity:
        steps += [
            tongue.say("check", name=tongue.told(given.name), value=tongue.value(given))
            for given in _weighty(plan)[:SHOWN_ASSUMPTIONS]
        ]
    return tuple(steps)


def _weighty(plan: Plan) -> tuple[Assumption, ...]:
    """Return the assumptions without the history, which has a notice of its own."""
    return tuple(given for given in plan.assumptions if given.value != plan.history)


def _sections(plan: Plan, tongue: Tongue) -> tuple[Section, ...]:
    warnings = tuple(Notice(text=tongue.sentence(text)) for text in plan.warnings)
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("Nodes that serve", (*warnings, plan_tables.serving_table(plan, tongue))),
        (
            "Demand",
            (
                plan_charts.demand(plan, tongue),
                plan_charts.peaks(plan, tongue),
                _forecast_text(plan, tongue),
            ),
        ),
        (
            "Nodes and traffic",
            (
                plan_charts.nodes(plan, tongue),
                plan_charts.traffic(plan, tongue),
                plan_tables.capacity_table(plan, tongue),
            ),
        ),
        (
            "Money",
            (
                plan_charts.cost(plan, tongue),
                plan_charts.balance(plan, tongue),
                plan_tables.months_table(plan, tongue),
                _buying_text(plan, tongue),
            ),
        ),
        ("Shocks", (plan_tables.shock_table(plan, tongue),)),
        ("Backtest", plan_tables.backtest(plan.backtest, tongue)),
        ("Assumptions", (plan_tables.assumption_table(plan, tongue),)),
    ]
    sections = (
        *plan_page.sections(plan, tongue.language),
        *(Section(title=tongue.say(name), blocks=blocks) for name, blocks in parts),
    )
    if plan.stand_in is None:
        return sections
    measured = Section(
        title=tongue.told(plan.stand_in.title),
        blocks=plan_tables.stand_in(plan.stand_in, tongue),
        notices=(_notice("stand-in", tongue),),
    )
    return (*sections, measured)


def _forecast_text(plan: Plan, tongue: Tongue) -> Text:
    is_coarse = plan.history_step_s >= COARSE_STEP_S
    step = written.duration(plan.history_step_s)
    return Text(
        text=(
            f"{tongue.sentence(plan.forecast_reason)} "
            f"{tongue.sentence(plan.forecast_month_rule)}"
            + (tongue.say("coarse", step=step) if is_coarse else "")
        )
    )


def _buying_text(plan: Plan, tongue: Tongue) -> Text:
    buying = plan.buying
    return Text(
        text=tongue.say(
            "buying",
            method=tongue.told(buying.method),
            total=tongue.money(buying.total_eur, plan),
            bound=tongue.money(buying.bound_eur, plan),
            gap=tongue.percent(buying.gap_ratio),
        )
    )


def _provenance(
    plan: Plan, source: str, tongue: Tongue, verdict: str
) -> tuple[tuple[str, str], ...]:
    say = tongue.say
    history = plan.history
    if plan.history_is_modelled:
        history = say("history, modelled", history=history)
    demand = (say("demand"), say("demand, stated", demand=plan.demand))
    prices = say("prices of", catalog=plan.catalog, day=tongue.day(plan.catalog_date))
    return (
        (say("input"), source),
        demand if plan.demand else (say("history"), history),
        (say("catalogue"), prices),
        (say("budget"), plan.budget),
        (say("made on"), tongue.day(plan.made_on)),
        (say("seed"), str(plan.seed)),
        (say("tool"), plan.tool_version),
        (say("risk"), say("risk, told", risk=tongue.percent(plan.risk))),
        (say("validity"), verdict),
    )
