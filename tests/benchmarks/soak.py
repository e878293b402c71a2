"""Twenty mixed participants on one stand-in node for long: does anything grow?

The participants live in this process, the node in one of its own. Once a second they
are sampled as an engine does; from time to time the footprint of both processes is
taken: resident memory, open sockets and, of ours, asyncio's tasks.

**The rule.** The first quarter of the time is warm-up and left out. Of the rest, the
median of the last third may exceed that of the first third by no more than the noise:

    memory   `MEMORY_NOISE_RATIO` of it and `MEMORY_NOISE_BYTES` on top
    tasks    `TASKS_NOISE`      (a message being typed, a round trip being timed)
    sockets  `SOCKETS_NOISE`    (an HTTP call under way)

Medians, since a single sample may meet a burst. Run the long one with

    python -m tests.benchmarks soak --duration 60m
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

import uvloop

from bots.clock import RunClock
from bots.join import Target
from bots.media.plane import MediaPlane
from bots.models import (
    JoinReport,
    LeaveReport,
    MeetingRef,
    MilestoneReport,
    RefusalReport,
    Report,
    StreamReport,
)
from bots.participant import Participant
from bots.persona import PERSONAS, participant_plan
from bots.protocol import api
from bots.redaction import Secret
from bots.transport import Transport
from loadtest.durations import parse_duration
from tests.support.node import NodeUnderTest, node_process

MIX = {"presenter": 1, "camera": 4, "talker": 4, "listener": 6, "phone": 3, "lurker": 2}
FOOTPRINTS = 180
"""Taken over the whole time, but not more often than once a second."""
WARM_UP_SHARE = 0.25
JOIN_LIMIT_S = 60.0
MEMORY_NOISE_RATIO = 0.05
MEMORY_NOISE_BYTES = 2 * 1024**2
TASKS_NOISE = 3
SOCKETS_NOISE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What both processes hold at one moment."""

    elapsed_s: float
    bots_memory_bytes: int
    bots_tasks: int
    bots_sockets: int
    node_memory_bytes: int
    node_sockets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One quantity early and late, and the noise that is allowed between them."""

    name: str
    early: float
    late: float
    allowed: float

    @property
    def is_noise(self) -> bool:
        return self.late - self.early <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What a soak found."""

    duration_s: float
    participants: int
    outcomes: dict[str, int]
    """How often each kind of report said what, such as `join joined`."""
    troubles: tuple[str, ...]
    """Every drop, refusal and time-out, in its own words; the first twenty."""
    packets_in: int
    packets_out: int
    lost: int
    growths: tuple[Growth, ...]

    @property
    def holds(self) -> bool:
        """Say whether all joined and left by command, and nothing grew."""
        everybody = {
            "join joined": self.participants,
            "leave left": self.participants,
        }
        return (
            not self.troubles
            and all(self.outcomes.get(key) == n for key, n in everybody.items())
            and all(growth.is_noise for growth in self.growths)
        )


def growths(footprints: list[Footprint]) -> tuple[Growth, ...]:
    """Judge footprints by the rule above. Pure."""
    steady = footprints[int(len(footprints) * WARM_UP_SHARE) :]
    third = len(steady) // 3
    if third < 3:
        raise ValueError(f"{len(footprints)} footprints are too few to judge growth")

    def growth(
        name: str, of: Callable[[Footprint], float], ratio: float, more: float
    ) -> Growth:
        early = statistics.median(map(of, steady[:third]))
        late = statistics.median(map(of, steady[-third:]))
        return Growth(name=name, early=early, late=late, allowed=early * ratio + more)

    memory = (MEMORY_NOISE_RATIO, float(MEMORY_NOISE_BYTES))
    return (
        growth("bots memory bytes", lambda each: each.bots_memory_bytes, *memory),
        growth("bots tasks", lambda each: each.bots_tasks, 0.0, TASKS_NOISE),
        growth("bots sockets", lambda each: each.bots_sockets, 0.0, SOCKETS_NOISE),
        growth("node memory bytes", lambda each: each.node_memory_bytes, *memory),
        growth("node sockets", lambda each: each.node_sockets, 0.0, SOCKETS_NOISE),
    )


async def soak(
    duration_s: float, keep: Callable[[Footprint], None] = lambda each: None
) -> Soak:
    """Let twenty participants live for `duration_s`, and say what became of them.

    `keep` gets every footprint as it is taken, so that a killed run leaves its own.
    """
    tally = _Tally()
    footprints: list[Footprint] = []
    async with node_process() as node, MediaPlane() as plane, Transport() as transport:
        await plane.prepare()
        clock = RunClock()
        created = api.parse_create(
            await transport.get(
                api.create_url(
                    node.api_url,
                    api.create_parameters(
                        run="soak", number=0, rest_of_run_s=duration_s + JOIN_LIMIT_S
                    ),
                    node.secret,
                )
            )
        )
        meeting = MeetingRef(number=0, meeting_id=created.meeting_id)
        names = [name for name, count in MIX.items() for _ in range(count)]
        people = [
            Participant(
                participant_plan(
                    PERSONAS[name], number=number, meeting_number=0, seed=1
                ),
                meeting,
                target=Target(api_url=node.api_url, secret=Secret(node.secret)),
                plane=plane,
                clock=clock,
                report=tally.take,
            )
            for number, name in enumerate(names)
        ]
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(person.run())
            started_s = time.monotonic()
            every_s = max(1.0, duration_s / FOOTPRINTS)
            while (elapsed_s := time.monotonic() - started_s) < duration_s:
                for person in people:
                    person.sample()
                if elapsed_s >= len(footprints) * every_s:
                    footprints.append(_footprint(elapsed_s, node))
                    keep(footprints[-1])
                await asyncio.sleep(1.0)
            await asyncio.gather(*(person.leave() for person in people))
    return Soak(
        duration_s=duration_s,
        participants=len(people),
        outcomes=dict(tally.outcomes),
        troubles=tuple(tally.troubles),
        packets_in=tally.packets["in"],
        packets_out=tally.packets["out"],
        lost=tally.lost,
        growths=growths(footprints),
    )


class _Tally:
    """Counts reports and keeps none: an hour of them would be growth of our own."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.packets: Counter[str] = Counter()
        self.lost = 0
        self.troubles: list[str] = []

    def take(self, report: Report) -> None:
        match report:
            case StreamReport():
                self.packets[report.direction] += report.packets
                self.lost += report.lost
                return
            case JoinReport():
                kind = "join"
            case MilestoneReport():
                kind = f"first {report.media}"
            case RefusalReport():
                kind = report.what
            case LeaveReport():
                kind = "leave"
            case _:
                return
        self.outcomes[f"{kind} {report.outcome}"] += 1
        if report.outcome not in ("joined", "left") and len(self.troubles) < 20:
            self.troubles.append(
                f"{report.elapsed_s:.1f} s, participant {report.participant}: {kind} "
                f"{report.outcome} {report.code} {getattr(report, 'detail', '')}"
            )


def _footprint(elapsed_s: float, node: NodeUnderTest) -> Footprint:
    ours = os.getpid()
    return Footprint(
        elapsed_s=elapsed_s,
        bots_memory_bytes=_resident_bytes(ours),
        bots_tasks=len(asyncio.all_tasks()),
        bots_sockets=_sockets(ours),
        node_memory_bytes=_resident_bytes(node.pid),
        node_sockets=_sockets(node.pid),
    )


def _resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _sockets(pid: int) -> int:
    count = 0
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except OSError:
            continue  # closed between the two calls
    return count


def main(arguments: list[str] | None = None) -> int:
    """Run a soak and print it; 1 if somebody was lost or something grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks soak")
    parser.add_argument("--duration", default="3m", help="such as 180s, 3m or 60m")
    parser.add_argument("--json", action="store_true", help="print JSON, no table")
    parser.add_argument("--footprints", metavar="FILE", help="JSON lines, as taken")
    options = parser.parse_args(arguments or [])
    with open(options.footprints or os.devnull, "w", buffering=1) as file:
        found = uvloop.run(
            soak(
                parse_duration(options.duration),
                lambda each: print(json.dumps(asdict(each)), file=file),
            )
        )
    if options.json:
        print(json.dumps({**asdict(found), "holds": found.holds}))
        return 0 if found.holds else 1
    print(
        f"{found.participants} participants for {found.duration_s:g} s: "
        f"{'holds' if found.holds else 'DOES NOT HOLD'}; "
        f"{found.packets_out} packets sent, {found.packets_in} received, "
        f"{found.lost} lost.\n"
    )
    counted = sorted(found.outcomes.items())
    print("Reports: " + ", ".join(f"{kind} {n}" for kind, n in counted) + ".\n")
    print("| quantity | early | late | growth | allowed |")
    print("| --- | --- | --- | --- | --- |")
    for each in found.growths:
        print(
            f"| {each.name} | {each.early:.0f} | {each.late:.0f} "
            f"| {each.late - each.early:+.0f} | {each.allowed:.0f} |"
        )
    for trouble in found.troubles:
        print(f"\n{trouble}")
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
