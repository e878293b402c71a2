"""What senders let out, unprotected again and read by aiortc.

Once through a function, in Python, and once through a socket by the compiled way.
"""

import asyncio
import errno
import itertools
import random
import socket

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from pylibsrtp import Error as SrtpError

from bots.media import lanes, packets, rtcp, rtp
from bots.media.audio_stream import AudioStream
from bots.media.dtls import SrtpKeys
from bots.media.pacer import Pacer
from bots.media.sending import Outlet, SendStream
from bots.media.srtp import (
    OVERHEAD_BYTES,
    WORKSPACE_BYTES,
    SrtpReceiver,
    SrtpSender,
)
from bots.media.video_stream import (
    HISTORY_PACKETS,
    MAX_RESENDS_A_NACK,
    VideoStream,
)
from tests.support.compiled import needs_compiled

IDS = rtp.ExtensionIds(abs_send_time=2, transport_sequence=4, mid=9)
KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(range(30)), remote=bytes(30)
)
THEIR_KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(30), remote=bytes(range(30))
)
SPEECH = packets.AudioPackets(
    speech=tuple(bytes([0x78, n]) * 30 for n in range(10)), silence=b"\x78"
)


def video_clip(frames: int = 20, group: int = 5) -> packets.VideoPackets:
    rng = random.Random(1)
    return packets.packetise_video(
        tuple(
            bytes([0x10 | (n % group > 0)]) + rng.randbytes(rng.choice((200, 2500)))
            for n in range(frames)
        ),
        15.0,
    )


class Wire:
    """Collects what an outlet sends, unprotected and parsed by aiortc."""

    def __init__(self, *, is_compiled: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.pacer = Pacer(self.loop)
        self.outlet = Outlet(self.pacer)
        self.receiver = SrtpReceiver(THEIR_KEYS)
        self.packets: list[RtpPacket] = []
        self.sizes: list[int] = []
        self.ids = HeaderExtensionsMap()
        self.ids.configure(
            RTCRtpParameters(
                headerExtensions=[
                    RTCRtpHeaderExtensionParameters(id=2, uri=rtp.ABS_SEND_TIME_URI),
                    RTCRtpHeaderExtensionParameters(
                        id=4, uri=rtp.TRANSPORT_SEQUENCE_URI
                    ),
                    RTCRtpHeaderExtensionParameters(id=9, uri=rtp.MID_URI),
                ]
            )
        )
        self.ours, self.theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        descriptor = self.ours.fileno() if is_compiled else -1
        self.outlet.open(SrtpSender(KEYS), self.send, descriptor)
        if is_compiled:
            self.outlet.way = ReadAtOnce(self.outlet.way, self.read)

    def close(self) -> None:
        self.loop.close()
        self.ours.close()
        self.theirs.close()

    def read(self) -> None:
        self.send(self.theirs.recv(4096, socket.MSG_DONTWAIT))

    def send(self, data: memoryview | bytes) -> None:
        self.sizes.append(len(data))
        packet = self.receiver.unprotect(bytes(data))
        if packet is None:  # a packet sent again is a replay to libsrtp
            self.packets.append(RtpPacket.parse(bytes(data), self.ids))
        else:
            self.packets.append(RtpPacket.parse(packet, self.ids))


class ReadAtOnce:
    """The compiled way, whose socket is emptied after each packet."""

    def __init__(self, way, read) -> None:
        self.way = way
        self.read = read

    def packet(self, *fields) -> int:
        status = self.way.packet(*fields)
        self.read()
        return status


@pytest.fixture(params=["python", pytest.param("compiled", marks=needs_compiled)])
def wire(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(lanes, "compiled", None)
    made = Wire(is_compiled=request.param == "compiled")
    yield made
    made.close()


def camera(wire: Wire, clip: packets.VideoPackets, **changes) -> VideoStream:
    facts = {
        "media": "camera",
        "ssrc": 77,
        "payload_type": 96,
        "extensions": IDS,
        "mid": "1",
        "rng": random.Random(2),
    }
    return VideoStream(wire.outlet, clip, **(facts | changes))


def microphone(wire: Wire, **changes) -> AudioStream:
    facts = {
        "ssrc": 78,
        "payload_type": 111,
        "extensions": rtp.ExtensionIds(),
        "mid": "",
        "rng": random.Random(2),
    }
    return AudioStream(wire.outlet, SPEECH, **(facts | changes))


def run(stream: VideoStream | AudioStream, turns: int, start_s: float = 100.0) -> float:
    if not stream.due_s:
        stream.due_s = start_s
    for _ in range(turns):
        stream.fire(stream.due_s)
    return stream.due_s


def frames_in(wire: Wire) -> list[tuple[int, int, bytes]]:
    """(picture id, timestamp, data) of each frame, by aiortc's depacketiser."""
    frames: list[tuple[int, int, bytes]] = []
    for packet in wire.packets:
        descriptor, data = VpxPayloadDescriptor.parse(packet.payload)
        if descriptor.partition_start:
            frames.append((descriptor.picture_id, packet.timestamp, b""))
        picture_id, stamp, before = frames[-1]
        assert (descriptor.picture_id, packet.timestamp) == (picture_id, stamp)
        frames[-1] = (picture_id, stamp, before + data)
    return frames


def test_numbers_run_on_over_the_end_of_the_loop_and_the_data_is_the_clip(wire):
    clip = video_clip()
    stream = camera(wire, clip)
    run(stream, 50)

    sequences = [packet.sequence_number for packet in wire.packets]
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)} == {1}
    frames = frames_in(wire)
    steps = list(itertools.pairwise(frames))
    assert {(b[0] - a[0]) & 0x7FFF for a, b in steps} == {1}
    assert {(b[1] - a[1]) & 0xFFFFFFFF for a, b in steps} == {6000}
    whole = [
        b"".join(clip.payloads[first:last])
        for first, last in itertools.pairwise(clip.first_of_frame)
    ]
    begin = whole.index(frames[0][2])
    assert begin in clip.key_frames
    assert [data for _, _, data in frames] == [
        whole[(begin + n) % 20] for n in range(50)
    ]
    markers = [packet.marker for packet in wire.packets]
    assert sum(markers) == 50
    assert max(wire.sizes) <= packets.MAX_DATAGRAM_BYTES


@pytest.mark.parametrize("media", ["camera", "audio"])
def test_timestamps_tell_when_a_packet_was_due_by_the_machines_clock(wire, media):
    is_audio = media == "audio"
    stream = microphone(wire) if is_audio else camera(wire, video_clip())
    stream.set_out(500_000.0)  # past the first turn of a timestamp
    dues_s = []
    for turn in range(50):
        dues_s.append(stream.due_s)
        # once it stands still for longer than what is caught up
        stream.fire(stream.due_s + (1.7 if turn == 30 else 0.002))
    dues_s[30] = dues_s[31] - (0.02 if is_audio else 1 / 15)

    clock_hz = 48_000 if is_audio else 90_000
    stamps = list(dict.fromkeys(packet.timestamp for packet in wire.packets))
    for stamp, due_s in zip(stamps, dues_s, strict=True):
        assert abs(rtp.timestamp_distance(round(due_s * clock_hz), stamp)) <= 1


@pytest.mark.parametrize("picture_id", [32760, 127])
def test_picture_id_sequence_and_timestamp_wrap(wire, picture_id):
    stream = camera(wire, video_clip())
    stream._picture_id = picture_id
    stream._sequence = stream._first = 65530
    stream._exact_timestamp = 4_294_967_000.0
    run(stream, 20)

    frames = frames_in(wire)
    assert [f[0] for f in frames] == [(picture_id + n) & 0x7FFF for n in range(20)]
    assert frames[1][1] == (4_294_967_000 + 6000) & 0xFFFFFFFF
    assert stream.take().last_sequence == 65530 + len(wire.packets) - 1


def test_extensions_are_written_for_each_packet(wire):
    stream = camera(wire, video_clip())
    run(stream, 10, start_s=70.5)

    wide = [packet.extensions.transport_sequence_number for packet in wire.packets]
    assert wide == list(range(1, len(wide) + 1))
    assert {packet.extensions.mid for packet in wire.packets} == {"1"}
    first, last = wire.packets[0], wire.packets[-1]
    assert first.extensions.abs_send_time == rtp.abs_send_time(70.5)
    assert last.extensions.abs_send_time == rtp.abs_send_time(70.5 + 9 / 15)


def test_extensions_that_were_not_negotiated_are_not_written(wire):
    stream = camera(wire, video_clip(), extensions=rtp.ExtensionIds())
    run(stream, 3)

    assert all(packet.extensions.mid is None for packet in wire.packets)
    stream.negotiated(120, rtp.ExtensionIds(transport_sequence=4))
    run(stream, 1)
    assert wire.packets[-1].payload_type == 120
    assert wire.packets[-1].extensions.transport_sequence_number is not None
    assert wire.packets[-1].extensions.abs_send_time is None


def test_a_nack_brings_the_same_packet_again(wire):
    stream = camera(wire, video_clip())
    run(stream, 30)
    sent = {packet.sequence_number: packet for packet in wire.packets}
    wanted = list(sent)[5:9]
    wire.packets.clear()

    stream.answer_nack(wanted, 200.0)

    assert [packet.sequence_number for packet in wire.packets] == wanted
    for again in wire.packets:
        before = sent[again.sequence_number]
        assert (again.timestamp, again.marker) == (before.timestamp, before.marker)
    assert stream.take().nacks == 4


def test_a_nack_for_what_is_forgotten_or_never_was_brings_nothing(wire):
    stream = camera(wire, video_clip())
    run(stream, 400)
    sequences = [packet.sequence_number for packet in wire.packets]
    assert len(sequences) > HISTORY_PACKETS
    wire.packets.clear()

    stream.answer_nack([sequences[0], (sequences[-1] + 1) & 0xFFFF], 200.0)
    assert wire.packets == []

    stream.answer_nack(sequences[-300:], 200.0)
    assert len(wire.packets) == MAX_RESENDS_A_NACK


def test_a_wish_for_a_key_frame_jumps_and_wishes_in_a_row_are_one(wire):
    clip = video_clip(frames=100, group=50)
    stream = camera(wire, clip)
    run(stream, 3)
    now_s = stream.due_s

    for moment in (0.0, 0.1, 0.2):
        stream.answer_key_frame_wish(now_s + moment)
        run(stream, 1)
    counters = stream.take()

    assert counters.plis == 3
    assert counters.key_frames == 2  # the one it began with, and one more
    data = [frame[2] for frame in frames_in(wire)]
    assert data[3][0] & 1 == 0
    assert data[4][0] & 1 == 1
    ids = [frame[0] for frame in frames_in(wire)]
    assert {(b - a) & 0x7FFF for a, b in itertools.pairwise(ids)} == {1}


def test_after_a_pause_time_has_gone_on_and_a_key_frame_comes_first(wire):
    stream = camera(wire, video_clip())
    run(stream, 3)
    stream.is_sending = False
    run(stream, 7)
    stream.is_sending = True
    run(stream, 1)

    frames = frames_in(wire)
    sequences = [packet.sequence_number for packet in wire.packets]
    assert len(frames) == 4
    assert frames[3][1] - frames[2][1] == 8 * 6000
    assert frames[3][2][0] & 1 == 0
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)} == {1}


def test_speech_and_silence_keep_fifty_packets_a_second(wire):
    stream = microphone(wire)
    run(stream, 5)
    stream.is_talking = False
    run(stream, 5)
    stream.is_talking = True
    run(stream, 5)

    stamps = [packet.timestamp for packet in wire.packets]
    assert {(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)} == {960}
    assert [len(packet.payload) for packet in wire.packets] == [60] * 5 + [1] * 5 + (
        [60] * 5
    )
    markers = [index for index, packet in enumerate(wire.packets) if packet.marker]
    assert markers == [0, 10]
    counters = stream.take()
    assert (counters.packets, counters.frames) == (15, 15)
    assert counters.bytes == 15 * 12 + 10 * 60 + 5


def test_lateness_is_counted_and_a_long_standstill_is_not_caught_up(wire):
    stream = microphone(wire)
    run(stream, 1)
    stamp = wire.packets[0].timestamp

    stream.fire(stream.due_s + 0.015)
    assert wire.pacer.late_packets == 0
    stream.fire(stream.due_s + 0.5)
    assert wire.pacer.late_packets == 1
    due_s = stream.due_s
    stream.fire(due_s + 5.0)

    assert wire.pacer.late_packets == 1 + 1 + 250
    assert stream.due_s == pytest.approx(due_s + 5.02)
    assert wire.packets[-1].timestamp == (stamp + 960 * (3 + 250)) & 0xFFFFFFFF
    assert len(wire.packets) == 4


def test_a_full_socket_is_counted_and_does_not_stop_the_stream(wire):
    stream = microphone(wire)
    wire.outlet.open(SrtpSender(KEYS), _full)
    run(stream, 3)

    assert wire.pacer.dropped_packets == 3
    assert wire.pacer.sent_packets == 0
    wire.outlet.close()
    run(stream, 1)
    assert wire.pacer.dropped_packets == 3


def _full(data: memoryview | bytes) -> None:
    raise BlockingIOError(errno.EAGAIN, "no room")


def test_what_the_other_side_refused_is_no_packet_that_we_lost(wire):
    def refused(data):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "an ICMP error")

    stream = microphone(wire)
    wire.outlet.open(SrtpSender(KEYS), refused)
    run(stream, 3)

    assert wire.pacer.dropped_packets == 0
    assert wire.pacer.sent_packets == 0


def test_a_sender_report_tells_the_time_of_the_stream_and_what_was_sent(wire):
    stream = camera(wire, video_clip())
    due_s = run(stream, 10)
    report = stream.report(due_s + 0.01, 5 << 32, [])
    (read,) = rtcp.parse_compound(report)

    assert isinstance(read, rtcp.SenderReport)
    assert read.packet_count == len(wire.packets)
    assert read.octet_count == sum(len(packet.payload) for packet in wire.packets)
    next_stamp = (wire.packets[-1].timestamp + 6000) & 0xFFFFFFFF
    assert rtp.timestamp_distance(read.rtp_timestamp, next_stamp) == pytest.approx(
        900, abs=2
    )


def test_what_a_receiver_reports_appears_in_the_counters_once(wire):
    stream = camera(wire, video_clip())
    run(stream, 10)
    block = rtcp.ReportBlock(
        ssrc=77,
        fraction_lost=3,
        packets_lost=4,
        highest_sequence=1,
        jitter=900,
        last_sr=0,
        delay_since_sr=0,
    )
    stream.heard_report(block, 0.05)

    first, second = stream.take(), stream.take()

    assert (first.lost, first.jitter_s, first.rtt_s) == (4, 0.01, 0.05)
    assert (second.lost, second.packets, second.bytes) == (0, 0, 0)
    assert first.packets == first.expected == len(wire.packets)
    assert first.last_sequence - first.first_sequence + 1 == len(wire.packets)


class Ways:
    """A microphone and a camera that send the same by either way."""

    def __init__(self, monkeypatch) -> None:
        self.python: list[bytes] = []
        self.loop = asyncio.new_event_loop()
        self.ours, self.theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        self.fast = Outlet(Pacer(self.loop))
        self.fast.open(SrtpSender(KEYS), print, self.ours.fileno())
        self.fast_streams = self.streams(self.fast)
        monkeypatch.setattr(lanes, "compiled", None)
        self.plain = Outlet(Pacer(self.loop))
        self.plain.open(SrtpSender(KEYS), self.keep, self.ours.fileno())
        self.plain_streams = self.streams(self.plain)

    def keep(self, data: memoryview | bytes) -> None:
        self.python.append(bytes(data))

    @staticmethod
    def streams(outlet: Outlet) -> list[SendStream]:
        facts = {"outlet": outlet, "extensions": IDS, "mid": "0"}
        seed = random.Random(5)
        return [
            AudioStream(clip=SPEECH, ssrc=1, payload_type=111, rng=seed, **facts),
            VideoStream(
                clip=video_clip(),
                media="camera",
                ssrc=2,
                payload_type=96,
                rng=seed,
                **facts,
            ),
        ]

    def close(self) -> None:
        self.loop.close()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def ways(monkeypatch):
    made = Ways(monkeypatch)
    yield made
    made.close()


@needs_compiled
def test_both_ways_send_the_same_bytes(ways):
    assert ways.fast.way is not None
    assert ways.plain.way is None
    for _ in range(200):
        for fast, plain in zip(ways.fast_streams, ways.plain_streams, strict=True):
            now_s = plain.due_s + 0.001
            fast.fire(now_s)
            plain.fire(now_s)
            while ways.python:
                assert ways.theirs.recv(4096, socket.MSG_DONTWAIT) == ways.python.pop(0)
        for outlet in (ways.fast, ways.plain):
            outlet.send_rtcp(rtcp.build_receiver_report(1))
        assert ways.theirs.recv(4096, socket.MSG_DONTWAIT) == ways.python.pop(0)
    assert ways.fast.pacer.sent_packets == ways.plain.pacer.sent_packets > 400


@needs_compiled
def test_the_compiled_way_counts_a_full_socket_and_excuses_what_others_refuse(ways):
    microphone = ways.fast_streams[0]
    while not ways.fast.pacer.dropped_packets:
        microphone.fire(microphone.due_s)
    sent = ways.fast.pacer.sent_packets
    ways.fast.send_rtcp(rtcp.build_receiver_report(1))
    assert ways.fast.pacer.dropped_packets == 2

    ways.theirs.close()
    microphone.fire(microphone.due_s)
    ways.fast.send_rtcp(rtcp.build_receiver_report(1))
    assert ways.fast.pacer.dropped_packets == 2
    assert ways.fast.pacer.sent_packets == sent


@needs_compiled
def test_the_compiled_way_takes_nothing_that_does_not_fit(ways):
    microphone = ways.fast_streams[0]
    with pytest.raises(ValueError, match="longer than the workspace"):
        microphone._send(111, 1, 1, 0, bytes(WORKSPACE_BYTES - OVERHEAD_BYTES), 0.0)
    with pytest.raises(ValueError, match="longer than the workspace"):
        ways.fast.send_rtcp(bytes(WORKSPACE_BYTES))
    with pytest.raises(ValueError, match="do not fit"):
        lanes._lane.Header(first=0, ssrc=1, extensions=b"", time_at=13, wide_at=0)


@needs_compiled
def test_what_libsrtp_refuses_is_an_error_by_either_way(ways):
    nothing = bytes(4)  # too short for the header of RTCP
    for outlet in (ways.fast, ways.plain):
        with pytest.raises(SrtpError, match="refused to protect"):
            outlet.send_rtcp(nothing)
