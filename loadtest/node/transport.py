"""One media transport of the node: a UDP socket with ICE-lite, DTLS and SRTP.

Answers connectivity checks and never sends one (RFC 8445 2.5); takes the address that
the controlling client nominates, and a later one when it nominates again. Handshakes in
the role that the descriptions chose, then hands decrypted RTP and RTCP to its owner.
Timers are the owner's: `tick` is to be called about ten times a second.

The path of a packet is kept short: one read per wake-up of the loop, and what is sent
is encrypted where its header was written and goes out from there.
"""

import asyncio
import random
import socket
import string
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from bots.media import stun
from bots.media.dtls import FINGERPRINT_FAMILIES, Certificate, DtlsSession
from bots.media.rtp import is_rtcp, is_rtp
from bots.media.srtp import SrtpReceiver, SrtpSender
from loadtest.node.sdp import LocalSide, RemoteSide, Setup
from loadtest.node.uplink import Uplink

DATAGRAM_BYTES = 2048
CONSENT_S = 30.0
"""A client that has not checked for this long is gone (RFC 7675 5.1)."""
EARLY_DATAGRAMS = 4
"""Kept while the client's description is still under way on the other socket."""
RECEIVE_BUFFER_BYTES = 1 << 20
DATAGRAMS_A_WAKE = 16
BURST_BYTES = 1000
"""A datagram as large as this is likely to have others behind it."""
LATE_S = 0.025
"""And so is any in a socket that was not looked at for longer than audio's 20 ms."""

TransportState = Literal["new", "checked", "connected", "closed"]
Address = tuple[str, int]

_ICE_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(slots=True, kw_only=True)
class MediaCounters:
    """What went over the node's media sockets since it started."""

    received_bytes: int = 0
    """UDP payload."""
    sent_bytes: int = 0
    received_packets: int = 0
    sent_packets: int = 0
    forwarded_packets: int = 0
    """RTP packets sent to viewers and listeners."""
    retransmitted_packets: int = 0
    unsent_packets: int = 0
    """Refused by a full socket buffer."""
    lost_on_purpose: int = 0
    """Withheld by the fault switch."""
    auth_failures: int = 0


class Transport:
    """A client's one connection for one kind of media."""

    def __init__(
        self,
        *,
        certificate: Certificate,
        counters: MediaCounters,
        address: str,
        rng: random.Random,
        fingerprint_family: str = "",
        consent_s: float = CONSENT_S,
        is_deaf: bool = False,
        uplink: Uplink | None = None,
    ) -> None:
        self.state: TransportState = "new"
        self.failure = ""
        """Why it closed by itself; "" otherwise."""
        self.on_connected: Callable[[], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing
        """Called when the client went or the handshake failed, not after `close`."""
        self.on_rtp: Callable[[bytes, float], None] = _drop
        self.on_rtcp: Callable[[bytes, float], None] = _drop
        self.is_deaf = is_deaf
        """The fault of a dead worker: nothing is read and nothing sent any more."""
        self.keeps_rtp = self.keeps_rtcp = False
        """Faults: these are not sent any more, while all else goes on."""
        self.heard_s = monotonic()
        """When the client last proved to be there, by a check or by media."""
        self.ssrc = rng.randrange(1, 1 << 32)
        """Of what we send; also the sender of our feedback."""
        self._rng = rng
        self._uplink = uplink
        self._consent_s = consent_s
        self._certificate = certificate
        self._counters = counters
        family = fingerprint_family or rng.choice(FINGERPRINT_FAMILIES)
        self._fingerprint = (family, certificate.fingerprint(family))
        self._ufrag = _credential(rng, 32)
        self._password = _credential(rng, 32)
        self._previous: tuple[str, bytes] | None = None
        self._remote: RemoteSide | None = None
        self._peer: Address | None = None
        self._dtls: DtlsSession | None = None
        self._looked_s = 0.0
        self._early: deque[bytes] = deque(maxlen=EARLY_DATAGRAMS)
        self._sender: SrtpSender | None = None
        """There from the handshake's end to `close`, and so is the peer's address."""
        self._protect: Callable[[int], memoryview] | None = None
        """The sender's way to encrypt what lies in the workspace, once connected."""
        self._receiver: SrtpReceiver | None = None
        self._auth_failures = 0
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        )
        self._socket.setblocking(False)
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
        )
        self._socket.bind((address, 0))
        self._address: Address = self._socket.getsockname()[:2]
        self._loop.add_reader(self._socket, self._readable)

    # -- negotiation -----------------------------------------------------------

    def local_side(
        self, *, setup: Setup, msid: tuple[str, str], cname: str
    ) -> LocalSide:
        """Return this end as a description tells it."""
        return LocalSide(
            ice_ufrag=self._ufrag,
            ice_pwd=self._password,
            fingerprint=self._fingerprint,
            address=self._address[0],
            port=self._address[1],
            setup=setup,
            msid=msid,
            ssrc=self.ssrc,
            cname=cname,
        )

    def accept(self, remote: RemoteSide, *, is_dtls_server: bool) -> None:
        """Take the client's description; a second one is ignored."""
        if self._remote is not None or self.state == "closed":
            return
        self._remote = remote
        self._dtls = DtlsSession(
            self._certificate,
            is_server=is_dtls_server,
            remote_fingerprints=remote.fingerprints,
        )
        if self._peer is not None:
            self._send_all(self._dtls.start())
        while self._early:
            self._on_dtls(self._early.popleft())

    def restart_ice(self) -> None:
        """Make new credentials; the old ones stay valid until the new are used."""
        self._previous = (self._ufrag, self._password.encode())
        self._ufrag = _credential(self._rng, 32)
        self._password = _credential(self._rng, 32)

    @property
    def is_negotiated(self) -> bool:
        """Whether the client's description has come."""
        return self._remote is not None

    # -- sending ---------------------------------------------------------------

    def send_workspace(self, length: int) -> int:
        """Encrypt and send the RTP packet in `bots.media.srtp.workspace`.

        Returns the bytes handed to the socket, 0 when nothing was sent.
        """
        protect = self._protect
        if protect is None or self.is_deaf or self.keeps_rtp:
            return 0
        return self._send(protect(length))

    def send_rtcp(self, compound: bytes) -> None:
        """Encrypt and send RTCP; nothing happens while not connected."""
        if self._sender is not None and not (self.is_deaf or self.keeps_rtcp):
            self._send(self._sender.protect_rtcp(compound))

    def tick(self, now_s: float) -> None:
        """Repeat a lost handshake flight; notice a client that fell silent."""
        if self.state == "closed" or self.is_deaf:
            return
        if self.state != "connected" and self._dtls is not None:
            self._send_all(self._dtls.handle_timeout())
            self._follow_dtls()
        if self.state != "new" and now_s - self.heard_s > self._consent_s:
            self._end("consent expired")

    def close(self) -> None:
        """Say close_notify, where connected, and close the socket; idempotent."""
        if self.state == "closed":
            return
        if self._dtls is not None and not self.is_deaf:
            self._send_all(self._dtls.close())
        self.state = "closed"
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._sender = self._receiver = self._protect = None

    # -- receiving -------------------------------------------------------------

    def _readable(self) -> None:
        """Take what is there: one datagram, or those that are likely behind it.

        A screen's key frame is some ninety packets at once; one a wake, on a busy
        node, is slower than the socket's buffer fills. So is one packet of audio a
        wake: checks of consent would stand in the queue for half a minute.
        """
        now_s = monotonic()
        is_late, self._looked_s = now_s - self._looked_s > LATE_S, now_s
        for _ in range(DATAGRAMS_A_WAKE):
            try:
                datagram, sender = self._socket.recvfrom(DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            self._take(datagram, sender)
            is_last = len(datagram) < BURST_BYTES and not is_late
            if is_last or self.state == "closed":
                return

    def _take(self, datagram: bytes, sender: Address) -> None:
        counters = self._counters
        counters.received_bytes += len(datagram)
        counters.received_packets += 1
        if self.is_deaf or not datagram:
            return
        first = datagram[0]
        if first < 4:
            self._on_stun(datagram, sender[:2])
        elif sender[:2] != self._peer:
            return
        elif first >= 128:
            self._on_media(datagram)
        elif 20 <= first <= 63:
            self._on_dtls(datagram)

    def _on_media(self, datagram: bytes) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        now_s = monotonic()
        if is_rtp(datagram):
            packet = receiver.unprotect(datagram)
            if packet is not None:
                self.heard_s = now_s
                self.on_rtp(packet, now_s)
                return
        elif is_rtcp(datagram):
            packet = receiver.unprotect_rtcp(datagram)
            if packet is not None:
                self.heard_s = now_s
                self.on_rtcp(packet, now_s)
                return
        else:
            return
        failures = receiver.auth_failures
        self._counters.auth_failures += failures - self._auth_failures
        self._auth_failures = failures  # a replayed packet is no failure

    def _on_stun(self, datagram: bytes, sender: Address) -> None:
        try:
            message = stun.parse_binding(datagram)
        except ValueError:
            return
        if message.message_class != "request":
            return
        ufrag = message.username.partition(":")[0]
        key = self._password.encode()
        if self._previous is not None and ufrag == self._previous[0]:
            key = self._previous[1]
        elif ufrag != self._ufrag:
            key = b""
        if not message.integrity_at:
            code, reason = stun.BAD_REQUEST, "Bad Request"
        elif not key or not stun.is_authentic(datagram, message, key):
            code, reason = stun.UNAUTHENTICATED, "Unauthorized"
        elif message.role == "controlled":
            code, reason = stun.ROLE_CONFLICT, "Role Conflict"
        else:
            self._answer_check(message, sender, key)
            return
        answer = stun.build_error(message.transaction_id, code, reason)
        self._send_to(answer, sender)

    def _answer_check(
        self, message: stun.BindingMessage, sender: Address, key: bytes
    ) -> None:
        self.heard_s = monotonic()
        self._send_to(stun.build_response(message.transaction_id, sender, key), sender)
        if self._peer is not None and (sender == self._peer or not message.nominates):
            return
        is_first = self._peer is None
        self._peer = sender
        if self.state == "new":
            self.state = "checked"
        if is_first and self._dtls is not None:
            self._send_all(self._dtls.start())

    def _on_dtls(self, datagram: bytes) -> None:
        dtls = self._dtls
        if dtls is None:
            self._early.append(datagram)
            return
        self._send_all(dtls.receive(datagram))
        self._follow_dtls()

    def _follow_dtls(self) -> None:
        dtls = self._dtls
        assert dtls is not None
        if dtls.state == "connected" and self._sender is None:
            assert dtls.keys is not None
            self._sender = SrtpSender(dtls.keys)
            self._protect = self._sender.protect_workspace
            self._receiver = SrtpReceiver(dtls.keys)
            self.state = "connected"
            self.on_connected()
        elif dtls.state == "failed":
            self._end(dtls.failure)
        elif dtls.state == "closed":
            self._end("closed by the client")

    def _end(self, failure: str) -> None:
        if self.state == "closed":
            return
        self.failure = failure
        self.close()
        self.on_closed()

    # -- the socket ------------------------------------------------------------

    def _send(self, datagram: bytes | memoryview) -> int:
        uplink = self._uplink
        if uplink is not None and not uplink.takes(len(datagram), monotonic()):
            return len(datagram)  # who sent it cannot tell
        counters = self._counters
        try:
            sent: int = self._socket.sendto(datagram, self._peer)  # type: ignore[arg-type]
        except OSError:
            counters.unsent_packets += 1
            return 0
        counters.sent_bytes += sent
        counters.sent_packets += 1
        return sent

    def _send_to(self, datagram: bytes, address: Address) -> None:
        try:
            self._counters.sent_bytes += self._socket.sendto(datagram, address)
        except OSError:
            self._counters.unsent_packets += 1
            return
        self._counters.sent_packets += 1

    def _send_all(self, datagrams: list[bytes]) -> None:
        if self._peer is not None and not self.is_deaf:
            for datagram in datagrams:
                self._send(datagram)


def _credential(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_ICE_CHARACTERS, k=length))


def _nothing() -> None:
    return


def _drop(packet: bytes, now_s: float) -> None:
    return
