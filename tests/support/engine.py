"""A bot engine under test: the real loop and socketpair, with bots that are scripted.

    async with engine_of(node, begin) as engine:
        await engine.answer(Begun)
        engine.send(Join(plan=…))

The HTTP side is real; only the media of a participant is left out, so that what is
tested is the engine's own conduct. Whole participants are tested under integration/.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bots.clock import RunClock
from bots.engine import run_engine
from bots.engine_run import OpenField
from bots.join import prove_join, target_of
from bots.meetings import Fetch
from bots.models import JoinReport, LeaveReport, MeetingRef, ParticipantPlan, Report
from bots.servers import Server
from bots.transport import Transport
from bots.wire import Answer, Begin, Command, FrameReader, encode
from tests.support.asynctest import eventually


@dataclass
class Counts:
    late_packets: int = 0
    sent_packets: int = 0
    received_packets: int = 0
    dropped_packets: int = 0
    transports: int = 0
    sockets: int = 0
    lateness_s: float = 0.0


class ScriptedBot:
    """Joins at once, stays until told to leave, then leaves."""

    def __init__(
        self,
        plan: ParticipantPlan,
        meeting: MeetingRef,
        report: Callable[[Report], None],
        clock: RunClock,
    ) -> None:
        self.plan, self.meeting, self.report, self.clock = plan, meeting, report, clock
        self.samples = 0
        self._gone = asyncio.Event()

    async def run(self) -> None:
        if self.plan.persona == "breaks":
            raise RuntimeError("a bug of ours")
        self.report(
            JoinReport(
                elapsed_s=self.clock.elapsed_s(),
                participant=self.plan.number,
                meeting=self.plan.meeting_number,
                persona=self.plan.persona,
                role=self.plan.role,
                node="",
                outcome="joined",
                join_time_s=0.1,
            )
        )
        if self.plan.persona == "is dropped":
            self._leaves("dropped")
            return
        await self._gone.wait()
        self._leaves("left")

    def _leaves(self, outcome) -> None:
        self.report(
            LeaveReport(
                elapsed_s=self.clock.elapsed_s(),
                participant=self.plan.number,
                meeting=self.plan.meeting_number,
                outcome=outcome,
            )
        )

    async def leave(self) -> None:
        if self.plan.persona == "hangs":
            await asyncio.Event().wait()
        self._gone.set()

    def sample(self) -> None:
        self.samples += 1


@dataclass
class ScriptedField:
    server: Server
    fetch: Fetch
    clock: RunClock
    bots: list[ScriptedBot] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    async def prove_join(self, meeting: MeetingRef) -> None:
        await prove_join(target_of(self.server), meeting.meeting_id)

    def recruit(self, plan, meeting, report) -> ScriptedBot:
        self.bots.append(ScriptedBot(plan, meeting, report, self.clock))
        return self.bots[-1]

    def take_stats(self) -> Counts:
        return self.counts


@dataclass
class EngineUnderTest:
    """The worker's end of the link."""

    writer: asyncio.StreamWriter
    running: "asyncio.Task[None]"
    fields: list[ScriptedField]
    requests: list[str]
    """Every URL that the engine asked for, without its query."""
    answers: list[Answer] = field(default_factory=list)

    def send(self, *commands: Command) -> None:
        for command in commands:
            self.writer.write(encode(command))

    async def answer(self, kind, where=lambda answer: True):
        """Wait for an answer of this kind and return it."""

        def found():
            return [a for a in self.answers if isinstance(a, kind) and where(a)]

        return (await eventually(found, what=f"an answer {kind.__name__}"))[0]

    def reports(self, kind: str) -> list[dict]:
        items = [item for a in self.answers for item in getattr(a, "items", ())]
        return [item for item in items if item["kind"] == kind]


@asynccontextmanager
async def engine_of(
    begin: Begin | None, opener: OpenField | None = None
) -> AsyncIterator[EngineUnderTest]:
    """Run an engine and send it `begin`; scripted bots unless `opener` has others."""
    ours, theirs = socket.socketpair()
    fields: list[ScriptedField] = []
    requests: list[str] = []

    @asynccontextmanager
    async def open_scripted(server: Server, begin: Begin, clock: RunClock):
        async with Transport() as transport:

            async def fetch(url: str, *, as_json: bool = False):
                requests.append(url.partition("?")[0])
                return await transport.get(url, as_json=as_json)

            fields.append(ScriptedField(server, fetch, clock))
            yield fields[-1]

    running = asyncio.ensure_future(run_engine(theirs, opener or open_scripted))
    reader, writer = await asyncio.open_connection(sock=ours)
    engine = EngineUnderTest(writer, running, fields, requests)

    async def listen() -> None:
        frames = FrameReader()
        while data := await reader.read(65_536):
            engine.answers += frames.receive(data)

    listening = asyncio.ensure_future(listen())
    if begin is not None:
        engine.send(begin)
    try:
        yield engine
    finally:
        writer.close()
        await running
        await listening
