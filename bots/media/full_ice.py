"""The way to a media server by full ICE and TURN, on aioice's connection.

`FullPath` is for servers that are not ICE-lite, and for relays (`relay.py` says when).
aioice asks one TURN server and keeps to itself why it got no relay, so we ask for it:
all servers at once, as a browser does, each failure with its reason. Every private name
of aioice that we lean on is used in this module, and `test_private_names.py` holds
them.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from typing import Any

import aioice
import aioice.ice
import aioice.stun
import aioice.turn

from bots.errors import ClusterError
from bots.media import sdp
from bots.media.ice import PROBE_AFTER_S, Path, Receive, not_connected, shown
from bots.media.ice_servers import NO_RELAY, TurnServer, stun_server, turn_servers
from bots.media.lane import RECEIVE_BYTES
from bots.media.silence import SILENT_S, Ear
from bots.media.srtp import workspace
from bots.models import IceServer

TURN_LIMIT_S = 5.0
"""How long TURN servers are waited for: what aioice gives a STUN server, too."""
MORE_RELAYS_S = 0.2
"""Once one has answered, the others have this long: the first preferred is taken."""
CLOSE_LIMIT_S = 1.0
"""For giving a relay back; a server that is gone forgets it by itself."""
MAX_UNSENT_BYTES = 65_536
"""Waiting for a TURN server over TCP; what comes on top is dropped, as UDP would."""

Tls = Callable[[], ssl.SSLContext]


class _Connection(aioice.Connection):
    """aioice's connection with our addresses, relays, receiver and way to send now."""

    def __init__(
        self,
        receive: Receive,
        addresses: list[str],
        relays: tuple[TurnServer, ...],
        tls: Tls,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.refusals: list[str] = []
        """Why TURN servers gave no relay."""
        self.lost: set[Any] = set()
        """Protocols whose socket is gone."""
        self._receive = receive
        self._addresses = addresses
        self._relays = relays
        self._tls = tls

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        """Gather on the addresses that lead to the server, 127.0.0.1 included."""
        wanted = self._addresses if addresses else []
        found, relayed = await asyncio.gather(
            super().get_component_candidates(component, wanted, timeout),
            self._gather_relays(component),
        )
        return [*found, *relayed]

    async def _gather_relays(self, component: int) -> list[aioice.Candidate]:
        """Ask all TURN servers at once; keep the relays in order of preference."""
        granted: dict[int, Any] = {}

        async def ask(place: int, server: TurnServer, limit: asyncio.Timeout) -> None:
            if not server.is_allowed:
                self.refusals.append(
                    f"{server.shown}: its host is not on the allow-list (nodes in "
                    "servers.toml)"
                )
                return
            reason = f"no answer within {TURN_LIMIT_S:g} s"
            try:
                granted[place] = await self._relay(component, server)
                deadline_s = asyncio.get_running_loop().time() + MORE_RELAYS_S
                limit.reschedule(min(deadline_s, limit.when() or deadline_s))
                return
            except ssl.SSLCertVerificationError:
                reason = "its certificate is not trusted: name its authority as ca_file"
            except aioice.stun.TransactionFailed as failure:
                code = failure.response.attributes.get("ERROR-CODE", (0, ""))
                reason = f"it refused with {code[0]} {code[1]}".rstrip()
            except aioice.stun.TransactionError:
                pass
            except (ValueError, OverflowError):
                reason = "its address is none: see the host and port in its URL"
            except OSError as failure:
                reason = (failure.strerror or str(failure) or "no connection").lower()
            except asyncio.CancelledError:
                self.refusals.append(f"{server.shown}: {reason}")
                raise
            self.refusals.append(f"{server.shown}: {reason}")

        try:
            async with (
                asyncio.timeout(TURN_LIMIT_S) as limit,
                asyncio.TaskGroup() as group,
            ):
                for place, server in enumerate(self._relays):
                    group.create_task(ask(place, server, limit))
        except TimeoutError:
            pass
        finally:
            in_order = [granted[place] for place in sorted(granted)]
            for _, protocol in in_order:
                if self._closing:
                    protocol.transport.close()
                else:
                    self._protocols.append(protocol)
        return [candidate for candidate, _ in in_order]

    async def _relay(self, component: int, server: TurnServer) -> Any:
        tls: Any = self._tls() if server.carrier == "tls" else False
        return await aioice.ice.relayed_candidate(
            component=component,
            hide_related_address=True,
            protocol_factory=lambda: aioice.ice.StunProtocol(self),
            turn_server=(server.host, server.port),
            turn_username=server.username,
            turn_password=server.credential,
            turn_ssl=tls,  # handed on to asyncio as it is
            turn_transport="udp" if server.carrier == "udp" else "tcp",
        )

    def protocol_lost(self, protocol: aioice.ice.StunProtocol) -> None:
        """Note that a socket went away, such as the TCP connection to a relay."""
        self.lost.add(protocol)
        super().protocol_lost(protocol)

    def drop(self) -> None:
        """Close all sockets without waiting for anybody."""
        for protocol in self._protocols:
            protocol.transport.close()

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
        tls: Tls = ssl.create_default_context,
        only_relay: bool = False,
    ) -> None:
        """`tls` gives the settings for TURN over TLS, when they are needed."""
        self.rtt_s: float | None = None
        self.heard_s = 0.0
        self.failure = ""
        self.candidate_type = ""
        self.remote_address = ""
        self.send: Callable[[memoryview | bytes], Any] = not_connected
        self.descriptor = -1
        self.obstacle = ""
        self._only_relay = only_relay
        self._relays = turn_servers(servers)
        policy = aioice.TransportPolicy
        self._connection = _Connection(
            receive,
            addresses,
            self._relays,
            tls,
            ice_controlling=is_controlling,
            local_username=local.ufrag,
            local_password=local.password,
            transport_policy=policy.RELAY if only_relay else policy.ALL,
            stun_server=stun_server(servers),
        )
        self._carrier: Any = None
        self._loop = asyncio.get_running_loop()
        self._probe: asyncio.Task[None] | None = None
        self._ear = Ear()

    async def gather(self) -> tuple[sdp.Candidate, ...]:
        """Open the sockets and return our candidates, to be written into the SDP.

        Raises:
            ClusterError: with code `no relay candidate`, where nothing else will do.
        """
        await self._connection.gather_candidates()
        if self._only_relay and not self._connection.local_candidates:
            raise self._without_relay()
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

    async def connect(self) -> Path:
        """Run the checks.

        Raises:
            ClusterError: no pair works; with code `no relay candidate` where there are
                TURN servers and none of them gave a relay.
        """
        try:
            await self._connection.connect()
        except ConnectionError as error:
            kinds = {found.type for found in self._connection.local_candidates}
            if self._relays and "relay" not in kinds:
                raise self._without_relay() from error
            raise ClusterError(
                f"no candidate pair works: {error}", code="ice failed"
            ) from error
        pair = self._connection.chosen
        self.heard_s = time.monotonic()
        self.candidate_type = str(pair.local_candidate.type)
        self.remote_address = shown(*pair.remote_addr[:2])
        self._carrier = pair.protocol
        self.send = _sender(pair.protocol.transport, pair.remote_addr)
        return self

    def tick(self, now_s: float, heard_s: float) -> None:
        """Notice that aioice gave up (30 s), or that a silent path does not answer."""
        if self.failure or not self.remote_address:
            return
        quiet_s = self._ear.quiet_s(now_s, max(self.heard_s, heard_s))
        if self._carrier in self._connection.lost:
            self.failure = "relay lost" if self.candidate_type == "relay" else "closed"
        elif self._connection.chosen is None:
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
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._connection.close()
        except TimeoutError:
            self._connection.drop()

    def _without_relay(self) -> ClusterError:
        reasons = "; ".join(self._connection.refusals)
        return ClusterError(
            f"{NO_RELAY}: {reasons or 'the server names no TURN server'}",
            code=NO_RELAY,
        )

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


def _sender(
    transport: Any, address: tuple[str, int]
) -> Callable[[memoryview | bytes], Any]:
    """Return what sends over a socket or a relay; a copy, since aioice may keep it."""
    inner = getattr(transport, "_TurnTransport__inner_protocol", None)
    if not isinstance(inner, aioice.turn.TurnClientTcpProtocol):
        return lambda data: transport.sendto(bytes(data), address)

    def send(data: memoryview | bytes) -> None:
        if inner.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise BlockingIOError("the TURN server takes nothing more")
        transport.sendto(bytes(data), address)

    return send
