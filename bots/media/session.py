"""One media session: a transport and the streams on it, one or many.

bbb-webrtc-sfu carries one stream a transport, LiveKit many on two; a session follows
its description and assumes neither. Signalling stays outside. No thread, no codec, no
queue: packets are taken in the socket's callback and sent by the process's pacer.
"""

import asyncio
import random
import secrets
import time
from typing import Protocol

from bots.errors import StepTimeout
from bots.media import rtp, sdp
from bots.media.audio_stream import AudioStream
from bots.media.dtls import SrtpKeys
from bots.media.lanes import make_arrivals, make_stream
from bots.media.negotiation import (
    Incoming,
    SendSpec,
    Slot,
    check_answer,
    incoming,
    payload_type,
    read_description,
    slots_for_answer,
    slots_for_offer,
)
from bots.media.pacer import Pacer
from bots.media.quality import StreamCounters
from bots.media.receiving import ReceiveStream
from bots.media.reporting import Reporter
from bots.media.secure import Origin, SecureTransport
from bots.media.senders import Clips, make_sender
from bots.media.sending import Outlet, SendStream
from bots.media.silence import Silence
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from bots.media.video_stream import VideoStream
from bots.models import CameraProfile, Depth, IceServer, Media, PathTaken

__all__ = ["MediaSession", "Plane", "SendSpec"]

MAX_STREAMS = 256
"""Received SSRCs of one session; more are not followed."""


class Plane(Clips, Origin, Protocol):
    """What a session needs of its plane."""

    unix_offset_s: float

    @property
    def pacer(self) -> Pacer:
        """The clock of all senders."""

    def spawn(self, session: "MediaSession") -> asyncio.Task[None]:
        """Run `session.establish` in the plane's task group."""

    def forget(self, session: "MediaSession") -> None:
        """The session is closed."""


class MediaSession:
    """One transport with its streams; made by `MediaPlane.session`."""

    def __init__(
        self,
        plane: Plane,
        ice_servers: tuple[IceServer, ...] = (),
        depth: Depth = "light",
    ) -> None:
        self._plane = plane
        self._transport = SecureTransport(
            plane,
            servers=ice_servers,
            receive=self._receive,
            secured=self._secured,
            lost=self._stop_media,
        )
        self._cname = secrets.token_urlsafe(12)
        self._session_id = secrets.randbits(62)
        self._own_ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._receives: tuple[Media, ...] = ()
        self._sections: tuple[sdp.MediaSection, ...] = ()
        self._receiver: SrtpReceiver | None = None
        self._outlet = Outlet(plane.pacer)
        self._senders: list[SendStream] = []
        self._streams: dict[int, ReceiveStream] = {}
        self._by_ssrc: dict[int, Incoming] = {}
        self._by_payload_type: dict[int, Incoming] = {}
        self._arrivals = make_arrivals()
        self._reporter: Reporter | None = None
        self._silence = Silence()
        self._depth: Depth = depth
        self._task: asyncio.Task[None] | None = None
        self._first_moved = asyncio.Event()
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
        remote = read_description(offer_sdp)
        slots = slots_for_answer(remote, sends, ssrc=self._own_ssrc, cname=self._cname)
        await self._take_slots(slots)
        self._expect(remote, receives)
        candidates = await self._transport.prepare(remote, is_offerer=False)
        self._task = self._plane.spawn(self)
        setup = "passive" if remote.setup == "active" else "active"
        return self._written(setup, candidates)

    async def offer(
        self,
        *,
        sends: tuple[SendSpec, ...] = (),
        receives: tuple[Media, ...] = (),
    ) -> str:
        """Return our offer; nothing is opened before `accept`."""
        if not sends and not receives:
            raise ValueError("an offer needs something to send or to receive")
        self._receives = receives
        slots = slots_for_offer(sends, receives, ssrc=self._own_ssrc, cname=self._cname)
        await self._take_slots(slots)
        return self._written("actpass", ())

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's answer to our offer and begin to connect.

        Raises:
            ClusterError: the answer cannot be read or rejects what we offered.
        """
        remote = read_description(answer_sdp)
        check_answer(self._sections, remote.sections)
        by_ssrc = {sender.ssrc: sender for sender in self._senders}
        for ours, theirs in zip(self._sections, remote.sections, strict=True):
            for ssrc, _ in ours.ssrcs:
                if ssrc in by_ssrc:
                    by_ssrc[ssrc].negotiated(
                        payload_type(theirs), rtp.extension_ids(theirs.extensions)
                    )
        self._expect(remote, self._receives)
        await self._transport.prepare(remote, is_offerer=True)
        self._task = self._plane.spawn(self)

    # -- life ----------------------------------------------------------------------

    async def connected(self, timeout_s: float) -> PathTaken:
        """Wait until media can flow both ways and return the path taken.

        Raises:
            StepTimeout: with code `ice`, `dtls` or `no relay candidate`.
            ClusterError: the transport failed, such as by a fingerprint mismatch.
        """
        return await self._transport.wait(timeout_s)

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
                    streams = list(self._streams.values())
                    exact = [s for s in streams if s.media == media]
                    if media != "audio" and not exact:
                        exact = [s for s in streams if s.media != "audio"]
                    found = [s.first_s for s in exact if s.first_s is not None]
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

    async def set_camera(self, profile: CameraProfile) -> None:
        """Send the camera in another profile of the same frame rate from now on."""
        clip = await self._plane.video(SendSpec(media="camera", profile=profile))
        for sender in self._senders:
            if isinstance(sender, VideoStream) and sender.media == "camera":
                sender.play(clip)

    def take_samples(self) -> tuple[StreamCounters, ...]:
        """Return what each stream did since the last call."""
        now_s = time.monotonic()
        rtt_s = self._reporter.rtt_s if self._reporter is not None else None
        if rtt_s is None:
            rtt_s = self._transport.rtt_s
        for stream in self._streams.values():
            stream.rtt_s = rtt_s
        return (
            *(sender.take() for sender in self._senders),
            *(stream.take(now_s) for stream in self._streams.values()),
        )

    @property
    def failure(self) -> str:
        """Why the transport no longer works; "" while it does."""
        is_rtcp = self._reporter is not None and self._reporter.is_silent
        of_media = self._silence.failure or ("rtcp silent" if is_rtcp else "")
        return self._transport.failure or of_media

    async def close(self) -> None:
        """Say goodbye and close the socket; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
        if self._reporter is not None and self._outlet.is_open:
            self._outlet.send_rtcp(self._reporter.goodbye(time.monotonic()))
        self._stop_media()
        await self._transport.close()
        self._plane.forget(self)

    async def establish(self) -> None:
        """Connect, in the plane's task group."""
        await self._transport.establish()

    # -- media begins and ends -----------------------------------------------------

    def _secured(self, keys: SrtpKeys) -> None:
        """Begin to send and to read as soon as there are keys."""
        self._receiver = SrtpReceiver(keys)
        transport = self._transport
        self._outlet.open(SrtpSender(keys), transport.send_now, transport.descriptor)
        now_s = time.monotonic()
        for sender in self._senders:
            sender.begin(now_s)
        feedback = {
            entry
            for section in self._sections
            for codec in section.codecs
            for entry in codec.feedback
            if section.kind == "video" and sdp.may_receive(section.direction)
        }
        expected = self._by_payload_type.values()
        is_wide = "transport-cc" in feedback and any(one.wide_id for one in expected)
        self._reporter = Reporter(
            self._outlet,
            senders=self._senders,
            streams=self._streams,
            arrivals=self._arrivals,
            own_ssrc=self._own_ssrc,
            cname=self._cname,
            has_reference_time="rrtr" in feedback,
            has_transport_feedback=is_wide,
            has_estimate="goog-remb" in feedback and not is_wide,
            has_video_in=any(one.media != "audio" for one in expected),
            unix_offset_s=self._plane.unix_offset_s,
            tick=self._tick,
            rng=random.Random(self._own_ssrc),
        )
        self._reporter.begin(now_s)

    def _tick(self, now_s: float) -> None:
        """Look after the path; called by the reporter with every look."""
        assert self._reporter is not None
        streams, reporter = self._streams.values(), self._reporter
        media_s = self._silence.look(now_s, streams, reporter.byes)
        self._transport.tick(now_s, max(reporter.heard_s, media_s))
        if self._transport.failure:
            self._stop_media()  # RFC 7675: nothing more is sent without consent

    def _stop_media(self) -> None:
        for sender in self._senders:
            sender.end()
        if self._reporter is not None:
            self._reporter.end()
        self._outlet.close()

    # -- receiving -----------------------------------------------------------------

    def _receive(self, size: int) -> None:
        """Take the datagram that lies in the workspace; the hot path."""
        if size < 12:
            if self._receiver is not None and rtp.is_rtcp(workspace[:size]):
                self._receive_rtcp(size)
            return
        first, second, sequence, timestamp, ssrc = rtp.HEADER.unpack_from(workspace)
        if first < 128 or first > 191:
            if 20 <= first <= 63:
                self._transport.receive_dtls(bytes(workspace[:size]))
            return
        if 192 <= second <= 223:
            self._receive_rtcp(size)
            return
        if self._reporter is None:
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
                self._reporter.send_wishes(stream, now_s)
            if stream.first_s is not None:
                self._first_moved.set()
            elif not (stream.reception.received or ssrc in self._by_ssrc):
                del self._streams[ssrc]  # not announced, and not authentic
                self._transport.lanes.pop(ssrc, None)
        elif stream.packet(second, sequence, timestamp, size, now_s):
            self._reporter.send_wishes(stream, now_s)

    def _new_stream(self, ssrc: int, payload_type: int) -> ReceiveStream | None:
        if self._receiver is None or len(self._streams) >= MAX_STREAMS:
            return None
        expected = self._by_ssrc.get(ssrc) or self._by_payload_type.get(payload_type)
        if expected is None or expected.payload_type != payload_type:
            return None
        stream = self._streams[ssrc] = make_stream(
            self._receiver,
            expected,
            ssrc=ssrc,
            depth=self._depth,
            arrivals=self._arrivals,
            lanes=self._transport.lanes,
            tally=self._plane.pacer.lane_packets,
        )
        return stream

    def _receive_rtcp(self, size: int) -> None:
        if self._receiver is None or self._reporter is None:
            return
        compound = self._receiver.unprotect_rtcp(workspace[:size])
        if compound is not None:
            self._reporter.receive(compound, time.monotonic())

    # -- small things --------------------------------------------------------------

    async def _take_slots(self, slots: tuple[Slot, ...]) -> None:
        """Make the senders of our m-lines."""
        self._sections = tuple(slot.section for slot in slots)
        for slot in slots:
            if slot.spec is not None:
                sender = await make_sender(
                    slot.spec,
                    slot.section,
                    outlet=self._outlet,
                    clips=self._plane,
                    is_bundled=len(slots) > 1,
                )
                self._senders.append(sender)

    def _expect(self, remote: sdp.Description, receives: tuple[Media, ...]) -> None:
        """Note what may arrive, by SSRC where announced and by payload type."""
        for expected in incoming(self._sections, remote.sections, receives):
            self._by_payload_type.setdefault(expected.payload_type, expected)
            for ssrc in expected.ssrcs:
                self._by_ssrc[ssrc] = expected

    def _written(self, setup: str, candidates: tuple[sdp.Candidate, ...]) -> str:
        return sdp.write(
            sdp.Description(
                sections=self._sections,
                ice=self._transport.credentials,
                fingerprints=(
                    ("sha-256", self._plane.certificate.fingerprint("sha-256")),
                ),
                setup=setup,
                candidates=candidates,
            ),
            session_id=self._session_id,
        )
