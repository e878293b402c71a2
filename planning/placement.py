"""Meetings onto nodes: how full a pool can be before one node overflows. Pure, seeded.

Meetings cannot move once placed, they grow after placement, and lessons start together,
so a pool overflows on one node long before it is full. Usable utilisation, the share
of all capacity a peak morning may fill at a chosen risk, is ruled by the largest
meeting ÷ node capacity. Shipped is an interpolation of a laboratory study made for this
project (8 nodes, risk 5 %); `morning_risk` simulates such mornings for any pool.

A morning: meetings with log-normal sizes, cut at the largest, start in random order
within the few minutes before the hour. The balancer (Scalelite's rule) sends each to
the node with the fewest users, as it knew them at its last poll; a meeting created
since then counts as 15 users, however large it will be. So two lectures that start
together may land on one node, which is what ends small pools.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError

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

Balancer = Literal["least users", "fewest meetings", "round robin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mornings:
    """What many simulated peak mornings did to a pool."""

    risk: float
    """Share of mornings on which some node passed its capacity."""
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
    total: float | Floats, largest: int, rng: np.random.Generator, mornings: int
) -> Floats:
    """Return (mornings, meetings) sizes that sum to `total` in each row.

    `total` is one for all rows or one for each.

    Sizes are log-normal with a median of 8, `TAIL_SCORE` setting how often they come
    near the largest; the few beyond it are spread evenly below it. Rows are padded with
    zeros.
    """
    spread = max(0.3, np.log(max(largest, 9) / MEDIAN_MEETING) / TAIL_SCORE)
    mean_size = MEDIAN_MEETING * np.exp(spread**2 / 2)
    totals = np.broadcast_to(np.asarray(total, dtype=float), (mornings,))[:, None]
    columns = int(np.ceil(1.6 * totals.max() / mean_size)) + 25
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
    balancer: Balancer = "least users",
) -> Floats:
    """Return (mornings, nodes): load ÷ capacity once all meetings have grown.

    Meetings of each morning are placed in a random order; the balancer sees what its
    last poll found, and 15 users for each meeting since, relative to the node's
    capacity.
    """
    mornings, count = sizes.shape
    nodes = capacities.size
    order = rng.permuted(np.tile(np.arange(count), (mornings, 1)), axis=1)
    arriving = np.take_along_axis(sizes, order, axis=1)
    # Random start, so that equal nodes do not always fill from the first on.
    seen = rng.random((mornings, nodes)) * 1e-6
    polled = seen.copy()
    final = np.zeros((mornings, nodes))
    rows = np.arange(mornings)
    poll_every = max(1, count // POLLS)
    turns = np.asarray(rng.integers(0, nodes, size=mornings))
    for step in range(count):
        size = arriving[:, step]
        real = size > 0
        if balancer == "round robin":
            chosen = np.asarray(turns % nodes, dtype=np.int64)
            turns += real
        else:
            chosen = np.asarray(np.argmin(seen, axis=1), dtype=np.int64)
        final[rows, chosen] += size
        share = real / capacities[chosen]
        if balancer == "fewest meetings":
            seen[rows, chosen] += share
            continue
        seen[rows, chosen] += share * YOUNG_MEETING_USERS
        present = np.maximum(size * PRESENT_AT_ONCE, YOUNG_MEETING_USERS)
        polled[rows, chosen] += share * present
        if (step + 1) % poll_every == 0:
            seen = polled.copy()
    return np.asarray(final / capacities[None, :], dtype=float)


def morning_risk(
    total: float,
    largest: int,
    capacities: tuple[float, ...],
    rng: np.random.Generator,
    *,
    mornings: int = 2000,
    balancer: Balancer = "least users",
) -> Mornings:
    """Simulate peak mornings of `total` participants on nodes of these capacities."""
    if not capacities:
        return Mornings(risk=1.0, fullest_p95=float("inf"), mornings=mornings)
    sizes = meeting_sizes(total, largest, rng, mornings)
    load = place(sizes, np.array(capacities), rng, balancer)
    fullest = load.max(axis=1)
    return Mornings(
        risk=float(np.mean(fullest > 1.0)),
        fullest_p95=float(np.quantile(fullest, 0.95)),
        mornings=mornings,
    )
