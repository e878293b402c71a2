"""Packets that this process' own sockets lost because it read them too late.

The kernel counts, for every UDP socket, what found its buffer full (the last column of
/proc/net/udp, proc(5)). Reading that table costs with the number of sockets, so it is
read only after the machine's own sum (`RcvbufErrors` in /proc/net/snmp) has moved: that
sum alone would blame us for the drops of others on this machine.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc/net")


class SocketDrops:
    """Counts the drops of the UDP sockets that this process has open."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._sum = self._read_sum()
        self._before = self._read_own()

    def take(self) -> int:
        """Return what was dropped since the last call; sockets closed since are not."""
        now = self._read_sum()
        if now == self._sum:
            return 0
        self._sum = now
        before, self._before = self._before, self._read_own()
        # A socket that is new has dropped all that it dropped since then.
        return sum(
            max(0, drops - before.get(inode, 0))
            for inode, drops in self._before.items()
        )

    def _read_sum(self) -> int:
        return rcvbuf_errors(self._text("snmp")) + rcvbuf_errors(self._text("snmp6"))

    def _read_own(self) -> dict[int, int]:
        drops = {**drops_by_inode(self._text("udp")), **self._six()}
        return {inode: drops[inode] for inode in _own_sockets() if inode in drops}

    def _six(self) -> Mapping[int, int]:
        return drops_by_inode(self._text("udp6"))

    def _text(self, name: str) -> str:
        try:
            return (self._proc / name).read_text("ascii")
        except OSError:  # a kernel without IPv6
            return ""


def rcvbuf_errors(text: str) -> int:
    """Return the UDP receive-buffer errors of /proc/net/snmp or snmp6; 0 without. Pure.

    >>> rcvbuf_errors("Udp: InErrors RcvbufErrors\\nUdp: 9 4\\n")
    4
    >>> rcvbuf_errors("Udp6RcvbufErrors               \\t7\\n")
    7
    """
    names: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["Udp6RcvbufErrors"]:
            return int(words[1])
        if words[:1] == ["Udp:"] and not names:
            names = words
        elif words[:1] == ["Udp:"] and "RcvbufErrors" in names:
            return int(words[names.index("RcvbufErrors")])
    return 0


def drops_by_inode(text: str) -> dict[int, int]:
    """Return the drops of each socket in /proc/net/udp, by its inode. Pure."""
    found = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 12:
            found[int(words[9])] = int(words[-1])
    return found


def _own_sockets() -> list[int]:
    inodes = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(name))
        except OSError:  # the folder's own, gone by now
            continue
        if stat.S_ISSOCK(found.st_mode):
            inodes.append(found.st_ino)
    return inodes
