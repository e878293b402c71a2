"""Which processes of this machine run: read from Linux's `/proc` (proc(5))."""

from pathlib import Path
from typing import Final

GONE: Final = ("Z", "X")
"""States of a process that has ended and is not yet waited for."""


def boot_id() -> str:
    """Return what names this machine's current boot (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def is_running(pid: int) -> bool:
    """Say whether a process of this machine runs: a zombie does not."""
    fields = _stat_of(pid)
    return bool(fields) and fields[0] not in GONE


def birth_of(pid: int) -> str:
    """Return what tells a process from a later one of the same number; "" if none.

    It is the boot and the start in clock ticks since then (field 22 of proc(5)'s stat).
    """
    fields = _stat_of(pid)
    return f"{boot_id()}:{fields[19]}" if fields else ""


def _stat_of(pid: int) -> list[str]:
    """Return the fields after the name, which may itself hold blanks and brackets."""
    if pid <= 0:
        return []
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
