"""What hourly nodes add to a base: as cheap as trying everything, and enough."""

import itertools

import numpy as np
import pytest

from planning.completion import NEVER_EUR, added, completion_of
from planning.market import Market, market_of, slack
from tests.planning.test_buying import BLOCKS, hourly, plain


def market() -> Market:
    types = (
        plain(100, 40, setup_eur=0.0),
        hourly(90, 36, 0.08),
        hourly(170, 60, 0.16),
    )
    return market_of((520.0,), types, (), BLOCKS)


def tried(base: int) -> float:
    """Return the least that hourly nodes beside `base` rented ones cost."""
    offered = market()
    best = NEVER_EUR
    depths = (2, 3)  # hourly types, blocks
    for flat in itertools.product(range(4), repeat=depths[0] * depths[1]):
        by_depth = np.array(flat).reshape(depths)
        counts = np.zeros((3, 1, 3), dtype=np.int64)
        counts[0] = base
        counts[1:, 0, :] = np.cumsum(by_depth[:, ::-1], axis=1)[:, ::-1]
        if (slack(counts, offered) >= -1e-9).all():
            best = min(best, float((by_depth * offered.depth_eur[1:]).sum()))
    return best


@pytest.mark.parametrize("base", [1, 2, 4, 6, 7])
def test_a_base_is_completed_as_cheaply_as_possible(base):
    offered = market()
    table = completion_of(offered, 0, careful=True, cells_per_node=300)

    cost = table.cost_eur[0 if not base else 1, table.cell_of(base * 100.0)]

    assert cost == pytest.approx(tried(base))


@pytest.mark.parametrize("base", [0, 1, 3, 5, 7])
def test_what_is_added_costs_what_the_table_says_and_is_enough(base):
    offered = market()
    table = completion_of(offered, 0, careful=True, cells_per_node=300)

    there = added(offered, 0, table, np.array([base, 0, 0]))

    counts = there[:, None, :]
    counts[0] = base
    assert (slack(counts, offered) >= 0).all()
    deeper = np.concatenate([counts[:, :, 1:], np.zeros((3, 1, 1))], axis=2)
    cost = ((counts - deeper)[1:, 0] * offered.depth_eur[1:]).sum()
    assert cost == pytest.approx(
        table.cost_eur[1 if base else 0, table.cell_of(base * 100.0)]
    )


def test_a_hopeful_table_is_never_dearer_than_a_careful_one():
    offered = market_of(
        (523.7,),
        (plain(97.3, 40), hourly(91.9, 36, 0.08), hourly(171.3, 60, 0.16)),
        (),
        BLOCKS,
    )
    careful, hopeful = (
        completion_of(offered, 0, careful=flag, cells_per_node=300)
        for flag in (True, False)
    )

    for base in range(7):
        at = min(base * int(hopeful.weights[0]), hopeful.cost_eur.shape[1] - 1)
        promised = careful.cost_eur[1, careful.cell_of(base * 97.3)]
        assert hopeful.cost_eur[1, at] <= promised + 1e-9
