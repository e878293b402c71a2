"""What buying chooses from: types, months and load-duration blocks as arrays. Pure.

A month is cut into blocks by how much of its requirement an hour needs: the peak block
needs all of it, later ones less. A rented or bought node is there in every block; an
hourly one exists in the first blocks only, down to a *depth*, and is billed for their
hours, at most the price of a whole month (the monthly cap that cloud hosters publish).

Money here is what the plan's months carry: a bought node counts with the share of its
price that these months use up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.offers import NodeCount
from planning.sizing import SizedType

Counts = NDArray[np.int64]
"""Nodes, (types, months, blocks); never more in a later block than in an earlier."""
Floats = NDArray[np.float64]

HOURS_IN_A_MONTH = 730.5
MOST_NODES = 10_000
WHOLE_MONTH = ((1.0, HOURS_IN_A_MONTH),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What months ask besides participants."""

    blocks: tuple[tuple[float, float], ...] = WHOLE_MONTH
    """(share of the requirement, hours a month), the peak block first."""
    traffic_bytes: tuple[float, ...] = ()
    """Out of all nodes together, by month; empty when it is not to be priced."""
    opens: tuple[int, ...] = ()
    """By type, the first month in which a node ordered now can serve."""
    kept_months: tuple[int, ...] = ()
    """By type, the months that nodes held must still be paid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """Types × months × blocks, ready for a search."""

    sized: tuple[SizedType, ...]
    required: Floats
    """(months, blocks)."""
    hours: Floats
    usable: Floats
    month_eur: Floats
    setup_eur: Floats
    depth_eur: Floats
    """(types, blocks): a node-month that lasts through this block."""
    is_hourly: NDArray[np.bool_]
    term: NDArray[np.int64]
    limit: NDArray[np.int64]
    before: NDArray[np.int64]
    kept: NDArray[np.int64]
    opens: NDArray[np.int64]
    traffic_bytes: Floats
    included_bytes: Floats
    """By type; infinite when traffic is not limited."""
    extra_eur_per_byte: Floats

    @property
    def months(self) -> int:
        """Return how many months are planned."""
        return int(self.required.shape[0])


def market_of(
    required: tuple[float, ...],
    sized: tuple[SizedType, ...],
    held: tuple[NodeCount, ...] = (),
    setting: Setting | None = None,
) -> Market:
    """Return the market for these requirements."""
    setting = setting or Setting()
    kinds = [one.type for one in sized]
    has_hourly = any(kind.billing == "hourly" for kind in kinds)
    # Without hourly nodes the peak block decides alone.
    blocks = setting.blocks if has_hourly else WHOLE_MONTH
    levels = np.array([level for level, _ in blocks])
    hours = np.array([length for _, length in blocks])
    usable = np.array([one.usable for one in sized])
    month_eur = np.array(
        [
            kind.price_eur
            + (kind.purchase_eur / kind.life_months if kind.life_months else 0.0)
            for kind in kinds
        ]
    )
    is_hourly = np.array([kind.billing == "hourly" for kind in kinds])
    hour_eur = np.array([kind.hour_eur for kind in kinds])
    by_hours = hour_eur[:, None] * np.cumsum(hours)[None, :]
    depth_eur = np.where(
        is_hourly[:, None],
        np.minimum(by_hours, month_eur[:, None]),
        month_eur[:, None],
    )
    by_type = {node.type: node.count for node in held}
    before = np.array([by_type.get(kind.name, 0) for kind in kinds], dtype=np.int64)
    highest = max(required)
    limits = [
        min(
            kind.max_count or MOST_NODES,
            before[i] if kind.is_held else MOST_NODES,
            max(int(np.ceil(highest / usable[i])) + 2, int(before[i])),
        )
        for i, kind in enumerate(kinds)
    ]
    never = len(required)
    opens = setting.opens or (0,) * len(kinds)
    return Market(
        sized=sized,
        required=np.array(required)[:, None] * levels[None, :],
        hours=hours,
        usable=usable,
        month_eur=month_eur,
        setup_eur=np.array([kind.setup_eur for kind in kinds]),
        depth_eur=depth_eur,
        is_hourly=is_hourly,
        term=np.array([_term(one) for one in sized], dtype=np.int64),
        limit=np.array(limits, dtype=np.int64),
        before=before,
        kept=np.array(setting.kept_months or (0,) * len(kinds), dtype=np.int64),
        opens=np.array(
            [
                never if kind.is_held else first
                for kind, first in zip(kinds, opens, strict=True)
            ],
            dtype=np.int64,
        ),
        traffic_bytes=np.array(setting.traffic_bytes or (0.0,) * len(required)),
        included_bytes=np.array(
            [
                np.inf
                if kind.included_traffic_bytes is None
                else kind.included_traffic_bytes
                for kind in kinds
            ]
        ),
        extra_eur_per_byte=np.array(
            [kind.extra_traffic_eur_per_byte for kind in kinds]
        ),
    )


def orders(counts: Counts, market: Market) -> NDArray[np.int64]:
    """Return (types, months): nodes that begin, none of them for hourly types."""
    peak = counts[:, :, 0]
    earlier = np.concatenate([market.before[:, None], peak[:, :-1]], axis=1)
    new = np.maximum(peak - earlier, 0)
    return np.where(market.is_hourly[:, None], 0, new)


def rents(counts: Counts, market: Market) -> Floats:
    """Return (types, months): what nodes cost while they exist, purchase share too."""
    deeper = np.concatenate([counts[:, :, 1:], np.zeros_like(counts[:, :, :1])], axis=2)
    return np.asarray(
        ((counts - deeper) * market.depth_eur[:, None, :]).sum(axis=2), dtype=float
    )


def traffic_costs(counts: Counts, market: Market) -> Floats:
    """Return by month the price of bytes beyond what is included.

    Traffic goes where participants are, so a node carries at most its share of the
    month's requirement; included volume of a type's nodes is pooled, and the balance of
    load is free to use it up first.
    """
    result = np.zeros(market.months)
    if not market.traffic_bytes.any():
        return result
    peak = counts[:, :, 0]
    for month in range(market.months):
        carried = node_traffic(market, month) * peak[:, month]
        free = np.minimum(carried, _included(market, peak[:, month]))
        left = market.traffic_bytes[month] - float(free.sum())
        for kind in np.argsort(market.extra_eur_per_byte):
            if left <= 0.0:
                break
            taken = min(left, float(carried[kind] - free[kind]))
            result[month] += taken * market.extra_eur_per_byte[kind]
            left -= taken
    return result


def node_traffic(market: Market, month: int) -> Floats:
    """Return by type the most bytes a node carries in a month."""
    share = market.usable / max(float(market.required[month, 0]), 1e-9)
    return np.asarray(market.traffic_bytes[month] * np.minimum(share, 1.0), dtype=float)


def total(counts: Counts, market: Market) -> float:
    """Return what the plan's months cost: nodes, set-up and traffic."""
    setups = market.setup_eur @ orders(counts, market)
    return float(
        rents(counts, market).sum() + setups.sum() + traffic_costs(counts, market).sum()
    )


def holds(counts: Counts, market: Market) -> bool:
    """Tell whether every block of every month is carried with any one node down."""
    return bool((slack(counts, market) >= -1e-6).all()) and _kept(counts, market)


def slack(counts: Counts, market: Market) -> Floats:
    """Return (months, blocks): what is carried beyond need, the largest node down."""
    pool = np.einsum("t,tmb->mb", market.usable, counts)
    present = counts > 0
    largest = (market.usable[:, None, None] * present).max(axis=0)
    return np.asarray(pool - largest - market.required, dtype=float)


def _kept(counts: Counts, market: Market) -> bool:
    """Tell whether terms, contracts and lead times are kept."""
    new = orders(counts, market)
    peak = counts[:, :, 0]
    for kind in range(len(market.sized)):
        if new[kind, : market.opens[kind]].any():
            return False
        if (peak[kind, : market.kept[kind]] < market.before[kind]).any():
            return False
        length = int(market.term[kind])
        sums = np.cumsum(new[kind])
        earlier = np.concatenate([np.zeros(length, np.int64), sums])[: sums.size]
        if (peak[kind] < sums - earlier).any():
            return False
    return bool((peak <= market.limit[:, None]).all())


def _included(market: Market, nodes: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(nodes > 0, nodes * market.included_bytes, 0.0)


def _term(one: SizedType) -> int:
    # A node bought stays: it is paid.
    if one.type.billing == "bought":
        return max(1, one.type.life_months)
    return 1 if one.type.billing == "hourly" else one.type.term_months
