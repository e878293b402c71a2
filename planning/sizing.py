"""How many nodes a peak takes: usable capacity, N+1, and the interval of both. Pure.

nodes = peak ÷ (capacity × utilisation) + 1, where utilisation comes from the largest
meeting ÷ node capacity, and the one is the spare that makes the plan hold with any one
node down.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.offers import Catalog, ServerType
from planning.peaks import Interval
from planning.placement import TABLE_RISK, usable_utilisation
from planning.sampling import log_normal

Floats = NDArray[np.float64]

SPARE_NODES = 1
DRAWS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedType:
    """A server type with what one of its nodes may be filled to."""

    type: ServerType
    capacity: Interval
    utilisation: float
    usable: float
    """capacity.mid × utilisation."""


def sized_types(
    catalog: Catalog,
    capacities: dict[str, Interval],
    largest_meeting: int,
    risk: float = TABLE_RISK,
    why: str = "",
) -> tuple[SizedType, ...]:
    """Return the types whose nodes can hold the largest meeting, sized.

    `why` follows the meeting's size in the error: where that comes from.

    Raises ConfigError when there is none: no number of small nodes holds a meeting that
    does not fit on one.
    """
    sized = []
    biggest, best = 0.0, ""
    for kind in catalog.types:
        capacity = capacities.get(kind.name)
        if capacity is None:
            continue
        if capacity.mid > biggest:
            biggest, best = capacity.mid, kind.name
        if largest_meeting > capacity.mid:
            continue
        utilisation = usable_utilisation(largest_meeting / capacity.mid, risk)
        sized.append(
            SizedType(
                type=kind,
                capacity=capacity,
                utilisation=utilisation,
                usable=capacity.mid * utilisation,
            )
        )
    if not sized:
        raise ConfigError(
            f"the largest meeting has {largest_meeting} participants{why} and no node "
            f"of {catalog.source} carries more than {biggest:g} ({best}): a meeting "
            "cannot be split over nodes, so add a larger type, or stream the lecture "
            "to viewers outside the meeting"
        )
    return tuple(sized)


def with_utilisation(one: SizedType, utilisation: float) -> SizedType:
    """Return the type with its nodes filled up to another utilisation."""
    return replace(one, utilisation=utilisation, usable=one.capacity.mid * utilisation)


def nodes_needed(peaks: Floats, usable: Floats | float) -> Floats:
    """Return the nodes of one type that carry `peaks` with any one of them down."""
    return np.asarray(np.ceil(peaks / usable - 1e-9) + SPARE_NODES, dtype=float)


def capacity_spread(sized: tuple[SizedType, ...]) -> Interval:
    """Return the interval of true ÷ stated capacity: the widest among the types.

    Types share one uncertainty, since the mix of meetings behind it is the same.
    """
    widest = max(sized, key=lambda one: one.capacity.high / one.capacity.low)
    interval = widest.capacity
    return Interval(
        low=interval.low / interval.mid,
        mid=1.0,
        high=interval.high / interval.mid,
        coverage=interval.coverage,
    )


def simulated_nodes(
    peaks: Floats, factors: Floats, one: SizedType, largest_meeting: int, risk: float
) -> Floats:
    """Return the nodes of one type that each drawn peak takes at each drawn capacity.

    `factors` is true ÷ stated capacity. Where a drawn capacity falls under the largest
    meeting, that meeting fills a node of its own (utilisation at a ratio of one).
    """
    carried = one.capacity.mid * factors
    ratios = np.minimum(largest_meeting / carried, 1.0)
    shares = np.array([usable_utilisation(r, risk) for r in np.linspace(0, 1, 101)])
    utilisation = np.interp(ratios, np.linspace(0, 1, 101), shares)
    usable = carried * utilisation
    if peaks.ndim == 2:
        usable = usable[:, None]
    return nodes_needed(peaks, usable)


def cost_of_peak(
    peak: float,
    sized: tuple[SizedType, ...],
    largest_meeting: int,
    rng: np.random.Generator,
    risk: float = TABLE_RISK,
) -> Interval:
    """Return the monthly cost of the nodes for a known peak, N+1, cheapest type.

    The interval is the capacity's: how dear the same peak is if a node carries less or
    more than stated.
    """
    factors = log_normal(capacity_spread(sized), rng, DRAWS)
    peaks = np.full(DRAWS, peak)
    one = cheapest(peak, sized)
    cost = simulated_nodes(peaks, factors, one, largest_meeting, risk)
    low, mid, high = np.quantile(cost * one.type.price_eur, [0.1, 0.5, 0.9])
    return Interval(low=float(low), mid=float(mid), high=float(high), coverage=0.8)


def cheapest(peak: float, sized: tuple[SizedType, ...]) -> SizedType:
    """Return the type of which the nodes for `peak` cost least a month."""

    def monthly(one: SizedType) -> float:
        count = float(nodes_needed(np.array([peak]), one.usable)[0])
        return count * one.type.price_eur

    return min(sized, key=monthly)


def widened(peaks: Floats, spread: Interval, rng: np.random.Generator) -> Floats:
    """Return peaks ÷ drawn capacity factors: demand in nodes' stated capacity."""
    factors = log_normal(spread, rng, peaks.shape[0])
    return np.asarray(peaks / (factors[:, None] if peaks.ndim == 2 else factors))
