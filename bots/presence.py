"""What a client says by itself while it is in a meeting, whoever sits before it.

The opening, the connection-alive loop with its trace, the audio dialog's echo test, and
what is asked anew when the page turns, a poll is made, breakout rooms invite or guests
wait. What a person does is `habits.py`'s.
"""

import asyncio
import contextlib
import re
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from bots.conversation import Conversation
from bots.errors import ClusterError
from bots.join import RoundTrip
from bots.protocol import operations as op
from bots.protocol.opening import Fact, Opening, Step
from bots.protocol.operations import Operation

ALIVE_FIRST_S = 5.0
ALIVE_INTERVAL_S = 10.0
"""`public.stats.interval` of the html5 client."""
ECHO_TEST_FIRST_S = 3.756
"""From `joined: true` to the dialog's first one, in the recorded session."""
ECHO_TEST_INTERVAL_S = 1.0
LOCKS_LIMIT_S = 2.0
"""A locked user's client waits for the lock settings before it touches a device."""
CHAT_PAGE = 50
TRACES = 256
"""Round trips of the trace that are kept for the median: the last 40 minutes."""


class Presence:
    """One client in its meeting."""

    def __init__(
        self,
        conversation: Conversation,
        *,
        steps: tuple[Step, ...],
        utc: Callable[[], datetime],
        on_invitation: Callable[[], None] = lambda: None,
    ) -> None:
        self._conversation = conversation
        self._view = conversation.view
        self._steps = steps
        self._utc = utc
        self._on_invitation = on_invitation
        """Called for each invitation to a breakout room that has been seen."""
        self._open: dict[str, str] = {}
        self._opened = asyncio.Event()
        """Set when the opening is over."""
        self._page = ""
        """Whose shapes have been asked for."""
        self._round_trips_s: deque[float] = deque(maxlen=TRACES)

    def all(
        self, round_trip: Callable[[], Awaitable[RoundTrip]]
    ) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield a coroutine for each thing that a client goes on doing."""
        yield self.run_opening()
        yield self.stay_alive(round_trip)
        yield self._follow_page()
        yield self._watch_polls()
        yield self._watch_breakouts()
        yield self._watch_guests()
        yield self._read_trace()

    @property
    def application_rtt_s(self) -> float | None:
        """Median of the trace's round trips, None before the first."""
        return statistics.median(self._round_trips_s) if self._round_trips_s else None

    async def run_opening(self) -> None:
        """Ask what a client asks after joining, in its bursts; return when done."""
        conversation, view = self._conversation, self._view
        opening = Opening(
            is_moderator=view.is_moderator,
            is_presenter=view.is_presenter,
            steps=self._steps,
        )
        while not conversation.over.done():
            elapsed_s = time.monotonic() - conversation.joined_at_s
            facts = view.facts(format_datetime(self._utc(), usegmt=True))
            for step, variables in opening.due(elapsed_s, facts):
                if step.ends:
                    await self._stop(step.operation)
                    continue
                await self._ask(step.operation, variables)
                if step.operation.topic == op.ANNOTATIONS.name:
                    self._page = variables["pageId"]
            next_s = opening.next_s(elapsed_s)
            if next_s is None:
                break
            wait_s = conversation.joined_at_s + next_s - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await conversation.other_than(
                        facts.keys(), lambda: view.facts("now").keys()
                    )
        self._opened.set()

    async def stay_alive(self, round_trip: Callable[[], Awaitable[RoundTrip]]) -> None:
        """Report the round trip to the server as its client does, until cancelled.

        `round_trip` times an HTTP GET and raises ClusterError if it failed; then
        nothing is reported, which is what marks a bad connection. A presenter's
        report carries a trace that each stage of the server adds its time to.
        """
        due_s = time.monotonic() + ALIVE_FIRST_S
        while not self._conversation.over.done():
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))
            with contextlib.suppress(ClusterError):
                made = await round_trip()
                last_s = self._round_trips_s[-1] if self._round_trips_s else 0.0
                if self._view.is_presenter:
                    await self._watch_trace()
                await self._conversation.call(
                    op.CONNECTION_ALIVE,
                    {
                        "serverRequestId": made.request_id,
                        "clientSessionUUID": self._conversation.client_session_uuid,
                        "networkRttInMs": round(made.rtt_s * 1000, 1),
                        "applicationRttInMs": round(last_s * 1000, 1),
                        "traceLog": trace(time.monotonic())
                        if self._view.is_presenter
                        else "",
                        "clientIsHidden": False,
                    },
                )
            due_s = next_beat(due_s, ALIVE_INTERVAL_S, time.monotonic())

    async def linger_in_audio_dialog(self, duration_s: float) -> None:
        """Tell once a second that the dialog's local echo test is running.

        The dialog opens when the client's screen stands; 0 s stay out of it. The beat
        waits for no answer, so a slow server is told as often as a fast one.

        Raises what ended the membership meanwhile.
        """
        if not duration_s:
            return
        due_s = self._conversation.joined_at_s + ECHO_TEST_FIRST_S
        ends_s = due_s + duration_s
        while due_s < ends_s:
            await self._rest(due_s)
            await self._conversation.ask(op.ECHO_TEST_RUNNING)
            due_s = next_beat(due_s, ECHO_TEST_INTERVAL_S, time.monotonic())
        await self._rest(ends_s)

    async def _rest(self, until_s: float) -> None:
        """Wait until a time of `time.monotonic()`; raise what ends the membership."""
        over = self._conversation.over
        await asyncio.wait((over,), timeout=max(until_s - time.monotonic(), 0.0))
        if over.done():
            raise over.result()

    async def know_locks(self) -> None:
        """Wait until a locked user's client knows what it may do, but not for long."""
        if self._view.is_locked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOCKS_LIMIT_S):
                    await self._conversation.until(lambda: self._view.knows_locks)

    async def open_chat(self) -> None:
        """Open the panel of the public chat: its messages, and who is typing."""
        await self._ask(op.CHAT_MESSAGES, {"limit": CHAT_PAGE, "offset": 0})
        await self._ask(op.TYPING, {"chatId": op.PUBLIC_CHAT})

    async def mark_seen(self) -> None:
        """Tell that the public chat has been read up to now."""
        now = self._utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self._conversation.call(
            op.CHAT_SEEN, {"chatId": op.PUBLIC_CHAT, "lastSeenAt": now}
        )

    # --- What is opened on demand -----------------------------------------------------

    async def _follow_page(self) -> None:
        """Ask for the shapes of each page that is turned to after the opening's."""
        view = self._view
        await self._opened.wait()
        while True:
            self._page = await self._conversation.other_than(
                self._page, lambda: view.page_id
            )
            page = {"pageId": self._page}
            created = view.facts("now").get(Fact.MEETING_CREATED_AT, "")
            history = page | {"updatedAt": created}
            dialect = self._conversation.dialect
            is_by_page = dialect.spoken(op.ANNOTATION_HISTORY, history) is not None
            if is_by_page:
                await self._stop(op.ANNOTATION_HISTORY)
            await self._ask(op.ANNOTATIONS, page)
            if is_by_page:
                await self._ask(op.ANNOTATION_HISTORY, history)

    async def _watch_polls(self) -> None:
        view = self._view
        while True:
            await self._conversation.until(lambda: view.has_poll)
            await self._ask(op.PENDING_POLLS, {"userId": view.user_id})
            await self._conversation.until(lambda: not view.has_poll)
            await self._stop(op.PENDING_POLLS)

    async def _watch_breakouts(self) -> None:
        """See that one is invited to breakout rooms; nobody follows.

        Told once until no invitation is left: several at a time are one.
        """
        conversation, view = self._conversation, self._view
        while True:
            await conversation.until(lambda: view.breakout_invitations > 0)
            await self._ask(op.BREAKOUTS, {})
            await conversation.until(
                lambda: bool(view.invited_to) or not view.breakout_invitations
            )
            if view.invited_to:
                self._on_invitation()
            await conversation.until(lambda: view.breakout_invitations == 0)
            await self._stop(op.BREAKOUTS)

    async def _watch_guests(self) -> None:
        view = self._view
        await self._conversation.until(
            lambda: view.is_moderator and view.waiting_guests > 0
        )
        await self._ask(op.WAITING_GUESTS, {})

    async def _watch_trace(self) -> None:
        """See that a presenter, also a late one, is told where its trace has been."""
        if op.CONNECTION_STATUS.name not in self._open:
            own = {"clientSessionUUID": self._conversation.client_session_uuid}
            await self._ask(op.CONNECTION_STATUS, own)

    async def _read_trace(self) -> None:
        view, read = self._view, ""
        while True:
            read = await self._conversation.other_than(read, lambda: view.trace_log)
            sent_s = sent_at(read)
            if sent_s is not None:
                self._round_trips_s.append(max(time.monotonic() - sent_s, 0.0))

    async def _ask(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        asked = await self._conversation.ask(operation, variables)
        if asked and operation.kind == "subscription":
            self._open[operation.topic] = asked

    async def _stop(self, operation: Operation) -> None:
        if asked := self._open.pop(operation.topic, ""):
            await self._conversation.end(asked)


def next_beat(due_s: float, interval_s: float, now_s: float) -> float:
    """Return when the beat after `due_s` is due: what was missed is not made up for.

    >>> next_beat(5.0, 10.0, 5.2), next_beat(5.0, 10.0, 27.0)
    (15.0, 27.0)
    """
    return max(due_s + interval_s, now_s)


def trace(now_s: float) -> str:
    """Return the first entry of a trace: ours, on our monotonic clock.

    Entries are `@stage|time` in milliseconds. The server only adds to them, so the
    clock of the first one is nobody's business but the client's.

    >>> trace(12.3456)
    '@html5|12346'
    """
    return f"@html5|{round(now_s * 1000)}"


def sent_at(trace_log: str) -> float | None:
    """Return when the trace began, None for one that is not ours.

    >>> sent_at("@html5|12346@gqlactions|1700000000000")
    12.346
    """
    match = re.match(r"@html5\|(\d{1,15})(?:@|$)", trace_log, re.ASCII)
    return int(match[1]) / 1000 if match else None
