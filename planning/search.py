"""The search for a cheap purchase: contracts first, then hourly nodes. Pure.

1. The greedy plan: contracts that cover the months by value for money
   (`planning/greedy.py`), and none at all, improved step by step until no step pays
   (`planning/improving.py`).
2. The bound, and with it contracts in fractions (`planning/hull.py`). Cut at several
   thresholds they give whole contracts that keep their terms, each improved in turn.
3. The months of all plans met so far, recombined by an integer programme, and some
   rounds of shaking.
4. Where traffic has its price or an hourly type may run out, which the tables do not
   know, or the gap is still wide, the whole programme (`planning/programme.py`)
   continues from the best plan.

Searches are counted in rounds, not in seconds, so that the same inputs give the same
plan; only the integer programmes, and a search that has become far too slow, are ended
by the clock.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.completion import NEVER_EUR, Completion, added, completion_of
from planning.greedy import covers
from planning.hull import Hull, chosen_of, hull_of
from planning.improving import Contracts, allowed, contracts_of, cost_of, improved
from planning.market import Counts, Market, holds, total, traffic_costs
from planning.programme import programmed

Ints = NDArray[np.int64]

MOST_S = 30.0
_SEED = 1
_MOST_COMPLETED = 4
_OPEN_GAP = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is searched."""

    cells_per_node: int
    """Of the tables: how finely participants are counted."""
    cuts: int
    """Thresholds at which fractional contracts are made whole."""
    shakes: int
    covers: bool
    """Begin from plans that cover by value for money, too."""
    choice_s: float
    programme_s: float


WHOLE = Effort(
    cells_per_node=900, cuts=24, shakes=12, covers=True, choice_s=1.0, programme_s=5.0
)
QUICK = Effort(
    cells_per_node=300, cuts=6, shakes=4, covers=False, choice_s=0.3, programme_s=1.0
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The cheapest plan met, and what it is measured by."""

    counts: Counts
    bound_eur: float | None
    """None where the plan was asked to be calm, not cheap."""
    greedy_eur: float


def searched(market: Market, *, change_eur: float, is_quick: bool) -> Found:
    """Return the plan; `change_eur` is put on every rented node that comes or goes.

    Raises ConfigError when what is on offer cannot carry a month.
    """
    effort = QUICK if is_quick else WHOLE
    until_s = time.monotonic() + MOST_S
    careful = _tables(market, effort, careful=True)
    view = contracts_of(market, careful, change_eur)
    greedy = _greedy(market, view, effort, until_s)
    plans = [_counts(base, view) for base in greedy] or list(covers(market))
    greedy_eur = min(total(plan, market) for plan in plans)
    hopeful = _tables(market, effort, careful=False)
    calm = replace(market, setup_eur=market.setup_eur + change_eur)
    hull = hull_of(
        replace(view, market=calm),
        hopeful,
        greedy[0] if greedy else _whole_months(plans[0], view),
        until_s,
    )
    bases = greedy + _cut(hull, view, effort, until_s)
    bases = [base for base in bases if cost_of(base, view) < NEVER_EUR / 2]
    if bases:
        bases.sort(key=lambda base: cost_of(base, view))
        bases = [_recombined(bases, hull, view, effort, until_s), *bases]
        plans += [_counts(base, view) for base in bases[:_MOST_COMPLETED]]
    plans = [plan for plan in plans if holds(plan, market)]
    best = min(plans, key=lambda plan: _asked(plan, market, change_eur))
    bound = hull.bound_eur
    is_open = not is_quick and total(best, market) > (1 + _OPEN_GAP) * bound
    if not change_eur and (is_open or _needs_programme(best, market)):
        other, other_bound = programmed(market, best, effort.programme_s)
        if other is not None and total(other, market) < total(best, market):
            best = other
        if other_bound is not None:
            bound = max(bound, other_bound)
    return Found(
        counts=best,
        bound_eur=None if change_eur else bound,
        greedy_eur=greedy_eur,
    )


def _tables(market: Market, effort: Effort, *, careful: bool) -> tuple[Completion, ...]:
    return tuple(
        completion_of(
            market, month, careful=careful, cells_per_node=effort.cells_per_node
        )
        for month in range(market.months)
    )


def _greedy(
    market: Market, view: Contracts, effort: Effort, until_s: float
) -> list[Ints]:
    """Return improved contracts that hold, cheapest first."""
    held = np.zeros((view.rented.size, market.months), dtype=np.int64)
    for place, kind in enumerate(view.rented):
        held[place, : market.kept[kind]] = market.before[kind]
    starts = [held, _held_throughout(market, view)]
    if view.rented.size and (effort.covers or not market.is_hourly.any()):
        starts += [_whole_months(plan, view) for plan in _covers(market)]
    found = [
        improved(start, view, rounds=0, seed=_SEED, until_s=until_s) for start in starts
    ]
    found = [base for base in found if cost_of(base, view) < NEVER_EUR / 2]
    return sorted(found, key=lambda base: cost_of(base, view))


def _covers(market: Market) -> tuple[Counts, ...]:
    try:
        return covers(market)
    except ConfigError:
        # Then contracts alone may still do, or nothing does: the caller asks again.
        return ()


def _held_throughout(market: Market, view: Contracts) -> Ints:
    """Return the plan that keeps what is held and orders nothing."""
    held = market.before[view.rented][:, None]
    return np.asarray(np.repeat(held, market.months, axis=1), dtype=np.int64)


def _whole_months(counts: Counts, view: Contracts) -> Ints:
    return np.asarray(counts[view.rented, :, 0], dtype=np.int64)


def _cut(hull: Hull, view: Contracts, effort: Effort, until_s: float) -> list[Ints]:
    """Return plans from fractional contracts, made whole at several thresholds."""
    rng = np.random.default_rng(_SEED)
    count = view.rented.size
    found: list[Ints] = []
    for index in range(effort.cuts if count else 0):
        if time.monotonic() > until_s:
            break
        # One threshold for all types, and in turn one for each.
        threshold = np.full(count, (index + 0.5) / effort.cuts)
        if index % 2:
            threshold = rng.random(count)
        whole = np.floor(hull.contracts + threshold[:, None] + 1e-6).astype(np.int64)
        if not allowed(whole, view, np.arange(count)):
            continue
        found.append(improved(whole, view, rounds=0, seed=_SEED, until_s=until_s))
    return found


def _recombined(
    bases: list[Ints], hull: Hull, view: Contracts, effort: Effort, until_s: float
) -> Ints:
    best = bases[0]
    chosen = chosen_of(hull, tuple(bases), view, effort.choice_s)
    if chosen is not None and allowed(chosen, view, np.arange(view.rented.size)):
        chosen = improved(chosen, view, rounds=0, seed=_SEED, until_s=until_s)
        best = min(best, chosen, key=lambda base: cost_of(base, view))
    return improved(best, view, rounds=effort.shakes, seed=_SEED, until_s=until_s)


def _counts(base: Ints, view: Contracts) -> Counts:
    """Return contracts with the hourly nodes that complete them."""
    market = view.market
    kinds, blocks = len(market.sized), market.hours.size
    counts = np.zeros((kinds, market.months, blocks), dtype=np.int64)
    for month, table in enumerate(view.tables):
        there = np.zeros(kinds, dtype=np.int64)
        there[view.rented] = base[:, month]
        counts[:, month, :] = added(market, month, table, there)
        counts[view.rented, month, :] = base[:, month][:, None]
    return counts


def _asked(counts: Counts, market: Market, change_eur: float) -> float:
    """Return the bill, with the price on changes."""
    peak = counts[~market.is_hourly, :, 0]
    before = market.before[~market.is_hourly][:, None]
    changes = np.abs(np.diff(np.concatenate([before, peak], axis=1), axis=1)).sum()
    return total(counts, market) + change_eur * float(changes)


def _needs_programme(counts: Counts, market: Market) -> bool:
    """Tell whether something counts that the tables do not know."""
    enough = np.ceil(market.required.max() / market.usable) + 2
    runs_out = bool((market.is_hourly & (market.limit < enough)).any())
    return runs_out or bool(traffic_costs(counts, market).any())
