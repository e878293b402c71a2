"""Limits beside a node's capacity: its network, one room, joins a second. Pure.

Capacity is what a node carries before its own SLO breaks; a plan may hold that and
still fail elsewhere. The network cuts the capacity itself, a room's limit refuses a
plan, and joins are told: no number of nodes helps a lesson that begins all at once on
one of them.
"""

from dataclasses import replace

import numpy as np

from bots.errors import ConfigError
from planning.models import CapacityUsed
from planning.offers import Budget, Catalog, NodeCount
from planning.peaks import Interval
from planning.placement import Caps, morning_risk
from planning.sizing import SizedType
from planning.traffic import DEFAULT_STREAMS, draw_rates

NETWORK_SHARE = 0.7
"""Of the interface's speed, before queues grow; our assumption."""
_DRAWS = 2000
_TOLD_FROM = 0.01


def network_participants(nic_bps: float, budget: Budget) -> Interval:
    """Return how many participants present a node's network carries, outgoing."""
    rates = draw_rates(
        budget.streams or DEFAULT_STREAMS, np.random.default_rng(17), _DRAWS
    )
    carried = NETWORK_SHARE * nic_bps / np.array(rates.out_bps)
    low, mid, high = np.quantile(carried, [0.1, 0.5, 0.9])
    return Interval(low=float(low), mid=float(mid), high=float(high), coverage=0.8)


def within_network(
    capacities: tuple[CapacityUsed, ...], catalog: Catalog, budget: Budget
) -> tuple[CapacityUsed, ...]:
    """Return the capacities, cut to what each type's network carries."""
    speeds = {kind.name: kind.nic_bps for kind in catalog.types}
    result = []
    for used in capacities:
        carried = network_participants(speeds[used.type], budget)
        if carried.mid < used.participants:
            used = replace(
                used,
                participants=carried.mid,
                low=min(used.low, carried.low),
                high=max(min(used.high, carried.high), carried.mid),
                source=(
                    f"{used.source}; cut from {used.participants:g} by its network of "
                    f"{speeds[used.type] / 1e6:g} Mbit/s"
                ),
            )
        result.append(used)
    return tuple(result)


def check_room(largest_meeting: int, budget: Budget) -> None:
    """Raise ConfigError for a meeting that no room may hold."""
    if budget.room_limit is not None and largest_meeting > budget.room_limit:
        raise ConfigError(
            f"the largest meeting has {largest_meeting} participants and "
            f"{budget.source} lets a room have {budget.room_limit}: raise room_limit "
            "where nodes were measured with such rooms, or stream to viewers outside"
        )


def join_warnings(
    peak: float,
    nodes: tuple[NodeCount, ...],
    sized: tuple[SizedType, ...],
    budget: Budget,
    largest_meeting: int,
    seed: int,
) -> tuple[str, ...]:
    """Tell how often a node of the pool gets more joins than it takes."""
    if budget.joins_per_s is None:
        return ()
    carried = {one.type.name: one.capacity.mid for one in sized}
    pool = tuple(carried[node.type] for node in nodes for _ in range(node.count))
    found = morning_risk(
        peak,
        largest_meeting,
        pool,
        np.random.default_rng([seed, 29]),
        balancer=budget.balancer,
        caps=Caps(joins_per_s=budget.joins_per_s),
    )
    if found.joins < _TOLD_FROM:
        return ()
    return (
        f"on {found.joins:.0%} of simulated peak mornings of {peak:.0f} some node gets "
        f"more than {budget.joins_per_s:g} joins a second in its busiest minute: more "
        "or smaller nodes, or lessons that do not all begin at once",
    )
