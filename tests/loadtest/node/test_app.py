import asyncio

import pytest
from aiohttp import WSMsgType

from bots.errors import ConfigError
from loadtest.node.app import RunningNode
from loadtest.node.settings import NodeSettings
from tests.support.asynctest import asynctest
from tests.support.graphql import cookieless, joined_client
from tests.support.node import SECRET, local_node


@asynctest
async def test_a_node_that_stops_closes_its_sockets_and_leaves_no_task():
    async with cookieless() as http:
        async with local_node() as node, joined_client(http, node) as client:
            ticket = client.ticket
            url = f"{node.url}/bbb-webrtc-sfu?sessionToken={ticket.session_token}"
            async with http.ws_connect(url, headers={"Cookie": ticket.cookie}) as sfu:
                await node.running.__aexit__(None, None, None)
                code = await client.wait_closed()
                last = await sfu.receive()
    others = asyncio.all_tasks() - {asyncio.current_task()}

    assert code == 1001
    assert last.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
    assert {task.get_coro().__qualname__ for task in others} <= {
        "asynctest.<locals>.limited"
    }


@asynctest
async def test_two_nodes_live_side_by_side_but_not_on_one_port():
    async with local_node() as one, local_node() as two:
        assert one.url != two.url
        port = one.running.port
        with pytest.raises(ConfigError, match=f"port {port} .* is in use"):
            async with RunningNode(NodeSettings(secret=SECRET, port=port)):
                pass
