"""RTCP against golden bytes, against aiortc's own parser, and back again."""

import random

import pytest
from aiortc import rtp as aiortc_rtp

from bots.media import rtcp

BLOCK = rtcp.ReportBlock(
    ssrc=0x01020304,
    fraction_lost=26,
    packets_lost=-2,
    highest_sequence=0x00018001,
    jitter=160,
    last_sr=0xAABBCCDD,
    delay_since_sr=65536,
)
BLOCK_BYTES = rtcp.build_report_block(
    0x01020304, 26, -2, 0x00018001, 160, 0xAABBCCDD, 65536
)

GOLDEN = {
    "sender report": (
        rtcp.build_sender_report(
            1, 0x1122334455667788, 90000, 34, 35000, [BLOCK_BYTES]
        ),
        "81c8000c 00000001 1122334455667788 00015f90 00000022 000088b8"
        "01020304 1afffffe 00018001 000000a0 aabbccdd 00010000",
        rtcp.SenderReport(
            ssrc=1,
            ntp_timestamp=0x1122334455667788,
            rtp_timestamp=90000,
            packet_count=34,
            octet_count=35000,
            reports=(BLOCK,),
        ),
    ),
    "receiver report": (
        rtcp.build_receiver_report(9, [BLOCK_BYTES]),
        "81c90007 00000009 01020304 1afffffe 00018001 000000a0 aabbccdd 00010000",
        rtcp.ReceiverReport(ssrc=9, reports=(BLOCK,)),
    ),
    "empty receiver report": (
        rtcp.build_receiver_report(9),
        "80c90001 00000009",
        rtcp.ReceiverReport(ssrc=9),
    ),
    "source description": (
        rtcp.build_source_description(7, "abc"),
        "81ca0003 00000007 01036162 63000000",
        rtcp.SourceDescription(cnames=((7, "abc"),)),
    ),
    "bye": (
        rtcp.build_bye([5, 6]),
        "82cb0002 00000005 00000006",
        rtcp.Bye(ssrcs=(5, 6)),
    ),
    "nack": (
        rtcp.build_nack(1, 2, [65534, 65535, 0, 14, 15, 40]),
        "81cd0005 00000001 00000002 fffe8003 000f0000 00280000",
        rtcp.Nack(sender_ssrc=1, media_ssrc=2, sequences=(65534, 65535, 0, 14, 15, 40)),
    ),
    "picture loss": (
        rtcp.build_picture_loss(1, 2),
        "81ce0002 00000001 00000002",
        rtcp.PictureLoss(sender_ssrc=1, media_ssrc=2),
    ),
    "full intra request": (
        rtcp.build_full_intra_request(1, [(2, 3)]),
        "84ce0004 00000001 00000000 00000002 03000000",
        rtcp.FullIntraRequest(sender_ssrc=1, requests=((2, 3),)),
    ),
    "bitrate estimate": (
        rtcp.build_bitrate_estimate(1, 2_097_144, [0x0A0B0C0D]),
        "8fce0005 00000001 00000000 52454d42 010ffffF 0a0b0c0d",
        rtcp.BitrateEstimate(sender_ssrc=1, bitrate_bps=2_097_144, ssrcs=(0x0A0B0C0D,)),
    ),
    "transport feedback": (
        rtcp.build_transport_feedback(
            1, 2, 65535, 5, [0.128, 0.138, None, 0.1379375 + 0.0001, 1.138]
        ),
        # base, count, reference 2, number 5; one vector of seven; 0, +10 ms as bytes,
        # then 0 and +1 s in two bytes; zero padding
        "8fcd0006 00000001 00000002 ffff0005 00000205 d460 00 28 00 0fa0 00",
        rtcp.TransportFeedback(
            sender_ssrc=1,
            media_ssrc=2,
            base_sequence=65535,
            feedback_count=5,
            arrivals_s=(0.128, 0.138, None, 0.138, 1.138),
        ),
    ),
    "reference time": (
        rtcp.build_reference_time(1, 0x1122334455667788),
        "80cf0004 00000001 04000002 1122334455667788",
        rtcp.ExtendedReport(ssrc=1, ntp_timestamp=0x1122334455667788),
    ),
    "delays": (
        rtcp.build_delays(1, [(2, 0x33445566, 65536)]),
        "80cf0005 00000001 05000003 00000002 33445566 00010000",
        rtcp.ExtendedReport(ssrc=1, delays=((2, 0x33445566, 65536),)),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_packet_is_written_as_its_golden_bytes_and_read_back(name):
    written, golden, record = GOLDEN[name]

    assert written.hex() == golden.replace(" ", "").lower()
    assert rtcp.parse_compound(written) == (record,)


@pytest.mark.parametrize("name", GOLDEN)
def test_aiortc_parses_each_packet(name):
    written = GOLDEN[name][0]

    parsed = aiortc_rtp.RtcpPacket.parse(written)

    if name in ("reference time", "delays"):
        assert parsed == []  # aiortc skips extended reports, without an error
    elif name == "transport feedback":
        assert (parsed[0].fmt, parsed[0].media_ssrc) == (15, 2)
    elif name == "nack":  # aiortc does not wrap at 65536, so it cannot write it back
        assert [number & 0xFFFF for number in parsed[0].lost] == [
            *(65534, 65535, 0, 14, 15, 40)
        ]
    elif name == "bitrate estimate":
        assert aiortc_rtp.unpack_remb_fci(parsed[0].fci) == (2_097_144, [0x0A0B0C0D])
    else:
        assert bytes(parsed[0]) == written


def test_a_compound_is_the_sum_of_its_packets():
    compound = b"".join(written for written, _, _ in GOLDEN.values())

    assert rtcp.parse_compound(compound) == tuple(
        record for _, _, record in GOLDEN.values()
    )


def test_aiortc_and_we_agree_on_reports_that_aiortc_writes():
    block = aiortc_rtp.RtcpReceiverInfo(
        ssrc=3,
        fraction_lost=255,
        packets_lost=-1,
        highest_sequence=4,
        jitter=5,
        lsr=6,
        dlsr=7,
    )
    theirs = aiortc_rtp.RtcpRrPacket(ssrc=8, reports=[block, block])
    bye = aiortc_rtp.RtcpByePacket(sources=[8])
    nack = aiortc_rtp.RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=2, lost=[1, 5, 30])

    report, gone, missing = rtcp.parse_compound(
        bytes(theirs) + bytes(bye) + bytes(nack)
    )

    assert isinstance(report, rtcp.ReceiverReport)
    assert [entry.packets_lost for entry in report.reports] == [-1, -1]
    assert gone == rtcp.Bye(ssrcs=(8,))
    assert missing == rtcp.Nack(sender_ssrc=1, media_ssrc=2, sequences=(1, 5, 30))


@pytest.mark.parametrize(
    "data",
    [
        "81c9",  # inside a header
        "41c9000100000001",  # version 1
        "80c9000200000001",  # longer than the datagram
        "81c9000100000001",  # a block promised, none there
        "81cd000100000001",  # feedback without its media ssrc
        "a0c9000100000000",  # padding of zero
        "8fcd0004000000010000000200000005000000ff",  # five packets, no status chunk
        "8fcd000500000001000000020000000500000001" + "00000000",  # an empty run
    ],
)
def test_a_broken_packet_is_refused_with_a_value_error(data):
    with pytest.raises(ValueError, match=r"rtcp|transport"):
        rtcp.parse_compound(bytes.fromhex(data))


def test_random_bytes_never_raise_anything_but_value_error():
    rng = random.Random(5)
    for _ in range(20_000):
        kind = rng.randrange(200, 208)
        words = rng.randrange(0, 8)
        data = bytes([0x80 | rng.randrange(32), kind, 0, words]) + rng.randbytes(
            4 * words
        )
        try:
            rtcp.parse_compound(data)
        except ValueError:
            continue


def test_padding_is_taken_off_and_unknown_packets_are_skipped():
    padded = bytes.fromhex("a0c90002 00000009 00000004".replace(" ", ""))
    unknown = bytes.fromhex("80cc0001 00000009".replace(" ", ""))

    assert rtcp.parse_compound(unknown + padded) == (rtcp.ReceiverReport(ssrc=9),)


def test_losses_are_clamped_to_their_24_bits():
    block = rtcp.build_report_block(1, 255, 10_000_000, 1 << 40, 1 << 33, 0, 1 << 34)
    (report,) = rtcp.parse_compound(rtcp.build_receiver_report(9, [block]))

    assert isinstance(report, rtcp.ReceiverReport)
    assert report.reports[0].packets_lost == 0x7FFFFF
    assert report.reports[0].delay_since_sr == 0xFFFFFFFF


@pytest.mark.parametrize("seed", range(20))
def test_transport_feedback_keeps_every_arrival_to_a_quarter_of_a_millisecond(seed):
    rng = random.Random(seed)
    now_s = rng.uniform(1, 100_000)
    arrivals: list[float | None] = []
    for _ in range(rng.randrange(1, 400)):
        now_s += rng.choice([0.0002, 0.005, 0.03, 0.2, -0.01])
        arrivals.append(None if rng.random() < 0.2 else now_s)
    arrivals.append(now_s)

    data = rtcp.build_transport_feedback(1, 2, 65000, 300, arrivals)
    (feedback,) = rtcp.parse_compound(data)

    assert isinstance(feedback, rtcp.TransportFeedback)
    assert feedback.feedback_count == 300 % 256
    assert len(feedback.arrivals_s) == len(arrivals)
    for got, put in zip(feedback.arrivals_s, arrivals, strict=True):
        assert (got is None) == (put is None)
        if put is not None and got is not None:
            assert got == pytest.approx(put, abs=0.000_13)


@pytest.mark.parametrize(
    "symbols", [[1], [0] * 100 + [1], [1, 2] * 9, [2] * 8000 + [0] * 9000 + [1]]
)
def test_transport_status_is_kept_by_runs_and_by_vectors(symbols):
    now_s = 10.0
    arrivals: list[float | None] = []
    for symbol in symbols:
        now_s += (0, 0.01, 0.1)[symbol]
        arrivals.append(now_s if symbol else None)

    (feedback,) = rtcp.parse_compound(
        rtcp.build_transport_feedback(1, 2, 0, 0, arrivals)
    )

    assert isinstance(feedback, rtcp.TransportFeedback)
    assert [at_s is not None for at_s in feedback.arrivals_s] == [
        symbol > 0 for symbol in symbols
    ]


@pytest.mark.parametrize(
    "arrivals", [[], [None], [1.0, 20.0], [20.0, 1.0], [1.0] * 65536]
)
def test_feedback_that_cannot_be_written_is_refused(arrivals):
    with pytest.raises(ValueError, match="transport feedback"):
        rtcp.build_transport_feedback(1, 2, 0, 0, arrivals)


def test_round_trip_is_arrival_less_report_less_delay():
    sent = rtcp.compact_ntp(rtcp.ntp_timestamp(1_700_000_000.0))
    back = rtcp.compact_ntp(rtcp.ntp_timestamp(1_700_000_000.75))

    assert rtcp.round_trip_s(back, sent, 65536 // 2) == pytest.approx(0.25, abs=2e-5)
    assert rtcp.round_trip_s(back, 0, 0) is None
    assert rtcp.round_trip_s(sent, sent, 3) == 0.0
    assert rtcp.round_trip_s(sent, back, 1 << 20) is None


def test_ntp_counts_from_1900():
    assert rtcp.ntp_timestamp(0.5) == (2_208_988_800 << 32) | 1 << 31
    assert rtcp.compact_ntp(0x1122334455667788) == 0x33445566


def test_a_lone_transport_feedback_is_told_from_everything_else():
    feedback = GOLDEN["transport feedback"][0]

    assert rtcp.is_only_transport_feedback(feedback)
    assert not rtcp.is_only_transport_feedback(feedback + GOLDEN["nack"][0])
    for name, (written, _, _) in GOLDEN.items():
        assert rtcp.is_only_transport_feedback(written) == (
            name == "transport feedback"
        )
    assert not rtcp.is_only_transport_feedback(b"")
