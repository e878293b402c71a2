"""What a node's /proc says, asked by a small shell loop: its text, and its reading.

Pure: the loop is a text that somebody else carries to the node. It waits for a line on
its standard input, answers it, and ends with its input or after `ANSWERS_MAX` answers;
it needs sh, cat, date, grep and uname, and writes nothing. Fields are those of proc(5)
and of Linux' sysfs-class-net and sysfs-firmware-dmi.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bots.errors import ClusterError
from bots.redaction import redact
from loadtest.nodes import Scrape
from loadtest.watching.reading import ClockOffset, ProcessCpu, Processes, Reading
from loadtest.watching.roles import OTHER, kind_of

ANSWERS_MAX: Final = 200_000
"""About two days of an answer a second."""
END: Final = "@end"
ASK: Final = "now"
ASK_ALL: Final = "all"
"""Asks also for what changes slowly: services, connections, facts."""
MODES: Final = (
    "user",
    "nice",
    "system",
    "idle",
    "iowait",
    "irq",
    "softirq",
    "steal",
)
"""Of a `cpu` line in /proc/stat; guest time, which follows, is inside user and nice."""


def shell_loop(graphql_port: int) -> str:
    """Return the loop, for `sh -c`; it counts the connections to a port of the node."""
    port = f"{graphql_port:04X}"
    return f"""n=0
while [ "$n" -lt {ANSWERS_MAX} ] && read -r ask; do
n=$((n+1))
echo "@time $(date +%s.%N)"
grep '^cpu' /proc/stat
grep -E '^(MemTotal|MemAvailable):' /proc/meminfo
echo @devices
cat /proc/net/dev
echo @processes
cat /proc/[0-9]*/stat 2>/dev/null
if [ "$ask" = {ASK_ALL} ]; then
echo @services
grep -H service /proc/[0-9]*/cgroup 2>/dev/null
echo @connections
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null \
| grep -c ':{port} [0-9A-F]*:[0-9A-F]* 01 '
echo @speeds
cat /sys/class/net/*/speed 2>/dev/null
echo @facts
echo hardware $(cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name \
2>/dev/null)
grep -m1 '^model name' /proc/cpuinfo
echo "ticks $(getconf CLK_TCK)"
echo "kernel $(uname -r)"
grep -E '^PRETTY_NAME=' /etc/os-release
fi
echo {END}
done"""


class ProcReader:
    """Reads the loop's answers; remembers what only the full ones say."""

    def __init__(self) -> None:
        self._services: dict[str, str] = {}
        self._ticks_hz = 100.0
        self._connections: int | None = None
        self._nic_bps: float | None = None
        self._facts: tuple[tuple[str, str], ...] = ()

    def receive(
        self, lines: Iterable[str], elapsed_s: float, clock: ClockOffset | None
    ) -> Reading:
        """Return what an answer says; raises ClusterError when it is none."""
        parts = _sections(lines)
        if "services" in parts:
            self._remember(parts)
        machine = _machine(parts, elapsed_s, self._ticks_hz)
        if machine is None:
            raise ClusterError("the node's /proc gave no line of its processors")
        machine = replace(machine, nic_bps=self._nic_bps)
        return Reading(
            machine=machine,
            processes=Processes(
                elapsed_s=elapsed_s, cpu=self._processes(parts.get("processes", []))
            ),
            connections=self._connections,
            facts=(*self._facts, ("memory", _gibibytes(machine.memory_total_bytes))),
            clock=clock,
        )

    def _remember(self, parts: dict[str, list[str]]) -> None:
        self._services = {}
        for line in parts["services"]:
            # /proc/812/cgroup:0::/system.slice/freeswitch.service
            path, _, group = line.partition(":")
            pid = path.removeprefix("/proc/").partition("/")[0]
            leaf = next(
                (it for it in reversed(group.split("/")) if it.endswith(".service")), ""
            )
            if leaf:
                self._services[pid] = leaf
        counts = [line for line in parts.get("connections", []) if line.isdigit()]
        self._connections = int(counts[0]) if counts else None
        # Virtual cards tell no speed, or −1 (Linux, sysfs-class-net).
        speeds = [int(line) for line in parts.get("speeds", []) if line.isdigit()]
        self._nic_bps = 1e6 * max(speeds) if any(speeds) else None
        facts = []
        for line in parts.get("facts", []):
            name, _, value = line.partition(" ")
            if name == "hardware" and value:
                facts.append((name, redact(value)))
            elif line.startswith("model name"):
                facts.append(("processor", redact(line.partition(":")[2].strip())))
            elif line.startswith("PRETTY_NAME="):
                facts.append(("system", redact(line.partition("=")[2].strip('"'))))
            elif line.startswith("kernel "):
                facts.append(("kernel", redact(line.partition(" ")[2])))
            elif line.startswith("ticks ") and line[6:].isdigit():
                self._ticks_hz = float(line[6:]) or self._ticks_hz
        self._facts = tuple(sorted(facts))

    def _processes(self, lines: list[str]) -> tuple[ProcessCpu, ...]:
        found = []
        for line in lines:
            # The name may hold blanks and brackets: only the last bracket ends it.
            head, _, tail = line.rpartition(")")
            pid, _, comm = head.partition(" (")
            fields = tail.split()
            try:
                ticks = int(fields[11]) + int(fields[12])
                born = fields[19]
            except (ValueError, IndexError):
                continue
            service = self._services.get(pid, "")
            name = comm if kind_of(comm).role != OTHER else service or comm
            found.append(
                ProcessCpu(key=f"{pid} {born}", name=name, cpu_s=ticks / self._ticks_hz)
            )
        return tuple(found)


def told_time_s(line: str) -> float | None:
    """Return the Unix time of an answer's first line, None where it has none."""
    try:
        return float(line.removeprefix("@time "))
    except ValueError:
        return None


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {"": []}
    current = parts[""]
    for line in lines:
        if line.startswith("@"):
            current = parts.setdefault(line[1:].partition(" ")[0], [])
        else:
            current.append(line)
    return parts


def _machine(
    parts: dict[str, list[str]], elapsed_s: float, ticks_hz: float
) -> Scrape | None:
    modes: dict[str, float] = {}
    processors = 0
    memory: dict[str, int] = {}
    for line in parts.get("time", []):
        words = line.split()
        if line.startswith("cpu ") and len(words) > len(MODES):
            ticks = [int(word) for word in words[1 : len(MODES) + 1]]
            modes = {
                mode: tick / ticks_hz for mode, tick in zip(MODES, ticks, strict=True)
            }
        elif line.startswith("cpu"):
            processors += 1
        elif line.startswith("Mem") and len(words) > 1:
            memory[words[0].rstrip(":")] = int(words[1]) * 1024
    if not modes or not processors:
        return None
    received, sent = _traffic(parts.get("devices", []))
    total = memory.get("MemTotal", 0)
    return Scrape(
        elapsed_s=elapsed_s,
        cpu_s=tuple(sorted(modes.items())),
        processors=processors,
        memory_total_bytes=total,
        memory_used_bytes=total - memory.get("MemAvailable", 0),
        received_bytes=received,
        sent_bytes=sent,
        participants=None,
        is_stand_in=False,
    )


def _traffic(lines: list[str]) -> tuple[int, int]:
    received = sent = 0
    for line in lines:
        device, has_colon, counts = line.partition(":")
        words = counts.split()
        if not has_colon or device.strip() == "lo" or len(words) < 9:
            continue
        received += int(words[0])
        sent += int(words[8])
    return received, sent


def _gibibytes(total_bytes: int) -> str:
    return f"{total_bytes / 2**30:.1f} GiB"
