"""Streams that are received: statistics from headers, decryption only where it must be.

`packet` is called once for each RTP packet that lies in `srtp.workspace`, straight from
the socket's callback. In SRTP the header is in clear, so the common case costs no
cryptography: video is decrypted until its first complete key frame (time to first
frame), while a new key frame is awaited, and on every hundredth packet, so that packets
that are not authentic are noticed; audio on its first packet and every hundredth.
"""

from typing import Any

from bots.media import rtcp, rtp
from bots.media.arrivals import Noted
from bots.media.decoding import AudioDecoder, VideoDecoder
from bots.media.frames import FrameAssembly
from bots.media.quality import (
    MAX_DROPOUT,
    FreezeMeter,
    Reception,
    StreamCounters,
    fraction_lost,
)
from bots.media.srtp import SrtpReceiver, workspace
from bots.models import Depth, Media

SAMPLE_EVERY = 100
"""Of depth `light`: the others open every packet."""


class ReceiveStream:
    """One SSRC that is received."""

    def __init__(
        self,
        receiver: SrtpReceiver,
        *,
        media: Media,
        ssrc: int,
        clock_hz: int,
        tag_bytes: int,
        has_nack: bool,
        wide_id: int,
        arrivals: Noted,
        depth: Depth = "light",
    ) -> None:
        """`arrivals` collects the session's transport-wide numbers."""
        self.media: Media = media
        self.ssrc = ssrc
        self.reception = Reception(clock_hz)
        self.assembly = FrameAssembly(has_nack=has_nack) if media != "audio" else None
        self.meter = FreezeMeter()
        self.first_s: float | None = None
        """When the first packet (audio) or complete key frame (video) had come."""
        self.heard_s = 0.0
        self.auth_failures = 0
        self.duplicates = 0
        self.rtt_s: float | None = None
        self._depth: Depth = depth
        self._open_every = SAMPLE_EVERY if depth == "light" else 1
        self._video = self._audio = None
        if depth == "decode":
            self._video = VideoDecoder() if media != "audio" else None
            self._audio = AudioDecoder() if media == "audio" else None
        self._receiver = receiver
        self._tag_bytes = tag_bytes
        self._wide_id = wide_id
        self._wide_at = 0
        self._wide_byte = wide_id << 4 | 1
        """The header of the element with the transport-wide number (RFC 8285 4.2)."""
        self._note = arrivals.note
        self._reported = (0, 0)
        self._last_sr = 0
        self._last_sr_s = 0.0
        self._taken: tuple[Any, ...] = (0,) * 12

    def packet(
        self, second: int, sequence: int, timestamp: int, size: int, now_s: float
    ) -> bool:
        """Take the packet in the workspace; return whether `wishes` should be asked.

        `second` is the second byte of the header: marker bit and payload type.
        """
        if sequence % self._open_every == 0 or self.first_s is None:
            return self._opened(second, sequence, timestamp, size, now_s)
        self.heard_s = now_s
        distance = self.reception.packet(
            sequence, timestamp, size - self._tag_bytes, now_s
        )
        at = self._wide_at
        if at and workspace[at - 1] == self._wide_byte and workspace[0] & 0x10:
            self._note(workspace[at] << 8 | workspace[at + 1], now_s)
        elif self._wide_id:
            self._note_arrival(size, now_s)
        assembly = self.assembly
        if assembly is None:
            return False
        if distance == 1 and assembly.is_smooth:
            if second > 127:
                assembly.in_order(True)
                self.meter.frame(now_s)
            else:
                assembly.in_order(False)
            return False
        return self._out_of_order(second, sequence, distance, size, now_s)

    def wishes(self, now_s: float, own_ssrc: int) -> bytes:
        """Return the NACK and PLI that are due now, b"" if none."""
        if self.assembly is None:
            return b""
        wanted = self.assembly.resend_wanted(now_s)
        text = rtcp.build_nack(own_ssrc, self.ssrc, wanted) if wanted else b""
        if self.assembly.key_frame_wanted(now_s):
            text += rtcp.build_picture_loss(own_ssrc, self.ssrc)
        return text

    @property
    def has_wishes(self) -> bool:
        """Whether `wishes` is to be asked soon, not only once a second."""
        return self.assembly is not None and (
            self.assembly.has_gaps or self.assembly.awaits_key_frame
        )

    def heard_sender_report(self, report: rtcp.SenderReport, now_s: float) -> None:
        """Remember the other side's clock, to be sent back."""
        self._last_sr = rtcp.compact_ntp(report.ntp_timestamp)
        self._last_sr_s = now_s

    def report_block(self, now_s: float) -> bytes:
        """Return the report block about this stream and begin a new interval."""
        reception = self.reception
        expected, received = reception.expected, reception.received
        before_expected, before_received = self._reported
        self._reported = (expected, received)
        since_sr = int((now_s - self._last_sr_s) * 65536) if self._last_sr else 0
        return rtcp.build_report_block(
            self.ssrc,
            fraction_lost(expected - before_expected, received - before_received),
            expected - received,
            max(0, reception.highest),
            reception.jitter_ticks,
            self._last_sr,
            since_sr,
        )

    def take(self, now_s: float) -> StreamCounters:
        """Return the counters since the last call."""
        reception, assembly = self.reception, self.assembly
        expected = reception.expected
        now = (
            reception.received,
            reception.bytes,
            expected,
            expected - reception.received,
            self.meter.frames if assembly is not None else reception.received,
            assembly.nacks if assembly is not None else 0,
            assembly.plis if assembly is not None else 0,
            assembly.key_frames if assembly is not None else 0,
            self.auth_failures,
            reception.gaps,
            self._decoded,
            self._audio.concealed_s if self._audio is not None else 0.0,
        )
        (
            packets,
            size,
            new,
            lost,
            frames,
            nacks,
            plis,
            key_frames,
            failures,
            bursts,
            decoded,
            concealed_s,
        ) = (value - before for value, before in zip(now, self._taken, strict=True))
        self._taken = now
        freezes = self.meter.take(now_s)
        return StreamCounters(
            direction="in",
            media=self.media,
            ssrc=self.ssrc,
            packets=packets,
            bytes=size,
            expected=new,
            lost=lost,
            first_sequence=reception.first,
            last_sequence=reception.highest if reception.first is not None else None,
            jitter_s=reception.jitter_s if reception.received > 1 else None,
            rtt_s=self.rtt_s,
            frames=frames,
            freezes=freezes.count,
            frozen_s=freezes.frozen_s,
            watched_s=freezes.watched_s,
            nacks=nacks,
            plis=plis,
            key_frames=key_frames,
            auth_failures=failures,
            depth=self._depth,
            lost_bursts=bursts,
            decoded_frames=decoded if self._depth == "decode" else None,
            concealed_s=concealed_s if self._audio is not None else None,
            one_way_delay_s=reception.one_way_delay_s,
        )

    @property
    def _decoded(self) -> int:
        decoder = self._video or self._audio
        return decoder.frames if decoder is not None else 0

    def _opened(
        self, second: int, sequence: int, timestamp: int, size: int, now_s: float
    ) -> bool:
        """Take a packet that is decrypted and authenticated first."""
        replays = self._receiver.replays
        packet = self._receiver.unprotect(workspace[:size])
        if packet is None:
            if self._receiver.replays > replays:
                self.duplicates += 1
            else:
                self.auth_failures += 1
            return False
        self.heard_s = now_s
        distance = self.reception.packet(
            sequence, timestamp, size - self._tag_bytes, now_s
        )
        if self._wide_id:
            self._note_arrival(size, now_s)
        if self.assembly is None:
            if self.first_s is None:
                self.first_s = now_s
            if self._audio is not None:
                if distance == MAX_DROPOUT:
                    self._audio.restart()
                highest = self.reception.highest
                self._audio.packet(rtp.extend_sequence(sequence, highest), packet)
            return False
        if distance == 1 and self.assembly.is_smooth:
            self.assembly.in_order(second > 127)
            if self._video is not None:
                self._video.packet(self.reception.highest, packet, second > 127)
            if second > 127:
                self.meter.frame(now_s)
                if self._video is not None:
                    self._video.whole(
                        self.assembly.key_sequence, self.assembly.next_sequence
                    )
            return False
        return self._ordered(packet, second, sequence, distance, now_s)

    def _out_of_order(
        self, second: int, sequence: int, distance: int, size: int, now_s: float
    ) -> bool:
        """Take a video packet at a gap; decrypted, since a key frame may end the gap.

        libsrtp refuses to open a packet twice, so a repeated one is taken as it is; so
        is a forged one, counted, as between two samples.
        """
        failures = self._receiver.auth_failures
        packet = self._receiver.unprotect(workspace[:size])
        if self._receiver.auth_failures > failures:
            self.auth_failures += 1
        return self._ordered(packet, second, sequence, distance, now_s)

    def _ordered(
        self,
        packet: bytes | None,
        second: int,
        sequence: int,
        distance: int,
        now_s: float,
    ) -> bool:
        assembly = self.assembly
        assert assembly is not None
        if distance == MAX_DROPOUT:
            assembly.restart()
        highest = self.reception.highest
        extended = rtp.extend_sequence(sequence, highest)
        if distance == 0 and extended != highest:
            return False  # a stray number, dropped by RFC 3550 A.1
        if (
            distance < 1
            and not assembly.awaits_key_frame
            and not assembly.is_wanted(extended)
        ):
            self.reception.received -= 1  # a duplicate would hide a loss
            self.duplicates += 1
            return assembly.has_gaps
        starts_key = packet is not None and _starts_key_frame(packet)
        whole = assembly.packet(extended, second > 127, starts_key, now_s)
        for _ in range(whole):
            self.meter.frame(now_s)
            if self.first_s is None:
                self.first_s = now_s
        if self._video is not None and packet is not None:
            if assembly.awaits_key_frame and not assembly.in_key_frame:
                self._video.forget()
            else:
                self._video.packet(extended, packet, second > 127)
                if whole:
                    self._video.whole(assembly.key_sequence, assembly.next_sequence)
        return assembly.has_gaps or assembly.awaits_key_frame

    def _note_arrival(self, size: int, now_s: float) -> None:
        """Find the transport-wide number, note it and where it stands."""
        try:
            found = rtp.find_extension(workspace[:size], self._wide_id)
        except ValueError:
            return
        if found is None or found[1] != 2:
            return
        at = self._wide_at = found[0]
        self._note(workspace[at] << 8 | workspace[at + 1], now_s)


def _starts_key_frame(packet: bytes) -> bool:
    try:
        begin = rtp.header_length(packet)
        return rtp.parse_vp8_descriptor(packet, begin).is_key_frame
    except ValueError:
        return False
