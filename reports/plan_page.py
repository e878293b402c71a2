"""Plan -> the one page a treasurer reads, in English or German. Computes nothing.

What to order and cancel by when, what a month costs, how long the money lasts, the
largest meeting, the bad month and the shock beside it, three assumptions and the date
of the prices. In German it is the first screen of the full report; in English its
sections lead it.
"""

from planning.models import Influence, OrderStep, Plan
from planning.peaks import Interval
from reports import format as written
from reports.document import (
    HEADINGS,
    Answer,
    Block,
    Column,
    Document,
    Language,
    Section,
    Table,
    Text,
)
from reports.plan_tongue import Tongue
from reports.plan_words import WORDS


def first_screen(plan: Plan, language: Language) -> Document:
    """Return question, verdict and answers; the report adds what stands around."""
    holds = plan.node_failure.overload_risk <= plan.risk
    return Document(
        kind="plan",
        title="",
        asked=_word("asked", language),
        verdict=_word("holds" if holds else "fails", language).format(
            risk=_percent(plan.node_failure.overload_risk, language),
            asked=_percent(plan.risk, language),
        ),
        tone="good" if holds else "bad",
        answers=_answers(plan, language),
        next_steps=(),
        notices=(),
        sections=(),
        provenance=(),
        headings=HEADINGS[language],
    )


def sections(plan: Plan, language: Language) -> tuple[Section, ...]:
    """Return the sections of the page for which the plan holds anything."""
    parts: list[tuple[str, tuple[Block, ...]]] = [
        ("orders", (_orders(plan, language),))
    ]
    if plan.sensitivity:
        parts.append(("assumptions", (_assumptions(plan, language),)))
    if plan.alternatives:
        parts.append(("alternatives", (_alternatives(plan, language),)))
    if plan.confidence:
        parts.append(("certainty", (_certainty(plan, language),)))
    if plan.reasons:
        parts.append(
            (
                "why_nodes",
                tuple(
                    Text(text=Tongue(language).sentence(one)) for one in plan.reasons
                ),
            )
        )
    return tuple(
        Section(title=_word(name, language), blocks=blocks) for name, blocks in parts
    )


def _from_balance(plan: Plan, language: Language) -> str:
    span = _word("balance", language).format(
        value=_money(plan.balance_start_eur, language),
        reserve=_money(plan.reserve_eur, language),
    )
    if plan.ordered_runway_months is None:
        return span
    ordered = Tongue(language).months(plan.ordered_runway_months)
    return _word("as_ordered", language).format(span=span, value=ordered)


def _answers(plan: Plan, language: Language) -> tuple[Answer, ...]:
    first = plan.months[0]
    dearest = max(plan.months, key=lambda month: month.cost_interval_eur.high)
    runway = plan.runway_months
    answers = [
        Answer(
            question=_word("cost", language),
            value=_money(first.cost_eur, language),
            interval=_likely(first.cost_interval_eur, language),
            holds_for=(
                f"{_word('prices', language)} {_day(plan.catalog_date, language)}"
            ),
        ),
        Answer(
            question=_word("runway", language),
            value=Tongue(language).months(runway.mid),
            interval=Tongue(language).beside(runway),
            holds_for=_from_balance(plan, language),
        ),
        Answer(
            question=_word("meeting", language),
            value=_word("people", language).format(value=plan.largest_meeting),
            interval="",
            holds_for=_word("one_room", language),
        ),
        Answer(
            question=_word("bad", language),
            value=_money(dearest.cost_interval_eur.high, language),
            interval="",
            holds_for=_word("bad_for", language).format(
                month=_month(dearest.month, language)
            ),
        ),
    ]
    if plan.shocks:
        row = plan.shocks[-1]
        answers.append(
            Answer(
                question=_word("shock", language).format(
                    factor=_tenths(row.factor, language).removesuffix(",0")
                    if language == "de"
                    else f"{row.factor:g}"
                ),
                value=_money(row.monthly_cost_eur, language),
                interval="",
                holds_for=_word("shock_for", language).format(
                    more=row.extra_nodes,
                    month=_month(row.month, language),
                    value=Tongue(language).months(row.runway_months.mid),
                ),
                tone="warning",
            )
        )
    return (*answers, *besides(plan, language))


def besides(plan: Plan, language: Language) -> tuple[Answer, ...]:
    """Return disk and CO2, where the plan knows them."""
    tongue, answers = Tongue(language), []
    if plan.disk_bytes is not None:
        answers.append(
            Answer(
                question=_word("disk", language),
                value=tongue.byte_count(plan.disk_bytes.mid),
                interval=tongue.interval(plan.disk_bytes, tongue.byte_count),
                holds_for="",
            )
        )
    if plan.co2_kg is not None:
        answers.append(
            Answer(
                question=_word("co2", language),
                value=f"{tongue.count(plan.co2_kg)} kg",
                interval="",
                holds_for="",
            )
        )
    return tuple(answers)


def _orders(plan: Plan, language: Language) -> Table:
    rows = tuple(_order_row(step, language) for step in plan.orders)
    nothing = ("–", _word("nothing", language), "–", "–")
    return Table(
        title="",
        columns=tuple(
            Column(title=_word(name, language), is_name=name == "by")
            for name in ("by", "what", "for", "why")
        ),
        rows=rows or (nothing,),
    )


def _order_row(step: OrderStep, language: Language) -> tuple[str, ...]:
    told = Tongue(language).type_name(step.type)
    quoted = f"„{told}“" if language == "de" else f"“{told}”"
    name = quoted if told[:1].isdigit() else told
    what = _word("order" if step.count > 0 else "cancel", language).format(
        count=abs(step.count), type=name
    )
    late = _word("late", language) if step.is_late else ""
    return (
        _day(step.act_by, language) + late,
        what,
        _month(step.month, language),
        Tongue(language).told(step.reason),
    )


def _assumptions(plan: Plan, language: Language) -> Table:
    return Table(
        title="",
        columns=tuple(
            Column(title=_word(name, language), is_number=name != "assumption")
            for name in ("assumption", "low", "high", "rank")
        ),
        rows=tuple(
            (
                _named(one.name, language),
                _money(one.low_eur, language),
                _money(one.high_eur, language),
                "–"
                if one.rank_correlation is None
                else _decimal(f"{one.rank_correlation:+.2f}", language),
            )
            for one in plan.sensitivity
        ),
        note=" ".join(_sentence(one, language) for one in plan.sensitivity),
    )


def _sentence(one: Influence, language: Language) -> str:
    if language == "en":
        return f"{one.sentence[:1].upper()}{one.sentence[1:]}."
    return _word("moves", language).format(
        why=_word(f"more {one.name}", language),
        low=_money(one.low_eur, language),
        high=_money(one.high_eur, language),
    )


def _alternatives(plan: Plan, language: Language) -> Table:
    return Table(
        title="",
        columns=tuple(
            Column(title=_word(name, language), is_number=name != "plan")
            for name in ("plan", "total", "changes", "risk")
        ),
        rows=tuple(
            (
                _word(one.name, language),
                _money(one.total_eur, language),
                str(one.changes),
                _percent(one.overload_risk, language),
            )
            for one in plan.alternatives
        ),
    )


def _certainty(plan: Plan, language: Language) -> Table:
    return Table(
        title="",
        columns=tuple(
            Column(title=_word(name, language), is_number=True)
            for name in ("confidence", "total", "most")
        ),
        rows=tuple(
            (
                _percent(one.confidence, language),
                _money(one.total_eur, language),
                str(one.largest_pool),
            )
            for one in plan.confidence
        ),
    )


def _word(name: str, language: Language) -> str:
    return WORDS[name][0 if language == "en" else 1]


def _named(name: str, language: Language) -> str:
    key = "prices of servers" if name == "prices" else name
    return _word(key, language) if key in WORDS else name


def _decimal(text: str, language: Language) -> str:
    if language == "en":
        return text
    return written.german(text)


def _money(value: float, language: Language) -> str:
    return f"{_decimal(f'{value:,.0f}', language)} EUR"


def _tenths(value: float, language: Language) -> str:
    return _decimal(f"{value:.1f}", language)


def _percent(value: float, language: Language) -> str:
    return _decimal(f"{100 * value:.1f}", language) + " %"


def _likely(value: Interval, language: Language) -> str:
    return _word("likely", language).format(
        low=_money(value.low, language), high=_money(value.high, language)
    )


def _day(day: str, language: Language) -> str:
    return Tongue(language).day(day)


def _month(month: str, language: Language) -> str:
    return Tongue(language).month(month)
