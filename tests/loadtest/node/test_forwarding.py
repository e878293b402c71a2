"""Single packets through the node: what a viewer gets and what a publisher is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bots.media import rtcp, rtp
from loadtest.node.faults import Faults
from tests.support.asynctest import asynctest, eventually
from tests.support.rawpeer import DELTA_FRAME, KEY_FRAME, RawPeer, transport_number
from tests.support.sfu import MediaNode, SfuSocket, media_node

PUBLISHER_SSRC = 0xCAFE


async def publish(node: MediaNode, socket: SfuSocket, peer: RawPeer, name: str) -> None:
    """Share a camera by hand and announce it."""
    await socket.send(
        {
            "id": "start",
            "type": "video",
            "cameraId": name,
            "role": "share",
            "sdpOffer": peer.description(direction="sendonly", setup="actpass"),
            "bitrate": 200,
        }
    )
    peer.take((await socket.expect("startResponse"))["sdpAnswer"])
    await peer.connect(is_server=True)
    await socket.expect("playStart")
    user = node.users[name.partition("_")[0] + "_" + name.split("_")[1]]
    node.announce(user, name)


async def view(socket: SfuSocket, peer: RawPeer, name: str, **kw: bool) -> None:
    """View a camera by hand."""
    await socket.send(
        {"id": "start", "type": "video", "cameraId": name, "role": "viewer"}
    )
    peer.take((await socket.expect("startResponse"))["sdpAnswer"])
    await socket.send(
        {
            "id": "subscriberAnswer",
            "type": "video",
            "cameraId": name,
            "role": "viewer",
            "answer": peer.description(
                direction="recvonly", setup="active", has_ssrc=False, **kw
            ),
        }
    )
    await peer.connect()
    await socket.expect("playStart")


@asynccontextmanager
async def publisher_and_viewer(
    *, faults: Faults | None = None, **kw: bool
) -> AsyncIterator[tuple[MediaNode, RawPeer, RawPeer]]:
    async with media_node(faults=faults) as node:
        ann, bob = node.join("Ann"), node.join("Bob")
        camera = f"{ann.id}_session_device"
        async with node.socket(ann) as share, node.socket(bob) as watch:
            with RawPeer("video", ssrc=PUBLISHER_SSRC) as publisher:
                with RawPeer("video", ssrc=7) as viewer:
                    await publish(node, share, publisher, camera)
                    await view(watch, viewer, camera, **kw)
                    yield node, publisher, viewer


@asynctest
async def test_a_viewer_gets_the_publishers_packets_under_its_own_header():
    async with publisher_and_viewer() as (node, publisher, viewer):
        publisher.send_rtp(65534, KEY_FRAME, timestamp=90_000)
        publisher.send_rtp(65535, DELTA_FRAME, timestamp=90_000, marker=True)
        publisher.send_rtp(0, DELTA_FRAME, timestamp=96_000, marker=True)

        packets = await viewer.received(3)

        assert [p.sequence for p in packets] == [65534, 65535, 0]
        assert [p.timestamp for p in packets] == [90_000, 90_000, 96_000]
        assert [p.marker for p in packets] == [False, True, True]
        assert [p.payload for p in packets] == [KEY_FRAME, DELTA_FRAME, DELTA_FRAME]
        assert {p.ssrc for p in packets} == {int(viewer.value(r"a=ssrc:(\d+) "))}
        assert {p.payload_type for p in packets} == {96}
        assert node.media.counters.forwarded_packets == 3


@asynctest
async def test_the_node_writes_the_negotiated_header_extensions():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        for sequence in range(3):
            publisher.send_rtp(sequence, KEY_FRAME)

        packets = [received.packet for received in await viewer.received(3)]

        numbers = []
        for packet in packets:
            absolute = rtp.find_extension(packet, 2)
            transport = rtp.find_extension(packet, 4)
            mid = rtp.find_extension(packet, 9)
            assert absolute is not None
            assert transport is not None
            assert mid is not None
            assert packet[mid[0] : sum(mid)] == b"0"
            assert absolute[1] == 3
            numbers.append(rtp.read_short(packet, transport[0]))
        assert numbers == [0, 1, 2]


@asynctest
async def test_a_viewer_that_negotiated_no_extension_gets_none():
    async with publisher_and_viewer(extensions=False) as (_node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME)

        packets = await viewer.received(1)

        assert packets[0].packet[0] == 0x80
        assert packets[0].packet[12:] == KEY_FRAME


@asynctest
async def test_a_viewer_gets_nothing_before_a_key_frame_and_one_is_asked_for():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        asked = await publisher.report(rtcp.PictureLoss)
        publisher.send_rtp(1, DELTA_FRAME)
        publisher.send_rtp(2, KEY_FRAME)

        packets = await viewer.received(1)

        assert asked.media_ssrc == PUBLISHER_SSRC
        assert [p.sequence for p in packets] == [2]


@asynctest
async def test_a_key_frame_that_does_not_come_is_asked_for_again():
    async with publisher_and_viewer() as (_node, publisher, _viewer):
        await eventually(
            lambda: sum(isinstance(r, rtcp.PictureLoss) for r in publisher.reports) >= 2
        )


@asynctest
async def test_many_key_frame_requests_of_viewers_become_few_for_the_publisher():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME)
        await viewer.received(1)
        before = len(publisher.reports)
        ssrc = viewer.packets[0].ssrc

        for number in range(20):
            viewer.send_rtcp(rtcp.build_picture_loss(7, ssrc))
            viewer.send_rtcp(rtcp.build_full_intra_request(7, [(ssrc, number)]))

        def asked() -> int:
            return sum(
                isinstance(r, rtcp.PictureLoss) for r in publisher.reports[before:]
            )

        await eventually(asked)
        before_report = len(publisher.reports)
        await eventually(
            lambda: any(
                isinstance(r, rtcp.ReceiverReport)
                for r in publisher.reports[before_report:]
            )
        )
        assert asked() <= 3


@asynctest
async def test_lost_packets_are_sent_again_to_the_viewer_that_asks():
    async with publisher_and_viewer() as (node, publisher, viewer):
        for sequence in range(10):
            publisher.send_rtp(sequence, KEY_FRAME + bytes([sequence]))
        packets = await viewer.received(10)
        first = packets[0].ssrc

        viewer.send_rtcp(rtcp.build_nack(7, first, [3, 5, 4000]))
        await eventually(lambda: node.media.counters.retransmitted_packets == 2)


@asynctest
async def test_a_share_of_packets_can_be_withheld_and_is_repaired_by_nack():
    faults = Faults(fingerprint="sha-1", viewer_loss=0.3)
    async with publisher_and_viewer(faults=faults) as (node, publisher, viewer):
        for sequence in range(200):
            publisher.send_rtp(sequence, KEY_FRAME + bytes([sequence]))
        counters = node.media.counters
        await eventually(
            lambda: counters.lost_on_purpose + counters.forwarded_packets == 200
        )
        lost = 200 - len(await viewer.received(counters.forwarded_packets))
        assert 30 <= lost <= 90

        async def asks_again() -> bool:
            there = {p.sequence for p in viewer.packets}
            missing = [n for n in range(200) if n not in there]
            if missing:
                ssrc = viewer.packets[0].ssrc
                viewer.send_rtcp(rtcp.build_nack(7, ssrc, missing))
            return not missing

        await eventually(asks_again)
        payloads = {p.sequence: p.payload for p in viewer.packets}
        assert payloads == {n: KEY_FRAME + bytes([n]) for n in range(200)}


@asynctest
async def test_the_publisher_is_asked_for_what_it_lost_and_the_late_packet_goes_on():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME)
        publisher.send_rtp(4, DELTA_FRAME)

        nack = await publisher.report(rtcp.Nack)
        publisher.send_rtp(2, DELTA_FRAME)
        again = await publisher.report(rtcp.Nack, lambda r: r.sequences == (3,))
        publisher.send_rtp(3, DELTA_FRAME)
        packets = await viewer.received(4)

        assert (nack.media_ssrc, nack.sequences) == (PUBLISHER_SSRC, (2, 3))
        assert again.media_ssrc == PUBLISHER_SSRC
        assert [p.sequence for p in packets] == [1, 4, 2, 3]


@asynctest
async def test_the_publisher_gets_reports_a_rate_and_transport_feedback():
    async with publisher_and_viewer() as (_node, publisher, _viewer):
        ntp = rtcp.ntp_timestamp(1_700_000_000.0)
        publisher.send_rtcp(
            rtcp.build_sender_report(PUBLISHER_SSRC, ntp, 90_000, 0, 0, ())
        )
        for sequence in range(10, 20):
            if sequence != 15:
                publisher.send_rtp(
                    sequence, DELTA_FRAME, extensions=transport_number(sequence + 100)
                )

        report = await publisher.report(
            rtcp.ReceiverReport, lambda r: r.reports[0].last_sr
        )
        rate = await publisher.report(rtcp.BitrateEstimate)
        feedback = await publisher.report(rtcp.TransportFeedback)
        clock = await publisher.report(rtcp.ExtendedReport)

        block = report.reports[0]
        assert block.ssrc == PUBLISHER_SSRC
        assert block.highest_sequence & 0xFFFF == 19
        assert block.packets_lost == 1
        assert block.last_sr == rtcp.compact_ntp(ntp)
        assert rate.bitrate_bps == pytest.approx(200_000, rel=0.01)
        assert rate.ssrcs == (PUBLISHER_SSRC,)
        assert feedback.media_ssrc == PUBLISHER_SSRC
        assert feedback.base_sequence == 110
        assert clock.ntp_timestamp


@asynctest
async def test_a_viewer_gets_sender_reports_and_its_clock_back():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME, timestamp=1234)
        packets = await viewer.received(1)
        ssrc = packets[0].ssrc
        ntp = rtcp.ntp_timestamp(1_700_000_000.0)
        viewer.send_rtcp(
            rtcp.build_receiver_report(7) + rtcp.build_reference_time(7, ntp)
        )

        report = await viewer.report(rtcp.SenderReport)
        answer = await viewer.report(rtcp.ExtendedReport)
        name = await viewer.report(rtcp.SourceDescription)

        assert (report.ssrc, report.packet_count) == (ssrc, 1)
        assert report.octet_count == len(KEY_FRAME)
        assert 0 <= rtp.timestamp_distance(report.rtp_timestamp, 1234) < 20 * 90_000
        assert answer.delays[0][:2] == (7, rtcp.compact_ntp(ntp))
        assert name.cnames == ((ssrc, publisher.cname),)


@asynctest
async def test_forged_packets_are_counted_and_not_forwarded():
    async with publisher_and_viewer() as (node, publisher, viewer):
        header = rtp.build_header(
            payload_type=96, sequence=5, timestamp=0, ssrc=PUBLISHER_SSRC
        )
        publisher.send_raw(header + bytes(40))
        publisher.send_raw(b"\x80\xc8" + bytes(30))
        publisher.send_rtp(6, KEY_FRAME)

        packets = await viewer.received(1)

        assert [p.sequence for p in packets] == [6]
        assert node.media.counters.auth_failures == 2


@asynctest
async def test_streams_that_were_not_negotiated_are_not_forwarded():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        publisher.ssrc += 1
        publisher.send_rtp(1, KEY_FRAME)
        publisher.ssrc -= 1
        publisher.send_rtp(3, KEY_FRAME)

        assert [p.sequence for p in await viewer.received(1)] == [3]


@asynctest
async def test_packets_of_padding_alone_go_on_empty_so_that_no_number_is_missing():
    async with publisher_and_viewer() as (_node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME)
        publisher.send_rtp(2, bytes(254) + b"\xff", has_padding=True)
        publisher.send_rtp(3, KEY_FRAME + b"\0\0\3", has_padding=True)

        packets = await viewer.received(3)

        assert [p.sequence for p in packets] == [1, 2, 3]
        assert [p.payload for p in packets] == [KEY_FRAME, b"", KEY_FRAME]


@asynctest
async def test_silent_media_connects_and_brings_nothing():
    faults = Faults(fingerprint="sha-512", silent_media=True)
    async with publisher_and_viewer(faults=faults) as (node, publisher, viewer):
        publisher.send_rtp(1, KEY_FRAME)
        await publisher.report(rtcp.ReceiverReport)

        assert viewer.packets == []
        assert node.media.counters.forwarded_packets == 0
