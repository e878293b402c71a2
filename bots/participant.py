"""One synthetic participant: it joins, publishes, views, acts and leaves.

Whatever the server does wrong becomes a report, never an exception; what escapes `run`
is a bug of ours. A task group owns all that runs, so cancelling `run` ends it, and
leaving the meeting is part of that end.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from bots.audio import Audio
from bots.clock import RunClock
from bots.conversation import Conversation, ConversationLimits
from bots.errors import ClusterError
from bots.habits import Habits
from bots.join import Session, Target, ice_servers, join_session, round_trip
from bots.models import (
    JoinReport,
    LeaveReport,
    MeetingRef,
    MilestoneReport,
    Outcome,
    ParticipantPlan,
    PathTaken,
    Report,
)
from bots.outcomes import detail, verdict
from bots.persona import PERSONAS, Chance, Persona, rng_of
from bots.protocol import sfu
from bots.protocol.meeting import CamerasChanged, MeetingEvent, MeetingView, Muted
from bots.sfu_link import SfuLink
from bots.streams import Plane, Streams, first_loss
from bots.transcript import Transcript
from bots.transport import FrameHook, Transport
from bots.webcams import Webcams

FIRST_AUDIO_LIMIT_S: Final = 20.0
CLEAN_UP_LIMIT_S: Final = 3.0
BETTER_REASON_S: Final = 0.5
"""A membership that ends closes the audio socket too, perhaps before it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each user-visible step may take."""

    conversation: ConversationLimits = field(default_factory=ConversationLimits)
    audio_s: float = sfu.AUDIO_LIMIT_S
    camera_s: float = sfu.CAMERA_LIMIT_S
    first_audio_s: float = FIRST_AUDIO_LIMIT_S


class Participant:
    """A participant of one meeting, from its join to its leaving."""

    def __init__(
        self,
        plan: ParticipantPlan,
        meeting: MeetingRef,
        *,
        target: Target,
        plane: Plane,
        clock: RunClock,
        report: Callable[[Report], None],
        transcript: Transcript | None = None,
        limits: Limits | None = None,
        engine: int = 0,
    ) -> None:
        self.plan = plan
        self.meeting = meeting
        self._target = target
        self._plane = plane
        self._clock = clock
        self._report = report
        self._transcript = transcript
        self._limits = limits or Limits()
        self._engine = engine
        self._persona = PERSONAS.get(plan.persona, Persona(name=plan.persona))
        self._streams = Streams(
            participant=plan.number,
            meeting=plan.meeting_number,
            clock=clock,
            report=report,
        )
        uuid_bytes = rng_of(plan, Chance.SESSION).bytes(16)
        self._uuid = str(UUID(bytes=uuid_bytes, version=4))
        self._view = MeetingView(client_session_uuid=self._uuid)
        self._conversation: Conversation | None = None
        self._audio: Audio | None = None
        self._webcams: Webcams | None = None
        self._habits: Habits | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Future[None] = asyncio.Future()
        self._gone = asyncio.Event()
        self._is_join_told = False
        self._asked_s = 0.0
        self._phases: list[tuple[str, float]] = []
        self._path = PathTaken()
        self._node = ""

    async def run(self) -> None:
        """Join, stay until told to leave or thrown out, and leave.

        Reports how it went; raises nothing for what the server does. Cancelling it
        leaves the meeting all the same.
        """
        self._asked_s = self._clock.elapsed_s()
        is_in = False
        why: ClusterError | None = None
        try:
            await self._delay()
            self._asked_s = self._clock.elapsed_s()
            async with (
                Transport(
                    ca_file=self._target.ca_file, reach=self._target.reach
                ) as transport,
                asyncio.TaskGroup() as group,
            ):
                try:
                    is_in = await self._join_or_report(transport, group)
                    if is_in:
                        why = await self._stay(group)
                finally:
                    await self._clean_up()
        except asyncio.CancelledError:
            if not self._leaving.done():
                self._leaving.set_result(None)
            if not self._is_join_told:
                self._report(self._join_report("withdrawn"))
            raise
        finally:
            if is_in:
                self._report(self._leave_report(why))
            self._gone.set()

    async def leave(self) -> None:
        """Make `run` leave the meeting cleanly and wait until it has."""
        if not self._leaving.done():
            self._leaving.set_result(None)
        await self._gone.wait()

    def sample(self) -> None:
        """Report what every media stream did since the last call."""
        self._streams.sample()

    # --- Joining ----------------------------------------------------------------------

    async def _delay(self) -> None:
        low_s, high_s = self._persona.join_delay_s
        delay_s = float(rng_of(self.plan, Chance.DELAY).uniform(low_s, high_s))
        if delay_s > 0:
            await asyncio.wait((self._leaving,), timeout=delay_s)

    async def _join_or_report(
        self, transport: Transport, group: asyncio.TaskGroup
    ) -> bool:
        """Join and report it; return whether we are in and asked to stay."""
        failures: list[ClusterError] = []

        async def joining() -> None:
            try:
                await self._join(transport, group)
            except ClusterError as failure:
                failures.append(failure)

        task = group.create_task(joining())
        try:
            await asyncio.wait(
                (task, self._leaving), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            was_done = task.done()
            task.cancel()
        if not was_done:
            await asyncio.wait((task,))
            self._report(self._join_report("withdrawn"))
            return False
        if failures:
            outcome, code = verdict(failures[0])
            step = self._phases[-1][0] if self._phases else "api"
            words = detail(failures[0], step)
            self._report(self._join_report(outcome, code=code, words=words))
            return False
        if not task.cancelled() and task.exception() is None:
            self._report(self._join_report("joined"))
            return True
        return False

    async def _join(self, transport: Transport, group: asyncio.TaskGroup) -> None:
        """Go through the phases of a join; each is timed as far as it got."""
        with self._phase("api"):
            session = await join_session(
                transport, self._target, self.plan, self.meeting.meeting_id
            )
            self._node = session.joined.node
            self._view.knows_meeting(session.joined.internal_meeting_id)
        self._conversation = conversation = Conversation(
            url=session.index.graphql_websocket_url,
            session_token=session.joined.session_token,
            client_session_uuid=self._uuid,
            dialect=session.dialect,
            view=self._view,
            rng=rng_of(self.plan, Chance.IDS),
            utc=self._clock.utc,
            limits=self._limits.conversation,
            on_event=self._member,
            on_frame=self._recorder("graphql"),
        )
        with self._phase("graphql"):
            await conversation.connect(transport, group)
        with self._phase("meeting"):
            await conversation.join()
        self._group = group
        self._start(self._streams.watch())
        self._start(conversation.run_opening())
        self._start(conversation.stay_alive(round_trip(transport, session)))
        await self._join_media(transport, group, session, conversation)

    async def _join_media(
        self,
        transport: Transport,
        group: asyncio.TaskGroup,
        session: Session,
        conversation: Conversation,
    ) -> None:
        servers = await ice_servers(transport, session)

        async def open_link(pings_at_once: bool) -> SfuLink:
            name = "sfu cameras" if pings_at_once else "sfu audio"
            link = SfuLink(
                session.sfu_url,
                pings_at_once=pings_at_once,
                on_frame=self._recorder(name),
            )
            await link.open(transport, group)
            return link

        self._webcams = Webcams(
            plan=self.plan,
            conversation=conversation,
            client_session_uuid=self._uuid,
            plane=self._plane,
            streams=self._streams,
            clock=self._clock,
            report=self._report,
            open_link=open_link,
            ice_servers=servers,
            limit_s=self._limits.camera_s,
        )
        if self.plan.audio == "none":
            return
        await conversation.linger_in_audio_dialog(self._persona.dialog_s)
        self._audio = Audio(
            mode=self.plan.audio,
            seed=self.plan.seed,
            settings=session.settings,
            plane=self._plane,
            streams=self._streams,
            open_link=open_link,
            limit_s=self._limits.audio_s,
        )
        with self._phase("audio"):
            self._path = await self._audio.join(servers)

    # --- Staying ----------------------------------------------------------------------

    async def _stay(self, group: asyncio.TaskGroup) -> ClusterError | None:
        """Be in the meeting until told to leave (None) or until it ends, with why."""
        conversation, webcams, audio = self._conversation, self._webcams, self._audio
        assert conversation is not None
        assert webcams is not None
        self._habits = habits = Habits(
            plan=self.plan,
            persona=self._persona,
            conversation=conversation,
            session=None if audio is None else audio.session,
            listens_only=audio is not None and audio.is_listening_only,
        )
        for habit in habits.all():
            self._start(habit)
        if audio is not None:
            self._start(self._first_audio(audio))
        if self.plan.shares_camera:
            self._start(webcams.share())
        if self.plan.camera_view_limit != 0:
            webcams.changed.set()
            self._start(webcams.watch(group))
        losses = (conversation.over, *(() if audio is None else audio.losses))
        ends: list[asyncio.Future[Any]] = [self._leaving, *losses]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._leaving.done():
            return None
        await asyncio.wait((conversation.over,), timeout=BETTER_REASON_S)
        return await first_loss(*losses)

    async def _first_audio(self, audio: Audio) -> None:
        if audio.session is None:
            return
        wait_s: float | None = None
        outcome: Outcome = "joined"
        code = ""
        try:
            first_s = await audio.session.first("audio", self._limits.first_audio_s)
            wait_s = max(first_s - audio.asked_s, 0.0)
        except ClusterError as failure:
            outcome, code = verdict(failure)
        self._report(
            MilestoneReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=self.plan.number,
                meeting=self.plan.meeting_number,
                media="audio",
                wait_s=wait_s,
                outcome=outcome,
                code=code,
            )
        )

    def _member(self, event: MeetingEvent) -> None:
        if isinstance(event, CamerasChanged) and self._webcams is not None:
            self._webcams.changed.set()
        if isinstance(event, Muted) and event.muted and self._habits is not None:
            self._habits.muted.set()

    # --- Leaving ----------------------------------------------------------------------

    async def _clean_up(self) -> None:
        """End all tasks, leave the meeting, close everything; each within a limit."""
        for task in self._tasks:
            task.cancel()
        parts = (self._webcams, self._audio, self._conversation)
        steps = [part.leave() for part in parts if part is not None]
        for step in (_ended(self._tasks), *steps):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLEAN_UP_LIMIT_S):
                    await step

    # --- Small parts ------------------------------------------------------------------

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._group.create_task(coroutine))

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started_s = self._clock.elapsed_s()
        try:
            yield
        finally:
            self._phases.append((name, self._clock.elapsed_s() - started_s))

    def _recorder(self, socket: str) -> FrameHook | None:
        transcript = self._transcript
        if transcript is None:
            return None
        return lambda direction, text: transcript.record(socket, direction, text)

    def _join_report(
        self, outcome: Outcome, *, code: str = "", words: str = ""
    ) -> JoinReport:
        elapsed_s = self._clock.elapsed_s()
        self._is_join_told = True
        return JoinReport(
            elapsed_s=elapsed_s,
            participant=self.plan.number,
            meeting=self.plan.meeting_number,
            persona=self.plan.persona,
            role=self.plan.role,
            node=self._node,
            outcome=outcome,
            code=code,
            detail=words,
            phases_s=tuple(self._phases),
            join_time_s=elapsed_s - self._asked_s if outcome == "joined" else None,
            path=self._path,
            engine=self._engine,
            asked_s=self._asked_s,
        )

    def _leave_report(self, why: ClusterError | None) -> LeaveReport:
        return LeaveReport(
            elapsed_s=self._clock.elapsed_s(),
            participant=self.plan.number,
            meeting=self.plan.meeting_number,
            outcome="left" if why is None else "dropped",
            code="" if why is None else why.code,
            detail="" if why is None else detail(why),
        )


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)
