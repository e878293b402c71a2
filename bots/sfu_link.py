"""One WebSocket to the SFU, the conversations on it and its pings.

A browser has one for its audio, one for all its cameras, one for a screen. Closing the
socket ends everything that was started on it; so does its loss, which every call on it
learns as `Dropped`.
"""

import asyncio
import contextlib
import time
from typing import TypeVar

from bots.errors import ClusterError, Dropped, SfuRefusal, StepTimeout
from bots.protocol import sfu
from bots.protocol.sfu import Route, SfuConversation, SfuEvent
from bots.transport import AWAY, FrameHook, Socket, Transport, UpgradeRefused

Event = TypeVar("Event", bound=SfuEvent)


class SfuCall:
    """One conversation on a link, awaited step by step."""

    def __init__(self, link: "SfuLink", conversation: SfuConversation) -> None:
        self.conversation = conversation
        self.over: asyncio.Future[ClusterError] = asyncio.Future()
        """Done when the call has ended for a reason that is not ours, with which."""
        self._events: asyncio.Queue[SfuEvent | ClusterError] = asyncio.Queue()
        self._link = link

    def deliver(self, event: SfuEvent | ClusterError) -> None:
        """Take what the link has received for this call."""
        self._events.put_nowait(event)
        is_end = isinstance(event, ClusterError | sfu.Failed | sfu.Stopped)
        if is_end and not self.over.done():
            self.over.set_result(_failure(event, "flowing"))

    async def start(self) -> None:
        """Send the `start` frame."""
        self.conversation.start()
        await self._link.flush(self)

    async def answer(self, sdp: str) -> None:
        """Send our answer to the server's offer."""
        self.conversation.answer(sdp)
        await self._link.flush(self)

    async def expect(self, kind: type[Event], deadline_s: float, step: str) -> Event:
        """Wait for an event of this kind until `deadline_s` (monotonic).

        Raises SfuRefusal for an error frame, Dropped for a lost socket or a stream that
        the server stopped, StepTimeout naming `step` when nothing came.
        """
        event = await self._next(deadline_s, step)
        if isinstance(event, kind):
            return event
        raise _failure(event, step)

    async def stop(self) -> None:
        """Send the `stop` frame, where there is one, and forget the call."""
        self.conversation.stop()
        await self._link.flush(self)
        self._link.forget(self)

    async def _next(self, deadline_s: float, step: str) -> SfuEvent | ClusterError:
        try:
            async with asyncio.timeout(max(deadline_s - time.monotonic(), 0.0)):
                return await self._events.get()
        except TimeoutError as late:
            raise StepTimeout(
                f"the SFU did not answer in time: {step}", code=step
            ) from late


class SfuLink:
    """A socket to bbb-webrtc-sfu."""

    def __init__(
        self, url: str, *, pings_at_once: bool, on_frame: FrameHook | None = None
    ) -> None:
        self.lost: asyncio.Future[ClusterError] = asyncio.Future()
        """Done when the socket is gone, with how it went."""
        self._url = url
        self._pings_at_once = pings_at_once
        self._on_frame = on_frame
        self._socket: Socket | None = None
        self._calls: dict[Route, SfuCall] = {}
        self._heard_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, transport: Transport, group: asyncio.TaskGroup) -> None:
        """Open the socket; `group` owns its reader and its pings.

        Raises SfuRefusal for an HTTP status, or another ClusterError.
        """
        try:
            self._socket = await transport.connect(
                self._url,
                longest_frame_bytes=1_000_000,
                limit_s=sfu.AUDIO_LIMIT_S,
                on_frame=self._on_frame,
            )
        except UpgradeRefused as refusal:
            raise SfuRefusal(str(refusal), code=refusal.code) from refusal
        if self._pings_at_once:
            await self._socket.send(sfu.PING)
        self._tasks = [
            group.create_task(self._read(self._socket)),
            group.create_task(self._ping(self._socket)),
        ]

    def call(self, conversation: SfuConversation) -> SfuCall:
        """Put a conversation on this socket; one with the same route is replaced."""
        call = SfuCall(self, conversation)
        self._calls[conversation.route] = call
        if self.lost.done():
            call.deliver(self.lost.result())
        return call

    def forget(self, call: SfuCall) -> None:
        """Deliver no more messages to this call."""
        if self._calls.get(call.conversation.route) is call:
            del self._calls[call.conversation.route]

    async def flush(self, call: SfuCall) -> None:
        """Send what the call's conversation has to say."""
        if self._socket is not None:
            for text in call.conversation.messages_to_send():
                await self._socket.send(text)

    async def close(self) -> None:
        """Close the socket, which ends all that was started on it; idempotent."""
        self._gone(Dropped("we closed the SFU socket", code="left"))
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _read(self, socket: Socket) -> None:
        while (text := await socket.receive()) is not None:
            self._heard_s = time.monotonic()
            message = sfu.parse(text)
            if message is None or sfu.is_pong(message):
                continue
            call = self._calls.get(sfu.route_of(message))
            if call is None:
                continue
            for event in call.conversation.receive(message):
                call.deliver(event)
        closed = socket.close_code or 1006
        code = AWAY if socket.was_cut else f"sfu {closed}"
        self._gone(Dropped(f"the SFU socket was closed ({closed})", code=code))

    async def _ping(self, socket: Socket) -> None:
        while True:
            await asyncio.sleep(sfu.PING_INTERVAL_S)
            if time.monotonic() - self._heard_s >= sfu.QUIET_S:
                await socket.send(sfu.PING)

    def _gone(self, why: Dropped) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            self.lost.set_result(why)
        for call in self._calls.values():
            call.deliver(why)


def _failure(event: SfuEvent | ClusterError, step: str) -> ClusterError:
    if isinstance(event, ClusterError):
        return event
    if isinstance(event, sfu.Failed):
        return event.refusal()
    if isinstance(event, sfu.Stopped):
        return Dropped("the server stopped the stream", code=event.code or "stopped")
    return SfuRefusal(
        f"the SFU said {type(event).__name__.lower()} while {step} was awaited",
        code="malformed",
    )
