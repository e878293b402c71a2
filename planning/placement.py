"""Meetings onto nodes: how full a pool can be before one node overflows. Pure, seeded.

Meetings cannot move once placed, they grow after placement, and lessons start together,
so a pool overflows on one node long before it is full. Usable utilisation, the share
of all capacity a peak morning may fill at a chosen risk, is ruled by the largest
meeting ÷ node capacity. Shipped is an interpolation of a laboratory study made for this
project (8 nodes, risk 5 %); `morning_risk` simulates such mornings for any pool.

A morning: meetings with log-normal sizes, cut at the largest, start in random order
within the three minutes before the hour; of each, 55 % are there at once and the rest
within ten minutes. Nothing leaves. The balancers, all relative to a node's capacity
(its load multiplier or load factor):

- `scalelite`: fewest users as of the last poll, one a minute; a meeting created since,
  or with fewer, counts as 15 (Scalelite: LOAD_MIN_USER_COUNT, POLLER_INTERVAL). Two
  lectures that start together may land on one node, which is what ends small pools.
- `b3scale`: fewest of meetings + users, users counting as 15 where fewer (b3scale:
  `Backend.Stress`). Meetings count at once, users when the node's agent has told of
  them, after some ten seconds (our assumption).
- `fewest meetings`, `round robin`: sizes do not matter.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.offers import Balancer
from planning.sizes import Histogram, drawn
from planning.sizes import mean_size as mean_drawn

Floats = NDArray[np.float64]

UTILISATION_TABLE = (
    (0.0, 0.87),
    (0.1, 0.80),
    (0.2, 0.70),
    (0.3, 0.64),
    (0.6, 0.47),
    (1.0, 0.33),
)
"""(largest meeting ÷ node capacity, usable utilisation at risk .05 on 8 nodes); the
first pair is extrapolated."""
YOUNG_MEETING_USERS = 15.0
"""Scalelite counts a meeting younger than 15 minutes as at least 15 users."""
PRESENT_AT_ONCE = 0.55
"""Share of a meeting that a poll finds; the rest comes within ten minutes."""
POLLS = 3
"""Polls while a morning's meetings start: one a minute, the rush taking three."""
TABLE_RISK = 0.05
MEDIAN_MEETING = 8.0
TAIL_SCORE = 2.45
"""The largest meeting lies 2.45 standard deviations up, on the log scale: with this and
`POLLS` the simulation meets the table within .03."""

UNSEEN_SHARE = 0.007
"""Of meetings, larger than any class seen: what lies beyond `TAIL_SCORE`."""
AGENT_LAG_S = 10.0
"""After so long b3scale has been told of a meeting's users; our assumption."""
MINUTES_TO_GROW = 10.0

BALANCERS: tuple[Balancer, ...] = get_args(Balancer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What else may break besides a node's capacity; None: no such limit."""

    room: float | None = None
    """Participants of one meeting."""
    network: float | None = None
    """Participants that the network of one node carries."""
    joins_per_s: float | None = None
    """Joins a node takes, as a mean over its busiest minute."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Where meetings ended, (mornings, nodes)."""

    fill: Floats
    """Load ÷ capacity once all meetings have grown."""
    joins_per_s: Floats
    """In the node's busiest minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MorningRisk:
    """What many simulated peak mornings did to a pool."""

    risk: float
    """Share of mornings on which anything of the below broke."""
    node: float
    """Share on which some node passed its capacity."""
    room: float
    """Share with a meeting above the room's cap."""
    network: float
    joins: float
    fullest_p95: float
    """.95 quantile of the fullest node's load ÷ capacity."""
    mornings: int


def usable_utilisation(largest_ratio: float, risk: float = TABLE_RISK) -> float:
    """Return the share of a pool's capacity that a peak morning may fill.

    `largest_ratio` is the largest meeting ÷ node capacity. The table holds for a risk
    of .05; other risks are moved by the width that the fullest node's load has in the
    simulation, about a fifth of the free share per factor of ten in risk.

    Raises ConfigError when the largest meeting does not fit on a node.
    """
    if largest_ratio > 1.0:
        raise ConfigError(
            f"the largest meeting is {largest_ratio:.2f} times what a node carries: no "
            "placement can hold it"
        )
    ratios, shares = zip(*UTILISATION_TABLE, strict=True)
    at_table_risk = float(np.interp(largest_ratio, ratios, shares))
    free = 1.0 - at_table_risk
    shift = 0.2 * free * np.log10(risk / TABLE_RISK)
    return float(np.clip(at_table_risk + shift, 0.05, 0.95))


def meeting_sizes(
    total: float | Floats,
    largest: int,
    rng: np.random.Generator,
    mornings: int,
    histogram: Histogram = (),
) -> Floats:
    """Return (mornings, meetings) sizes that sum to `total` in each row.

    `total` is one for all rows or one for each.

    Sizes are log-normal with a median of 8, `TAIL_SCORE` setting how often they come
    near the largest; the few beyond it are spread evenly below it. Where a `histogram`
    of meetings is known, sizes come from that. Rows are padded with zeros.
    """
    spread = max(0.3, np.log(max(largest, 9) / MEDIAN_MEETING) / TAIL_SCORE)
    mean_size = MEDIAN_MEETING * np.exp(spread**2 / 2)
    totals = np.broadcast_to(np.asarray(total, dtype=float), (mornings,))[:, None]
    if histogram:
        mean_size = mean_drawn(histogram, largest)
    columns = int(np.ceil(1.6 * totals.max() / mean_size)) + 25
    if histogram:
        sizes = drawn(histogram, largest, rng, (mornings, columns))
        top = histogram[-1][0]
        if top < largest:
            # The largest to plan for was not seen: a few lie between, as below.
            beyond = rng.random(sizes.shape) < UNSEEN_SHARE
            sizes[beyond] = top + (largest - top) * rng.random(int(beyond.sum()))
    else:
        scores = rng.standard_normal((mornings, columns))
        sizes = MEDIAN_MEETING * np.exp(spread * scores)
        beyond = sizes > largest
        low = min(MEDIAN_MEETING, largest)
        sizes[beyond] = low + (largest - low) * rng.random(int(beyond.sum()))
    sizes = np.maximum(sizes, 2.0)
    before = np.cumsum(sizes, axis=1) - sizes
    return np.where(before < totals, np.minimum(sizes, totals - before), 0.0)


def place(
    sizes: Floats,
    capacities: Floats,
    rng: np.random.Generator,
    balancer: Balancer = "scalelite",
) -> Placed:
    """Place the meetings of each row of `sizes`, in their order, onto nodes.

    Zeros are no meetings and stand at a row's end. See the module for the rules.
    """
    nodes = capacities.size
    mornings = sizes.shape[0]
    counts = (sizes > 0).sum(axis=1)
    steps = int(counts.max(initial=0))
    arriving = np.ascontiguousarray(sizes[:, :steps].T)
    # Meetings come at one pace: where a morning has more of them, the rush is longer.
    minute = max(1, round(float(counts.mean()) / POLLS)) if mornings else 1
    if balancer == "round robin":
        first = np.asarray(rng.integers(0, nodes, size=mornings))
        turns = first[None, :] + np.arange(steps, dtype=np.int64)[:, None]
        node = np.asarray(turns % nodes, dtype=np.int64)
    else:
        shares = np.tile(1.0 / capacities, mornings)
        # Random start, so that equal nodes do not always fill from the first on.
        seen = rng.random((mornings, nodes)) * 1e-6
        if balancer == "scalelite":
            node = _by_polls(arriving, seen, shares, minute)
        elif balancer == "b3scale":
            node = _by_stress(
                arriving, seen, shares, max(1, round(minute * AGENT_LAG_S / 60))
            )
        else:
            node = _by_meetings(arriving, seen, shares)
    place_of = (node + np.arange(mornings) * nodes).reshape(-1)

    def total(weights: Floats, steps_of: slice) -> Floats:
        part = place_of.reshape(steps, mornings)[steps_of].reshape(-1)
        sums = np.bincount(part, weights[steps_of].reshape(-1), mornings * nodes)
        return np.asarray(sums.reshape(mornings, nodes))

    busiest = np.zeros((mornings, nodes))
    growing = np.zeros((mornings, nodes))
    for start in range(0, steps, minute):
        here = total(arriving, slice(start, start + minute))
        busiest = np.maximum(busiest, here * PRESENT_AT_ONCE + growing)
        growing += here * (1.0 - PRESENT_AT_ONCE) / MINUTES_TO_GROW
    return Placed(
        fill=total(arriving, slice(0, steps)) / capacities[None, :],
        joins_per_s=busiest / 60.0,
    )


def morning_risk(
    total: float,
    largest: int,
    capacities: tuple[float, ...],
    rng: np.random.Generator,
    *,
    mornings: int = 2000,
    balancer: Balancer = "scalelite",
    caps: Caps | None = None,
) -> MorningRisk:
    """Simulate peak mornings of `total` participants on nodes of these capacities."""
    caps = caps or Caps()
    if not capacities:
        return MorningRisk(
            risk=1.0,
            node=1.0,
            room=0.0,
            network=0.0,
            joins=0.0,
            fullest_p95=float("inf"),
            mornings=mornings,
        )
    sizes = meeting_sizes(total, largest, rng, mornings)
    carried = np.array(capacities)
    placed = place(sizes, carried, rng, balancer)
    fullest = placed.fill.max(axis=1)
    never = np.zeros(mornings, dtype=bool)
    load = (placed.fill * carried).max(axis=1)
    busiest = placed.joins_per_s.max(axis=1)
    node = fullest > 1.0
    room = never if caps.room is None else sizes.max(axis=1) > caps.room
    network = never if caps.network is None else load > caps.network
    joins = never if caps.joins_per_s is None else busiest > caps.joins_per_s
    return MorningRisk(
        risk=float(np.mean(node | room | network | joins)),
        node=float(node.mean()),
        room=float(room.mean()),
        network=float(network.mean()),
        joins=float(joins.mean()),
        fullest_p95=float(np.quantile(fullest, 0.95)),
        mornings=mornings,
    )


def _by_polls(
    arriving: Floats, seen: Floats, shares: Floats, minute: int
) -> NDArray[np.int64]:
    """Return (steps, mornings): the node Scalelite sends each meeting to."""
    mornings, nodes = seen.shape
    base = np.arange(mornings) * nodes
    chosen = np.zeros(arriving.shape, dtype=np.int64)
    polled = seen.copy()
    flat = seen.reshape(-1)
    young = np.where(arriving > 0, YOUNG_MEETING_USERS, 0.0)
    present = np.maximum(arriving * PRESENT_AT_ONCE, young)
    for step in range(arriving.shape[0]):
        node = seen.argmin(axis=1)
        chosen[step] = node
        node += base
        flat[node] += young[step] * shares[node]
        if (step + 1) % minute == 0:
            rows = slice(step + 1 - minute, step + 1)
            index = (chosen[rows] + base).reshape(-1)
            told = np.bincount(index, present[rows].reshape(-1), flat.size) * shares
            polled += told.reshape(polled.shape)
            seen[:] = polled
    return chosen


def _by_stress(
    arriving: Floats, seen: Floats, shares: Floats, lag: int
) -> NDArray[np.int64]:
    """Return (steps, mornings): the node b3scale sends each meeting to."""
    mornings, nodes = seen.shape
    base = np.arange(mornings) * nodes
    chosen = np.zeros(arriving.shape, dtype=np.int64)
    meetings, users = seen.reshape(-1).copy(), np.zeros(mornings * nodes)
    stress = (meetings + YOUNG_MEETING_USERS) * shares
    table = stress.reshape(mornings, nodes)
    real = (arriving > 0).astype(float)
    for step in range(arriving.shape[0]):
        if step >= lag:
            told = chosen[step - lag] + base
            users[told] += arriving[step - lag] * PRESENT_AT_ONCE
            shown = np.maximum(users[told], YOUNG_MEETING_USERS)
            stress[told] = (meetings[told] + shown) * shares[told]
        node = table.argmin(axis=1)
        chosen[step] = node
        node += base
        meetings[node] += real[step]
        stress[node] += real[step] * shares[node]
    return chosen


def _by_meetings(arriving: Floats, seen: Floats, shares: Floats) -> NDArray[np.int64]:
    """Return (steps, mornings): the node with fewest meetings for its capacity."""
    base = np.arange(seen.shape[0]) * seen.shape[1]
    chosen = np.zeros(arriving.shape, dtype=np.int64)
    flat = seen.reshape(-1)
    real = (arriving > 0).astype(float)
    for step in range(arriving.shape[0]):
        node = seen.argmin(axis=1)
        chosen[step] = node
        node += base
        flat[node] += real[step] * shares[node]
    return chosen
