"""Nodes at the stated risk: demand, capacity and placement drawn together. Pure.

A month fails when some node passes its capacity on the month's peak morning while any
one node is down. Three things decide it: how high the peak is, what a node really
carries, and how meetings fall onto nodes. Taking a cautious quantile of each and
multiplying them would beat the stated risk several times over, and be paid for. Here
they are drawn together: the pool is the smallest with which the share of drawn mornings
that fail, the largest node missing, is at most the risk.

The search is on pools of one type. What it finds is told as a requirement in
participants at the type's usable share, so that it can be bought from several types;
the pool that is bought in the end is simulated again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.offers import Balancer
from planning.placement import (
    TABLE_RISK,
    UTILISATION_TABLE,
    meeting_sizes,
    place,
)
from planning.sizes import Histogram
from planning.sizing import SizedType

Floats = NDArray[np.float64]

CALM_SHARE = 0.8
"""Fill ÷ usable share under which a morning is taken to hold: the simulation has found
fewer than one in five hundred to fail there."""
_MOST_STEPS = 24
_FREE_SHARE = 0.2
"""As in `placement.usable_utilisation`: usable share gained per factor ten in risk."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mornings:
    """Jointly drawn peak mornings of one month."""

    peaks: Floats
    factors: Floats
    """True ÷ stated capacity, by morning."""
    largest_meeting: int
    seed: int
    balancer: Balancer = "scalelite"
    sizes: Histogram = ()
    """Of meetings, where the history tells it."""


def placement_luck(utilisation: float, rng: np.random.Generator, count: int) -> Floats:
    """Draw (share of a pool a morning can fill) ÷ (share it can fill at risk .05)."""
    chance = np.clip(rng.random(count), 1e-3, 1.0)
    gain = _FREE_SHARE * (1.0 - utilisation) * np.log10(chance / TABLE_RISK)
    return np.asarray((utilisation + gain) / utilisation, dtype=float)


def guess_required(mornings: Mornings, one: SizedType, risk: float) -> float:
    """Return the joint requirement without simulating mornings, to start a search."""
    rng = np.random.default_rng([mornings.seed, 91])
    luck = placement_luck(one.utilisation, rng, mornings.peaks.size)
    load = mornings.peaks / (mornings.factors * luck)
    return float(np.quantile(load, 1.0 - risk))


def failing_share(mornings: Mornings, capacities: tuple[float, ...]) -> float:
    """Return the share of mornings on which some node of the pool overflows.

    `capacities` are as stated, without the node that is down.
    """
    if not capacities:
        return 1.0
    total = sum(capacities)
    fill = mornings.peaks / (mornings.factors * total)
    too_large = mornings.largest_meeting > mornings.factors * max(capacities)
    lost = (fill > 1.0) | (too_large & (mornings.peaks >= mornings.largest_meeting))
    open_rows = ~lost & (fill > CALM_SHARE * _calm(mornings, capacities))
    failed = int(lost.sum())
    rows = np.flatnonzero(open_rows)
    if rows.size:
        rng = np.random.default_rng([mornings.seed, 77])
        sizes = meeting_sizes(
            mornings.peaks[rows],
            mornings.largest_meeting,
            rng,
            rows.size,
            mornings.sizes,
        )
        placed = place(sizes, np.array(capacities), rng, mornings.balancer)
        failed += int((placed.fill.max(axis=1) > mornings.factors[rows]).sum())
    return failed / mornings.peaks.size


def nodes_for(
    mornings: Mornings, one: SizedType, risk: float, ratio: float = 1.0
) -> tuple[int, float]:
    """Return (fewest nodes that hold the risk, failing share), without the spare.

    The search begins at the guess times `ratio`.
    """
    guess = guess_required(mornings, one, risk) * ratio
    count = max(1, int(np.ceil(guess / one.usable - 1e-9)))
    seen: dict[int, float] = {}

    def share(nodes: int) -> float:
        if nodes not in seen:
            seen[nodes] = failing_share(mornings, (one.capacity.mid,) * nodes)
        return seen[nodes]

    step = max(1, count // 16)
    for _ in range(_MOST_STEPS):
        if share(count) > risk:
            count += step
        else:
            break
    for _ in range(_MOST_STEPS):
        lower = count - step
        if lower >= 1 and share(lower) <= risk:
            count = lower
        elif step > 1:
            step = max(1, step // 2)
        else:
            break
    return count, share(count)


def required_for(
    mornings: Mornings, one: SizedType, risk: float, ratio: float = 1.0
) -> float:
    """Return what the pool must carry, in participants at the type's usable share.

    It lies half a node under the fewest nodes that hold, so that a pool of other types
    is not asked to match a whole number of this one.
    """
    count, _ = nodes_for(mornings, one, risk, ratio)
    return max(count - 0.5, 0.5) * one.usable


def _calm(mornings: Mornings, capacities: tuple[float, ...]) -> Floats:
    """Return by morning the usable share at the table's risk, capacity as drawn."""
    ratios, shares = zip(*UTILISATION_TABLE, strict=True)
    ratio = mornings.largest_meeting / (mornings.factors * min(capacities))
    return np.asarray(np.interp(np.minimum(ratio, 1.0), ratios, shares), dtype=float)
