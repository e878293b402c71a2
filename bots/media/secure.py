"""ICE, DTLS and SRTP of one transport: from two descriptions to keys and a way to send.

Knows no stream and no RTP. The session is called back when there are keys; datagrams
that are not STUN go from the path to the session's `receive`, which gives back those
that are DTLS. `establish` runs in the plane's task group, and keeps its error for
`wait`.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Protocol

from bots.errors import ClusterError, StepTimeout
from bots.media import ice, sdp
from bots.media.dtls import Certificate, DtlsSession, SrtpKeys
from bots.media.full_ice import FullPath
from bots.media.ice_servers import NO_RELAY, turn_servers
from bots.media.lanes import Lanes
from bots.media.relay import DirectOrRelay
from bots.models import IceServer, PathTaken

FIRST_FLIGHT_S = 0.05
"""A ClientHello is sent again this soon, then at doubled intervals: the server may not
have our description yet, and DTLS itself would wait a second (RFC 6347 4.2.4.1)."""
LAST_FLIGHT_S = 0.8
ESTABLISH_LIMIT_S = 60.0
"""Nobody waits longer; `wait` has its own, shorter limit."""
MAX_EARLY_DATAGRAMS = 16


class Origin(Protocol):
    """What a transport needs of the process it starts from."""

    certificate: Certificate
    local_address: str | None
    only_relay: bool
    """Nothing is sent but through TURN servers."""

    def tls(self) -> ssl.SSLContext:
        """Return the settings for TURN over TLS."""


class SecureTransport:
    """One transport, from `prepare` over `establish` to `close`."""

    def __init__(
        self,
        origin: Origin,
        *,
        servers: tuple[IceServer, ...],
        receive: ice.Receive,
        secured: Callable[[SrtpKeys], None],
        lost: Callable[[], None],
    ) -> None:
        """`secured` is called once with the keys, `lost` when the peer ends DTLS."""
        self.lanes: Lanes = {}
        """Of the streams that come over this transport."""
        self.credentials = ice.make_credentials()
        self._origin = origin
        self._servers = servers
        self._receive = receive
        self._secured = secured
        self._lost = lost
        self._path: ice.Path | None = None
        self._dtls: DtlsSession | None = None
        self._step = "ice"
        self._error: Exception | None = None
        self._failure = ""
        self._established = asyncio.Event()
        self._moved = asyncio.Event()
        self._has_heard = False
        self._early: list[bytes] = []
        self._is_closed = False

    async def prepare(
        self, remote: sdp.Description, *, is_offerer: bool
    ) -> tuple[sdp.Candidate, ...]:
        """Make the path; return our candidates, which only full ICE needs to know."""
        self._dtls = DtlsSession(
            self._origin.certificate,
            is_server=remote.setup == "active",
            remote_fingerprints=remote.fingerprints,
        )
        if remote.is_ice_lite:
            self._path = self._path_to_lite(remote)
            return ()
        full = self._full_path(remote, is_controlling=is_offerer)
        self._path = full
        candidates = await full.gather()
        await full.set_remote(remote)
        return candidates

    def _path_to_lite(self, remote: sdp.Description) -> ice.Path:
        direct = None
        if not self._origin.only_relay:
            direct = ice.LightPath(
                local=self.credentials,
                remote=remote,
                receive=self._receive,
                local_address=self._origin.local_address,
                of=self.lanes,
            )
            if not turn_servers(self._servers):
                return direct
        return DirectOrRelay(
            remote=remote,
            direct=direct,
            make_relay=lambda: self._full_path(
                remote, is_controlling=True, only_relay=True
            ),
        )

    def _full_path(
        self, remote: sdp.Description, *, is_controlling: bool, only_relay: bool = False
    ) -> FullPath:
        return FullPath(
            local=self.credentials,
            is_controlling=is_controlling,
            receive=self._receive,
            addresses=_local_addresses(remote, self._origin.local_address),
            servers=self._servers,
            tls=self._origin.tls,
            only_relay=only_relay or self._origin.only_relay,
        )

    async def establish(self) -> None:
        """Run ICE and DTLS."""
        try:
            async with asyncio.timeout(ESTABLISH_LIMIT_S):
                await self._establish()
        except Exception as error:  # kept for `wait`, which raises it
            self._error = error
            self._failure = self._failure or f"{self._step}: {error or 'timed out'}"
        finally:
            self._established.set()

    async def wait(self, timeout_s: float) -> PathTaken:
        """Wait for the keys and return the path taken.

        Raises:
            StepTimeout: with code `ice` or `dtls`, or with `no relay candidate` where
                the direct way stayed silent and no TURN server gave a relay.
            ClusterError: the transport failed, such as by a fingerprint mismatch.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._established.wait()
        except TimeoutError:
            raise self._too_late(timeout_s) from None
        if isinstance(self._error, TimeoutError):
            raise self._too_late(ESTABLISH_LIMIT_S) from self._error
        if self._error is not None:
            raise self._error
        assert self._path is not None
        return PathTaken(
            candidate_type=self._path.candidate_type,
            remote_address=self._path.remote_address,
        )

    def receive_dtls(self, datagram: bytes) -> None:
        """Take a DTLS datagram from the path."""
        if self._dtls is None or self._is_closed:
            return
        if self._step == "ice":  # the path does not send yet; a flight has few of them
            if len(self._early) < MAX_EARLY_DATAGRAMS:
                self._early.append(datagram)
            return
        self._has_heard = True
        was_connected = self._dtls.state == "connected"
        self._send_flight(self._dtls.receive(datagram))
        if self._dtls.keys is not None and not was_connected:
            self._secured(self._dtls.keys)
        elif self._dtls.state == "closed":
            self._failure = self._failure or "dtls closed"
            self._lost()
        self._moved.set()

    @property
    def send_now(self) -> Callable[[memoryview | bytes], object]:
        """The path's own way to send, without a step between; once connected."""
        assert self._path is not None
        return self._path.send

    @property
    def descriptor(self) -> int:
        """The path's connected socket, -1 where there is no such; once connected."""
        assert self._path is not None
        return self._path.descriptor

    def tick(self, now_s: float, heard_s: float) -> None:
        """Keep the path's consent; `heard_s`: when the last media or RTCP came."""
        if self._path is not None:
            self._path.tick(now_s, heard_s)

    @property
    def failure(self) -> str:
        """Why it no longer works; "" while it does."""
        return self._failure or (self._path.failure if self._path is not None else "")

    @property
    def rtt_s(self) -> float | None:
        """Round trip of the last connectivity check."""
        return self._path.rtt_s if self._path is not None else None

    async def close(self) -> None:
        """Send close_notify and close the socket; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._path is None:
            return
        if self._dtls is not None:
            self._send_flight(self._dtls.close())
        await self._path.close()

    async def _establish(self) -> None:
        assert self._path is not None
        assert self._dtls is not None
        self._path = await self._path.connect()
        self._step = "dtls"
        first_flight = self._dtls.start()
        self._send_flight(first_flight)
        for datagram in self._early:
            self.receive_dtls(datagram)
        again_s = FIRST_FLIGHT_S
        while self._dtls.state == "connecting":
            self._moved.clear()
            timer_s = self._dtls.timeout_s()
            wait_s = 1.0 if timer_s is None else max(0.005, timer_s)
            if first_flight and not self._has_heard:
                wait_s = min(wait_s, again_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._moved.wait()
                    continue
            if first_flight and not self._has_heard and wait_s == again_s:
                again_s = min(LAST_FLIGHT_S, 2 * again_s)
                self._send_flight(first_flight)
            else:
                self._send_flight(self._dtls.handle_timeout())
        if self._dtls.state != "connected":
            reason = self._dtls.failure or "closed during the handshake"
            raise ClusterError(f"dtls failed: {reason}", code=reason)

    def _send_flight(self, datagrams: list[bytes]) -> None:
        assert self._path is not None
        for datagram in datagrams:
            with contextlib.suppress(OSError):  # DTLS sends again what is lost
                self._path.send(datagram)

    def _too_late(self, limit_s: float) -> StepTimeout:
        text = f"{self._step} was not done within {limit_s:g} s"
        if self._step == "ice" and self._path is not None and self._path.obstacle:
            return StepTimeout(f"{text}: {self._path.obstacle}", code=NO_RELAY)
        return StepTimeout(text, code=self._step)


def _local_addresses(remote: sdp.Description, local: str | None) -> list[str]:
    """Return the addresses that lead to the server's candidates, or the one told."""
    if local is not None:
        return [local]
    found = {
        ice.local_address_towards(candidate.address)
        for candidate in ice.usable_candidates(remote)
    }
    return sorted(address for address in found if address is not None)
