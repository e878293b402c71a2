"""Joining the audio of a meeting as the html5 client does, with its fallbacks.

Which way it goes is the server's settings' choice (`sfu-audio-bridge.js`): transparent
listen only means that the server offers and that listeners are `passive-sendrecv`. A
server that knows that role not (2300) is asked for `recv`, and a microphone that one
side's offer did not bring in is tried with the other side's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from bots.errors import ClusterError, SfuRefusal
from bots.media.session import SendSpec
from bots.models import AudioMode, IceServer, PathTaken
from bots.protocol import sfu
from bots.protocol.dialect import SFU_BRIDGE, ClientSettings
from bots.protocol.sfu import AudioRole, SfuConversation
from bots.sfu_link import SfuCall, SfuLink
from bots.streams import Plane, Session, Stream, Streams

Offerer = Literal["server", "client"]

FALL_BACK_ON = frozenset({"2202", "2203", "2300"})
"""Refusals of the way it was asked, not of the participant."""


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

    def __init__(
        self,
        *,
        mode: AudioMode,
        seed: int,
        settings: ClientSettings,
        plane: Plane,
        streams: Streams,
        open_link: Callable[[bool], Awaitable[SfuLink]],
        limit_s: float = sfu.AUDIO_LIMIT_S,
    ) -> None:
        self.asked_s = 0.0
        """`time.monotonic()` when the way that worked was asked for."""
        self.session: Session | None = None
        self._mode = mode
        self._seed = seed
        self._settings = settings
        self._plane = plane
        self._streams = streams
        self._open_link = open_link
        self._limit_s = limit_s
        self._link: SfuLink | None = None
        self._call: SfuCall | None = None
        self._stream: Stream | None = None
        self._attempts = 0

    @property
    def is_listening_only(self) -> bool:
        return self._mode == "listen only"

    async def join(self, ice_servers: tuple[IceServer, ...] = ()) -> PathTaken:
        """Join by the first way that works and return the path that the media took.

        Raises SfuRefusal, StepTimeout or another ClusterError of the last way tried.
        """
        failure: ClusterError | None = None
        for way in ways(self._mode, self._settings):
            try:
                return await self._join(way, ice_servers)
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

    @property
    def losses(self) -> "tuple[asyncio.Future[ClusterError], ...]":
        """Futures of which one is done when the audio is gone, with why."""
        assert self._call is not None
        assert self._stream is not None
        return self._call.over, self._stream.failed

    async def leave(self) -> None:
        """Close the media and the socket; idempotent."""
        session, self.session = self.session, None
        link, self._link = self._link, None
        stream, self._stream = self._stream, None
        if stream is not None:
            self._streams.release(stream)
        if session is not None:
            await session.close()
        if link is not None:
            await link.close()

    async def _join(self, way: Way, ice_servers: tuple[IceServer, ...]) -> PathTaken:
        self._attempts += 1
        self.asked_s = time.monotonic()
        deadline_s = self.asked_s + self._limit_s
        self._link = link = await self._open_link(False)
        self.session = session = self._plane.session(ice_servers=ice_servers)
        self._stream = self._streams.hold(session, "the audio")
        sends: tuple[SendSpec, ...] = ()
        if not self.is_listening_only:
            # Silence at first: talking is a habit, and begins with a pause.
            sends = (SendSpec(media="audio", talks=False, seed=self._seed),)
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
        await call.expect(sfu.Flowing, deadline_s, "audio flowing")
        path = await session.connected(max(deadline_s - time.monotonic(), 0.1))
        return replace(
            path, bridge=SFU_BRIDGE, audio_role=way.role, offerer=way.offerer
        )

    def _conversation(self, way: Way, offer: str | None) -> SfuConversation:
        return sfu.audio(
            role=way.role,
            session_number=self._attempts,
            offer=offer,
            is_transparent=self._settings.is_transparent,
        )
