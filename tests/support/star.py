"""Network namespaces joined by a link of ours that delays, loses and counts packets.

Each namespace has a TUN device, this one too; one thread holds their other ends and
carries each IP packet to the device of its destination, late by a set time. UDP is
lost by a seeded rule, and what was carried is counted by the link itself: that is the
truth a test compares with. The kernel of the test machines has no netem.
"""

import heapq
import os
import random
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.support.namespaces import COMMAND_LIMIT_S
from tests.support.tunnel import (
    LARGEST_PACKET_BYTES,
    UDP,
    losses,
    run_command,
    tun_device,
)

UDP_HEADER_BYTES = 8
POLL_S = 0.05


@dataclass
class Count:
    """RTP packets on one way of one namespace's link."""

    carried: int = 0
    lost: int = 0
    transit_s: float = 0.0
    """Sum over the carried packets, from the link's reading to its writing."""

    @property
    def mean_transit_s(self) -> float:
        return self.transit_s / max(1, self.carried)

    @property
    def loss_ratio(self) -> float:
        return self.lost / max(1, self.carried + self.lost)


@dataclass(frozen=True)
class Ray:
    """One namespace of the star."""

    name: str
    address: str
    into: Count = field(default_factory=Count)
    """From the middle into the namespace."""
    out: Count = field(default_factory=Count)

    def command(self, *command: str) -> tuple[str, ...]:
        """Return `command` as it runs inside the namespace."""
        return ("ip", "netns", "exec", self.name, *command)


@dataclass(frozen=True)
class Star:
    """The namespaces, and the address of this one in their middle."""

    address: str
    rays: tuple[Ray, ...]


@contextmanager
def star(
    count: int, *, index: int, delay_s: float, loss: float, seed: int = 1
) -> Iterator[Star]:
    """Make the namespaces and carry their packets until the end.

    Each way takes `delay_s` and loses the share `loss` of UDP (one of each block of
    1/loss packets of each way of each namespace, by chance). Two namespaces talk
    through the middle without loss. Addresses: 198.18.0.0/15, RFC 2544.
    """
    prefix = f"198.19.{100 + (os.getpid() + index) % 150}"
    tag = f"bs{os.getpid() % 100_000}{index}"
    with ExitStack() as stack:
        middle = stack.enter_context(tun_device(f"{tag}m"))
        run_command("ip", "address", "add", f"{prefix}.1/24", "dev", middle.name)
        run_command("ip", "link", "set", middle.name, "up")
        files = {f"{prefix}.1": middle.file}
        rays = []
        for number in range(count):
            name, address = f"{tag}{number}", f"{prefix}.{10 + number}"
            run_command("ip", "netns", "add", name)
            stack.callback(
                subprocess.run,
                ("ip", "netns", "delete", name),
                check=False,
                capture_output=True,
                timeout=COMMAND_LIMIT_S,
            )
            device = stack.enter_context(tun_device(f"{tag}x{number}"))
            run_command("ip", "link", "set", device.name, "netns", name)
            ray = Ray(name, address)
            for words in (
                ("address", "add", f"{address}/24", "dev", device.name),
                ("link", "set", device.name, "up"),
                ("link", "set", "lo", "up"),
            ):
                run_command(*ray.command("ip", *words))
            files[address] = device.file
            rays.append(ray)
        carrier = _Carrier(files, rays, delay_s, loss, random.Random(seed))
        stack.callback(carrier.end)
        carrier.start()
        yield Star(f"{prefix}.1", tuple(rays))


class _Carrier(threading.Thread):
    """Moves the packets; a thread of its own, so that a busy test delays none."""

    def __init__(
        self,
        files: dict[str, int],
        rays: list[Ray],
        delay_s: float,
        loss: float,
        rng: random.Random,
    ) -> None:
        super().__init__(daemon=True)
        self._files = {_bytes_of(address): file for address, file in files.items()}
        self._counts: dict[tuple[bytes, bool], Count] = {}
        self._losses: dict[tuple[bytes, bool], Iterator[bool]] = {}
        for ray in rays:
            for is_into, count in ((True, ray.into), (False, ray.out)):
                key = _bytes_of(ray.address), is_into
                self._counts[key] = count
                self._losses[key] = losses(loss, rng)
        self._middle = _bytes_of(next(iter(files)))
        self._delay_s = delay_s
        self._queue: list[tuple[float, int, float, bytes, Count | None]] = []
        self._number = 0
        self._is_over = threading.Event()

    def end(self) -> None:
        """Carry no more."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for file in self._files.values():
                selector.register(file, selectors.EVENT_READ)
            while not self._is_over.is_set():
                due_s = self._queue[0][0] - time.monotonic() if self._queue else POLL_S
                for key, _ in selector.select(min(max(due_s, 0.0), POLL_S)):
                    self._read(key.fd)
                self._write_due()

    def _read(self, file: int) -> None:
        while True:
            try:
                packet = os.read(file, LARGEST_PACKET_BYTES)
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4:
                continue
            now_s = time.monotonic()
            source, target = packet[12:16], packet[16:20]
            count = None
            if packet[9] == UDP and self._middle in (source, target):
                is_into = source == self._middle
                key = (target if is_into else source), is_into
                count = self._counts.get(key) if _is_rtp(packet) else None
                if key in self._losses and next(self._losses[key], False):
                    if count is not None:
                        count.lost += 1
                    continue
            self._number += 1
            item = (now_s + self._delay_s, self._number, now_s, packet, count)
            heapq.heappush(self._queue, item)

    def _write_due(self) -> None:
        while self._queue and self._queue[0][0] <= time.monotonic():
            _, _, came_s, packet, count = heapq.heappop(self._queue)
            file = self._files.get(packet[16:20])
            if file is None:
                continue
            try:
                os.write(file, packet)
            except OSError:  # a full queue: lost here, too
                if count is not None:
                    count.lost += 1
                continue
            if count is not None:
                count.carried += 1
                count.transit_s += time.monotonic() - came_s


def _is_rtp(packet: bytes) -> bool:
    """Tell RTP from RTCP, DTLS and STUN on one port (RFC 5761, RFC 7983)."""
    start = (packet[0] & 0x0F) * 4 + UDP_HEADER_BYTES
    if len(packet) < start + 2 or packet[start] >> 6 != 2:
        return False
    return not 64 <= packet[start + 1] & 0x7F <= 95


def _bytes_of(address: str) -> bytes:
    return struct.pack("4B", *map(int, address.split(".")))
