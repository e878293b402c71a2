"""What hourly nodes cost beside a base that is there all month. Pure.

Once the nodes that stay are chosen, what hourly ones must add in a month depends on two
numbers only: what the base carries and its largest node. So the cheapest addition is
tabled once for every base, and a search over contracts reads it off.

Blocks are nested: what is there in a later block is there in the earlier ones too.
From the last block to the first, each adds nodes of its own depth until its
requirement, with the largest node present on top, is carried:

    participants
    ^  |peak block |                      base + depth 2 + depth 1 + depth 0
    |  |___________|________              base + depth 2 + depth 1
    |              | middle |________     base + depth 2
    +----------------------------------> hours

Each stage is a covering knapsack over cells of participants, solved backwards. Cells
round: a *careful* table never promises more than nodes carry, a *hopeful* one never
less, so plans are read from the first and bounds from the second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.market import Market

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER_EUR = 1e12
"""The price of what cannot be carried; finite, so that differences stay numbers."""
_LEAST_CELLS, _MOST_CELLS = 1200, 24_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Completion:
    """One month's table."""

    cost_eur: Floats
    """(largest size of the base, capacity of the base in cells)."""
    weights: Ints
    """By type, what a node carries in cells."""
    cell: float
    """Participants a cell."""
    needs: Ints
    """(blocks, sizes): cells to reach when nodes of that size may be present."""
    layers: tuple[Floats, ...]
    """By block, the table once the block's own depth is added: plans are read from a
    careful table, and only that keeps them."""

    def cell_of(self, carried: Floats | float) -> Ints:
        """Return the cells of a base that carries so many participants."""
        cells = _down(np.asarray(carried) / self.cell)
        return np.asarray(np.clip(cells, 0, self.cost_eur.shape[1] - 1))


def sizes_of(market: Market) -> tuple[Floats, Ints]:
    """Return the sizes on offer, ascending, and each type's index among them."""
    sizes, index = np.unique(market.usable, return_inverse=True)
    return sizes, np.asarray(index, dtype=np.int64)


def completion_of(
    market: Market, month: int, *, careful: bool, cells_per_node: int
) -> Completion:
    """Return the month's table; see the module for `careful`."""
    sizes, index = sizes_of(market)
    required = market.required[month]
    most = float(required[0] + sizes[-1])
    cells = most / float(np.median(market.usable)) * cells_per_node
    cell = most / float(np.clip(cells, _LEAST_CELLS, _MOST_CELLS))
    # Whole participants stay whole cells, or whole cells whole participants.
    cell = 1.0 / np.ceil(1.0 / cell) if cell < 1.0 else float(np.ceil(cell))
    up, down = _up, _down
    if careful:
        up, down = down, up
    weights = np.maximum(up(market.usable / cell), 1)
    asked = (required[:, None] + sizes[None, :]) / cell
    needs = np.maximum(down(asked), 1)
    width = int(needs.max()) + 1
    blocks = market.hours.size
    reach = np.arange(width)
    table = np.zeros((sizes.size, width))
    layers = []
    for block in range(blocks):
        table = np.where(reach[None, :] >= needs[block][:, None], table, NEVER_EUR)
        for kind in np.flatnonzero(market.is_hourly):
            _add(
                table[index[kind] :],
                int(weights[kind]),
                float(market.depth_eur[kind, block]),
                _most_of(market, int(kind), block, careful),
            )
        if careful:
            layers.append(table)
        # A larger node may be there than the base's largest.
        table = np.minimum.accumulate(table[::-1], axis=0)[::-1].copy()
    return Completion(
        cost_eur=table,
        weights=weights,
        cell=cell,
        needs=needs,
        layers=tuple(layers),
    )


def added(market: Market, month: int, table: Completion, base: Ints) -> Ints:
    """Return (types, blocks): hourly nodes present beside `base`, nodes by type."""
    _, index = sizes_of(market)
    blocks = market.hours.size
    result = np.zeros((base.size, blocks), dtype=np.int64)
    largest = int(index[base > 0].max(initial=0))
    at = int(table.cell_of(float(market.usable @ base)))
    for block in range(blocks - 1, -1, -1):
        layer = table.layers[block]
        largest += int(np.argmin(layer[largest:, at]))
        while True:
            then = layer[largest, at]
            found = _step(market, table, layer[largest], at, block, largest, index)
            if found is None:
                break
            kind, at = found
            result[kind, : block + 1] += 1
            assert then < NEVER_EUR
    return result


def _step(
    market: Market,
    table: Completion,
    row: Floats,
    at: int,
    block: int,
    largest: int,
    index: Ints,
) -> tuple[int, int] | None:
    """Return the type that the row's price at `at` comes from, None for no more."""
    width = row.size
    for kind in np.flatnonzero(market.is_hourly):
        if index[kind] > largest:
            continue
        then = min(at + int(table.weights[kind]), width - 1)
        price = row[then] + market.depth_eur[kind, block]
        if then > at and price <= row[at] + 1e-7:
            return int(kind), then
    return None


def _up(cells: Floats) -> Ints:
    return np.asarray(np.ceil(cells - 1e-9), dtype=np.int64)


def _down(cells: Floats) -> Ints:
    return np.asarray(np.floor(cells + 1e-9), dtype=np.int64)


def _most_of(market: Market, kind: int, block: int, careful: bool) -> int | None:
    """Return how many nodes one depth may use, None where nobody would use more.

    Depths are filled one by one and know nothing of each other: a careful table shares
    a type's limit out among them, a hopeful one forgets it.
    """
    limit, blocks = int(market.limit[kind]), market.hours.size
    enough = int(np.ceil(market.required.max() / market.usable[kind])) + 2
    if not careful or limit >= enough:
        return None
    return (limit + blocks - 1 - block) // blocks


def _add(rows: Floats, weight: int, price: float, most: int | None) -> None:
    """Let every cell of `rows` also be reached with nodes of one type, in place."""
    count, width = rows.shape
    if most is not None:
        left, step = most, 1
        while left > 0:
            step = min(step, left)
            shift = step * weight
            ahead = np.repeat(rows[:, -1:], width, axis=1)
            if shift < width:
                ahead[:, : width - shift] = rows[:, shift:]
            np.minimum(rows, ahead + step * price, out=rows)
            left -= step
            step *= 2
        return
    # Cells a weight apart form a chain: its cheapest way is a running minimum.
    links = -(-width // weight) + 1
    chain = np.repeat(rows[:, -1:], links * weight, axis=1)
    chain[:, weight : weight + width] = rows[:, ::-1]
    chain = chain.reshape(count, links, weight)
    paid = (np.arange(links) * price)[None, :, None]
    chain -= paid
    np.minimum.accumulate(chain, axis=1, out=chain)
    chain += paid
    rows[:] = chain.reshape(count, -1)[:, weight : weight + width][:, ::-1]
