"""`/bbb-webrtc-sfu`: the edge around one signalling WebSocket.

Text frames up to 51,200 bytes go to a `Signalling`; its frames go out in order.
Closing the socket stops all that was started on it. The node closes it without a frame
and without a status code (the client sees 1005) when the user leaves or is ejected and
when the meeting ends, as BBB's SFU does.
"""

import asyncio
import json

from aiohttp import WSMsgType, web

from loadtest.node.media import NodeMedia
from loadtest.node.meeting import Meeting, User
from loadtest.node.sessions import Surroundings
from loadtest.node.sfu_errors import Frame
from loadtest.node.signalling import Signalling
from loadtest.node.state import Node

__all__ = ["NodeMedia", "serve"]

MAX_MESSAGE_BYTES = 51_200
QUIET_SOCKET_S = 20.0
"""After this a WebSocket ping is sent, and the socket cut if no pong comes."""
CLOSE_LIMIT_S = 5.0
"""How long a client may take to answer our closing."""
OUTGOING_LIMIT = 1000
EMPTY_CLOSE_FRAME = b"\x88\x00"
"""RFC 6455 5.5.1: without a body there is no status code."""


async def serve(
    request: web.Request,
    *,
    node: Node,
    media: NodeMedia,
    user: User,
    meeting: Meeting,
) -> web.WebSocketResponse:
    """Speak bbb-webrtc-sfu's protocol with `user` until either side closes."""
    # aiohttp refuses a message that reaches its limit; the ws library, one above it.
    socket = web.WebSocketResponse(
        max_msg_size=MAX_MESSAGE_BYTES + 1, heartbeat=QUIET_SOCKET_S, compress=False
    )
    await socket.prepare(request)
    edge = _Edge(request, socket, media)
    around = Surroundings(media=media, meeting=meeting, user=user, send=edge.send)
    conversation = Signalling(around, close=edge.close, started=edge.started)
    stop_watching = meeting.watch(conversation.meeting_changed)
    if meeting.ended or media.faults.sfu_closes:
        edge.close()
    try:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(edge.write())
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    conversation.receive(message.data)
            writer.cancel()
    finally:
        stop_watching()
        conversation.stop()
    return socket


class _Edge:
    """The outgoing half of the socket: frames in order, and its closing."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, media: NodeMedia
    ) -> None:
        self._request = request
        self._socket = socket
        self._media = media
        self._outgoing: asyncio.Queue[Frame | None] = asyncio.Queue(OUTGOING_LIMIT)
        self._is_closing = False

    def send(self, frame: Frame) -> None:
        """Queue a frame; a client that does not read a thousand of them is cut."""
        if self._is_closing:
            return
        try:
            self._outgoing.put_nowait(frame)
        except asyncio.QueueFull:
            self._is_closing = True
            self._abort()

    def close(self) -> None:
        """Close the socket once what is queued has gone; idempotent."""
        if self._is_closing:
            return
        self._is_closing = True
        try:
            self._outgoing.put_nowait(None)
        except asyncio.QueueFull:
            self._abort()

    def started(self) -> None:
        """Note a `start`: the fault switch may cut the socket some time after it."""
        faults = self._media.faults
        token = self._request.query.get("sessionToken", "")
        if faults.drop_sfu and token not in self._media.dropped_tokens:
            self._media.dropped_tokens.add(token)
            loop = asyncio.get_running_loop()
            loop.call_later(faults.drop_sfu, self._abort)

    async def write(self) -> None:
        """Send what is queued until the socket is to be closed, then close it."""
        while True:
            frame = await self._outgoing.get()
            if frame is None:
                break
            try:
                await self._socket.send_str(json.dumps(frame, separators=(",", ":")))
            except ConnectionError:
                return  # the reading side notices it too
        transport = self._request.transport
        if transport is not None:
            transport.write(EMPTY_CLOSE_FRAME)
        await asyncio.sleep(CLOSE_LIMIT_S)
        self._abort()

    def _abort(self) -> None:
        transport = self._request.transport
        if transport is not None:
            transport.abort()
