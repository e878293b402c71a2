"""A bare ICE-lite media server for measuring the client: one transport a client.

It speaks through the project's own STUN, DTLS, SRTP and RTCP, which other tests prove
against aiortc, aioice and OpenSSL. `run` serves a process of its own, commanded over a
pipe, so that the measured process holds nothing but clients.
"""

import asyncio
import random
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import uvloop

from bots.media import clip, ice, negotiation, rtp, sdp, stun
from bots.media.arrivals import Arrivals
from bots.media.audio_stream import AudioStream
from bots.media.dtls import Certificate, DtlsSession
from bots.media.pacer import Pacer
from bots.media.packets import MAX_PAYLOAD_BYTES, VideoPackets, packetise_video
from bots.media.reporting import Reporter
from bots.media.sending import Outlet, SendStream
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from bots.media.video_stream import VideoStream
from bots.models import CameraProfile
from tests.support.socket_filter import drop_rtp

Kind = Literal["audio", "video"]


MAX_STREAMS = 16
"""Of one transport: that far are the first SSRCs of two apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedStream:
    """One m-line, as the server sees it."""

    kind: Kind
    sends: bool
    receives: bool

    @property
    def direction(self) -> sdp.SdpDirection:
        """Return it as the offer says it; what carries nothing is received."""
        if not self.sends:
            return "recvonly"
        return "sendrecv" if self.receives else "sendonly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One transport that a client asks for over the pipe."""

    streams: tuple[WantedStream, ...]
    is_quiet: bool = False
    """What is offered is not sent, so that only set-up costs."""
    is_deaf: bool = False
    """The kernel drops what is received but for RTCP and checks: only sending costs."""


class LiteTransport:
    """One client's transport: offers, answers its checks, sends or swallows media."""

    def __init__(
        self,
        pacer: Pacer,
        certificate: Certificate,
        *,
        wanted: Wanted,
        video: VideoPackets,
        seed: int,
    ) -> None:
        self._pacer = pacer
        self._certificate = certificate
        self._wanted = wanted
        self._video = video
        self._rng = random.Random(seed)
        self._ice = ice.make_credentials()
        self._key = self._ice.password.encode()
        self._ssrc = 1_000_000 + seed * MAX_STREAMS
        self._dtls: DtlsSession | None = None
        self._receiver: SrtpReceiver | None = None
        self._reporter: Reporter | None = None
        self._outlet = Outlet(pacer)
        self._client: tuple[str, int] | None = None
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self._sections = tuple(
            negotiation.offer_section(
                stream.kind,
                mid=str(index),
                direction=stream.direction,
                ssrc=self._ssrc + index,
                cname="server",
                track=f"s{index} t{index}",
            )
            for index, stream in enumerate(wanted.streams)
        )
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    def offer(self) -> str:
        """Return the offer, ICE-lite with one candidate."""
        port = self.socket.getsockname()[1]
        candidate = sdp.parse_candidate(
            f"udpcandidate 1 udp 1076302079 127.0.0.1 {port} typ host"
        )
        assert candidate is not None
        text = sdp.write(
            sdp.Description(
                sections=self._sections,
                ice=self._ice,
                fingerprints=(("sha-256", self._certificate.fingerprint("sha-256")),),
                candidates=(candidate,),
            ),
            session_id=1,
        )
        return text.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", 1)

    def take_answer(self, text: str) -> None:
        """Expect the client of this answer."""
        answer = sdp.parse(text)
        self._extensions = [
            rtp.extension_ids(section.extensions) for section in answer.sections
        ]
        self._dtls = DtlsSession(
            self._certificate,
            is_server=True,
            remote_fingerprints=answer.fingerprints,
        )

    def _readable(self) -> None:
        try:
            size, address = self.socket.recvfrom_into(workspace, 2048)
        except OSError:
            return
        first = workspace[0]
        if first < 4:
            self._answer_check(bytes(workspace[:size]), address)
        elif first < 64 and self._dtls is not None:
            for datagram in self._dtls.receive(bytes(workspace[:size])):
                self.socket.sendto(datagram, address)
            if self._dtls.state == "connected" and self._receiver is None:
                self._begin(address)
        elif 192 <= workspace[1] <= 223 and self._receiver and self._reporter:
            compound = self._receiver.unprotect_rtcp(workspace[:size])
            if compound is not None:
                self._reporter.receive(compound, time.monotonic())

    def _answer_check(self, datagram: bytes, address: tuple[str, int]) -> None:
        message = stun.parse_binding(datagram)
        if stun.is_authentic(datagram, message, self._key):
            response = stun.build_response(message.transaction_id, address, self._key)
            self.socket.sendto(response, address)

    def _begin(self, address: tuple[str, int]) -> None:
        assert self._dtls is not None
        assert self._dtls.keys is not None
        self.socket.connect(address)
        if self._wanted.is_deaf:
            drop_rtp(self.socket)
        self._receiver = SrtpReceiver(self._dtls.keys)
        self._outlet.open(SrtpSender(self._dtls.keys), self.socket.send)
        senders = [
            self._sender(index, stream.kind)
            for index, stream in enumerate(self._wanted.streams)
            if stream.sends
        ]
        now_s = time.monotonic()
        for sender in senders:
            sender.is_sending = not self._wanted.is_quiet
            sender.begin(now_s)
        self._reporter = Reporter(
            self._outlet,
            senders=senders,
            streams={},
            arrivals=Arrivals(),
            own_ssrc=self._ssrc,
            cname="server",
            has_reference_time=False,
            has_transport_feedback=False,
            has_estimate=False,
            has_video_in=False,
            unix_offset_s=time.time() - time.monotonic(),
            tick=lambda now_s: None,
            rng=self._rng,
        )
        self._reporter.begin(now_s)

    def _sender(self, index: int, kind: Kind) -> SendStream:
        common: Any = {
            "ssrc": self._ssrc + index,
            "extensions": self._extensions[index],
            "mid": str(index) if len(self._sections) > 1 else "",
            "rng": self._rng,
        }
        if kind == "audio":
            speech = clip.audio_packets()
            return AudioStream(
                self._outlet,
                speech,
                payload_type=negotiation.OPUS_PAYLOAD_TYPE,
                **common,
            )
        return VideoStream(
            self._outlet,
            self._video,
            media="camera",
            payload_type=negotiation.VP8_PAYLOAD_TYPE,
            **common,
        )


def run(
    pipe: Connection, profile: CameraProfile, max_bytes: int = MAX_PAYLOAD_BYTES
) -> None:
    """Serve a pipe: `Wanted` → offer; answer → True; None ends."""
    frames = clip.video_frames(profile)
    video = packetise_video(frames, profile.frame_rate, max_bytes)
    uvloop.run(_serve(pipe, video))


async def _serve(pipe: Connection, video: VideoPackets) -> None:
    loop = asyncio.get_running_loop()
    clip.audio_packets()
    pacer = Pacer(loop)
    certificate = Certificate.generate()
    transports: list[LiteTransport] = []
    done = asyncio.Event()

    def readable() -> None:
        message = pipe.recv()
        if message is None:
            done.set()
        elif isinstance(message, str):
            transports[-1].take_answer(message)
            pipe.send(True)
        else:
            transport = LiteTransport(
                pacer,
                certificate,
                wanted=message,
                video=video,
                seed=len(transports),
            )
            transports.append(transport)
            pipe.send(transport.offer())

    loop.add_reader(pipe.fileno(), readable)
    await done.wait()
    pacer.close()
    for transport in transports:
        loop.remove_reader(transport.socket.fileno())
        transport.socket.close()
