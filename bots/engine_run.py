"""One run of one bot engine: its participants, its meetings, its own lateness.

It obeys commands from `Begin` to `End`. Nothing that a server does ends it, and however
it ends, everybody leaves and every meeting it made is ended.

Above `CPU_FULL_RATIO` of a core it takes no more participants: such a one is reported
as withdrawn by us, never as the server's failure.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from bots.clock import RunClock
from bots.errors import BbbloadError, ClusterError
from bots.gate import check_begin
from bots.gauge import Gauge, PlaneCounts
from bots.lookout import keep_looking, prepare
from bots.meetings import Fetch, Meetings
from bots.models import (
    JoinReport,
    LeaveReport,
    MeetingRef,
    Outcome,
    ParticipantPlan,
    Report,
    StreamReport,
)
from bots.redaction import redact
from bots.servers import Server
from bots.stay import is_too_late, leaving_in_time, until_start
from bots.wire import (
    Answer,
    Begin,
    Command,
    End,
    Ended,
    Join,
    Leave,
    Left,
    Look,
    Refused,
    Reports,
    Retire,
    batches,
    plain_report,
)

logger = logging.getLogger(__name__)

CPU_FULL_RATIO: Final = 0.65
"""Share of a core above which no more participants are taken (measured: beyond it the
pacer begins to be late)."""
FULL_PATIENCE_S: Final = 5.0
"""A join waits this long for the share to fall again before it is withdrawn."""
REPORT_INTERVAL_S: Final = 1.0
LEAVE_TIMEOUT_S: Final = 8.0
QUIET_S: Final = 2.0
"""After so long without a join the ramp is over and the collector is frozen."""
SAMPLED_AT_ONCE: Final = 10


class Bot(Protocol):
    """What the engine needs of a participant."""

    async def run(self) -> None: ...
    async def leave(self) -> None: ...
    def sample(self) -> None: ...


class Field(Protocol):
    """What participants stand on: the network side of one server."""

    fetch: Fetch

    async def prove_join(self, meeting: MeetingRef) -> None: ...
    def recruit(
        self,
        plan: ParticipantPlan,
        meeting: MeetingRef,
        report: Callable[[Report], None],
    ) -> Bot: ...
    def take_stats(self) -> PlaneCounts: ...


OpenField = Callable[
    [Server, Begin, RunClock], contextlib.AbstractAsyncContextManager[Field]
]


class EngineRun:
    """One run of one engine, from `Begin` to `Ended`."""

    def __init__(self, send: Callable[[Answer], None], open_field: OpenField) -> None:
        self._send = send
        self._open_field = open_field
        self._bots: dict[int, Bot] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._streams: list[StreamReport] = []
        self._streams_now = 0
        self._gauge = Gauge()
        self._last_join_s = time.monotonic()
        self._is_frozen = True
        self._open: dict[int, ParticipantPlan] = {}
        self._leave_limit_s = math.inf
        self._is_looking = False
        self._watch: list[asyncio.Task[None]] = []
        self._bug = ""

    async def serve(self, commands: "asyncio.Queue[Command | None]") -> None:
        """Obey commands until `End` or None (end of file, SIGTERM), then clean up."""
        begin = await commands.get()
        if not isinstance(begin, Begin):
            return
        self._begin = begin
        self._clock = RunClock(begin.zero_s)
        started_s = time.monotonic()
        ends_s = started_s + begin.duration_s
        asyncio.get_running_loop().set_exception_handler(self._note_bug)
        try:
            server = check_begin(begin)
            async with self._open_field(server, begin, self._clock) as field:
                self._field = field
                self._meetings = Meetings(
                    server,
                    begin.run,
                    field.fetch,
                    rest_of_run_s=lambda: ends_s - time.monotonic(),
                    is_recorded=begin.is_recorded,
                    has_guests=begin.has_guests,
                )
                reason = ""
                try:
                    self._send(await prepare(server, begin, self._meetings, field))
                    limit_s = started_s + begin.caps.duration_s
                    reason = await self._obey(commands, limit_s)
                finally:
                    # The meetings are ended also when the preparation was refused.
                    await self._empty()
                    made = len(self._meetings.numbers)
                    failed = await self._meetings.end(self._meetings.numbers)
                why = reason or self._bug
                self._send(Ended(ended=made - len(failed), failed=failed, reason=why))
        except BbbloadError as failure:
            self._send(
                Refused(exit_code=failure.exit_code, message=redact(str(failure)))
            )

    def _note_bug(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Keep what broke in a callback: a run with such a hole is not valid."""
        loop.default_exception_handler(context)
        bug = context.get("exception")
        if isinstance(bug, Exception) and not isinstance(bug, OSError):
            self._bug = f"a bug of ours in an engine ({type(bug).__name__}): see above"

    async def _obey(
        self, commands: "asyncio.Queue[Command | None]", limit_s: float
    ) -> str:
        """Run until told to end; return why, when that was nobody's command."""
        async with asyncio.TaskGroup() as group:
            self._watch = [
                group.create_task(self._report_every_second()),
                group.create_task(self._gauge.watch_lag()),
            ]
            if self._begin.is_first:
                self._look(group)
            reason = ""
            try:
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + limit_s - time.monotonic()
                ):
                    while True:
                        command = await commands.get()
                        if command is None:
                            break
                        if isinstance(command, End):
                            self._hurry(command.within_s)
                            break
                        self._act(command, group)
            except TimeoutError:
                reason = "the duration cap of the engine was reached"
            await self._empty()
            for task in self._watch:
                task.cancel()
        return reason

    def _look(self, group: asyncio.TaskGroup) -> None:
        """Look for people who are not ours, unless they are known to be there."""
        if self._is_looking or self._begin.beside_real_meetings:
            return
        self._is_looking = True
        looking = keep_looking(self._meetings, self._begin, self._send)
        self._watch.append(group.create_task(looking))

    def _hurry(self, within_s: float | None) -> None:
        if within_s is not None:
            self._leave_limit_s = within_s

    def _act(self, command: Command, group: asyncio.TaskGroup) -> None:
        match command:
            case Join(plan=plan) if plan.number not in self._tasks:
                play = self._play(plan, group)
                self._tasks[plan.number] = group.create_task(play)
            case Leave(participant=number):
                bot, task = self._bots.get(number), self._tasks.get(number)
                if bot is not None:
                    group.create_task(self._let_go(number, bot))
                elif task is not None:
                    task.cancel()  # still waiting to join
                else:
                    self._send(Left(participant=number))
            case Retire(meeting=below):
                old = [number for number in self._meetings.numbers if number < below]
                group.create_task(self._retire(old))
            case Look():
                self._look(group)
            case _:
                logger.warning("unexpected command %s", type(command).__name__)

    async def _play(self, plan: ParticipantPlan, group: asyncio.TaskGroup) -> None:
        """Let one participant live; nothing the server does ends the engine."""
        asked_s = self._clock.elapsed_s()
        try:
            asked_s = await until_start(plan, self._clock)
            self._open[plan.number] = plan
            self._last_join_s, self._is_frozen = time.monotonic(), False
            refusal = await self._wait_for_room()
            refusal = refusal or is_too_late(plan, self._clock)
            if refusal:
                detail = "our own engine took no more participants"
                self._not_joined(plan, asked_s, "withdrawn", refusal, detail)
                return
            try:
                created = await self._meetings.ensure(plan.meeting_number)
            except ClusterError as failure:
                words = redact(f"create: {failure}")
                code = failure.code or "create"
                self._not_joined(plan, asked_s, "refused", code, words)
                return
            meeting = MeetingRef(
                number=plan.meeting_number, meeting_id=created.meeting_id
            )
            bot = self._field.recruit(plan, meeting, self._report)
            self._bots[plan.number] = bot
            leave = functools.partial(self._let_go, plan.number, bot)
            with leaving_in_time(plan, self._clock, lambda: group.create_task(leave())):
                await bot.run()
        except asyncio.CancelledError:
            if plan.number not in self._bots:
                return  # told to leave before it was in
            raise
        except Exception:
            # A bug of ours in one participant must not cost the others; it is told.
            logger.exception("participant %d broke", plan.number)
            self._report(
                LeaveReport(
                    elapsed_s=self._clock.elapsed_s(),
                    participant=plan.number,
                    meeting=plan.meeting_number,
                    outcome="withdrawn",
                    code="engine bug",
                )
            )
        finally:
            self._bots.pop(plan.number, None)
            self._tasks.pop(plan.number, None)
            self._open.pop(plan.number, None)
            self._send(Left(participant=plan.number))

    def _not_joined(
        self,
        plan: ParticipantPlan,
        asked_s: float,
        outcome: Outcome,
        code: str,
        detail: str,
    ) -> None:
        self._report(
            JoinReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=plan.number,
                meeting=plan.meeting_number,
                persona=plan.persona,
                role=plan.role,
                node="",
                outcome=outcome,
                code=code,
                detail=detail,
                engine=self._begin.engine,
                asked_s=asked_s,
            )
        )

    async def _wait_for_room(self) -> str:
        """Return "" when one more participant may join, else why not."""
        caps = self._begin.caps
        if len(self._open) > caps.participants:
            return "participants cap"
        if self._streams_now >= caps.streams:
            return "streams cap"
        give_up_s = time.monotonic() + FULL_PATIENCE_S
        while self._gauge.cpu_ratio > CPU_FULL_RATIO:
            if time.monotonic() > give_up_s:
                return "engine full"
            await asyncio.sleep(0.1)
        return ""

    async def _let_go(self, number: int, bot: Bot) -> None:
        task = self._tasks.get(number)
        try:
            async with asyncio.timeout(min(LEAVE_TIMEOUT_S, self._leave_limit_s)):
                await bot.leave()
                if task is not None:
                    await asyncio.wait([task])
        except TimeoutError:
            if task is not None:
                task.cancel()

    async def _retire(self, numbers: list[int]) -> None:
        failed = await self._meetings.end(numbers)
        if failed:
            logger.warning("%d meetings did not end when asked", len(failed))

    async def _empty(self) -> None:
        """Everybody leaves; who does not within the limit is cut off."""
        for number, task in list(self._tasks.items()):
            if number not in self._bots:
                task.cancel()
        leaving = [self._let_go(number, bot) for number, bot in self._bots.items()]
        await asyncio.gather(*leaving)
        await self._flush()

    def _report(self, report: Report) -> None:
        if isinstance(report, StreamReport):
            self._streams.append(report)
        else:
            self._send(Reports(items=(plain_report(report),)))

    async def _report_every_second(self) -> None:
        next_s = time.monotonic()
        while True:
            next_s += REPORT_INTERVAL_S
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            self._report(
                self._gauge.report(
                    self._field.take_stats(),
                    elapsed_s=self._clock.elapsed_s(),
                    engine=self._begin.engine,
                    participants=len(self._bots),
                )
            )
            # In small groups: a burst of samples would make the pacer late.
            for position, bot in enumerate(list(self._bots.values())):
                bot.sample()
                if position % SAMPLED_AT_ONCE == SAMPLED_AT_ONCE - 1:
                    await asyncio.sleep(0)
            await self._flush()
            self._freeze_after_ramp()

    async def _flush(self) -> None:
        streams, self._streams = self._streams, []
        self._streams_now = len(streams) or self._streams_now
        for piece in batches((plain_report(report) for report in streams), 50):
            self._send(Reports(items=piece))
            await asyncio.sleep(0)

    def _freeze_after_ramp(self) -> None:
        # A full collection over some hundred connections lasts a quarter of a second:
        # what lives through the ramp is taken out of the collector's sight.
        if not self._is_frozen and time.monotonic() - self._last_join_s > QUIET_S:
            gc.freeze()
            self._is_frozen = True
