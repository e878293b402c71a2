"""What more people would take: nodes, cost, runway before and after. Pure, seeded.

Asked of a plan alone: its months' peaks, prices and budget are inside it. Before and
after are computed alike, from the plan's quantiles, so that they differ by the addition
and nothing else; the figures before may differ a little from the plan's own.
"""

from dataclasses import dataclass

import numpy as np

from bots.errors import ConfigError
from planning.bills import (
    Demand,
    Terms,
    from_balance_on,
    margin_of,
    months_before,
    simulate_bills,
)
from planning.budget import runways
from planning.demand import HOURS_A_WEEK, SIMULTANEITY, Group, draw_peak, spread
from planning.market import Setting
from planning.models import CapacityUsed, Plan
from planning.offers import NodeCount
from planning.ordering import order
from planning.paths import simulate
from planning.peaks import Interval, PeriodForecast
from planning.sampling import interval_of, log_normal
from planning.settings import held_counts, with_contracts
from planning.sizing import capacity_spread, cheapest, sized_types

PATHS = 2500
SAME_LUCK = 0.7
"""Share of a month's error that all months have in common: our assumption here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """People to come, from a month on."""

    group: Group
    first_month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One side of the comparison, for the first month the addition counts in."""

    month: str
    peak: Interval
    nodes: tuple[NodeCount, ...]
    monthly_cost_eur: float
    total_eur: float
    """Nodes and set-up over the plan."""
    runway_months: Interval
    largest_meeting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Before and after."""

    before: Answer
    after: Answer


def parse_addition(text: str, months: tuple[str, ...]) -> Addition:
    """Read `pupils=900,classes=32,size=28,cameras=2,from=2027-02`.

    Raises ConfigError that names what is wrong.
    """
    known = ("pupils", "classes", "size", "cameras", "from", "together")
    given: dict[str, str] = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if name.strip() not in known or not sign or not value.strip():
            raise ConfigError(
                f"--add has {part!r}; write {', '.join(f'{one}=…' for one in known)}"
            )
        given[name.strip()] = value.strip()
    for name in ("classes", "size"):
        if name not in given:
            raise ConfigError(f"--add {text!r} lacks {name}=")
    first = given.get("from", months[0])
    if first not in months:
        raise ConfigError(
            f"--add from={first} is no month of the plan ({months[0]} to {months[-1]})"
        )
    classes, size = _number(given, "classes"), _number(given, "size")
    together = _number(given, "together") if "together" in given else None
    if together is not None and together > 1:
        raise ConfigError(f"--add together={together:g} is no share of 0 to 1")
    group = Group(
        name="added",
        meetings=Interval(low=classes, mid=classes, high=classes),
        size=spread(Interval(low=size, mid=size, high=size)),
        simultaneity=SIMULTANEITY
        if together is None
        else Interval(low=together, mid=together, high=together),
        people=_number(given, "pupils") if "pupils" in given else None,
        cameras=_number(given, "cameras") if "cameras" in given else 1.0,
        hours_a_week=HOURS_A_WEEK,
    )
    return Addition(group=group, first_month=first)


def quote(plan: Plan, addition: Addition) -> Quote:
    """Return the plan's answer without and with the addition.

    Raises ConfigError for a plan made before plans held their inputs.
    """
    if plan.catalog_used is None or plan.budget_used is None:
        raise ConfigError(
            "this plan.json does not hold its prices and budget: make it again with "
            "bbbload plan"
        )
    months = tuple(month.month for month in plan.months)
    rng = np.random.default_rng([plan.seed, 21])
    periods = tuple(
        PeriodForecast(starts_on=f"{month.month}-01", peak=month.peak)
        for month in plan.months
    )
    peaks = simulate(periods, (SAME_LUCK, 0.5), rng, PATHS)
    added = draw_peak(addition.group, rng, PATHS)
    index = months.index(addition.first_month)
    more = peaks.copy()
    more[:, index:] += added[:, None]
    size = round(addition.group.size.high)
    return Quote(
        before=_answer(plan, peaks, index, plan.largest_meeting),
        after=_answer(plan, more, index, max(plan.largest_meeting, size)),
    )


def _answer(
    plan: Plan,
    peaks: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    index: int,
    largest: int,
) -> Answer:
    assert plan.catalog_used is not None
    assert plan.budget_used is not None
    budget = plan.budget_used
    intervals = {used.type: _interval(used) for used in plan.capacity_used}
    sized = with_contracts(
        sized_types(plan.catalog_used, intervals, largest, plan.risk), budget
    )
    rng = np.random.default_rng([plan.seed, 22])
    demand = Demand(
        months=tuple(month.month for month in plan.months),
        peaks=peaks,
        factors=log_normal(capacity_spread(sized), rng, PATHS),
        required=(),
        balancer=budget.balancer,
        sizes=plan.meeting_sizes,
    )
    ordered = order(
        demand,
        sized,
        held_counts(budget, sized),
        Setting(blocks=plan.blocks) if plan.blocks else Setting(),
        largest=largest,
        risk=plan.risk,
        seed=plan.seed,
    )
    main = cheapest(max(ordered.required), sized)
    terms = Terms(
        main=main,
        largest_meeting=largest,
        risk=plan.risk,
        margin=margin_of(demand, plan.risk, main.utilisation, rng),
        mean_ratio=plan.mean_ratio,
        budget=budget,
        seed=plan.seed,
    )
    bills = simulate_bills(demand, terms)
    offset = months_before(budget, demand.months)
    purchase = ordered.purchase
    return Answer(
        month=demand.months[index],
        peak=interval_of(peaks[:, index]),
        nodes=purchase.nodes[index],
        monthly_cost_eur=purchase.rent_eur[index]
        + float(np.median(bills.fixed[:, index])),
        total_eur=purchase.buying.total_eur,
        runway_months=interval_of(
            runways(
                budget.balance_eur,
                from_balance_on(bills.income, offset),
                from_balance_on(bills.total, offset),
                budget.reserve_eur,
            )
        ),
        largest_meeting=largest,
    )


def quote_lines(found: Quote) -> list[str]:
    """Return the comparison in lines for people."""
    before, after = found.before, found.after
    rows = [
        ("", "before", "after"),
        ("peak, median", f"{before.peak.mid:.0f}", f"{after.peak.mid:.0f}"),
        ("nodes", _nodes(before), _nodes(after)),
        (
            "EUR a month",
            f"{before.monthly_cost_eur:.0f}",
            f"{after.monthly_cost_eur:.0f}",
        ),
        (
            "EUR, nodes of all months",
            f"{before.total_eur:.0f}",
            f"{after.total_eur:.0f}",
        ),
        ("money lasts, months", _span(before), _span(after)),
        ("largest meeting", str(before.largest_meeting), str(after.largest_meeting)),
    ]
    lines = [f"From {after.month} on:"]
    lines += [f"{name:<26}{left:<26}{right}" for name, left, right in rows]
    return lines


def added_cost_eur(found: Quote) -> float:
    """Return what the addition costs a month."""
    return found.after.monthly_cost_eur - found.before.monthly_cost_eur


def _nodes(answer: Answer) -> str:
    return ", ".join(f"{node.count} × {node.type}" for node in answer.nodes)


def _span(answer: Answer) -> str:
    runway = answer.runway_months
    return f"{runway.mid:.1f} ({runway.low:.1f} to {runway.high:.1f})"


def _interval(used: CapacityUsed) -> Interval:
    return Interval(
        low=used.low, mid=used.participants, high=used.high, coverage=used.coverage
    )


def _number(given: dict[str, str], name: str) -> float:
    try:
        value = float(given[name])
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise ConfigError(f"--add {name}={given[name]} is no number above 0")
    return value
