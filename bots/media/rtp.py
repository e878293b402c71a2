"""RTP packets as bytes: read where they lie, rewritten in place, never made an object.

Knows RFC 3550 (header), RFC 8285 (header extensions), RFC 7741 (VP8 payload
descriptor) and RFC 7983 (what a datagram is). Knows no socket, no clock and no key:
in SRTP the header and its extensions travel in clear, so everything here but the VP8
descriptor works on protected packets too.

The readers of one field (`sequence`, `timestamp`, …) trust that the packet holds a
whole fixed header: ask `is_rtp` first, once. `header_length` and the extension readers
check the rest and raise ValueError on a packet that ends too early.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

FIXED_HEADER_BYTES = 12
MAX_EXTENDED_JUMP = 1 << 15

ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_SEQUENCE_URI = (
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
TOFFSET_URI = "urn:ietf:params:rtp-hdrext:toffset"
RTP_STREAM_ID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_STREAM_ID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

HEADER = Struct("!BBHII")
"""First byte, marker and payload type, sequence, timestamp, SSRC (RFC 3550 5.1)."""
_SHORT = Struct("!H")
_LONG = Struct("!I")
_SEQUENCE_TIMESTAMP_SSRC = Struct("!HII")
_EXTENSION_HEADER = Struct("!HH")
_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x1000

Bytes = bytes | bytearray | memoryview


# -- what a datagram is (RFC 7983, RFC 5761) ---------------------------------------


def is_stun(datagram: Bytes) -> bool:
    """Return whether the first byte is in STUN's range (RFC 7983 section 7)."""
    return len(datagram) >= 20 and datagram[0] < 4


def is_dtls(datagram: Bytes) -> bool:
    """Return whether the first byte is in DTLS's range (RFC 7983 section 7)."""
    return len(datagram) >= 13 and 20 <= datagram[0] <= 63


def is_rtcp(datagram: Bytes) -> bool:
    """Return whether this is RTCP: version 2, packet type 192 to 223 (RFC 5761)."""
    return (
        len(datagram) >= 8 and 128 <= datagram[0] <= 191 and 192 <= datagram[1] <= 223
    )


def is_rtp(datagram: Bytes) -> bool:
    """Return whether this is RTP: version 2, a whole header, no RTCP packet type."""
    return (
        len(datagram) >= FIXED_HEADER_BYTES
        and 128 <= datagram[0] <= 191
        and not 192 <= datagram[1] <= 223
    )


# -- fixed header ------------------------------------------------------------------


def payload_type(packet: Bytes) -> int:
    """Return the payload type, 0 to 127."""
    return packet[1] & 0x7F


def marker(packet: Bytes) -> bool:
    """Return the marker bit: the last packet of a video frame (RFC 7741)."""
    return packet[1] & 0x80 != 0


def sequence(packet: Bytes) -> int:
    """Return the sequence number, 0 to 65535."""
    return (packet[2] << 8) | packet[3]


def timestamp(packet: Bytes) -> int:
    """Return the RTP timestamp in ticks of the payload's clock, 32 bits."""
    return int(_LONG.unpack_from(packet, 4)[0])


def ssrc(packet: Bytes) -> int:
    """Return the synchronisation source."""
    return int(_LONG.unpack_from(packet, 8)[0])


def header_length(packet: Bytes) -> int:
    """Return the bytes before the payload: fixed header, CSRCs and extensions.

    Raises:
        ValueError: the packet ends inside its header.
    """
    first = packet[0]
    length = FIXED_HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if len(packet) < length + 4:
            raise ValueError("rtp packet ends before its header extension")
        length += 4 + 4 * int(_SHORT.unpack_from(packet, length + 2)[0])
    if len(packet) < length:
        raise ValueError("rtp packet ends inside its header")
    return length


def padding_length(packet: Bytes) -> int:
    """Return the padding at the end, 0 without the P bit. Needs a *decrypted* packet.

    Raises:
        ValueError: the padding count is 0 or reaches into the header.
    """
    if not packet[0] & 0x20:
        return 0
    padding = packet[-1]
    if not padding or padding > len(packet) - header_length(packet):
        raise ValueError("rtp padding count is impossible")
    return padding


def build_header(
    *,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    marker: bool = False,
    extensions: bytes = b"",
) -> bytes:
    """Return a header; `extensions` is a block made by `build_extensions`."""
    return (
        HEADER.pack(
            0x90 if extensions else 0x80,
            (0x80 if marker else 0) | payload_type,
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + extensions
    )


def rewrite(packet: bytearray, *, sequence: int, timestamp: int, ssrc: int) -> None:
    """Write the three fields into the packet's header, truncated to their width."""
    _SEQUENCE_TIMESTAMP_SSRC.pack_into(
        packet, 2, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )


def set_payload_type(packet: bytearray, value: int) -> None:
    """Replace the payload type and keep the marker."""
    packet[1] = (packet[1] & 0x80) | value


# -- sequence and timestamp arithmetic ---------------------------------------------


def sequence_distance(later: int, earlier: int) -> int:
    """Return `later − earlier` modulo 2^16 as a signed number, −32768 to 32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(later: int, earlier: int) -> int:
    """Return `later − earlier` modulo 2^32 as a signed number."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def extend_sequence(sequence: int, near: int) -> int:
    """Return the extended number (RFC 3550 A.1) with these 16 bits nearest to `near`.

    `near` is the highest extended number so far; the answer is below it for a packet
    that comes late, and may be negative only when `near` is under 32768.
    """
    return near + sequence_distance(sequence, near & 0xFFFF)


# -- header extensions (RFC 8285) --------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionIds:
    """The negotiated ids of the extensions we read or write; 0 means not negotiated."""

    abs_send_time: int = 0
    transport_sequence: int = 0
    mid: int = 0


def extension_ids(extmap: Iterable[tuple[int, str]]) -> ExtensionIds:
    """Pick the known extensions from the (id, URI) pairs of an SDP's `a=extmap`."""
    by_uri = {uri: number for number, uri in extmap}
    return ExtensionIds(
        abs_send_time=by_uri.get(ABS_SEND_TIME_URI, 0),
        transport_sequence=by_uri.get(TRANSPORT_SEQUENCE_URI, 0),
        mid=by_uri.get(MID_URI, 0),
    )


def build_extensions(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """Return the extension block for a header, one-byte form where all elements fit.

    Nothing in, nothing out: an empty block would still cost four bytes a packet.

    Raises:
        ValueError: an id or a length that neither form can carry.
    """
    listed = tuple(elements)
    if not listed:
        return b""
    if any(not 1 <= number <= 255 or len(value) > 255 for number, value in listed):
        raise ValueError("header extension ids are 1 to 255, values 0 to 255 bytes")
    one_byte = all(number <= 14 and 1 <= len(value) <= 16 for number, value in listed)
    body = bytearray()
    for number, value in listed:
        if one_byte:
            body.append((number << 4) | (len(value) - 1))
        else:
            body += bytes((number, len(value)))
        body += value
    body += bytes(-len(body) % 4)
    profile = _ONE_BYTE_PROFILE if one_byte else _TWO_BYTE_PROFILE
    return _EXTENSION_HEADER.pack(profile, len(body) // 4) + bytes(body)


def find_extension(packet: Bytes, number: int) -> tuple[int, int] | None:
    """Return (offset, length) of an extension element's value, None if it is absent.

    Raises:
        ValueError: the packet ends inside its header.
    """
    if not packet[0] & 0x10:
        return None
    end = header_length(packet)
    at = FIXED_HEADER_BYTES + 4 * (packet[0] & 0x0F)
    profile = int(_SHORT.unpack_from(packet, at)[0])
    at += 4
    two_byte = profile & 0xFFF0 == _TWO_BYTE_PROFILE
    if not two_byte and profile != _ONE_BYTE_PROFILE:
        return None
    while at < end:
        first = packet[at]
        if first == 0:
            at += 1
            continue
        if two_byte:
            if at + 2 > end:
                break
            found, length, at = first, packet[at + 1], at + 2
        else:
            found, length, at = first >> 4, (first & 0x0F) + 1, at + 1
            if found == 15:  # reserved: stop reading (RFC 8285 section 4.2)
                break
        if at + length > end:
            break
        if found == number:
            return at, length
        at += length
    return None


def abs_send_time(now_s: float) -> int:
    """Return a time as abs-send-time: 24 bits, 6.18 fixed point, wraps at 64 s."""
    return int(now_s * 262144) & 0xFFFFFF


def abs_send_time_delay_s(arrival: int, departure: int) -> float:
    """Return the seconds between two abs-send-times less than 32 s apart."""
    return (((arrival - departure + 0x800000) & 0xFFFFFF) - 0x800000) / 262144


def write_abs_send_time(packet: bytearray, offset: int, now_s: float) -> None:
    """Write `now_s` into the three bytes at `offset`."""
    value = int(now_s * 262144) & 0xFFFFFF
    packet[offset] = value >> 16
    packet[offset + 1] = (value >> 8) & 0xFF
    packet[offset + 2] = value & 0xFF


def read_abs_send_time(packet: Bytes, offset: int) -> int:
    """Read the three bytes at `offset`."""
    return (packet[offset] << 16) | (packet[offset + 1] << 8) | packet[offset + 2]


def write_short(packet: bytearray, offset: int, value: int) -> None:
    """Write a transport-wide sequence number (or any 16 bits) at `offset`."""
    _SHORT.pack_into(packet, offset, value & 0xFFFF)


def read_short(packet: Bytes, offset: int) -> int:
    """Read 16 bits at `offset`."""
    return (packet[offset] << 8) | packet[offset + 1]


# -- VP8 payload descriptor (RFC 7741 section 4.2) ---------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Vp8Descriptor:
    """What the descriptor and the first payload byte say about a VP8 packet."""

    length: int
    """Bytes of the descriptor; the VP8 data follow."""
    starts_frame: bool
    """S bit set on partition 0: the first packet of a frame."""
    is_key_frame: bool
    """The first packet of a key frame (P bit of the frame header is 0, RFC 6386)."""
    picture_id: int | None
    picture_id_bits: int
    """7 or 15; 0 without a picture id."""


def parse_vp8_descriptor(payload: Bytes, offset: int = 0) -> Vp8Descriptor:
    """Read the descriptor that begins at `offset` of a decrypted packet.

    Raises:
        ValueError: the payload ends inside the descriptor.
    """
    try:
        at = offset
        first = payload[at]
        at += 1
        picture_id: int | None = None
        picture_id_bits = 0
        if first & 0x80:
            present = payload[at]
            at += 1
            if present & 0x80:
                picture_id, picture_id_bits = payload[at], 7
                at += 1
                if picture_id & 0x80:
                    picture_id = ((picture_id & 0x7F) << 8) | payload[at]
                    picture_id_bits = 15
                    at += 1
            if present & 0x40:
                at += 1
            if present & 0x30:
                at += 1
        starts = first & 0x17 == 0x10
        is_key = starts and payload[at] & 0x01 == 0
    except IndexError as error:
        raise ValueError("vp8 payload ends inside its descriptor") from error
    return Vp8Descriptor(
        length=at - offset,
        starts_frame=starts,
        is_key_frame=is_key,
        picture_id=picture_id,
        picture_id_bits=picture_id_bits,
    )


VP8_DESCRIPTOR_BYTES = 4


def build_vp8_descriptor(*, starts_frame: bool, picture_id: int) -> bytes:
    """Return a descriptor of four bytes with a picture id of 15 bits at offset 2."""
    first = 0x90 if starts_frame else 0x80
    return bytes((first, 0x80, 0x80 | (picture_id >> 8) & 0x7F, picture_id & 0xFF))
