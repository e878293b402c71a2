"""RTCP: records in, bytes out, and back; no socket, no clock.

The door to `rtcp_records` (frozen records), `rtcp_builders` and `transport_feedback`;
reading a compound and the arithmetic of NTP times live here.
"""

from struct import Struct, unpack_from
from struct import error as StructError

from bots.media.rtcp_builders import (
    build_bitrate_estimate,
    build_bye,
    build_delays,
    build_full_intra_request,
    build_nack,
    build_picture_loss,
    build_receiver_report,
    build_reference_time,
    build_report_block,
    build_sender_report,
    build_source_description,
)
from bots.media.rtcp_records import (
    BYE,
    EXTENDED_REPORT,
    FMT_APPLICATION,
    FMT_FIR,
    FMT_NACK,
    FMT_PLI,
    FMT_TRANSPORT,
    PAYLOAD_FEEDBACK,
    RR,
    RTP_FEEDBACK,
    SDES,
    SDES_CNAME,
    SR,
    XR_DLRR,
    XR_REFERENCE_TIME,
    BitrateEstimate,
    Bye,
    ExtendedReport,
    FullIntraRequest,
    Nack,
    Packet,
    PictureLoss,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    TransportFeedback,
)
from bots.media.transport_feedback import (
    build_transport_feedback,
    parse_transport_feedback,
)

__all__ = [
    "NTP_EPOCH_OFFSET_S",
    "BitrateEstimate",
    "Bye",
    "ExtendedReport",
    "FullIntraRequest",
    "Nack",
    "Packet",
    "PictureLoss",
    "ReceiverReport",
    "ReportBlock",
    "SenderReport",
    "SourceDescription",
    "TransportFeedback",
    "build_bitrate_estimate",
    "build_bye",
    "build_delays",
    "build_full_intra_request",
    "build_nack",
    "build_picture_loss",
    "build_receiver_report",
    "build_reference_time",
    "build_report_block",
    "build_sender_report",
    "build_source_description",
    "build_transport_feedback",
    "compact_ntp",
    "is_only_transport_feedback",
    "ntp_timestamp",
    "parse_compound",
    "round_trip_s",
]

NTP_EPOCH_OFFSET_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""

_PACKET = Struct("!BBH")
_BLOCK = Struct("!IIIIII")


def ntp_timestamp(unix_s: float) -> int:
    """Return a Unix time as NTP's 32.32 fixed point."""
    return int((unix_s + NTP_EPOCH_OFFSET_S) * 4_294_967_296) & 0xFFFF_FFFF_FFFF_FFFF


def compact_ntp(ntp: int) -> int:
    """Return the middle 32 bits, as LSR and LRR carry them."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip_s(arrival: int, last: int, delay: int) -> float | None:
    """Return arrival − last − delay (RFC 3550 section 6.4.1), None if not answered.

    All three are compact NTP. A delay rounded up by the other side can make the result
    slightly negative: that is 0. One above 32,768 s is a clock gone wrong: None.
    """
    if last == 0:
        return None
    ticks = (arrival - last - delay) & 0xFFFFFFFF
    if ticks >= 0xFFFF0000:
        return 0.0
    return ticks / 65536 if ticks < 0x80000000 else None


def is_only_transport_feedback(data: bytes) -> bool:
    """Return whether this is one transport-cc feedback and nothing else.

    mediasoup sends ten a second to every publisher; a sender that adapts nothing need
    not read them.
    """
    return (
        len(data) >= 4
        and data[0] & 0x1F == FMT_TRANSPORT
        and data[1] == RTP_FEEDBACK
        and len(data) == 4 + 4 * (data[2] << 8 | data[3])
    )


def parse_compound(data: bytes | bytearray | memoryview) -> tuple[Packet, ...]:
    """Return the packets of a decrypted compound; kinds not listed above are skipped.

    Raises:
        ValueError: a wrong version, a length or count that does not fit.
    """
    data = bytes(data)
    packets: list[Packet] = []
    at = 0
    while at < len(data):
        if len(data) < at + 4:
            raise ValueError("rtcp packet ends inside its header")
        first, kind, words = _PACKET.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2:
            raise ValueError(f"rtcp version is {first >> 6}, not 2")
        if len(data) < end:
            raise ValueError("rtcp packet ends before its length")
        body = data[at + 4 : end]
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                raise ValueError("rtcp padding count is impossible")
            body = body[: -body[-1]]
        try:
            packets.extend(_parse_one(kind, first & 0x1F, body))
        except (StructError, IndexError) as error:
            raise ValueError(f"rtcp packet of type {kind} is cut short") from error
        at = end
    return tuple(packets)


def _parse_one(kind: int, count: int, body: bytes) -> tuple[Packet, ...]:
    if kind == SR:
        ssrc, ntp, rtp_timestamp, packets, octets = unpack_from("!IQIII", body)
        return (
            SenderReport(
                ssrc=ssrc,
                ntp_timestamp=ntp,
                rtp_timestamp=rtp_timestamp,
                packet_count=packets,
                octet_count=octets,
                reports=_parse_blocks(body, 24, count),
            ),
        )
    if kind == RR:
        (ssrc,) = unpack_from("!I", body)
        return (ReceiverReport(ssrc=ssrc, reports=_parse_blocks(body, 4, count)),)
    if kind == SDES:
        return (_parse_source_description(body, count),)
    if kind == BYE:
        return (Bye(ssrcs=unpack_from(f"!{count}I", body)),)
    if kind == RTP_FEEDBACK:
        return _parse_rtp_feedback(count, body)
    if kind == PAYLOAD_FEEDBACK:
        return _parse_payload_feedback(count, body)
    if kind == EXTENDED_REPORT:
        return (_parse_extended_report(body),)
    return ()


def _parse_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(
            body, at + 24 * index
        )
        lost = loss & 0xFFFFFF
        blocks.append(
            ReportBlock(
                ssrc=ssrc,
                fraction_lost=loss >> 24,
                packets_lost=lost - 0x1000000 if lost & 0x800000 else lost,
                highest_sequence=highest,
                jitter=jitter,
                last_sr=last_sr,
                delay_since_sr=delay,
            )
        )
    return tuple(blocks)


def _parse_source_description(body: bytes, count: int) -> SourceDescription:
    cnames = []
    at = 0
    for _ in range(count):
        (ssrc,) = unpack_from("!I", body, at)
        at += 4
        while body[at]:
            item, length = body[at], body[at + 1]
            if at + 2 + length > len(body):
                raise ValueError("sdes item reaches past its packet")
            if item == SDES_CNAME:
                cname = body[at + 2 : at + 2 + length].decode("utf-8", "replace")
                cnames.append((ssrc, cname))
            at += 2 + length
        at += 4 - at % 4  # the terminating null, and on to the next word
    return SourceDescription(cnames=tuple(cnames))


def _parse_rtp_feedback(fmt: int, body: bytes) -> tuple[Packet, ...]:
    sender_ssrc, media_ssrc = unpack_from("!II", body)
    if fmt == FMT_NACK:
        if len(body) % 4:
            raise ValueError("nack entries are cut short")
        sequences = []
        for at in range(8, len(body), 4):
            first, mask = unpack_from("!HH", body, at)
            sequences.append(first)
            sequences.extend(
                (first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1
            )
        return (
            Nack(
                sender_ssrc=sender_ssrc,
                media_ssrc=media_ssrc,
                sequences=tuple(sequences),
            ),
        )
    if fmt == FMT_TRANSPORT:
        return (parse_transport_feedback(sender_ssrc, media_ssrc, body),)
    return ()


def _parse_payload_feedback(fmt: int, body: bytes) -> tuple[Packet, ...]:
    sender_ssrc, media_ssrc = unpack_from("!II", body)
    if fmt == FMT_PLI:
        return (PictureLoss(sender_ssrc=sender_ssrc, media_ssrc=media_ssrc),)
    if fmt == FMT_FIR:
        requests = tuple(
            (ssrc, number)
            for ssrc, number in (
                unpack_from("!IB3x", body, at) for at in range(8, len(body), 8)
            )
        )
        return (FullIntraRequest(sender_ssrc=sender_ssrc, requests=requests),)
    if fmt == FMT_APPLICATION and body[8:12] == b"REMB":
        (packed,) = unpack_from("!I", body, 12)
        bitrate_bps = (packed & 0x3FFFF) << (packed >> 18 & 0x3F)
        ssrcs = unpack_from(f"!{packed >> 24}I", body, 16)
        return (
            BitrateEstimate(
                sender_ssrc=sender_ssrc, bitrate_bps=bitrate_bps, ssrcs=ssrcs
            ),
        )
    return ()


def _parse_extended_report(body: bytes) -> ExtendedReport:
    (ssrc,) = unpack_from("!I", body)
    ntp: int | None = None
    delays: tuple[tuple[int, int, int], ...] = ()
    at = 4
    while at < len(body):
        block, words = unpack_from("!BxH", body, at)
        at += 4
        if block == XR_REFERENCE_TIME:
            (ntp,) = unpack_from("!Q", body, at)
        elif block == XR_DLRR:
            delays += tuple(
                unpack_from("!III", body, at + 12 * index)
                for index in range(words // 3)
            )
        at += 4 * words
    return ExtendedReport(ssrc=ssrc, ntp_timestamp=ntp, delays=delays)
