"""What a marker needs from the machine, and the rule for a machine without it.

A test whose Debian package is missing *fails* and names the `apt` line: a skipped proof
must never look like a passed one. Who cannot install a package names it in
`BBBLOAD_WITHOUT=chromium,janus`; the tests are then left out and the run's last line
says `NOT PROVEN`.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Programs that must be found, and how to get them."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    needs_root: bool = False
    devices: tuple[str, ...] = ()


NEEDS = {
    "chromium": Need(programs=("chromium",), packages=("chromium",)),
    "janus": Need(programs=("janus",), packages=("janus",)),
    "coturn": Need(programs=("turnserver",), packages=("coturn",)),
    "prometheus": Need(
        programs=(
            "prometheus",
            "prometheus-node-exporter",
            "prometheus-process-exporter",
        ),
        packages=(
            "prometheus",
            "prometheus-node-exporter",
            "prometheus-process-exporter",
        ),
    ),
    "sshd": Need(
        programs=("sshd", "ssh", "ssh-keygen"),
        packages=("openssh-server", "openssh-client"),
    ),
    "root": Need(
        programs=("ip", "nft"),
        packages=("iproute2", "nftables"),
        needs_root=True,
        devices=("/dev/net/tun",),
    ),
}

NOT_BUILT = "the compiled part was not built"
"""Why its tests are left out: it is optional, and so is a C compiler."""

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")
"""Searched after PATH: an ordinary user's PATH lacks them, the programs are there."""


def find_program(name: str) -> str | None:
    """Return the path of a program, also from the system folders; None if missing."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join((path, *SYSTEM_FOLDERS)))


def missing(need: Need) -> str:
    """Say in one sentence what is missing and how to get it; "" if nothing is."""
    absent = [name for name in need.programs if find_program(name) is None]
    if absent:
        return f"{', '.join(absent)} not found: sudo apt install " + " ".join(
            need.packages
        )
    devices = [device for device in need.devices if not os.path.exists(device)]
    if devices:
        return f"{', '.join(devices)} not found: load its kernel module"
    if need.needs_root and os.geteuid() != 0:
        return "root is needed for network namespaces: sudo make test"
    return ""


def left_out(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the needs that `BBBLOAD_WITHOUT` names; refuse a name that is none."""
    text = environment.get("BBBLOAD_WITHOUT", "")
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(names - NEEDS.keys())
    if unknown:
        raise ValueError(
            f"BBBLOAD_WITHOUT names {', '.join(unknown)}; known: "
            + ", ".join(sorted(NEEDS))
        )
    return names
