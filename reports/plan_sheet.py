"""Plan -> CSV for a spreadsheet: inputs beside results, so that they can be redone.

First the inputs: money there is, comes in and goes out, capacities, prices, what is
held. Then one row a month: peak, bill and its parts, balance, nodes; below it runway
and the assumptions with their sources. Nodes of one type are `required_participants` ÷
(capacity × `share_of_capacity_filled`), rounded up, and the spare ones, or more where
keeping them is cheaper. Numbers have a decimal point and no thousands' mark. Computes
nothing.
"""

import csv
import io
from collections.abc import Iterator

from planning.models import MonthPlan, Plan
from planning.offers import Budget, Catalog
from planning.peaks import Interval

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
    "balance_mid_eur",
    "traffic_out_tb",
    "overload_risk",
    "share_of_capacity_filled",
)


def render(plan: Plan) -> str:
    """Return the sheet."""
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(["inputs", "", "value", "low", "high", "source"])
    sheet.writerow(["balance_eur", "", plan.balance_start_eur])
    sheet.writerow(["reserve_eur", "", plan.reserve_eur])
    sheet.writerow(["risk", "", plan.risk])
    sheet.writerow(["largest_meeting", "", plan.largest_meeting])
    for used in plan.capacity_used:
        row = [used.participants, used.low, used.high, _safe(used.source)]
        sheet.writerow(["capacity", _safe(used.type), *row])
    if plan.catalog_used:
        sheet.writerows(_catalog_rows(plan.catalog_used))
    if plan.budget_used:
        sheet.writerows(_budget_rows(plan.budget_used))
    sheet.writerow(["spare_nodes", "", plan.node_failure.spare_nodes])
    sheet.writerow([])
    names = tuple(
        dict.fromkeys(node.type for month in plan.months for node in month.nodes)
    )
    sheet.writerow([*HEAD, *(_safe(f"nodes: {name}") for name in names)])
    for month in plan.months:
        sheet.writerow([*_row(month), *(_count(month, name) for name in names)])
    sheet.writerow([])
    sheet.writerow(["results", "", "value", "low", "high"])
    runway, total = plan.runway_months, plan.cost_total_interval_eur
    sheet.writerow(["runway_months", "", *map(_number, _span(runway))])
    sheet.writerow(
        [
            "cost_total_eur",
            "",
            _number(plan.cost_total_eur),
            *_ends(total.low, total.high),
        ]
    )
    sheet.writerow([])
    sheet.writerow(["assumptions", "value", "reason", "source"])
    for given in plan.assumptions:
        sheet.writerow(
            [
                _safe(part)
                for part in (given.name, given.value, given.reason, given.source)
            ]
        )
    return text.getvalue()


def _catalog_rows(catalog: Catalog) -> Iterator[tuple[str | float, ...]]:
    yield ("vat_added_ratio", "", catalog.vat_ratio)
    for kind in catalog.types:
        name = _safe(kind.name)
        source = _safe(f"{kind.source} ({kind.date})")
        yield ("price_eur_a_month", name, kind.price_eur, "", "", source)
        yield ("setup_eur", name, kind.setup_eur)
        if kind.billing == "hourly":
            yield ("price_eur_an_hour", name, kind.hour_eur)
        if kind.billing == "bought":
            yield ("purchase_eur", name, kind.purchase_eur)
        if kind.included_traffic_bytes is not None:
            yield ("included_traffic_tb", name, kind.included_traffic_bytes / 1e12)
            yield (
                "extra_traffic_eur_a_tb",
                name,
                kind.extra_traffic_eur_per_byte * 1e12,
            )


def _budget_rows(budget: Budget) -> Iterator[tuple[str | float, ...]]:
    for node in budget.held:
        yield ("nodes_held", _safe(node.type), node.count)
    for contract in budget.contracts:
        until = f"until {contract.until}" if contract.until else ""
        name = _safe(contract.type)
        yield ("nodes_held", name, contract.count, "", "", until)
        if contract.price_eur is not None:
            yield ("price_of_held_eur", name, contract.price_eur)
    for what, lines in (
        ("fixed_cost_eur_a_month", budget.fixed_costs),
        ("income_eur_a_month", budget.income),
    ):
        for line in lines:
            since = f"from {line.first_month} " if line.first_month else ""
            until = f"until {line.last_month} " if line.last_month else ""
            source = _safe(f"{since}{until}{line.source}".strip())
            amount = line.amount
            yield (what, _safe(line.name), amount.mid, amount.low, amount.high, source)


def _row(month: MonthPlan) -> tuple[str, ...]:
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
        month.balance_eur.mid,
        month.traffic_bytes / 1e12,
    )
    shares = (month.overload_risk, month.utilisation)
    return (
        month.month,
        *map(_number, values),
        *(f"{share:.4f}" for share in shares),
    )


def _span(value: Interval) -> tuple[float, float, float]:
    return value.mid, value.low, value.high


def _ends(low: float, high: float) -> tuple[str, str]:
    return _number(low), _number(high)


def _count(month: MonthPlan, name: str) -> int:
    return sum(node.count for node in month.nodes if node.type == name)


def _number(value: float) -> str:
    return f"{value:.2f}"


def _safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
