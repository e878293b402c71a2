"""Sizes of meetings: fixed, listed with weights, log-normal, or a histogram. Pure."""

import csv
import math
from collections.abc import Iterable
from typing import Final

from bots.errors import ConfigError
from loadtest.scenario import SizeShare

LARGEST: Final = 10_000


def lognormal(
    median: float, spread: float, *, least: int, most: int
) -> tuple[SizeShare, ...]:
    """Return sizes whose logarithms are normal around that of `median`.

    Two thirds of the meetings lie between median ÷ spread and median × spread; what
    would be outside `least` to `most` is left out.
    """
    mean, deviation = math.log(median), math.log(spread)

    def below(size: float) -> float:
        return 0.5 * (1 + math.erf((math.log(size) - mean) / deviation / math.sqrt(2)))

    shares = (
        SizeShare(size=size, weight=below(size + 0.5) - below(size - 0.5))
        for size in range(least, most + 1)
    )
    kept = tuple(share for share in shares if share.weight > 1e-9)
    if not kept:
        raise ConfigError(f"no size from {least} to {most} is likely")
    return kept


def read_histogram(lines: Iterable[str], source: str) -> tuple[SizeShare, ...]:
    """Return the sizes of a `size,meetings` CSV; raises ConfigError naming the line."""
    found: dict[int, float] = {}
    has_head = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("#") or not line.strip():
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if not has_head:
            has_head = True
            if cells[:2] != ["size", "meetings"]:
                raise ConfigError(
                    f"{source}, line {number}: the first line names the columns "
                    "size,meetings"
                )
            continue
        try:
            size, count = int(cells[0]), float(cells[1])
        except (ValueError, IndexError) as error:
            raise ConfigError(
                f"{source}, line {number}: {line.strip()!r} is no size and count"
            ) from error
        if not 1 <= size <= LARGEST or not 0 <= count < math.inf:
            raise ConfigError(
                f"{source}, line {number}: a size is 1 to {LARGEST}, a count from 0 on"
            )
        found[size] = found.get(size, 0.0) + count
    shares = tuple(SizeShare(size=s, weight=w) for s, w in sorted(found.items()) if w)
    if not shares:
        raise ConfigError(f"{source} counts no meeting")
    return shares
