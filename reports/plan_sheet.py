"""Plan -> CSV for a spreadsheet: inputs beside results, so that they can be redone.

First the inputs: money there is, comes in and goes out, capacities, prices, what is
held. Then one row a month: peak, bill and its parts, balance, nodes; below it orders,
shocks, runway and the assumptions with their sources. `balance_as_ordered_eur` is that
of the month before, plus income, minus cost; `balance_mid_eur` is the middle of what
demand may bring. Nodes of one type are `required_participants` ÷ (capacity ×
`share_of_capacity_filled`), rounded up, and the spare ones, or more where keeping them
is cheaper. Computes nothing.

English has commas between cells and a decimal point; German has semicolons and a
decimal comma, as spreadsheets there expect. No number has a thousands' mark.
"""

import csv
import io
from collections.abc import Iterator

from planning.models import MonthPlan, Plan
from planning.offers import Budget, Catalog, MoneyLine, ServerType
from planning.peaks import Interval
from reports.document import Language
from reports.plan_sheet_words import GERMAN
from reports.plan_tongue import Tongue

Cell = str | float | None
Row = tuple[Cell, ...]

HEAD = (
    "month",
    "peak_p50",
    "peak_p95",
    "required_participants",
    "nodes_eur",
    "setup_eur",
    "purchase_eur",
    "traffic_eur",
    "fixed_eur",
    "cost_eur",
    "cost_low_eur",
    "cost_high_eur",
    "income_eur",
    "balance_as_ordered_eur",
    "balance_mid_eur",
    "traffic_out_tb",
    "overload_risk",
    "share_of_capacity_filled",
)
_UNTITLED = ""
BYTE_ORDER_MARK = "\ufeff"


def render(plan: Plan, language: Language = "en") -> str:
    """Return the sheet."""
    tongue = Tongue(language)
    # Without its mark a German Excel does not take the text for UTF-8.
    text = io.StringIO("" if tongue.is_english else BYTE_ORDER_MARK)
    text.seek(0, io.SEEK_END)
    sheet = csv.writer(
        text, lineterminator="\n", delimiter="," if tongue.is_english else ";"
    )
    for row in _rows(plan, _Names(tongue), tongue):
        sheet.writerow([_written(cell, tongue) for cell in row])
    return text.getvalue()


class _Names:
    """Names of rows and columns in the sheet's language."""

    def __init__(self, tongue: Tongue) -> None:
        self._is_english = tongue.is_english

    def __call__(self, *names: str) -> Row:
        if self._is_english:
            return names
        return tuple(GERMAN[name] if name else name for name in names)

    def one(self, name: str) -> str:
        return name if self._is_english else GERMAN[name]


def _rows(plan: Plan, names: _Names, tongue: Tongue) -> Iterator[Row]:
    yield names("inputs", _UNTITLED, "value", "low", "high", "source")
    for name, *cells in _inputs(plan, names):
        yield (names.one(str(name)), *cells)
    yield ()
    yield from _months(plan, names, tongue)
    yield ()
    if plan.orders:
        yield names("orders", "act_by", "month", "type", "count")
        for step in plan.orders:
            yield (
                _UNTITLED,
                step.act_by,
                step.month,
                tongue.type_name(step.type),
                step.count,
            )
        yield ()
    yield from _shocks(plan, names)
    yield names("results", _UNTITLED, "value", "low", "high")
    runway, total = plan.runway_months, plan.cost_total_interval_eur
    yield (names.one("runway_months"), _UNTITLED, *_span(runway))
    if plan.ordered_runway_months is not None:
        ordered = names.one("runway_as_ordered_months")
        yield (ordered, _UNTITLED, round(plan.ordered_runway_months, 2))
    spread = (plan.cost_total_eur, total.low, total.high)
    yield (names.one("cost_total_eur"), _UNTITLED, *(round(one, 2) for one in spread))
    yield ()
    yield names("assumptions", "value", "reason", "source")
    for given in plan.assumptions:
        told = (given.name, given.reason, given.source)
        name, reason, source = (tongue.told(part) for part in told)
        yield (name, tongue.value(given), reason, source)


def _inputs(plan: Plan, names: _Names) -> Iterator[Row]:
    yield ("balance_eur", "", plan.balance_start_eur)
    if plan.budget_used:
        yield ("balance_on", "", plan.budget_used.balance_on)
    yield ("reserve_eur", "", plan.reserve_eur)
    yield ("risk", "", plan.risk)
    yield ("largest_meeting", "", plan.largest_meeting)
    for used in plan.capacity_used:
        span = (used.participants, used.low, used.high)
        yield ("capacity", used.type, *span, used.source)
    if plan.catalog_used:
        yield from _catalog_rows(plan.catalog_used)
    if plan.budget_used:
        yield from _budget_rows(plan.budget_used, names)
    yield ("spare_nodes", "", plan.node_failure.spare_nodes)


def _catalog_rows(catalog: Catalog) -> Iterator[Row]:
    yield ("vat_added_ratio", "", catalog.vat_ratio)
    for kind in catalog.types:
        source = f"{kind.source} ({kind.date})"
        yield ("price_eur_a_month", kind.name, kind.price_eur, "", "", source)
        yield ("setup_eur", kind.name, kind.setup_eur)
        for name, value in _terms(kind):
            yield (name, kind.name, value)


def _terms(kind: ServerType) -> Iterator[tuple[str, float]]:
    if kind.billing == "hourly":
        yield "price_eur_an_hour", kind.hour_eur
    if kind.billing == "bought":
        yield "purchase_eur", kind.purchase_eur
        yield "life_months", kind.life_months
    if kind.term_months > 1:
        yield "term_months", kind.term_months
    if kind.notice_days:
        yield "notice_days", kind.notice_days
    if kind.lead_days:
        yield "lead_days", kind.lead_days
    if kind.included_traffic_bytes is not None:
        yield "included_traffic_tb", kind.included_traffic_bytes / 1e12
        yield "extra_traffic_eur_a_tb", kind.extra_traffic_eur_per_byte * 1e12


def _budget_rows(budget: Budget, names: _Names) -> Iterator[Row]:
    for node in budget.held:
        yield ("nodes_held", node.type, node.count)
    for contract in budget.contracts:
        until = f"{names.one('until')} {contract.until}" if contract.until else ""
        yield ("nodes_held", contract.type, contract.count, "", "", until)
        if contract.price_eur is not None:
            yield ("price_of_held_eur", contract.type, contract.price_eur)
    for what, lines in (
        ("fixed_cost_eur_a_month", budget.fixed_costs),
        ("income_eur_a_month", budget.income),
    ):
        for line in lines:
            yield (what, line.name, *_around(line.amount), _said(line, names))
    for driver in budget.growth:
        line = MoneyLine(
            name=driver.name,
            amount=driver.factor,
            first_month=driver.first_month,
            last_month=driver.last_month,
            source=driver.source,
        )
        yield ("growth_factor", line.name, *_around(line.amount), _said(line, names))


def _said(line: MoneyLine, names: _Names) -> str:
    """Return from when to when a line counts, and its source."""
    since = f"{names.one('from')} {line.first_month} " if line.first_month else ""
    until = f"{names.one('until')} {line.last_month} " if line.last_month else ""
    return f"{since}{until}{line.source}".strip()


def _months(plan: Plan, names: _Names, tongue: Tongue) -> Iterator[Row]:
    types = tuple(
        dict.fromkeys(node.type for month in plan.months for node in month.nodes)
    )
    told = (f"{names.one('nodes')}: {tongue.type_name(kind)}" for kind in types)
    yield (*names(*HEAD), *told)
    for month in plan.months:
        yield (*_month(month), *(_count(month, kind) for kind in types))


def _month(month: MonthPlan) -> Row:
    values = (
        month.peak.p50,
        month.peak.p95,
        month.required,
        month.node_cost_eur,
        month.setup_cost_eur,
        month.purchase_cost_eur,
        month.traffic_cost_eur,
        month.fixed_cost_eur,
        month.cost_eur,
        month.cost_interval_eur.low,
        month.cost_interval_eur.high,
        month.income_eur,
        month.ordered_balance_eur,
        month.balance_eur.mid,
        month.traffic_bytes / 1e12,
    )
    return (
        month.month,
        *(None if value is None else round(value, 2) for value in values),
        round(month.overload_risk, 4),
        round(month.utilisation, 4),
    )


def _shocks(plan: Plan, names: _Names) -> Iterator[Row]:
    if not plan.shocks:
        return
    heads = ("month", "peak", "extra_nodes", "cost_eur", "monthly_cost_eur")
    yield names("shocks", "factor", *heads, "runway_months", "low", "high")
    for row in plan.shocks:
        money = (round(row.cost_eur, 2), round(row.monthly_cost_eur, 2))
        counts = (round(row.peak, 2), row.extra_nodes)
        runway = _span(row.runway_months)
        yield (_UNTITLED, row.factor, row.month, *counts, *money, *runway)
    yield ()


def _count(month: MonthPlan, name: str) -> int:
    return sum(node.count for node in month.nodes if node.type == name)


def _span(value: Interval) -> tuple[float, float, float]:
    return round(value.mid, 2), round(value.low, 2), round(value.high, 2)


def _around(value: Interval) -> tuple[float, float, float]:
    return value.mid, value.low, value.high


def _written(cell: Cell, tongue: Tongue) -> str:
    """Return the cell's text, which no spreadsheet takes for a formula."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell
    text = f"{cell:.10g}"
    return text if tongue.is_english else text.replace(".", ",")
