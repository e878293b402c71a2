"""A link into a namespace that delays and loses packets as it is told.

Two TUN devices, one here and one in the namespace, and this process between them: the
kernel of the test machines has no netem, and nftables can lose packets but not delay
them. A delay matters: janus keeps nothing to send again while the round trip rounds to
0 ms.
"""

import asyncio
import contextlib
import fcntl
import os
import random
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.support.namespaces import COMMAND_LIMIT_S, Namespace

SET_INTERFACE = 0x400454CA  # TUNSETIFF of linux/if_tun.h
TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN | IFF_NO_PI
LARGEST_PACKET_BYTES = 2048
UDP = 17
Way = Literal["in", "out"]
WAYS: tuple[Way, Way] = ("in", "out")


@dataclass(kw_only=True)
class Tunnel:
    """A link of ours: what it does to packets, and what it did."""

    address: str
    """Of the end in the namespace."""
    outside_address: str
    delay_s: float
    """Each way."""
    lost: dict[Way, int] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    """UDP packets so far, on their way into or out of the namespace."""
    rng: random.Random
    _losses: dict[Way, Iterator[bool]] = field(default_factory=dict)

    def lose(self, share: float, *ways: Way) -> None:
        """Lose this share of the UDP packets; both ways if asked for none.

        One packet, by chance, of every 1/share: the share is right after every such
        block, so a test need not wait for luck.
        """
        for way in ways or WAYS:
            self._losses[way] = losses(share, self.rng)

    def loses(self, way: Way) -> bool:
        """Decide about the next UDP packet, and count what is lost."""
        is_lost = next(self._losses[way], False) if way in self._losses else False
        self.lost[way] += is_lost
        return is_lost


def losses(share: float, rng: random.Random) -> Iterator[bool]:
    """Tell for each packet whether it is lost: one, by chance, of every 1/share."""
    block = round(1 / share) if share else 0
    while block:
        unlucky = rng.randrange(block)
        yield from (place == unlucky for place in range(block))


@asynccontextmanager
async def tunnel(
    space: Namespace, *, delay_s: float = 0.005, seed: int = 1
) -> AsyncIterator[Tunnel]:
    """Lay the link (198.19.0.0/16 is for benchmarks, RFC 2544); it ends with us."""
    loop = asyncio.get_running_loop()
    prefix = space.address.replace("198.18.", "198.19.", 1).rpartition(".")[0]
    last = int(space.address.rpartition(".")[2])
    link = Tunnel(
        address=f"{prefix}.{last}",
        outside_address=f"{prefix}.{last - 1}",
        delay_s=delay_s,
        rng=random.Random(seed),
    )
    with ExitStack() as stack:
        here = stack.enter_context(tun_device(f"{space.name}t"))
        there = stack.enter_context(tun_device(f"{space.name}u"))
        run_command(
            "ip", "address", "add", f"{link.outside_address}/30", "dev", here.name
        )
        run_command("ip", "link", "set", here.name, "up")
        run_command("ip", "link", "set", there.name, "netns", space.name)
        space.run("ip", "address", "add", f"{link.address}/30", "dev", there.name)
        space.run("ip", "link", "set", there.name, "up")

        def carry(way: Way, source: int, target: int) -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = os.read(source, LARGEST_PACKET_BYTES)
                    is_udp = packet[0] >> 4 == 4 and packet[9] == UDP
                    if is_udp and link.loses(way):
                        continue
                    loop.call_later(link.delay_s, put, target, packet)

        def put(target: int, packet: bytes) -> None:
            with contextlib.suppress(OSError):  # a full queue, or the link is gone
                os.write(target, packet)

        loop.add_reader(here.file, carry, "in", here.file, there.file)
        stack.callback(loop.remove_reader, here.file)
        loop.add_reader(there.file, carry, "out", there.file, here.file)
        stack.callback(loop.remove_reader, there.file)
        yield link


@dataclass(frozen=True)
class TunDevice:
    """A TUN device and our end of it."""

    name: str
    file: int


@contextmanager
def tun_device(name: str) -> Iterator[TunDevice]:
    """Make a TUN device; it goes when its file is closed, wherever it was moved to."""
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        request = struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEADER)
        fcntl.ioctl(file, SET_INTERFACE, request)
        yield TunDevice(name, file)
    finally:
        os.close(file)


def run_command(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
