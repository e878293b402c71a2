"""The whole chain, 130 weeks of five-minute history to a plan: CPU, wall and memory.

Run by `python -m tests.benchmarks chain`. The history is SYNTHETIC: weekly peaks of the
simulator (`tests/support/simulator.py`) over the shape of a week, with noise. The plan
is made by the program in a process of its own, as a user makes it.
"""

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.support.simulator import service

ROOT = Path(__file__).parents[2]
WEEKS = 130
BINS = 7 * 288
START = datetime(2024, 5, 6, tzinfo=UTC)
RUN = "import sys; from loadtest.cli import main; sys.exit(main())"
WANTED_S, WANTED_BYTES = 15.0, 300e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of the program took."""

    cpu_s: float
    wall_s: float
    peak_bytes: float
    """Resident, at most."""
    exit_code: int
    said: str


def write_history(path: Path, seed: int = 1, weeks: int = WEEKS) -> None:
    """Write five-minute concurrency of `weeks` weeks, without any gap."""
    rng = np.random.default_rng(seed)
    peaks = service(seed, weeks=weeks).peaks
    hour = np.arange(BINS) / 12 % 24
    day = np.arange(BINS) // 288
    shape = np.exp(-(((hour - 10.5) / 2.2) ** 2)) + 0.6 * np.exp(
        -(((hour - 16) / 3) ** 2)
    )
    shape *= np.where(day < 5, 1.0, 0.15)
    with path.open("w", encoding="utf-8") as file:
        file.write("# SYNTHETIC: simulated, no service\ntime,participants,meetings\n")
        for week, peak in enumerate(peaks):
            values = shape * rng.lognormal(0.0, 0.08, BINS)
            values *= peak / values.max()
            for index, value in enumerate(values):
                at = START + timedelta(weeks=week, minutes=5 * index)
                file.write(f"{at:%Y-%m-%dT%H:%M:%SZ},{value:.0f},{value / 9:.0f}\n")


def plan_cost(history: Path, *more: str) -> Cost:
    """Make a plan from the history and the example's catalogue; say what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    made = subprocess.run(
        [
            *(sys.executable, "-c", RUN, "plan"),
            *("--history", str(history)),
            *("--catalog", str(ROOT / "examples" / "catalog.toml")),
            *("--budget", str(ROOT / "examples" / "senfcall-2020" / "budget.toml")),
            *("-o", str(history.with_suffix(".json")), *more),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(
        cpu_s=cpu_s,
        wall_s=wall_s,
        peak_bytes=after.ru_maxrss * 1024.0,
        exit_code=made.returncode,
        said=made.stderr,
    )


def main() -> int:
    """Print a row a run; 0 where the goals are met."""
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history.csv"
        write_history(history)
        met = True
        for more in ((), ("--months", "24")):
            cost = plan_cost(history, *more)
            met &= cost.exit_code == 0
            met &= cost.cpu_s <= WANTED_S and cost.peak_bytes <= WANTED_BYTES
            print(
                f"{' '.join(more) or '--months 12'}: exit {cost.exit_code}, "
                f"CPU {cost.cpu_s:.1f} s, wall {cost.wall_s:.1f} s, "
                f"peak {cost.peak_bytes / 1e6:.0f} MB"
            )
            if cost.exit_code:
                print(cost.said)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
