"""What our media sessions and a real mediasoup worker do with each other.

Run by `make interop`, which builds the worker first. Judged by packets and RTCP as
both sides count them.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterable

import pytest

from bots.errors import ClusterError
from bots.media.plane import MediaPlane, MediaSession, SendSpec, StreamCounters
from tests.interop.mediasoup import mediasoup
from tests.support.asynctest import asynctest
from tests.support.namespaces import namespace

WATCH_S = 6.0
CONNECT_LIMIT_S = 15.0
RESTARTS = 30
NOTICE_LIMIT_S = 10.0


@asynctest
async def test_a_camera_is_published_and_viewed_without_loss() -> None:
    async with mediasoup() as sfu, MediaPlane() as plane:
        publisher, viewer = plane.session(), plane.session()

        published = await sfu.publish(publisher, SendSpec(media="camera"))
        await publisher.connected(CONNECT_LIMIT_S)
        viewed = await sfu.view(viewer, published.producer)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        seen = await _watch(viewer)

        told = await sfu.stats(consumer=viewed.consumer)
        assert seen.packets == seen.expected
        assert 70 <= seen.frames <= 110, "15 frames a second for six seconds"
        assert seen.auth_failures == 0
        assert seen.one_way_delay_s is not None, "it keeps timestamps"
        assert told["packetCount"] >= seen.packets
        assert told["score"] == 10
        assert told["roundTripTime"] > 0, "it knows our receiver reports"


@asynctest
async def test_a_screen_is_shared_and_viewed() -> None:
    async with mediasoup() as sfu, MediaPlane() as plane:
        presenter, viewer = plane.session(), plane.session()

        shared = await sfu.publish(presenter, SendSpec(media="screen"))
        await presenter.connected(CONNECT_LIMIT_S)
        await sfu.view(viewer, shared.producer)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        seen = await _watch(viewer)

        assert seen.frames >= 20, "five frames a second for six seconds"
        assert seen.packets == seen.expected


@asynctest
async def test_audio_goes_both_ways_at_fifty_packets_a_second() -> None:
    async with mediasoup() as sfu, MediaPlane() as plane:
        talker, listener = plane.session(), plane.session()

        spoken = await sfu.microphone(talker)
        await talker.connected(CONNECT_LIMIT_S)
        await sfu.microphone(listener, hears=spoken.producer)
        await listener.connected(CONNECT_LIMIT_S)
        await listener.first("audio", CONNECT_LIMIT_S)
        heard = await _watch(listener)

        assert heard.packets == pytest.approx(50 * WATCH_S, abs=10)
        assert heard.packets == heard.expected


@pytest.mark.root
@asynctest
async def test_two_percent_loss_is_repaired_by_nack_both_ways() -> None:
    with namespace(index=7) as space:
        async with mediasoup(inside=space) as sfu, MediaPlane() as plane:
            publisher, viewer = plane.session(), plane.session()
            published = await sfu.publish(publisher, SendSpec(media="camera"))
            await publisher.connected(CONNECT_LIMIT_S)
            viewed = await sfu.view(viewer, published.producer)
            await viewer.connected(CONNECT_LIMIT_S)
            await viewer.first("camera", CONNECT_LIMIT_S)

            space.drop_udp(0.02)
            publisher.take_samples()
            seen = await _watch(viewer, seconds=20.0)

            sent = _sum(publisher.take_samples())
            into, out = (
                await sfu.stats(producer=published.producer),
                await sfu.stats(consumer=viewed.consumer),
            )
            assert seen.nacks > 0, "we asked for what we missed"
            assert out["nackCount"] > 0, "and the worker counted it"
            assert out["packetsRetransmitted"] > 0
            assert into["nackCount"] > 0, "it asked us for what it missed"
            assert sent.nacks > 0, "and we counted it"
            assert seen.packets >= 0.99 * seen.expected, "retransmissions repair"


@asynctest
async def test_a_killed_worker_is_noticed_within_ten_seconds() -> None:
    async with mediasoup() as sfu, MediaPlane() as plane:
        publisher, viewer = plane.session(), plane.session()
        published = await sfu.publish(publisher, SendSpec(media="camera"))
        await publisher.connected(CONNECT_LIMIT_S)
        await sfu.view(viewer, published.producer)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)

        os.kill((await sfu.request("state"))["pid"], signal.SIGKILL)
        killed_s = time.monotonic()
        while not (publisher.failure and viewer.failure):
            assert time.monotonic() - killed_s < NOTICE_LIMIT_S, (
                publisher.failure,
                viewer.failure,
            )
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
@asynctest
async def test_no_fingerprint_of_thirty_workers_is_refused() -> None:
    families: dict[str, int] = {}
    refused = []
    async with mediasoup() as sfu, MediaPlane() as plane:
        for restart in range(RESTARTS):
            await sfu.request("start")
            session = plane.session()
            flow = await sfu.publish(session, SendSpec(media="camera"))
            family = flow.fingerprint_family
            families[family] = families.get(family, 0) + 1
            try:
                await session.connected(CONNECT_LIMIT_S)
            except ClusterError as refusal:
                refused.append((restart, family, str(refusal)))
            await session.close()

    print(f"fingerprint families of {RESTARTS} workers: {families}")
    assert refused == []
    assert len(families) >= 3, "thirty workers in random order show several families"


async def _watch(session: MediaSession, seconds: float = WATCH_S) -> StreamCounters:
    """Return what the session received in this time, of its one received stream."""
    session.take_samples()
    await asyncio.sleep(seconds)
    assert session.failure == ""
    return _sum(s for s in session.take_samples() if s.direction == "in")


def _sum(samples: Iterable[StreamCounters]) -> StreamCounters:
    (only,) = samples
    return only
