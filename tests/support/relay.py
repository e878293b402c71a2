"""A UDP relay on 127.0.0.1 that loses, repeats and delays packets as it is told.

It stands between a session and a server: put `relay.port` where the server's candidate
has its own port. Only RTP is ever touched, so that ICE, DTLS and RTCP stay as they are.
No packet is lost twice: aiortc asks for it once, until the next one is missing.
"""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, cast

from bots.media.rtp import is_rtp, sequence, ssrc

Way = Literal["to server", "to client"]


@dataclass
class Fate:
    """What one direction does to RTP, and what it did."""

    loss_ratio: float = 0.0
    repeat_ratio: float = 0.0
    swap_ratio: float = 0.0
    """Share of packets that are overtaken by the next one."""
    passed: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    """Packets by SSRC."""


class Relay(asyncio.DatagramProtocol):
    """Forwards between whoever writes first and the server."""

    def __init__(self, server: tuple[str, int], seed: int) -> None:
        self.server = server
        self.is_dead = False
        self.fates: dict[Way, Fate] = {"to server": Fate(), "to client": Fate()}
        self._client: tuple[str, int] | None = None
        self._held: dict[Way, bytes | None] = {"to server": None, "to client": None}
        self._was_lost: set[tuple[Way, int, int]] = set()
        self._rng = random.Random(seed)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if self.is_dead:
            return
        way: Way = "to client" if address == self.server else "to server"
        if way == "to server":
            self._client = address
        fate = self.fates[way]
        if not is_rtp(data):
            self._forward(way, data)
            return
        source = ssrc(data)
        name = way, source, sequence(data)
        if self._rng.random() < fate.loss_ratio and name not in self._was_lost:
            self._was_lost.add(name)
            fate.lost[source] = fate.lost.get(source, 0) + 1
            return
        fate.passed[source] = fate.passed.get(source, 0) + 1
        held, self._held[way] = self._held[way], None
        if held is None and self._rng.random() < fate.swap_ratio:
            self._held[way] = data
            return
        self._forward(way, data)
        if self._rng.random() < fate.repeat_ratio:
            self._forward(way, data)
        if held is not None:
            self._forward(way, held)

    def _forward(self, way: Way, data: bytes) -> None:
        to = self.server if way == "to server" else self._client
        if to is not None:
            self._transport.sendto(data, to)


@contextlib.asynccontextmanager
async def relayed(
    description: str, *, seed: int = 1
) -> AsyncIterator[tuple[str, Relay]]:
    """Yield the description with the relay's port in its candidate, and the relay."""
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", description)
    assert found is not None, description
    server = (found[1], int(found[2]))
    loop = asyncio.get_running_loop()
    transport, relay = await loop.create_datagram_endpoint(
        lambda: Relay(server, seed), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    line = found[0].replace(f" {server[1]} typ", f" {port} typ")
    try:
        yield description.replace(found[0], line), relay
    finally:
        transport.close()
