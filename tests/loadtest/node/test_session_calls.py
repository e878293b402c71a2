from dataclasses import replace

import pytest

from loadtest.node.settings import NodeSettings
from tests.support.asynctest import asynctest
from tests.support.graphql import cookieless, get_ticket
from tests.support.node import SECRET, local_node

WITH_TURN = NodeSettings(
    secret=SECRET,
    stun_urls=("stun:127.0.0.1:3478",),
    turn_urls=("turn:127.0.0.1:3478?transport=udp",),
    turn_secret="turnsecret",
)


@asynctest
async def test_stuns_gives_the_holder_of_a_session_its_own_credentials():
    async with local_node(WITH_TURN) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        url = f"{node.api_url}/stuns?sessionToken={ticket.session_token}"
        async with http.get(url, headers={"Cookie": ticket.cookie}) as response:
            answer = await response.json()

    assert list(answer) == ["stunServers", "turnServers", "remoteIceCandidates"]
    assert answer["stunServers"] == [{"url": "stun:127.0.0.1:3478"}]
    (turn,) = answer["turnServers"]
    assert list(turn) == ["username", "password", "url", "ttl"]
    assert turn["username"].endswith(f":{ticket.user_id}")


@asynctest
async def test_stuns_tells_a_stranger_nothing():
    async with local_node(WITH_TURN) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        answers = []
        for token, cookie in (
            (ticket.session_token, ""),
            (ticket.session_token, "JSESSIONID=0"),
            ("wrong", ticket.cookie),
        ):
            url = f"{node.api_url}/stuns?sessionToken={token}"
            async with http.get(url, headers={"Cookie": cookie}) as response:
                answers.append(await response.json())

    assert [answer["returncode"] for answer in answers] == ["FAILED"] * 3
    assert "turnServers" not in str(answers)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("clientSettings", "meeting_clientSettings"),
        ("meetingStaticData", "meeting"),
        ("userMetadata", "user_metadata"),
    ],
)
@asynctest
async def test_rest_wants_both_token_and_cookie(path, key):
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node, **{"userdata-bbb_x": "1"})
        url = f"{node.url}/api/rest/{path}"
        headers = {"x-session-token": ticket.session_token}
        async with http.get(url, headers=headers) as response:
            without_cookie = response.status
        headers["Cookie"] = ticket.cookie
        async with http.get(url, headers=headers) as response:
            answer = await response.json()

    assert without_cookie == 401
    assert len(answer[key]) == 1


@asynctest
async def test_nginx_is_told_who_may_open_a_media_socket():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        url = f"{node.url}/bigbluebutton/connection/checkAuthorization"
        original = f"/bbb-webrtc-sfu?sessionToken={ticket.session_token}"
        headers = {"x-original-uri": original}
        async with http.get(url, headers=headers) as response:
            without_cookie = response.status
        headers["Cookie"] = ticket.cookie
        async with http.get(url, headers=headers) as response:
            told = dict(response.headers)

    assert without_cookie == 401
    assert told["User-Id"] == ticket.user_id
    assert told["Meeting-Id"] == ticket.meeting_id


@asynctest
async def test_the_middleware_is_told_who_may_connect():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node, role="moderator")
        url = f"{node.url}/bigbluebutton/connection/checkGraphqlAuthorization"
        headers = {"x-session-token": ticket.session_token, "Cookie": ticket.cookie}
        async with http.get(url, headers=headers) as response:
            answer = await response.json()
        async with http.get(url) as response:
            refused = await response.json()

    assert answer["response"] == "authorized"
    assert (answer["X-Moderator"], answer["X-UserId"]) == ("true", ticket.user_id)
    assert (response.status, refused) == (401, {"response": "unauthorized"})


@asynctest
async def test_media_signalling_is_401_without_the_right_cookie():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        url = f"{node.url}/bbb-webrtc-sfu?sessionToken={ticket.session_token}"
        async with http.get(url) as response:
            without_cookie = response.status
        async with http.ws_connect(url, headers={"Cookie": ticket.cookie}) as socket:
            await socket.send_str('{"id":"ping"}')
            pong = await socket.receive_json()

    assert without_cookie == 401
    assert pong == {"id": "pong"}


@asynctest
async def test_a_meeting_may_allow_requests_without_a_cookie():
    async with local_node() as node, cookieless() as http:
        created = node.signed(
            "create", meetingID="open", allowRequestsWithoutSession="true"
        )
        async with http.get(created) as response:
            assert response.status == 200
        ticket = await get_ticket(http, node, meetingID="open")
        url = f"{node.api_url}/stuns?sessionToken={ticket.session_token}"
        async with http.get(url) as response:
            answer = await response.json()

    assert "stunServers" in answer


@asynctest
async def test_round_trips_are_timed_without_a_session():
    settings = replace(WITH_TURN)
    async with local_node(settings) as node, cookieless() as http:
        for path in ("/bigbluebutton/rtt-check", "/ping"):
            async with http.get(f"{node.url}{path}") as response:
                assert (response.status, await response.text()) == (200, "")
                assert response.headers["X-Request-Id"]
