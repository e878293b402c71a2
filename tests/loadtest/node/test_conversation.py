"""The connection itself: who is let in, what is held, limited, refused and closed."""

import json
from dataclasses import replace

import aiohttp
import pytest

from loadtest.node.faults import Faults
from loadtest.node.settings import GraphqlLimits, NodeSettings
from tests.support.asynctest import asynctest
from tests.support.graphql import (
    JOIN,
    USER_CURRENT,
    cookieless,
    get_ticket,
    graphql_client,
    joined_client,
)
from tests.support.node import SECRET, local_node

USERS_COUNT = "subscription UsersCount { user_aggregate { aggregate { count } } }"
SETTINGS = NodeSettings(secret=SECRET)
ECHO = "mutation Echo { userSetEchoTestRunning }"


def with_faults(**faults: object) -> NodeSettings:
    return replace(SETTINGS, faults=Faults(**faults))  # type: ignore[arg-type]


def with_limits(**limits: object) -> NodeSettings:
    return replace(SETTINGS, limits=GraphqlLimits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "header",
    ["X-Session-Token", "X-ClientSessionUUID", "X-ClientType", "X-ClientIsMobile"],
)
@pytest.mark.parametrize("value", [None, False])
@asynctest
async def test_each_header_must_be_a_string(header, value):
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise(**{header: value})
            code = await client.wait_closed()
            (error,) = client.frames

    assert code == 4403
    assert (error["id"], error["type"]) == ("-1", "error")
    assert error["payload"] == [
        {
            "messageId": "param_missing",
            "message": f"{header} header missing on init connection",
        }
    ]


@pytest.mark.parametrize(
    ("cookie", "token"),
    [("", None), ("JSESSIONID=0", None), (None, "0123456789abcdef")],
)
@asynctest
async def test_token_and_cookie_must_belong_together(cookie, token):
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket, cookie=cookie) as client:
            await client.initialise(**({"X-Session-Token": token} if token else {}))
            code = await client.wait_closed()
            message_id = client.frames[-1]["payload"][0]["messageId"]

    assert (code, message_id) == (4403, "check_authorization_error")


@asynctest
async def test_a_session_token_has_three_connections():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with (
            graphql_client(http, node, ticket) as one,
            graphql_client(http, node, ticket) as two,
            graphql_client(http, node, ticket) as three,
            graphql_client(http, node, ticket) as four,
        ):
            for client in (one, two, three):
                await client.initialise()
                await client.frame(lambda frame: frame["type"] == "connection_ack")
            await four.initialise()
            code = await four.wait_closed()
            message_id = four.frames[-1]["payload"][0]["messageId"]

    assert (code, message_id) == (4403, "too_many_connections")


@asynctest
async def test_a_full_server_closes_with_1011_and_has_room_again_later():
    async with local_node(with_limits(max_connections=1)) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as first:
            await first.initialise()
            await first.frame(lambda frame: frame["type"] == "connection_ack")
            async with graphql_client(http, node, ticket) as second:
                code = await second.wait_closed()
                error = second.frames[0]["payload"][0]
            await first.socket.close()
        async with graphql_client(http, node, ticket) as third:
            await third.initialise()
            await third.frame(lambda frame: frame["type"] == "connection_ack")

    assert code == 1011
    assert error == {
        "messageId": "connections_limit_exceeded",
        "message": "limit of server connections exceeded",
    }


@pytest.mark.parametrize(
    ("faults", "headers", "status"),
    [
        ({}, {"Origin": "https://elsewhere.example"}, 403),
        ({"rate_limited": True}, {}, 429),
    ],
)
@asynctest
async def test_an_upgrade_can_be_refused(faults, headers, status):
    async with local_node(with_faults(**faults)) as node, cookieless() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await http.ws_connect(
                f"{node.url}/graphql",
                protocols=("graphql-transport-ws",),
                headers=headers,
            )

    assert refusal.value.status == status


@asynctest
async def test_operations_are_held_until_the_user_is_in_the_meeting():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            await client.frame(lambda frame: frame["type"] == "connection_ack")
            early = await client.subscribe(USERS_COUNT)
            current = await client.subscribe(USER_CURRENT)
            before = await client.rows(current)
            assert client.answers(early) == []
            await client.mutate(
                JOIN,
                authToken=ticket.auth_token,
                clientType="HTML5",
                clientIsMobile=False,
            )
            count = await client.rows(early)

    assert (before[0]["joined"], count["aggregate"]["count"]) == (False, 1)


@pytest.mark.parametrize(
    "code",
    [
        "validate_token_failed_eject_reason",
        "not_enough_permission_eject_reason",
        "banned_user_rejoining_reason",
        "user_logged_out_reason",
        "max_participants_reason",
    ],
)
@asynctest
async def test_a_refused_join_shows_its_code_and_stays_outside(code):
    async with local_node(with_faults(refuse_join=code)) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            await client.frame(lambda frame: frame["type"] == "connection_ack")
            current = await client.subscribe(USER_CURRENT)
            await client.rows(current)
            answer = await client.mutate(
                JOIN,
                authToken=ticket.auth_token,
                clientType="HTML5",
                clientIsMobile=False,
            )
            rows = await client.rows(current, lambda rows: rows[0]["joinErrorCode"])

    assert answer["payload"]["data"] == {"userJoinMeeting": True}
    assert (rows[0]["joinErrorCode"], rows[0]["joined"]) == (code, False)


@asynctest
async def test_a_wrong_auth_token_is_refused_without_any_fault():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            await client.frame(lambda frame: frame["type"] == "connection_ack")
            current = await client.subscribe(USER_CURRENT)
            await client.mutate(
                JOIN, authToken="wrong", clientType="HTML5", clientIsMobile=False
            )
            rows = await client.rows(current, lambda rows: rows[0]["joinErrorCode"])

    assert rows[0]["joinErrorCode"] == "validate_token_failed_eject_reason"


@asynctest
async def test_a_mutation_that_is_not_compact_goes_to_hasura_and_is_refused():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            payload = {"variables": {}, "operationName": "Echo", "query": ECHO}
            message = {"id": "m", "type": "subscribe", "payload": payload}
            await client.socket.send_str(json.dumps(message))
            error = await client.frame(lambda frame: frame.get("id") == "m")
            await client.frame(lambda f: f.get("id") == "m" and f["type"] == "complete")

    assert error["type"] == "error"
    assert error["payload"][0]["extensions"]["code"] == "validation-failed"


@pytest.mark.parametrize(
    ("query", "message", "path"),
    [
        (
            "subscription A { nothing { x } }",
            "field 'nothing' not found in type: 'subscription_root'",
            "$.selectionSet.nothing",
        ),
        (
            "query A { user_voice_activity_stream { x } }",
            "field 'user_voice_activity_stream' not found in type: 'query_root'",
            "$.selectionSet.user_voice_activity_stream",
        ),
        (
            "subscription A { user { voice { pitch } } }",
            "field 'pitch' not found in type: 'user_voice'",
            "$.selectionSet.user.selectionSet.voice.selectionSet.pitch",
        ),
        (
            "subscription A { timer { startedOn } }",
            "field 'startedOn' not found in type: 'timer'",
            "$.selectionSet.timer.selectionSet.startedOn",
        ),
        (
            "subscription A { user }",
            "missing selection set for 'user'",
            "$.selectionSet.user",
        ),
        ("subscription A {", "not a valid graphql query", "$.query"),
    ],
)
@asynctest
async def test_hasuras_errors_name_the_field_that_is_not_there(query, message, path):
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            identity = await client.subscribe(query)
            await client.frame(
                lambda f: f.get("id") == identity and f["type"] == "complete"
            )
            error = client.answers(identity)[0]

    extensions = {"path": path, "code": "validation-failed"}
    assert error == {
        "type": "error",
        "id": identity,
        "payload": [{"message": message, "extensions": extensions}],
    }


@pytest.mark.parametrize(
    ("query", "variables", "told"),
    [
        ("mutation A { noSuchThing }", {}, "Unknown action: noSuchThing"),
        (
            "mutation A($hand: Boolean!) { userSetRaiseHand(raiseHand: $hand) }",
            {"hand": "yes"},
            "Parameter 'raiseHand' contains an invalid type",
        ),
        (
            "mutation A($s: String!) { cameraBroadcastStart(stream: $s) }",
            {"s": "w_x"},
            "Parameter 'contentType' is required",
        ),
        ("mutation A { meetingEnd }", {}, "Permission Denied."),
    ],
)
@asynctest
async def test_graphql_actions_refuses_what_it_cannot_pass_on(query, variables, told):
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            answer = await client.mutate(query, **variables)

    assert answer["type"] == "error"
    assert answer["payload"][0]["message"] == (
        "It was not able to send the request to Graphql Actions: graphql actions "
        f"request failed: {told}"
    )


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 4400),
        ("[]", 4400),
        ('{"type":"start"}', 4400),
        ('{"type":"subscribe","id":"1","payload":{}}', 4400),
        ('{"type":"connection_init"}', 4429),
    ],
)
@asynctest
async def test_a_malformed_frame_ends_the_connection(frame, code):
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            await client.socket.send_str(frame)
            assert await client.wait_closed() == code


@asynctest
async def test_nothing_is_subscribed_before_the_ack():
    async with local_node(with_faults(slow_ack=30.0)) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            await client.subscribe(USER_CURRENT)
            code = await client.wait_closed()
            kinds = {frame["type"] for frame in client.frames}

    assert (code, kinds) == (4401, {"ping"})


@asynctest
async def test_a_slow_ack_comes_late_but_comes():
    settings = replace(with_faults(slow_ack=0.3), limits=GraphqlLimits(ping_s=0.2))
    async with local_node(settings) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            await client.frame(lambda frame: frame["type"] == "connection_ack")

    assert client.frames[0]["type"] == "ping"


@asynctest
async def test_pings_go_on_and_an_idle_client_is_closed_with_1000():
    settings = with_limits(ping_s=0.05, idle_s=1.0)
    async with local_node(settings) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with http.ws_connect(
            f"{node.url}/graphql",
            protocols=("graphql-transport-ws",),
            headers={"Cookie": ticket.cookie},
        ) as socket:
            await socket.send_json(
                {
                    "type": "connection_init",
                    "payload": {
                        "headers": {
                            "X-Session-Token": ticket.session_token,
                            "X-ClientSessionUUID": "u",
                            "X-ClientType": "HTML5",
                            "X-ClientIsMobile": "false",
                        }
                    },
                }
            )
            # Never answers a ping.
            kinds = [message.json()["type"] async for message in socket]

    assert socket.close_code == 1000
    assert kinds.count("ping") >= 5


@asynctest
async def test_the_rate_of_mutations_is_limited_with_the_middlewares_words():
    settings = with_limits(mutations_per_minute=3, rate_wait_s=0.0)
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node) as client:
            answers = [await client.mutate(ECHO) for _ in range(3)]

    assert [answer["type"] for answer in answers] == ["next", "next", "error"]
    assert answers[-1]["payload"][0]["message"] == (
        "Rate limit exceeded: Maximum 3 mutations per minute allowed. "
        "Please try again later."
    )


@asynctest
async def test_a_frame_over_the_rate_waits_its_turn():
    settings = with_limits(mutations_per_minute=120, ping_s=0.2)
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node) as client:
            ids = [await client.subscribe(ECHO) for _ in range(121)]
            await client.frame(
                lambda f: f.get("id") == ids[-1] and f["type"] == "complete"
            )

    assert all(client.answers(identity)[0]["type"] == "next" for identity in ids)


@pytest.mark.parametrize(
    ("limits", "query", "told"),
    [
        (
            {"concurrent_subscriptions": 1},
            USERS_COUNT,
            "Limit exceeded: Maximum 1 concurrent subscriptions allowed.",
        ),
        (
            {"query_depth": 3},
            "subscription A { user { cameras { user { voice { floor } } } } }",
            "Query A is not valid with depth 5 and the max allowed is 3",
        ),
        (
            {"query_length": 300},
            f"subscription A {{ user {{ {'userId ' * 50} }} }}",
            "Query A is longer than allowed",
        ),
    ],
)
@asynctest
async def test_other_limits_refuse_the_operation_and_keep_the_connection(
    limits, query, told
):
    async with local_node(with_limits(**limits)) as node, cookieless() as http:
        async with joined_client(http, node) as client:
            identity = await client.subscribe(query)
            error = await client.frame(lambda frame: frame.get("id") == identity)
            alive = await client.mutate(ECHO)

    assert error["payload"] == [{"message": told}]
    assert alive["type"] == "next"


@pytest.mark.parametrize(
    "message_id", ["meeting_not_found", "internal_error", "request_timeout"]
)
@asynctest
async def test_any_refusal_of_the_middleware_can_be_ordered(message_id):
    settings = with_faults(refuse_connection=message_id)
    async with local_node(settings) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        async with graphql_client(http, node, ticket) as client:
            await client.initialise()
            code = await client.wait_closed()
            found = client.frames[-1]["payload"][0]["messageId"]

    assert (code, found) == (4403, message_id)


@asynctest
async def test_a_cut_socket_is_cut_once_and_the_user_is_still_joined_on_return():
    settings = with_faults(drop_graphql=1.0)
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node) as client:
            code = await client.wait_closed()
        async with graphql_client(http, node, client.ticket) as again:
            await again.initialise()
            await again.frame(lambda frame: frame["type"] == "connection_ack")
            rows = await again.rows(await again.subscribe(USER_CURRENT))

    assert code == 1006
    assert rows[0]["joined"]


@asynctest
async def test_a_user_who_was_disconnected_may_join_again():
    settings = with_faults(disconnect_user=1.0)
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node) as client:
            current = next(iter(client.data))
            lost = await client.rows(current, lambda rows: rows[0]["ejectReasonCode"])
            await client.mutate(
                JOIN,
                authToken=client.ticket.auth_token,
                clientType="HTML5",
                clientIsMobile=False,
            )
            back = await client.rows(current, lambda rows: rows[0]["joined"])

    assert lost[0]["ejectReasonCode"] == "able_to_rejoin_user_disconnected_reason"
    assert back[0]["ejectReasonCode"] is None


@asynctest
async def test_a_replaced_session_token_is_shown_the_door():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            await get_ticket(
                http,
                node,
                existingUserID=client.ticket.user_id,
                replaceSessionToken=client.ticket.session_token,
            )
            code = await client.wait_closed()
            message_id = client.frames[-1]["payload"][0]["messageId"]

    assert (code, message_id) == (4403, "session_token_replaced")
