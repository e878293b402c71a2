"""RTCP packets as frozen records, and the numbers that name them on the wire.

RFC 3550 (SR, RR, SDES, BYE), RFC 4585 (NACK, PLI), RFC 5104 (FIR), RFC 3611 (XR),
draft-alvestrand-rmcat-remb-03 (REMB) and
draft-holmer-rmcat-transport-wide-cc-extensions-01 (transport-cc).
"""

from dataclasses import dataclass

SR, RR, SDES, BYE = 200, 201, 202, 203
RTP_FEEDBACK, PAYLOAD_FEEDBACK, EXTENDED_REPORT = 205, 206, 207
FMT_NACK, FMT_TRANSPORT = 1, 15
FMT_PLI, FMT_FIR, FMT_APPLICATION = 1, 4, 15
SDES_CNAME = 1
XR_REFERENCE_TIME, XR_DLRR = 4, 5


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
