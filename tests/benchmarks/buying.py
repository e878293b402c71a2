"""The cheapest purchase against its bound: 20 types, 24 months, three blocks.

Run by `python -m tests.benchmarks buying`. Seeded markets of `test_buying.py`
(every other type hourly), for peaks of some 1,000, 2,500 and 6,000 participants, and
the same without hourly types.
"""

import time
from dataclasses import dataclass

from planning.buying import cheapest_purchase
from tests.planning.test_buying import BLOCKS, offers

LEVELS = (1000.0, 2500.0, 6000.0)
SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """One market's outcome."""

    gap: float
    """(plan − bound) ÷ plan."""
    greedy: float
    """Greedy plan ÷ bound − 1."""
    cpu_s: float


def bought(seed: int, level: float, *, with_hourly: bool, is_quick: bool) -> Bought:
    """Buy for one seeded market."""
    required, types = offers(seed, level)
    if not with_hourly:
        types = tuple(one for one in types if one.type.billing == "rented")
    started = time.process_time()
    buying = cheapest_purchase(required, types, (), BLOCKS, is_quick=is_quick).buying
    return Bought(
        gap=buying.gap_ratio,
        greedy=buying.greedy_eur / buying.bound_eur - 1.0,
        cpu_s=time.process_time() - started,
    )


def main(options: list[str] | None = None) -> int:
    """Print a row for each level; an option is how many seeds."""
    seeds = SEEDS[: int(options[0])] if options else SEEDS
    print("| types | peak | gap, median | gap, most | greedy, most | CPU, most |")
    print("| --- | --- | --- | --- | --- | --- |")
    for with_hourly, is_quick in ((True, False), (True, True), (False, False)):
        kinds = "10 rented, 10 hourly" if with_hourly else "10 rented"
        kinds += ", quick" if is_quick else ""
        for level in LEVELS:
            rows = [
                bought(seed, level, with_hourly=with_hourly, is_quick=is_quick)
                for seed in seeds
            ]
            gaps = sorted(row.gap for row in rows)
            print(
                f"| {kinds} | {level:.0f} | {gaps[len(gaps) // 2]:.2%} | "
                f"{gaps[-1]:.2%} | {max(row.greedy for row in rows):.2%} | "
                f"{max(row.cpu_s for row in rows):.1f} s |"
            )
    return 0
