"""Disk for recordings and CO2 of nodes with known watts. Pure, seeded."""

from dataclasses import replace

import numpy as np

from planning.offers import HELD, Budget, Catalog, MoneyLine, NodeCount, Recordings
from planning.peaks import Interval
from planning.sampling import interval_of, log_normal

HOURS_IN_A_MONTH = 730.5
DRAWS = 4000


def disk_for(recordings: Recordings, rng: np.random.Generator) -> Interval:
    """Return bytes on disk once as many months are kept as the retention says:
    hours a month × bytes an hour × months."""
    hours = log_normal(recordings.hours, rng, DRAWS)
    size = log_normal(recordings.bytes_per_hour, rng, DRAWS)
    return interval_of(hours * size * recordings.retention_months)


def disk_cost_eur(recordings: Recordings, used_bytes: float) -> float:
    """Return a month's price of the disk beyond what is included."""
    beyond = max(0.0, used_bytes - recordings.included_bytes)
    return beyond * recordings.eur_per_byte_month


def with_disk(
    budget: Budget, rng: np.random.Generator
) -> tuple[Budget, Interval | None]:
    """Return the budget with the disk for recordings among its costs, and its bytes."""
    if budget.recordings is None:
        return budget, None
    used = disk_for(budget.recordings, rng)
    low, mid, high = (
        disk_cost_eur(budget.recordings, size)
        for size in (used.low, used.mid, used.high)
    )
    line = MoneyLine(
        name="disk for recordings",
        amount=Interval(low=low, mid=mid, high=high),
        source=budget.recordings.source,
    )
    return replace(budget, fixed_costs=(*budget.fixed_costs, line)), used


def co2_of(nodes: tuple[tuple[NodeCount, ...], ...], catalog: Catalog) -> float | None:
    """Return kg of CO2 over the months; None unless every type has watts and the
    catalogue says how much a kWh emits. Hourly nodes count as if on all month."""
    if catalog.co2_kg_per_kwh is None:
        return None
    watts = {kind.name: kind.watts for kind in catalog.types}
    total = 0.0
    for month in nodes:
        for node in month:
            power = watts.get(node.type.removesuffix(HELD))
            if power is None:
                return None
            total += node.count * power / 1000.0 * HOURS_IN_A_MONTH
    return total * catalog.co2_kg_per_kwh
