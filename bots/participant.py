"""One synthetic participant: it joins, publishes, views, acts and leaves.

Whatever the server does wrong becomes a report, never an exception; what escapes `run`
is a bug of ours. A task group owns all that runs, so cancelling `run` ends it, and
leaving the meeting is part of that end.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from bots.audio import BETTER_REASON_S, Audio
from bots.bursting import Bursting
from bots.cameras import browsers_page
from bots.clock import RunClock
from bots.conversation import Conversation
from bots.errors import ClusterError, Dropped
from bots.ground import Ground, LinkName
from bots.habits import Performer
from bots.join import (
    Patience,
    Session,
    Target,
    ice_servers,
    join_session,
    round_trip,
)
from bots.limits import Limits
from bots.logbook import Logbook
from bots.models import AudioMode, MeetingRef, ParticipantPlan, PathTaken, Report
from bots.persona import Chance, rng_of
from bots.presence import Presence
from bots.protocol.meeting import CamerasChanged, MeetingEvent, MeetingView, Muted
from bots.screens import Screens
from bots.sfu_link import SfuLink
from bots.streams import Plane, Streams
from bots.transcript import Transcript
from bots.transport import FrameHook, Transport
from bots.webcams import Webcams

__all__ = ["Limits", "Participant"]

CLEAN_UP_LIMIT_S: Final = 3.0


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
        self._transcript = transcript
        self._limits = limits or Limits()
        self._logbook = Logbook(plan, clock=clock, report=report, engine=engine)
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
        self._presence: Presence | None = None
        self._audio: Audio | None = None
        self._webcams: Webcams | None = None
        self._performer: Performer | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._leaving: asyncio.Future[None] = asyncio.Future()
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Join, stay until told to leave or thrown out, and leave.

        Reports how it went; raises nothing for what the server does. Cancelling it
        leaves the meeting all the same.
        """
        self._logbook.begin()
        is_in = False
        why: ClusterError | None = None
        try:
            await self._delay()
            self._logbook.begin()
            async with (
                Transport(
                    ca_file=self._target.ca_file, reach=self._target.reach
                ) as transport,
                asyncio.TaskGroup() as group,
            ):
                try:
                    is_in = await self._join_or_report(transport, group)
                    if is_in:
                        why = await self._stay(transport, group)
                finally:
                    await self._clean_up()
        except asyncio.CancelledError:
            if not self._leaving.done():
                self._leaving.set_result(None)
            if not self._logbook.is_join_told:
                self._logbook.withdrawn()
            raise
        finally:
            if is_in:
                rtt_s = self._presence.application_rtt_s if self._presence else None
                self._logbook.left(why, application_rtt_s=rtt_s)
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
        habits = self.plan.habits
        low_s, high_s = habits.join_delay_least_s, habits.join_delay_most_s
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
                failures.append(await self._reason(failure))

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
            self._logbook.withdrawn()
            return False
        if failures:
            self._logbook.not_joined(failures[0])
            return False
        if not task.cancelled() and task.exception() is None:
            self._logbook.joined()
            return True
        return False

    async def _reason(self, failure: ClusterError) -> ClusterError:
        """Return what ended the membership, where that closed a socket of the join."""
        conversation = self._conversation
        if conversation is None or not isinstance(failure, Dropped):
            return failure
        await asyncio.wait((conversation.over,), timeout=BETTER_REASON_S)
        return conversation.over.result() if conversation.over.done() else failure

    async def _join(self, transport: Transport, group: asyncio.TaskGroup) -> None:
        """Go through the phases of a join; each is timed as far as it got."""
        phase = self._logbook.phase
        with phase("api"):
            patience = Patience(limit_s=self._limits.waiting_s)
            try:
                session = await join_session(
                    transport,
                    self._target,
                    self.plan,
                    self.meeting.meeting_id,
                    patience,
                )
            finally:
                self._logbook.waited(patience.pages, patience.waited_s)
            self._logbook.node = session.joined.node
            if code := browsers_page(self.plan, session.settings):
                self._logbook.kept_back("camera page", code)
            self._view.knows_meeting(session.joined.internal_meeting_id)
        self._conversation = conversation = Conversation(
            url=session.index.graphql_websocket_url,
            session_token=session.joined.session_token,
            client_session_uuid=self._uuid,
            dialects=session.dialects,
            view=self._view,
            rng=rng_of(self.plan, Chance.IDS),
            limits=self._limits.conversation,
            on_event=self._happened,
            on_trouble=self._logbook.refused,
            on_frame=self._recorder("graphql"),
        )
        with phase("graphql"):
            await conversation.connect(transport, group)
        with phase("meeting"):
            await conversation.join()
        found, address = conversation.dialect, session.index.graphql_websocket_url
        self._target.found[address] = found.settled
        schema = found.name
        self._logbook.path = PathTaken(schema=schema)
        self._group = group
        self._start(self._streams.watch())
        self._presence = presence = Presence(
            conversation,
            steps=conversation.dialect.opening,
            utc=self._clock.utc,
            on_invitation=lambda: self._logbook.kept_back(
                "breakout invitation", "not entered"
            ),
        )
        for loop in presence.all(round_trip(transport, session)):
            self._start(loop)
        self._ground = ground = await self._prepare(transport, session, conversation)
        if self.plan.audio == "none":
            return
        with self._logbook.apart():
            await presence.linger_in_audio_dialog(self.plan.habits.dialog_s)
        await presence.know_locks()
        self._audio = Audio(ground, self._audio_mode())
        with phase("audio"):
            path = await self._audio.join()
        turns = sum(it.url.lower().startswith("turn") for it in ground.ice_servers)
        self._logbook.path = replace(path, schema=schema, turn_servers=turns)

    async def _prepare(
        self, transport: Transport, session: Session, conversation: Conversation
    ) -> Ground:
        """Return what the media will stand on."""

        async def open_link(name: LinkName) -> SfuLink:
            link = SfuLink(
                session.sfu_url,
                pings_at_once=name == "cameras",
                on_frame=self._recorder(f"sfu {name}"),
            )
            await link.open(transport, self._group)
            return link

        return Ground(
            plan=self.plan,
            conversation=conversation,
            settings=session.settings,
            internal_meeting_id=session.joined.internal_meeting_id,
            plane=self._plane,
            streams=self._streams,
            logbook=self._logbook,
            open_link=open_link,
            limits=self._limits,
            ice_servers=await ice_servers(transport, session, self._target.reach),
        )

    def _audio_mode(self) -> AudioMode:
        """Return how to join the audio: who is locked out of talking may listen."""
        if self.plan.audio == "microphone" and self._view.binds("disableMic"):
            self._logbook.kept_back("microphone", "locked")
            return "listen only"
        return self.plan.audio

    # --- Staying ----------------------------------------------------------------------

    async def _stay(
        self, transport: Transport, group: asyncio.TaskGroup
    ) -> ClusterError | None:
        """Be in the meeting until told to leave (None) or until it ends, with why."""
        plan, audio = self.plan, self._audio
        conversation, presence = self._conversation, self._presence
        assert conversation is not None
        assert presence is not None
        self._performer = performer = Performer(
            plan=plan,
            conversation=conversation,
            presence=presence,
            audio=audio,
            lose_network=transport.lose,
        )
        if self._view.is_muted:  # told before anybody was there to hear it
            performer.muted.set()
        for habit in performer.all():
            self._start(habit)
        self._webcams = webcams = Webcams(self._ground)
        screens = Screens(self._ground)
        if plan.shares_camera:
            self._start(webcams.share())
            self._start(webcams.steer())
        if plan.camera_view_limit != 0:
            webcams.notice()
            self._start(webcams.watch(group))
        bursting = Bursting(plan, conversation, webcams.share, self._clock.elapsed_s)
        for burst in bursting.all():
            self._start(burst)
        if plan.shares_screen:
            self._start(screens.share())
        if plan.habits.views_screen:
            self._start(screens.watch())
        ends: list[asyncio.Future[Any]] = [self._leaving, conversation.over]
        kept: asyncio.Task[ClusterError] | None = None
        if audio is not None:
            self._start(self._first_audio(audio))
            kept = group.create_task(audio.stay())
            self._tasks.append(kept)
            ends.append(kept)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._leaving.done():
            return None
        if conversation.over.done() or kept is None:
            return conversation.over.result()
        return kept.result()

    async def _first_audio(self, audio: Audio) -> None:
        if audio.session is None:
            return
        try:
            wait_s = await audio.first(self._limits.first_audio_s)
        except ClusterError as failure:
            self._logbook.milestone("audio", None, failure=failure)
        else:
            self._logbook.milestone("audio", wait_s)

    def _happened(self, event: MeetingEvent) -> None:
        if isinstance(event, CamerasChanged) and self._webcams is not None:
            self._webcams.notice()
        if isinstance(event, Muted) and event.muted and self._performer is not None:
            self._performer.muted.set()

    # --- Leaving ----------------------------------------------------------------------

    async def _clean_up(self) -> None:
        """End all tasks, leave the meeting, close everything; each within a limit."""
        for task in self._tasks:
            task.cancel()
        parts = (self._webcams, self._audio, self._conversation)
        steps = [part.leave for part in parts if part is not None]
        for step in (lambda: _ended(self._tasks), *steps):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLEAN_UP_LIMIT_S):
                    await step()

    # --- Small parts ------------------------------------------------------------------

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._group.create_task(coroutine))

    def _recorder(self, socket: str) -> FrameHook | None:
        transcript = self._transcript
        if transcript is None:
            return None
        return lambda direction, text: transcript.record(socket, direction, text)


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks)
