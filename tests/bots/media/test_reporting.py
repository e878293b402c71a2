"""A session's RTCP, sent by a reporter through real SRTCP and read again."""

import asyncio
import itertools
import random

import pytest
from aiortc import rtp as aiortc_rtp

from bots.media import packets, rtcp, rtp
from bots.media.audio_stream import AudioStream
from bots.media.pacer import NEVER, Pacer
from bots.media.reporting import GRID_S, Reporter
from bots.media.sending import Outlet
from bots.media.srtp import SrtpReceiver, SrtpSender
from tests.bots.media.test_receiving import KEY, KEYS, SENDER_KEYS, Feed

SPEECH = packets.AudioPackets(speech=(b"\x78abc",), silence=b"\x78")
UNIX_OFFSET_S = 1_700_000_000.0


class Around:
    """A reporter with what surrounds it in a session."""

    def __init__(self, *, sends: bool = False, **facts: object) -> None:
        self.loop = asyncio.new_event_loop()
        self.outlet = Outlet(Pacer(self.loop))
        self.opener = SrtpReceiver(KEYS)
        self.sent: list[bytes] = []
        self.outlet.open(SrtpSender(SENDER_KEYS), self._send)
        self.feed = Feed("camera", wide_id=4)
        self.sender = AudioStream(
            self.outlet,
            SPEECH,
            ssrc=5,
            payload_type=111,
            extensions=rtp.ExtensionIds(),
            mid="",
            rng=random.Random(1),
        )
        options = {
            "has_reference_time": False,
            "has_transport_feedback": False,
            "has_estimate": False,
            "has_video_in": True,
            "tick": lambda now_s: None,
        }
        self.reporter = Reporter(
            self.outlet,
            senders=[self.sender] if sends else [],
            streams={9: self.feed.stream},
            arrivals=self.feed.arrivals,
            own_ssrc=5,
            cname="me",
            unix_offset_s=UNIX_OFFSET_S,
            rng=random.Random(1),
            **(options | facts),  # type: ignore[arg-type]
        )

    def _send(self, data: memoryview | bytes) -> None:
        if rtp.is_rtcp(data):
            opened = self.opener.unprotect_rtcp(bytes(data))
            assert opened is not None
            self.sent.append(opened)

    def frames(self, count: int, now_s: float) -> None:
        for _ in range(count):
            for packet in self.feed.video_frame(KEY):
                self.feed.put(packet, now_s)

    def read(self) -> list[rtcp.Packet]:
        found = [packet for text in self.sent for packet in rtcp.parse_compound(text)]
        for text in self.sent:
            aiortc_rtp.RtcpPacket.parse(text)  # raises on what it cannot read
        self.sent.clear()
        return found


@pytest.fixture
def around():
    made: list[Around] = []

    def make(**facts: object) -> Around:
        made.append(Around(**facts))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.loop.close()


def of(kind: type, found: list[rtcp.Packet]) -> list:
    return [packet for packet in found if isinstance(packet, kind)]


def test_a_viewer_sends_receiver_reports_about_once_a_second(around):
    viewer = around()
    viewer.frames(3, 100.0)
    reporter = viewer.reporter
    reporter.due_s = reporter._next_look_s = 100.0
    while reporter.due_s < 160.0:
        reporter.fire(reporter.due_s)

    found = viewer.read()
    reports = of(rtcp.ReceiverReport, found)
    assert 55 <= len(reports) <= 65
    assert all(report.reports[0].ssrc == 9 for report in reports)
    assert of(rtcp.SourceDescription, found)[0].cnames == ((5, "me"),)


def test_more_streams_than_a_report_holds_take_turns(around):
    viewer = around()
    for ssrc in range(100, 172):
        viewer.reporter._streams[ssrc] = Feed("camera").stream
        viewer.reporter._streams[ssrc].ssrc = ssrc
    reports = [
        rtcp.parse_compound(viewer.reporter.report(100.0 + second))[0]
        for second in range(3)
    ]

    told = [block.ssrc for report in reports for block in report.reports]
    assert [len(report.reports) for report in reports] == [31, 31, 31]
    assert set(told) == {9, *range(100, 172)}
    assert told[:73] == [9, *range(100, 172)]


def test_audio_alone_is_reported_every_five_seconds_and_looked_after_every_one(around):
    looks_s: list[float] = []
    talker = around(sends=True, has_video_in=False, tick=looks_s.append)
    talker.reporter.due_s = talker.reporter._next_look_s = 100.0
    talker.sender.fire(99.9)
    while (due_s := talker.reporter.due_s) < 200.0:
        assert due_s / GRID_S == pytest.approx(round(due_s / GRID_S))  # shared turns
        talker.reporter.fire(due_s)

    assert 18 <= len(of(rtcp.SenderReport, talker.read())) <= 22
    steps_s = [later - at for at, later in itertools.pairwise(looks_s)]
    assert len(steps_s) > 80
    assert all(0.79 < step_s < 1.21 for step_s in steps_s)


def test_a_sender_sends_sender_reports_with_the_blocks(around):
    sender = around(sends=True)
    sender.frames(2, 100.0)
    sender.sender.fire(100.0)
    (report, *_) = rtcp.parse_compound(sender.reporter.report(100.5))

    assert isinstance(report, rtcp.SenderReport)
    assert report.packet_count == 1
    assert report.ntp_timestamp == rtcp.ntp_timestamp(UNIX_OFFSET_S + 100.5)
    assert [block.ssrc for block in report.reports] == [9]


def test_round_trips_come_from_report_blocks_and_from_dlrr(around):
    sender = around(sends=True, has_reference_time=True)
    sender.sender.fire(100.0)
    report, _, reference = rtcp.parse_compound(sender.reporter.report(100.0))
    assert isinstance(report, rtcp.SenderReport)
    assert isinstance(reference, rtcp.ExtendedReport)
    assert reference.ntp_timestamp is not None
    last = rtcp.compact_ntp(report.ntp_timestamp)

    block = rtcp.build_report_block(5, 0, 0, 1, 0, last, 65536 // 2)
    sender.reporter.receive(rtcp.build_receiver_report(1, [block]), 100.75)
    assert sender.reporter.rtt_s == pytest.approx(0.25, abs=1e-4)
    assert sender.sender.rtt_s == pytest.approx(0.25, abs=1e-4)

    last = rtcp.compact_ntp(reference.ntp_timestamp)
    delays = rtcp.build_delays(1, [(5, last, 65536)])
    sender.reporter.receive(delays, 101.1)
    assert sender.reporter.rtt_s == pytest.approx(0.1, abs=1e-4)


def test_the_other_sides_reference_time_is_answered_once(around):
    sender = around()
    sender.reporter.receive(rtcp.build_reference_time(77, 0x1122334455667788), 100.0)

    first = of(
        rtcp.ExtendedReport, list(rtcp.parse_compound(sender.reporter.report(102.5)))
    )
    second = of(
        rtcp.ExtendedReport, list(rtcp.parse_compound(sender.reporter.report(103)))
    )

    assert first[0].delays == ((77, 0x33445566, int(2.5 * 65536)),)
    assert second == []


def test_transport_feedback_tells_each_arrival_where_it_was_negotiated(around):
    viewer = around(has_transport_feedback=True)
    viewer.frames(10, 100.0)
    viewer.reporter.due_s = 100.1
    viewer.reporter._next_look_s = 1000.0
    viewer.reporter.fire(100.1)
    (feedback,) = of(rtcp.TransportFeedback, viewer.read())

    assert feedback.base_sequence == 65531
    assert len(feedback.arrivals_s) == 20
    assert all(at_s == pytest.approx(100.0) for at_s in feedback.arrivals_s)
    viewer.reporter.fire(100.4)
    assert of(rtcp.TransportFeedback, viewer.read()) == []

    silent = around(has_transport_feedback=False)
    silent.frames(10, 100.0)
    silent.reporter.due_s = 100.1
    silent.reporter.fire(100.1)
    assert of(rtcp.TransportFeedback, silent.read()) == []
    assert len(silent.feed.arrivals) == 0


def test_an_estimate_is_sent_where_only_remb_was_negotiated(around):
    viewer = around(has_estimate=True)
    viewer.frames(2, 100.0)

    (estimate,) = of(
        rtcp.BitrateEstimate, list(rtcp.parse_compound(viewer.reporter.report(101)))
    )

    assert estimate.bitrate_bps >= 990_000
    assert estimate.ssrcs == (9,)


def test_gaps_and_awaited_key_frames_are_asked_for_on_the_timer(around):
    viewer = around()
    viewer.reporter.due_s = 100.0
    viewer.reporter._next_look_s = 1000.0
    viewer.reporter.fire(100.0)  # nothing shown yet: a key frame is awaited
    assert of(rtcp.PictureLoss, viewer.read())
    assert viewer.reporter.due_s == pytest.approx(100.1)

    viewer.frames(3, 100.1)
    viewer.feed.sequence += 1
    viewer.frames(1, 100.15)
    viewer.reporter.fire(100.2)
    (nack,) = of(rtcp.Nack, viewer.read())
    assert len(nack.sequences) == 1


def test_wishes_of_the_other_side_reach_the_right_sender(around):
    sender = around(sends=True)
    for text in (
        rtcp.build_nack(1, 5, [1, 2]),
        rtcp.build_nack(1, 6, [3]),
        rtcp.build_picture_loss(1, 5),
        rtcp.build_picture_loss(1, 6),
        rtcp.build_full_intra_request(1, [(5, 1), (6, 2)]),
        b"not rtcp",
    ):
        sender.reporter.receive(text, 100.0)
    counters = sender.sender.take()

    assert (counters.nacks, counters.plis) == (2, 2)


def test_silence_is_noticed_in_time_when_reports_used_to_come(around):
    sender = around(sends=True)
    reporter = sender.reporter
    reporter.begin(100.0)
    block = rtcp.build_receiver_report(1)
    while reporter.due_s < 120.0:
        sender.sender.fire(reporter.due_s)
        reporter.receive(block, reporter.due_s)
        reporter.fire(reporter.due_s)
    assert not reporter.is_silent

    last_s = reporter.heard_s
    while not reporter.is_silent:
        reporter.fire(reporter.due_s)
        assert reporter.due_s < last_s + 30
    # three reports of audio, and a look that is up to 1.2 s away
    assert 17.5 < reporter.due_s - last_s < 19.5

    reporter.receive(block, reporter.due_s)
    while reporter.is_silent:
        reporter.fire(reporter.due_s)


def test_a_reporter_whose_outlet_is_closed_leaves_the_pacer(around):
    viewer = around()
    viewer.outlet.close()
    viewer.reporter.due_s = 100.0

    viewer.reporter.fire(100.0)

    assert viewer.reporter.due_s == NEVER


def test_the_goodbye_names_our_sources(around):
    sender = around(sends=True)
    sender.sender.fire(100.0)

    *_, bye = rtcp.parse_compound(sender.reporter.goodbye(101.0))

    assert bye == rtcp.Bye(ssrcs=(5,))
