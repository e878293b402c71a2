"""Streams that are sent: a shared clip, numbered anew for each sender, on the pacer.

A sender writes the header and its extensions before a shared payload in
`srtp.workspace`, protects it there and sends it: no object per packet, and one call of
the compiled part (`lanes`) where the path is a plain socket. Sequence numbers
and timestamps run on over the clip's end. What audio and video have in common is here;
the two are `audio_stream` and `video_stream`.
"""

import errno
import random
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any

from bots.media import lanes, rtcp, rtp
from bots.media.pacer import LATE_S, MAX_CATCH_UP_S, NEVER, Pacer
from bots.media.quality import StreamCounters
from bots.media.srtp import SrtpSender, refusal, workspace
from bots.models import Media

_LONG = Struct("!I")
OWN_FAULTS = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
"""A full buffer of ours; what else a connected socket says is an ICMP error that an
earlier packet met, and the other side's doing."""


class Outlet:
    """Where a session's packets go: its SRTP sender and its path, once connected."""

    __slots__ = (
        "_protect",
        "_protect_rtcp",
        "_send",
        "pacer",
        "transport_sequence",
        "way",
    )

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.transport_sequence = 0
        """Last transport-wide sequence number, shared by the session's streams."""
        self.way: Any = None
        """The compiled way out, which counts these numbers itself; None without it."""
        self._protect: Callable[[int], memoryview] | None = None
        self._protect_rtcp: Callable[[bytes], memoryview] | None = None
        self._send: Callable[[memoryview | bytes], Any] | None = None

    def open(
        self,
        sender: SrtpSender,
        send: Callable[[memoryview | bytes], Any],
        descriptor: int = -1,
    ) -> None:
        """Let packets through from now on.

        `descriptor` is that of the connected socket which `send` writes to, -1 where
        there is no such; the outlet is closed before it is.
        """
        self.way = lanes.make_way(sender, descriptor)
        self._protect = sender.protect_workspace
        self._protect_rtcp = sender.protect_rtcp
        self._send = send

    def close(self) -> None:
        """Let nothing through any more."""
        self.way = self._protect = self._protect_rtcp = self._send = None

    @property
    def is_open(self) -> bool:
        """Whether packets get through."""
        return self._send is not None

    def send_workspace(self, length: int) -> None:
        """Protect and send the RTP packet in `srtp.workspace`."""
        if self._protect is None or self._send is None:
            return
        try:
            self._send(self._protect(length))
        except OSError as error:
            self.pacer.dropped_packets += error.errno in OWN_FAULTS
            return
        self.pacer.sent_packets += 1

    def send_rtcp(self, compound: bytes) -> None:
        """Protect and send RTCP packets."""
        if self.way is not None:
            status = self.way.rtcp(compound)
            if status:
                self.refused(status)
            return
        if self._protect_rtcp is None or self._send is None:
            return
        try:
            self._send(self._protect_rtcp(compound))
        except OSError as error:
            self.pacer.dropped_packets += error.errno in OWN_FAULTS

    def refused(self, status: int) -> None:
        """Take what the compiled way says of a packet that it did not send.

        Raises:
            pylibsrtp.Error: libsrtp did not protect it.
        """
        if status < 0:
            raise refusal("protect", -status)
        self.pacer.dropped_packets += status in OWN_FAULTS


class SendStream:
    """What audio and video senders have in common: numbering, counters, reports."""

    def __init__(
        self,
        outlet: Outlet,
        *,
        media: Media,
        ssrc: int,
        payload_type: int,
        clock_hz: int,
        interval_s: float,
        extensions: rtp.ExtensionIds,
        mid: str,
        rng: random.Random,
    ) -> None:
        """`mid` is sent with every packet where its extension is negotiated."""
        self.media: Media = media
        self.ssrc = ssrc
        self.is_sending = True
        self.due_s = 0.0
        self.octets = 0
        """Payload bytes, as a sender report counts them."""
        self.key_frames = 0
        self.nacks = 0
        """Sequence numbers asked for by the other side."""
        self.plis = 0
        self.rtt_s: float | None = None
        self._outlet = outlet
        self._pacer = outlet.pacer
        self._clock_hz = clock_hz
        self._interval_s = interval_s
        self._first = self._sequence = rng.randrange(1 << 15)
        self._timestamp = rng.randrange(1 << 32)
        self._remote_lost = 0
        self._remote_jitter_s: float | None = None
        self._taken = (0, 0, 0, 0, 0, 0, 0)
        self._mid = mid
        self._phase_s = rng.random()
        self.negotiated(payload_type, extensions)

    def negotiated(self, payload_type: int, extensions: rtp.ExtensionIds) -> None:
        """Use this payload type and these extensions from now on."""
        self._payload_type = payload_type
        elements: list[tuple[int, bytes]] = []
        if extensions.abs_send_time:
            elements.append((extensions.abs_send_time, bytes(3)))
        if extensions.transport_sequence:
            elements.append((extensions.transport_sequence, bytes(2)))
        if extensions.mid and self._mid:
            elements.append((extensions.mid, self._mid.encode()))
        self._extensions = rtp.build_extensions(elements)
        probe = rtp.build_header(
            payload_type=0, sequence=0, timestamp=0, ssrc=0, extensions=self._extensions
        )
        self._first_byte = probe[0]
        self._header_bytes = len(probe)
        sent = rtp.find_extension(probe, extensions.abs_send_time or -1)
        wide = rtp.find_extension(probe, extensions.transport_sequence or -1)
        self._time_at = sent[0] if sent else 0
        self._wide_at = wide[0] if wide else 0
        self._header = lanes.make_header(
            first=self._first_byte,
            ssrc=self.ssrc,
            extensions=self._extensions,
            time_at=self._time_at,
            wide_at=self._wide_at,
        )

    @property
    def packets(self) -> int:
        """Packets sent so far; what is sent again is not among them."""
        return self._sequence - self._first

    @property
    def frames(self) -> int:
        """Frames sent so far: of audio, each packet is one."""
        return self.packets

    def begin(self, now_s: float) -> None:
        """Start the schedule somewhere within the stream's first interval."""
        self.set_out(now_s + self._phase_s * self._interval_s)
        self._pacer.add(self)

    def set_out(self, due_s: float) -> None:
        """Let the first packet be due at this monotonic time.

        Timestamps are that clock's ticks, not random ones (RFC 3550 section 5.1): an
        SFU that forwards keeps them, so that our viewers on this machine read off them
        how long the way took (`quality.Reception.one_way_delay_s`).
        """
        self.due_s = due_s
        self._timestamp = int(due_s * self._clock_hz) & 0xFFFFFFFF

    def end(self) -> None:
        """Leave the pacer."""
        self.due_s = NEVER

    def fire(self, now_s: float) -> None:
        """Send what is due; part of `pacer.Timed`."""
        raise NotImplementedError

    def answer_nack(self, sequences: Iterable[int], now_s: float) -> None:
        """Note packets asked for; audio keeps no history (BBB negotiates none)."""
        self.nacks += sum(1 for _ in sequences)

    def answer_key_frame_wish(self, now_s: float) -> None:
        """Note a PLI or FIR; audio has no key frames."""
        self.plis += 1

    def heard_report(self, block: rtcp.ReportBlock, rtt_s: float | None) -> None:
        """Take what the other side reports of this stream."""
        self._remote_lost = block.packets_lost
        self._remote_jitter_s = block.jitter / self._clock_hz
        if rtt_s is not None:
            self.rtt_s = rtt_s

    def report(self, now_s: float, ntp: int, blocks: list[bytes]) -> bytes:
        """Return a sender report for this moment."""
        return rtcp.build_sender_report(
            self.ssrc, ntp, self.timestamp_at(now_s), self.packets, self.octets, blocks
        )

    def timestamp_at(self, now_s: float) -> int:
        """Return the RTP timestamp of this moment on the stream's own schedule."""
        if self.due_s == NEVER:
            return self._timestamp & 0xFFFFFFFF
        ahead = int((now_s - self.due_s) * self._clock_hz)
        return (self._timestamp + ahead) & 0xFFFFFFFF

    def take(self) -> StreamCounters:
        """Return the counters since the last call."""
        now = (
            self.packets,
            self.octets + self.packets * self._header_bytes,
            self._remote_lost,
            self.frames,
            self.nacks,
            self.plis,
            self.key_frames,
        )
        packets, size, lost, frames, nacks, plis, key_frames = (
            value - before for value, before in zip(now, self._taken, strict=True)
        )
        self._taken = now
        return StreamCounters(
            direction="out",
            media=self.media,
            ssrc=self.ssrc,
            packets=packets,
            bytes=size,
            expected=packets,
            lost=lost,
            first_sequence=self._first if self.packets else None,
            last_sequence=self._sequence - 1 if self.packets else None,
            jitter_s=self._remote_jitter_s,
            rtt_s=self.rtt_s,
            frames=frames,
            nacks=nacks,
            plis=plis,
            key_frames=key_frames,
        )

    def _overdue(self, now_s: float, interval_s: float) -> int:
        """Count lateness; return intervals to leave out after a long standstill."""
        late_s = now_s - self.due_s
        if late_s <= LATE_S:
            return 0
        self._pacer.late_packets += 1
        if late_s <= MAX_CATCH_UP_S:
            return 0
        skipped = int(late_s / interval_s)
        self._pacer.late_packets += skipped
        return skipped

    def _send(
        self,
        second: int,
        sequence: int,
        timestamp: int,
        lead: int,
        payload: bytes,
        now_s: float,
    ) -> None:
        """Make, protect and send a packet.

        `second` is the header's second byte; `lead` is four bytes before the payload as
        a number, 0 where there are none.
        """
        outlet = self._outlet
        if outlet.way is not None:
            status = outlet.way.packet(
                self._header, second, sequence, timestamp, lead, payload, now_s
            )
            if status:
                outlet.refused(status)
            else:
                self._pacer.sent_packets += 1
            return
        begin = self._header_bytes
        rtp.HEADER.pack_into(
            workspace,
            0,
            self._first_byte,
            second,
            sequence & 0xFFFF,
            timestamp,
            self.ssrc,
        )
        if begin > 12:
            self._write_extensions(now_s)
        if lead:
            _LONG.pack_into(workspace, begin, lead)
            begin += 4
        end = begin + len(payload)
        workspace[begin:end] = payload
        outlet.send_workspace(end)

    def _write_extensions(self, now_s: float) -> None:
        """Write the extension block behind the fixed header in the workspace."""
        workspace[12 : self._header_bytes] = self._extensions
        at = self._time_at
        if at:  # the element's header byte is written again with the three of its value
            _LONG.pack_into(
                workspace,
                at - 1,
                self._extensions[at - 13] << 24 | int(now_s * 262144) & 0xFFFFFF,
            )
        at = self._wide_at
        if at:
            wide = (self._outlet.transport_sequence + 1) & 0xFFFF
            self._outlet.transport_sequence = wide
            workspace[at] = wide >> 8
            workspace[at + 1] = wide & 0xFF
