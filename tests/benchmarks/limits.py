"""Stand-in nodes whose capacity is known by construction: does a benchmark find it?

Each switch of the stand-in bounds what it carries by a number that is worked out here
from the switch's value alone, and never measured. The value changes with the seed, so
that no truth sits on a load that the ladder happens to try. A benchmark is right when
it is within 10 % of the truth; its 90 % interval should hold the truth in nine of ten.

    python -m tests.benchmarks limits --switch cap --switch cpu --repeats 20

Every finished benchmark is a line of JSON in out/limits.jsonl: a study that is stopped
goes on where it was. What is there is shown as a table at the end.
"""

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.codec import decode_capacity
from loadtest.node.audio import SILENCE
from loadtest.node.connections import TokenBucket
from loadtest.node.effort import UNIT_S
from loadtest.node.media import AUDIO_REPORT_SECONDS
from loadtest.stages import HIGHEST_JOIN_RATE, LOWEST_JOIN_RATE, RAMP_SHARE
from loadtest.step_sums import percentiles

ROOT = Path(__file__).parents[2]
PRIORITY: Final = -15
AT_ONCE: Final = 2
"""Benchmarks side by side: they mostly wait."""
LONGEST_S: Final = 300.0
CLOSE_ENOUGH: Final = 0.10
NARROW_ENOUGH: Final = 0.15
STEP_S: Final = 8.0
CAP: Final = 36
AUDIO_PACKETS_PER_S: Final = 50
LOSS_BOUND: Final = 0.01
CPU_BOUND: Final = 0.8
CPU_STEP_S: Final = 14.0
"""Joins cost CPU too: by the end of the warm-up what they left to do should be done."""
NIC_STEP_S: Final = 12.0
"""A crowd's handshakes alone fill so slow a card for seconds: time for all to get in,
and how late they hear is not judged."""
JOIN_BOUND_S: Final = 4.0
JOIN_STEP_S: Final = 10.0
UNQUEUED_S: Final = 0.2
"""What a join takes that nothing holds up, about: a twentieth of the bound above."""
RTP_BYTES: Final = 12
SRTP_TAG_BYTES: Final = 16
"""Of AEAD_AES_128_GCM, which both sides prefer (RFC 7714)."""
REPORT_BYTES: Final = 100
"""Sender report 28, name 28, delays 24 (RFC 3550, RFC 3611), SRTCP's tag and index."""
MEMORY_BYTES: Final = 10 * 1024**3
"""Of each user, by order: beside it what the node really uses is nothing."""
PERSONAS = """\
[persona.quiet]
like = "listener"
chat_interval_s = 0.0
[persona.seen]
like = "listener"
chat_interval_s = 0.0
shares_camera = true
[mix.listening]
quiet = 2
[mix.faces]
seen = 1
quiet = 2
"""
"""Nobody talks: audio is then the same packet 50 times a second to everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One way to bound a stand-in, and the capacity that follows from its value."""

    value: Callable[[int], float]
    """Of the switch, by the seed."""
    node: Callable[[float], tuple[str, ...]]
    truth: Callable[[float], float]
    named: str
    """The limit that the benchmark must name."""
    load: tuple[str, ...]
    step_s: float = STEP_S


def spread(seed: int, least: float, most: float) -> float:
    """Return a value between two, evenly spread over the seeds (golden section)."""
    return least + (most - least) * (seed * 0.6180339887 % 1.0)


def carried_by_cpu(factor: float) -> float:
    """Return the listeners whose packets need 80 % of the CPU budget.

    With `--fixed-cost` each packet costs UNIT_S × factor of CPU time, all included, and
    each listener is sent 50 packets a second: nothing else happens while all listen.
    """
    return CPU_BOUND * CPU_BUDGET / (AUDIO_PACKETS_PER_S * UNIT_S * factor)


def carried_by_card(bps: float) -> float:
    """Return the listeners that the card carries, to half a listener.

    Each is sent a packet of silence 50 times a second and a report every few seconds,
    counted as UDP payload, as the card does. What is too much is dropped, always the
    same listeners' (those served last in each 20 ms), who do not even get in: so many
    are carried as fit, and one of whom a part fits may be.
    """
    packet = RTP_BYTES + len(SILENCE) + SRTP_TAG_BYTES
    each = AUDIO_PACKETS_PER_S * packet + REPORT_BYTES / AUDIO_REPORT_SECONDS
    return bps / 8 / each + 0.5


def carried_by_mixer(people: float) -> float:
    """Return the people at whom the mixer loses 1 %: it loses 1 − served ÷ people."""
    return people / (1 - LOSS_BOUND)


def let_in(rate: float) -> float:
    """Return the crowd whose 95th percentile waits as long as the bound.

    The node's own token bucket is asked for each arrival of a step's ramp; between two
    sizes of the crowd the wait is taken as linear.
    """
    before = 0.0
    for crowd in range(2, 10 * CAP):
        wait_s = UNQUEUED_S + wait_p95_s(crowd, rate)
        if wait_s > JOIN_BOUND_S:
            return crowd - 1 + (JOIN_BOUND_S - before) / (wait_s - before)
        before = wait_s
    raise AssertionError("no crowd waits that long")


def wait_p95_s(crowd: int, rate: float) -> float:
    """Return the 95th percentile of the waits of a crowd that comes within a ramp.

    Locust lets users come once a second, as many as its rate is.
    """
    ramp_s = JOIN_STEP_S / 3 * RAMP_SHARE
    arrivals = min(HIGHEST_JOIN_RATE, max(LOWEST_JOIN_RATE, crowd / ramp_s))
    bucket = TokenBucket(rate, 1.0, 0.0)
    waits = []
    for number in range(crowd):
        now_s = float(number // int(arrivals))
        waits.append(bucket.take(now_s, longest_s=1e3) or 0.0)
    found = percentiles(waits)
    assert found is not None
    return found.p95


CPU_BUDGET: Final = 0.3
SWITCHES = {
    "cap": Switch(
        value=lambda seed: float(round(spread(seed, 16, 26))),
        node=lambda value: ("--max-connections", f"{value:.0f}"),
        truth=lambda value: value,
        named="connection cap",
        load=("--mix", "listening"),
    ),
    "mixer": Switch(
        value=lambda seed: spread(seed, 16, 26),
        node=lambda value: ("--fault", f"crowded-audio={value:.2f}"),
        truth=carried_by_mixer,
        named="quality without cpu",
        load=("--mix", "faces"),
    ),
    "nic": Switch(
        value=lambda seed: round(spread(seed, 190e3, 290e3)),
        node=lambda value: ("--nic-cap", f"{value:.0f}"),
        truth=carried_by_card,
        named="nic",
        load=(
            *("--mix", "listening"),
            *("--slo", "first_audio_p95_max_s=none"),
        ),
        step_s=NIC_STEP_S,
    ),
    "cpu": Switch(
        value=lambda seed: spread(seed, 19, 30),
        node=lambda value: (
            *("--cpu-budget", f"{CPU_BUDGET:g}", "--fixed-cost"),
            *("--work-factor", f"{value:.3f}"),
        ),
        truth=carried_by_cpu,
        named="cpu",
        load=("--mix", "listening"),
        step_s=CPU_STEP_S,
    ),
    "ports": Switch(
        value=lambda seed: float(round(spread(seed, 16, 26))),
        node=lambda value: ("--udp-ports", f"{value:.0f}"),
        truth=lambda value: value,
        named="udp ports",
        load=("--mix", "listening"),
    ),
    "memory": Switch(
        value=lambda seed: float(round(spread(seed, 16, 26))),
        node=lambda value: (
            *("--memory-per-user", f"{MEMORY_BYTES}"),
            *("--memory-budget", f"{int((value + 0.5) * MEMORY_BYTES)}"),
        ),
        truth=lambda value: value,
        named="memory",
        load=("--mix", "listening"),
    ),
    "joins": Switch(
        value=lambda seed: spread(seed, 2.5, 4.0),
        node=lambda value: ("--connection-rate", f"{value:.3f}"),
        truth=let_in,
        named="join rate",
        load=(
            *("--mix", "listening", "--at-once"),
            *("--slo", f"join_time_p95_max_s={JOIN_BOUND_S:g}"),
        ),
        step_s=JOIN_STEP_S,
    ),
}


@contextlib.contextmanager
def stand_in(options: Sequence[str], environment: dict[str, str]) -> Iterator[str]:
    """Run a stand-in node; yield its API's address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "node", "--port", "0", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["api_url"]
    finally:
        process.terminate()
        process.wait(10)


def measured(name: str, seed: int) -> dict[str, Any]:
    """Make one benchmark; return what it found beside what is true."""
    switch = SWITCHES[name]
    value = switch.value(seed)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bbbload-limits-") as text:
        folder = Path(text)
        environment = {
            **os.environ,
            "BBB_SECRET": secrets.token_hex(20),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTHONPATH": str(ROOT),
        }
        (folder / "personas.toml").write_text(PERSONAS)
        load = list(switch.load)
        if "--mix" in load:
            load += ["--personas", str(folder / "personas.toml")]
        with stand_in(switch.node(value), environment) as url:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "loadtest", "benchmark", url),
                    *("-o", str(folder / "capacity.json"), "--seed", str(seed)),
                    *("--log", str(folder / "run.jsonl")),
                    *("--steps", "10", "--step-duration", f"{switch.step_s:g}s"),
                    *("--max-participants", str(CAP), *load),
                ],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
            )
        line: dict[str, Any] = {
            "switch": name,
            "seed": seed,
            "value": value,
            "truth": switch.truth(value),
            "exit": done.returncode,
            "took_s": round(time.monotonic() - started_s, 1),
            "said": done.stderr.strip().splitlines(),
        }
        with contextlib.suppress(OSError):
            text = (folder / "capacity.json").read_text()
            found = decode_capacity(text, where="capacity.json").profiles[0]
            line |= {
                "found": found.capacity,
                "low": found.low,
                "high": found.high,
                "limit": found.limit,
                "named": found.limit_met,
                "evidence": found.evidence,
                "steps": len(found.points),
            }
    return line


def rows(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the study as a Markdown table, a switch a row."""
    yield (
        "| switch | benchmarks | found ÷ truth | within 10 % | interval held it "
        "| half width | within ±15 % | named right | steps | s |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for name in SWITCHES:
        own = [line for line in lines if line["switch"] == name]
        known = [line for line in own if line.get("found")]
        if not known:
            continue
        shares = [line["found"] / line["truth"] for line in known]
        halves = [(e["high"] - e["low"]) / 2 / e["found"] for e in known]
        held = sum(e["low"] <= e["truth"] <= e["high"] for e in known)
        right = sum(e["named"] == SWITCHES[name].named for e in known)
        close = sum(abs(share - 1) <= CLOSE_ENOUGH for share in shares)
        narrow = sum(half <= NARROW_ENOUGH for half in halves)
        steps = sum(line["steps"] for line in known) / len(known)
        took_s = sum(line["took_s"] for line in known) / len(known)
        yield (
            f"| {name} | {len(own)} | {min(shares):.3f} to {max(shares):.3f} "
            f"| {close} | {held} | {min(halves):.1%} to {max(halves):.1%} | {narrow} "
            f"| {right} | {steps:.1f} | {took_s:.0f} |"
        )


def main(options: list[str] | None = None) -> int:
    """Make the benchmarks that are not there yet; print the table of all of them."""
    parser = argparse.ArgumentParser(prog="limits")
    parser.add_argument("--switch", action="append", choices=SWITCHES)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "limits.jsonl")
    asked = parser.parse_args(options or [])
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    asked.out.parent.mkdir(exist_ok=True)
    lines = read_lines(asked.out)
    done = {(line["switch"], line["seed"]) for line in lines}
    wanted = [
        (name, seed)
        for seed in range(1, asked.repeats + 1)
        for name in asked.switch or SWITCHES
        if (name, seed) not in done
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool, asked.out.open("a") as file:
        for line in pool.map(lambda one: measured(*one), wanted):
            file.write(json.dumps(line) + "\n")
            file.flush()
            lines.append(line)
            print(summary(line), file=sys.stderr, flush=True)
    print("\n".join(rows(lines)))
    return 0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the benchmarks made so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def summary(line: dict[str, Any]) -> str:
    """Return a finished benchmark in a line."""
    found = line.get("found")
    if found is None:
        return f"{line['switch']} {line['seed']}: nothing found, {line['said'][-1:]}"
    return (
        f"{line['switch']} {line['seed']}: {found:.1f} ({line['low']:.1f} to "
        f"{line['high']:.1f}) of {line['truth']:.1f}, {line['named'] or 'unnamed'}, "
        f"{line['steps']} steps, {line['took_s']:.0f} s"
    )
