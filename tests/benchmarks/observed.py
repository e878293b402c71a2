"""A varied day of a stand-in, read by `capacity observe`, beside its benchmark.

Two stand-ins whose work has a fixed cost in CPU: on one all work is dearer by PLANTED.
The first is benchmarked. Then both hold the same varied day, squeezed into minutes,
while Debian's Prometheus scrapes them, and `capacity observe` sets the benchmark beside
what it read of each: of the first it should say that both agree, of the second that
people are dearer. The meetings of the day are none of the benchmark's three profiles:
what its costs say of each is held against the CPU that was measured.

Stand-ins: nothing here is a capacity of BigBlueButton, and the people are bots.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loadtest.aggregate import load_points
from loadtest.codec import open_run, read_capacity
from loadtest.costs import CostFit, fit_costs, meeting_cost
from loadtest.models import Capacity, LoadPoint, MeetingProfile
from planning.observed.codec import decode_observed
from planning.observed.models import Beside
from tests.support.node import SECRET, node_process
from tests.support.prometheus import scraping

ROOT: Final = Path(__file__).parents[2]
PRIORITY: Final = -15
PLANTED: Final = 1 / 0.7
"""Bots are to cost 30 % less than the people of the second node."""
WORK_FACTOR: Final = 16.0
"""160 µs a packet: more than the stand-in needs on a busy machine too (at 80 µs it was
not), so that all of its cost is planted."""
STEP_S: Final = 15
HOLD: Final = "50s"
BENCHMARK: Final = ("--steps", "5", "--step-duration", "18s")
MOST_PARTICIPANTS: Final = 15
ATTEMPTS: Final = 3
RUN_LIMIT_S: Final = 1200.0
NODES: Final = {"127.0.0.2": 1.0, "127.0.0.3": PLANTED}


def mix(size: int, cameras: int, microphones: int, listeners: int) -> MeetingProfile:
    """Return one kind of meeting of the day."""
    name = f"{size} people, {cameras} cameras, {microphones} talk, {listeners} listen"
    return MeetingProfile(
        name=name,
        size=size,
        cameras=cameras,
        microphones=microphones,
        listeners=listeners,
    )


DAY: Final[tuple[tuple[int, MeetingProfile], ...]] = (
    (1, mix(10, 4, 10, 0)),
    (1, mix(12, 1, 1, 11)),
    (2, mix(5, 0, 5, 0)),
    (1, mix(7, 7, 2, 5)),
    (1, mix(14, 2, 4, 6)),
    (2, mix(4, 2, 4, 0)),
    (1, mix(12, 0, 2, 4)),
    (2, mix(6, 3, 1, 5)),
    (1, mix(5, 5, 5, 0)),
    (1, mix(12, 3, 12, 0)),
    (3, mix(2, 2, 2, 0)),
    (1, mix(9, 4, 0, 6)),
    (1, mix(4, 0, 1, 3)),
)
"""(meetings, their kind), one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the costs said of one kind of meeting, and what was measured."""

    node: str
    meetings: int
    profile: MeetingProfile
    told_cores: float
    low_cores: float
    high_cores: float
    measured_cores: float

    @property
    def error(self) -> float:
        return self.told_cores / self.measured_cores - 1


async def bbbload(environment: Mapping[str, str], *words: str) -> int:
    """Run one command; return its exit code. Raises TimeoutError after RUN_LIMIT_S."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest", *words),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_LIMIT_S):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    if process.returncode not in (0, 3, 4, 5):
        raise AssertionError(said.decode())
    return process.returncode


async def valid(environment: Mapping[str, str], *words: str) -> None:
    """Run a command again while our own machine made its run invalid."""
    for _ in range(ATTEMPTS):
        if await bbbload(environment, *words) != 3:
            return
    raise AssertionError(f"our own machine was too slow {ATTEMPTS} times")


@contextlib.asynccontextmanager
async def nodes() -> AsyncIterator[dict[str, str]]:
    """Run the stand-ins; yield their addresses by host."""
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        for host, factor in NODES.items():
            node = await stack.enter_async_context(
                node_process(
                    *("--host", host, "--idle-cores", "3", "--fixed-cost"),
                    *("--work-factor", f"{WORK_FACTOR * factor:g}"),
                )
            )
            found[host] = node.url
        yield found


async def hold_day(
    environment: Mapping[str, str], urls: Mapping[str, str], folder: Path
) -> dict[str, list[LoadPoint]]:
    """Hold the day on both nodes at once; return a step of each run by host."""
    seen: dict[str, list[LoadPoint]] = {host: [] for host in urls}
    for number, (meetings, profile) in enumerate(DAY):
        logs = {host: folder / f"{host}-{number}.jsonl" for host in urls}
        async with asyncio.TaskGroup() as group:
            for host, url in urls.items():
                group.create_task(
                    valid(
                        environment,
                        *("run", f"{url}/bigbluebutton/", "-o", str(logs[host])),
                        *("--meetings", str(meetings), "--size", str(profile.size)),
                        *("--cameras", str(profile.cameras), "--duration", HOLD),
                        *("--microphones", str(profile.microphones)),
                        *("--listeners", str(profile.listeners)),
                        *("--seed", str(number + 1)),
                    )
                )
        for host, log in logs.items():
            with open_run(log) as records:
                seen[host] += load_points(records)
    return seen


def told_by(fit: CostFit, host: str, points: list[LoadPoint]) -> list[Told]:
    """Return what the costs say of the day's meetings beside what was measured."""
    base = next(cost for cost in fit.costs if cost.name == "base")
    found = []
    for (meetings, profile), point in zip(DAY, points, strict=True):
        each = meeting_cost(fit, profile)
        assert each is not None
        assert point.node_cpu_s_per_s is not None
        found.append(
            Told(
                node=host,
                meetings=meetings,
                profile=profile,
                told_cores=base.value + meetings * each.value,
                low_cores=base.low + meetings * each.low,
                high_cores=base.high + meetings * each.high,
                measured_cores=point.node_cpu_s_per_s,
            )
        )
    return found


async def observe(
    environment: Mapping[str, str], prometheus: str, host: str, folder: Path
) -> Beside:
    """Read one node's day and set the benchmark beside it."""
    output = folder / f"{host}.json"
    code = await bbbload(
        environment,
        *("capacity", "observe", "--prometheus", prometheus, "--instance", host),
        *("--since", datetime.now(UTC).strftime("%Y-%m-%d"), "--step", str(STEP_S)),
        *("--keep-own-tests", "--benchmark", str(folder / "capacity.json")),
        *("-o", str(output)),
    )
    assert code == 0
    found = decode_observed(output.read_text(), where=output.name).beside
    assert found is not None
    return found


async def study(folder: Path) -> bool:
    """Benchmark, hold the day, read it, print each; tell whether all goals were met."""
    environment = {
        **os.environ,
        "BBB_SECRET": SECRET,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    async with nodes() as urls:
        await valid(
            environment,
            *("benchmark", f"{next(iter(urls.values()))}/bigbluebutton/", *BENCHMARK),
            *("--max-participants", str(MOST_PARTICIPANTS)),
            *("-o", str(folder / "capacity.json")),
        )
        capacity = read_capacity(folder / "capacity.json")
        points = [point for found in capacity.profiles for point in found.points]
        fit = fit_costs([*points, *capacity.cost_points])
        targets = [url.removeprefix("http://") for url in urls.values()]
        async with scraping(folder, *targets) as prometheus:
            seen = await hold_day(environment, urls, folder)
            measured = next(iter(urls))
            told = told_by(fit, measured, seen[measured])
            print_told(capacity, told)
            beside = {
                host: await observe(environment, prometheus, host, folder)
                for host in urls
            }
            print_beside(beside)
    first, second = beside.values()
    return (
        max(abs(each.error) for each in told) <= 0.1
        and abs(first.ratio.mid - 1) <= 0.15
        and second.dearer == "people"
        and abs(second.ratio.mid * PLANTED - 1) <= 0.15
    )


def print_told(capacity: Capacity, told: list[Told]) -> None:
    """Print what the costs said of each kind of meeting."""
    print(f"benchmark: {capacity.validity}; {capacity.cost_note}\n")
    print("| a kind of meeting the benchmark never held | told | measured | error |")
    print("| --- | --- | --- | --- |")
    for each in told:
        print(
            f"| {each.meetings} × {each.profile.name} | {each.told_cores:.3f} "
            f"({each.low_cores:.3f} to {each.high_cores:.3f}) "
            f"| {each.measured_cores:.3f} | {each.error:+.1%} |",
            flush=True,
        )


def print_beside(beside: Mapping[str, Beside]) -> None:
    """Print how the benchmark's bots compare with each node's day."""
    print("\n| node | bots ÷ people | dearer | streams |\n| --- | --- | --- | --- |")
    for host, found in beside.items():
        ratio = found.ratio
        print(
            f"| all work × {NODES[host]:g} | {ratio.mid:.3f} ({ratio.low:.3f} to "
            f"{ratio.high:.3f}) | {found.dearer or 'neither'} | {found.streams} |"
        )


def main() -> int:
    """Print the study as Markdown; 1 when a goal was missed."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    with tempfile.TemporaryDirectory(prefix="bbbload-bench-") as folder:
        return 0 if asyncio.run(study(Path(folder))) else 1
