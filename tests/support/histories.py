"""Small histories, catalogues and budgets for tests of planning."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from planning.budget import parse_budget
from planning.catalog import parse_catalog
from planning.history.csv import parse_csv, read_csv
from planning.offers import Budget, Catalog
from planning.peaks import History

EXAMPLE = Path(__file__).parents[2] / "examples" / "senfcall-2020"
MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


def example_history() -> History:
    """Return the modelled history of the example."""
    return read_csv(EXAMPLE / "history.csv")


def hourly_history(
    weeks: int, level: Callable[[int], float], *, seed: int = 1, noise: float = 0.05
) -> History:
    """Return hourly values of `weeks` weeks whose week w peaks near `level(w)`."""
    rng = np.random.default_rng(seed)
    lines = ["time,participants"]
    for hour in range(weeks * 168):
        moment = MONDAY + timedelta(hours=hour)
        week, of_week = divmod(hour, 168)
        busy = 8 <= hour % 24 < 14 and of_week < 120
        share = 1.0 if of_week == 10 else (0.8 if busy else 0.1)
        value = level(week) * share
        if of_week == 0:
            wobble = float(np.exp(rng.normal(0, noise)))
        lines.append(f"{moment.isoformat()},{round(value * wobble)}")
    return parse_csv(lines, source="made.csv")


def catalog_data(**changes: Any) -> dict[str, Any]:
    """Return the TOML data of a catalogue with two types; change the first."""
    first: dict[str, Any] = {
        "name": "small",
        "price": 40.0,
        "setup": 40.0,
        "nic_mbps": 1000,
        "cores": 8,
        "capacity": {
            "participants": 200,
            "low": 160,
            "high": 250,
            "source": "a test",
        },
    }
    second = first | {
        "name": "large",
        "price": 90.0,
        "cores": 16,
        "capacity": {
            "participants": 400,
            "low": 320,
            "high": 500,
            "source": "a test",
        },
    }
    return {
        "catalog": {"date": date(2026, 11, 1), "source": "a test"},
        "types": [first | changes, second],
    }


def catalog(**changes: Any) -> Catalog:
    """Return that catalogue, read on 2026-11-23."""
    return parse_catalog(
        catalog_data(**changes), source="catalog.toml", today=date(2026, 11, 23)
    )


def budget(**changes: Any) -> Budget:
    """Return a budget of 5,000 EUR at the end of 2025."""
    data = {
        "balance": 5000.0,
        "balance_on": date(2025, 12, 31),
        "fixed_costs": [{"name": "web", "amount": 50.0}],
        "demand": {"largest_meeting": 60},
    }
    return parse_budget(data | changes, source="budget.toml")
