"""Transport-cc feedback: arrival times of transport-wide sequence numbers, packed.

draft-holmer-rmcat-transport-wide-cc-extensions-01. Times go in and come out as seconds;
on the wire they are multiples of 250 µs after a reference in multiples of 64 ms.
"""

from collections.abc import Sequence
from struct import Struct, pack, unpack_from

from bots.media.rtcp_records import FMT_TRANSPORT, RTP_FEEDBACK, TransportFeedback

_HEADER = Struct("!BBHII")
_LARGE = Struct("!h")
_DELTAS_PER_S = 4000
_REFERENCE_S = 0.064
_SYMBOLS = (b"\0", b"\1", b"\2")


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
        now = round(at_s * _DELTAS_PER_S)
        delta, ticks = now - ticks, now
        if 0 <= delta <= 255:
            symbols.append(1)
            deltas.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            symbols.append(2)
            deltas += _LARGE.pack(delta)
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
    header = _HEADER.pack(
        0x80 | FMT_TRANSPORT, RTP_FEEDBACK, 2 + words, sender_ssrc, media_ssrc
    )
    return header + body


def parse_transport_feedback(
    sender_ssrc: int, media_ssrc: int, body: bytes
) -> TransportFeedback:
    """Read the body of a feedback packet, from its sender SSRC on.

    Raises:
        ValueError or struct.error or IndexError: it ends too early.
    """
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


def _status_chunks(symbols: bytearray) -> bytes:
    """Pack two-bit symbols: long runs as run lengths, the rest as vectors of seven."""
    chunks = bytearray()
    at, count = 0, len(symbols)
    while at < count:
        symbol = symbols[at]
        # what is left when the leading run is stripped tells its length, in C
        run = count - at - len(symbols[at:].lstrip(_SYMBOLS[symbol]))
        run = min(run, 0x1FFF)
        if run >= 7 or at + run == count:
            chunks += pack("!H", symbol << 13 | run)
            at += run
            continue
        a, b, c, d, e, f, g = symbols[at : at + 7].ljust(7, b"\0")
        vector = a << 12 | b << 10 | c << 8 | d << 6 | e << 4 | f << 2 | g
        chunks += pack("!H", 0xC000 | vector)
        at += 7
    return bytes(chunks)
