"""One media transport: ICE, DTLS, SRTP and the streams on it, one or many.

bbb-webrtc-sfu carries one stream a transport, LiveKit many on two; a session follows
its description and assumes neither. Signalling stays outside: texts go in and out of
`answer`, `offer` and `accept`. No thread, no codec, no queue: what arrives is taken in
the socket's own callback, what leaves is due on the process's pacer.
"""

import asyncio
import contextlib
import random
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Literal, Protocol

from bots.errors import ClusterError, StepTimeout
from bots.media import ice, packets, rtp, sdp
from bots.media.dtls import Certificate, DtlsSession
from bots.media.pacer import Pacer
from bots.media.quality import StreamCounters
from bots.media.receiving import ReceiveStream
from bots.media.reporting import Reporter
from bots.media.sending import AudioStream, Outlet, SendStream, VideoStream
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from bots.models import CameraProfile, IceServer, Media, PathTaken

MAX_STREAMS = 256
"""Received SSRCs of one session; more are not followed."""
FIRST_FLIGHT_S = 0.05
"""A ClientHello is sent again this soon, then at doubled intervals: the server may not
have our description yet, and DTLS itself would wait a second (RFC 6347 4.2.4.1)."""
LAST_FLIGHT_S = 0.8

_TAG_BYTES = {"AES_CM_128_HMAC_SHA1_80": 10, "AEAD_AES_128_GCM": 16}
_HEADER = Struct("!BBHII")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSpec:
    """One stream that a participant sends."""

    media: Media
    profile: CameraProfile | None = None
    """None: BBB's medium camera, or the screen profile of `clip.py`."""
    talks: bool = True
    """Audio: speech from the beginning; else silence until `set_talking`."""
    seed: int = 0
    """Where in the clip and in the packet interval the stream begins."""


class Plane(Protocol):
    """What a session needs of its plane."""

    certificate: Certificate
    local_address: str | None
    unix_offset_s: float

    @property
    def pacer(self) -> Pacer:
        """The clock of all senders."""

    def spawn(self, session: "MediaSession") -> asyncio.Task[None]:
        """Run `session.establish` in the plane's task group."""

    async def video(self, spec: SendSpec) -> packets.VideoPackets:
        """Return the clip for a camera or screen."""

    async def audio(self) -> packets.AudioPackets:
        """Return the speech clip."""

    def forget(self, session: "MediaSession") -> None:
        """The session is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Incoming:
    """What a section of the description says about a stream that may come."""

    media: Media
    clock_hz: int
    payload_type: int
    has_nack: bool
    wide_id: int


class MediaSession:
    """One transport with its streams; made by `MediaPlane.session`."""

    def __init__(self, plane: Plane, ice_servers: tuple[IceServer, ...] = ()) -> None:
        self._plane = plane
        self._ice_servers = ice_servers
        self._credentials = ice.make_credentials()
        self._cname = secrets.token_urlsafe(12)
        self._session_id = secrets.randbits(62)
        self._own_ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._receives: tuple[Media, ...] = ()
        self._sections: tuple[sdp.MediaSection, ...] = ()
        self._path: ice.Path | None = None
        self._dtls: DtlsSession | None = None
        self._receiver: SrtpReceiver | None = None
        self._outlet = Outlet(plane.pacer)
        self._senders: list[SendStream] = []
        self._streams: dict[int, ReceiveStream] = {}
        self._by_ssrc: dict[int, _Incoming] = {}
        self._by_payload_type: dict[int, _Incoming] = {}
        self._arrivals: list[tuple[int, float]] = []
        self._reporter: Reporter | None = None
        self._tag_bytes = 10
        self._task: asyncio.Task[None] | None = None
        self._step = "ice"
        self._error: Exception | None = None
        self._established = asyncio.Event()
        self._dtls_moved = asyncio.Event()
        self._first_moved = asyncio.Event()
        self._heard_dtls = False
        self._early_dtls: list[bytes] = []
        self._forged = 0
        self._failure = ""
        self._is_closed = False

    # -- descriptions --------------------------------------------------------------

    async def answer(
        self,
        offer_sdp: str,
        *,
        sends: tuple[SendSpec, ...] = (),
        receives: tuple[Media, ...] = (),
    ) -> str:
        """Take the server's offer, begin to connect and return our answer.

        `receives` names the offered video sections in order, where they are screens;
        without it they are cameras.

        Raises:
            ClusterError: the offer cannot be read, or has no place for what we send.
        """
        remote = _parsed(offer_sdp)
        self._receives = receives
        waiting = list(sends)
        sections: list[sdp.MediaSection] = []
        for offered in remote.sections:
            spec = None
            if sdp.may_send(sdp.reverse(offered.direction)):
                spec = next(
                    (s for s in waiting if _kind(s.media) == offered.kind), None
                )
            if spec is not None:
                waiting.remove(spec)
            section = sdp.answer_section(
                offered,
                ssrc=self._own_ssrc if not sections else _random_ssrc(),
                cname=self._cname,
                track=_track(is_passive=spec is None),
            )
            sections.append(section)
            if spec is not None and section.port:
                await self._add_sender(spec, section, len(remote.sections))
        if waiting:
            raise ClusterError(
                f"the server's offer has no place for our {waiting[0].media}",
                code="no m-line",
            )
        self._sections = tuple(sections)
        self._expect(remote.sections)
        candidates = await self._choose_path(remote, is_offerer=False)
        is_server = remote.setup == "active"
        self._start(remote, is_dtls_server=is_server)
        return self._written("passive" if is_server else "active", candidates)

    async def offer(
        self,
        *,
        sends: tuple[SendSpec, ...] = (),
        receives: tuple[Media, ...] = (),
    ) -> str:
        """Return our offer; nothing is opened before `accept`."""
        self._receives = receives
        waiting = list(receives)
        sections: list[sdp.MediaSection] = []
        for spec in sends:
            kind = _kind(spec.media)
            both = next((media for media in waiting if _kind(media) == kind), None)
            if kind == "audio" and both is not None:
                waiting.remove(both)
            section = sdp.offer_section(
                kind,
                mid=str(len(sections)),
                direction=(
                    "sendrecv" if kind == "audio" and both is not None else "sendonly"
                ),
                ssrc=self._own_ssrc if not sections else _random_ssrc(),
                cname=self._cname,
                track=_track(is_passive=False),
            )
            sections.append(section)
            await self._add_sender(spec, section, len(sends) + len(receives))
        sections.extend(
            sdp.offer_section(
                _kind(media),
                mid=str(len(sections) + index),
                direction="recvonly",
                ssrc=self._own_ssrc,
                cname=self._cname,
                track="",
            )
            for index, media in enumerate(waiting)
        )
        if not sections:
            raise ValueError("an offer needs something to send or to receive")
        self._sections = tuple(sections)
        return self._written("actpass", ())

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's answer to our offer and begin to connect.

        Raises:
            ClusterError: the answer cannot be read or rejects what we offered.
        """
        remote = _parsed(answer_sdp)
        if len(remote.sections) != len(self._sections):
            raise ClusterError(
                f"the server answered {len(remote.sections)} of "
                f"{len(self._sections)} m-lines",
                code="bad sdp",
            )
        for ours, theirs in zip(self._sections, remote.sections, strict=True):
            wanted = sdp.may_send(ours.direction)
            if wanted and (not theirs.port or not sdp.may_receive(theirs.direction)):
                raise ClusterError(
                    f"the server does not take our {ours.kind}", code="rejected"
                )
            for sender in self._senders:
                if (sender.ssrc, self._cname) in ours.ssrcs:
                    sender.negotiated(
                        _payload_type(theirs), rtp.extension_ids(theirs.extensions)
                    )
        self._expect(remote.sections)
        await self._choose_path(remote, is_offerer=True)
        self._start(remote, is_dtls_server=remote.setup == "active")

    # -- life ----------------------------------------------------------------------

    async def connected(self, timeout_s: float) -> PathTaken:
        """Wait until media can flow both ways and return the path taken.

        Raises:
            StepTimeout: with code `ice` or `dtls`.
            ClusterError: the transport failed, such as by a fingerprint mismatch.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._established.wait()
        except TimeoutError:
            raise StepTimeout(
                f"{self._step} was not done within {timeout_s:g} s", code=self._step
            ) from None
        if self._error is not None:
            raise self._error
        assert self._path is not None
        return PathTaken(
            candidate_type=self._path.candidate_type,
            remote_address=self._path.remote_address,
        )

    async def first(self, media: Media, timeout_s: float) -> float:
        """Return the monotonic time at which media of this kind first came.

        Audio: the first packet; video: the first complete key frame. Any received
        stream of the kind counts; `camera` and `screen` are told apart only where both
        are received.

        Raises:
            StepTimeout: with code `first audio` or `first frame`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._first_moved.clear()
                    found = [
                        stream.first_s
                        for stream in self._matching(media)
                        if stream.first_s is not None
                    ]
                    if found:
                        return min(found)
                    await self._first_moved.wait()
        except TimeoutError:
            step = "first audio" if media == "audio" else "first frame"
            raise StepTimeout(
                f"no {media} came within {timeout_s:g} s", code=step
            ) from None

    def set_talking(self, talking: bool) -> None:
        """Send speech, or packets of silence."""
        for sender in self._senders:
            if isinstance(sender, AudioStream):
                sender.is_talking = talking

    def set_sending(self, sending: bool) -> None:
        """Send media, or nothing but RTCP."""
        for sender in self._senders:
            sender.is_sending = sending

    def take_samples(self) -> tuple[StreamCounters, ...]:
        """Return what each stream did since the last call."""
        now_s = time.monotonic()
        rtt_s = self._rtt_s()
        for stream in self._streams.values():
            stream.rtt_s = rtt_s
        return (
            *(sender.take() for sender in self._senders),
            *(stream.take(now_s) for stream in self._streams.values()),
        )

    @property
    def failure(self) -> str:
        """Why the transport no longer works; "" while it does."""
        if self._failure:
            return self._failure
        if self._path is not None and self._path.failure:
            return self._path.failure
        if self._reporter is not None and self._reporter.is_silent:
            return "rtcp silent"
        return ""

    async def close(self) -> None:
        """Say goodbye and close the socket; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
        for sender in self._senders:
            sender.end()
        if self._reporter is not None:
            if self._outlet.is_open:
                self._outlet.send_rtcp(self._reporter.goodbye(time.monotonic()))
            self._reporter.end()
        self._outlet.close()
        if self._dtls is not None and self._path is not None:
            self._send_flight(self._dtls.close())
        if self._path is not None:
            await self._path.close()
        self._plane.forget(self)

    # -- establishing --------------------------------------------------------------

    async def establish(self) -> None:
        """Run ICE and DTLS; errors are kept for `connected`. Run by the plane."""
        try:
            await self._establish()
        except Exception as error:  # kept for `connected`, which raises it
            self._error = error
            self._failure = self._failure or f"{self._step}: {error}"
        finally:
            self._established.set()

    async def _establish(self) -> None:
        assert self._path is not None
        assert self._dtls is not None
        await self._path.connect()
        self._step = "dtls"
        first_flight = self._dtls.start()
        self._send_flight(first_flight)
        for datagram in self._early_dtls:
            self._receive_dtls(datagram)
        again_s = FIRST_FLIGHT_S
        while self._dtls.state == "connecting":
            self._dtls_moved.clear()
            timer_s = self._dtls.timeout_s()
            wait_s = 1.0 if timer_s is None else max(0.005, timer_s)
            if first_flight and not self._heard_dtls:
                wait_s = min(wait_s, again_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._dtls_moved.wait()
                    continue
            if first_flight and not self._heard_dtls and wait_s == again_s:
                again_s = min(LAST_FLIGHT_S, 2 * again_s)
                self._send_flight(first_flight)
            else:
                self._send_flight(self._dtls.handle_timeout())
        if self._dtls.state != "connected":
            reason = self._dtls.failure or "closed during the handshake"
            raise ClusterError(f"dtls failed: {reason}", code=reason)

    def _start(self, remote: sdp.Description, *, is_dtls_server: bool) -> None:
        self._dtls = DtlsSession(
            self._plane.certificate,
            is_server=is_dtls_server,
            remote_fingerprints=remote.fingerprints,
        )
        self._task = self._plane.spawn(self)

    def _secure(self) -> None:
        """Begin to send and to read as soon as there are keys."""
        assert self._dtls is not None
        assert self._path is not None
        keys = self._dtls.keys
        if keys is None or self._receiver is not None:
            return
        self._tag_bytes = _TAG_BYTES[keys.profile]
        self._receiver = SrtpReceiver(keys)
        self._outlet.open(SrtpSender(keys), self._path.send)
        now_s = time.monotonic()
        for sender in self._senders:
            sender.begin(now_s)
        sections = self._by_payload_type.values()
        feedback = {
            entry
            for section in self._sections
            for codec in section.codecs
            for entry in codec.feedback
            if section.kind == "video" and sdp.may_receive(section.direction)
        }
        has_wide = any(section.wide_id for section in sections)
        self._reporter = Reporter(
            self._outlet,
            senders=self._senders,
            streams=self._streams,
            arrivals=self._arrivals,
            own_ssrc=self._own_ssrc,
            cname=self._cname,
            has_reference_time="rrtr" in feedback,
            has_transport_feedback="transport-cc" in feedback and has_wide,
            has_estimate="goog-remb" in feedback
            and not ("transport-cc" in feedback and has_wide),
            has_video_in=any(section.media != "audio" for section in sections),
            unix_offset_s=self._plane.unix_offset_s,
            tick=self._tick,
            rng=random.Random(self._own_ssrc),
        )
        self._reporter.begin(now_s)

    # -- receiving -----------------------------------------------------------------

    def _receive(self, size: int) -> None:
        """Take the datagram that lies in the workspace; the hot path."""
        if size < 12:
            if self._receiver is not None and rtp.is_rtcp(workspace[:size]):
                self._receive_rtcp(size)
            return
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(workspace)
        if first < 128 or first > 191:
            if 20 <= first <= 63:
                self._receive_dtls(bytes(workspace[:size]))
            return
        if 192 <= second <= 223:
            self._receive_rtcp(size)
            return
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._new_stream(ssrc, second & 0x7F)
            if stream is None:
                return
        now_s = time.monotonic()
        self._plane.pacer.received_packets += 1
        if stream.first_s is None:
            if stream.packet(second, sequence, timestamp, size, now_s):
                self._wish(stream, now_s)
            if stream.first_s is not None:
                self._first_moved.set()
            elif not stream.reception.received:
                del self._streams[ssrc]  # its first packet was not authentic
                self._forged += 1
        elif stream.packet(second, sequence, timestamp, size, now_s):
            self._wish(stream, now_s)

    def _new_stream(self, ssrc: int, payload_type: int) -> ReceiveStream | None:
        if self._receiver is None or len(self._streams) >= MAX_STREAMS:
            return None
        expected = self._by_ssrc.get(ssrc) or self._by_payload_type.get(payload_type)
        if expected is None or expected.payload_type != payload_type:
            return None
        stream = self._streams[ssrc] = ReceiveStream(
            self._receiver,
            media=expected.media,
            ssrc=ssrc,
            clock_hz=expected.clock_hz,
            tag_bytes=self._tag_bytes,
            has_nack=expected.has_nack,
            wide_id=expected.wide_id,
            arrivals=self._arrivals,
        )
        return stream

    def _receive_rtcp(self, size: int) -> None:
        if self._receiver is None or self._reporter is None:
            return
        compound = self._receiver.unprotect_rtcp(workspace[:size])
        if compound is not None:
            self._reporter.receive(compound, time.monotonic())

    def _receive_dtls(self, datagram: bytes) -> None:
        if self._dtls is None:
            return
        if self._step == "ice":  # the path does not send yet; a flight has few of them
            if len(self._early_dtls) < 16:
                self._early_dtls.append(datagram)
            return
        self._heard_dtls = True
        self._send_flight(self._dtls.receive(datagram))
        if self._dtls.state == "connected":
            self._secure()
        elif self._dtls.state == "closed" and not self._is_closed:
            self._failure = self._failure or "dtls closed"
            self._outlet.close()
        self._dtls_moved.set()

    def _wish(self, stream: ReceiveStream, now_s: float) -> None:
        if self._reporter is not None:
            self._reporter.send_wishes(stream, now_s)

    # -- small things --------------------------------------------------------------

    def _send_flight(self, datagrams: list[bytes]) -> None:
        assert self._path is not None
        for datagram in datagrams:
            with contextlib.suppress(OSError):  # DTLS sends again what is lost
                self._path.send(datagram)

    def _tick(self, now_s: float) -> None:
        """Look after the path; called by the reporter on every turn."""
        if self._path is None or self._reporter is None:
            return
        heard_s = self._reporter.heard_s
        for stream in self._streams.values():
            heard_s = max(heard_s, stream.heard_s)
        self._path.tick(now_s, heard_s)
        if self._path.failure:
            self._outlet.close()  # RFC 7675: nothing more is sent without consent

    def _rtt_s(self) -> float | None:
        if self._reporter is not None and self._reporter.rtt_s is not None:
            return self._reporter.rtt_s
        return self._path.rtt_s if self._path is not None else None

    def _matching(self, media: Media) -> Iterator[ReceiveStream]:
        """Yield the received streams that `first` may mean."""
        exact = [s for s in self._streams.values() if s.media == media]
        if exact or media == "audio":
            yield from exact
        else:
            yield from (s for s in self._streams.values() if s.media != "audio")

    async def _add_sender(
        self, spec: SendSpec, section: sdp.MediaSection, section_count: int
    ) -> None:
        rng = random.Random(spec.seed)
        ssrc = section.ssrcs[0][0]
        extensions = rtp.extension_ids(section.extensions)
        payload_type = _payload_type(section)
        mid = section.mid if section_count > 1 else ""
        if spec.media == "audio":
            audio = AudioStream(
                self._outlet,
                await self._plane.audio(),
                ssrc=ssrc,
                payload_type=payload_type,
                extensions=extensions,
                mid=mid,
                rng=rng,
            )
            audio.is_talking = spec.talks
            self._senders.append(audio)
        else:
            video = VideoStream(
                self._outlet,
                await self._plane.video(spec),
                media=spec.media,
                ssrc=ssrc,
                payload_type=payload_type,
                extensions=extensions,
                mid=mid,
                rng=rng,
            )
            self._senders.append(video)

    def _expect(self, remote: tuple[sdp.MediaSection, ...]) -> None:
        """Note what may arrive, by SSRC where announced and by payload type."""
        videos = [media for media in self._receives if media != "audio"]
        for ours, theirs in zip(self._sections, remote, strict=True):
            if not theirs.port or not sdp.may_send(theirs.direction) or not ours.codecs:
                continue
            media: Media = "audio"
            if theirs.kind == "video":
                is_screen = theirs.content == "slides"
                fallback: Media = "screen" if is_screen else "camera"
                media = videos.pop(0) if videos else fallback
            codec = ours.codecs[0]
            expected = _Incoming(
                media=media,
                clock_hz=codec.clock_hz,
                payload_type=_payload_type(theirs, codec.name),
                has_nack="nack" in codec.feedback,
                wide_id=rtp.extension_ids(theirs.extensions).transport_sequence,
            )
            self._by_payload_type.setdefault(expected.payload_type, expected)
            for ssrc, _ in theirs.ssrcs:
                self._by_ssrc[ssrc] = expected

    async def _choose_path(
        self, remote: sdp.Description, *, is_offerer: bool
    ) -> tuple[sdp.Candidate, ...]:
        """Make the path; return our candidates, which only full ICE needs to know."""
        if remote.is_ice_lite:
            self._path = ice.LightPath(
                local=self._credentials,
                remote=remote,
                receive=self._receive,
                local_address=self._plane.local_address,
            )
            return ()
        full = ice.FullPath(
            local=self._credentials,
            is_controlling=is_offerer,
            receive=self._receive,
            addresses=_local_addresses(remote, self._plane.local_address),
            servers=self._ice_servers,
        )
        self._path = full
        candidates = await full.gather()
        await full.set_remote(remote)
        return candidates

    def _written(self, setup: str, candidates: tuple[sdp.Candidate, ...]) -> str:
        return sdp.write(
            sdp.Description(
                sections=self._sections,
                ice=self._credentials,
                fingerprints=(
                    ("sha-256", self._plane.certificate.fingerprint("sha-256")),
                ),
                setup=setup,
                candidates=candidates,
            ),
            session_id=self._session_id,
        )


def _local_addresses(remote: sdp.Description, local: str | None) -> list[str]:
    """Return the addresses that lead to the server's candidates, or the one told."""
    if local is not None:
        return [local]
    found = {
        ice.local_address_towards(candidate.address)
        for candidate in ice.usable_candidates(remote)
    }
    return sorted(address for address in found if address is not None)


def _parsed(text: str) -> sdp.Description:
    try:
        return sdp.parse(text)
    except ValueError as error:
        raise ClusterError(
            f"the server's description cannot be read: {error}", code="bad sdp"
        ) from error


def _kind(media: Media) -> Literal["audio", "video"]:
    return "audio" if media == "audio" else "video"


def _payload_type(section: sdp.MediaSection, name: str = "") -> int:
    codec = section.codec(name or ("opus" if section.kind == "audio" else "VP8"))
    if codec is None:
        raise ClusterError(
            f"the server's description has no codec of ours for {section.kind}",
            code="no codec",
        )
    return codec.payload_type


def _random_ssrc() -> int:
    return secrets.randbelow(0xFFFFFFFE) + 1


def _track(*, is_passive: bool) -> str:
    stream = "-" if is_passive else str(uuid.uuid4())
    return f"{stream} {uuid.uuid4()}"
