"""RTCP packets as bytes: one builder a packet; a compound is their concatenation.

Everything is packed with one `struct` call where it can be: thousands of these leave a
process each second. Sources of the formats: `rtcp_records`.
"""

from collections.abc import Iterable, Sequence
from struct import Struct, pack

from bots.media.rtcp_records import (
    BYE,
    EXTENDED_REPORT,
    FMT_APPLICATION,
    FMT_FIR,
    FMT_NACK,
    FMT_PLI,
    PAYLOAD_FEEDBACK,
    RR,
    RTP_FEEDBACK,
    SDES,
    SDES_CNAME,
    SR,
    XR_DLRR,
    XR_REFERENCE_TIME,
)

_PACKET = Struct("!BBH")
_BLOCK = Struct("!IIIIII")
_SENDER = Struct("!BBHIQIII")
_FEEDBACK = Struct("!BBHII")


def build_report_block(
    ssrc: int,
    fraction_lost: int,
    packets_lost: int,
    highest_sequence: int,
    jitter: int,
    last_sr: int,
    delay_since_sr: int,
) -> bytes:
    """Return the 24 bytes of a report block; losses are clamped to 24 signed bits."""
    lost = max(-0x800000, min(0x7FFFFF, packets_lost)) & 0xFFFFFF
    return _BLOCK.pack(
        ssrc,
        fraction_lost << 24 | lost,
        highest_sequence & 0xFFFFFFFF,
        jitter & 0xFFFFFFFF,
        last_sr,
        min(delay_since_sr, 0xFFFFFFFF),
    )


def build_sender_report(
    ssrc: int,
    ntp: int,
    rtp_timestamp: int,
    packet_count: int,
    octet_count: int,
    blocks: Sequence[bytes] = (),
) -> bytes:
    """Return an SR with the blocks of `build_report_block`, at most 31."""
    header = _SENDER.pack(
        0x80 | len(blocks),
        SR,
        6 + 6 * len(blocks),
        ssrc,
        ntp,
        rtp_timestamp & 0xFFFFFFFF,
        packet_count & 0xFFFFFFFF,
        octet_count & 0xFFFFFFFF,
    )
    return header + b"".join(blocks) if blocks else header


def build_receiver_report(ssrc: int, blocks: Sequence[bytes] = ()) -> bytes:
    """Return an RR with the blocks of `build_report_block`, at most 31."""
    head = pack("!BBHI", 0x80 | len(blocks), RR, 1 + 6 * len(blocks), ssrc)
    return head + b"".join(blocks)


def build_source_description(ssrc: int, cname: str) -> bytes:
    """Return an SDES with one CNAME chunk, padded as RFC 3550 section 6.5 asks."""
    text = cname.encode()
    body = pack("!IBB", ssrc, SDES_CNAME, len(text)) + text
    body += bytes(4 - len(body) % 4)
    return _PACKET.pack(0x81, SDES, len(body) // 4) + body


def build_bye(ssrcs: Sequence[int]) -> bytes:
    """Return a BYE for up to 31 sources."""
    return pack(f"!BBH{len(ssrcs)}I", 0x80 | len(ssrcs), BYE, len(ssrcs), *ssrcs)


def build_nack(sender_ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """Return a generic NACK; sequences in ascending order (modulo 2^16) pack best."""
    entries: list[int] = []
    first = -1
    mask = 0
    for number in sequences:
        offset = (number - first - 1) & 0xFFFF
        if first >= 0 and offset < 16:
            mask |= 1 << offset
            continue
        if first >= 0:
            entries.append(first << 16 | mask)
        first, mask = number & 0xFFFF, 0
    if first >= 0:
        entries.append(first << 16 | mask)
    return _feedback(RTP_FEEDBACK, FMT_NACK, sender_ssrc, media_ssrc, len(entries)) + (
        pack(f"!{len(entries)}I", *entries)
    )


def build_picture_loss(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Return a PLI."""
    return _feedback(PAYLOAD_FEEDBACK, FMT_PLI, sender_ssrc, media_ssrc, 0)


def build_full_intra_request(
    sender_ssrc: int, requests: Sequence[tuple[int, int]]
) -> bytes:
    """Return a FIR for (SSRC, command number) pairs; the media SSRC field is 0."""
    return _feedback(
        PAYLOAD_FEEDBACK, FMT_FIR, sender_ssrc, 0, 2 * len(requests)
    ) + b"".join(pack("!IB3x", ssrc, number & 0xFF) for ssrc, number in requests)


def build_bitrate_estimate(
    sender_ssrc: int, bitrate_bps: int, ssrcs: Sequence[int]
) -> bytes:
    """Return a REMB; the rate is cut to 18 significant bits."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    mantissa = bitrate_bps >> exponent
    return _feedback(
        PAYLOAD_FEEDBACK, FMT_APPLICATION, sender_ssrc, 0, 2 + len(ssrcs)
    ) + pack(
        f"!4sI{len(ssrcs)}I",
        b"REMB",
        len(ssrcs) << 24 | exponent << 18 | mantissa,
        *ssrcs,
    )


def build_reference_time(ssrc: int, ntp: int) -> bytes:
    """Return an XR with a receiver reference time block (RFC 3611 section 4.4)."""
    return pack(
        "!BBHIBBHQ", 0x80, EXTENDED_REPORT, 4, ssrc, XR_REFERENCE_TIME, 0, 2, ntp
    )


def build_delays(ssrc: int, delays: Sequence[tuple[int, int, int]]) -> bytes:
    """Return an XR with a DLRR block (RFC 3611 section 4.5), an answer per source."""
    words = 3 * len(delays)
    flat = [value for entry in delays for value in entry]
    return pack(
        f"!BBHIBBH{words}I",
        0x80,
        EXTENDED_REPORT,
        2 + words,
        ssrc,
        XR_DLRR,
        0,
        words,
        *flat,
    )


def _feedback(kind: int, fmt: int, sender: int, media: int, words: int) -> bytes:
    return _FEEDBACK.pack(0x80 | fmt, kind, 2 + words, sender, media)
