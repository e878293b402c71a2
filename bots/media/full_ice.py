"""The way to a media server by full ICE and TURN, on aioice's connection.

`FullPath` is for servers that are not ICE-lite, and for relays. Every private name of
aioice that we lean on is used in this module, and `test_private_names.py` holds them.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import aioice
import aioice.stun

from bots.errors import ClusterError
from bots.media import sdp
from bots.media.ice import (
    PROBE_AFTER_S,
    RECEIVE_BYTES,
    SILENT_S,
    Receive,
    not_connected,
    shown,
)
from bots.media.srtp import workspace
from bots.models import IceServer


class _Connection(aioice.Connection):
    """aioice's connection with our addresses, our receiver and a way to send now."""

    def __init__(self, receive: Receive, addresses: list[str], **options: Any) -> None:
        super().__init__(**options)
        self._receive = receive
        self._addresses = addresses

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        """Gather on the addresses that lead to the server, 127.0.0.1 included."""
        wanted = self._addresses if addresses else []
        return await super().get_component_candidates(component, wanted, timeout)

    def data_received(self, data: bytes, component: int) -> None:
        """Hand a datagram on at once, without aioice's queue and its reader task."""
        size = len(data)
        if size <= RECEIVE_BYTES:
            workspace[:size] = data
            self._receive(size)

    @property
    def chosen(self) -> Any:
        """The nominated candidate pair, None before and after the connection."""
        return self._nominated.get(1)


class FullPath:
    """Full ICE over `aioice.Connection`, with STUN and TURN servers where given."""

    def __init__(
        self,
        *,
        local: sdp.IceCredentials,
        is_controlling: bool,
        receive: Receive,
        addresses: list[str],
        servers: tuple[IceServer, ...] = (),
        only_relay: bool = False,
    ) -> None:
        self.rtt_s: float | None = None
        self.heard_s = 0.0
        self.failure = ""
        self.candidate_type = ""
        self.remote_address = ""
        self.send: Callable[[memoryview | bytes], Any] = not_connected
        policy = aioice.TransportPolicy
        self._connection = _Connection(
            receive,
            addresses,
            ice_controlling=is_controlling,
            local_username=local.ufrag,
            local_password=local.password,
            transport_policy=policy.RELAY if only_relay else policy.ALL,
            **server_options(servers),
        )
        self._loop = asyncio.get_running_loop()
        self._probe: asyncio.Task[None] | None = None

    async def gather(self) -> tuple[sdp.Candidate, ...]:
        """Open the sockets and return our candidates, to be written into the SDP."""
        await self._connection.gather_candidates()
        found = (
            sdp.parse_candidate(candidate.to_sdp())
            for candidate in self._connection.local_candidates
        )
        return tuple(candidate for candidate in found if candidate is not None)

    async def set_remote(self, remote: sdp.Description) -> None:
        """Take the other side's credentials and candidates."""
        connection = self._connection
        connection.remote_is_lite = remote.is_ice_lite
        connection.remote_username = remote.ice.ufrag
        connection.remote_password = remote.ice.password
        for candidate in remote.candidates:
            if candidate.transport == "udp":
                await connection.add_remote_candidate(
                    aioice.Candidate.from_sdp(candidate.text)
                )
        await connection.add_remote_candidate(None)

    async def connect(self) -> None:
        """Run the checks.

        Raises:
            ClusterError: no pair works.
        """
        try:
            await self._connection.connect()
        except ConnectionError as error:
            raise ClusterError(
                f"no candidate pair works: {error}", code="ice failed"
            ) from error
        pair = self._connection.chosen
        self.heard_s = time.monotonic()
        self.candidate_type = str(pair.local_candidate.type)
        self.remote_address = shown(*pair.remote_addr[:2])
        transport, address = pair.protocol.transport, pair.remote_addr

        def send(data: memoryview | bytes) -> None:
            # a copy: aioice may keep it, and the workspace is reused at once
            transport.sendto(bytes(data), address)

        self.send = send

    def tick(self, now_s: float, heard_s: float) -> None:
        """Notice that aioice gave up (30 s), or that a silent path does not answer."""
        if self.failure or not self.remote_address:
            return
        quiet_s = now_s - max(self.heard_s, heard_s)
        if self._connection.chosen is None:
            self.failure = "consent lost"
        elif quiet_s > SILENT_S:
            self.failure = "path silent"
        elif quiet_s > PROBE_AFTER_S and (self._probe is None or self._probe.done()):
            self._probe = self._loop.create_task(self._ask())

    async def close(self) -> None:
        """Close aioice's connection; idempotent."""
        self.send = not_connected
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        await self._connection.close()

    async def _ask(self) -> None:
        """Send one check on the chosen pair and note whether it is answered."""
        pair, key = self._connection.chosen, self._connection.remote_password
        if pair is None or key is None:
            return
        asked_s = time.monotonic()
        request = self._connection.build_request(pair, nominate=False)
        with contextlib.suppress(aioice.stun.TransactionError):
            await pair.protocol.request(
                request,
                pair.remote_addr,
                integrity_key=key.encode(),
                retransmissions=1,
            )
            self.heard_s = time.monotonic()
            self.rtt_s = self.heard_s - asked_s


def server_options(servers: tuple[IceServer, ...]) -> dict[str, Any]:
    """Return aioice's options for the first STUN and the first usable TURN server.

    BBB lists `turns:` first; aioice speaks it over TCP only, as RFC 7065 means it.
    """
    options: dict[str, Any] = {}
    for server in servers:
        scheme, _, rest = server.url.partition(":")
        place, _, query = rest.partition("?")
        host, _, port = (
            place.rpartition(":") if place[-1:].isdigit() else (place, "", "")
        )
        if not host:
            host, port = place, ""
        host = host.strip("[]")
        secure = scheme.lower().endswith("s")
        number = int(port) if port.isdigit() else (5349 if secure else 3478)
        if scheme.lower() == "stun" and "stun_server" not in options:
            options["stun_server"] = (host, number)
        elif scheme.lower() in ("turn", "turns") and "turn_server" not in options:
            carrier = parse_qs(query).get("transport", ["tcp" if secure else "udp"])[0]
            options |= {
                "turn_server": (host, number),
                "turn_username": server.username,
                "turn_password": server.credential,
                "turn_ssl": secure,
                "turn_transport": carrier,
            }
    return options
