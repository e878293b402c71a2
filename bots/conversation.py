"""The GraphQL side of one participant, on the wire: join, stay connected, leave.

A thin driver of `protocol/graphql.py` and `protocol/meeting.py`: read, receive, act on
events, send. What the client says by itself while it is in the meeting is
`presence.py`'s. Everything the server does wrong is raised as a `ClusterError` by the
method that waited for it, or ends `over`, which whoever stays in the meeting awaits.

A connection that is lost after the join is opened again as the html5 client does: same
token, cookie and uuid, everything open asked again, final only with 4403. A membership
that was lost with it is joined anew. Both are told to `on_trouble` and end nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from bots import detection
from bots.awaited import Awaited
from bots.errors import ClusterError, Dropped, GraphqlRefusal, StepTimeout
from bots.limits import ConversationLimits
from bots.protocol import graphql, meeting
from bots.protocol import operations as op
from bots.protocol.dialect import Dialect
from bots.protocol.graphql import GraphqlClient
from bots.protocol.meeting import MeetingEvent, MeetingView
from bots.protocol.operations import Operation
from bots.transport import AWAY, FrameHook, Socket, Transport, UpgradeRefused

Value = TypeVar("Value")


class Conversation:
    """One participant's GraphQL connection."""

    def __init__(
        self,
        *,
        url: str,
        session_token: str,
        client_session_uuid: str,
        dialects: tuple[Dialect, ...],
        view: MeetingView,
        rng: np.random.Generator,
        limits: ConversationLimits | None = None,
        on_event: Callable[[MeetingEvent], None] = lambda event: None,
        on_trouble: Callable[[str, ClusterError], None] = lambda what, why: None,
        on_frame: FrameHook | None = None,
    ) -> None:
        self.view = view
        self.over: asyncio.Future[ClusterError] = asyncio.Future()
        """Done when the participant's membership is: with what ended it."""
        self.dialect = dialects[0]
        """The likeliest that is possible; from the join on the one that was found."""
        self.failed_operations: dict[str, str] = {}
        """Operations that this server refuses, by name, with what it said."""
        self.client_session_uuid = client_session_uuid
        self.joined_at_s = 0.0
        """`time.monotonic()` at which the server first said `joined: true`."""
        self._url = url
        self._dialects = dialects
        self._limits = limits or ConversationLimits()
        self._on_event = on_event
        self._on_trouble = on_trouble
        self._on_frame = on_frame
        self._client = GraphqlClient(
            session_token=session_token,
            client_session_uuid=client_session_uuid,
            new_id=lambda: str(UUID(bytes=rng.bytes(16), version=4)),
        )
        self._socket: Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._repairs: list[asyncio.Task[None]] = []
        self._acknowledged: asyncio.Future[None] = asyncio.Future()
        self._is_final = False
        self._news = asyncio.Event()
        self._membership: asyncio.Queue[MeetingEvent | ClusterError] = asyncio.Queue()
        self._awaited = Awaited()
        self._sending = asyncio.Lock()

    # --- Connecting and joining -----------------------------------------------------

    async def connect(self, transport: Transport, group: asyncio.TaskGroup) -> None:
        """Open the socket and wait for the acknowledgement; `group` owns the reader.

        Raises a ClusterError.
        """
        self._transport, self._group = transport, group
        await self._connect()

    async def join(self) -> None:
        """Ask who we are, join, and wait until the server says that we are in.

        Raises GraphqlRefusal with BBB's join error or eject reason or
        `detection.UNKNOWN_SCHEMA`, or StepTimeout.
        """
        understood = await detection.whoami(self, self._dialects)
        self.dialect = understood[0]
        limit_s = time.monotonic() + self._limits.join_s
        await self._enter(await self._next_membership(limit_s, "current user"))
        joined_at_s = time.monotonic()
        self.dialect = await detection.confirmed(self, understood)
        while not self._membership.empty():  # removed before that was found out
            await self._enter(self._membership.get_nowait())
        self.joined_at_s = joined_at_s

    async def first_answer(self, *operations: Operation) -> None:
        """Ask, and wait for the first data of the last, as `Asking` says."""
        *others, last = map(self._client.subscribe, operations)
        for asked in others:
            self._awaited.expect(asked)
        await self._answered(last, "current user", self._limits.current_user_s)
        for asked in others:
            self._client.complete(asked)
            self._awaited.check(asked)

    # --- In the meeting -------------------------------------------------------------

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()`; it is asked again whenever the view has changed.

        The caller is a task that ends with the participant: there is no limit.
        """
        while not holds():
            await self._news.wait()

    async def other_than(self, known: Value, value_of: Callable[[], Value]) -> Value:
        """Wait until a value of the view is another than `known`, and return it."""
        while (value := value_of()) == known:
            await self._news.wait()
        return value

    async def ask(
        self, operation: Operation, variables: Mapping[str, Any] | None = None
    ) -> str:
        """Send an operation of any kind, wait for nothing, and return its id.

        "" where the server's own client sends nothing like it.
        """
        if (said := self.dialect.spoken(operation, variables or {})) is None:
            return ""
        operation_id = self._client.subscribe(*said)
        await self._flush()
        return operation_id

    async def end(self, operation_id: str) -> None:
        """End a subscription."""
        self._client.complete(operation_id)
        await self._flush()

    async def call(
        self, operation: Operation, variables: Mapping[str, Any] | None = None
    ) -> None:
        """Send a mutation and wait until the server accepted it (not: applied it).

        Raises GraphqlRefusal, StepTimeout, or what ended the connection.
        """
        if self.over.done():
            raise self.over.result()
        if (said := self.dialect.spoken(operation, variables or {})) is None:
            return
        operation_id = self._client.subscribe(*said)
        await self._answered(operation_id, operation.root, self._limits.mutation_s)

    async def leave(self) -> None:
        """Leave the meeting and close the socket; no failure of it is worth a word."""
        if self._socket is None:
            return
        try:
            is_connected = self._client.state is graphql.State.READY
            if is_connected and not self.over.done() and self.view.is_joined:
                with contextlib.suppress(ClusterError, TimeoutError):
                    async with asyncio.timeout(self._limits.leave_s):
                        await self.call(self.dialect.leave)
        finally:
            self._end(Dropped("we closed the connection", code="left"))
            for task in self._repairs:
                task.cancel()
            try:
                await self._socket.close()
            finally:
                # A socket whose goodbye is never answered must not keep its reader.
                if self._reader is not None:
                    self._reader.cancel()

    # --- The driver -----------------------------------------------------------------

    async def _connect(self) -> None:
        """Open a socket and wait for the acknowledgement."""
        try:
            self._socket = socket = await self._transport.connect(
                self._url,
                subprotocol=graphql.SUBPROTOCOL,
                longest_frame_bytes=graphql.LONGEST_FRAME_BYTES,
                on_frame=self._on_frame,
            )
        except UpgradeRefused as refusal:
            raise GraphqlRefusal(str(refusal), code=refusal.code) from refusal
        acknowledged: asyncio.Future[None] = asyncio.Future()
        self._acknowledged = acknowledged
        self._client.start()
        await self._flush()
        self._reader = self._group.create_task(self._read(socket))
        ends: list[asyncio.Future[Any]] = [acknowledged, self.over]
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(ends, timeout=self._limits.ack_s, return_when=first)
        if acknowledged.done():
            return acknowledged.result()
        self._reader.cancel()
        self._client.closed(None)
        await socket.close()
        if self.over.done():
            raise self.over.result()
        raise StepTimeout(
            f"the GraphQL connection was not acknowledged within "
            f"{self._limits.ack_s:g} s",
            code="graphql ack",
        )

    async def _reconnect(self, why: ClusterError) -> None:
        """Open the lost connection again; end the membership where that fails."""
        for wait_s in self._limits.retries.waits_s():
            await asyncio.sleep(wait_s)
            try:
                await self._connect()
            except ClusterError as failure:
                if self._is_final:
                    return self._end(failure)
            else:
                return None
        self._end(why)

    async def _rejoin(self) -> None:
        """Join again after the server took us for gone."""
        while not self._membership.empty():
            self._membership.get_nowait()
        try:
            await self._enter(meeting.Admitted(auth_token=self.view.auth_token))
        except ClusterError as failure:
            self._end(failure)

    async def _read(self, socket: Socket) -> None:
        code, reason = None, ""
        try:
            while True:
                is_open = self._acknowledged.done()
                async with asyncio.timeout(self._limits.silent_s if is_open else None):
                    text = await socket.receive()
                if text is None:
                    code, reason = socket.close_code, socket.close_reason
                    break
                for event in self._client.receive(text):
                    self._happened(event)
                await self._flush()
        except TimeoutError:
            code, reason = graphql.CLOSED_BY_CLIENT, "nothing came"
            await socket.close(code)
        for event in self._client.closed(code, reason):
            self._happened(event)

    async def _flush(self) -> None:
        if self._socket is None:
            return
        async with self._sending:  # frames of two tasks keep their order
            for text in self._client.messages_to_send():
                await self._socket.send(text)

    def _happened(self, event: graphql.Event) -> None:
        match event:
            case graphql.Acknowledged():
                if not self._acknowledged.done():
                    self._acknowledged.set_result(None)
            case graphql.Data(operation=operation, id=operation_id):
                self._awaited.settle(operation_id, None)
                if operation.kind != "mutation":
                    for meant in self.view.take(event):
                        self._member(meant)
            case graphql.OperationFailed():
                self._failed(event)
            case graphql.Completed(id=operation_id):
                self._awaited.settle(operation_id, None)
            case graphql.Refused(code=code, message=message, is_final=is_final):
                self._is_final = is_final
                words = f"the GraphQL connection was refused: {code} {message}"
                self._disconnected(GraphqlRefusal(words.rstrip(), code=code))
            case graphql.Lost(code=code, message=message):
                words = f"the GraphQL connection was lost: {code} {message}"
                is_ours = self._socket is not None and self._socket.was_cut
                code = AWAY if is_ours else f"graphql {code}"
                self._disconnected(Dropped(words.rstrip(), code=code))
            case graphql.Violation():
                pass

    def _member(self, event: MeetingEvent) -> None:
        if isinstance(event, meeting.Membership):
            self._membership.put_nowait(event)
        if isinstance(event, meeting.Removed) and not self.joined_at_s:
            self._awaited.fail_all(meeting.refusal(event))
        elif isinstance(event, meeting.Removed):
            words = f"removed from the meeting: {event.code} {event.message}".rstrip()
            why = Dropped(words, code=event.code)
            if event.may_rejoin:
                self._on_trouble("membership", why)
                self._repair(self._rejoin())
            else:
                self._end(why)
        if isinstance(event, meeting.Changed | meeting.InMeeting | meeting.Removed):
            self._tell_news()
        self._on_event(event)

    def _disconnected(self, why: ClusterError) -> None:
        if not self._acknowledged.done():
            self._acknowledged.set_exception(why)
        elif self._is_final or not self.joined_at_s:
            self._end(why)
        elif not self.over.done():
            self._on_trouble("graphql socket", why)
            self._repair(self._reconnect(why))

    def _repair(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._repairs = [task for task in self._repairs if not task.done()]
        self._repairs.append(self._group.create_task(coroutine))

    def _tell_news(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _failed(self, event: graphql.OperationFailed) -> None:
        """Pass on a refusal; one that the dialect does not expect is a trouble."""
        operation = event.operation
        self.failed_operations[operation.name] = event.message
        words = f"{operation.root} was refused: {event.message}"
        is_known = operation.topic in self.dialect.refused
        refusal = GraphqlRefusal(words, code=event.code)
        is_told = self._awaited.settle(event.id, refusal) or is_known
        if event.code == detection.UNKNOWN_FIELD and not is_told:
            why = GraphqlRefusal(words, code=operation.name)
            self._on_trouble("graphql schema", why)

    async def _answered(self, operation_id: str, step: str, limit_s: float) -> None:
        """Send what is due and wait for the first answer to one operation."""
        answer = self._awaited.expect(operation_id)
        await self._flush()
        try:
            async with asyncio.timeout(limit_s):
                await answer
        except TimeoutError as late:
            self._client.complete(operation_id)
            raise StepTimeout(
                f"{step} was not answered within {limit_s:g} s", code=step
            ) from late
        finally:
            self._awaited.forget(operation_id)

    def _end(self, why: ClusterError) -> None:
        if not self.over.done():
            self.over.set_result(why)
        self._membership.put_nowait(why)
        self._awaited.fail_all(why)
        self._tell_news()

    async def _enter(self, event: MeetingEvent | ClusterError) -> None:
        """Join as soon as we may and wait until the server says that we are in."""
        deadline_s, lobby = time.monotonic() + self._limits.join_s, ""
        while not isinstance(event, meeting.InMeeting):
            if isinstance(event, ClusterError):
                raise event
            if isinstance(event, meeting.JoinRefused | meeting.Removed):
                raise meeting.refusal(event)
            step = "meeting"
            if isinstance(event, meeting.Waiting):
                step, deadline_s = "lobby", time.monotonic() + self._limits.lobby_s
                lobby = await self.ask(op.GUEST_LOBBY)
            elif isinstance(event, meeting.Admitted):
                deadline_s = time.monotonic() + self._limits.join_s
                await self.end(lobby)
                client = {"clientType": "HTML5", "clientIsMobile": False}
                token = {"authToken": event.auth_token}
                await self.call(self.dialect.join, token | client)
            event = await self._next_membership(deadline_s, step)

    async def _next_membership(
        self, deadline_s: float, step: str
    ) -> MeetingEvent | ClusterError:
        wait_s = max(deadline_s - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(wait_s):
                return await self._membership.get()
        except TimeoutError as late:
            raise StepTimeout(
                f"the step {step!r} was not done within its limit", code=step
            ) from late
