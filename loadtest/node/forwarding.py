"""Cameras and screens: one publisher's packets to many viewers.

A packet is decrypted once. For each viewer a header of the viewer's own is written (its
SSRC, payload type and header extensions) before a copy of the payload, and encrypted;
sequence numbers and timestamps stay the publisher's, so that loss can be read off them.
A viewer gets nothing before a key frame, as with mediasoup's simple consumer. Lost
packets are answered from a history; the rate is never adapted, there is one encoding.
"""

import random
from struct import Struct
from time import monotonic, time
from typing import Final, NamedTuple, Protocol

from bots.media import rtcp, rtp
from bots.media.srtp import workspace
from loadtest.node.effort import PACKET_UNITS
from loadtest.node.reception import Reception, TransportArrivals
from loadtest.node.sdp import RemoteSide
from loadtest.node.transport import MediaCounters, Transport

HISTORY_PACKETS: Final = 512
"""A power of two; about 15 s of a default camera."""
VIDEO_CLOCK_RATE: Final = 90_000
KEY_FRAME_INTERVAL_S: Final = 0.5
"""At most one request per interval goes to the publisher."""
KEY_FRAME_RETRY_S: Final = 1.0

_PLAIN = Struct("!BBHII")
# One-byte header extensions (RFC 8285): abs-send-time, transport-wide number, mid, and
# padding to three words. An extension that was not negotiated is padding as well.
_EXTENDED = Struct("!BBHIIHHIBHBBxxx")
_ONE_BYTE_PROFILE = 0xBEDE
_PLAIN_BYTES, _EXTENDED_BYTES = _PLAIN.size, _EXTENDED.size
_write_plain, _write_extended = _PLAIN.pack_into, _EXTENDED.pack_into


class Brake(Protocol):
    """What the node spends on purpose (loadtest/node/effort.py)."""

    def spend(self, units: float = ...) -> None: ...


class StoredPacket(NamedTuple):
    """A decrypted packet, as needed to send it again.

    A tuple, since one is made per packet: a frozen dataclass takes five times as long.
    """

    sequence: int
    marker: int
    """The marker bit in its place, 0x80 or 0."""
    timestamp: int
    payload: bytes


class Consumer:
    """One viewer of one publisher."""

    def __init__(
        self,
        transport: Transport,
        remote: RemoteSide,
        *,
        cname: str,
        counters: MediaCounters,
        loss_ratio: float = 0.0,
        rng: random.Random,
    ) -> None:
        self.awaits_key_frame = True
        self.packets = 0
        self.octets = 0
        self._transport = transport
        self._send_workspace = transport.send_workspace
        self._ssrc = transport.ssrc
        self._counters = counters
        self._cname = cname
        self._loss_ratio = loss_ratio
        self._rng = rng
        self._payload_type = remote.payload_type
        self._reference: tuple[int, int, float] | None = None
        """(SSRC, compact NTP, when) of the viewer's last receiver reference time."""
        self._twcc_sequence = 0
        self._last_timestamp = 0
        self._last_sent_s = 0.0
        ids = rtp.extension_ids(remote.extensions)
        self._has_extensions = False
        self._abs_base = self._twcc_head = self._mid_head = self._mid = 0
        if 1 <= ids.abs_send_time <= 14:
            self._abs_base = ids.abs_send_time << 28 | 2 << 24
        if 1 <= ids.transport_sequence <= 14:
            self._twcc_head = ids.transport_sequence << 4 | 1
        if 1 <= ids.mid <= 14 and len(remote.mid) == 1 and remote.mid.isascii():
            self._mid_head, self._mid = ids.mid << 4, ord(remote.mid)
        self._has_extensions = bool(self._abs_base or self._twcc_head or self._mid_head)

    def send(self, packet: StoredPacket, now_s: float) -> bool:
        """Send `packet` to the viewer under its own header; return whether it left."""
        if self._loss_ratio and self._rng.random() < self._loss_ratio:
            self._counters.lost_on_purpose += 1
            return False
        sequence, marker, timestamp, payload = packet
        if self._has_extensions:
            begin = _EXTENDED_BYTES
            absolute = self._abs_base
            if absolute:
                absolute |= int(now_s * 262144) & 0xFFFFFF
            number = 0
            if self._twcc_head:
                number = self._twcc_sequence
                self._twcc_sequence = (number + 1) & 0xFFFF
            _write_extended(
                workspace,
                0,
                0x90,
                marker | self._payload_type,
                sequence,
                timestamp,
                self._ssrc,
                _ONE_BYTE_PROFILE,
                3,
                absolute,
                self._twcc_head,
                number,
                self._mid_head,
                self._mid,
            )
        else:
            begin = _PLAIN_BYTES
            _write_plain(
                workspace,
                0,
                0x80,
                marker | self._payload_type,
                sequence,
                timestamp,
                self._ssrc,
            )
        octets = len(payload)
        end = begin + octets
        workspace[begin:end] = payload
        if not self._send_workspace(end):
            return False
        self.packets += 1
        self.octets += octets
        self._last_timestamp = timestamp
        self._last_sent_s = now_s
        return True

    def reference_time(self, ssrc: int, ntp: int, now_s: float) -> None:
        """Remember the viewer's clock, to be answered with our next report."""
        self._reference = (ssrc, rtcp.compact_ntp(ntp), now_s)

    def report(self, now_s: float) -> None:
        """Send a sender report, with the answer to the viewer's reference time."""
        if not self.packets:
            return
        own = self._transport.ssrc
        elapsed = int((now_s - self._last_sent_s) * VIDEO_CLOCK_RATE)
        compound = rtcp.build_sender_report(
            own,
            rtcp.ntp_timestamp(time()),
            self._last_timestamp + elapsed,
            self.packets,
            self.octets,
        ) + rtcp.build_source_description(own, self._cname)
        if self._reference is not None:
            ssrc, compact, at_s = self._reference
            delay = int((now_s - at_s) * 65536) & 0xFFFFFFFF
            compound += rtcp.build_delays(own, [(ssrc, compact, delay)])
        self._transport.send_rtcp(compound)

    def say_goodbye(self) -> None:
        """Tell the viewer that the stream is over."""
        self._transport.send_rtcp(rtcp.build_bye([self._transport.ssrc]))


class Producer:
    """One publisher's camera or screen."""

    def __init__(
        self,
        transport: Transport,
        remote: RemoteSide,
        *,
        counters: MediaCounters,
        brake: Brake,
        max_bitrate_bps: int,
    ) -> None:
        self.cname = remote.cname
        self.consumers: list[Consumer] = []
        self.last_packet_s: float | None = None
        self.reception = Reception(remote.ssrcs[0], clock_rate=VIDEO_CLOCK_RATE)
        self._transport = transport
        self._counters = counters
        self._brake = brake
        self._payload_type = remote.payload_type
        self._max_bitrate_bps = max_bitrate_bps
        self._feedback = frozenset(remote.feedback)
        self._transport_id = rtp.extension_ids(remote.extensions).transport_sequence
        if "transport-cc" not in self._feedback:
            self._transport_id = 0
        self._arrivals = TransportArrivals()
        self._history: list[StoredPacket | None] = [None] * HISTORY_PACKETS
        self._asked_s = 0.0
        """When a key frame was last asked for."""
        self._asks_again = False

    # -- viewers ---------------------------------------------------------------

    def add(self, consumer: Consumer) -> None:
        """Begin to forward to a viewer, from the next key frame on."""
        self.consumers.append(consumer)
        self.request_key_frame(monotonic())

    def remove(self, consumer: Consumer) -> None:
        """Stop forwarding to a viewer."""
        if consumer in self.consumers:
            self.consumers.remove(consumer)

    def request_key_frame(self, now_s: float) -> None:
        """Ask the publisher for a key frame, at most once per interval."""
        if now_s - self._asked_s < KEY_FRAME_INTERVAL_S:
            self._asks_again = True
            return
        self._asked_s = now_s
        self._asks_again = False
        self._transport.send_rtcp(
            rtcp.build_picture_loss(self._transport.ssrc, self.reception.ssrc)
        )

    def resend(self, consumer: Consumer, sequences: tuple[int, ...]) -> None:
        """Send packets of the history again to one viewer."""
        now_s = monotonic()
        for sequence in sequences[:HISTORY_PACKETS]:
            stored = self._history[sequence % HISTORY_PACKETS]
            if stored is not None and stored.sequence == sequence:
                self._counters.retransmitted_packets += 1
                if consumer.send(stored, now_s):
                    self._counters.forwarded_packets += 1

    # -- the publisher ---------------------------------------------------------

    def receive(self, packet: bytes, now_s: float) -> None:
        """Take a decrypted packet of the publisher and forward it."""
        first, second, sequence, timestamp, ssrc = _PLAIN.unpack_from(packet)
        if second & 0x7F != self._payload_type or ssrc != self.reception.ssrc:
            return  # retransmission streams and the like are not negotiated
        begin, end = _PLAIN.size, len(packet)
        if first != 0x80:
            try:
                begin = rtp.header_length(packet)
                end -= rtp.padding_length(packet)
            except ValueError:
                return
        if self._transport_id and first & 0x10:
            found = rtp.find_extension(packet, self._transport_id)
            if found is not None and found[1] == 2:
                self._arrivals.receive(rtp.read_short(packet, found[0]), now_s)
        missing = self.reception.receive(sequence, timestamp, now_s)
        if missing:
            self._ask_for(missing)
        self.last_packet_s = now_s
        # A packet of nothing but padding (a browser's probe) goes on as an empty one,
        # so that the numbers stay whole.
        stored = StoredPacket(sequence, second & 0x80, timestamp, packet[begin:end])
        self._history[sequence % HISTORY_PACKETS] = stored
        if self._asks_again and _starts_key_frame(stored.payload):
            self._asks_again = False
        self._forward(stored, now_s)

    def _forward(self, stored: StoredPacket, now_s: float) -> None:
        """Send a packet to all viewers; what it costs on purpose is burnt at once."""
        copies = forwarded = 0
        for consumer in self.consumers:
            if consumer.awaits_key_frame:
                if not _starts_key_frame(stored.payload):
                    continue
                consumer.awaits_key_frame = False
            copies += 1
            if consumer.send(stored, now_s):
                forwarded += 1
        self._counters.forwarded_packets += forwarded
        if copies:
            self._brake.spend(copies * PACKET_UNITS)

    def receive_feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        """Take a report of the publisher."""
        if isinstance(packet, rtcp.SenderReport):
            if packet.ssrc == self.reception.ssrc:
                self.reception.sender_report(packet.ntp_timestamp, now_s)

    def tick(self, now_s: float) -> None:
        """Ten times a second: feedback, NACKs that are overdue, key frames wanted."""
        own, media = self._transport.ssrc, self.reception.ssrc
        feedback = self._arrivals.feedback(own, media)
        if feedback is not None:
            self._transport.send_rtcp(feedback)
        overdue = self.reception.overdue(now_s)
        if overdue:
            self._ask_for(overdue)
        waiting = any(consumer.awaits_key_frame for consumer in self.consumers)
        if self._asks_again or (waiting and now_s - self._asked_s > KEY_FRAME_RETRY_S):
            self.request_key_frame(now_s)

    def report(self, now_s: float) -> None:
        """Once a second: a receiver report, our clock, and the rate we would take."""
        block = self.reception.report_block(now_s)
        if block is None:
            return
        own = self._transport.ssrc
        compound = rtcp.build_receiver_report(own, [block])
        if "rrtr" in self._feedback:
            compound += rtcp.build_reference_time(own, rtcp.ntp_timestamp(time()))
        if "goog-remb" in self._feedback:
            compound += rtcp.build_bitrate_estimate(
                own, self._max_bitrate_bps, [self.reception.ssrc]
            )
        self._transport.send_rtcp(compound)

    def _ask_for(self, sequences: tuple[int, ...]) -> None:
        if "nack" in self._feedback:
            self._transport.send_rtcp(
                rtcp.build_nack(self._transport.ssrc, self.reception.ssrc, sequences)
            )


def receive_viewer_feedback(
    producer: Producer, consumer: Consumer, packet: rtcp.Packet, now_s: float
) -> None:
    """Act on what a viewer reports: resend, ask for a key frame, note its clock."""
    if isinstance(packet, rtcp.Nack):
        producer.resend(consumer, packet.sequences)
    elif isinstance(packet, rtcp.PictureLoss | rtcp.FullIntraRequest):
        producer.request_key_frame(now_s)
    elif isinstance(packet, rtcp.ExtendedReport) and packet.ntp_timestamp is not None:
        consumer.reference_time(packet.ssrc, packet.ntp_timestamp, now_s)


def _starts_key_frame(payload: bytes) -> bool:
    try:
        return rtp.parse_vp8_descriptor(payload).is_key_frame
    except ValueError:
        return False
