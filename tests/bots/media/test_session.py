"""Sessions against a stock aiortc peer connection, over real loopback sockets.

aiortc keeps the newest frame back until the next one begins, so it has decoded a stream
whole when it has one frame less than was sent.
"""

import asyncio
import itertools
import random
import time

import pytest

from bots.errors import ClusterError, StepTimeout
from bots.media import rtp
from bots.media.plane import MediaPlane, MediaSession, SendSpec
from bots.media.srtp import workspace
from bots.models import CameraProfile
from tests.support.aiortc_peer import StockPeer, as_lite, stock_peer
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.relay import relayed

SMALL = CameraProfile(
    name="small", width=160, height=90, frame_rate=15.0, bitrate_bps=60_000
)
LAST_GROUP_S = 2.0
"""The clip's last key frame comes so long before its end."""


def seed_for_last_group() -> int:
    """A seed with which a camera begins at the clip's last key frame."""
    for seed in range(1000):
        rng = random.Random(seed)
        rng.randrange(1 << 15), rng.randrange(1 << 32), rng.random()
        if rng.choice((0, 30, 60, 90, 120)) == 120:
            return seed
    raise AssertionError("no such seed")


CAMERA = SendSpec(media="camera", profile=SMALL, seed=seed_for_last_group())
MICROPHONE = SendSpec(media="audio", seed=1)


async def publish(
    session: MediaSession, peer: StockPeer, *, lite: bool, spec: SendSpec = CAMERA
) -> None:
    answer = await peer.answer(await session.offer(sends=(spec,)))
    await session.accept(as_lite(answer) if lite else answer)
    await session.connected(scaled(10))


async def view(
    session: MediaSession, peer: StockPeer, *kinds: str, sends=(), lite: bool = False
) -> None:
    offer = await peer.offer(*kinds)
    answer = await session.answer(as_lite(offer) if lite else offer, sends=sends)
    await peer.take_answer(answer)
    await session.connected(scaled(10))


class Sums:
    """Samples of a session, added up by direction and media."""

    def __init__(self, session: MediaSession) -> None:
        self._session = session
        self._values: dict[tuple[str, str, str], float] = {}

    def of(self, direction: str, media: str, field: str) -> float:
        for sample in self._session.take_samples():
            for name in sample.__slots__:
                value = getattr(sample, name)
                if isinstance(value, int | float) and name != "ssrc":
                    key = (sample.direction, sample.media, name)
                    self._values[key] = self._values.get(key, 0) + value
        return self._values.get((direction, media, field), 0)


@pytest.mark.parametrize("lite", [True, False], ids=["light agent", "aioice"])
@asynctest
async def test_every_frame_sent_over_the_seam_of_the_clip_is_decoded(lite):
    async with MediaPlane() as plane, stock_peer() as peer:
        await plane.prepare(SMALL)
        session = plane.session()
        sums = Sums(session)
        await publish(session, peer, lite=lite)

        # past the 30 frames of the last group, so over the seam
        await eventually(lambda: sums.of("out", "camera", "frames") >= 50)
        session.set_sending(False)
        sent = sums.of("out", "camera", "frames")
        await eventually(lambda: len(peer.frames["video"]) >= sent - 1)

        assert len(peer.frames["video"]) == sent - 1
        stamps = [frame.pts for frame in peer.frames["video"]]
        assert {b - a for a, b in itertools.pairwise(stamps)} == {6000}
        assert sums.of("out", "camera", "key_frames") == 2
        assert session.failure == ""
        await session.close()


@asynctest
async def test_a_microphone_is_heard_and_hears():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        sums = Sums(session)
        begun_s = time.monotonic()
        await view(session, peer, "audio", sends=(MICROPHONE,))

        first_s = await session.first("audio", scaled(10))
        await eventually(lambda: len(peer.frames["audio"]) > 60)
        loud = max(abs(f.to_ndarray()).max() for f in peer.frames["audio"])
        session.set_talking(False)
        await asyncio.sleep(0)
        heard = len(peer.frames["audio"])
        await eventually(lambda: len(peer.frames["audio"]) > heard + 60)
        quiet = abs(peer.frames["audio"][-1].to_ndarray()).max()

        assert begun_s < first_s <= time.monotonic()
        assert loud > 3000
        assert quiet < loud / 10
        await eventually(lambda: sums.of("in", "audio", "packets") > 50)
        assert sums.of("in", "audio", "lost") == 0
        assert sums.of("in", "audio", "packets") == sums.of("in", "audio", "expected")


@asynctest
async def test_a_camera_is_viewed_with_first_frame_frames_and_round_trip():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        sums = Sums(session)
        await view(session, peer, "video")

        await session.first("camera", scaled(10))
        await eventually(lambda: sums.of("in", "camera", "frames") > 40)

        assert sums.of("in", "camera", "key_frames") >= 1
        assert sums.of("in", "camera", "watched_s") > 0
        assert sums.of("in", "camera", "auth_failures") == 0
        assert sums.of("in", "camera", "lost") == 0

        # forged packets of unknown sources leave nothing, of announced ones a count
        (known,) = session._streams
        unknown, announced = known ^ 1, known ^ 2
        (expected,) = session._by_payload_type.values()
        session._by_ssrc[announced] = expected
        for source in (unknown, announced):
            forged = rtp.build_header(
                payload_type=expected.payload_type, sequence=1, timestamp=2, ssrc=source
            ) + bytes(40)
            workspace[: len(forged)] = forged
            session._receive(len(forged))
        assert list(session._streams) == [known, announced]
        assert list(session._transport.lanes) == [known, announced]
        assert sums.of("in", "camera", "auth_failures") == 1


async def lost_and_counted(plane: MediaPlane, loss_ratio: float) -> tuple[int, int]:
    """Return (packets the relay lost, packets our session counted as lost)."""
    async with stock_peer() as peer:
        session = plane.session()
        sums = Sums(session)
        # The answer of the peer carries the candidate, so we offer and receive.
        answer = as_lite(
            await peer.answer(
                await session.offer(sends=(MICROPHONE,), receives=("audio",)),
                sends=("audio",),
            )
        )
        async with relayed(answer, seed=round(1000 * loss_ratio)) as (text, relay):
            await session.accept(text)
            await session.connected(scaled(10))
            await session.first("audio", scaled(10))
            fate = relay.fates["to client"]
            fate.loss_ratio, fate.swap_ratio = loss_ratio, 0.02
            await eventually(
                lambda: sum(fate.passed.values()) + sum(fate.lost.values()) > 200,
            )
            fate.loss_ratio = fate.swap_ratio = 0.0
            passed = sum(fate.passed.values())
            await eventually(lambda: sum(fate.passed.values()) > passed + 5)
            lost = sum(fate.lost.values())
            await eventually(lambda: sums.of("in", "audio", "lost") == lost)
            counted = sums.of("in", "audio", "lost")
            await session.close()
            return lost, int(counted)


@asynctest
async def test_the_counted_loss_is_the_injected_one():
    async with MediaPlane() as plane:
        ratios = (0.0, 0.01, 0.03, 0.1)
        found = await asyncio.gather(*(lost_and_counted(plane, r) for r in ratios))

    assert [lost for lost, _ in found] == [counted for _, counted in found]
    assert found[0][0] == 0
    assert found[3][0] >= 10


@pytest.mark.parametrize("loss_ratio", [0.03, 0.1])
@asynctest
async def test_lost_video_packets_come_back_by_nack(loss_ratio):
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        sums = Sums(session)
        answer = as_lite(
            await peer.answer(
                await session.offer(receives=("camera",)), sends=("video",)
            )
        )
        async with relayed(answer) as (text, relay):
            await session.accept(text)
            await session.connected(scaled(10))
            await session.first("camera", scaled(10))
            fate = relay.fates["to client"]
            fate.loss_ratio = loss_ratio
            await eventually(
                lambda: sum(fate.lost.values()) >= 8 and sum(fate.passed.values()) > 90,
                limit_s=40,
            )
            fate.loss_ratio = 0.0
            passed = sum(fate.passed.values())  # the last gap shows when more comes
            await eventually(lambda: sum(fate.passed.values()) > passed + 5)
            await eventually(lambda: sums.of("in", "camera", "lost") == 0)

            assert sums.of("in", "camera", "nacks") >= sum(fate.lost.values())
            frames = sums.of("in", "camera", "frames")
            packets = sums.of("in", "camera", "packets")
            assert frames >= 0.97 * packets  # a packet a frame, at this size
            await session.close()


@asynctest
async def test_packets_that_the_server_misses_are_sent_again():
    async with MediaPlane() as plane, stock_peer() as peer:
        await plane.prepare(SMALL)
        session = plane.session()
        sums = Sums(session)
        answer = as_lite(await peer.answer(await session.offer(sends=(CAMERA,))))
        async with relayed(answer) as (text, relay):
            await session.accept(text)
            await session.connected(scaled(10))
            await eventually(lambda: len(peer.frames["video"]) > 5)
            fate = relay.fates["to server"]
            fate.loss_ratio = 0.1
            await eventually(lambda: sum(fate.lost.values()) >= 6, limit_s=30)
            fate.loss_ratio = 0.0
            await eventually(lambda: sums.of("out", "camera", "nacks") >= 6)
            sent = sums.of("out", "camera", "frames")

            # What waited for a lost packet comes out of aiortc one by one, a frame with
            # each packet that arrives: so the sender goes on.
            await eventually(lambda: len(peer.frames["video"]) > sent)
            stamps = [frame.pts for frame in peer.frames["video"]]
            assert {b - a for a, b in itertools.pairwise(stamps)} == {6000}
            await session.close()


@asynctest
async def test_repeated_and_overtaken_packets_are_neither_lost_nor_counted_twice():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        sums = Sums(session)
        answer = as_lite(
            await peer.answer(
                await session.offer(receives=("camera",)), sends=("video",)
            )
        )
        async with relayed(answer) as (text, relay):
            fate = relay.fates["to client"]
            fate.repeat_ratio, fate.swap_ratio = 0.2, 0.2
            await session.accept(text)
            await session.first("camera", scaled(10))
            await eventually(lambda: sum(fate.passed.values()) > 90)
            fate.repeat_ratio = fate.swap_ratio = 0.0
            passed = sum(fate.passed.values())
            await eventually(lambda: sum(fate.passed.values()) > passed + 5)

            await eventually(lambda: sums.of("in", "camera", "lost") == 0)
            assert sums.of("in", "camera", "packets") <= sum(fate.passed.values())
            await session.close()


@asynctest
async def test_a_wish_for_a_key_frame_is_granted_with_the_next_frame():
    async with MediaPlane() as plane, stock_peer() as peer:
        await plane.prepare(SMALL)
        session = plane.session()
        sums = Sums(session)
        await publish(session, peer, lite=True)
        await eventually(lambda: len(peer.frames["video"]) > 3)
        keys = sums.of("out", "camera", "key_frames")
        frames = sums.of("out", "camera", "frames")

        receiver = peer.connection.getReceivers()[0]
        source = session.take_samples()[0].ssrc
        await receiver._send_rtcp_pli(source)

        await eventually(lambda: sums.of("out", "camera", "plis") == 1)
        await eventually(lambda: sums.of("out", "camera", "key_frames") > keys)
        assert sums.of("out", "camera", "frames") - frames < 15


@asynctest
async def test_many_streams_share_one_bundled_transport():
    async with MediaPlane() as plane, stock_peer() as peer:
        await plane.prepare(SMALL)
        session = plane.session()
        sums = Sums(session)
        offer = await peer.offer("audio", "video", "video")
        answer = await session.answer(offer, sends=(MICROPHONE, CAMERA))
        await peer.take_answer(answer)
        await session.connected(scaled(10))

        await session.first("audio", scaled(10))
        await session.first("camera", scaled(10))
        await eventually(lambda: sums.of("in", "camera", "frames") > 40)
        await eventually(lambda: len(peer.frames["video"]) > 10)
        await eventually(lambda: len(peer.frames["audio"]) > 10)

        streams = {(s.direction, s.media, s.ssrc) for s in session.take_samples()}
        assert sorted((way, media) for way, media, _ in streams) == [
            ("in", "audio"),
            ("in", "camera"),
            ("in", "camera"),
            ("out", "audio"),
            ("out", "camera"),
        ]


@asynctest
async def test_a_wrong_fingerprint_fails_the_connection_by_name():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        offer = await peer.offer("video")
        text = "\r\n".join(
            "a=fingerprint:sha-1 " + ":".join(["00"] * 20)
            if line.startswith("a=fingerprint")
            else line
            for line in offer.split("\r\n")
        )
        await peer.take_answer(await session.answer(text))

        with pytest.raises(ClusterError) as failed:
            await session.connected(scaled(10))

        assert failed.value.code == "fingerprint mismatch"
        assert "fingerprint mismatch" in session.failure


@asynctest
async def test_nobody_at_the_candidate_is_an_ice_timeout():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        answer = as_lite(await peer.answer(await session.offer(sends=(MICROPHONE,))))
        async with relayed(answer) as (text, relay):
            relay.is_dead = True
            await session.accept(text)

            with pytest.raises(StepTimeout) as late:
                await session.connected(0.3)

            assert late.value.code == "ice"
            with pytest.raises(StepTimeout) as never:
                await session.first("audio", 0.05)
            assert never.value.code == "first audio"
            await session.close()


@asynctest
async def test_a_server_that_ends_the_dtls_session_is_noticed():
    async with MediaPlane() as plane:
        session = plane.session()
        async with stock_peer() as peer:
            await publish(session, peer, lite=True, spec=MICROPHONE)
            await eventually(lambda: peer.connection.connectionState == "connected")
            assert session.failure == ""

        await eventually(lambda: session.failure == "dtls closed")


@asynctest
async def test_closing_twice_is_fine_and_the_server_hears_of_the_first():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        await publish(session, peer, lite=True, spec=MICROPHONE)
        await eventually(lambda: peer.connection.connectionState == "connected")

        await session.close()
        await session.close()

        transport = peer.connection.getTransceivers()[0].receiver.transport
        await eventually(lambda: transport.state == "closed")
        assert plane.take_stats().sessions == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "bad sdp"), ("v=0\r\nm=audio 9 RTP/SAVPF 111\r\n", "bad sdp")],
)
@asynctest
async def test_a_description_that_cannot_be_read_is_the_servers_fault(text, code):
    async with MediaPlane() as plane:
        session = plane.session()
        with pytest.raises(ClusterError) as refused:
            await session.answer(text)

        assert refused.value.code == code


@asynctest
async def test_an_answer_that_rejects_our_camera_is_the_servers_fault():
    async with MediaPlane() as plane, stock_peer() as peer:
        session = plane.session()
        answer = await peer.answer(await session.offer(sends=(MICROPHONE,)))

        with pytest.raises(ClusterError) as refused:
            await session.accept(answer.replace("a=recvonly", "a=inactive"))

        assert refused.value.code == "rejected"


@asynctest
async def test_an_offer_without_a_place_for_our_camera_is_the_servers_fault():
    async with MediaPlane() as plane, stock_peer() as peer:
        offer = await peer.offer("audio")

        with pytest.raises(ClusterError) as refused:
            await plane.session().answer(offer, sends=(CAMERA,))

        assert refused.value.code == "no m-line"
