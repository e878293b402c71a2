"""What a plan assumes, said with its reason and its source. Pure."""

from planning.models import Assumption, CapacityUsed
from planning.offers import Budget, Catalog
from planning.peaks import Forecast, History
from planning.placement import MEDIAN_MEETING, UTILISATION_TABLE
from planning.series import Shape
from planning.sizing import SizedType
from planning.traffic import DEFAULT_STREAMS

OURS = "our assumption"
FINE_STEP_S = 300


def assumptions_of(
    *,
    history: History,
    catalog: Catalog,
    budget: Budget,
    sized: tuple[SizedType, ...],
    shape: Shape,
    largest_meeting: int,
    stated: str = "",
) -> tuple[Assumption, ...]:
    """Return everything the plan rests on that was not measured here.

    `stated` says why, where the demand is stated and there is no history.
    """
    rows = []
    if stated:
        rows.append(
            Assumption(
                name="demand",
                value=history.source,
                reason="stated, not measured",
                source=stated,
            )
        )
    elif history.is_modelled:
        rows.append(
            Assumption(
                name="history",
                value=history.source,
                reason="the history is modelled, not measured",
                source="; ".join(history.comments[:3]),
            )
        )
    for one in sized:
        capacity = one.type.capacity
        if capacity is not None:
            rows.append(
                Assumption(
                    name=f"capacity of {one.type.name}",
                    value=(
                        f"{capacity.participants:g} participants "
                        f"({capacity.low:g} to {capacity.high:g}, "
                        f"{capacity.coverage:.0%})"
                    ),
                    reason=capacity.mix or "stated in the catalogue, not measured here",
                    source=capacity.source,
                )
            )
        if one.type.is_assumption:
            rows.append(
                Assumption(
                    name=f"price of {one.type.name}",
                    value=f"{one.type.price_eur:.2f} EUR a month",
                    reason=one.type.reason,
                    source=one.type.source,
                )
            )
    rows += _money_of(catalog)
    rows.append(_largest(budget, shape, largest_meeting))
    table = ", ".join(f"{u:.2f} at {r:g}" for r, u in UTILISATION_TABLE[1:])
    rows.append(
        Assumption(
            name="utilisation of a pool",
            value=", ".join(f"{one.type.name} {one.utilisation:.2f}" for one in sized),
            reason=(
                "meetings cannot move, grow after placement and start together; by "
                f"largest meeting ÷ node capacity ({table}), lowered where simulated "
                "mornings with a node down overflow more often"
            ),
            source=(
                "a laboratory simulation: 8 nodes, Scalelite's rule, risk 5 %; "
                f"mornings simulated for this plan: {budget.balancer}"
            ),
        )
    )
    known = history.meeting_sizes
    rows.append(
        Assumption(
            name="sizes of meetings",
            value=", ".join(f"up to {edge}: {count:g}" for edge, count in known)
            or f"log-normal, median {MEDIAN_MEETING:g}, up to {largest_meeting}",
            reason="how meetings fall onto nodes depends on their sizes"
            if known
            else "the history does not tell how large meetings are",
            source=f"{history.source}: meetings of its busy hours" if known else OURS,
        )
    )
    ratio = budget.mean_ratio or shape.mean_ratio
    rows.append(
        Assumption(
            name="mean ÷ peak concurrency of a month",
            value=f"{ratio:.3f}",
            reason="traffic follows the mean, nodes follow the peak",
            source=budget.source if budget.mean_ratio else history.source,
        )
    )
    streams = budget.streams or DEFAULT_STREAMS
    rows.append(
        Assumption(
            name="streams for traffic",
            value=(
                f"{streams.seen_cameras.mid:g} cameras of "
                f"{streams.camera_bps.mid / 1e3:g} kbit/s seen, audio "
                f"{streams.audio_bps.mid / 1e3:g} kbit/s"
            ),
            reason="the history does not tell who sees which stream",
            source=streams.source,
        )
    )
    rows.append(
        Assumption(
            name="shocks",
            value=", ".join(f"× {shock.factor:g}" for shock in budget.shocks),
            reason=(
                "no history tells of a lockdown to come: shown beside the forecast, "
                "never averaged into it"
            ),
            source=OURS,
        )
    )
    return tuple(rows)


def _money_of(catalog: Catalog) -> list[Assumption]:
    """Return whether prices are gross or net, and at which rate they were changed."""
    value, reason = (
        "as the prices have it",
        "the catalogue's prices include it, or name none",
    )
    if catalog.is_net:
        value, reason = (
            "left out of the prices",
            "the catalogue says that it comes back",
        )
    elif catalog.vat_ratio:
        value = f"{100 * catalog.vat_ratio:g}% added to the prices"
        reason = "the catalogue's prices are without it"
    rows = [Assumption(name="VAT", value=value, reason=reason, source=catalog.source)]
    if catalog.stated_in != catalog.currency:
        rate = f"1 {catalog.stated_in} = {catalog.eur_per_unit:g} {catalog.currency}"
        rows.append(
            Assumption(
                name="exchange rate",
                value=rate,
                reason=f"the catalogue's prices are in {catalog.stated_in}",
                source=catalog.source,
            )
        )
    return rows


def _largest(budget: Budget, shape: Shape, largest_meeting: int) -> Assumption:
    if budget.largest_meeting is not None:
        reason = budget.largest_meeting_source or "stated in the budget"
        return Assumption(
            name="largest meeting",
            value=str(largest_meeting),
            reason=reason,
            source=budget.source,
        )
    if shape.largest_meeting is not None:
        return Assumption(
            name="largest meeting",
            value=str(largest_meeting),
            reason="the largest of the history",
            source="the history",
        )
    return Assumption(
        name="largest meeting",
        value=str(largest_meeting),
        reason="neither budget nor history tells it: a tenth of the highest peak",
        source=OURS,
    )


def warnings_of(
    *,
    history: History,
    catalog: Catalog,
    budget: Budget,
    capacities: tuple[CapacityUsed, ...],
    sized: tuple[SizedType, ...],
    predicted: Forecast,
    largest_meeting: int,
    months_before: int,
    first_month: str,
    made_on: str,
) -> tuple[str, ...]:
    """Return what a reader of the plan must know before believing it."""
    warnings = [*catalog.warnings, *predicted.warnings]
    if first_month < made_on[:7] and not history.is_modelled:
        warnings.append(
            f"the plan begins in {first_month}, which is past: {history.source} ends "
            f"before it, and a newer history would tell what has come since"
        )
    if predicted.level_shift:
        warnings.append(
            "the last week lay above what the forecast before it called its .99 "
            "quantile: the level may have shifted, look at the shock scenarios"
        )
    if months_before > 0:
        warnings.append(
            f"the balance of {budget.balance_on} is {_many(months_before, 'month')} "
            "older than "
            "the plan: the months between are taken to cost what its first month does"
        )
    if months_before < 0:
        warnings.append(
            f"the balance of {budget.balance_on} is younger than the history: planned "
            "months before it are taken to be in it"
        )
    if history.step_s > FINE_STEP_S:
        warnings.append(
            f"peaks come from values every {history.step_s // 60} minutes: what lies "
            "between them is not seen"
        )
    if history.duplicates:
        warnings.append(
            f"{history.duplicates} samples of {history.source} were duplicates: the "
            "larger value was kept"
        )
    warnings.extend(history.notes)
    refused = sum(hits or 0 for hits in history.limit_hits or ())
    if refused:
        warnings.append(
            f"limits refused {refused} joins in {history.source}: demand was higher "
            "than who was present; refused joins count as demand up to half of those "
            "present"
        )
    if history.gaps:
        longest = max(history.gaps, key=lambda gap: gap.duration_s)
        warnings.append(
            f"{history.source} has {_many(len(history.gaps), 'gap')}, the longest of "
            f"{longest.duration_s / 3600:.0f} hours from {longest.starts_at}"
        )
    planned = {one.type.name for one in sized}
    able = {used.type for used in capacities}
    warnings.extend(
        f"{used.type} cannot hold the largest meeting of {largest_meeting} and is "
        "left out"
        for used in capacities
        if used.type not in planned
    )
    warnings.extend(
        f"{kind.name} has no capacity and is left out"
        for kind in catalog.types
        if kind.name not in able
    )
    warnings.extend(
        f"at the low end of its capacity ({used.low:g}) {used.type} cannot hold the "
        f"largest meeting of {largest_meeting}"
        for used in capacities
        if used.low < largest_meeting <= used.participants
    )
    if budget.largest_meeting and budget.largest_meeting > max(history.participants):
        warnings.append(
            f"the largest meeting to plan for ({largest_meeting}) is above every peak "
            "of the history"
        )
    return tuple(warnings)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
