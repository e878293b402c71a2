"""Twenty mixed participants on one stand-in node for long: does anything grow?

The participants live in this process, the node in one of its own. One of them comes
late, one loses its network now and then, one shows its screen. Once a second they are
sampled as an engine does; from time to time the footprint of both processes is taken,
and judged by the rule of `footprints.py`.

What the flapping participant loses by its own doing is counted apart and is no trouble.
Whether this process itself was in time is measured too: where it was not, nothing that
was lost is the node's doing (`Soak.was_late`). Run the long one with

    python -m tests.benchmarks soak --duration 60m
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import uvloop

from bots.clock import RunClock
from bots.field import FieldStats
from bots.gauge import Gauge
from bots.join import Target
from bots.media.clip import SCREEN_PROFILE
from bots.media.plane import MediaPlane
from bots.models import (
    CAMERA_MEDIUM,
    EngineReport,
    JoinReport,
    LeaveReport,
    MeetingRef,
    MilestoneReport,
    ParticipantPlan,
    RefusalReport,
    Report,
    StreamReport,
)
from bots.participant import Participant
from bots.persona import PERSONAS, participant_plan
from bots.protocol import api
from bots.redaction import Secret
from bots.transport import AWAY, Transport, open_sockets
from loadtest.durations import parse_duration
from loadtest.self_check import DROPPED_MAX, LAG_MEAN_MAX_S
from loadtest.slo import LATE_PACKETS_MAX
from tests.benchmarks.footprints import (
    WARM_UP_SHARE,
    Footprint,
    Growth,
    cpu_s,
    footprint,
    growths,
)
from tests.support.node import node_process

Mix = Mapping[str, int]

MIX: Mix = {
    "presenter": 1,
    "camera": 4,
    "talker": 3,
    "student": 1,
    "listener": 5,
    "phone": 2,
    "lurker": 2,
    "late": 1,
    "flapping": 1,
}
LIGHT_MIX: Mix = {
    "presenter": 1,
    "camera": 1,
    "talker": 2,
    "student": 1,
    "listener": 2,
    "phone": 9,
    "lurker": 2,
    "late": 1,
    "flapping": 1,
}
"""The same personas at half the cost: telephones take nothing but audio."""
FOOTPRINTS = 180
"""Taken over the whole time, but not more often than once a second."""
JOIN_LIMIT_S = 60.0
TROUBLES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """How well this process kept up, over the whole time."""

    cpu_ratio: float
    """Mean share of a core."""
    largest_lag_s: float
    lag_mean_s: float
    late_packets: int
    sent_packets: int
    received_packets: int
    dropped_packets: int
    """That our own sockets lost."""

    @property
    def was_late(self) -> bool:
        """Say whether this process was too late to judge the node, as runs do."""
        packets = self.sent_packets + self.received_packets
        return (
            self.late_packets > LATE_PACKETS_MAX * self.sent_packets
            or self.dropped_packets > DROPPED_MAX * packets
            or self.lag_mean_s > LAG_MEAN_MAX_S
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What a soak found."""

    duration_s: float
    participants: int
    outcomes: dict[str, int]
    """How often each kind of report said what, such as `join joined`."""
    away: dict[str, int]
    """What was lost, by kind, because a participant took its own network away."""
    troubles: tuple[str, ...]
    """Every other drop, refusal and time-out, in its own words; the first twenty."""
    packets_in: int
    packets_out: int
    lost: int
    fitness: Fitness
    node_cpu_ratio: float
    node_complaints: tuple[str, ...]
    """The last lines that the node wrote to stderr after its greeting; none is due."""
    growths: tuple[Growth, ...]

    @property
    def holds(self) -> bool:
        """Say whether all joined and left by command and nothing failed or grew."""
        everybody = {
            "join joined": self.participants,
            "leave left": self.participants,
        }
        return (
            not self.troubles
            and not self.node_complaints
            and all(self.outcomes.get(key) == n for key, n in everybody.items())
            and all(growth.is_noise for growth in self.growths)
        )


def plans(mix: Mix, duration_s: float) -> Iterator[ParticipantPlan]:
    """Yield the plans of a mix; who comes late does so within the warm-up."""
    latest_s = duration_s * WARM_UP_SHARE / 2
    names = [name for name, count in mix.items() for _ in range(count)]
    for number, name in enumerate(names):
        plan = participant_plan(PERSONAS[name], number=number, meeting_number=0, seed=1)
        habits = replace(
            plan.habits,
            join_delay_least_s=min(plan.habits.join_delay_least_s, latest_s),
            join_delay_most_s=min(plan.habits.join_delay_most_s, latest_s),
        )
        yield replace(plan, habits=habits)


async def soak(
    duration_s: float,
    *,
    mix: Mix = MIX,
    keep: Callable[[Footprint], None] = lambda each: None,
) -> Soak:
    """Let a mix of participants live for `duration_s`, and say what became of them.

    `keep` gets every footprint as it is taken, so that a killed run leaves its own.
    """
    tally = _Tally()
    footprints: list[Footprint] = []
    async with node_process() as node, MediaPlane() as plane, Transport() as transport:
        await plane.prepare(CAMERA_MEDIUM, SCREEN_PROFILE)
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
        people = [
            Participant(
                plan,
                MeetingRef(number=0, meeting_id=created.meeting_id),
                target=Target(api_url=node.api_url, secret=Secret(node.secret)),
                plane=plane,
                clock=clock,
                report=tally.take,
            )
            for plan in plans(mix, duration_s)
        ]
        gauge = Gauge()
        greeting = len(node.stderr)
        node_cpu_s = cpu_s(node.pid)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(gauge.watch_lag())
            for person in people:
                group.create_task(person.run())
            started_s = time.monotonic()
            every_s = max(1.0, duration_s / FOOTPRINTS)
            is_frozen = False
            elapsed_s = 0.0
            while elapsed_s < duration_s:
                await asyncio.sleep(1.0)
                elapsed_s = time.monotonic() - started_s
                if not is_frozen and tally.outcomes["join joined"] == len(people):
                    gc.freeze()  # as an engine does when its joins are over
                    is_frozen = True
                tally.take(_own_state(gauge, plane, clock, len(people)))
                for person in people:
                    person.sample()
                if elapsed_s >= len(footprints) * every_s:
                    footprints.append(footprint(elapsed_s, node.pid))
                    keep(footprints[-1])
            node_cpu_s = cpu_s(node.pid) - node_cpu_s
            await asyncio.gather(*(person.leave() for person in people))
            watching.cancel()
    return Soak(
        duration_s=duration_s,
        participants=len(people),
        outcomes=dict(tally.outcomes),
        away=dict(tally.away),
        troubles=tuple(tally.troubles),
        packets_in=tally.packets["in"],
        packets_out=tally.packets["out"],
        lost=tally.lost,
        fitness=tally.fitness(),
        node_cpu_ratio=node_cpu_s / duration_s,
        node_complaints=tuple(node.stderr[greeting:][-TROUBLES_KEPT:]),
        growths=growths(footprints),
    )


class _Tally:
    """Counts reports and keeps none: an hour of them would be growth of our own."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.away: Counter[str] = Counter()
        self.packets: Counter[str] = Counter()
        self.lost = 0
        self.troubles: list[str] = []
        self._own: Counter[str] = Counter()
        self._seconds = 0
        self._cpu_s = 0.0
        self._lags_s = 0.0
        self._largest_lag_s = 0.0
        self._lag_now_s = 0.0

    def take(self, report: Report) -> None:
        match report:
            case StreamReport():
                self.packets[report.direction] += report.packets
                self.lost += report.lost
                return
            case EngineReport():
                self._take_own(report)
                return
            case JoinReport():
                kind = "join"
            case MilestoneReport():
                kind = f"first {report.media}"
            case RefusalReport():
                kind = report.what
            case LeaveReport():
                kind = "leave"
        if report.code == AWAY:
            self.away[kind] += 1
            return
        self.outcomes[f"{kind} {report.outcome}"] += 1
        if report.outcome not in ("joined", "left") and (
            len(self.troubles) < TROUBLES_KEPT
        ):
            self.troubles.append(
                f"{report.elapsed_s:.1f} s, participant {report.participant}: {kind} "
                f"{report.outcome} {report.code} {getattr(report, 'detail', '')} "
                f"(our loop's last lag {self._lag_now_s:.3f} s)"
            )

    def _take_own(self, report: EngineReport) -> None:
        self._seconds += 1
        self._cpu_s += report.cpu_ratio
        self._lags_s += report.lag_mean_s
        self._lag_now_s = report.lag_s
        self._largest_lag_s = max(self._largest_lag_s, report.lag_s)
        for name in ("late_packets", "sent_packets", "received_packets"):
            self._own[name] += getattr(report, name)
        self._own["dropped_packets"] += report.dropped_packets

    def fitness(self) -> Fitness:
        seconds = max(self._seconds, 1)
        return Fitness(
            cpu_ratio=self._cpu_s / seconds,
            largest_lag_s=self._largest_lag_s,
            lag_mean_s=self._lags_s / seconds,
            late_packets=self._own["late_packets"],
            sent_packets=self._own["sent_packets"],
            received_packets=self._own["received_packets"],
            dropped_packets=self._own["dropped_packets"],
        )


def _own_state(
    gauge: Gauge, plane: MediaPlane, clock: RunClock, participants: int
) -> EngineReport:
    stats = plane.take_stats()
    counts = FieldStats(
        late_packets=stats.late_packets,
        sent_packets=stats.sent_packets,
        received_packets=stats.received_packets,
        dropped_packets=stats.dropped_packets,
        transports=stats.sessions,
        sockets=open_sockets(),
        lateness_s=stats.largest_delay_s,
    )
    return gauge.report(
        counts, elapsed_s=clock.elapsed_s(), engine=0, participants=participants
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a soak and print it; 1 if somebody was lost or something grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks soak")
    parser.add_argument("--duration", default="3m", help="such as 180s, 3m or 60m")
    parser.add_argument("--light", action="store_true", help="two cameras, not five")
    parser.add_argument("--json", action="store_true", help="print JSON, no table")
    parser.add_argument("--footprints", metavar="FILE", help="JSON lines, as taken")
    options = parser.parse_args(arguments or [])
    with open(options.footprints or os.devnull, "w", buffering=1) as file:
        found = uvloop.run(
            soak(
                parse_duration(options.duration),
                mix=LIGHT_MIX if options.light else MIX,
                keep=lambda each: print(json.dumps(asdict(each)), file=file),
            )
        )
    if options.json:
        verdict = {"holds": found.holds, "was_late": found.fitness.was_late}
        print(json.dumps(asdict(found) | verdict))
    else:
        _print(found)
    return 0 if found.holds else 1


def _print(found: Soak) -> None:
    fitness = found.fitness
    print(
        f"{found.participants} participants for {found.duration_s:g} s: "
        f"{'holds' if found.holds else 'DOES NOT HOLD'}; "
        f"{found.packets_out} packets sent, {found.packets_in} received, "
        f"{found.lost} lost.\n"
    )
    print(
        f"CPU: bots {fitness.cpu_ratio:.2f} of a core, node "
        f"{found.node_cpu_ratio:.2f}. Our loop's lag: {fitness.lag_mean_s * 1e3:.1f} "
        f"ms in the mean, {fitness.largest_lag_s:.3f} s at most; "
        f"{fitness.late_packets} of {fitness.sent_packets} packets more than 20 ms "
        f"late; {fitness.dropped_packets} lost by our own sockets"
        f"{': TOO LATE TO JUDGE THE NODE' if fitness.was_late else ''}.\n"
    )
    print("Reports: " + _counted(found.outcomes) + ".\n")
    print("Lost with a network that was taken away: " + _counted(found.away) + ".\n")
    print("| quantity | early | late | growth | allowed |")
    print("| --- | --- | --- | --- | --- |")
    for each in found.growths:
        print(
            f"| {each.name} | {each.early:.0f} | {each.late:.0f} "
            f"| {each.late - each.early:+.0f} | {each.allowed:.0f} |"
        )
    for trouble in (*found.troubles, *found.node_complaints):
        print(f"\n{trouble}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind} {n}" for kind, n in sorted(counts.items())) or "nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
