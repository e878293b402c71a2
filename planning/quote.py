"""What more people would take: nodes, cost, runway before and after. Pure, seeded.

Asked of a plan alone: its months' peaks, prices and budget are inside it. Before and
after are computed alike, from the plan's quantiles, so that they differ by the addition
and nothing else; the figures before may differ a little from the plan's own.
"""

from dataclasses import dataclass

import numpy as np

from bots.errors import ConfigError
from planning.bills import (
    Added,
    Demand,
    Terms,
    margin_of,
    simulate_bills,
)
from planning.demand import (
    HOURS_A_WEEK,
    SIMULTANEITY,
    SIZE_SPREAD,
    Group,
    draw_peak,
    mean_ratio_of_hours,
    spread,
    streams_of,
)
from planning.market import WHOLE_MONTH
from planning.models import LONGEST_RUNWAY_MONTHS, CapacityUsed, Plan
from planning.node_prices import main_type, node_prices
from planning.offers import NodeCount
from planning.ordering import order
from planning.paths import simulate
from planning.peaks import Interval, PeriodForecast
from planning.sampling import interval_of, log_normal
from planning.settings import held_counts, setting_of, with_contracts
from planning.sizing import capacity_spread, sized_types
from planning.traffic import DEFAULT_STREAMS

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
    """Nodes, traffic and fixed costs."""
    once_eur: float
    """Set-up and purchases of the month."""
    total_eur: float
    """Nodes, set-up and traffic over the plan; of bought nodes the share of use."""
    traffic_bytes: float
    """Out of the nodes in the month, in the middle."""
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
        cameras=_number(given, "cameras", least=0.0) if "cameras" in given else None,
        hours_a_week=HOURS_A_WEEK,
    )
    return Addition(group=group, first_month=first)


def quote(plan: Plan, addition: Addition) -> Quote:
    """Return the plan's answer without and with the addition.

    Cameras count for traffic; what a node carries stays the plan's figure.
    Raises ConfigError for a plan made before plans held their inputs, and for meetings
    that fit on no node.
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
    group = addition.group
    _check_size(group, plan)
    index = months.index(addition.first_month)
    more = np.zeros(peaks.shape)
    more[:, index:] = draw_peak(group, rng, PATHS)[:, None]
    added = Added(
        peaks=more,
        mean_ratio=mean_ratio_of_hours(group.hours_a_week),
        streams=plan.budget_used.streams or DEFAULT_STREAMS
        if group.cameras is None
        else streams_of((group,), "the addition"),
    )
    largest = max(plan.largest_meeting, round(group.size.high))
    return Quote(
        before=_answer(plan, peaks, index, plan.largest_meeting),
        after=_answer(plan, peaks + more, index, largest, added),
    )


def _check_size(group: Group, plan: Plan) -> None:
    roomiest = max(plan.capacity_used, key=lambda used: used.participants)
    if round(group.size.high) > roomiest.participants:
        raise ConfigError(
            f"--add size={group.size.mid:g} is planned as meetings of up to "
            f"{group.size.high:.0f} ({SIZE_SPREAD:.0%} more may come), and no node of "
            f"the plan carries more than {roomiest.participants:g} ({roomiest.type}): "
            "a meeting cannot be split over nodes, so plan with a larger type, or "
            "stream the lecture to viewers outside the meeting"
        )


def _answer(
    plan: Plan,
    peaks: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    index: int,
    largest: int,
    added: Added | None = None,
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
        added=added,
    )
    setting = setting_of(
        demand,
        sized,
        budget,
        plan.mean_ratio,
        plan.blocks or WHOLE_MONTH,
        made_on=plan.made_on,
        seed=plan.seed,
    )
    held = held_counts(budget, sized)
    ordered = order(
        demand, sized, held, setting, largest=largest, risk=plan.risk, seed=plan.seed
    )
    purchase = ordered.purchase
    main = main_type(purchase, sized)
    terms = Terms(
        main=main,
        largest_meeting=largest,
        risk=plan.risk,
        margin=margin_of(demand, plan.risk, main.utilisation, rng),
        mean_ratio=plan.mean_ratio,
        budget=budget,
        prices=node_prices(purchase, sized, held, main, setting.kept_months),
        seed=plan.seed,
    )
    bills = simulate_bills(demand, terms)
    return Answer(
        month=demand.months[index],
        peak=interval_of(peaks[:, index]),
        nodes=purchase.nodes[index],
        monthly_cost_eur=purchase.rent_eur[index]
        + purchase.traffic_eur[index]
        + float(np.median(bills.fixed[:, index])),
        once_eur=purchase.setup_eur[index] + purchase.purchase_eur[index],
        total_eur=purchase.buying.total_eur,
        traffic_bytes=float(np.median(bills.out_bytes[:, index])),
        runway_months=interval_of(bills.cash.runway_months()),
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
        ("EUR once, in that month", f"{before.once_eur:.0f}", f"{after.once_eur:.0f}"),
        (
            "EUR, nodes of all months",
            f"{before.total_eur:.0f}",
            f"{after.total_eur:.0f}",
        ),
        ("money lasts, months", _span(before), _span(after)),
        ("TB out in that month", _terabytes(before), _terabytes(after)),
        ("largest meeting", str(before.largest_meeting), str(after.largest_meeting)),
    ]
    lines = [f"From {after.month} on:"]
    wide = max(24, *(len(left) for _, left, _ in rows)) + 2
    lines += [f"{name:<26}{left:<{wide}}{right}" for name, left, right in rows]
    return lines


def added_cost_eur(found: Quote) -> float:
    """Return what the addition costs a month."""
    return found.after.monthly_cost_eur - found.before.monthly_cost_eur


def _nodes(answer: Answer) -> str:
    return ", ".join(f"{node.count} × {node.type}" for node in answer.nodes)


def _terabytes(answer: Answer) -> str:
    return f"{answer.traffic_bytes / 1e12:.1f}"


def _span(answer: Answer) -> str:
    runway = answer.runway_months
    mid, low, high = (
        f"{one:.1f}" if one < LONGEST_RUNWAY_MONTHS else "over 240"
        for one in (runway.mid, runway.low, runway.high)
    )
    return f"{mid} ({low} to {high})"


def _interval(used: CapacityUsed) -> Interval:
    return Interval(
        low=used.low, mid=used.participants, high=used.high, coverage=used.coverage
    )


def _number(given: dict[str, str], name: str, least: float = 1e-3) -> float:
    try:
        value = float(given[name])
    except ValueError:
        value = -1.0
    if not least <= value < 1e6:
        wanted = "0 or more" if least == 0 else "above 0"
        raise ConfigError(f"--add {name}={given[name]} is no number {wanted}")
    return value
