"""A plan in a moment: cover the requirement by what is cheapest per participant. Pure.

The months' requirements, with the largest node added that the plan may lose, are a
mountain to be covered. Again and again the offer is taken that covers most participant
hours for its money (a type over a run of months, or an hourly type down to a block of
one month), until nothing is left; then nodes that turned out to be spare are dropped.
Done once for each largest node size on offer; the cheapest outcome counts. A set-cover
greedy: no proof of cheapness, so the programme's bound stands beside it.
"""

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.market import Counts, Market, holds, slack, total

Floats = NDArray[np.float64]

_MOST_STEPS = 2000
_MOST_SIZES = 3
_MOST_PRUNES = 400
_MOST_EXCHANGES = 60


def greedy_plan(market: Market) -> Counts:
    """Return the cheapest plan found.

    Raises ConfigError when what is on offer cannot carry a month.
    """
    shares = market.hours / market.hours.sum()
    tried = []
    for largest in sorted(set(market.usable.tolist())):
        counts = _cover(market, largest, shares)
        if counts is not None:
            tried.append((total(counts, market), largest, counts))
    tried.sort(key=lambda one: one[0])
    best: Counts | None = None
    for _, largest, first in tried[:_MOST_SIZES]:
        counts = _exchange(_prune(first, market), market, largest, shares)
        if holds(counts, market) and (
            best is None or total(counts, market) < total(best, market)
        ):
            best = counts
    if best is None:
        raise ConfigError(_why_nothing(market))
    return best


def _why_nothing(market: Market) -> str:
    need = float(market.required[:, 0].max())
    late = market.opens.min() > 0
    if late and not market.before.any():
        return (
            f"no type can be delivered for the first month, and nodes for {need:.0f} "
            "participants are needed: add a type with a shorter lead_days, or state "
            "what is held"
        )
    return (
        f"a month needs nodes for {need:.0f} participants and the types on offer are "
        "not enough in that number: raise max_count in the catalogue or add a larger "
        "type"
    )


def _cover(
    market: Market, largest: float, weights: Floats, start: Counts | None = None
) -> Counts | None:
    """Return nodes no larger than `largest` that cover all, None when they cannot.

    `weights` say what a participant is worth in each block; `start` is kept.
    """
    allowed = market.usable <= largest + 1e-9
    kinds, months = len(market.sized), market.months
    blocks = market.hours.size
    if start is None:
        counts = np.zeros((kinds, months, blocks), dtype=np.int64)
        for kind in range(kinds):
            counts[kind, : market.kept[kind], :] = market.before[kind]
    else:
        counts = start.copy()
    present = market.usable[counts.max(axis=(1, 2)) > 0]
    largest = max(largest, float(present.max(initial=0.0)))
    held_left = market.before.copy()
    held_left = np.maximum(held_left - counts[:, 0, 0], 0)
    spare = market.required + largest
    for _ in range(_MOST_STEPS):
        pool = np.einsum("t,tmb->mb", market.usable, counts)
        left = np.maximum(spare - pool, 0.0)
        if not (left > 1e-6).any():
            return counts
        found = _best_offer(market, allowed, counts, left, weights, held_left)
        if found is None:
            return None
        kind, first, last, depth, many = found
        if first == 0:
            held_left[kind] -= min(held_left[kind], many)
        counts[kind, first : last + 1, : depth + 1] += many
    return None


def _best_offer(
    market: Market,
    allowed: NDArray[np.bool_],
    counts: Counts,
    left: Floats,
    weights: Floats,
    held_left: NDArray[np.int64],
) -> tuple[int, int, int, int, int] | None:
    """Return (type, first month, last month, block depth, nodes) of best value."""
    covered = np.minimum(market.usable[:, None, None], left[None])
    covered = covered * weights[None, None, :]
    best: tuple[float, int, int, int, int] | None = None
    candidate: tuple[float, int, int, int] | None
    months = market.months
    room = market.limit[:, None] - counts[:, :, 0]
    for kind in np.flatnonzero(allowed).tolist():
        if market.is_hourly[kind]:
            by_depth = np.cumsum(covered[kind], axis=1)
            value = by_depth / np.maximum(market.depth_eur[kind], 1e-9)[None, :]
            value[room[kind] < 1] = 0.0
            month, depth = divmod(int(np.argmax(value)), value.shape[1])
            candidate = (float(value[month, depth]), month, month, depth)
        else:
            candidate = _best_run(
                market, kind, covered[kind].sum(axis=1), room[kind], held_left
            )
            if candidate is None:
                continue
        if candidate[0] > 0 and (best is None or candidate[0] > best[0]):
            best = (candidate[0], kind, *candidate[1:])
    if best is None:
        return None
    _, kind, first, last, depth = best
    many = _copies(market, kind, left[first : last + 1, : depth + 1])
    many = min(many, int(room[kind, first : last + 1].min()))
    if first == 0 and held_left[kind] > 0:
        many = min(many, int(held_left[kind]))
    return kind, first, min(last, months - 1), depth, max(1, many)


def _best_run(
    market: Market,
    kind: int,
    covered: Floats,
    room: NDArray[np.int64],
    held_left: NDArray[np.int64],
) -> tuple[float, int, int, int] | None:
    months = market.months
    sums = np.concatenate([[0.0], np.cumsum(covered)])
    first, last = np.triu_indices(months)
    length = last - first + 1
    benefit = sums[last + 1] - sums[first]
    from_held = (first == 0) & (held_left[kind] > 0)
    setup = np.where(from_held, 0.0, market.setup_eur[kind])
    term = int(market.term[kind])
    long_enough = from_held | (length >= np.minimum(term, months - first))
    can_order = from_held | (first >= market.opens[kind])
    full = np.concatenate([[0], np.cumsum(room < 1)])
    has_room = full[last + 1] == full[first]
    value = benefit / np.maximum(market.month_eur[kind] * length + setup, 1e-9)
    value[~(long_enough & can_order & has_room)] = 0.0
    if value.size == 0 or value.max() <= 0:
        return None
    index = int(np.argmax(value))
    return (
        float(value[index]),
        int(first[index]),
        int(last[index]),
        int(market.hours.size) - 1,
    )


def _copies(market: Market, kind: int, left: Floats) -> int:
    """Return how many nodes cover equally much, one after the other."""
    usable = market.usable[kind]
    wanted = left[left > 1e-6]
    if wanted.size == 0 or (wanted < usable).any():
        return 1
    return max(1, int(wanted.min() // usable))


def _prune(counts: Counts, market: Market) -> Counts:
    """Drop nodes over runs of months where the rest is enough."""
    order = np.argsort(-market.month_eur)
    for _ in range(_MOST_PRUNES):
        free = slack(counts, market).min(axis=1)
        changed = False
        for kind in order:
            mask = (counts[kind, :, 0] > 0) & (free >= market.usable[kind] - 1e-6)
            for first, last in _runs(mask):
                fewer = counts.copy()
                fewer[kind, first : last + 1] = np.maximum(
                    fewer[kind, first : last + 1] - 1, 0
                )
                if holds(fewer, market) and total(fewer, market) < (
                    total(counts, market) - 1e-9
                ):
                    counts, changed = fewer, True
                    break
            if changed:
                break
        if not changed:
            break
    return counts


def _exchange(
    counts: Counts, market: Market, largest: float, weights: Floats
) -> Counts:
    """Take a node away here and there and cover anew, as long as it gets cheaper."""
    cost = total(counts, market)
    tries = 0
    improved = True
    while improved and tries < _MOST_EXCHANGES:
        improved = False
        for kind in range(len(market.sized)):
            for first, last in _places(counts, market, kind):
                tries += 1
                fewer = counts.copy()
                fewer[kind, first : last + 1] = np.maximum(
                    fewer[kind, first : last + 1] - 1, 0
                )
                other = _cover(market, largest, weights, fewer)
                if other is None:
                    continue
                other_cost = total(other, market)
                if other_cost < cost - 1e-9 and holds(other, market):
                    counts, cost, improved = other, other_cost, True
                if tries >= _MOST_EXCHANGES:
                    return _prune(counts, market)
    return _prune(counts, market)


def _places(counts: Counts, market: Market, kind: int) -> list[tuple[int, int]]:
    """Return runs of months in which a node of the type may go."""
    mask = counts[kind, :, 0] > 0
    if market.is_hourly[kind]:
        return [(int(month), int(month)) for month in np.flatnonzero(mask)]
    return _runs(mask)


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
