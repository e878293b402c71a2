"""Whole participants whose media go through Debian's coturn.

Each gets its credentials as a browser does: from the node's `stuns`, made of the secret
that node and TURN server share. Who got a relay is read from the server's own log.
"""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots.media.plane import IceTransportPolicy, MediaPlane, SendSpec
from bots.models import (
    JoinReport,
    MeetingRef,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from bots.protocol import api
from bots.transport import Transport
from loadtest.node.settings import NodeSettings
from tests.integration.test_participant import LIMITS, Scene
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.coturn import CARRIERS, Carrier, Coturn, coturn
from tests.support.janus import janus
from tests.support.namespaces import Namespace, namespace
from tests.support.node import SECRET, NodeUnderTest, local_node, node_process

pytestmark = pytest.mark.coturn

NO_RELAY = "no relay candidate"


@asynccontextmanager
async def scene(node: NodeUnderTest, plane: MediaPlane) -> AsyncIterator[Scene]:
    """Make a meeting on the node."""
    parameters = api.create_parameters(run="test", number=0, rest_of_run_s=300)
    async with Transport() as transport, plane:
        url = api.create_url(node.api_url, parameters, SECRET)
        created = api.parse_create(await transport.get(url))
        meeting = MeetingRef(number=0, meeting_id=created.meeting_id)
        yield Scene(node, plane, meeting)


@asynccontextmanager
async def relayed_scene(
    folder: Path,
    carriers: Sequence[Carrier],
    *,
    policy: IceTransportPolicy = "relay",
    is_trusted: bool = True,
    shares_secret: bool = True,
) -> AsyncIterator[tuple[Scene, Coturn]]:
    """Start coturn and a node on loopback that names it."""
    async with coturn(folder) as turn:
        settings = NodeSettings(
            secret=SECRET,
            turn_urls=tuple(turn.url(carrier) for carrier in carriers),
            turn_secret=turn.secret if shares_secret else "another",
        )
        plane = MediaPlane(
            ca_file=turn.ca_file if is_trusted else None, ice_transport_policy=policy
        )
        async with local_node(settings) as node, scene(node, plane) as stage:
            yield stage, turn


@asynccontextmanager
async def walled_scene(
    folder: Path, space: Namespace, carrier: Carrier, **given: Any
) -> AsyncIterator[tuple[Scene, Coturn]]:
    """Start coturn and a node where no UDP gets in or out."""
    async with (
        coturn(folder, space) as turn,
        node_process(
            *("--host", space.address, "--turn", turn.url(carrier)),
            inside=space,
            environment={"BBBLOAD_TURN_SECRET": turn.secret},
        ) as node,
    ):
        space.drop_udp(1.0)
        plane = MediaPlane(ca_file=turn.ca_file if given.get("is_trusted") else None)
        async with scene(node, plane) as stage:
            yield stage, turn


@pytest.mark.parametrize("carrier", CARRIERS)
@asynctest
async def test_camera_and_audio_go_through_a_relay(tmp_path: Path, carrier: Carrier):
    async with relayed_scene(tmp_path, (carrier,)) as (stage, turn):
        one = stage.participant(1, audio="microphone", shares_camera=True)
        two = stage.participant(2, audio="microphone")
        async with stage.present(one, two):
            await stage.wait_for(MilestoneReport, 2, media="audio", outcome="joined")
            await stage.wait_for(MilestoneReport, 1, media="camera", outcome="joined")

            def heard() -> int:
                one.sample(), two.sample()
                audio = stage.of(StreamReport, direction="in", media="audio")
                return sum(report.packets for report in audio)

            await eventually(lambda: heard() >= 100, what="audio through the relay")

        joins = stage.of(JoinReport)
        assert [join.path.candidate_type for join in joins] == ["relay", "relay"]
        users = {user.partition(":")[2] for user in turn.allocations()}
        assert len(users) == 2
        assert all(user.startswith("w_") for user in users), "as `stuns` names them"
        counted = stage.of(StreamReport, direction="in")
        assert sum(report.lost for report in counted) == 0
        assert sum(report.auth_failures for report in counted) == 0


@asynctest
async def test_a_direct_way_that_works_asks_for_no_relay(tmp_path: Path):
    async with relayed_scene(tmp_path, CARRIERS, policy="all") as (stage, turn):
        async with stage.present(stage.participant(1, audio="microphone")):
            await stage.wait_for(MilestoneReport, media="audio", outcome="joined")

        (join,) = stage.of(JoinReport)
        assert join.path.candidate_type == "host"
        assert turn.allocations() == []


@pytest.mark.parametrize(
    ("carrier", "given", "reason"),
    [
        ("tls", {"is_trusted": False}, "certificate is not trusted"),
        ("udp", {"shares_secret": False}, "refused with 401"),
        ("tcp", {"shares_secret": False}, "refused with 401"),
    ],
)
@asynctest
async def test_a_relay_that_cannot_be_had_is_an_outcome_with_its_reason(
    tmp_path: Path, carrier: Carrier, given: dict[str, bool], reason: str
):
    async with relayed_scene(tmp_path, (carrier,), **given) as (stage, turn):
        async with stage.present(stage.participant(1, audio="microphone")):
            pass

        (join,) = stage.of(JoinReport)
        assert (join.outcome, join.code) == ("refused", NO_RELAY)
        assert reason in join.detail
        assert turn.secret not in join.detail
        assert turn.allocations() == []


@asynctest
async def test_one_turn_server_that_is_out_of_order_does_not_hinder_the_others(
    tmp_path: Path,
):
    given: Any = {"is_trusted": False}  # so TLS cannot be had
    async with relayed_scene(tmp_path, ("tls", "tcp"), **given) as (stage, _):
        async with stage.present(stage.participant(1, audio="microphone")):
            await stage.wait_for(MilestoneReport, media="audio", outcome="joined")

        (join,) = stage.of(JoinReport)
        assert join.path.candidate_type == "relay"


@asynctest
async def test_a_turn_server_that_goes_away_is_noticed_at_once(tmp_path: Path):
    async with relayed_scene(tmp_path, ("tcp",)) as (stage, turn):
        one = stage.participant(1, audio="microphone", limits=LIMITS)
        async with stage.present(one):
            await stage.wait_for(MilestoneReport, media="audio", outcome="joined")
            os.kill(turn.pid, signal.SIGKILL)
            (lost,) = await stage.wait_for(RefusalReport, code="relay lost")

        assert (lost.what, lost.outcome) == ("audio", "dropped")


@asynctest
async def test_relay_only_without_a_turn_server_is_an_outcome(tmp_path: Path):
    async with (
        local_node() as node,
        scene(node, MediaPlane(ice_transport_policy="relay")) as stage,
    ):
        async with stage.present(stage.participant(1, audio="microphone")):
            pass

        (join,) = stage.of(JoinReport)
        assert (join.outcome, join.code) == ("refused", NO_RELAY)
        assert "names no TURN server" in join.detail


@pytest.mark.parametrize("carrier", ["udp", "tcp"])
@asynctest
async def test_a_turn_server_with_a_port_that_is_none_is_an_outcome(carrier: str):
    url = f"turn:127.0.0.1:70000?transport={carrier}"
    settings = NodeSettings(secret=SECRET, turn_urls=(url,), turn_secret="x")
    async with (
        local_node(settings) as node,
        scene(node, MediaPlane(ice_transport_policy="relay")) as stage,
    ):
        async with stage.present(stage.participant(1, audio="microphone")):
            pass

        (join,) = stage.of(JoinReport)
        assert (join.outcome, join.code) == ("refused", NO_RELAY)
        assert "its address is none" in join.detail


@pytest.mark.root
@asynctest
async def test_where_udp_is_blocked_a_relay_over_tls_is_found(tmp_path: Path):
    with namespace(index=21) as space:
        async with walled_scene(tmp_path, space, "tls", is_trusted=True) as (
            stage,
            turn,
        ):
            one = stage.participant(1, audio="microphone", shares_camera=True)
            two = stage.participant(2, audio="listen only")
            async with stage.present(one, two):
                await stage.wait_for(MilestoneReport, 2, media="audio")
                await stage.wait_for(MilestoneReport, 1, media="camera")

            for join in stage.of(JoinReport):
                assert (join.outcome, join.path.candidate_type) == ("joined", "relay")
                assert join.path.remote_address.startswith(space.address)
            assert turn.allocations()


@pytest.mark.root
@asynctest
async def test_where_udp_is_blocked_and_no_relay_is_had_both_are_told(tmp_path: Path):
    with namespace(index=22) as space:
        async with walled_scene(tmp_path, space, "tls", is_trusted=False) as (stage, _):
            limits = replace(LIMITS, audio_s=4)
            one = stage.participant(1, audio="microphone", limits=limits)
            async with stage.present(one):
                pass

            (join,) = stage.of(JoinReport)
            assert (join.outcome, join.code) == ("timed out", NO_RELAY)
            assert "certificate is not trusted" in join.detail


@pytest.mark.root
@pytest.mark.janus
@asynctest
async def test_a_full_ice_peer_is_reached_through_a_relay(tmp_path: Path):
    with namespace(index=23) as space:
        async with coturn(tmp_path, space) as turn, janus(space) as server:
            space.drop_udp(1.0)
            plane = MediaPlane(ca_file=turn.ca_file)
            async with plane:
                publisher = plane.session(ice_servers=(turn.server("tcp"),))
                viewer = plane.session(ice_servers=(turn.server("tls"),))

                room = await server.video_room()
                camera = (SendSpec(media="camera"),)
                published = await server.publish(publisher, room, camera)
                sent_by = await publisher.connected(scaled(10))
                viewed = await server.subscribe(viewer, published)
                seen_by = await viewer.connected(scaled(10))
                await viewer.first("camera", scaled(10))

                assert sent_by.candidate_type == seen_by.candidate_type == "relay"
                told = await viewed.statistics()
                assert told.count("video", "out", "packets") > 0
