"""The media sessions of one participant: who watches them, and what they report."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bots.clock import RunClock
from bots.errors import ClusterError, Dropped
from bots.media.quality import StreamCounters
from bots.media.session import SendSpec
from bots.models import (
    CameraProfile,
    Depth,
    IceServer,
    Media,
    PathTaken,
    Report,
    StreamReport,
)

WATCH_INTERVAL_S = 0.5


class Session(Protocol):
    """What participants need of a media session (`bots.media.session`)."""

    async def answer(
        self,
        offer_sdp: str,
        *,
        sends: tuple[SendSpec, ...] = (),
        receives: tuple[Media, ...] = (),
    ) -> str: ...
    async def offer(
        self, *, sends: tuple[SendSpec, ...] = (), receives: tuple[Media, ...] = ()
    ) -> str: ...
    async def accept(self, answer_sdp: str) -> None: ...
    async def connected(self, timeout_s: float) -> PathTaken: ...
    async def first(self, media: Media, timeout_s: float) -> float: ...
    def set_talking(self, talking: bool) -> None: ...
    def set_sending(self, sending: bool) -> None: ...
    async def set_camera(self, profile: CameraProfile) -> None: ...
    def take_samples(self) -> tuple[StreamCounters, ...]: ...
    @property
    def failure(self) -> str: ...
    async def close(self) -> None: ...


class Plane(Protocol):
    """Where sessions come from: one media plane for all participants of a process."""

    def session(
        self, *, ice_servers: tuple[IceServer, ...] = (), depth: Depth = "light"
    ) -> Session: ...


@dataclass(slots=True, eq=False)
class Stream:
    """One media session and whose media it brings."""

    session: Session
    what: str
    source: int | None = None
    failed: "asyncio.Future[ClusterError]" = field(default_factory=asyncio.Future)
    """Done when the session has failed, with why."""


async def first_loss(*losses: "asyncio.Future[ClusterError]") -> ClusterError:
    """Wait, without limit, until one of `losses` is done; return the first of them."""
    await asyncio.wait(losses, return_when=asyncio.FIRST_COMPLETED)
    return next(loss.result() for loss in losses if loss.done())


class Streams:
    """All media sessions that a participant has now."""

    def __init__(
        self,
        *,
        participant: int,
        meeting: int,
        clock: RunClock,
        report: Callable[[Report], None],
    ) -> None:
        self._participant = participant
        self._meeting = meeting
        self._clock = clock
        self._report = report
        self._streams: list[Stream] = []

    def hold(self, session: Session, what: str, source: int | None = None) -> Stream:
        """Count `session` among the streams from now on."""
        stream = Stream(session, what, source)
        self._streams.append(stream)
        return stream

    def release(self, stream: Stream) -> None:
        """Report what is left to tell of a stream and forget it."""
        if stream in self._streams:
            self._sample(stream)
            self._streams.remove(stream)

    async def watch(self) -> None:
        """Notice sessions that have failed, until cancelled."""
        while True:
            for stream in self._streams:
                why = stream.session.failure
                if why and not stream.failed.done():
                    words = f"the media of {stream.what} went silent: {why}"
                    stream.failed.set_result(Dropped(words, code=why))
            await asyncio.sleep(WATCH_INTERVAL_S)

    def sample(self) -> None:
        """Report what every stream did since the last asking."""
        for stream in self._streams:
            self._sample(stream)

    def _sample(self, stream: Stream) -> None:
        elapsed_s = self._clock.elapsed_s()
        for counters in stream.session.take_samples():
            source = stream.source if counters.direction == "in" else None
            delay_s = counters.one_way_delay_s if source is not None else None
            self._report(
                StreamReport(
                    elapsed_s=elapsed_s,
                    participant=self._participant,
                    meeting=self._meeting,
                    direction=counters.direction,
                    media=counters.media,
                    ssrc=counters.ssrc,
                    source=source,
                    packets=counters.packets,
                    bytes=counters.bytes,
                    expected=counters.expected,
                    lost=counters.lost,
                    first_sequence=counters.first_sequence,
                    last_sequence=counters.last_sequence,
                    jitter_s=counters.jitter_s,
                    rtt_s=counters.rtt_s,
                    frames=counters.frames,
                    freezes=counters.freezes,
                    frozen_s=counters.frozen_s,
                    watched_s=counters.watched_s,
                    nacks=counters.nacks,
                    plis=counters.plis,
                    key_frames=counters.key_frames,
                    auth_failures=counters.auth_failures,
                    depth=counters.depth,
                    lost_bursts=counters.lost_bursts,
                    decoded_frames=counters.decoded_frames,
                    concealed_s=counters.concealed_s,
                    one_way_delay_s=delay_s,
                )
            )
