"""Our media sessions and Debian's janus, a full ICE agent that is not ours.

Judged by packets and RTCP as both sides count them. Loss is injected on a link of our
own, in both directions, and counted there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bots.media import rtcp
from bots.media.plane import MediaPlane, MediaSession, SendSpec, StreamCounters
from bots.models import Direction, Media
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.janus import Janus, janus
from tests.support.namespaces import namespace
from tests.support.tunnel import Tunnel, tunnel

pytestmark = [pytest.mark.janus, pytest.mark.root]

CONNECT_LIMIT_S = scaled(10.0)
LOSS_RATIO = 0.02
CAMERA = SendSpec(media="camera")
MICROPHONE = SendSpec(media="audio")


@dataclass
class Ledger:
    """What the streams of a session did since the beginning, or since `anew`."""

    session: MediaSession
    samples: list[StreamCounters] = field(default_factory=list)

    def of(self, direction: Direction, media: Media) -> list[StreamCounters]:
        """Return the samples of one stream up to this moment."""
        self.samples += self.session.take_samples()
        return [s for s in self.samples if (s.direction, s.media) == (direction, media)]

    def total(self, direction: Direction, media: Media, name: str) -> int:
        """Return the sum of a counter of one stream."""
        return sum(getattr(sample, name) for sample in self.of(direction, media))

    def packet_bytes(self, direction: Direction, media: Media) -> float:
        """Return the mean size of a packet."""
        packets = self.total(direction, media, "packets")
        return self.total(direction, media, "bytes") / packets

    def rtt_s(self, direction: Direction, media: Media) -> float:
        """Return the last round trip that RTCP told, 0.0 before any."""
        told = [s.rtt_s for s in self.of(direction, media) if s.rtt_s is not None]
        return told[-1] if told else 0.0

    def anew(self) -> None:
        """Forget what was until now."""
        self.session.take_samples()
        self.samples.clear()


@asynccontextmanager
async def peers(index: int) -> AsyncIterator[tuple[Janus, MediaPlane, Tunnel]]:
    """Start janus behind a link that delays and, once told so, loses packets."""
    with namespace(index=index) as space:
        async with (
            tunnel(space) as link,
            janus(space, media_address=link.address) as server,
            MediaPlane() as plane,
        ):
            yield server, plane, link


@asynctest
async def test_a_bundled_camera_and_microphone_reach_a_second_session() -> None:
    async with peers(11) as (server, plane, _):
        publisher, viewer = plane.session(), plane.session()

        room = await server.video_room()
        published = await server.publish(publisher, room, (MICROPHONE, CAMERA))
        path = await publisher.connected(CONNECT_LIMIT_S)
        viewed = await server.subscribe(viewer, published)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        sent, seen = Ledger(publisher), Ledger(viewer)
        await eventually(lambda: seen.total("in", "audio", "packets") >= 100)

        assert path.candidate_type == "host"
        assert publisher.failure == viewer.failure == ""
        told = await published.handle.statistics()
        assert told.info["webrtc"]["dtls"]["dtls-state"] == "connected"
        assert "prflx" in told.chosen_pair, "our offer names no candidate of ours"
        streams: tuple[tuple[str, Media], ...] = (
            ("audio", "audio"),
            ("video", "camera"),
        )
        for kind, media in streams:
            received = seen.total("in", media, "packets")
            assert received == seen.total("in", media, "expected") > 0
            assert seen.total("in", media, "auth_failures") == 0
            passed_on = (await viewed.statistics()).count(kind, "out", "packets")
            assert passed_on >= received
            assert 0 < told.count(kind, "in", "packets")
            assert told.count(kind, "in", "packets") <= sent.total(
                "out", media, "packets"
            )


@asynctest
async def test_two_percent_loss_is_repaired_by_nack_on_both_sides() -> None:
    async with peers(12) as (server, plane, link):
        publisher, viewer = plane.session(), plane.session()
        room = await server.video_room()
        published = await server.publish(publisher, room, (CAMERA,))
        await publisher.connected(CONNECT_LIMIT_S)
        viewed = await server.subscribe(viewer, published)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        sent, seen = Ledger(publisher), Ledger(viewer)

        async def keeps_packets() -> bool:
            return bool((await viewed.statistics()).medium("video")["nack-queue-ms"])

        # janus keeps packets to send again only from our first report with a delay
        await eventually(keeps_packets, what="janus's retransmission queue")
        seen.anew()
        link.lose(LOSS_RATIO)

        async def has_repaired() -> bool:
            """Whether both directions lost RTP, and janus's own count knows it."""
            asked = (await viewed.statistics()).count("video", "in", "nacks")
            given = (await published.handle.statistics()).count(
                "video", "in", "retransmissions"
            )
            return min(asked, given, *link.lost.values()) >= 2

        await eventually(has_repaired, what="repairs in both directions")
        link.lose(0.0)
        # what was lost last is asked for and comes with what follows
        target = seen.total("in", "camera", "packets") + 10
        await eventually(lambda: seen.total("in", "camera", "packets") >= target)
        assert seen.total("in", "camera", "nacks") >= 2, "we asked janus"
        assert sent.total("out", "camera", "nacks") >= 2, "and janus asked us"
        told = await published.handle.statistics()
        assert told.count("video", "out", "nacks") >= 2, "as it says itself"
        expected = seen.total("in", "camera", "expected")
        assert seen.total("in", "camera", "packets") >= 0.99 * expected, "all repaired"

        assert sent.rtt_s("out", "camera") >= 2 * link.delay_s, "by janus's reports"
        milliseconds = (await viewed.statistics()).rtcp("video")["rtt"]
        assert milliseconds >= 2000 * link.delay_s, "by our reports"
        assert publisher.failure == viewer.failure == ""


@asynctest
async def test_a_gap_without_nack_ends_with_the_key_frame_that_is_asked_for() -> None:
    async with peers(14) as (server, plane, link):
        publisher, viewer = plane.session(), plane.session()
        room = await server.video_room()
        published = await server.publish(publisher, room, (CAMERA,))
        await publisher.connected(CONNECT_LIMIT_S)
        await server.subscribe(viewer, published, has_nack=False)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        sent, seen = Ledger(publisher), Ledger(viewer)

        # from one key frame on, since the next comes two seconds later anyway
        keys = sent.total("out", "camera", "key_frames")
        await eventually(lambda: sent.total("out", "camera", "key_frames") > keys)
        sent.anew()
        seen.anew()
        link.lose(1.0, "out")
        await eventually(lambda: link.lost["out"] >= 5, what="an outage")
        link.lose(0.0)

        await eventually(lambda: seen.total("in", "camera", "key_frames") > 0)
        assert seen.total("in", "camera", "nacks") == 0
        assert seen.total("in", "camera", "plis") > 0, "we asked"
        assert sent.total("out", "camera", "plis") > 0, "and janus passed it on"
        assert seen.total("in", "camera", "lost") > 0
        assert publisher.failure == viewer.failure == ""


@asynctest
async def test_the_mixed_bridge_carries_a_talker_whichever_side_offers() -> None:
    async with peers(13) as (server, plane, link):
        talker, listener = plane.session(), plane.session()
        room = await server.audio_room()

        spoken = await server.enter_bridge(talker, room, talks=True, janus_offers=False)
        await talker.connected(CONNECT_LIMIT_S)
        await server.enter_bridge(listener, room, talks=False, janus_offers=True)
        await listener.connected(CONNECT_LIMIT_S)
        await listener.first("audio", CONNECT_LIMIT_S)
        mouth, ear = Ledger(talker), Ledger(listener)
        mouth.anew()
        ear.anew()
        await eventually(lambda: ear.total("in", "audio", "packets") >= 50)

        # nobody hears himself: the talker's mix is silence, the listener's is speech
        silence_bytes = mouth.packet_bytes("in", "audio")
        assert ear.packet_bytes("in", "audio") > 1.4 * silence_bytes
        assert ear.total("in", "audio", "lost") == 0

        link.lose(LOSS_RATIO)

        # janus reads report blocks of receiver reports only; a talker sends sender's
        await eventually(
            lambda: (
                min(
                    mouth.total("out", "audio", "lost"),
                    ear.total("in", "audio", "lost"),
                )
                >= 2
            ),
            what="loss both ways",
        )
        assert (await spoken.statistics()).rtcp("audio")["lost"] >= 2, "as it says"
        assert link.lost["in"] >= mouth.total("out", "audio", "lost")
        assert link.lost["out"] >= ear.total("in", "audio", "lost")
        assert mouth.rtt_s("out", "audio") >= 2 * link.delay_s
        assert talker.failure == listener.failure == ""


@asynctest
async def test_janus_reads_each_kind_of_rtcp_packet_that_we_write() -> None:
    async with peers(15) as (server, plane, _):
        publisher, viewer = plane.session(), plane.session()
        room = await server.video_room()
        published = await server.publish(publisher, room, (CAMERA,))
        await publisher.connected(CONNECT_LIMIT_S)
        await server.subscribe(viewer, published)
        await viewer.connected(CONNECT_LIMIT_S)
        await viewer.first("camera", CONNECT_LIMIT_S)
        (ours,) = (s.ssrc for s in publisher.take_samples() if s.direction == "out")
        (theirs,) = (s.ssrc for s in viewer.take_samples() if s.direction == "in")
        block = rtcp.build_report_block(theirs, 0, 0, 1, 0, 0, 0)
        # what janus writes of each, having parsed it
        of_publisher = {
            "SR (200)": rtcp.build_sender_report(ours, 1 << 33, 2, 3, 4),
            "SDES (202)": rtcp.build_sender_report(ours, 1 << 33, 2, 3, 4)
            + rtcp.build_source_description(ours, "abc"),
            "RTCP PT 207, length: 24 bytes": rtcp.build_delays(ours, [(theirs, 5, 6)]),
        }
        of_viewer = {
            "RR (201)": rtcp.build_receiver_report(9, [block]),
            "NACK -- RTPFB (205)": rtcp.build_nack(9, theirs, [1, 2]),
            "PLI -- PSFB (206)": rtcp.build_picture_loss(9, theirs),
            "FIR -- PSFB (206)": rtcp.build_full_intra_request(9, [(theirs, 1)]),
            "REMB: 123456 * 2^0 = 123456": rtcp.build_bitrate_estimate(
                9, 123_456, [theirs]
            ),
            "seq=7, psc=3, ref=15, fbpc=200": rtcp.build_transport_feedback(
                9, theirs, 7, 200, [1.0, None, 1.01]
            ),
            "RTCP PT 207, length: 20 bytes": rtcp.build_reference_time(9, 1 << 33),
            "Got RTCP BYE": rtcp.build_bye([9]),
        }
        before = len(server.log.read_text())
        await server.log_level(7)

        for session, packets in ((publisher, of_publisher), (viewer, of_viewer)):
            for packet in packets.values():
                session._outlet.send_rtcp(packet)

        def unread() -> list[str]:
            told = server.log.read_text()[before:]
            return [words for words in (*of_publisher, *of_viewer) if words not in told]

        await eventually(lambda: not unread(), what="janus to read every packet")
        assert "Invalid RTCP" not in server.log.read_text()
