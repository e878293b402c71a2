"""What to rent, buy and switch on when: the cheapest plan that holds.

An integer programme over types, months and load-duration blocks (`planning/market.py`):
every block of every month carries its requirement with the largest node missing, a node
ordered is paid for its term, a node bought for its life, nodes held for their contract,
and bytes beyond the included volume have their price. A greedy plan comes first
(`planning/greedy.py`); it starts the solver, it is what remains when the solver finds
nothing better in its time, and the gap to the bound is reported.
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from planning.greedy import greedy_plan
from planning.market import (
    Counts,
    Market,
    Setting,
    holds,
    market_of,
    node_traffic,
    orders,
    rents,
    total,
    traffic_costs,
)
from planning.models import Buying
from planning.offers import NodeCount
from planning.sizing import SizedType

TIME_LIMIT_S = 7.5
GAP_WANTED = 1e-4
_EASIER_SHARE = 0.4
_EASIER_GAP = 2e-3
TERABYTE = 1e12
"""Traffic enters the programme in terabytes: solvers dislike twelve digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Nodes by month and type, and what they cost by month."""

    nodes: tuple[tuple[NodeCount, ...], ...]
    """At the month's peak; hourly nodes exist in part of its hours only."""
    rent_eur: tuple[float, ...]
    """Rent, hours and running of what exists, without the price of what is bought."""
    setup_eur: tuple[float, ...]
    buying: Buying
    purchase_eur: tuple[float, ...] = ()
    """Cash for nodes bought, in the month they begin to serve."""
    traffic_eur: tuple[float, ...] = ()
    residual_eur: float = 0.0
    """What nodes bought are still worth after the plan, by months unused."""
    hourly_hours: tuple[float, ...] = ()
    """Hours that all hourly nodes of the month exist, together."""


def cheapest_purchase(
    required: tuple[float, ...],
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...] = (),
    setting: Setting | None = None,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    change_eur: float = 0.0,
) -> Purchase:
    """Return the cheapest plan found that carries `required` each month, N+1.

    `required` is in participants; a node of a type carries its `usable`. Set-up is not
    due for nodes `held` before the first month. `change_eur` is a price put on every
    node that comes or goes, to ask for calmer plans; it is not part of the bill.
    Raises ConfigError when no number of the nodes on offer can.
    """
    market = market_of(required, sized, held, setting)
    greedy = greedy_plan(market)
    greedy_eur = total(greedy, market)
    counts, bound, solved_by_programme = greedy, None, False
    solved = _solve(market, greedy, time_limit_s, change_eur)
    if solved is not None:
        plan, bound = solved
        if change_eur or total(plan, market) <= greedy_eur + 1e-6:
            counts, solved_by_programme = plan, True
    spent = total(counts, market)
    bound = spent if bound is None or change_eur else min(bound, spent)
    return _purchase(
        counts,
        market,
        Buying(
            method="integer programme" if solved_by_programme else "greedy",
            total_eur=spent,
            bound_eur=bound,
            gap_ratio=(spent - bound) / spent if spent > 0 else 0.0,
            greedy_eur=greedy_eur,
        ),
    )


def _purchase(counts: Counts, market: Market, buying: Buying) -> Purchase:
    kinds = [one.type for one in market.sized]
    new = orders(counts, market)
    shares = np.array(
        [k.purchase_eur / k.life_months if k.life_months else 0.0 for k in kinds]
    )
    prices = np.array([kind.purchase_eur for kind in kinds])
    rent = rents(counts, market).sum(axis=0) - shares @ counts[:, :, 0]
    cash = prices @ new
    used = np.maximum(market.months - np.arange(market.months), 0)
    worth = sum(
        prices[t]
        * float(new[t] @ np.maximum(1.0 - used / max(kind.life_months, 1), 0.0))
        for t, kind in enumerate(kinds)
        if kind.purchase_eur
    )
    hourly = np.einsum("t,tmb,b->m", market.is_hourly * 1.0, counts, market.hours)
    return Purchase(
        nodes=tuple(
            tuple(
                NodeCount(type=kind.name, count=int(counts[t, month, 0]))
                for t, kind in enumerate(kinds)
                if counts[t, month, 0] > 0
            )
            for month in range(market.months)
        ),
        rent_eur=tuple(rent.tolist()),
        setup_eur=tuple((market.setup_eur @ new).tolist()),
        buying=buying,
        purchase_eur=tuple(cash.tolist()),
        traffic_eur=tuple(traffic_costs(counts, market).tolist()),
        residual_eur=float(worth),
        hourly_hours=tuple(hourly.tolist()),
    )


class _Programme:
    """The integer programme in the solver's words."""

    def __init__(
        self, market: Market, change_eur: float, only: float | None = None
    ) -> None:
        """Write the programme; `only` plans the loss of a node of that size always."""
        self.market, self.only = market, only
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.count: dict[tuple[int, int, int], Any] = {}
        self.new: dict[tuple[int, int], Any] = {}
        self.chosen: dict[int, dict[float, Any]] = {}
        kinds, months = len(market.sized), market.months
        blocks = market.hours.size
        for t in range(kinds):
            for m in range(months):
                self._add_type_month(t, m, change_eur)
        for m in range(months):
            largest = self._add_largest(m)
            for b in range(blocks):
                pool = sum(
                    float(market.usable[t]) * self._in_block(t, m, b)
                    for t in range(kinds)
                )
                self.solver.addConstr(pool >= float(market.required[m, b]) + largest)
            if market.traffic_bytes[m] > 0 and np.isfinite(market.included_bytes).any():
                self._add_traffic(m)

    def _add_largest(self, m: int) -> Any:
        """Add the choice of the largest node present and return its usable share.

        One size is chosen; nodes above it are not there. Said per type, a relaxation
        would choose a small size and still use a little of every large type; said of
        all larger types together, by what they carry, the bound comes close.
        """
        market, solver = self.market, self.solver
        if self.only is not None:
            return self.only
        sizes = sorted(set(market.usable.tolist()))
        whole = highspy.HighsVarType.kInteger
        chosen = {size: solver.addVariable(0, 1, 0.0, type=whole) for size in sizes}
        solver.addConstr(sum(chosen.values()) == 1)
        # A pool beyond this could lose a node and still hold in every month.
        most = float(market.required[:, 0].max()) + 2.0 * sizes[-1]
        most = max(most, float(market.usable @ market.before))
        for size in sizes[1:]:
            larger = [t for t, usable in enumerate(market.usable) if usable >= size]
            carried = sum(
                float(market.usable[t]) * self._in_block(t, m, 0) for t in larger
            )
            allowed = sum(chosen[other] for other in sizes if other >= size)
            solver.addConstr(carried <= most * allowed)
        self.chosen[m] = chosen
        return sum(size * variable for size, variable in chosen.items())

    def _in_block(self, t: int, m: int, b: int) -> Any:
        if not self.market.is_hourly[t]:
            return self.count[t, m, 0]
        return sum(self.count[t, m, d] for d in range(b, self.market.hours.size))

    def _add_type_month(self, t: int, m: int, change_eur: float) -> None:
        market, solver = self.market, self.solver
        whole = highspy.HighsVarType.kInteger
        limit = int(market.limit[t])
        if self.only is not None and market.usable[t] > self.only:
            limit = 0
        depths = market.hours.size if market.is_hourly[t] else 1
        for d in range(depths):
            price = market.depth_eur[t, d] if depths > 1 else market.month_eur[t]
            self.count[t, m, d] = solver.addVariable(0, limit, float(price), type=whole)
        active = sum(self.count[t, m, d] for d in range(depths))
        if market.is_hourly[t]:
            return
        price = float(market.setup_eur[t]) + change_eur
        most = 0 if m < market.opens[t] else limit
        self.new[t, m] = solver.addVariable(0, most, price, type=whole)
        earlier = self.count[t, m - 1, 0] if m else int(market.before[t])
        solver.addConstr(self.new[t, m] >= active - earlier)
        if change_eur:
            gone = solver.addVariable(0, limit, change_eur)
            solver.addConstr(gone >= earlier - active)
        term = int(market.term[t])
        if term > 1:
            paid = sum(self.new[t, k] for k in range(max(0, m - term + 1), m + 1))
            solver.addConstr(active >= paid)
        if m < market.kept[t]:
            solver.addConstr(active >= int(market.before[t]))

    def _add_traffic(self, m: int) -> None:
        market, solver = self.market, self.solver
        share = node_traffic(market, m) / TERABYTE
        carried = []
        for t in range(len(market.sized)):
            active = self._in_block(t, m, 0)
            bytes_ = solver.addVariable(0, highspy.kHighsInf)
            solver.addConstr(bytes_ <= float(share[t]) * active)
            if np.isfinite(market.included_bytes[t]):
                price = float(market.extra_eur_per_byte[t]) * TERABYTE
                extra = solver.addVariable(0, highspy.kHighsInf, price)
                included = float(market.included_bytes[t]) / TERABYTE
                solver.addConstr(extra >= bytes_ - included * active)
            carried.append(bytes_)
        solver.addConstr(sum(carried) >= float(market.traffic_bytes[m]) / TERABYTE)

    def start_from(self, counts: Counts) -> None:
        """Hand the solver a plan to begin with; it fills the other variables."""
        market = self.market
        indices: list[int] = []
        values: list[float] = []
        for (t, m, d), variable in self.count.items():
            indices.append(variable.index)
            if market.is_hourly[t]:
                deeper = counts[t, m, d + 1] if d + 1 < market.hours.size else 0
                values.append(float(counts[t, m, d] - deeper))
            else:
                values.append(float(counts[t, m, 0]))
        new = orders(counts, market)
        for (t, m), variable in self.new.items():
            indices.append(variable.index)
            values.append(float(new[t, m]))
        for m, chosen in self.chosen.items():
            present = market.usable[counts[:, m, 0] > 0]
            largest = float(present.max(initial=min(chosen)))
            for size, variable in chosen.items():
                indices.append(variable.index)
                values.append(float(size == largest))
        self.solver.setSolution(
            len(indices), np.array(indices, dtype=np.int32), np.array(values)
        )

    def run(self, start: Counts, time_limit_s: float, gap: float) -> bool:
        """Solve from `start`; tell whether there is a plan."""
        solver = self.solver
        solver.setOptionValue("time_limit", time_limit_s)
        solver.setOptionValue("mip_rel_gap", gap)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("random_seed", 0)
        self.start_from(start)
        solver.minimize()
        status = solver.getInfo().primal_solution_status
        return bool(status == highspy.SolutionStatus.kSolutionStatusFeasible)

    def bound(self) -> float:
        """Return what no plan can be cheaper than."""
        return float(self.solver.getInfo().mip_dual_bound)

    def plan(self) -> Counts:
        """Return the solver's plan."""
        market = self.market
        values = np.array(self.solver.getSolution().col_value)
        shape = (len(market.sized), market.months, market.hours.size)
        counts = np.zeros(shape, dtype=np.int64)
        for (t, m, d), variable in self.count.items():
            many = round(values[variable.index])
            reach = d + 1 if market.is_hourly[t] else market.hours.size
            counts[t, m, :reach] += many
        return counts


def _solve(
    market: Market, start: Counts, time_limit_s: float, change_eur: float
) -> tuple[Counts, float] | None:
    """Return the solver's plan and bound, None when it found no plan in time.

    First without the choice of the largest node, which is the hard part: the greedy
    plan's is kept. What comes out starts the whole programme, whose bound counts.
    """
    present = market.usable[start.max(axis=(1, 2)) > 0]
    kept = market.usable[(market.kept > 0) & (market.before > 0)]
    only = float(max(present.max(initial=0.0), kept.max(initial=0.0)))
    best = start
    if market.usable.size > 1:
        easier = _Programme(market, change_eur, only)
        if easier.run(start, time_limit_s * _EASIER_SHARE, _EASIER_GAP):
            found = easier.plan()
            if holds(found, market) and (
                change_eur or total(found, market) < total(start, market)
            ):
                best = found
        time_limit_s *= 1.0 - _EASIER_SHARE
    programme = _Programme(market, change_eur)
    if not programme.run(best, time_limit_s, GAP_WANTED):
        return None if best is start else (best, programme.bound())
    return programme.plan(), programme.bound()
