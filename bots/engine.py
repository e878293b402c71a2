"""The bot engine: many participants on one core, commanded over a socketpair.

    python -m bots.engine --fd N        started by a Locust worker, never by hand

It is the last gate before the network: the allow-list, the secret and the caps on
participants, streams and duration are checked here, before the first packet, whoever
started the run. It lives in a session of its own, ignores SIGINT, and when its worker
goes away (end of file) or it gets SIGTERM, everybody leaves, every meeting it made is
ended, and it exits.

It reports its own lateness once a second. Above `CPU_FULL_RATIO` of a core it takes no
more joins: such a participant is reported as withdrawn by us, never as the server's
failure.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import uvloop

from bots.clock import RunClock
from bots.errors import BbbloadError, ClusterError, GuardRefusal
from bots.meetings import Fetch, Meetings, leftovers, refuse_strangers
from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MeetingRef,
    ParticipantPlan,
    Report,
    StreamReport,
)
from bots.plain import Malformed
from bots.redaction import redact
from bots.servers import Server, host_of, resolve
from bots.wire import (
    Answer,
    Begin,
    Begun,
    Command,
    End,
    Ended,
    FrameReader,
    Join,
    Leave,
    Left,
    Refused,
    Reports,
    Retire,
    batches,
    encode,
    plain_report,
)

logger = logging.getLogger(__name__)

CPU_FULL_RATIO: Final = 0.65
"""Share of a core above which no more participants are taken (measured: beyond it the
pacer begins to be late)."""
FULL_PATIENCE_S: Final = 5.0
"""A join waits this long for the share to fall again before it is withdrawn."""
REPORT_INTERVAL_S: Final = 1.0
LAG_INTERVAL_S: Final = 0.05
LEAVE_TIMEOUT_S: Final = 8.0
QUIET_S: Final = 2.0
"""After so long without a join the ramp is over and the collector is frozen."""
DESCRIPTORS_EACH: Final = 16
SAMPLED_AT_ONCE: Final = 10
UNREAD_MAX_BYTES: Final = 64_000_000


class Bot(Protocol):
    """What the engine needs of a participant."""

    async def run(self) -> None: ...
    async def leave(self) -> None: ...
    def sample(self) -> None: ...


class PlaneCounts(Protocol):
    """Counters of the media plane since they were last taken."""

    @property
    def late_packets(self) -> int: ...
    @property
    def sent_packets(self) -> int: ...
    @property
    def received_packets(self) -> int: ...


class Field(Protocol):
    """What participants stand on: the network side of one server."""

    fetch: Fetch

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


def check_begin(begin: Begin) -> Server:
    """Return the server that may be loaded as `begin` asks.

    Raises ConfigError or GuardRefusal; reads files and environment, sends nothing.
    """
    caps = begin.caps
    if begin.participants > caps.participants:
        raise GuardRefusal(
            f"{begin.participants} participants are above the cap of "
            f"{caps.participants}: raise it with --max-participants if you mean it"
        )
    if begin.streams > caps.streams:
        raise GuardRefusal(
            f"{begin.streams} media streams are above the cap of {caps.streams}: raise "
            "it with --max-streams if you mean it"
        )
    if begin.duration_s > caps.duration_s:
        raise GuardRefusal(
            f"a run of {begin.duration_s:g} s is above the cap of "
            f"{caps.duration_s:g} s: raise it with --max-duration if you mean it"
        )
    return resolve(
        begin.target,
        secret_file=begin.secret_file or None,
        allow_host=begin.allow_hosts,
    )


class Engine:
    """One run of one engine, from `Begin` to `Ended`."""

    def __init__(self, send: Callable[[Answer], None], open_field: OpenField) -> None:
        self._send = send
        self._open_field = open_field
        self._bots: dict[int, Bot] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._streams: list[StreamReport] = []
        self._streams_now = 0
        self._cpu_ratio = 0.0
        self._lag_s = 0.0
        self._last_join_s = time.monotonic()
        self._is_frozen = True
        self._open: dict[int, ParticipantPlan] = {}

    async def serve(self, commands: "asyncio.Queue[Command | None]") -> None:
        """Obey commands until `End` or None (end of file, SIGTERM), then clean up."""
        begin = await commands.get()
        if not isinstance(begin, Begin):
            return
        self._begin = begin
        self._clock = RunClock(begin.zero_s)
        started_s = time.monotonic()
        ends_s = started_s + begin.duration_s
        try:
            server = check_begin(begin)
            async with self._open_field(server, begin, self._clock) as field:
                self._field = field
                self._meetings = Meetings(
                    server,
                    begin.run,
                    field.fetch,
                    rest_of_run_s=lambda: ends_s - time.monotonic(),
                )
                reason = ""
                try:
                    self._send(await self._prepare(server, begin))
                    limit_s = started_s + begin.caps.duration_s
                    reason = await self._obey(commands, limit_s)
                finally:
                    # The meetings are ended also when the preparation was refused.
                    await self._empty()
                    made = len(self._meetings.numbers)
                    failed = await self._meetings.end(self._meetings.numbers)
                self._send(
                    Ended(ended=made - len(failed), failed=failed, reason=reason)
                )
        except BbbloadError as failure:
            self._send(
                Refused(exit_code=failure.exit_code, message=redact(str(failure)))
            )

    async def _prepare(self, server: Server, begin: Begin) -> Begun:
        index = await self._meetings.check_server()
        present = await self._meetings.all_meetings()
        old = leftovers(present, begin.leftover_runs)
        if old:
            await self._meetings.end_ids([meeting.meeting_id for meeting in old])
        gone = {meeting.meeting_id for meeting in old}
        if not begin.beside_real_meetings:
            others = [m for m in present if m.meeting_id not in gone]
            refuse_strangers(others, begin.run)
        if begin.is_first:
            await self._meetings.prove_first(0)
        notes = [f"ended {len(old)} meetings that a killed run had left"] if old else []
        note = _raise_descriptors(begin.participants)
        return Begun(
            server=server.name,
            host=host_of(server.url),
            bbb_version=index.bbb_version,
            stand_in=False,
            notes=(*notes, *((note,) if note else ())),
        )

    async def _obey(
        self, commands: "asyncio.Queue[Command | None]", limit_s: float
    ) -> str:
        """Run until told to end; return why, when that was nobody's command."""
        async with asyncio.TaskGroup() as group:
            watch = [
                group.create_task(self._report_every_second()),
                group.create_task(self._watch_lag()),
            ]
            reason = ""
            try:
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + limit_s - time.monotonic()
                ):
                    while True:
                        command = await commands.get()
                        if command is None or isinstance(command, End):
                            break
                        await self._act(command, group)
            except TimeoutError:
                reason = "the duration cap of the engine was reached"
            await self._empty()
            for task in watch:
                task.cancel()
        return reason

    async def _act(self, command: Command, group: asyncio.TaskGroup) -> None:
        match command:
            case Join(plan=plan) if plan.number not in self._open:
                self._open[plan.number] = plan
                self._last_join_s = time.monotonic()
                self._is_frozen = False
                self._tasks[plan.number] = group.create_task(self._play(plan))
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
            case _:
                logger.warning("unexpected command %s", type(command).__name__)

    async def _play(self, plan: ParticipantPlan) -> None:
        """Let one participant live; nothing the server does ends the engine."""
        asked_s = self._clock.elapsed_s()
        try:
            refusal = await self._wait_for_room()
            if refusal:
                self._report(_not_joined(plan, self._begin.engine, asked_s, refusal))
                return
            try:
                created = await self._meetings.ensure(plan.meeting_number)
            except ClusterError as failure:
                self._report(
                    _refused_create(
                        plan, self._begin.engine, asked_s, self._clock, failure
                    )
                )
                return
            meeting = MeetingRef(
                number=plan.meeting_number, meeting_id=created.meeting_id
            )
            bot = self._field.recruit(plan, meeting, self._report)
            self._bots[plan.number] = bot
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

    async def _wait_for_room(self) -> str:
        """Return "" when one more participant may join, else why not."""
        caps = self._begin.caps
        if len(self._open) > caps.participants:
            return "participants cap"
        if self._streams_now >= caps.streams:
            return "streams cap"
        give_up_s = time.monotonic() + FULL_PATIENCE_S
        while self._cpu_ratio > CPU_FULL_RATIO:
            if time.monotonic() > give_up_s:
                return "engine full"
            await asyncio.sleep(0.1)
        return ""

    async def _let_go(self, number: int, bot: Bot) -> None:
        task = self._tasks.get(number)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
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
        wall_s, cpu_s = time.monotonic(), time.process_time()
        next_s = wall_s
        while True:
            next_s += REPORT_INTERVAL_S
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            now_s, used_s = time.monotonic(), time.process_time()
            self._cpu_ratio = (used_s - cpu_s) / (now_s - wall_s)
            wall_s, cpu_s = now_s, used_s
            counts = self._field.take_stats()
            self._report(
                EngineReport(
                    elapsed_s=self._clock.elapsed_s(),
                    engine=self._begin.engine,
                    cpu_ratio=self._cpu_ratio,
                    lag_s=self._lag_s,
                    late_packets=counts.late_packets,
                    sent_packets=counts.sent_packets,
                    received_packets=counts.received_packets,
                    participants=len(self._bots),
                    memory_bytes=_resident_bytes(),
                )
            )
            self._lag_s = 0.0
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

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_INTERVAL_S
            await asyncio.sleep(LAG_INTERVAL_S)
            self._lag_s = max(self._lag_s, loop.time() - due_s)

    def _freeze_after_ramp(self) -> None:
        # A full collection over some hundred connections lasts a quarter of a second:
        # what lives through the ramp is taken out of the collector's sight.
        if not self._is_frozen and time.monotonic() - self._last_join_s > QUIET_S:
            gc.freeze()
            self._is_frozen = True


def _not_joined(
    plan: ParticipantPlan, engine: int, asked_s: float, code: str
) -> JoinReport:
    return JoinReport(
        elapsed_s=asked_s,
        participant=plan.number,
        meeting=plan.meeting_number,
        persona=plan.persona,
        role=plan.role,
        node="",
        outcome="withdrawn",
        code=code,
        detail="our own engine took no more participants",
        engine=engine,
        asked_s=asked_s,
    )


def _refused_create(
    plan: ParticipantPlan,
    engine: int,
    asked_s: float,
    clock: RunClock,
    failure: ClusterError,
) -> JoinReport:
    return JoinReport(
        elapsed_s=clock.elapsed_s(),
        participant=plan.number,
        meeting=plan.meeting_number,
        persona=plan.persona,
        role=plan.role,
        node="",
        outcome="refused",
        code=failure.code or "create",
        detail=redact(f"create: {failure}"),
        engine=engine,
        asked_s=asked_s,
    )


def _raise_descriptors(participants: int) -> str:
    """Raise the soft limit to the hard one; return a sentence if that is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    needed = 200 + DESCRIPTORS_EACH * participants
    if soft != resource.RLIM_INFINITY and soft < needed:
        return (
            f"only {soft} files may be open and {participants} participants may need "
            f"{needed}: raise the hard limit (ulimit -Hn)"
        )
    return ""


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@contextlib.asynccontextmanager
async def open_field(
    server: Server, begin: Begin, clock: RunClock
) -> AsyncIterator[Field]:
    """Open the media plane and the HTTP side for one server."""
    # The media stack is loaded only for a target that has passed the guard.
    from bots.field import ServerField

    async with ServerField(server, begin, clock) as field:
        yield field


async def run_engine(connection: socket.socket, opener: OpenField = open_field) -> None:
    """Serve one worker on its socket; return when all is cleaned up."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=connection)
    commands: asyncio.Queue[Command | None] = asyncio.Queue()
    loop.add_signal_handler(signal.SIGTERM, commands.put_nowait, None)

    def send(answer: Answer) -> None:
        if writer.is_closing():
            return
        writer.write(encode(answer))
        if writer.transport.get_write_buffer_size() > UNREAD_MAX_BYTES:
            logger.error("the worker does not read any more")
            writer.transport.abort()

    async def listen() -> None:
        frames = FrameReader()
        try:
            while data := await reader.read(1 << 16):
                for command in frames.receive(data):
                    commands.put_nowait(command)  # type: ignore[arg-type]
        except (OSError, Malformed) as error:
            logger.error("the link to the worker broke: %s", error)
        commands.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        listening = group.create_task(listen())
        try:
            await Engine(send, opener).serve(commands)
        finally:
            listening.cancel()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            writer.close()
            await writer.wait_closed()


def main() -> None:
    """Start an engine on an inherited socket."""
    parser = argparse.ArgumentParser(prog="python -m bots.engine")
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="engine: %(message)s")
    connection = socket.socket(fileno=options.fd)
    uvloop.run(run_engine(connection))


if __name__ == "__main__":
    main()
