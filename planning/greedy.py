"""A plan in a moment: cover the requirement by what is cheapest per participant. Pure.

The months' requirements, with the largest node added that the plan may lose, are a
mountain to be covered. Again and again the offer is taken that covers most participant
hours for its money (a type over a run of months, or an hourly type down to a block of
one month), until nothing is left. Done once for each largest node size on offer. A
set-cover greedy: where a search begins (`planning/search.py`), not where it ends.
"""

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.market import Counts, Market, holds, total

Floats = NDArray[np.float64]

_MOST_STEPS = 2000
_MOST_SIZES = 3
_MOST_TRIED = 8


def covers(market: Market) -> tuple[Counts, ...]:
    """Return plans that hold, for some sizes of the largest node, cheapest first.

    Raises ConfigError when what is on offer cannot carry a month.
    """
    shares = market.hours / market.hours.sum()
    tried = []
    sizes = np.unique(market.usable)
    some = np.linspace(0, sizes.size - 1, min(sizes.size, _MOST_TRIED))
    for largest in sizes[np.rint(some).astype(int)].tolist():
        counts = _cover(market, largest, shares)
        if counts is not None and holds(counts, market):
            tried.append((total(counts, market), largest, counts))
    if not tried:
        raise ConfigError(_why_nothing(market))
    tried.sort(key=lambda one: one[:2])
    return tuple(counts for _, _, counts in tried[:_MOST_SIZES])


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


def _cover(market: Market, largest: float, weights: Floats) -> Counts | None:
    """Return nodes no larger than `largest` that cover all, None when they cannot.

    `weights` say what a participant is worth in each block.
    """
    allowed = market.usable <= largest + 1e-9
    kinds, months = len(market.sized), market.months
    blocks = market.hours.size
    counts = np.zeros((kinds, months, blocks), dtype=np.int64)
    for kind in range(kinds):
        counts[kind, : market.kept[kind], :] = market.before[kind]
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
