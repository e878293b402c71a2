"""What months ask of a purchase besides participants, read off the inputs. Pure.

Load-duration blocks come from the history's own weeks: an hour of the week belongs to
the peak block when in any recent week it needed more than two thirds of that week's
peak, to the next above a third, else to the last. So an hourly node is switched by the
clock, which can be known beforehand, and not by a load that cannot.
"""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from bots.errors import ConfigError
from planning.bills import Demand, simulate_traffic
from planning.budget import month_distance
from planning.market import HOURS_IN_A_MONTH, WHOLE_MONTH, Setting
from planning.offers import HELD, Budget, NodeCount
from planning.peaks import History
from planning.sizing import SizedType
from planning.zones import local_seconds

Blocks = tuple[tuple[float, float], ...]

LEVELS = (1.0, 2.0 / 3.0, 1.0 / 3.0)
RECENT_WEEKS = 12
HOUR_S = 3600
WEEK_HOURS = 168


def blocks_of(history: History) -> Blocks:
    """Return (share of the requirement, hours a month), the peak block first.

    One block of the whole month where samples are more than an hour apart.
    """
    if history.step_s > HOUR_S:
        return WHOLE_MONTH
    times = local_seconds(history, history.times_s)
    values = np.asarray(history.participants, dtype=float)
    recent = times > times[-1] - RECENT_WEEKS * WEEK_HOURS * HOUR_S
    hours = times[recent] // HOUR_S
    weeks, of_week = hours // WEEK_HOURS, hours % WEEK_HOURS
    share = np.zeros(WEEK_HOURS)
    for week in np.unique(weeks):
        here = weeks == week
        peak = values[recent][here].max()
        if peak > 0:
            np.maximum.at(share, of_week[here], values[recent][here] / peak)
    edges = [*LEVELS[1:], 0.0]
    inside = [
        float(((share > low) & (share <= high + 1e-9)).sum())
        for high, low in zip(LEVELS, edges, strict=True)
    ]
    inside[-1] = WEEK_HOURS - sum(inside[:-1])
    return tuple(
        (level, count / WEEK_HOURS * HOURS_IN_A_MONTH)
        for level, count in zip(LEVELS, inside, strict=True)
    )


def setting_of(
    demand: Demand,
    sized: tuple[SizedType, ...],
    budget: Budget,
    mean_ratio: float,
    blocks: Blocks,
    *,
    made_on: str,
    seed: int,
) -> Setting:
    """Return blocks, traffic, delivery and contracts of the plan's months."""
    rng = np.random.default_rng([seed, 3])
    out, _ = simulate_traffic(demand, mean_ratio, budget, rng)
    return Setting(
        blocks=blocks,
        traffic_bytes=tuple(float(v) for v in np.median(out, axis=0)),
        opens=tuple(_opens(one, demand.months, made_on) for one in sized),
        kept_months=tuple(_kept(one, demand.months, made_on) for one in sized),
    )


def with_contracts(
    sized: tuple[SizedType, ...], budget: Budget
) -> tuple[SizedType, ...]:
    """Return the types and, under a name of their own, those held by contract.

    Raises ConfigError for a contract of a type that cannot be planned with.
    """
    by_name = {one.type.name: one for one in sized}
    own = []
    for contract in budget.contracts:
        one = by_name.get(contract.type)
        if one is None:
            raise ConfigError(
                f"{budget.source} holds {contract.count} of {contract.type!r}, which "
                "the catalogue does not have or which cannot hold the largest meeting"
            )
        kind = replace(
            one.type,
            name=contract.type + HELD,
            price_eur=one.type.price_eur
            if contract.price_eur is None
            else contract.price_eur,
            setup_eur=0.0,
            purchase_eur=0.0,
            life_months=0,
            billing="rented",
            term_months=1,
            max_count=contract.count,
            held_until=contract.until,
            notice_days=contract.notice_days or one.type.notice_days,
            is_held=True,
        )
        own.append(replace(one, type=kind))
    return (*sized, *own)


def held_counts(budget: Budget, sized: tuple[SizedType, ...]) -> tuple[NodeCount, ...]:
    """Return the nodes held under the names that `sized` gives them."""
    own = tuple(
        NodeCount(type=one.type.name, count=one.type.max_count or 0)
        for one in sized
        if one.type.is_held
    )
    return (*budget.held, *own)


def _opens(one: SizedType, months: tuple[str, ...], made_on: str) -> int:
    """Return the first month that a node ordered on `made_on` can serve.

    A plan for months that are already past (an example, a look back) knows no lead
    time: everything could have been ordered.
    """
    if made_on[:7] > months[0] or not one.type.lead_days:
        return 0
    ready = date.fromisoformat(made_on) + timedelta(days=one.type.lead_days)
    for index, month in enumerate(months):
        if date.fromisoformat(f"{month}-01") >= ready:
            return index
    return len(months)


def _kept(one: SizedType, months: tuple[str, ...], made_on: str) -> int:
    kept = 0
    if one.type.held_until is not None:
        kept = month_distance(months[0], one.type.held_until) + 1
    if one.type.is_held and one.type.notice_days and made_on[:7] <= months[0]:
        free = date.fromisoformat(made_on) + timedelta(days=one.type.notice_days)
        kept = max(
            kept, sum(date.fromisoformat(f"{month}-01") < free for month in months)
        )
    return min(max(kept, 0), len(months))
