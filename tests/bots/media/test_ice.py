"""The light agent against a server that answers as an ICE-lite one, by aioice's codec.

Time is given to `tick`, so that half a minute of silence needs no waiting.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import aioice.stun
import pytest

from bots.errors import ClusterError
from bots.media import ice, sdp, stun
from tests.support.asynctest import asynctest, eventually

LOCAL = sdp.IceCredentials(ufrag="ours", password="our password of 22 ch")
REMOTE = sdp.IceCredentials(ufrag="theirs", password="their password of 22 c")


class LiteServer(asyncio.DatagramProtocol):
    """Answers Binding requests by aioice's own STUN codec, as it is told."""

    def __init__(self) -> None:
        self.requests: list[aioice.stun.Message] = []
        self.answers_from = 0
        """Index of the first request that is answered."""
        self.key = REMOTE.password.encode()
        self.client: tuple[str, int] | None = None
        self.others: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.client = address
        message = aioice.stun.parse_message(data)
        if message.message_class != aioice.stun.Class.REQUEST:
            self.others.append(data)
            return
        assert message.check_message_integrity(REMOTE.password.encode())
        self.requests.append(message)
        if len(self.requests) <= self.answers_from:
            return
        response = aioice.stun.Message(
            message_method=aioice.stun.Method.BINDING,
            message_class=aioice.stun.Class.RESPONSE,
            transaction_id=message.transaction_id,
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = address
        response.add_message_integrity(self.key)
        self.transport.sendto(bytes(response), address)


@contextlib.asynccontextmanager
async def lite_server() -> AsyncIterator[tuple[LiteServer, sdp.Candidate]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        LiteServer, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        yield server, candidate(port)
    finally:
        transport.close()


def candidate(port: int, **changes: object) -> sdp.Candidate:
    facts: dict[str, object] = {
        "text": "",
        "component": 1,
        "transport": "udp",
        "priority": 5,
        "address": "127.0.0.1",
        "port": port,
        "kind": "host",
    }
    return sdp.Candidate(**(facts | changes))


def path_to(
    *candidates: sdp.Candidate, receive: Callable[[int], None] = lambda size: None
) -> ice.LightPath:
    remote = sdp.Description(
        sections=(),
        ice=REMOTE,
        fingerprints=(),
        is_ice_lite=True,
        candidates=candidates,
    )
    return ice.LightPath(local=LOCAL, remote=remote, receive=receive)


@asynctest
async def test_a_check_is_what_a_controlling_agent_sends_and_its_answer_connects():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()

        request = server.requests[0]
        assert request.attributes["USERNAME"] == "theirs:ours"
        assert "USE-CANDIDATE" in request.attributes
        assert "ICE-CONTROLLING" in request.attributes
        assert path.remote_address == f"127.0.0.1:{where.port}"
        assert path.candidate_type == "host"
        assert path.rtt_s is not None
        assert 0 < path.rtt_s < 5
        await path.close()


@asynctest
async def test_a_lost_check_is_sent_again():
    async with lite_server() as (server, where):
        server.answers_from = 2
        path = path_to(where)
        await path.connect()

        # One more where the answer to the third was not read in time.
        assert len(server.requests) >= 3
        await path.close()


@asynctest
async def test_an_answer_signed_with_another_key_is_no_answer():
    async with lite_server() as (server, where):
        server.key = b"somebody else's password"
        path = path_to(where)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await path.connect()

        assert len(server.requests) >= 2
        await path.close()


@asynctest
async def test_the_next_candidate_is_tried_when_the_first_is_silent():
    async with lite_server() as (silent, first), lite_server() as (_, second):
        silent.answers_from = 10_000
        best = candidate(first.port, priority=9)
        path = path_to(second, best)
        await path.connect()

        assert silent.requests
        assert path.remote_address.endswith(f":{second.port}")
        await path.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"transport": "tcp"},
        {"component": 2},
        {"address": "4f0c.local"},
    ],
)
@asynctest
async def test_candidates_that_udp_cannot_reach_are_no_candidates(changes):
    path = path_to(candidate(9, **changes))

    with pytest.raises(ClusterError) as refused:
        await path.connect()

    assert refused.value.code == "no candidate"


@asynctest
async def test_consent_is_asked_every_fifteen_seconds_while_media_flows():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        begun_s, asked = time.monotonic(), len(server.requests)

        for step in range(1, 45):
            # media is heard at every moment, so only consent makes it ask
            path.tick(begun_s + step / 4, begun_s + step / 4)
        await asyncio.sleep(0)
        assert len(server.requests) == asked
        path.tick(begun_s + 15.5, begun_s + 15.5)

        await eventually(lambda: len(server.requests) == asked + 1)
        assert path.failure == ""
        await path.close()


@asynctest
async def test_a_silent_path_is_probed_each_second_and_given_up_within_ten():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        server.answers_from = 10_000
        begun_s, asked = time.monotonic(), len(server.requests)

        step = 0
        while not path.failure:
            step += 1
            path.tick(begun_s + step / 4, begun_s)

        assert path.failure == "path silent"
        assert step / 4 < 10
        await eventually(lambda: 5 <= len(server.requests) - asked <= 8)
        await path.close()


@asynctest
async def test_media_without_consent_ends_after_thirty_seconds():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        server.answers_from = 10_000
        begun_s = time.monotonic()

        for second in range(29):
            path.tick(begun_s + second, begun_s + second)
        assert path.failure == ""
        for second in range(29, 32):
            path.tick(begun_s + second, begun_s + second)

        assert path.failure == "consent lost"
        await path.close()


@asynctest
async def test_consent_is_not_lost_where_it_is_we_who_lost_what_came():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        server.answers_from = 10_000
        begun_s = time.monotonic()

        for second in range(60):  # the path never gets to read
            for _ in range(400 if second == 0 else 1):
                server.transport.sendto(bytes([128]) * 1200, server.client)
            path.tick(begun_s + second, begun_s + second)
        assert path.failure == ""
        for second in range(60, 92):  # nothing is lost any more
            path.tick(begun_s + second, begun_s + second)

        assert path.failure == "consent lost"
        await path.close()


@asynctest
async def test_who_did_not_look_for_a_minute_asks_before_it_blames():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        begun_s, asked = time.monotonic(), len(server.requests)

        path.tick(begun_s + 60, begun_s + 60)

        assert path.failure == ""
        await eventually(lambda: len(server.requests) == asked + 1, what="a question")
        await path.close()


@asynctest
async def test_a_check_of_the_other_side_is_answered_and_a_forged_one_is_not():
    async with lite_server() as (server, where):
        path = path_to(where)
        await path.connect()
        for key, username in (
            (LOCAL.password, "ours:theirs"),
            ("a wrong password", "ours:theirs"),
            (LOCAL.password, "ours:others"),
        ):
            request = stun.build_request(
                bytes(12),
                username=username,
                key=key.encode(),
                tie_breaker=1,
                nominates=False,
            )
            server.transport.sendto(request, server.client)

        await eventually(lambda: server.others)
        path.tick(time.monotonic() + 100, 0)  # its check comes after any answer
        (answer,) = server.others
        message = stun.parse_binding(answer)
        assert message.message_class == "response"
        assert stun.is_authentic(answer, message, LOCAL.password.encode())
        await path.close()


@asynctest
async def test_other_datagrams_are_handed_on_from_the_workspace():
    sizes = []
    async with lite_server() as (server, where):
        path = path_to(where, receive=sizes.append)
        await path.connect()
        server.transport.sendto(bytes([128]) * 50, server.client)
        server.transport.sendto(bytes([1]) * 50, server.client)  # no STUN, dropped
        server.transport.sendto(bytes([22]) * 60, server.client)

        await eventually(lambda: sizes == [50, 60])
        await path.close()
        await path.close()
        with pytest.raises(OSError, match="not connected"):
            path.send(b"x")


@asynctest
async def test_a_key_frame_of_a_shared_screen_that_comes_at_once_is_not_lost():
    sizes = []
    async with lite_server() as (server, where):
        path = path_to(where, receive=sizes.append)
        await path.connect()
        for _ in range(140):  # all of them before the path can look
            server.transport.sendto(bytes([128]) * 1200, server.client)

        await eventually(lambda: len(sizes) == 140, what="the whole frame")
        await path.close()


def test_the_way_to_loopback_is_from_loopback():
    assert ice.local_address_towards("127.0.0.1") == "127.0.0.1"
