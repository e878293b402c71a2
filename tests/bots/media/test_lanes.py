"""Lanes of either kind beside streams without one: the same packets and figures."""

import random
import socket
from array import array

import pytest

from bots.media import lanes, rtp
from bots.media.arrivals import Arrivals
from bots.media.dtls import SrtpKeys
from bots.media.negotiation import Incoming
from bots.media.receiving import ReceiveStream
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from tests.support.compiled import needs_compiled

SENDER_KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(range(30)), remote=bytes(30)
)
KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(30), remote=bytes(range(30))
)
SSRC = 9
GROUP = 30
"""Frames from one key frame to the next."""


@pytest.fixture(
    autouse=True, params=["python", pytest.param("compiled", marks=needs_compiled)]
)
def way(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(lanes, "compiled", None)


class Receiver:
    """A stream, with or without a lane, and what its session would hold."""

    def __init__(self, media: str, *, wide_id: int = 0, has_lane: bool = True) -> None:
        self.arrivals = lanes.make_arrivals() if has_lane else Arrivals()
        self.lanes: lanes.Lanes = {}
        self.tally = array("q", [0])
        clock_hz = 48_000 if media == "audio" else 90_000
        receiver = SrtpReceiver(KEYS)
        self.stream: ReceiveStream
        if not has_lane:
            self.stream = ReceiveStream(
                receiver,
                media=media,
                ssrc=SSRC,
                clock_hz=clock_hz,
                tag_bytes=receiver.tag_bytes,
                has_nack=True,
                wide_id=wide_id,
                arrivals=self.arrivals,
            )
            return
        self.stream = lanes.make_stream(
            receiver,
            Incoming(
                media=media,
                clock_hz=clock_hz,
                payload_type=96,
                has_nack=True,
                wide_id=wide_id,
                ssrcs=(SSRC,),
            ),
            ssrc=SSRC,
            depth="light",
            arrivals=self.arrivals,
            lanes=self.lanes,
            tally=self.tally,
        )

    def put(self, packet: bytes, now_s: float) -> None:
        if self.lanes and self.lanes[SSRC].packet(packet, now_s):
            return
        workspace[: len(packet)] = packet
        if self.stream.packet(
            packet[1], rtp.sequence(packet), rtp.timestamp(packet), len(packet), now_s
        ):
            self.stream.wishes(now_s, 1)


def sent(
    media: str, *, wide: bool, seconds: int, rng: random.Random
) -> list[tuple[float, bytes]]:
    """Protected packets with their times; numbers and timestamps wrap on the way."""
    sender = SrtpSender(SENDER_KEYS)
    sequence, timestamp = 65_400, 0xFFFF_0000
    number = 65_500
    packets = []
    per_second = 50 if media == "audio" else 15
    for index in range(per_second * seconds):
        pieces = 1 if media == "audio" else rng.randint(1, 4)
        for piece in range(pieces):
            payload = bytes(rng.randint(20, 200))
            if media != "audio":
                kind = b"\x10" if index % GROUP == 0 else b"\x11"
                payload = (
                    rtp.build_vp8_descriptor(starts_frame=not piece, picture_id=index)
                    + (b"x" if piece else kind)
                    + payload
                )
            elements = [(2, bytes(3))]
            # now and then another element first, so that the number stands elsewhere
            if rng.random() < 0.02:
                elements.insert(0, (5, bytes(2)))
            if wide:
                elements.append((4, (number & 0xFFFF).to_bytes(2, "big")))
            header = rtp.build_header(
                payload_type=96,
                sequence=sequence,
                timestamp=timestamp,
                ssrc=SSRC,
                marker=media != "audio" and piece == pieces - 1,
                extensions=rtp.build_extensions(tuple(elements)),
            )
            sequence += 1
            number += 1
            at_s = 100.0 + index / per_second + 0.001 * piece
            packets.append((at_s, bytes(sender.protect(header + payload))))
        timestamp += 960 if media == "audio" else 6000
    return packets


def disturbed(
    packets: list[tuple[float, bytes]], rng: random.Random, share: float
) -> list[tuple[float, bytes]]:
    """Lose, swap, repeat and forge some packets, delay all, and pause now and then."""
    taken = packets[:20]
    pause_s = 0.0
    for at_s, packet in packets[20:]:
        chance = rng.random()
        if chance < share:
            continue
        if chance < 1.5 * share:
            taken.append((at_s, packet))
        elif chance < 2 * share:
            packet = packet[:-1] + bytes((packet[-1] ^ 1,))
        if rng.random() < share / 10:
            pause_s += 0.4
        taken.append((at_s + pause_s + rng.uniform(0, 0.004), packet))
        if chance > 1 - share:
            taken[-2:] = reversed(taken[-2:])
    times = sorted(at_s for at_s, _ in taken)
    return list(zip(times, (packet for _, packet in taken), strict=True))


@pytest.mark.parametrize("media", ["audio", "camera"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("wide", [True, False])
def test_lane_and_stream_tell_the_same_of_the_same_packets(media, share, wide):
    rng = random.Random(f"{media} {share} {wide}")
    arriving = disturbed(sent(media, wide=wide, seconds=40, rng=rng), rng, share)
    fast = Receiver(media, wide_id=4 * wide)
    plain = Receiver(media, wide_id=4 * wide, has_lane=False)
    asked_s = arriving[0][0]

    for at_s, packet in arriving:
        fast.put(packet, at_s)
        plain.put(packet, at_s)
        assert fast.stream.heard_s == plain.stream.heard_s
        if at_s - asked_s >= 1.7:
            asked_s = at_s
            told = fast.arrivals.feedback(1, SSRC, 7)
            assert told == plain.arrivals.feedback(1, SSRC, 7)
            assert bool(told) == wide
            assert fast.stream.report_block(at_s) == plain.stream.report_block(at_s)
            ours, theirs = fast.stream.take(at_s), plain.stream.take(at_s)
            assert ours == theirs

    assert fast.stream.take(1000.0) == plain.stream.take(1000.0)
    assert fast.tally[0] > (0.9 * len(arriving) if not share else 0)
    assert plain.tally[0] == 0


def test_a_reader_counts_what_is_usual_and_hands_on_the_rest():
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    ours.setblocking(False)
    handed: list[bytes] = []
    receiver = Receiver("audio")
    packets = [
        packet
        for _, packet in sent("audio", wide=False, seconds=1, rng=random.Random(1))
    ]
    with ours, theirs:

        def take(size: int) -> None:
            packet = bytes(workspace[:size])
            handed.append(packet)
            if packet in packets:
                receiver.put(packet, 1.0)

        read = lanes.reader(ours, receiver.lanes, take)
        check, report, crumb = b"\x00\x01" + bytes(18), b"\x80\xc8" + bytes(26), b"\x80"
        theirs.send(packets[0])
        read()
        for datagram in [*packets[1:5], check, report, crumb]:
            theirs.send(datagram)
        for _ in range(10):
            read()

    assert handed == [packets[0], check, report, crumb]
    assert receiver.tally[0] == 4
    assert receiver.stream.take(2.0).packets == 5


def test_a_socket_that_is_closed_meanwhile_is_not_read_again():
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    ours.setblocking(False)
    handed: list[int] = []

    def take(size: int) -> None:
        handed.append(size)
        ours.close()

    read = lanes.reader(ours, {}, take)
    with theirs:
        theirs.send(b"one")
        theirs.send(b"two")
        read()
        read()

    assert handed == [3]


def test_what_goes_wrong_in_a_session_comes_out_of_the_reader():
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    ours.setblocking(False)

    def take(size: int) -> None:
        raise RuntimeError(f"{size} bytes")

    with ours, theirs:
        theirs.send(b"one")
        with pytest.raises(RuntimeError, match="3 bytes"):
            lanes.reader(ours, {}, take)()


@pytest.mark.parametrize("depth", ["decrypt", "decode"])
def test_a_stream_that_opens_every_packet_has_no_lane(depth):
    kept: lanes.Lanes = {}
    stream = lanes.make_stream(
        SrtpReceiver(KEYS),
        Incoming(
            media="audio",
            clock_hz=48_000,
            payload_type=96,
            has_nack=False,
            wide_id=0,
            ssrcs=(SSRC,),
        ),
        ssrc=SSRC,
        depth=depth,
        arrivals=Arrivals(),
        lanes=kept,
        tally=array("q", [0]),
    )

    assert type(stream) is ReceiveStream
    assert kept == {}
