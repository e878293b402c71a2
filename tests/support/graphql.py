"""A plain GraphQL-over-WebSocket client for tests of the node: it says what it is told.

It shares no code with the bots, so that a mistake of theirs cannot hide in here.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import aiohttp
import jsonpatch
from yarl import URL

from tests.support.asynctest import scaled
from tests.support.node import NodeUnderTest

LIMIT_S = 30.0
USER_CURRENT = (
    "subscription Patched_userCurrentSubscription { user_current { userId joined "
    "presenter guestStatus joinErrorCode ejectReasonCode loggedOut "
    "meeting { ended endedReasonCode __typename } __typename } }"
)
JOIN = (
    "mutation UserJoin($authToken: String!, $clientType: String!, "
    "$clientIsMobile: Boolean!) { userJoinMeeting(authToken: $authToken, "
    "clientType: $clientType, clientIsMobile: $clientIsMobile) }"
)


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What `join?redirect=false` gave."""

    user_id: str
    session_token: str
    auth_token: str
    meeting_id: str
    guest_status: str
    cookie: str


def exact(url: str) -> URL:
    """Keep aiohttp from decoding what was signed (it makes `,` of `%2C`)."""
    return URL(url, encoded=True)


def xml_fields(text: str) -> dict[str, str]:
    """Return the top-level elements of an API answer."""
    return {child.tag: child.text or "" for child in ElementTree.fromstring(text)}


async def get_ticket(
    http: aiohttp.ClientSession, node: NodeUnderTest, **parameters: object
) -> Ticket:
    """Join meeting `abc` over the API (made if need be) and return the ticket."""
    asked = {"meetingID": "abc", "fullName": "Ann", "role": "viewer", **parameters}
    created = node.signed("create", meetingID=asked["meetingID"])
    async with http.get(exact(created)) as response:
        assert response.status == 200
    url = node.signed("join", redirect="false", **asked)
    async with http.get(exact(url), allow_redirects=False) as response:
        fields = xml_fields(await response.text())
        cookie = response.headers.get("Set-Cookie", "").partition(";")[0]
    return Ticket(
        user_id=fields["user_id"],
        session_token=fields["session_token"],
        auth_token=fields["auth_token"],
        meeting_id=fields["meeting_id"],
        guest_status=fields["guestStatus"],
        cookie=cookie,
    )


class GraphqlClient:
    """One connection; every frame that came is kept in `frames`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, ticket: Ticket) -> None:
        self.socket = socket
        self.ticket = ticket
        self.client_session = str(uuid.uuid4())
        self.frames: list[dict[str, Any]] = []
        self.data: dict[str, Any] = {}
        """Subscription id -> present rows, patches applied."""
        self._arrived = asyncio.Condition()

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one compact frame."""
        await self.socket.send_str(json.dumps(message, separators=(",", ":")))

    async def initialise(self, **headers: object) -> None:
        """Send `connection_init`, with headers replaced or (None) left out."""
        all_headers: dict[str, object] = {
            "X-Session-Token": self.ticket.session_token,
            "X-ClientSessionUUID": self.client_session,
            "X-ClientType": "HTML5",
            "X-ClientIsMobile": "false",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in all_headers.items() if value is not None}
        await self.send({"type": "connection_init", "payload": {"headers": kept}})

    async def subscribe(self, query: str, **variables: object) -> str:
        """Send an operation and return its id."""
        identity = str(uuid.uuid4())
        name = query.split("{")[0].split("(")[0].split()[1]
        payload = {
            "variables": variables,
            "extensions": {},
            "operationName": name,
            "query": query,
        }
        await self.send({"id": identity, "type": "subscribe", "payload": payload})
        return identity

    async def mutate(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a mutation and return the first frame of its answer."""
        identity = await self.subscribe(query, **variables)
        return await self.frame(lambda frame: frame.get("id") == identity)

    async def frame(self, wanted: Any, what: str = "a frame") -> dict[str, Any]:
        """Wait for (or find) the first frame that satisfies `wanted`."""
        return await self._until(lambda: next(filter(wanted, self.frames), None), what)

    async def rows(self, identity: str, wanted: Any = lambda rows: True) -> Any:
        """Wait until the data of a subscription satisfy `wanted`; return them."""

        def look() -> Any:
            if identity in self.data and wanted(self.data[identity]):
                return (self.data[identity],)
            return None

        return (await self._until(look, f"rows; last {self.data.get(identity)}"))[0]

    def answers(self, identity: str) -> list[dict[str, Any]]:
        """Return all frames with this id so far."""
        return [frame for frame in self.frames if frame.get("id") == identity]

    async def join(self) -> str:
        """Do the whole join; return the id of the `user_current` subscription."""
        await self.initialise()
        await self.frame(lambda frame: frame["type"] == "connection_ack", "the ack")
        identity = await self.subscribe(USER_CURRENT)
        await self.rows(identity)
        await self.mutate(
            JOIN,
            authToken=self.ticket.auth_token,
            clientType="HTML5",
            clientIsMobile=False,
        )
        await self.rows(identity, lambda rows: rows[0]["joined"])
        return identity

    async def wait_closed(self) -> int | None:
        """Wait for the server to close; return the close code."""
        await self._until(lambda: self.socket.closed, "the end of the connection")
        return self.socket.close_code

    async def read(self) -> None:
        """Read until the connection ends, answering pings."""
        async for message in self.socket:
            frame = json.loads(message.data)
            self.frames.append(frame)
            if frame["type"] == "ping":
                await self.send({"type": "pong", "payload": frame["payload"]})
            if frame["type"] == "next":
                self._apply(frame["id"], frame["payload"]["data"])
            async with self._arrived:
                self._arrived.notify_all()
        async with self._arrived:
            self._arrived.notify_all()

    def _apply(self, identity: str, data: dict[str, Any]) -> None:
        key = next(iter(data))
        if "patch" in data:
            assert data[key] == []
            self.data[identity] = jsonpatch.apply_patch(
                self.data[identity], data["patch"]
            )
        else:
            self.data[identity] = data[key]

    async def _until(self, look: Any, what: str) -> Any:
        try:
            async with asyncio.timeout(scaled(LIMIT_S)), self._arrived:
                while not (found := look()):
                    await self._arrived.wait()
                return found
        except TimeoutError:
            tail = self.frames[-3:]
            raise AssertionError(f"{what} did not come; last frames {tail}") from None


@asynccontextmanager
async def graphql_client(
    http: aiohttp.ClientSession,
    node: NodeUnderTest,
    ticket: Ticket,
    *,
    cookie: str | None = None,
) -> AsyncIterator[GraphqlClient]:
    """Open `/graphql` and read it until the end of the block."""
    async with http.ws_connect(
        f"{node.url}/graphql",
        protocols=("graphql-transport-ws",),
        headers={"Cookie": ticket.cookie if cookie is None else cookie},
        max_msg_size=0,
    ) as socket:
        client = GraphqlClient(socket, ticket)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(client.read())
            try:
                yield client
            finally:
                reading.cancel()


@asynccontextmanager
async def joined_client(
    http: aiohttp.ClientSession, node: NodeUnderTest, **parameters: object
) -> AsyncIterator[GraphqlClient]:
    """Join over API and GraphQL; the client is in the meeting."""
    ticket = await get_ticket(http, node, **parameters)
    async with graphql_client(http, node, ticket) as client:
        await client.join()
        yield client


def cookieless() -> aiohttp.ClientSession:
    """Return an HTTP client that keeps no cookies: each join is a new browser."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
