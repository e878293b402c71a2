"""What demand will probably cost: bills and traffic along simulated paths. Pure.

In every path nodes follow demand month by month: as many as its peak takes, with the
margin that a forecast of one month ahead needs at the plan's risk, at a capacity drawn
from its interval. The same draws serve a shock, so that plan and shock differ by the
shock alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.budget import month_distance, monthly_amounts
from planning.joint import placement_luck
from planning.offers import Balancer, Budget, ServerType
from planning.series import Shape, month_days
from planning.sizes import Histogram
from planning.sizing import SizedType, simulated_nodes
from planning.traffic import DEFAULT_STREAMS, draw_rates, monthly_bytes

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """Simulated demand: months, their peaks by path, capacity factors by path."""

    months: tuple[str, ...]
    peaks: Floats
    """(paths, months)."""
    factors: Floats
    """(paths): true ÷ stated capacity."""
    required: tuple[float, ...]
    """By month: the peak at the plan's risk, in stated capacity."""
    balancer: Balancer = "scalelite"
    sizes: Histogram = ()
    """Of meetings, where the history tells it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bills:
    """Simulated bills, nodes, income and traffic, (paths, months)."""

    total: Floats
    nodes: Floats
    fixed: Floats
    income: Floats
    out_bytes: Floats
    in_bytes: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What bills depend on besides demand."""

    main: SizedType
    largest_meeting: int
    risk: float
    margin: float
    """Nodes are ordered for this many times the peak that comes."""
    mean_ratio: float
    budget: Budget
    seed: int
    price_share: float = 1.0
    """What the plan's nodes cost ÷ what they would cost if all were there all month:
    less than one where hourly nodes are."""


def margin_of(
    demand: Demand, risk: float, utilisation: float, rng: np.random.Generator
) -> float:
    """Return what foresight costs: (first month's peak and the luck of placement at
    the risk, drawn together) ÷ the median peak."""
    first = demand.peaks[:, 0]
    load = first / placement_luck(utilisation, rng, first.size)
    return float(np.quantile(load, 1.0 - risk) / np.median(first))


def simulate_bills(demand: Demand, terms: Terms) -> Bills:
    """Return the bills along every path of demand."""
    rng = np.random.default_rng([terms.seed, 3])
    paths = demand.peaks.shape[0]
    kind, budget = terms.main.type, terms.budget
    nodes = simulated_nodes(
        demand.peaks * terms.margin,
        demand.factors,
        terms.main,
        terms.largest_meeting,
        terms.risk,
    )
    held = sum(node.count for node in budget.held if node.type == kind.name)
    ordered = np.maximum(np.diff(nodes, axis=1, prepend=float(held)), 0.0)
    out_bytes, in_bytes = simulate_traffic(demand, terms.mean_ratio, budget, rng)
    fixed = monthly_amounts(budget.fixed_costs, demand.months, rng, paths)
    return Bills(
        total=nodes * month_price(kind) * terms.price_share
        + ordered * kind.setup_eur
        + _traffic_cost(out_bytes, nodes, kind)
        + fixed,
        nodes=nodes,
        fixed=fixed,
        income=monthly_amounts(budget.income, demand.months, rng, paths),
        out_bytes=out_bytes,
        in_bytes=in_bytes,
    )


def simulate_traffic(
    demand: Demand, mean_ratio: float, budget: Budget, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return (out, in): bytes of the nodes, each (paths, months)."""
    rates = draw_rates(budget.streams or DEFAULT_STREAMS, rng, demand.peaks.shape[0])
    # The peak of a month moves more than its mean does: half of the surprise on the
    # log scale is taken to be the whole month's, half its highest hour's.
    typical = np.median(demand.peaks, axis=0)
    mean = mean_ratio * np.sqrt(demand.peaks * typical[None, :])
    days = np.array([month_days(label) for label in demand.months], dtype=float)
    return (
        monthly_bytes(mean, np.array(rates.out_bps)[:, None], days[None, :]),
        monthly_bytes(mean, np.array(rates.in_bps)[:, None], days[None, :]),
    )


def month_price(kind: ServerType) -> float:
    """Return a node's month; of a bought one with its share of the purchase."""
    share = kind.purchase_eur / kind.life_months if kind.life_months else 0.0
    return kind.price_eur + share


def mean_ratio_of(budget: Budget, known: Shape) -> float:
    """Return mean ÷ peak concurrency of a month, the budget's own first."""
    return known.mean_ratio if budget.mean_ratio is None else budget.mean_ratio


def months_before(budget: Budget, months: tuple[str, ...]) -> int:
    """Return the months between the balance and the first planned one.

    Negative where the balance is younger than the first planned months.
    """
    return month_distance(budget.balance_on[:7], months[0]) - 1


def from_balance_on(amounts: Floats, offset: int) -> Floats:
    """Return amounts by month from the balance on.

    Months before the plan are taken to cost what its first month costs; planned months
    before the balance are already in it.
    """
    if offset > 0:
        earlier = np.repeat(amounts[:, :1], offset, axis=1)
        return np.concatenate([earlier, amounts], axis=1)
    if offset < 0:
        return amounts[:, min(-offset, amounts.shape[1] - 1) :]
    return amounts


def _traffic_cost(out_bytes: Floats, nodes: Floats, kind: ServerType) -> Floats:
    if kind.included_traffic_bytes is None:
        return np.zeros_like(out_bytes)
    beyond = np.maximum(out_bytes - nodes * kind.included_traffic_bytes, 0.0)
    return np.asarray(beyond * kind.extra_traffic_eur_per_byte, dtype=float)
