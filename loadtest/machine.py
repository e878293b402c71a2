"""What this machine can give to a load: cores, memory, descriptors, ports, uplink.

Linux only, as the bot engines are. What cannot be read is None: unknown is not enough
to refuse a run, and is said.
"""

import contextlib
import os
import resource
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bots.errors import GeneratorError

PORTS_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
MEMORY_FILE: Final = Path("/proc/meminfo")
ROUTES_FILE: Final = Path("/proc/net/route")
CONNTRACK: Final = Path("/proc/sys/net/netfilter")
CGROUP: Final = Path("/sys/fs/cgroup")
LOWEST_PORT: Final = 10_000
PORT_TRIES: Final = 100
NO_LIMIT_BYTES: Final = 1 << 60
"""cgroup version 1 writes a huge number where there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The limits of one machine, as a generator meets them."""

    cores: float
    """Cores this process may run on, less what a container's quota takes."""
    memory_bytes: int | None
    """Available without swapping, and within a container's limit."""
    descriptors: int | None
    """Open files a process may have (its hard limit); None: without end."""
    udp_ports: int | None
    """Local ports the kernel gives away, shared with everybody on this machine."""
    uplink_bps: float | None
    """Speed of the network card of the default route; None: it does not say."""
    conntrack_free: int | None
    """Entries left in the table of connections; None: no table, so no limit."""


def own_cores() -> float:
    """Return the cores this process may run on, less what a container's quota takes."""
    return min(float(len(os.sched_getaffinity(0))), _quota_cores())


def this_machine() -> Machine:
    """Return the limits of this machine, as they are now."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return Machine(
        cores=own_cores(),
        memory_bytes=_memory_bytes(),
        descriptors=None if hard == resource.RLIM_INFINITY else hard,
        udp_ports=_udp_ports(),
        uplink_bps=_uplink_bps(),
        conntrack_free=_conntrack_free(),
    )


def free_port() -> int:
    """Return a free TCP port of loopback that the kernel gives nobody by itself.

    For a process that must be told its port and starts in its own time: one that the
    kernel chose may be given to somebody else until then.

    Raises GeneratorError where none is found.
    """
    words = _text(PORTS_FILE).split()
    below = max(2 * LOWEST_PORT, int(words[0]) if words else 0)
    for _ in range(PORT_TRIES):
        port = LOWEST_PORT + secrets.randbelow(below - LOWEST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise GeneratorError(
        f"no TCP port from {LOWEST_PORT} to {below} is free on this machine"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _quota_cores() -> float:
    """Return the cores that cgroup's CPU bandwidth grants (version 2, then 1)."""
    words = _text(CGROUP / "cpu.max").split()
    if len(words) == 2 and words[0].isdigit():
        return int(words[0]) / int(words[1])
    quota = _number(CGROUP / "cpu" / "cpu.cfs_quota_us")
    period = _number(CGROUP / "cpu" / "cpu.cfs_period_us")
    if quota is not None and quota > 0 and period:
        return quota / period
    return float("inf")


def _memory_bytes() -> int | None:
    found = [
        1024 * int(line.split()[1])
        for line in _text(MEMORY_FILE).splitlines()
        if line.startswith("MemAvailable:")
    ]
    for limit_file, used_file in (
        (CGROUP / "memory.max", CGROUP / "memory.current"),
        (
            CGROUP / "memory" / "memory.limit_in_bytes",
            CGROUP / "memory" / "memory.usage_in_bytes",
        ),
    ):
        limit, used = _number(limit_file), _number(used_file)
        if limit is not None and used is not None and limit < NO_LIMIT_BYTES:
            found.append(max(0, limit - used))
    return min(found) if found else None


def _udp_ports() -> int | None:
    words = _text(PORTS_FILE).split()
    return int(words[1]) - int(words[0]) + 1 if len(words) == 2 else None


def _uplink_bps() -> float | None:
    """Return the speed of the card that the default route uses (sysfs-class-net)."""
    for line in _text(ROUTES_FILE).splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000":
            speed = _number(Path("/sys/class/net") / words[0] / "speed")
            return 1e6 * speed if speed is not None and speed > 0 else None
    return None


def _conntrack_free() -> int | None:
    most = _number(CONNTRACK / "nf_conntrack_max")
    used = _number(CONNTRACK / "nf_conntrack_count")
    return None if most is None or used is None else max(0, most - used)
