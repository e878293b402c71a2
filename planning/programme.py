"""The whole purchase as one integer programme, where traffic or limits decide. Pure.

Types, months and load-duration blocks with everything that `planning/market.py` prices.
Its relaxation is weak, so plans are searched by contracts (`planning/search.py`) and
this comes after, from the plan found there: it knows what bytes cost and that hourly
types may run out, and where a pool is small it may end what the search left open. Its
bound is used for a single block only: with several it asks each to spare the largest
node of the month, which is a little more than is asked.
"""

from typing import Any

import highspy
import numpy as np

from planning.market import Counts, Market, holds, node_traffic, orders

GAP_WANTED = 1e-3
TERABYTE = 1e12
"""Traffic enters the programme in terabytes: solvers dislike twelve digits."""


def programmed(
    market: Market, start: Counts, time_limit_s: float
) -> tuple[Counts | None, float | None]:
    """Return (best plan found in time, what no plan can be cheaper than).

    No plan where none that holds was found, no bound where there are several blocks.
    """
    programme = Programme(market)
    is_found = programme.run(start, time_limit_s)
    plan = programme.plan() if is_found else None
    if plan is not None and not holds(plan, market):
        plan = None
    return plan, programme.bound() if market.hours.size == 1 else None


class Programme:
    """The integer programme in the solver's words."""

    def __init__(self, market: Market) -> None:
        """Write the programme."""
        self.market = market
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.count: dict[tuple[int, int, int], Any] = {}
        self.new: dict[tuple[int, int], Any] = {}
        self.chosen: dict[int, dict[float, Any]] = {}
        kinds, months = len(market.sized), market.months
        blocks = market.hours.size
        for t in range(kinds):
            for m in range(months):
                self._add_type_month(t, m)
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

    def _add_type_month(self, t: int, m: int) -> None:
        market, solver = self.market, self.solver
        whole = highspy.HighsVarType.kInteger
        limit = int(market.limit[t])
        depths = market.hours.size if market.is_hourly[t] else 1
        for d in range(depths):
            price = market.depth_eur[t, d] if depths > 1 else market.month_eur[t]
            self.count[t, m, d] = solver.addVariable(0, limit, float(price), type=whole)
        active = sum(self.count[t, m, d] for d in range(depths))
        if market.is_hourly[t]:
            solver.addConstr(active <= limit)
            return
        price = float(market.setup_eur[t])
        most = 0 if m < market.opens[t] else limit
        self.new[t, m] = solver.addVariable(0, most, price, type=whole)
        earlier = self.count[t, m - 1, 0] if m else int(market.before[t])
        solver.addConstr(self.new[t, m] >= active - earlier)
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

    def run(self, start: Counts, time_limit_s: float) -> bool:
        """Solve from `start`; tell whether there is a plan."""
        solver = self.solver
        solver.setOptionValue("time_limit", time_limit_s)
        solver.setOptionValue("mip_rel_gap", GAP_WANTED)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("random_seed", 0)
        self.start_from(start)
        solver.minimize()
        status = solver.getInfo().primal_solution_status
        return bool(status == highspy.SolutionStatus.kSolutionStatusFeasible)

    def bound(self) -> float:
        """Return what no plan of the programme can be cheaper than."""
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
