"""Until when to order and to cancel, from lead time and notice. Pure."""

from datetime import date, timedelta

from planning.models import OrderStep
from planning.offers import NodeCount, ServerType


def order_steps(
    months: tuple[str, ...],
    nodes: tuple[tuple[NodeCount, ...], ...],
    types: tuple[ServerType, ...],
    held: tuple[NodeCount, ...],
    made_on: str,
) -> tuple[OrderStep, ...]:
    """Return every order and cancellation with its last day.

    An order must be placed `lead_days` before the month it serves; a cancellation
    `notice_days` before the month it ends. Hourly nodes are switched, not ordered.
    """
    by_name = {kind.name: kind for kind in types}
    before = {node.type: node.count for node in held}
    steps = []
    for month, counts in zip(months, nodes, strict=True):
        now = {node.type: node.count for node in counts}
        first = date.fromisoformat(f"{month}-01")
        for name in dict.fromkeys((*before, *now)):
            change = now.get(name, 0) - before.get(name, 0)
            if change and name in by_name:
                steps.append(_step(month, first, change, by_name[name], made_on))
        before = now
    return tuple(steps)


def _step(
    month: str, first: date, change: int, kind: ServerType, made_on: str
) -> OrderStep:
    if kind.billing == "hourly":
        day, reason = first, "switched on and off by the hour, nothing to order"
    elif change > 0:
        day = first - timedelta(days=kind.lead_days)
        reason = f"{kind.lead_days} days until it serves" if kind.lead_days else ""
    else:
        day = first - timedelta(days=kind.notice_days + 1)
        reason = f"{kind.notice_days} days of notice" if kind.notice_days else ""
    return OrderStep(
        month=month,
        type=kind.name,
        count=change,
        act_by=day.isoformat(),
        reason=reason or "no lead time or notice in the catalogue",
        is_late=day.isoformat() < made_on <= f"{month}-01",
    )
