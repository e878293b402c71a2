"""The way to a media server: one connected UDP socket where the server is ICE-lite.

BBB's SFU is ICE-lite and answers from one address, so `LightPath` does what RFC 8445
asks of a controlling agent towards a lite one, and no more: checks with USE-CANDIDATE,
retransmitted, on one connected socket; consent every 15 s within the 30 s of RFC 7675;
an answer to checks of the other side. A silent path is probed every second and given up
within ten, since a media worker that dies says nothing. Full ICE and TURN: `full_ice`.
"""

import asyncio
import contextlib
import ipaddress
import random
import secrets
import socket
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from bots.errors import ClusterError
from bots.media import lanes, sdp, stun
from bots.media.silence import LONGEST_LOOK_S, SILENT_S, Ear
from bots.media.srtp import workspace

CONSENT_INTERVAL_S = 15.0
CONSENT_EXPIRES_S = 30.0
"""RFC 7675 section 5.1."""
PROBE_AFTER_S = 3.0
"""A path from which nothing came for so long is asked, once a second."""
FIRST_RETRANSMISSION_S = 0.1
LAST_RETRANSMISSION_S = 1.6
CANDIDATE_PATIENCE_S = 2.0
"""How long one of several candidates is tried before the next."""
SO_MEMINFO = 55
MEMINFO = struct.Struct("=9I")
"""Linux's socket.h and sock_diag.h, since Python names neither."""
RECEIVE_BUFFER_BYTES = 262_144
"""What Chromium asks for (`kVideoRtpRecvBufferSize`, media/base/media_constants.cc):
a key frame of a shared screen is up to 140 packets, and the system's default holds 90.
"""

Receive = Callable[[int], None]
"""Called with the size of a datagram that lies in `srtp.workspace`; never STUN."""


class Path(Protocol):
    """What a session needs of either path."""

    send: Callable[[memoryview | bytes], Any]
    """Send a datagram now; OSError when the system refuses it."""
    descriptor: int
    """Of the connected socket that `send` writes to; -1 where there is no such."""
    rtt_s: float | None
    heard_s: float
    """When the last STUN message from the other side came."""
    failure: str
    obstacle: str
    """Why it may take longer, while `connect` goes on; "" if nothing is known."""
    candidate_type: str
    remote_address: str

    async def connect(self) -> "Path":
        """Find the pair and return the path that has it.

        Runs until it is found: the caller sets the limit.
        """

    def tick(self, now_s: float, heard_s: float) -> None:
        """Keep consent and notice silence; `heard_s`: the last datagram but STUN."""

    async def close(self) -> None:
        """Close every socket; idempotent."""


def make_credentials() -> sdp.IceCredentials:
    """Return an ice-ufrag and ice-pwd of our own (RFC 8445 section 5.3)."""
    return sdp.IceCredentials(
        ufrag=secrets.token_hex(4), password=secrets.token_hex(12)
    )


def usable_candidates(remote: sdp.Description) -> tuple[sdp.Candidate, ...]:
    """Return the remote UDP candidates with an IP address, best first."""
    usable = []
    for candidate in remote.candidates:
        if candidate.transport != "udp" or candidate.component != 1:
            continue
        with contextlib.suppress(ValueError):
            _ip(candidate.address)
            usable.append(candidate)
    return tuple(sorted(usable, key=lambda candidate: -candidate.priority))


def local_address_towards(address: str) -> str | None:
    """Return the local address that the system's routes choose, None without one."""
    family = _family(address)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


class LightPath:
    """A controlling ICE agent towards an ICE-lite server, on one connected socket."""

    def __init__(
        self,
        *,
        local: sdp.IceCredentials,
        remote: sdp.Description,
        receive: Receive,
        local_address: str | None = None,
        of: lanes.Lanes | None = None,
    ) -> None:
        """`of` holds the lanes of the streams that come this way."""
        self._lanes: lanes.Lanes = {} if of is None else of
        self.rtt_s: float | None = None
        self.heard_s = 0.0
        self.failure = ""
        self.obstacle = ""
        self.candidate_type = "host"
        self.remote_address = ""
        self.send: Callable[[memoryview | bytes], Any] = not_connected
        self.descriptor = -1
        self._loop = asyncio.get_running_loop()
        self._local_key = local.password.encode()
        self._remote_key = remote.ice.password.encode()
        self._username = f"{remote.ice.ufrag}:{local.ufrag}"
        self._expected_username = f"{local.ufrag}:{remote.ice.ufrag}"
        self._candidates = usable_candidates(remote)
        self._receive = receive
        self._local_address = local_address
        self._tie_breaker = secrets.randbits(64)
        self._socket: socket.socket | None = None
        self._asked: dict[bytes, float] = {}
        self._last_check_s = 0.0
        self._consent_s = 0.0
        self._next_consent_s = 0.0
        self._looked_s = 0.0
        self._excused_s = 0.0
        """Time since the last answer in which we could not have heard one."""
        self._dropped = 0
        self._ear = Ear()
        self._answered = asyncio.Event()

    async def connect(self) -> Path:
        """Try the candidates in turn until one answers; the last for as long as asked.

        Raises:
            ClusterError: the server named no candidate that UDP can reach.
        """
        if not self._candidates:
            raise ClusterError(
                "the server's description holds no usable udp candidate",
                code="no candidate",
            )
        for candidate in self._candidates[:-1]:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANDIDATE_PATIENCE_S):
                    await self._try(candidate)
                    return self
        await self._try(self._candidates[-1])
        return self

    def tick(self, now_s: float, heard_s: float) -> None:
        """Ask for consent when it is time, probe a silent path, give up a dead one."""
        if self.failure or not self._consent_s:
            return
        quiet_s = self._ear.quiet_s(now_s, max(self.heard_s, heard_s))
        self._excuse(now_s)
        if now_s - self._consent_s - self._excused_s > CONSENT_EXPIRES_S:
            self.failure = "consent lost"
        elif quiet_s > SILENT_S:
            self.failure = "path silent"
        elif now_s - self._last_check_s >= 1.0 and (
            quiet_s > PROBE_AFTER_S or now_s >= self._next_consent_s
        ):
            self._check(now_s)

    async def close(self) -> None:
        """Close the socket; idempotent."""
        self._drop_socket()

    def _excuse(self, now_s: float) -> None:
        """Count no time against the other side in which it is we who did not hear.

        That is while our own socket lost packets, an answer perhaps among them, and
        what a look came too late.
        """
        dropped = _dropped_by(self._socket)
        step_s = max(now_s - max(self._looked_s, self._consent_s), 0.0)
        is_deaf = dropped > self._dropped
        self._excused_s += step_s if is_deaf else max(step_s - LONGEST_LOOK_S, 0.0)
        self._looked_s, self._dropped = now_s, dropped

    async def _try(self, candidate: sdp.Candidate) -> None:
        self._open(candidate)
        wait_s = FIRST_RETRANSMISSION_S
        while not self._answered.is_set():
            self._check(time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._answered.wait()
            wait_s = min(LAST_RETRANSMISSION_S, 2 * wait_s)

    def _open(self, candidate: sdp.Candidate) -> None:
        self._drop_socket()
        family = _family(candidate.address)
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            is_loopback = _ip(candidate.address).is_loopback
            if self._local_address is not None and not is_loopback:
                opened.bind((self._local_address, 0))
            opened.connect((candidate.address, candidate.port))
        except OSError as error:
            opened.close()
            raise ClusterError(
                f"no way to {shown(candidate.address, candidate.port)}: "
                f"{error.strerror}",
                code="no route",
            ) from error
        self._socket = opened
        self.send = opened.send
        self.remote_address = shown(candidate.address, candidate.port)
        self.descriptor = opened.fileno()
        read = lanes.reader(opened, self._lanes, self._datagram)
        self._loop.add_reader(self.descriptor, read)

    def _drop_socket(self) -> None:
        if self._socket is None:
            return
        self._loop.remove_reader(self.descriptor)
        self._socket.close()
        self._socket = None
        self.descriptor = -1
        self.send = not_connected

    def _datagram(self, size: int) -> None:
        if workspace[0] < 4:
            self._stun(bytes(workspace[:size]))
        else:
            self._receive(size)

    def _check(self, now_s: float) -> None:
        transaction_id = secrets.token_bytes(12)
        if len(self._asked) >= 16:
            self._asked.pop(next(iter(self._asked)))
        self._asked[transaction_id] = now_s
        self._last_check_s = now_s
        request = stun.build_request(
            transaction_id,
            username=self._username,
            key=self._remote_key,
            tie_breaker=self._tie_breaker,
            nominates=True,
        )
        with contextlib.suppress(OSError):  # the next check will tell
            self.send(request)

    def _stun(self, datagram: bytes) -> None:
        try:
            message = stun.parse_binding(datagram)
        except ValueError:
            return
        if message.message_class == "request":
            if message.username == self._expected_username and stun.is_authentic(
                datagram, message, self._local_key
            ):
                self._answer(message)
            return
        asked_s = self._asked.get(message.transaction_id)
        if asked_s is None or not stun.is_authentic(
            datagram, message, self._remote_key
        ):
            return
        if message.message_class != "response":
            return
        now_s = time.monotonic()
        self._asked.clear()
        self.heard_s = self._consent_s = now_s
        self._excused_s = 0.0
        self._next_consent_s = now_s + CONSENT_INTERVAL_S * random.uniform(0.8, 1.0)
        self.rtt_s = now_s - asked_s
        self._answered.set()

    def _answer(self, message: stun.BindingMessage) -> None:
        assert self._socket is not None
        self.heard_s = time.monotonic()
        peer = self._socket.getpeername()
        response = stun.build_response(
            message.transaction_id, (peer[0], peer[1]), self._local_key
        )
        with contextlib.suppress(OSError):
            self.send(response)


def _dropped_by(opened: socket.socket | None) -> int:
    """Return the packets that a socket has lost since it was opened, as Linux counts.

    The last of the words of `SO_MEMINFO` (linux/sock_diag.h, `SK_MEMINFO_DROPS`); 0
    where the system does not tell.
    """
    if opened is None:
        return 0
    try:
        words = opened.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size)
        dropped: int = MEMINFO.unpack(words)[-1]
    except (OSError, struct.error):
        return 0
    return dropped


@lru_cache(maxsize=1024)
def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address; a server has few."""
    return ipaddress.ip_address(address)


def _family(address: str) -> socket.AddressFamily:
    is_v6 = _ip(address).version == 6
    return socket.AF_INET6 if is_v6 else socket.AF_INET


def shown(address: str, port: int) -> str:
    """Return an address and port as people write them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def not_connected(data: memoryview | bytes) -> None:
    """What `Path.send` is before and after the connection."""
    raise OSError("the path is not connected")
