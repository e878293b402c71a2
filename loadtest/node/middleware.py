"""The `/graphql` endpoint: sockets in, conversations driven, frames out.

Only bytes are moved here; what is said is decided in `conversation`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from loadtest.node.connections import Connections
from loadtest.node.conversation import Conversation
from loadtest.node.effort import HTTP_UNITS, Effort
from loadtest.node.evaluation import Evaluations
from loadtest.node.metrics import resident_memory_bytes
from loadtest.node.settings import NodeSettings
from loadtest.node.state import Node

SUBPROTOCOL = "graphql-transport-ws"
RATE_WAIT_S = 120.0
"""A connection waits so long in the rate limiter before it is refused with 429."""
CLOSE_S = 2.0


class Middleware:
    """Serves `/graphql` and keeps its connections."""

    def __init__(
        self,
        node: Node,
        settings: NodeSettings,
        effort: Effort,
        *,
        base_url: Callable[[], str],
    ) -> None:
        self._node = node
        self._settings = settings
        self._effort = effort
        self._base_url = base_url
        self._connections = Connections(settings.limits, node.now_s())
        self._evaluations = Evaluations()
        self._open: dict[Conversation, asyncio.Event] = {}

    @property
    def ordered_memory_bytes(self) -> int:
        """Memory that the connections take because the node was told so."""
        each = self._settings.ceilings.memory_per_user_bytes
        return each * self.connection_count

    @property
    def connection_count(self) -> int:
        """Open connections."""
        return self._connections.total

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [web.get("/graphql", self.connect)]

    def tick(self) -> None:
        """Let every conversation look at the clock."""
        for conversation in tuple(self._open):
            conversation.tick()

    def close(self) -> None:
        """Ask all connections to end, since the node stops."""
        for conversation, woken in tuple(self._open.items()):
            conversation.closing = conversation.closing or (1001, "going away")
            woken.set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Upgrade, then serve one connection until it ends."""
        self._effort.spend(HTTP_UNITS)
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            return web.Response(status=403)
        each = self._settings.ceilings.memory_per_user_bytes
        if each and self._has_no_room_for(each):
            return web.Response(status=503)
        rate = self._connections.rate
        wait_s = rate.take(self._node.now_s(), longest_s=RATE_WAIT_S)
        if wait_s is None or self._settings.faults.rate_limited:
            return web.Response(status=429)
        await asyncio.sleep(wait_s)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            max_msg_size=self._settings.limits.frame_bytes,
            timeout=CLOSE_S,
            compress=False,
        )
        await socket.prepare(request)
        if socket.ws_protocol != SUBPROTOCOL:
            await socket.close(code=4406, message=b"Subprotocol not acceptable")
            return socket
        await self._serve(request, socket)
        return socket

    def _has_no_room_for(self, more_bytes: int) -> bool:
        used = resident_memory_bytes() + self.ordered_memory_bytes
        return used + more_bytes > self._settings.memory_budget_bytes

    async def _serve(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        woken = asyncio.Event()
        conversation = Conversation(
            node=self._node,
            settings=self._settings,
            effort=self._effort,
            connections=self._connections,
            evaluations=self._evaluations,
            cookie=request.cookies.get("JSESSIONID"),
            base_url=self._base_url(),
            wake=woken.set,
        )
        self._connections.total += 1
        self._open[conversation] = woken
        try:
            conversation.open()
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(
                    self._write(request, socket, conversation, woken)
                )
                await self._read(socket, conversation)
                writing.cancel()
        finally:
            self._connections.total -= 1
            del self._open[conversation]
            conversation.closed()

    async def _read(
        self, socket: web.WebSocketResponse, conversation: Conversation
    ) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                conversation.receive(message.data)
            elif message.type is WSMsgType.BINARY:
                conversation.receive(message.data.decode(errors="replace"))

    async def _write(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        conversation: Conversation,
        woken: asyncio.Event,
    ) -> None:
        """Send frames as they come; gather changes before evaluating them."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def refresh() -> None:
            nonlocal timer
            timer = None
            conversation.refresh()
            woken.set()

        try:
            while not conversation.is_cut:
                await woken.wait()
                woken.clear()
                while conversation.frames:
                    await socket.send_str(conversation.frames.popleft())
                if conversation.closing is not None:
                    code, reason = conversation.closing
                    await socket.close(code=code, message=reason.encode()[:123])
                    return
                if conversation.is_stale and timer is None:
                    delay_s = self._settings.limits.refresh_s
                    timer = loop.call_later(delay_s, refresh)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            # The client went away; the reader ends as well.
            with suppress(ConnectionError):
                await socket.close()
        finally:
            if timer is not None:
                timer.cancel()
