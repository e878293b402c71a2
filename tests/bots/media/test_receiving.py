"""Received streams from real SRTP packets in the workspace, one by one.

Every test runs twice: all in Python, and with the usual packets taken in a lane.
"""

import random
from array import array

import pytest

from bots.media import lanes, rtcp, rtp
from bots.media.dtls import SrtpKeys
from bots.media.negotiation import Incoming
from bots.media.receiving import SAMPLE_EVERY
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace

SENDER_KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(range(30)), remote=bytes(30)
)
KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(30), remote=bytes(range(30))
)
KEY, DELTA = b"\x10", b"\x11"


@pytest.fixture(params=["python", "compiled"], autouse=True)
def way(request, monkeypatch):
    """Take packets in Python, or in lanes."""
    if request.param == "python":
        monkeypatch.setattr(lanes, "compiled", None)
    elif lanes.compiled is None:
        pytest.skip("the compiled part was not built")


class Feed:
    """A sender's packets, protected, put where the socket's callback puts them."""

    def __init__(self, media: str, *, first: int = 1000, **facts) -> None:
        self.sender = SrtpSender(SENDER_KEYS)
        self.arrivals = lanes.make_arrivals()
        self.lanes: lanes.Lanes = {}
        self.stream = lanes.make_stream(
            SrtpReceiver(KEYS),
            Incoming(
                **{
                    "payload_type": 96,
                    "media": media,
                    "clock_hz": 48_000 if media == "audio" else 90_000,
                    "has_nack": True,
                    "wide_id": 0,
                    "ssrcs": (),
                }
                | facts
            ),
            ssrc=9,
            depth="light",
            arrivals=self.arrivals,
            lanes=self.lanes,
            tally=array("q", [0]),
        )
        self.sequence = first
        self.wide = 65_530
        self.frame = 0

    def protected(self, payload: bytes, *, marker: bool, extensions=b"") -> bytes:
        header = rtp.build_header(
            payload_type=96,
            sequence=self.sequence,
            timestamp=self.frame * 6000,
            ssrc=9,
            marker=marker,
            extensions=extensions,
        )
        self.sequence += 1
        return bytes(self.sender.protect(header + payload))

    def put(self, packet: bytes, now_s: float) -> bool:
        if self.lanes and self.lanes[9].packet(packet, now_s):
            return False
        workspace[: len(packet)] = packet
        return self.stream.packet(
            packet[1], rtp.sequence(packet), rtp.timestamp(packet), len(packet), now_s
        )

    def video_frame(self, kind: bytes = DELTA, pieces: int = 2) -> list[bytes]:
        self.frame += 1
        made = []
        for index in range(pieces):
            self.wide += 1
            descriptor = rtp.build_vp8_descriptor(
                starts_frame=index == 0, picture_id=self.frame
            )
            block = rtp.build_extensions(
                ((2, bytes(3)), (4, (self.wide & 0xFFFF).to_bytes(2, "big")))
            )
            made.append(
                self.protected(
                    descriptor + (kind if index == 0 else b"x") + bytes(100),
                    marker=index == pieces - 1,
                    extensions=block,
                )
            )
        return made


def test_the_first_frame_is_the_first_complete_key_frame():
    feed = Feed("camera")
    now_s = 10.0
    for packet in feed.video_frame(DELTA) + feed.video_frame(KEY)[:1]:
        now_s += 0.01
        feed.put(packet, now_s)
    assert feed.stream.first_s is None
    assert feed.stream.has_wishes

    for packet in feed.video_frame(DELTA):
        feed.put(packet, now_s)
    assert feed.stream.first_s is None
    for packet in feed.video_frame(KEY):
        now_s += 0.01
        feed.put(packet, now_s)

    assert feed.stream.first_s == pytest.approx(now_s)


def test_frames_packets_and_bytes_are_counted_from_headers():
    feed = Feed("camera", first=65_000)
    now_s = 10.0
    sizes = 0
    for frame in range(400):
        now_s += 1 / 15
        for packet in feed.video_frame(KEY if frame % 30 == 0 else DELTA):
            feed.put(packet, now_s)
            sizes += len(packet) - 10
    counters = feed.stream.take(now_s)

    assert counters.frames == 400
    assert counters.packets == counters.expected == 800
    assert counters.bytes == sizes
    assert counters.key_frames == 1
    assert counters.last_sequence - counters.first_sequence == 799
    assert (counters.freezes, counters.auth_failures) == (0, 0)
    again = feed.stream.take(now_s)
    assert (again.frames, again.packets, again.bytes) == (0, 0, 0)


def test_forged_packets_are_noticed_by_the_sample():
    feed = Feed("camera", first=SAMPLE_EVERY * 10)
    for packet in feed.video_frame(KEY, pieces=SAMPLE_EVERY):
        feed.put(packet, 10.0)
    forged = feed.video_frame(DELTA, pieces=SAMPLE_EVERY)
    for packet in forged:
        feed.put(packet[:-1] + bytes([packet[-1] ^ 1]), 10.1)

    counters = feed.stream.take(10.1)
    assert counters.auth_failures >= 1
    assert counters.lost >= 1


def test_a_stream_whose_packets_are_never_authentic_is_never_first():
    feed = Feed("audio")
    for _ in range(20):
        packet = feed.protected(b"opus", marker=False)
        feed.put(packet[:-1] + bytes([packet[-1] ^ 1]), 10.0)

    assert feed.stream.first_s is None
    assert feed.stream.reception.received == 0
    assert feed.stream.take(11.0).auth_failures == 20


def test_audio_is_first_with_its_first_packet_and_never_wishes():
    feed = Feed("audio")
    for _ in range(5):
        assert not feed.put(feed.protected(b"opus", marker=False), 20.0)
    feed.sequence += 50
    assert not feed.put(feed.protected(b"opus", marker=False), 21.0)

    assert feed.stream.first_s == 20.0
    assert feed.stream.wishes(21.0, 1) == b""
    assert feed.stream.take(22.0).lost == 50


def test_a_gap_wishes_a_nack_and_its_repair_shows_the_frames():
    feed = Feed("camera")
    lost: list[bytes] = []
    for frame in range(20):
        packets = feed.video_frame(KEY if frame == 0 else DELTA, pieces=3)
        if frame == 10:
            lost.append(packets.pop(1))
        for packet in packets:
            if feed.put(packet, 10 + frame / 15):
                wish = feed.stream.wishes(10 + frame / 15, 1)
                if frame == 10 and packet is packets[-1]:
                    (nack,) = rtcp.parse_compound(wish)
                    assert isinstance(nack, rtcp.Nack)
                    assert nack.sequences == (rtp.sequence(lost[0]),)
    before = feed.stream.take(12.0)
    feed.put(lost[0], 12.0)
    feed.put(lost[0], 12.0)  # sent twice: a duplicate

    after = feed.stream.take(12.1)
    assert (before.frames, before.lost) == (10, 1)
    assert (after.frames, after.lost, after.packets) == (10, -1, 1)
    assert feed.stream.duplicates == 1


def test_a_gap_that_stays_ends_in_a_wish_for_a_key_frame_and_a_freeze():
    feed = Feed("camera")
    wishes: list[rtcp.Packet] = []
    for frame in range(120):
        now_s = 10 + frame / 15
        packets = feed.video_frame(KEY if frame in (0, 90) else DELTA)
        if frame == 30:
            packets.pop(0)
        for packet in packets:
            if feed.put(packet, now_s):
                wishes += rtcp.parse_compound(feed.stream.wishes(now_s, 1))
    counters = feed.stream.take(10 + 119 / 15)

    assert any(isinstance(wish, rtcp.PictureLoss) for wish in wishes)
    assert counters.frames == 30 + 30
    assert counters.freezes == 1
    assert counters.frozen_s == pytest.approx(61 / 15)  # from frame 29 to frame 90
    assert counters.key_frames == 2
    assert counters.lost == 1


def test_a_sender_that_begins_anew_needs_a_key_frame_again():
    feed = Feed("camera")
    for frame in range(5):
        for packet in feed.video_frame(KEY if frame == 0 else DELTA):
            feed.put(packet, 10.0)
    feed.sequence += 20_000
    for frame in range(10):
        for packet in feed.video_frame(KEY if frame == 3 else DELTA):
            feed.put(packet, 10.1)

    # the first stray number is not counted, by RFC 3550 A.1
    counted = feed.stream.take(11.0)
    assert counted.frames == 5 + 7
    assert counted.expected == 10 + 19


def test_transport_wide_numbers_are_noted_with_their_times():
    feed = Feed("camera", wide_id=4)
    for packet in feed.video_frame(KEY, pieces=10):
        feed.put(packet, 10.5)

    (told,) = rtcp.parse_compound(feed.arrivals.feedback(1, 9, 0))
    assert isinstance(told, rtcp.TransportFeedback)
    assert told.base_sequence == 65_531
    assert told.arrivals_s == (10.5,) * 10


def test_the_report_block_says_what_rfc_3550_says():
    rng = random.Random(1)
    feed = Feed("audio", first=5)
    feed.stream.heard_sender_report(
        rtcp.SenderReport(
            ssrc=9,
            ntp_timestamp=0x1122334455667788,
            rtp_timestamp=0,
            packet_count=0,
            octet_count=0,
        ),
        now_s=10.0,
    )
    kept = 0
    for number in range(200):
        packet = feed.protected(b"opus", marker=False)
        if number in (0, 199) or rng.random() > 0.25:
            feed.put(packet, 10 + number / 50)
            kept += 1
    block = feed.stream.report_block(14.5)
    (report,) = rtcp.parse_compound(rtcp.build_receiver_report(1, [block]))

    assert isinstance(report, rtcp.ReceiverReport)
    (read,) = report.reports
    assert read.packets_lost == 200 - kept
    assert read.fraction_lost == ((200 - kept) << 8) // 200
    assert read.highest_sequence == 204
    assert read.last_sr == 0x33445566
    assert read.delay_since_sr == int(4.5 * 65536)


def test_broken_vp8_and_headers_are_no_key_frames():
    feed = Feed("camera")
    feed.put(feed.protected(b"\x90", marker=True), 1.0)
    feed.put(feed.protected(b"", marker=True), 1.0)

    assert feed.stream.first_s is None
    assert feed.stream.take(2.0).frames == 0
