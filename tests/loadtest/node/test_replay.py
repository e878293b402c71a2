"""The recorded browser's frames, sent to the node: answers have the recorded shape."""

import json
from pathlib import Path
from typing import Any

from tests.support.asynctest import asynctest
from tests.support.graphql import GraphqlClient, cookieless, get_ticket, graphql_client
from tests.support.node import local_node

CAPTURE = Path(__file__).parents[2] / "data/captures/bbb-3.0-graphql-session.json"
SILENT = {
    *("UserVoiceActivity", "getEmojisToRain", "getCursorCoordinatesStream"),
    "annotationHistoryStream",
}
"""Streams without rows: the recorded server said nothing at all."""


def recorded() -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = json.loads(CAPTURE.read_text())["frames"]
    return frames


def shape(value: object) -> object:
    """Return a value with its leaves replaced by their JSON types, keys in order."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    # 1440.0 and 931.76 are numbers as 396 is.
    return "number" if type(value) in (int, float) else type(value).__name__


class Replay:
    """Sends the recorded client's frames and waits where the recorded client waited."""

    def __init__(self, client: GraphqlClient) -> None:
        self.client = client
        self.operations: dict[str, str] = {}
        """Id -> operation name."""
        self._expected: dict[str, int] = {}
        self._layouts = 0

    async def run(self) -> None:
        client, ids = self.client, self.operations
        page = ""
        for frame in recorded():
            message = json.loads(json.dumps(frame["message"]))
            if frame["direction"] == "client->server":
                await self._send(message, page)
            elif message.get("type") == "connection_ack":
                await client.frame(lambda f: f["type"] == "connection_ack")
            elif message.get("type") == "complete":
                wanted = message["id"]
                await client.frame(
                    lambda f, wanted=wanted: (
                        f.get("id") == wanted and f["type"] == "complete"
                    ),
                    f"complete of {ids[wanted]}",
                )
            elif message.get("type") == "next":
                await self._wait_for_next(message["id"])
                if ids[message["id"]] == "CurrentPresentationPagesSubscription":
                    page = client.data[message["id"]][0]["pageId"]

    async def _send(self, message: dict[str, Any], page: str) -> None:
        ticket = self.client.ticket
        if message["type"] == "connection_init":
            headers = message["payload"]["headers"]
            headers["X-Session-Token"] = ticket.session_token
        elif message["type"] == "subscribe":
            payload = message["payload"]
            self.operations[message["id"]] = payload["operationName"]
            variables = payload["variables"]
            if "authToken" in variables:
                variables["authToken"] = ticket.auth_token
            if "pageId" in variables:
                variables["pageId"] = page
            if "presentationId" in variables:
                variables["presentationId"] = page.rpartition("/")[0]
            if payload["operationName"] == "SetLayoutProps":
                # Changes that come close together are told together.
                await self._wait_for_patches(self._layouts)
                self._layouts += 1
        if message["type"] != "pong":
            await self.client.send(message)

    async def _wait_for_patches(self, count: int) -> None:
        def came(_: object) -> bool:
            return count == sum("patch" in str(f) for f in self.client.frames)

        await self.client.frame(came, f"patch {count} of the layout")

    async def _wait_for_next(self, identity: str) -> None:
        """Wait until as many answers came as the recording has up to here."""
        self._expected[identity] = self._expected.get(identity, 0) + 1
        count = self._expected[identity]
        name = self.operations[identity]

        def came(_: object) -> bool:
            answers = self.client.answers(identity)
            return sum(answer["type"] == "next" for answer in answers) >= count

        await self.client.frame(came, f"answer {count} of {name}")


@asynctest
async def test_every_recorded_operation_is_answered_in_the_recorded_shape():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(
            http, node, role="moderator", fullName="Test Moderator Chromium"
        )
        async with graphql_client(http, node, ticket) as client:
            replay = Replay(client)
            await replay.run()
            wanted: dict[str, list[dict[str, Any]]] = {}
            for frame in recorded():
                message = frame["message"]
                if frame["direction"] == "server->client" and "id" in message:
                    wanted.setdefault(message["id"], []).append(message)

            compared = 0
            for identity, messages in wanted.items():
                name = replay.operations[identity]
                answers = client.answers(identity)
                assert [shape(a) for a in answers] == [shape(m) for m in messages], name
                compared += len(messages)
            silent = set(replay.operations) - set(wanted)
            names = {replay.operations[identity] for identity in silent}

    assert compared == 96
    assert names == SILENT
    assert len(set(replay.operations.values())) == 34


@asynctest
async def test_the_conversation_opens_as_recorded():
    async with local_node() as node, cookieless() as http:
        ticket = await get_ticket(http, node, role="moderator")
        async with graphql_client(http, node, ticket) as client:
            await client.join()
            kinds = [frame["type"] for frame in client.frames]
            ping = client.frames[0]

    assert ping == {"type": "ping", "payload": {"message": "keepalive"}}
    assert kinds[:3] == ["ping", "connection_ack", "ping"]
    # The row before the join, the mutation, the upstream renewed, the row after it.
    assert kinds[3:] == ["next", "next", "complete", "ping", "ping", "next"]
    assert "patch" not in client.frames[-1]["payload"]["data"]
