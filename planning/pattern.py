"""A month's cheapest nodes when every rented node has its price. Pure.

A covering knapsack over cells of participants: rented types from the smallest to the
largest, each as often as it pays, and for every largest size the table of what hourly
nodes must add (`planning/completion.py`).
"""

import numpy as np
from numpy.typing import NDArray

from planning.completion import NEVER_EUR, Completion
from planning.improving import Contracts

Floats = NDArray[np.float64]

_MOST_PATTERNS = 3


def cheapest_pattern(
    view: Contracts, table: Completion, prices: Floats
) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """Return the least a month can cost, and a few patterns near that, best first.

    `prices` are a node's, by rented type; a pattern is nodes by rented type.
    """
    order = np.argsort(view.size, kind="stable")
    weights = table.weights[view.rented]
    needed = table.cost_eur.shape[1]
    width = needed + int(weights.max(initial=1))
    reached = np.full(width, NEVER_EUR)
    reached[0] = 0.0
    layers = [reached]
    ends = [(float(table.cost_eur[0, 0]), 0, 0)]
    for step, place in enumerate(order, start=1):
        reached = _with_more(reached, int(weights[place]), float(prices[place]))
        layers.append(reached)
        row = table.cost_eur[view.size[place]]
        inside = reached[:needed] + row
        beyond = reached[needed:] + row[-1]
        cell = int(np.argmin(inside))
        ends.append((float(inside[cell]), cell, step))
        cell = int(np.argmin(beyond))
        ends.append((float(beyond[cell]), needed + cell, step))
    ends.sort()
    patterns = tuple(
        dict.fromkeys(
            _walked(layers, order, weights, prices, cell, step)
            for eur, cell, step in ends[:_MOST_PATTERNS]
            if eur < NEVER_EUR / 2
        )
    )
    return ends[0][0], patterns


def _walked(
    layers: list[Floats],
    order: NDArray[np.int64],
    weights: NDArray[np.int64],
    prices: Floats,
    cell: int,
    step: int,
) -> tuple[int, ...]:
    """Return the nodes by which `cell` was reached after `step` types."""
    nodes = [0] * order.size
    while step > 0:
        if layers[step - 1][cell] <= layers[step][cell] + 1e-9:
            step -= 1
            continue
        place = int(order[step - 1])
        cell -= int(weights[place])
        assert cell >= 0
        assert layers[step][cell] + prices[place] <= NEVER_EUR / 2
        nodes[place] += 1
    return tuple(nodes)


def _with_more(reached: Floats, weight: int, price: float) -> Floats:
    """Return `reached` with any number of one type's nodes added."""
    # Cells a weight apart form a chain: its cheapest way is a running minimum.
    links = -(-reached.size // weight)
    cells = np.full(links * weight, NEVER_EUR)
    cells[: reached.size] = reached
    chain = cells.reshape(links, weight)
    paid = (np.arange(links) * price)[:, None]
    chain -= paid
    np.minimum.accumulate(chain, axis=0, out=chain)
    chain += paid
    return np.asarray(chain.reshape(-1)[: reached.size])
