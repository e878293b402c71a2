"""One transport and a real UDP client: checks, roles, fingerprints, silence."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import stun as aioice_stun

from bots.media import rtcp, stun
from bots.media.dtls import FINGERPRINT_FAMILIES
from loadtest.node.audio import SILENCE
from loadtest.node.faults import Faults
from loadtest.node.transport import LATE_S
from tests.support.asynctest import asynctest, eventually
from tests.support.rawpeer import UFRAG, RawPeer
from tests.support.sfu import MediaNode, SfuSocket, media_node


async def listen(socket: SfuSocket, peer: RawPeer) -> None:
    """Start listen only and take the node's offer."""
    await socket.send(
        {"id": "start", "type": "audio", "role": "recv", "clientSessionNumber": 1}
    )
    peer.take((await socket.expect("startResponse"))["sdpAnswer"])


async def answer(socket: SfuSocket, peer: RawPeer, **changes: Any) -> None:
    """Answer the node's offer."""
    description = peer.description(
        **({"direction": "recvonly", "setup": "active", "has_ssrc": False} | changes)
    )
    await socket.send(
        {
            "id": "subscriberAnswer",
            "type": "audio",
            "role": "recv",
            "sdpOffer": description,
        }
    )


@asynccontextmanager
async def listener(
    **settings: Any,
) -> AsyncIterator[tuple[MediaNode, SfuSocket, RawPeer]]:
    async with media_node(**settings) as node:
        async with node.socket(node.join("Ann")) as socket:
            with RawPeer("audio") as peer:
                await listen(socket, peer)
                yield node, socket, peer


async def succeed(socket: SfuSocket, peer: RawPeer) -> None:
    await answer(socket, peer)
    await peer.connect()
    await socket.expect("webRTCAudioSuccess")


@asynctest
async def test_a_check_is_answered_with_the_address_it_came_from():
    async with listener() as (_node, _socket, peer):
        message = await peer.check()

        assert message.message_class == "response"
        assert message.mapped_address == peer.address


@asynctest
async def test_a_node_that_looks_late_takes_all_the_small_packets_that_wait():
    async with listener() as (node, _socket, peer):
        (transport,) = node.media._transports
        await peer.check()
        before = node.media.counters.received_packets
        time.sleep(2 * LATE_S)  # the whole process stands still
        for _ in range(10):
            peer.send_raw(bytes([128]) * 60)

        transport._readable()

        assert node.media.counters.received_packets == before + 10


@pytest.mark.parametrize(
    ("key", "username", "code"),
    [("wrong", "", 401), ("", f"nobody:{UFRAG}", 401), ("", UFRAG, 401)],
)
def test_a_check_with_wrong_credentials_is_refused(key, username, code):
    @asynctest
    async def run() -> None:
        async with listener() as (_node, _socket, peer):
            peer.send_check(key=key, username=username)
            await eventually(lambda: peer.checks)

            assert peer.checks[0].message_class == "error"
            assert peer.checks[0].error_code == code

    run()


@pytest.mark.parametrize(
    ("attributes", "is_signed", "code"),
    [({}, False, 400), ({"ICE-CONTROLLED": 7}, True, 487)],
)
def test_a_check_of_another_kind_is_refused(attributes, is_signed, code):
    @asynctest
    async def run() -> None:
        async with listener() as (_node, _socket, peer):
            ufrag = peer.value("ice-ufrag:(.*)\r")
            message = aioice_stun.Message(
                aioice_stun.Method.BINDING,
                aioice_stun.Class.REQUEST,
                attributes={"USERNAME": f"{ufrag}:{UFRAG}", **attributes},
            )
            if is_signed:
                message.add_message_integrity(peer.value("ice-pwd:(.*)\r").encode())
            peer.send_check(message=bytes(message))
            await eventually(lambda: peer.checks)

            assert peer.checks[0].error_code == code

    run()


@asynctest
async def test_noise_is_ignored_and_the_node_sends_no_checks():
    async with listener() as (_node, socket, peer):
        for size in (0, 1, 19, 20, 50, 1400):
            peer.send_raw(os.urandom(size))
            peer.send_raw(b"\x00\x01" + os.urandom(size))
        await succeed(socket, peer)
        await peer.received(3)

        assert [message.message_class for message in peer.checks] == ["response"]


@pytest.mark.parametrize("family", FINGERPRINT_FAMILIES)
def test_the_client_may_name_any_fingerprint_family(family):
    @asynctest
    async def run() -> None:
        async with listener(faults=Faults(fingerprint=family)) as (_n, socket, peer):
            await answer(socket, peer, family=family)
            await peer.connect()
            await socket.expect("webRTCAudioSuccess")

            assert peer.fingerprint[0] == family

    run()


@asynctest
async def test_the_node_names_one_family_by_chance_and_each_of_the_five_in_time():
    async with media_node(faults=Faults()) as node:
        async with node.socket(node.join("Ann")) as socket:
            families = set()
            with RawPeer("audio") as peer:
                for _start in range(40):
                    await listen(socket, peer)
                    families.add(peer.fingerprint[0])

    assert families == set(FINGERPRINT_FAMILIES)


@asynctest
async def test_the_same_seed_gives_the_same_descriptions_but_for_port_and_hash():
    async def credentials() -> tuple[str, str]:
        async with listener(seed=5, faults=Faults()) as (_node, _socket, peer):
            return peer.value("ice-ufrag:(.*)\r"), peer.fingerprint[0]

    assert await credentials() == await credentials()


@asynctest
async def test_a_client_that_answers_passive_is_handshaken_with():
    async with listener() as (_node, socket, peer):
        await answer(socket, peer, setup="passive")
        await peer.connect(is_server=True)

        await socket.expect("webRTCAudioSuccess")


@asynctest
async def test_a_handshake_may_begin_before_the_answer_arrives():
    async with listener() as (_node, socket, peer):
        await peer.check()
        peer.start_dtls(is_server=False)
        assert await socket.is_quiet()

        await answer(socket, peer)

        await socket.expect("webRTCAudioSuccess")


@asynctest
async def test_a_client_with_another_certificate_than_it_named_fails():
    async with listener() as (node, socket, peer):
        own = peer.description(direction="recvonly", setup="active", has_ssrc=False)
        wrong = own.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")
        await socket.send(
            {"id": "subscriberAnswer", "type": "audio", "sdpOffer": wrong}
        )
        await peer.check()
        peer.start_dtls(is_server=False)

        frame = await socket.expect("error")

        assert frame["code"] == "2211"
        assert not node.media._transports


@asynctest
async def test_media_follow_a_client_that_nominates_from_a_new_address():
    async with listener() as (_node, socket, peer):
        await succeed(socket, peer)
        await peer.received(2)

        peer.move()
        await peer.check()
        before = len(peer.packets)

        packets = await peer.received(before + 3)
        assert packets[-1].payload == SILENCE


@asynctest
async def test_packets_of_a_stranger_are_not_believed():
    async with listener() as (node, socket, peer):
        await succeed(socket, peer)
        with RawPeer("audio") as stranger:
            stranger.take(peer._remote)
            stranger.send_raw(b"\x80\x6f" + bytes(60))
            stranger.send_raw(b"\x16\xfe\xfd" + bytes(60))
            request = stun.build_request(
                os.urandom(12),
                username="x:y",
                key=b"guess",
                tie_breaker=1,
                nominates=True,
            )
            stranger.send_check(message=request)
            await eventually(lambda: stranger.checks)
        before = len(peer.packets)
        await peer.received(before + 3)

        assert node.media.counters.auth_failures == 0


@asynctest
async def test_a_client_that_stops_checking_is_given_up():
    async with listener(consent_s=1.0) as (node, socket, peer):
        await succeed(socket, peer)

        frame = await socket.expect("error")

        assert (frame["type"], frame["code"]) == ("audio", "2211")
        assert not node.media._transports
        assert node.meeting.users[next(iter(node.users))].voice is None


@asynctest
async def test_checks_and_media_keep_a_client_alive():
    async with listener(consent_s=1.5) as (node, socket, peer):
        await succeed(socket, peer)
        packets = len(peer.packets)
        for _tenth in range(20):
            packets += 5  # a tenth of a second
            await peer.received(packets)
            await peer.check()

        assert await socket.is_quiet()
        assert node.media._transports


@asynctest
async def test_a_clients_close_notify_ends_its_session_without_a_frame():
    async with listener() as (node, socket, peer):
        await succeed(socket, peer)

        peer.close_dtls()

        await eventually(lambda: not node.media._transports)
        assert await socket.is_quiet()


@asynctest
async def test_a_stopped_session_says_goodbye_in_rtcp_and_dtls():
    async with listener() as (_node, socket, peer):
        await succeed(socket, peer)

        await socket.send({"id": "stop", "type": "audio"})

        goodbye = await peer.report(rtcp.Bye)
        assert goodbye.ssrcs == (int(peer.value(r"a=ssrc:(\d+) ")),)
        await eventually(lambda: peer.dtls and peer.dtls.state == "closed")


@asynctest
async def test_dead_ice_never_flows_and_is_told_after_the_limit():
    faults = Faults(fingerprint="sha-256", dead_ice=True)
    async with listener(faults=faults, flow_timeout_s=0.3) as (_node, socket, peer):
        await answer(socket, peer)
        peer.send_check()

        frame = await socket.expect("error")

        assert (frame["code"], frame["reason"]) == ("2211", "MEDIA_NOT_FLOWING")
        assert peer.checks == []


@asynctest
async def test_a_dead_worker_falls_silent_on_every_path_and_later_starts_work():
    async with listener() as (node, socket, peer):
        await succeed(socket, peer)
        node.media.kill_worker()
        received = len(peer.packets)
        peer.send_check()
        assert await socket.is_quiet()

        with RawPeer("audio") as again:
            async with node.socket(node.join("Bob")) as other:
                await listen(other, again)
                await succeed(other, again)
                await again.received(5)

        assert len(peer.checks) == 1
        assert len(peer.packets) <= received + 2  # what was under way


@asynctest
async def test_the_fault_switch_kills_the_worker_once():
    faults = Faults(fingerprint="sha-256", dead_worker=0.1)
    async with listener(faults=faults) as (node, socket, peer):
        await eventually(lambda: all(t.is_deaf for t in node.media._transports))

        await listen(socket, peer)
        await succeed(socket, peer)

        await peer.received(5)
