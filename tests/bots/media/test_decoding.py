"""The three depths see the same stream alike, and a decoder confirms them.

A real sender's SRTP goes, with the same losses and overtakings, to one receiver of each
depth. Time is an argument, so nothing here depends on the machine's speed.
"""

import random
from array import array

import pytest

from bots.media import clip, lanes, rtp
from bots.media.audio_stream import AudioStream
from bots.media.dtls import SrtpKeys
from bots.media.negotiation import Incoming
from bots.media.pacer import Pacer
from bots.media.quality import StreamCounters
from bots.media.sending import Outlet, SendStream
from bots.media.srtp import SrtpReceiver, SrtpSender, workspace
from bots.media.video_stream import VideoStream
from bots.models import CameraProfile, Depth

SMALL = CameraProfile(
    name="small", width=160, height=90, frame_rate=15.0, bitrate_bps=60_000
)
DEPTHS: tuple[Depth, ...] = ("light", "decrypt", "decode")
KEYS = SrtpKeys(
    profile="AES_CM_128_HMAC_SHA1_80", local=bytes(range(30)), remote=bytes(range(30))
)
TRANSIT_S = 0.005
JITTER_S = 0.004


class Line:
    """Takes datagrams from a sender; later gives each to a receiver of every depth."""

    def __init__(self, sender_of, *, media: str, pacer: Pacer) -> None:
        self.sent: list[bytes] = []
        outlet = Outlet(pacer)
        outlet.open(SrtpSender(KEYS), lambda data: self.sent.append(bytes(data)))
        self.sender: SendStream = sender_of(outlet)
        expected = Incoming(
            media=media,
            clock_hz=48_000 if media == "audio" else 90_000,
            payload_type=111 if media == "audio" else 96,
            has_nack=False,
            wide_id=0,
            ssrcs=(1,),
        )
        self.lanes: list[lanes.Lanes] = [{} for _ in DEPTHS]
        """As a session has them: the usual packet of depth light is taken there."""
        self.tally = array("q", [0])
        self.receivers = [
            lanes.make_stream(
                SrtpReceiver(KEYS),
                expected,
                ssrc=1,
                depth=depth,
                arrivals=lanes.make_arrivals(),
                lanes=kept,
                tally=self.tally,
            )
            for depth, kept in zip(DEPTHS, self.lanes, strict=True)
        ]

    def play(self, duration_s: float, *, loss_ratio: float, swap_ratio: float) -> None:
        """Send for so long, lose and swap packets, and deliver what is left."""
        rng = random.Random(7)
        sender = self.sender
        sender.set_out(1000.0)
        arriving: list[tuple[float, bytes]] = []
        while sender.due_s < 1000.0 + duration_s:
            at_s = sender.due_s
            self.sent.clear()
            sender.fire(at_s)
            for datagram in self.sent:
                # the first packets come, so that all three begin alike
                if len(arriving) > 20 and rng.random() < loss_ratio:
                    continue
                late_s = rng.uniform(0.0, JITTER_S)
                arriving.append((at_s + TRANSIT_S + late_s, datagram))
        times = sorted(at_s for at_s, _ in arriving)
        datagrams = [datagram for _, datagram in arriving]
        for index in range(20, len(datagrams) - 1):
            if rng.random() < swap_ratio:
                pair = datagrams[index : index + 2]
                datagrams[index : index + 2] = reversed(pair)
        for at_s, datagram in zip(times, datagrams, strict=True):
            for receiver, kept in zip(self.receivers, self.lanes, strict=True):
                if kept and kept[1].packet(datagram, at_s):
                    continue
                size = len(datagram)
                workspace[:size] = datagram
                receiver.packet(
                    datagram[1],
                    rtp.sequence(datagram),
                    rtp.timestamp(datagram),
                    size,
                    at_s,
                )
                # what a session does on its timer: gaps that do not close are given up
                if receiver.has_wishes:
                    receiver.wishes(at_s, 2)

    def found(self) -> list[StreamCounters]:
        return [receiver.take(2000.0) for receiver in self.receivers]


def camera(outlet: Outlet) -> VideoStream:
    return VideoStream(
        outlet,
        clip.video_packets(SMALL),
        media="camera",
        ssrc=1,
        payload_type=96,
        extensions=rtp.ExtensionIds(abs_send_time=3),
        mid="",
        rng=random.Random(3),
    )


def microphone(outlet: Outlet) -> AudioStream:
    return AudioStream(
        outlet,
        clip.audio_packets(),
        ssrc=1,
        payload_type=111,
        extensions=rtp.ExtensionIds(abs_send_time=3),
        mid="",
        rng=random.Random(3),
    )


def line(sender_of, *, media: str) -> Line:
    return Line(sender_of, media=media, pacer=Pacer(None))  # the clock is the test's


@pytest.mark.parametrize("loss_ratio", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("swap_ratio", [0.0, 0.02])
def test_the_depths_agree_on_loss_jitter_and_frames(loss_ratio, swap_ratio):
    found_line = line(camera, media="camera")

    found_line.play(60, loss_ratio=loss_ratio, swap_ratio=swap_ratio)
    light, decrypt, decode = found_line.found()

    assert (light.depth, decrypt.depth, decode.depth) == DEPTHS
    for deeper in (decrypt, decode):
        assert deeper.packets == light.packets
        assert deeper.lost == light.lost
        assert deeper.jitter_s == pytest.approx(light.jitter_s, rel=0.02)
        assert deeper.frames == pytest.approx(light.frames, rel=0.02)
        assert deeper.auth_failures == 0
    assert light.lost / light.expected == pytest.approx(loss_ratio, abs=0.015)
    assert decode.decoded_frames == pytest.approx(decode.frames, rel=0.02)
    assert decode.decoded_frames > 0
    assert found_line.tally[0] > 0.2 * light.packets


def test_a_decoder_takes_every_frame_over_the_seams_of_the_clip():
    found_line = line(camera, media="camera")

    found_line.play(35, loss_ratio=0.0, swap_ratio=0.0)
    decode = found_line.found()[2]

    # the sender begins at a key frame, so nothing is left out at the beginning either
    assert decode.decoded_frames == found_line.sender.frames
    assert decode.decoded_frames > 3 * 150


@pytest.mark.parametrize("loss_ratio", [0.0, 0.01, 0.03, 0.1])
def test_concealed_speech_is_what_was_lost(loss_ratio):
    found_line = line(microphone, media="audio")

    found_line.play(60, loss_ratio=loss_ratio, swap_ratio=0.02)
    light, decrypt, decode = found_line.found()

    assert light.lost == decrypt.lost == decode.lost
    assert light.jitter_s == pytest.approx(decode.jitter_s, rel=0.02)
    assert decode.concealed_s == pytest.approx(0.02 * decode.lost, rel=0.02, abs=0.05)
    assert decode.decoded_frames == pytest.approx(decode.packets, abs=5)
    assert light.lost_bursts >= bool(loss_ratio)


def test_the_delay_of_the_line_is_measured():
    found_line = line(camera, media="camera")

    found_line.play(10, loss_ratio=0.0, swap_ratio=0.0)

    for counters in found_line.found():
        delay_s = counters.one_way_delay_s
        assert TRANSIT_S - 1e-4 <= delay_s <= TRANSIT_S + JITTER_S + 1e-4
