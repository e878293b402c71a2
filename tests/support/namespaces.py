"""A network namespace of our own, joined to this process's by a veth pair.

The kernel of the test machines has no netem: loss is injected with nftables inside the
namespace. Everything is named by this process's id and removed on exit.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

COMMAND_LIMIT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace with one address, and the address of our end of the pair."""

    name: str
    address: str
    outside_address: str
    device: str
    """Its end of the pair."""

    def command(self, *command: str) -> tuple[str, ...]:
        """Return `command` as it runs inside the namespace."""
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a short command inside and return what it prints."""
        return _run(*self.command(*command), stdin=stdin)

    def drop_udp(self, share: float) -> None:
        """Drop this share of the UDP packets in each direction, at random."""
        per_10000 = round(share * 10_000)
        chance = f"numgen random mod 10000 < {per_10000}" if share < 1 else ""
        rule = f"meta l4proto udp {chance} counter drop"
        self.run(
            "nft",
            "-f",
            "-",
            # On the wire, not in the sockets: a drop in the output hook would make the
            # sender's own system call fail.
            stdin="table netdev loss {\n"
            f' chain in {{ type filter hook ingress device "{self.device}" '
            f"priority 0; {rule}; }}\n"
            f' chain out {{ type filter hook egress device "{self.device}" '
            f"priority 0; {rule}; }}\n"
            "}\n",
        )


@contextmanager
def namespace(*, index: int = 0) -> Iterator[Namespace]:
    """Make a namespace and its link (198.18.0.0/15 is for benchmarks, RFC 2544)."""
    tag = f"bl{os.getpid() % 100_000}{index}"
    outside, inside = f"{tag}a", f"{tag}b"
    base = f"198.18.{os.getpid() % 250}.{4 * index}"
    prefix, _, last = base.rpartition(".")
    outer = f"{prefix}.{int(last) + 1}"
    inner = f"{prefix}.{int(last) + 2}"
    _run("ip", "netns", "add", tag)
    try:
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
        _run("ip", "link", "set", inside, "netns", tag)
        _run("ip", "address", "add", f"{outer}/30", "dev", outside)
        _run("ip", "link", "set", outside, "up")
        space = Namespace(name=tag, address=inner, outside_address=outer, device=inside)
        space.run("ip", "address", "add", f"{inner}/30", "dev", inside)
        space.run("ip", "link", "set", inside, "up")
        space.run("ip", "link", "set", "lo", "up")
        yield space
    finally:
        subprocess.run(
            ["ip", "link", "delete", outside], check=False, capture_output=True
        )
        _run("ip", "netns", "delete", tag)


def _run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
