"""RTCP packets: frozen records in, bytes out, and back.

Knows RFC 3550 (SR, RR, SDES, BYE), RFC 4585 (NACK, PLI), RFC 5104 (FIR), RFC 3611 (XR:
receiver reference time and DLRR), draft-alvestrand-rmcat-remb-03 (REMB) and
draft-holmer-rmcat-transport-wide-cc-extensions-01 (transport-cc). No socket, no clock.

A builder makes one packet; a compound is their concatenation. Everything is packed with
one `struct` call where it can be: thousands of these leave a process each second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct, pack, unpack_from
from struct import error as StructError

SR, RR, SDES, BYE = 200, 201, 202, 203
RTP_FEEDBACK, PAYLOAD_FEEDBACK, EXTENDED_REPORT = 205, 206, 207
NTP_EPOCH_OFFSET_S = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (Unix)."""

_PACKET = Struct("!BBH")
_BLOCK = Struct("!IIIIII")
_SENDER = Struct("!BBHIQIII")
_FEEDBACK = Struct("!BBHII")
_CNAME = 1
_FMT_NACK, _FMT_TRANSPORT = 1, 15
_FMT_PLI, _FMT_FIR, _FMT_APPLICATION = 1, 4, 15
_XR_REFERENCE_TIME, _XR_DLRR = 4, 5
_DELTAS_PER_S = 4000
_REFERENCE_S = 0.064


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """What a receiver says of one stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Lost share since the last report, in 1/256."""
    packets_lost: int
    """Since the beginning; negative when duplicates arrived."""
    highest_sequence: int
    """Extended, modulo 2^32."""
    jitter: int
    """In ticks of the stream's clock."""
    last_sr: int
    """Middle 32 bits of the last sender report's NTP time, 0 if none."""
    delay_since_sr: int
    """In 1/65536 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderReport:
    """A sender's clock and counters, with blocks about what it receives."""

    ssrc: int
    ntp_timestamp: int
    """64 bits, 32.32 fixed point since 1900."""
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverReport:
    """Blocks about what is received, by somebody who sends nothing."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """The CNAMEs of some sources; other items are skipped."""

    cnames: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """These sources are gone."""

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nack:
    """These packets of a stream are missing."""

    sender_ssrc: int
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLoss:
    """The receiver needs a key frame (PLI)."""

    sender_ssrc: int
    media_ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FullIntraRequest:
    """The receiver needs a key frame (FIR); a repeated number is the same request."""

    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]
    """(SSRC, command sequence number) pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitrateEstimate:
    """What the receiver believes the path carries (REMB)."""

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFeedback:
    """Arrival times of consecutive transport-wide sequence numbers."""

    sender_ssrc: int
    media_ssrc: int
    base_sequence: int
    feedback_count: int
    arrivals_s: tuple[float | None, ...]
    """One for each number from `base_sequence` on, None where it did not arrive; on
    the receiver's clock modulo 2^24 × 64 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedReport:
    """Receiver reference time (RRTR) and answers to the other side's (DLRR)."""

    ssrc: int
    ntp_timestamp: int | None = None
    delays: tuple[tuple[int, int, int], ...] = ()
    """(SSRC, middle 32 bits of its reference time, delay in 1/65536 s)."""


Packet = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | PictureLoss
    | FullIntraRequest
    | BitrateEstimate
    | TransportFeedback
    | ExtendedReport
)


# -- time --------------------------------------------------------------------------


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


# -- builders ----------------------------------------------------------------------


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
    body = pack("!IBB", ssrc, _CNAME, len(text)) + text
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
    return _feedback(RTP_FEEDBACK, _FMT_NACK, sender_ssrc, media_ssrc, len(entries)) + (
        pack(f"!{len(entries)}I", *entries)
    )


def build_picture_loss(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Return a PLI."""
    return _feedback(PAYLOAD_FEEDBACK, _FMT_PLI, sender_ssrc, media_ssrc, 0)


def build_full_intra_request(
    sender_ssrc: int, requests: Sequence[tuple[int, int]]
) -> bytes:
    """Return a FIR for (SSRC, command number) pairs; the media SSRC field is 0."""
    return _feedback(
        PAYLOAD_FEEDBACK, _FMT_FIR, sender_ssrc, 0, 2 * len(requests)
    ) + b"".join(pack("!IB3x", ssrc, number & 0xFF) for ssrc, number in requests)


def build_bitrate_estimate(
    sender_ssrc: int, bitrate_bps: int, ssrcs: Sequence[int]
) -> bytes:
    """Return a REMB; the rate is cut to 18 significant bits."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    mantissa = bitrate_bps >> exponent
    return _feedback(
        PAYLOAD_FEEDBACK, _FMT_APPLICATION, sender_ssrc, 0, 2 + len(ssrcs)
    ) + pack(
        f"!4sI{len(ssrcs)}I",
        b"REMB",
        len(ssrcs) << 24 | exponent << 18 | mantissa,
        *ssrcs,
    )


def build_transport_feedback(
    sender_ssrc: int,
    media_ssrc: int,
    base_sequence: int,
    feedback_count: int,
    arrivals_s: Sequence[float | None],
) -> bytes:
    """Return transport-cc feedback for consecutive numbers from `base_sequence` on.

    Arrivals must hold at least one time, and lie within 8 s of one another: a delta has
    16 signed bits of 250 µs. Zero padding, as in the draft's figure, without the P bit.

    Raises:
        ValueError: no arrival, more than 65535 numbers, or deltas out of range.
    """
    if len(arrivals_s) > 0xFFFF:
        raise ValueError("transport feedback covers at most 65535 packets")
    first = next((at_s for at_s in arrivals_s if at_s is not None), None)
    if first is None:
        raise ValueError("transport feedback needs at least one arrival")
    reference = int(first / _REFERENCE_S)
    ticks = reference * 256  # one reference unit is 256 deltas
    symbols = bytearray()
    deltas = bytearray()
    for at_s in arrivals_s:
        if at_s is None:
            symbols.append(0)
            continue
        delta = round(at_s * _DELTAS_PER_S) - ticks
        ticks += delta
        if 0 <= delta <= 255:
            symbols.append(1)
            deltas.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            symbols.append(2)
            deltas += pack("!h", delta)
        else:
            raise ValueError("arrivals of one transport feedback are over 8 s apart")
    body = (
        pack(
            "!HHI",
            base_sequence & 0xFFFF,
            len(symbols),
            (reference & 0xFFFFFF) << 8 | feedback_count & 0xFF,
        )
        + _status_chunks(symbols)
        + deltas
    )
    body += bytes(-len(body) % 4)
    words = len(body) // 4
    return (
        _feedback(RTP_FEEDBACK, _FMT_TRANSPORT, sender_ssrc, media_ssrc, words) + body
    )


def build_reference_time(ssrc: int, ntp: int) -> bytes:
    """Return an XR with a receiver reference time block (RFC 3611 section 4.4)."""
    return pack(
        "!BBHIBBHQ", 0x80, EXTENDED_REPORT, 4, ssrc, _XR_REFERENCE_TIME, 0, 2, ntp
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
        _XR_DLRR,
        0,
        words,
        *flat,
    )


# -- parser ------------------------------------------------------------------------


def is_only_transport_feedback(data: bytes) -> bool:
    """Return whether this is one transport-cc feedback and nothing else.

    mediasoup sends ten a second to every publisher; a sender that adapts nothing need
    not read them.
    """
    return (
        len(data) >= 4
        and data[0] & 0x1F == _FMT_TRANSPORT
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
            if item == _CNAME:
                cname = body[at + 2 : at + 2 + length].decode("utf-8", "replace")
                cnames.append((ssrc, cname))
            at += 2 + length
        at += 4 - at % 4  # the terminating null, and on to the next word
    return SourceDescription(cnames=tuple(cnames))


def _parse_rtp_feedback(fmt: int, body: bytes) -> tuple[Packet, ...]:
    sender_ssrc, media_ssrc = unpack_from("!II", body)
    if fmt == _FMT_NACK:
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
    if fmt == _FMT_TRANSPORT:
        return (_parse_transport_feedback(sender_ssrc, media_ssrc, body),)
    return ()


def _parse_payload_feedback(fmt: int, body: bytes) -> tuple[Packet, ...]:
    sender_ssrc, media_ssrc = unpack_from("!II", body)
    if fmt == _FMT_PLI:
        return (PictureLoss(sender_ssrc=sender_ssrc, media_ssrc=media_ssrc),)
    if fmt == _FMT_FIR:
        requests = tuple(
            (ssrc, number)
            for ssrc, number in (
                unpack_from("!IB3x", body, at) for at in range(8, len(body), 8)
            )
        )
        return (FullIntraRequest(sender_ssrc=sender_ssrc, requests=requests),)
    if fmt == _FMT_APPLICATION and body[8:12] == b"REMB":
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
        if block == _XR_REFERENCE_TIME:
            (ntp,) = unpack_from("!Q", body, at)
        elif block == _XR_DLRR:
            delays += tuple(
                unpack_from("!III", body, at + 12 * index)
                for index in range(words // 3)
            )
        at += 4 * words
    return ExtendedReport(ssrc=ssrc, ntp_timestamp=ntp, delays=delays)


# -- transport-cc ------------------------------------------------------------------


def _status_chunks(symbols: bytearray) -> bytes:
    """Pack two-bit symbols: long runs as run lengths, the rest as vectors of seven."""
    chunks = bytearray()
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        run = 1
        while at + run < len(symbols) and symbols[at + run] == symbol and run < 0x1FFF:
            run += 1
        if run >= 7 or at + run == len(symbols):
            chunks += pack("!H", symbol << 13 | run)
            at += run
            continue
        vector = 0xC000
        for index, value in enumerate(symbols[at : at + 7]):
            vector |= value << (12 - 2 * index)
        chunks += pack("!H", vector)
        at += 7
    return bytes(chunks)


def _parse_transport_feedback(
    sender_ssrc: int, media_ssrc: int, body: bytes
) -> TransportFeedback:
    base, count, packed = unpack_from("!HHI", body, 8)
    reference = packed >> 8
    at = 16
    symbols: list[int] = []
    while len(symbols) < count:
        (chunk,) = unpack_from("!H", body, at)
        at += 2
        if not chunk & 0x8000:
            run = min(chunk & 0x1FFF, count - len(symbols))
            if not run:
                raise ValueError("transport feedback holds an empty run")
            symbols.extend([chunk >> 13 & 3] * run)
        elif chunk & 0x4000:
            symbols.extend(chunk >> shift & 3 for shift in range(12, -1, -2))
        else:
            symbols.extend(chunk >> shift & 1 for shift in range(13, -1, -1))
    ticks = reference * 256
    arrivals: list[float | None] = []
    for symbol in symbols[:count]:
        if symbol == 1:
            ticks += body[at]
            at += 1
        elif symbol == 2:
            ticks += unpack_from("!h", body, at)[0]
            at += 2
        arrivals.append(ticks / _DELTAS_PER_S if symbol in (1, 2) else None)
    return TransportFeedback(
        sender_ssrc=sender_ssrc,
        media_ssrc=media_ssrc,
        base_sequence=base,
        feedback_count=packed & 0xFF,
        arrivals_s=tuple(arrivals),
    )


def _feedback(kind: int, fmt: int, sender: int, media: int, words: int) -> bytes:
    return _FEEDBACK.pack(0x80 | fmt, kind, 2 + words, sender, media)
