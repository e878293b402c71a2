"""When people come, and for open arrivals how long they stay. Pure, seeded.

arrived                lecture
  1 │             ____────────   80 % within two minutes, the others until `late_s`
0.8 │      ╱──────               after that; both evenly, with one arrival in each
    │   ╱                        of n equal parts (stratified), so that the 80 % are
    │╱                           exact and no two seeds differ by chance
    └───────────────────── s
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from bots.errors import ConfigError
from loadtest.scenario import Arrival, Move

MOST_ARRIVALS: Final = 200_000
SHORTEST_MOVE_S: Final = 1.0
"""Open arrivals cannot come all at one instant."""


def arrival_times(
    arrival: Arrival, move: Move, rng: np.random.Generator
) -> tuple[float, ...]:
    """Return the sorted `elapsed_s` of the joins that a move upwards consists of."""
    count = move.after - move.before
    if arrival.kind == "storm":
        return tuple(move.starts_s + k / arrival.rate for k in range(count))
    if arrival.kind == "lecture":
        shares = (np.arange(count) + rng.random(count)) / count
        return tuple(
            move.starts_s + _lecture_s(float(share), arrival) for share in shares
        )
    return tuple(move.starts_s + move.over_s * (k + 0.5) / count for k in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One person's time on the server, of open arrivals."""

    starts_s: float
    ends_s: float


def open_stays(
    moves: tuple[Move, ...], stay_s: float, rng: np.random.Generator
) -> tuple[Stay, ...]:
    """Return the stays of a Poisson process whose mean population follows the moves.

    With N(t) the population wanted and exponential stays of mean S, the rate is
    N'(t) + N(t)/S where that is positive: then dM/dt = rate − M/S has the solution
    M = N. Stays end with the last move. Raises ConfigError for too many.
    """
    ends_s = moves[-1].ends_s
    starts: list[float] = []
    for move in moves:
        over_s = max(move.over_s, SHORTEST_MOVE_S)
        slope = (move.after - move.before) / over_s
        rise = (max(0.0, slope + move.before / stay_s), slope + move.after / stay_s)
        starts += _poisson(move.starts_s, over_s, (rise[0], max(0.0, rise[1])), rng)
        hold_s = move.ends_s - move.starts_s - over_s
        if hold_s > 0:
            rate = move.after / stay_s
            starts += _poisson(move.starts_s + over_s, hold_s, (rate, rate), rng)
        if len(starts) > MOST_ARRIVALS:
            raise ConfigError(
                f"more than {MOST_ARRIVALS} arrivals: let people stay longer, or the "
                "scenario be shorter or smaller"
            )
    lasting = rng.exponential(stay_s, len(starts))
    return tuple(
        Stay(starts_s=start, ends_s=min(start + float(lasts), ends_s))
        for start, lasts in zip(sorted(starts), lasting, strict=True)
        if start < ends_s
    )


def _poisson(
    starts_s: float,
    lasts_s: float,
    rates: tuple[float, float],
    rng: np.random.Generator,
) -> list[float]:
    """Return the events of a process whose rate goes linearly from one to the other.

    By thinning: Lewis and Shedler, Naval Research Logistics Quarterly 26, 1979.
    """
    most = max(rates)
    if most <= 0 or not math.isfinite(most):
        return []
    count = min(int(rng.poisson(most * lasts_s)), MOST_ARRIVALS + 1)
    shares = rng.random(count)
    kept = rng.random(count) * most < rates[0] + (rates[1] - rates[0]) * shares
    return [starts_s + lasts_s * float(share) for share in shares[kept]]


def _lecture_s(share: float, arrival: Arrival) -> float:
    early = arrival.early_ratio
    if share < early:
        return arrival.within_s * share / early
    return arrival.within_s + arrival.late_s * (share - early) / (1 - early)
