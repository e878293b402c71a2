"""Joining the audio of a meeting as the html5 client does, with its fallbacks.

Which way it goes is the server's settings' choice (`sfu-audio-bridge.js`): transparent
listen only means that the server offers and that listeners are `passive-sendrecv`. A
server that knows that role not (2300) is asked for `recv`, and a microphone that one
side's offer did not bring in is tried with the other side's.

Audio that worked and is lost, by its socket or by its media, is joined again the way it
was joined before.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from typing import Literal

from bots.errors import ClusterError, SfuRefusal
from bots.ground import Ground, first, flowing
from bots.media.session import SendSpec
from bots.models import AudioMode, PathTaken
from bots.protocol import operations as op
from bots.protocol import sfu
from bots.protocol.dialect import ClientSettings
from bots.protocol.sfu import AudioRole, SfuConversation
from bots.sfu_link import SfuCall, SfuLink
from bots.streams import Session, Stream, first_loss

Offerer = Literal["server", "client"]

FALL_BACK_ON = frozenset({"2202", "2203", "2300"})
"""Refusals of the way it was asked, not of the participant."""
FELL_BACK = "audio way"
"""Told as refused when another way then worked; the path says which it was."""
BETTER_REASON_S = 0.5
"""A membership that ends closes the audio socket too, perhaps before it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of asking for audio."""

    role: AudioRole
    offerer: Offerer


def ways(mode: AudioMode, settings: ClientSettings) -> tuple[Way, ...]:
    """Return the ways to try, in order; none without audio.

    >>> [way.role for way in ways("listen only", ClientSettings())]
    ['passive-sendrecv', 'recv']
    """
    if mode == "none":
        return ()
    if mode == "microphone":
        server = Way(role="sendrecv", offerer="server")
        client = Way(role="sendrecv", offerer="client")
        first_client = settings.client_offers_microphone
        return (client, server) if first_client else (server, client)
    passive = Way(role="passive-sendrecv", offerer="server")
    plain_offerer: Offerer = "client" if settings.listen_only_offering else "server"
    plain = Way(role="recv", offerer=plain_offerer)
    return (passive, plain) if settings.is_transparent else (plain, passive)


class Audio:
    """One participant's audio, from asking to leaving."""

    def __init__(self, ground: Ground, mode: AudioMode) -> None:
        self.asked_s = 0.0
        """`time.monotonic()` when the way that worked was asked for."""
        self.session: Session | None = None
        self._ground = ground
        self._mode = mode
        self._ways = ways(mode, ground.settings)
        self._link: SfuLink | None = None
        self._call: SfuCall | None = None
        self._stream: Stream | None = None
        self._attempts = 0
        self._is_talking = False

    @property
    def is_listening_only(self) -> bool:
        return self._mode == "listen only"

    def set_talking(self, talking: bool) -> None:
        """Send speech or silence, also over a session that is still to come."""
        self._is_talking = talking
        if self.session is not None:
            self.session.set_talking(talking)

    async def join(self) -> PathTaken:
        """Join by the first way that works and return the path that the media took.

        A way that was refused before it is told: to fall back is an outcome.

        Raises SfuRefusal, StepTimeout or another ClusterError of the last way tried.
        """
        failure: ClusterError | None = None
        for way in self._ways:
            try:
                path = await self._join(way)
                self._ways = (way, *(other for other in self._ways if other != way))
                if failure is not None:
                    self._ground.logbook.refused(FELL_BACK, failure)
                return path
            except SfuRefusal as refusal:
                await self.leave()
                failure = refusal
                if refusal.code not in FALL_BACK_ON:
                    break
            except BaseException:
                await self.leave()
                raise
        assert failure is not None, "audio is joined by participants who have it"
        raise failure

    async def first(self, limit_s: float) -> float:
        """Return how long the first packet took, from the asking that worked.

        Raises StepTimeout where none came within `limit_s`, or what ended the audio
        before.
        """
        call, session, asked_s = self._call, self.session, self.asked_s
        assert call is not None
        assert session is not None
        first_s = await first(call, session, "audio", time.monotonic() + limit_s)
        return max(first_s - asked_s, 0.0)

    async def stay(self) -> ClusterError:
        """Keep the audio until it is lost for good or the membership is; say why."""
        conversation = self._ground.conversation
        while True:
            assert self._call is not None
            assert self._stream is not None
            await self._settle()
            why = await first_loss(self._call.over, self._stream.failed)
            await asyncio.wait((conversation.over,), timeout=BETTER_REASON_S)
            if not self._ground.is_over:
                self._ground.logbook.refused("audio", why)
                await self.leave()
                if await self._join_again():
                    continue
            return conversation.over.result() if self._ground.is_over else why

    async def _join_again(self) -> bool:
        """Join as often as the client does; return whether it came to that."""
        ground = self._ground
        for wait_s in ground.limits.audio_retries.waits_s():
            await asyncio.sleep(wait_s)
            await ground.conversation.until(
                lambda: ground.view.is_joined or ground.is_over
            )
            if ground.is_over:
                return False
            try:
                await self.join()
            except ClusterError as failure:
                ground.logbook.refused("audio", failure)
            else:
                return True
        return False

    async def _settle(self) -> None:
        """Tell what the client tells once its audio is there."""
        call = self._ground.conversation.call
        with contextlib.suppress(ClusterError):
            await call(
                op.SET_LISTEN_ONLY_INPUT,
                {"listenOnlyInputDevice": self.is_listening_only},
            )
            if self.is_listening_only:
                own = {"userId": self._ground.view.user_id}
                await call(op.SET_MUTED, own | {"muted": True})

    async def leave(self) -> None:
        """Close the media and the socket; idempotent."""
        session, self.session = self.session, None
        link, self._link = self._link, None
        stream, self._stream = self._stream, None
        if stream is not None:
            self._ground.streams.release(stream)
        if session is not None:
            await session.close()
        if link is not None:
            await link.close()

    async def _join(self, way: Way) -> PathTaken:
        ground = self._ground
        self._attempts += 1
        self.asked_s = time.monotonic()
        deadline_s = self.asked_s + ground.limits.audio_s
        self._link = link = await ground.open_link("audio")
        self.session = session = ground.plane.session(
            ice_servers=ground.ice_servers, depth=ground.plan.depth
        )
        self._stream = ground.streams.hold(session, "the audio")
        sends: tuple[SendSpec, ...] = ()
        if not self.is_listening_only:
            # Silence at first: talking is a habit, and begins with a pause.
            talks, seed = self._is_talking, ground.plan.seed
            sends = (SendSpec(media="audio", talks=talks, seed=seed),)
        offer = None
        if way.offerer == "client":
            offer = await session.offer(sends=sends, receives=("audio",))
        self._call = call = link.call(self._conversation(way, offer))
        await call.start()
        if offer is None:
            offered = await call.expect(sfu.Offered, deadline_s, "audio start")
            await call.answer(await session.answer(offered.sdp, sends=sends))
        else:
            answered = await call.expect(sfu.Answered, deadline_s, "audio start")
            await session.accept(answered.sdp)
        path = await flowing(call, session, deadline_s, "audio flowing")
        return replace(path, audio_role=way.role, offerer=way.offerer)

    def _conversation(self, way: Way, offer: str | None) -> SfuConversation:
        return sfu.audio(
            role=way.role,
            session_number=self._attempts,
            offer=offer,
            is_transparent=self._ground.settings.is_transparent,
        )
