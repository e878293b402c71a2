"""Plan -> CSV for a spreadsheet: inputs beside results, so that they can be redone.

One row a month, its inputs first (peak, price of each type), then what was bought, then
sums; below it balance, runway and the assumptions with their sources. Numbers have a
decimal point and no thousands' mark. Computes nothing.
"""

import csv
import io

from planning.models import MonthPlan, Plan
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
    for kind in plan.catalog_used.types if plan.catalog_used else ():
        row = [kind.price_eur, "", "", _safe(f"{kind.source} ({kind.date})")]
        sheet.writerow(["price_eur_a_month", _safe(kind.name), *row])
        sheet.writerow(["setup_eur", _safe(kind.name), kind.setup_eur])
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
    return (month.month, *map(_number, values), f"{month.overload_risk:.4f}")


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
