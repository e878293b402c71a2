"""What to rent when: the cheapest months × types that hold. Pure but for the solver.

An integer programme: nodes active n[t,m], ordered o[t,m]; a node ordered is paid for
its term; set-up is paid when ordered. Every month must carry its requirement with any
one node down: for each type that is present, the rest of the pool without one of its
nodes is enough. A greedy plan of one type comes first; it is what remains when the
solver finds nothing better in its time, and the gap to the bound is reported.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.models import Buying, NodeCount
from planning.sizing import SPARE_NODES, SizedType

Counts = NDArray[np.int64]
"""Nodes, (types, months)."""
Floats = NDArray[np.float64]

TIME_LIMIT_S = 10.0
GAP_WANTED = 1e-4
MOST_NODES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Nodes by month and type, and what they cost by month."""

    nodes: tuple[tuple[NodeCount, ...], ...]
    rent_eur: tuple[float, ...]
    setup_eur: tuple[float, ...]
    buying: Buying


def cheapest_purchase(
    required: tuple[float, ...],
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...] = (),
) -> Purchase:
    """Return the cheapest plan found that carries `required` each month, N+1.

    `required` is in participants; a node of a type carries its `usable`. Set-up is not
    due for nodes `held` before the first month, which may end at any time.
    Raises ConfigError when no number of the nodes on offer can.
    """
    before = _held_counts(sized, held)
    greedy = greedy_plan(required, sized, before)
    counts, bound, method = greedy, None, "greedy"
    solved = _solve(required, sized, before)
    greedy_eur = _total(greedy, sized, before)
    if solved is not None:
        plan, lower = solved
        bound = lower
        if _total(plan, sized, before) <= greedy_eur + 1e-6:
            counts, method = plan, "integer programme"
    total = _total(counts, sized, before)
    bound = total if bound is None else min(bound, total)
    rents, setups = _bills(counts, sized, before)
    return Purchase(
        nodes=tuple(
            tuple(
                NodeCount(type=one.type.name, count=int(counts[index, month]))
                for index, one in enumerate(sized)
                if counts[index, month] > 0
            )
            for month in range(len(required))
        ),
        rent_eur=tuple(rents.tolist()),
        setup_eur=tuple(setups.tolist()),
        buying=Buying(
            method="integer programme" if method == "integer programme" else "greedy",
            total_eur=total,
            bound_eur=bound,
            gap_ratio=(total - bound) / total if total > 0 else 0.0,
            greedy_eur=greedy_eur,
        ),
    )


def greedy_plan(
    required: tuple[float, ...], sized: tuple[SizedType, ...], before: Counts
) -> Counts:
    """Return (types, months) of the best plan with a single type.

    Raises ConfigError when no type is offered in sufficient number.
    """
    best: Counts | None = None
    for index, one in enumerate(sized):
        needed = np.ceil(np.array(required) / one.usable - 1e-9).astype(np.int64)
        needed += SPARE_NODES
        limit = one.type.max_count or MOST_NODES
        if needed.max() > limit:
            continue
        # Ending a node before its term is over saves nothing: hold it.
        for month in range(1, needed.size):
            recent = needed[max(0, month - one.type.term_months + 1) : month]
            needed[month] = max(needed[month], recent.max(initial=0))
        counts = np.zeros((len(sized), needed.size), dtype=np.int64)
        counts[index] = needed
        if best is None or _total(counts, sized, before) < _total(best, sized, before):
            best = counts
    if best is None:
        raise ConfigError(
            f"a month needs nodes for {max(required):.0f} participants and no single "
            "type is offered in that number: raise max_count in the catalogue or add a "
            "larger type"
        )
    return best


def _held_counts(sized: tuple[SizedType, ...], held: tuple[NodeCount, ...]) -> Counts:
    by_type = {node.type: node.count for node in held}
    return np.array([by_type.get(one.type.name, 0) for one in sized], dtype=np.int64)


def _orders(counts: Counts, before: Counts) -> Counts:
    earlier = np.concatenate([before[:, None], counts[:, :-1]], axis=1)
    return np.asarray(np.maximum(counts - earlier, 0), dtype=np.int64)


def _bills(
    counts: Counts, sized: tuple[SizedType, ...], before: Counts
) -> tuple[Floats, Floats]:
    prices = np.array([one.type.price_eur for one in sized])
    setups = np.array([one.type.setup_eur for one in sized])
    return prices @ counts, setups @ _orders(counts, before)


def _total(counts: Counts, sized: tuple[SizedType, ...], before: Counts) -> float:
    rents, setups = _bills(counts, sized, before)
    return float(rents.sum() + setups.sum())


def _solve(
    required: tuple[float, ...], sized: tuple[SizedType, ...], before: Counts
) -> tuple[Counts, float] | None:
    """Return the solver's plan and bound, None when it found no plan in time."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", TIME_LIMIT_S)
    solver.setOptionValue("mip_rel_gap", GAP_WANTED)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", 0)
    months = range(len(required))
    kinds = range(len(sized))
    usable = [one.usable for one in sized]
    limits = [
        one.type.max_count or int(np.ceil(max(required) / one.usable)) + SPARE_NODES + 1
        for one in sized
    ]
    whole = highspy.HighsVarType.kInteger
    active = {
        (t, m): solver.addVariable(0, limits[t], sized[t].type.price_eur, type=whole)
        for t in kinds
        for m in months
    }
    ordered = {
        (t, m): solver.addVariable(0, limits[t], sized[t].type.setup_eur, type=whole)
        for t in kinds
        for m in months
    }
    present = {
        (t, m): solver.addVariable(0, 1, 0.0, type=whole) for t in kinds for m in months
    }
    for m in months:
        pool = sum(usable[t] * active[t, m] for t in kinds)
        for t in kinds:
            solver.addConstr(active[t, m] <= limits[t] * present[t, m])
            # Without one node of a type that is present the rest must be enough.
            solver.addConstr(pool - usable[t] * present[t, m] >= required[m])
            earlier = active[t, m - 1] if m else int(before[t])
            solver.addConstr(ordered[t, m] >= active[t, m] - earlier)
            term = sized[t].type.term_months
            held = sum(ordered[t, k] for k in range(max(0, m - term + 1), m + 1))
            solver.addConstr(active[t, m] >= held)
    solver.minimize()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    values = np.array(solver.getSolution().col_value)
    counts = np.array(
        [[round(values[active[t, m].index]) for m in months] for t in kinds],
        dtype=np.int64,
    )
    return counts, float(info.mip_dual_bound)
