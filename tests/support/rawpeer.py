"""A client on one UDP socket, for tests that look at single packets.

It writes a minimal description, sends one connectivity check, handshakes, and then
keeps every RTP and RTCP packet it gets. Its DTLS, SRTP and STUN are the project's own,
which other tests prove against aiortc, OpenSSL and aioice.
"""

import asyncio
import os
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bots.media import rtcp, rtp, stun
from bots.media.dtls import Certificate, DtlsSession
from bots.media.srtp import SrtpReceiver, SrtpSender
from loadtest.node.sdp import OPUS, VP8
from tests.support.asynctest import eventually

CERTIFICATE = Certificate.generate()
UFRAG, PASSWORD = "raw1", "a password of a raw peer"
KEY_FRAME = bytes((0x90, 0x80, 0x81, 0x23, 0x00)) + b"a key frame"
"""A VP8 descriptor with picture id, then a frame header whose P bit is 0."""
DELTA_FRAME = bytes((0x90, 0x80, 0x81, 0x24, 0x01)) + b"a frame that needs another"


@dataclass(frozen=True)
class Received:
    """One RTP packet, read apart."""

    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes
    packet: bytes


class RawPeer:
    """One transport of a client, with no opinion about what it carries."""

    def __init__(self, kind: Literal["audio", "video"], *, ssrc: int = 0) -> None:
        self.kind = kind
        self.ssrc = ssrc
        self.packets: list[Received] = []
        self.reports: list[rtcp.Packet] = []
        self.checks: list[stun.BindingMessage] = []
        self.dtls: DtlsSession | None = None
        self.cname = "raw-cname"
        self._sender: SrtpSender | None = None
        self._receiver: SrtpReceiver | None = None
        self._remote = ""
        self._open()

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- descriptions ----------------------------------------------------------

    def description(
        self,
        *,
        direction: str,
        setup: str,
        has_ssrc: bool = True,
        family: str = "sha-256",
        extensions: bool = True,
    ) -> str:
        """Return an offer or an answer."""
        codec = OPUS if self.kind == "audio" else VP8
        number = codec.payload_type
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m={self.kind} 9 UDP/TLS/RTP/SAVPF {number}",
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{UFRAG}",
            f"a=ice-pwd:{PASSWORD}",
            f"a=fingerprint:{family} {CERTIFICATE.fingerprint(family)}",
            f"a=setup:{setup}",
            "a=mid:0",
            f"a={direction}",
            f"a=rtpmap:{number} {codec.rtpmap}",
        ]
        lines += [f"a=rtcp-fb:{number} {x.strip()}" for x in codec.offered_feedback]
        if extensions:
            lines += [f"a=extmap:{n} {uri}" for n, uri in codec.extensions]
        if has_ssrc:
            lines.append(f"a=ssrc:{self.ssrc} cname:{self.cname}")
        return "\r\n".join([*lines, "a=rtcp-mux", "a=rtcp-rsize", ""])

    def take(self, description: object) -> None:
        """Take the node's description."""
        self._remote = str(description)

    def value(self, pattern: str) -> str:
        """Return a group of the node's description."""
        found = re.search(pattern, self._remote)
        assert found is not None, (pattern, self._remote)
        return found.group(1)

    # -- connecting ------------------------------------------------------------

    async def connect(self, *, is_server: bool = False) -> None:
        """Check, nominate and handshake."""
        await self.check()
        self.start_dtls(is_server=is_server)
        await eventually(lambda: self._sender is not None, what="the handshake")

    async def check(self) -> stun.BindingMessage:
        """Send a check that nominates, and return the answer."""
        before = len(self.checks)
        self.send_check()
        await eventually(lambda: len(self.checks) > before, what="the check's answer")
        return self.checks[-1]

    def send_check(
        self, *, key: str = "", username: str = "", message: bytes = b""
    ) -> None:
        """Send a check, or `message` in its place."""
        ufrag = self.value("ice-ufrag:(.*)\r")
        request = message or stun.build_request(
            os.urandom(12),
            username=username or f"{ufrag}:{UFRAG}",
            key=(key or self.value("ice-pwd:(.*)\r")).encode(),
            tie_breaker=1,
            nominates=True,
        )
        self._send(request)

    def start_dtls(self, *, is_server: bool) -> None:
        """Begin the handshake."""
        self.dtls = DtlsSession(
            CERTIFICATE, is_server=is_server, remote_fingerprints=(self.fingerprint,)
        )
        self._send_all(self.dtls.start())

    def close_dtls(self) -> None:
        """Send close_notify."""
        assert self.dtls is not None
        self._send_all(self.dtls.close())

    def move(self) -> None:
        """Go on from another port, as behind a NAT that forgot us."""
        self.close()
        self._open()

    @property
    def address(self) -> tuple[str, int]:
        """Where we are."""
        host, port = self._socket.getsockname()
        return host, port

    def close(self) -> None:
        """Close the socket without a word."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    @property
    def fingerprint(self) -> tuple[str, str]:
        """The (family, value) of the node's description."""
        family, _, value = self.value("fingerprint:(.*)\r").partition(" ")
        return family, value

    # -- media -----------------------------------------------------------------

    def send_rtp(
        self,
        sequence: int,
        payload: bytes,
        *,
        timestamp: int = 0,
        marker: bool = False,
        extensions: bytes = b"",
        has_padding: bool = False,
    ) -> None:
        """Send one packet under our SSRC; the payload holds its padding, if any."""
        codec = OPUS if self.kind == "audio" else VP8
        header = rtp.build_header(
            payload_type=codec.payload_type,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            marker=marker,
            extensions=extensions,
        )
        packet = bytearray(header + payload)
        if has_padding:
            packet[0] |= 0x20
        assert self._sender is not None
        self._send(bytes(self._sender.protect(packet)))

    def send_rtcp(self, compound: bytes) -> None:
        """Send one compound."""
        assert self._sender is not None
        self._send(bytes(self._sender.protect_rtcp(compound)))

    def send_raw(self, datagram: bytes) -> None:
        """Send bytes as they are."""
        self._send(datagram)

    async def report(self, kind: type, is_right: Callable = lambda _: True):  # type: ignore[no-untyped-def,type-arg]
        """Wait for a report of this kind for which `is_right`, and return it."""
        return await eventually(
            lambda: next(
                (r for r in self.reports if isinstance(r, kind) and is_right(r)), None
            ),
            what=kind.__name__,
        )

    async def received(self, count: int) -> list[Received]:
        """Wait for `count` packets and return all."""
        await eventually(lambda: len(self.packets) >= count, what=f"{count} packets")
        return self.packets

    # -- the socket ------------------------------------------------------------

    def _open(self) -> None:
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        try:
            datagram = self._socket.recv(2048)
        except (BlockingIOError, ConnectionError):
            return
        if datagram[0] < 4:
            self.checks.append(stun.parse_binding(datagram))
        elif datagram[0] < 64:
            if self.dtls is not None:
                self._send_all(self.dtls.receive(datagram))
                if self.dtls.keys is not None and self._sender is None:
                    self._sender = SrtpSender(self.dtls.keys)
                    self._receiver = SrtpReceiver(self.dtls.keys)
        elif self._receiver is not None and rtp.is_rtcp(datagram):
            compound = self._receiver.unprotect_rtcp(datagram)
            assert compound is not None
            self.reports.extend(rtcp.parse_compound(compound))
        elif self._receiver is not None:
            packet = self._receiver.unprotect(datagram)
            if packet is not None:  # None: a retransmission of what had come
                self.packets.append(_read(packet))

    def _send(self, datagram: bytes) -> None:
        address = self.value(r"1076302079 (\S+) ")
        port = int(self.value(r"1076302079 \S+ (\d+) "))
        self._socket.sendto(datagram, (address, port))

    def _send_all(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram)


def transport_number(value: int) -> bytes:
    """Return a header-extension block with a transport-wide sequence number."""
    return rtp.build_extensions([(4, struct.pack("!H", value))])


def _read(packet: bytes) -> Received:
    return Received(
        sequence=rtp.sequence(packet),
        timestamp=rtp.timestamp(packet),
        ssrc=rtp.ssrc(packet),
        payload_type=rtp.payload_type(packet),
        marker=rtp.marker(packet),
        payload=packet[rtp.header_length(packet) :],
        packet=packet,
    )
