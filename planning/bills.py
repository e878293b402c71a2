"""What demand will probably cost: bills and traffic along simulated paths. Pure.

In every path nodes follow demand month by month: as many as its peak takes, with the
margin that a forecast of one month ahead needs at the plan's risk, at a capacity drawn
from its interval; contracts are paid as long as they bind. Money is cash: set-up and
what is bought are paid when a node begins. The same draws serve a shock, so that plan
and shock differ by the shock alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.budget import monthly_amounts
from planning.cash import Cash, columns, laid_out, planned
from planning.joint import placement_luck
from planning.node_prices import NodePrices
from planning.offers import Balancer, Budget, ServerType, StreamMix
from planning.series import Shape, month_days
from planning.sizes import Histogram
from planning.sizing import SizedType, simulated_nodes
from planning.traffic import DEFAULT_STREAMS, draw_rates, monthly_bytes

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Added:
    """People among a demand who see and send other streams than the rest."""

    peaks: Floats
    """(paths, months), part of the demand's."""
    mean_ratio: float
    streams: StreamMix


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
    added: Added | None = None
    """Those of the peaks whose traffic is told apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bills:
    """Simulated bills, nodes, income and traffic, (paths, months)."""

    total: Floats
    nodes: Floats
    node_eur: Floats
    """Of the total what nodes cost, with set-up and purchase, without traffic."""
    fixed: Floats
    income: Floats
    out_bytes: Floats
    in_bytes: Floats
    cash: Cash


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
    prices: NodePrices
    seed: int


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
    prices = terms.prices
    if prices.stays:
        nodes = np.maximum.accumulate(nodes, axis=1)
    begun = np.maximum(np.diff(nodes, axis=1, prepend=prices.held), 0.0)
    once = begun * prices.start_eur
    rent = np.maximum(nodes * prices.month_eur, prices.bound_eur)
    out_bytes, in_bytes = simulate_traffic(demand, terms.mean_ratio, budget, rng)
    monthly = rent + _traffic_cost(out_bytes, nodes, kind)
    months, span = demand.months, columns(budget, demand.months)
    cash = Cash(
        budget=budget,
        months=months,
        fixed=monthly_amounts(budget.fixed_costs, span, rng, paths),
        income=monthly_amounts(budget.income, span, rng, paths),
        nodes=laid_out(monthly, once, budget, months),
    )
    fixed = planned(cash.fixed, budget, months)
    return Bills(
        total=monthly + once + fixed,
        nodes=nodes,
        node_eur=rent + once,
        fixed=fixed,
        income=planned(cash.income, budget, months),
        out_bytes=out_bytes,
        in_bytes=in_bytes,
        cash=cash,
    )


def simulate_traffic(
    demand: Demand, mean_ratio: float, budget: Budget, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return (out, in): bytes of the nodes, each (paths, months)."""
    streams, added = budget.streams or DEFAULT_STREAMS, demand.added
    days = np.array([month_days(label) for label in demand.months], dtype=float)
    if added is None:
        return _moved(demand.peaks, mean_ratio, streams, days, rng)
    rest = _moved(demand.peaks - added.peaks, mean_ratio, streams, days, rng)
    more = _moved(added.peaks, added.mean_ratio, added.streams, days, rng)
    return rest[0] + more[0], rest[1] + more[1]


def mean_ratio_of(budget: Budget, known: Shape) -> float:
    """Return mean ÷ peak concurrency of a month, the budget's own first."""
    return known.mean_ratio if budget.mean_ratio is None else budget.mean_ratio


def _moved(
    peaks: Floats,
    mean_ratio: float,
    streams: StreamMix,
    days: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    rates = draw_rates(streams, rng, peaks.shape[0])
    # The peak of a month moves more than its mean does: half of the surprise on the
    # log scale is taken to be the whole month's, half its highest hour's.
    typical = np.median(peaks, axis=0)
    mean = mean_ratio * np.sqrt(peaks * typical[None, :])
    return (
        monthly_bytes(mean, np.array(rates.out_bps)[:, None], days[None, :]),
        monthly_bytes(mean, np.array(rates.in_bps)[:, None], days[None, :]),
    )


def _traffic_cost(out_bytes: Floats, nodes: Floats, kind: ServerType) -> Floats:
    if kind.included_traffic_bytes is None:
        return np.zeros_like(out_bytes)
    beyond = np.maximum(out_bytes - nodes * kind.included_traffic_bytes, 0.0)
    return np.asarray(beyond * kind.extra_traffic_eur_per_byte, dtype=float)
