"""The GraphQL side of one participant, on the wire: join, stay, act, leave.

A thin driver of `protocol/graphql.py`, `protocol/meeting.py` and `protocol/opening.py`:
read, receive, act on events, send. Everything the server does wrong is raised as a
`ClusterError` by the method that waited for it, or ends `over`, which whoever stays in
the meeting awaits.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import numpy as np

from bots.errors import ClusterError, Dropped, GraphqlRefusal, StepTimeout
from bots.protocol import graphql, meeting
from bots.protocol import operations as op
from bots.protocol.dialect import Dialect
from bots.protocol.graphql import GraphqlClient
from bots.protocol.meeting import MeetingEvent, MeetingView
from bots.protocol.opening import Opening
from bots.protocol.operations import Operation
from bots.transport import FrameHook, Socket, Transport, UpgradeRefused

ALIVE_FIRST_S = 5.0
ALIVE_INTERVAL_S = 10.0
"""`public.stats.interval` of the html5 client."""
ECHO_TEST_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationLimits:
    """How long each step of the conversation may take."""

    ack_s: float = 30.0
    """From the open socket to the acknowledgement."""
    current_user_s: float = 8.0
    """Until the first row of `user_current`; then the next dialect's form is tried."""
    join_s: float = 20.0
    """From the acknowledgement to `joined: true`."""
    lobby_s: float = 300.0
    """In the guest lobby, until a moderator lets the participant in."""
    mutation_s: float = 15.0
    leave_s: float = 3.0


class Conversation:
    """One participant's GraphQL connection."""

    def __init__(
        self,
        *,
        url: str,
        session_token: str,
        client_session_uuid: str,
        dialect: Dialect,
        view: MeetingView,
        rng: np.random.Generator,
        utc: Callable[[], datetime],
        limits: ConversationLimits | None = None,
        on_event: Callable[[MeetingEvent], None] = lambda event: None,
        on_frame: FrameHook | None = None,
    ) -> None:
        self.view = view
        self.over: asyncio.Future[ClusterError] = asyncio.Future()
        """Done when the participant's membership is: with what ended it."""
        self.failed_operations: dict[str, str] = {}
        """Operations that this server refuses, by name, with what it said."""
        self._url = url
        self._uuid = client_session_uuid
        self._dialect = dialect
        self._utc = utc
        self._limits = limits or ConversationLimits()
        self._on_event = on_event
        self._on_frame = on_frame
        ids = _uuids(rng)
        self._client = GraphqlClient(
            session_token=session_token,
            client_session_uuid=client_session_uuid,
            new_id=lambda: next(ids),
        )
        self._socket: Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._joined_at_s = 0.0
        self._acknowledged: asyncio.Future[None] = asyncio.Future()
        self._data_came = asyncio.Event()
        self._membership: asyncio.Queue[MeetingEvent | ClusterError] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._open: dict[str, str] = {}
        self._sending = asyncio.Lock()

    # --- Connecting and joining -----------------------------------------------------

    async def connect(self, transport: Transport, group: asyncio.TaskGroup) -> None:
        """Open the socket and wait for the acknowledgement; `group` owns the reader.

        Raises GraphqlRefusal, StepTimeout or another ClusterError.
        """
        try:
            self._socket = await transport.connect(
                self._url,
                subprotocol=graphql.SUBPROTOCOL,
                longest_frame_bytes=graphql.LONGEST_FRAME_BYTES,
                on_frame=self._on_frame,
            )
        except UpgradeRefused as refusal:
            raise GraphqlRefusal(str(refusal), code=refusal.code) from refusal
        self._client.start()
        await self._flush()
        self._reader = group.create_task(self._read(self._socket))
        await asyncio.wait(
            (self._acknowledged, self.over),
            timeout=self._limits.ack_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self.over.done():
            raise self.over.result()
        if not self._acknowledged.done():
            raise StepTimeout(
                f"the GraphQL connection was not acknowledged within "
                f"{self._limits.ack_s:g} s",
                code="graphql ack",
            )

    async def join(self) -> None:
        """Ask who we are, join, and wait until the server says that we are in.

        Raises GraphqlRefusal with BBB's join error or eject reason, or StepTimeout.
        """
        event = await self._first_membership()
        deadline_s = time.monotonic() + self._limits.join_s
        while True:
            if isinstance(event, ClusterError):
                raise event
            if isinstance(event, meeting.JoinRefused | meeting.Removed):
                raise GraphqlRefusal(
                    f"the meeting refused the participant: {event.code} "
                    f"{event.message}".rstrip(),
                    code=event.code,
                )
            if isinstance(event, meeting.InMeeting):
                self._joined_at_s = time.monotonic()
                return
            step = "meeting"
            if isinstance(event, meeting.Waiting):
                step, deadline_s = "lobby", time.monotonic() + self._limits.lobby_s
            elif isinstance(event, meeting.Admitted):
                deadline_s = time.monotonic() + self._limits.join_s
                await self.call(
                    self._dialect.join,
                    {
                        "authToken": event.auth_token,
                        "clientType": "HTML5",
                        "clientIsMobile": False,
                    },
                )
            event = await self._next_membership(deadline_s, step)

    async def call(
        self, operation: Operation, variables: Mapping[str, Any] | None = None
    ) -> None:
        """Send a mutation and wait until the server accepted it (not: applied it).

        Raises GraphqlRefusal, StepTimeout, or what ended the connection.
        """
        if self.over.done():
            raise self.over.result()
        operation_id = self._client.subscribe(operation, variables)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers[operation_id] = answer
        await self._flush()
        try:
            async with asyncio.timeout(self._limits.mutation_s):
                await answer
        except TimeoutError as late:
            raise StepTimeout(
                f"{operation.root} was not answered within "
                f"{self._limits.mutation_s:g} s",
                code=operation.root,
            ) from late
        finally:
            self._answers.pop(operation_id, None)

    # --- Staying --------------------------------------------------------------------

    async def run_opening(self) -> None:
        """Ask what a client asks after joining, in its bursts; return when done."""
        opening = Opening(
            is_moderator=self.view.is_moderator,
            is_presenter=self.view.is_presenter,
            steps=self._dialect.opening,
        )
        while not self.over.done():
            elapsed_s = time.monotonic() - self._joined_at_s
            facts = self.view.facts(format_datetime(self._utc(), usegmt=True))
            for step, variables in opening.due(elapsed_s, facts):
                if step.ends:
                    self._client.complete(self._open.pop(step.operation.name, ""))
                else:
                    asked = self._client.subscribe(step.operation, variables)
                    self._open[step.operation.name] = asked
            await self._flush()
            next_s = opening.next_s(elapsed_s)
            if next_s is None:
                return
            self._data_came.clear()
            wait_s = self._joined_at_s + next_s - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await self._data_came.wait()

    async def stay_alive(self, round_trip: Callable[[], Awaitable[float]]) -> None:
        """Report the round trip to the server as its client does, until cancelled.

        `round_trip` times an HTTP GET in seconds and raises ClusterError if it failed;
        then nothing is reported, which is what marks a bad connection.
        """
        await asyncio.sleep(ALIVE_FIRST_S)
        while not self.over.done():
            with contextlib.suppress(ClusterError):
                rtt_s = await round_trip()
                await self.call(
                    op.CONNECTION_ALIVE,
                    {
                        "serverRequestId": "",
                        "clientSessionUUID": self._uuid,
                        "networkRttInMs": round(rtt_s * 1000, 1),
                        "applicationRttInMs": 0,
                        "traceLog": "",
                        "clientIsHidden": False,
                    },
                )
            await asyncio.sleep(ALIVE_INTERVAL_S)

    async def linger_in_audio_dialog(self, duration_s: float) -> None:
        """Tell once a second that the dialog's local echo test is running."""
        ends_s = time.monotonic() + duration_s
        while time.monotonic() < ends_s and not self.over.done():
            with contextlib.suppress(ClusterError):
                await self.call(op.ECHO_TEST_RUNNING)
            await asyncio.sleep(ECHO_TEST_INTERVAL_S)

    async def mark_seen(self) -> None:
        """Tell that the public chat has been read up to now."""
        now = self._utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self.call(op.CHAT_SEEN, {"chatId": op.PUBLIC_CHAT, "lastSeenAt": now})

    async def leave(self) -> None:
        """Leave the meeting and close the socket; no failure of it is worth a word."""
        if self._socket is None:
            return
        try:
            if not self.over.done() and self.view.is_joined:
                with contextlib.suppress(ClusterError, TimeoutError):
                    async with asyncio.timeout(self._limits.leave_s):
                        await self.call(self._dialect.leave)
        finally:
            self._end(Dropped("we closed the connection", code="left"))
            try:
                await self._socket.close()
            finally:
                # A socket whose goodbye is never answered must not keep its reader.
                if self._reader is not None:
                    self._reader.cancel()

    # --- The driver -----------------------------------------------------------------

    async def _read(self, socket: Socket) -> None:
        while (text := await socket.receive()) is not None:
            for event in self._client.receive(text):
                self._happened(event)
            await self._flush()
        for event in self._client.closed(socket.close_code, socket.close_reason):
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
                self._acknowledged.set_result(None)
            case graphql.Data(operation=operation, id=operation_id):
                if operation.kind == "mutation":
                    self._answer(operation_id, None)
                    return
                for meant in self.view.take(event):
                    self._member(meant)
                self._data_came.set()
            case graphql.OperationFailed(operation=operation, id=operation_id):
                self.failed_operations[operation.name] = event.message
                refusal = GraphqlRefusal(
                    f"{operation.root} was refused: {event.message}", code=event.code
                )
                self._answer(operation_id, refusal)
                if operation in self._dialect.current_user and not self._joined_at_s:
                    self._membership.put_nowait(refusal)
            case graphql.Completed(id=operation_id):
                self._answer(operation_id, None)
            case graphql.Refused(code=code, message=message):
                words = f"the GraphQL connection was refused: {code} {message}"
                self._end(GraphqlRefusal(words.rstrip(), code=code))
            case graphql.Lost(code=code, message=message):
                words = f"the GraphQL connection was lost: {code} {message}"
                self._end(Dropped(words.rstrip(), code=f"graphql {code}"))
            case graphql.Violation():
                pass

    def _member(self, event: MeetingEvent) -> None:
        if isinstance(
            event,
            meeting.Waiting
            | meeting.Admitted
            | meeting.InMeeting
            | meeting.JoinRefused
            | meeting.Removed,
        ):
            self._membership.put_nowait(event)
        if isinstance(event, meeting.Removed) and self._joined_at_s:
            words = f"removed from the meeting: {event.code} {event.message}".rstrip()
            self._end(Dropped(words, code=event.code))
        self._on_event(event)

    def _answer(self, operation_id: str, failure: ClusterError | None) -> None:
        answer = self._answers.get(operation_id)
        if answer is None or answer.done():
            return
        if failure is None:
            answer.set_result(None)
        else:
            answer.set_exception(failure)

    def _end(self, why: ClusterError) -> None:
        if not self.over.done():
            self.over.set_result(why)
        self._membership.put_nowait(why)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(why)

    async def _first_membership(self) -> MeetingEvent | ClusterError:
        """Ask who we are in each form that the dialect knows, newest first."""
        for operation in self._dialect.current_user:
            asked = self._client.subscribe(operation)
            await self._flush()
            deadline_s = time.monotonic() + self._limits.current_user_s
            with contextlib.suppress(StepTimeout):
                event = await self._next_membership(deadline_s, "current user")
                if not isinstance(event, GraphqlRefusal) or self.over.done():
                    return event
            self._client.complete(asked)
        raise StepTimeout("nobody told who we are", code="current user")

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


def _uuids(rng: np.random.Generator) -> Iterator[str]:
    """Yield random version-4 UUIDs from a seeded source."""
    while True:
        yield str(UUID(bytes=rng.bytes(16), version=4))
