"""The floor of the bench: a bare C loop at the same packet rates (floor.c)."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.media_engine import Cost

SECONDS = 3.0
SOURCE = Path(__file__).with_name("floor.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one stream carries."""

    bursts_per_s: float
    packets_per_s: float
    packet_bytes: int
    """RTP header and payload."""


STUDY_CAMERA = Rate(bursts_per_s=15, packets_per_s=34, packet_bytes=1089)
BBB_CAMERA = Rate(bursts_per_s=15, packets_per_s=31.4, packet_bytes=808)
SPEECH = Rate(bursts_per_s=50, packets_per_s=50, packet_bytes=87)


def build(folder: Path) -> str:
    """Compile the loop to `folder`/floor; return why not, or ""."""
    compiler = shutil.which("cc")
    if compiler is None:
        return "no C compiler (cc) on this machine"
    command = [compiler, "-O2", "-o", str(folder / "floor"), str(SOURCE), "-lsrtp2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return "floor.c does not compile: are libsrtp2's headers there (libsrtp2-dev)?"
    return ""


def measure(rate: Rate, streams: int) -> tuple[Cost, Cost] | str:
    """Return what receiving and sending one of so many cost the loop, or why not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reason = build(folder)
        if reason:
            return reason
        program = str(folder / "floor")
        receiver = subprocess.Popen(
            [program, "in", str(streams), str(SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert receiver.stdout is not None
        ports = receiver.stdout.readline()
        sender = subprocess.run(
            [
                program,
                "out",
                str(streams),
                str(SECONDS + 1),
                str(rate.bursts_per_s),
                str(rate.packets_per_s),
                str(rate.packet_bytes),
            ],
            input=ports,
            capture_output=True,
            text=True,
            timeout=60,
        )
        told, _ = receiver.communicate(timeout=60)
    if receiver.returncode or sender.returncode:
        return f"the C loop failed ({receiver.returncode}, {sender.returncode})"
    return _cost(told, streams), _cost(sender.stdout, streams)


def _cost(line: str, streams: int) -> Cost:
    cpu_s, wall_s, packets = map(float, line.split())
    return Cost(
        cpu_ms_per_s=1000 * cpu_s / wall_s / streams,
        packets_per_s=packets / wall_s / streams,
    )
