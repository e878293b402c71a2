"""Contracts made cheaper step by step: add, drop, swap, merge and split nodes. Pure.

A plan of contracts is a table of nodes by type and month; what hourly nodes add to it
is read from `planning/completion.py`. A step changes every month of a run alike: one
node more or less of a type, one for another, two for one, one for two. All steps are
priced at once and the best allowed one is taken until none pays; then a few nodes are
shaken and the descent starts anew, a fixed number of times with a fixed seed, so that
no machine's pace decides a plan.
"""

import itertools
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.completion import NEVER_EUR, Completion, sizes_of
from planning.market import Market

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_STEPS = 400
_MOST_TRIED = 80
_MOST_TYPES = 14
"""Of more types than this, the cheapest per participant take part in exchanges."""
_SHAKEN = 3
_MISSING_CELL_EUR = 1e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contracts:
    """The market as a search over contracts sees it."""

    market: Market
    tables: tuple[Completion, ...]
    """By month."""
    change_eur: float
    rented: Ints
    """The types that stay: all but the hourly ones."""
    size: Ints
    """By rented type, its index among all sizes."""
    costs: Floats
    """The tables side by side: (months, sizes, cells), padded."""


def contracts_of(
    market: Market, tables: tuple[Completion, ...], change_eur: float = 0.0
) -> Contracts:
    """Return the search's view of a market and its tables."""
    rented = np.flatnonzero(~market.is_hourly)
    width = max(table.cost_eur.shape[1] for table in tables)
    costs = np.stack([_sloped(table.cost_eur, width) for table in tables])
    return Contracts(
        market=market,
        tables=tables,
        change_eur=change_eur,
        rented=rented,
        size=sizes_of(market)[1][rented],
        costs=costs,
    )


def _sloped(costs: Floats, width: int) -> Floats:
    """Return a table in which more that is missing costs more, so that steps see it."""
    never = costs > NEVER_EUR / 2
    missing = never.sum(axis=1)[:, None] - np.arange(costs.shape[1])[None, :]
    sloped = np.where(never, NEVER_EUR + missing * _MISSING_CELL_EUR, costs)
    return np.pad(sloped, ((0, 0), (0, width - costs.shape[1])), mode="edge")


def cost_of(base: Ints, view: Contracts) -> float:
    """Return what (rented types, months) cost with what hourly nodes add to them."""
    market, rented = view.market, view.rented
    before = np.concatenate([market.before[rented][:, None], base[:, :-1]], axis=1)
    changes = _turn(base - before, view).sum()
    rent = (market.month_eur[rented] @ base).sum()
    return float(rent + changes + completed(base.T[None], view).sum())


def improved(
    base: Ints, view: Contracts, *, rounds: int, seed: int, until_s: float
) -> Ints:
    """Return cheaper contracts that keep every rule `base` keeps.

    `rounds` descents after a shake follow the first; none begins after `until_s` on
    the monotonic clock.
    """
    rng = np.random.default_rng(seed)
    steps = _steps(view)
    best = _descended(base, view, steps)
    best_eur = cost_of(best, view)
    for _ in range(rounds):
        if time.monotonic() > until_s or view.rented.size == 0:
            break
        other = _descended(_shaken(best, view, steps, rng), view, steps)
        other_eur = cost_of(other, view)
        if other_eur < best_eur - 1e-6:
            best, best_eur = other, other_eur
    return best


def allowed(base: Ints, view: Contracts, kinds: Ints) -> bool:
    """Tell whether rented types (by their place) keep term, contract and lead time."""
    market = view.market
    months = market.months
    for place in kinds:
        kind = view.rented[place]
        row = base[place]
        if (row < 0).any() or (row > market.limit[kind]).any():
            return False
        if (row[: market.kept[kind]] < market.before[kind]).any():
            return False
        new = np.maximum(np.diff(row, prepend=market.before[kind]), 0)
        if new[: market.opens[kind]].any():
            return False
        term = min(int(market.term[kind]), months)
        if term > 1:
            sums = np.cumsum(new)
            earlier = np.concatenate([np.zeros(term, np.int64), sums])[:months]
            if (row < sums - earlier).any():
                return False
    return True


def _steps(view: Contracts) -> Ints:
    """Return (steps, rented types): what a step adds to each month of its run."""
    count = view.rented.size
    market = view.market
    per_head = (market.month_eur / market.usable)[view.rented]
    some = np.argsort(per_head, kind="stable")[:_MOST_TYPES].tolist()
    rows = []
    for place in range(count):
        rows += [{place: 1}, {place: -1}]
    for out, into in itertools.permutations(some, 2):
        rows += [{out: -1, into: 1}, {out: -2, into: 1}, {out: -1, into: 2}]
    steps = np.zeros((len(rows), count), dtype=np.int64)
    for index, row in enumerate(rows):
        for place, change in row.items():
            steps[index, place] = change
    return steps


def _turn(change: Ints | Floats, view: Contracts) -> Floats:
    """Return by rented type what it costs that so many more nodes are there."""
    setup = view.market.setup_eur[view.rented].reshape(-1, *[1] * (change.ndim - 1))
    begin = np.maximum(change, 0) * (setup + view.change_eur)
    return np.asarray(begin + np.maximum(-change, 0) * view.change_eur, dtype=float)


def completed(base: Ints, view: Contracts) -> Floats:
    """Return (candidates, months): what hourly nodes add to (…, months, types)."""
    market = view.market
    cells = np.array([table.cell for table in view.tables])
    carried = base @ market.usable[view.rented]
    at = np.floor(carried / cells + 1e-9).astype(np.int64)
    at = np.clip(at, 0, view.costs.shape[2] - 1)
    largest = np.zeros(carried.shape, dtype=np.int64)
    for place, size in enumerate(view.size):
        np.maximum(largest, np.where(base[..., place] > 0, size, 0), out=largest)
    months = np.arange(market.months)
    return np.asarray(view.costs[months, largest, at], dtype=float)


def _priced(base: Ints, view: Contracts, steps: Ints) -> Floats:
    """Return (steps, first month, last month): what each step would add to the bill."""
    market, months = view.market, view.market.months
    now = completed(base.T[None], view)[0]
    after = base.T[None] + steps[:, None, :]
    there = completed(after, view) - now[None]
    there += (steps @ market.month_eur[view.rented])[:, None]
    there[((after < 0) | (after > market.limit[view.rented])).any(axis=2)] = NEVER_EUR
    sums = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(there, axis=1)], axis=1)
    runs = sums[:, None, 1:] - sums[:, :-1, None]
    # What changes at both ends of the run, by type and by how much it changes.
    known = np.concatenate([market.before[view.rented][:, None], base], axis=1)
    jumps = np.diff(known, axis=1)
    begin = np.zeros((len(steps), months))
    end = np.zeros((len(steps), months))
    for change in (-2, -1, 1, 2):
        starts = _turn(jumps + change, view) - _turn(jumps, view)
        stops = np.zeros((view.rented.size, months))
        stops[:, :-1] = _turn(jumps[:, 1:] - change, view) - _turn(jumps[:, 1:], view)
        chosen = (steps == change).astype(float)
        begin += chosen @ starts
        end += chosen @ stops
    runs += begin[:, :, None] + end[:, None, :]
    runs[:, np.tril_indices(months, -1)[0], np.tril_indices(months, -1)[1]] = NEVER_EUR
    return np.asarray(runs)


def _descended(base: Ints, view: Contracts, steps: Ints) -> Ints:
    """Take the best allowed step until none pays."""
    for _ in range(_MOST_STEPS):
        if len(steps) == 0:
            return base
        prices = _priced(base, view, steps)
        flat = prices.reshape(-1)
        most = min(_MOST_TRIED, flat.size - 1)
        likely = np.argpartition(flat, most)[: most + 1]
        likely = likely[np.argsort(flat[likely], kind="stable")]
        for index in likely:
            if flat[index] > -1e-6:
                return base
            step, first, last = np.unravel_index(index, prices.shape)
            other = base.copy()
            other[:, first : last + 1] += steps[step][:, None]
            if allowed(other, view, np.flatnonzero(steps[step])):
                base = other
                break
        else:
            return base
    return base


def _shaken(base: Ints, view: Contracts, steps: Ints, rng: np.random.Generator) -> Ints:
    """Return the plan after a few steps of chance that can still be completed."""
    months = view.market.months
    for _ in range(_SHAKEN * 20):
        other = base.copy()
        for _ in range(int(rng.integers(1, _SHAKEN + 1))):
            step = steps[int(rng.integers(len(steps)))]
            first, last = sorted(rng.integers(0, months, 2).tolist())
            other[:, first : last + 1] += step[:, None]
        kinds = np.arange(view.rented.size)
        if not allowed(other, view, kinds):
            continue
        if completed(other.T[None], view).max() < NEVER_EUR / 2:
            return other
    return base
