"""Rows of the tables that compare forecasters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.peaks import QUANTILES, ForecastMethod

Floats = NDArray[np.float64]

HORIZON = 12
METHODS: tuple[ForecastMethod, ...] = ("model", "rule", "seasonal naive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One forecaster over all services or sensors."""

    name: str
    truths: int
    pinball: tuple[float, ...]
    ratio_to_rule: tuple[float, ...]
    coverage: tuple[float, ...]
    worse_than_rule: int = 0
    """Services or sensors on which it lost to the rule at some quantile."""


def row_of(
    name: ForecastMethod,
    found: Mapping[tuple[bool, ForecastMethod], Sequence[tuple[Floats, Floats, float]]],
    shaken: bool,
) -> Row:
    """Return the row of `name`; losses are averaged over what was found."""
    mine, rules = found[shaken, name], found[shaken, "rule"]
    losses = np.array([loss for loss, _, _ in mine])
    unit = np.array([loss for loss, _, _ in rules])
    truths = sum(count for _, _, count in mine)
    hits = np.array([hit for _, hit, _ in mine]).sum(axis=0)
    return Row(
        name=name,
        truths=int(truths),
        pinball=tuple(losses.mean(axis=0).tolist()),
        ratio_to_rule=tuple((losses.mean(axis=0) / unit.mean(axis=0)).tolist()),
        coverage=tuple((hits / truths).tolist()),
        worse_than_rule=int((losses > unit * (1 + 1e-9)).any(axis=1).sum()),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'forecaster':<15} {'':>9} " + " ".join(f"{q:>6g}" for q in QUANTILES)]
    for row in rows:
        for name in ("ratio_to_rule", "coverage"):
            cells = " ".join(f"{value:6.3f}" for value in getattr(row, name))
            label = "÷ rule" if name == "ratio_to_rule" else name
            lines.append(f"{row.name:<15} {label:>9} {cells}")
    lines.append(f"{rows[0].truths} weekly truths")
    return "\n".join(lines)
