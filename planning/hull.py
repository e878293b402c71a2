"""What no plan can be cheaper than, and good plans made on the way. Pure.

Each month alone is a small knapsack with an exact solution; contracts tie the months
together. Written as one integer programme, the relaxation mixes fractions of nodes and
loses up to a tenth. So each month offers whole *patterns* (so many nodes of each rented
type), only contracts may be fractional, and patterns are found when prices ask for
them: the column generation of Dantzig and Wolfe (1960). Any prices on the way give a
bound (Lagrange): contracts at these prices, plus the cheapest pattern of every month.

The bound forgets limits of hourly types and the price of traffic, both of which can
only make plans dearer.
"""

import time
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from planning.completion import NEVER_EUR, Completion
from planning.improving import Contracts, completed
from planning.pattern import cheapest_pattern

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pattern = tuple[int, ...]
"""Nodes by rented type."""

GAP_WANTED = 2e-4
_MOST_ROUNDS = 80
_START_FACTORS = (0.7, 1.0, 1.4)
_STEADINESS = 0.5
_LEAST_STEADINESS = 0.02
_OFFERED = 40
_KEPT_WHOLE = 4
"""Patterns a month that the last choice is made from, and plans it can return to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hull:
    """The bound and the patterns that came up."""

    bound_eur: float
    prices: Floats
    """(rented types, months): what a node in a month was worth at the best bound."""
    contracts: Floats
    """(rented types, months): nodes, in fractions, of the cheapest mixture found."""
    patterns: tuple[Pattern, ...]


def hull_of(
    view: Contracts, hopeful: tuple[Completion, ...], known: Ints, until_s: float
) -> Hull:
    """Return the bound, searched until it is tight or the monotonic clock says so.

    `known` is a plan, (rented types, months), whose months are patterns to start with.
    """
    market, rented = view.market, view.rented
    months = market.months
    plain = np.repeat(market.month_eur[rented][:, None], months, axis=1)
    master = _Master(view, hopeful)
    for month in range(months):
        master.offer(month, tuple(known[:, month].tolist()))
    best = 0.0
    for factor in _START_FACTORS:
        value, _ = _priced(view, hopeful, plain * factor, master)
        best = value if factor == 1.0 else best
    centre, centre_eur, steadiness = plain, 0.0, _STEADINESS
    for _ in range(_MOST_ROUNDS):
        if time.monotonic() > until_s or rented.size == 0:
            break
        total, prices, contracts_eur = master.solved()
        prices = steadiness * centre + (1 - steadiness) * prices
        contracts_eur = steadiness * centre_eur + (1 - steadiness) * contracts_eur
        value, news = _priced(view, hopeful, prices, master)
        if contracts_eur + value > best:
            best, centre, centre_eur = contracts_eur + value, prices, contracts_eur
        else:
            steadiness *= 0.7
        if total - best <= GAP_WANTED * total:
            break
        if not news:
            if steadiness < _LEAST_STEADINESS:
                break
            steadiness *= 0.3
    return Hull(
        bound_eur=best,
        prices=centre,
        contracts=master.contracts(),
        patterns=tuple(sorted(master.seen)),
    )


def chosen_of(
    hull: Hull, plans: tuple[Ints, ...], view: Contracts, time_limit_s: float
) -> Ints | None:
    """Return the cheapest plan whose every month is one of a pattern's.

    On offer are the months of `plans`, cheapest first, and the patterns that the bound
    found worth most. None when nothing was found in time.
    """
    if view.rented.size == 0:
        return None
    months = view.market.months
    patterns = tuple(
        dict.fromkeys(
            tuple(plan[:, month].tolist()) for plan in plans for month in range(months)
        )
    )
    own = np.array(patterns, dtype=np.int64)
    costs = completed(np.repeat(own[:, None, :], months, axis=1), view)
    worth = costs + own @ hull.prices
    master = _Master(view, view.tables)
    for month in range(months):
        for plan in plans[:_KEPT_WHOLE]:
            master.offer(month, tuple(plan[:, month].tolist()))
        for index in np.argsort(worth[:, month], kind="stable")[:_OFFERED]:
            master.offer(month, patterns[index])
    return master.whole(time_limit_s)


def _priced(
    view: Contracts, tables: tuple[Completion, ...], prices: Floats, master: "_Master"
) -> tuple[float, int]:
    """Return (the months' cheapest patterns' value, how many patterns were new)."""
    total, news = 0.0, 0
    for month, table in enumerate(tables):
        value, patterns = cheapest_pattern(view, table, prices[:, month])
        total += value
        for pattern in patterns:
            # What serves one month well may serve those beside it.
            for near in (month - 1, month, month + 1):
                if 0 <= near < len(tables):
                    news += master.offer(near, pattern)
    return total, news


class _Master:
    """Contracts, fractional, and a share of each pattern offered in each month."""

    def __init__(self, view: Contracts, tables: tuple[Completion, ...]) -> None:
        """Write contracts and their rules; patterns come by `offer`."""
        self.view, self.tables = view, tables
        self.seen: set[Pattern] = set()
        self._offered: dict[tuple[int, Pattern], int] = {}
        self._columns = self._rows = 0
        self._solver = highspy.Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("random_seed", 0)
        months = view.market.months
        self._active = np.zeros((view.rented.size, months), dtype=np.int32)
        self._served = np.zeros((view.rented.size, months), dtype=np.int32)
        for place, kind in enumerate(view.rented):
            self._add_contracts(place, int(kind))
        self._one = np.array([self._row(1.0, 1.0, []) for _ in range(months)])

    def _add_contracts(self, place: int, kind: int) -> None:
        market, inf = self.view.market, highspy.kHighsInf
        limit, term = float(market.limit[kind]), int(market.term[kind])
        before = float(market.before[kind])
        news: list[int] = []
        for month in range(market.months):
            least = before if month < market.kept[kind] else 0.0
            active = self._column(market.month_eur[kind], least, limit)
            most = limit if month >= market.opens[kind] else 0.0
            new = self._column(market.setup_eur[kind], 0.0, most)
            news.append(new)
            self._active[place, month] = active
            if month:
                earlier = int(self._active[place, month - 1])
                self._row(0.0, inf, [(new, 1.0), (active, -1.0), (earlier, 1.0)])
            else:
                self._row(-before, inf, [(new, 1.0), (active, -1.0)])
            if term > 1:
                paid = [(one, -1.0) for one in news[max(0, month - term + 1) :]]
                self._row(0.0, inf, [(active, 1.0), *paid])
            self._served[place, month] = self._row(0.0, inf, [(active, 1.0)])

    def _column(self, cost: float, low: float, high: float) -> int:
        nothing = np.array([], dtype=np.int32), np.array([], dtype=float)
        self._solver.addCol(float(cost), low, high, 0, *nothing)
        self._columns += 1
        return self._columns - 1

    def _row(self, low: float, high: float, terms: list[tuple[int, float]]) -> int:
        index = np.array([column for column, _ in terms], dtype=np.int32)
        value = np.array([factor for _, factor in terms], dtype=float)
        self._solver.addRow(low, high, len(terms), index, value)
        self._rows += 1
        return self._rows - 1

    def offer(self, month: int, pattern: Pattern) -> bool:
        """Add a pattern to a month; tell whether that is new and can be completed."""
        if (month, pattern) in self._offered:
            return False
        cost = _completion_eur(self.view, self.tables[month], pattern)
        if cost > NEVER_EUR / 2:
            return False
        self.seen.add(pattern)
        rows = [int(self._one[month])]
        factors = [1.0]
        for place, nodes in enumerate(pattern):
            if nodes:
                rows.append(int(self._served[place, month]))
                factors.append(-float(nodes))
        self._solver.addCol(
            cost,
            0.0,
            1.0,
            len(rows),
            np.array(rows, dtype=np.int32),
            np.array(factors),
        )
        self._offered[month, pattern] = self._columns
        self._columns += 1
        return True

    def solved(self) -> tuple[float, Floats, float]:
        """Return (value, prices of a node by type and month, contracts' share)."""
        self._solver.run()
        duals = np.array(self._solver.getSolution().row_dual)
        value = float(self._solver.getInfo().objective_function_value)
        # A price under zero is the solver's rounding.
        prices = np.maximum(duals[self._served], 0.0)
        return value, prices, value - float(duals[self._one].sum())

    def contracts(self) -> Floats:
        """Return (rented types, months) as last solved."""
        values = np.array(self._solver.getSolution().col_value)
        if not values.size:
            return np.zeros(self._active.shape)
        return np.asarray(values[self._active], dtype=float)

    def whole(self, time_limit_s: float) -> Ints | None:
        """Return contracts for one whole pattern a month."""
        whole = highspy.HighsVarType.kInteger
        for column in self._offered.values():
            self._solver.changeColIntegrality(column, whole)
        self._solver.setOptionValue("time_limit", time_limit_s)
        self._solver.setOptionValue("mip_rel_gap", GAP_WANTED)
        self._solver.run()
        status = self._solver.getInfo().primal_solution_status
        if status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        values = np.array(self._solver.getSolution().col_value)
        return np.asarray(np.rint(values[self._active]), dtype=np.int64)


def _completion_eur(view: Contracts, table: Completion, pattern: Pattern) -> float:
    nodes = np.array(pattern, dtype=np.int64)
    largest = int(view.size[nodes > 0].max(initial=0))
    # The tables' own weights: a hopeful table is hopeful about rented nodes too.
    weights = table.weights[view.rented]
    at = min(int(weights @ nodes), table.cost_eur.shape[1] - 1)
    return float(table.cost_eur[largest, at])
