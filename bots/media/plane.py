"""The media of a whole process: one pacer, one certificate, one set of clips.

Everything that a bot engine's participants share lives here, so that a session holds
only what is its own. An async context manager: leaving it closes every session.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from bots.media import clip, packets
from bots.media.dtls import Certificate
from bots.media.negotiation import SendSpec
from bots.media.own_clip import OwnClip
from bots.media.pacer import Pacer
from bots.media.quality import StreamCounters
from bots.media.session import MediaSession
from bots.models import CAMERA_MEDIUM, CameraProfile, Depth, IceServer
from bots.transport import tls_context

__all__ = ["MediaPlane", "MediaSession", "PlaneStats", "SendSpec", "StreamCounters"]

IceTransportPolicy = Literal["all", "relay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneStats:
    """The process's packets since the last asking."""

    late_packets: int
    """Sent, or left out, more than 20 ms after their time."""
    sent_packets: int
    received_packets: int
    dropped_packets: int
    """Refused by a full socket buffer."""
    largest_delay_s: float
    """Longest delay of the pacer's timer behind its slot."""
    sessions: int


class MediaPlane:
    """One per process.

    `local_address` binds every socket that leaves the machine. `ca_file` names the
    authorities for TURN over TLS; None: the system's. `ice_transport_policy` is a
    browser's: with `relay` nothing is sent directly. `own` is a user's file to send in
    place of the project's talking head and voice.
    """

    def __init__(
        self,
        *,
        local_address: str | None = None,
        ca_file: str | None = None,
        ice_transport_policy: IceTransportPolicy = "all",
        own: OwnClip | None = None,
    ) -> None:
        self._own = own
        self.local_address = local_address
        self.only_relay = ice_transport_policy == "relay"
        self._ca_file = ca_file
        self.certificate = Certificate.generate()
        self.unix_offset_s = time.time() - time.monotonic()
        """RTCP wants wall-clock time (RFC 3550 section 4); asked once, so that it never
        jumps."""
        self._pacer: Pacer | None = None
        self._tasks = asyncio.TaskGroup()
        self._sessions: set[MediaSession] = set()
        self._clips: dict[CameraProfile, packets.VideoPackets] = {}
        self._speech: packets.AudioPackets | None = None
        self._taken = (0, 0, 0, 0)

    async def __aenter__(self) -> "MediaPlane":
        self._pacer = Pacer(asyncio.get_running_loop())
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for session in list(self._sessions):
                await session.close()
        finally:
            self.pacer.close()
            # The tasks keep their errors to themselves, so the body's own error is not
            # given to the group: it would come out wrapped in an ExceptionGroup.
            await self._tasks.__aexit__(None, None, None)

    @property
    def pacer(self) -> Pacer:
        """The clock of all senders; only inside the context."""
        if self._pacer is None:
            raise RuntimeError("the media plane is used outside its `async with`")
        return self._pacer

    def tls(self) -> ssl.SSLContext:
        """Return the settings for TURN over TLS; ConfigError for a bad `ca_file`."""
        return tls_context(self._ca_file)

    def session(
        self, *, ice_servers: tuple[IceServer, ...] = (), depth: Depth = "light"
    ) -> MediaSession:
        """Return a new session; close it, or leave the plane."""
        session = MediaSession(self, ice_servers, depth)
        self._sessions.add(session)
        return session

    def forget(self, session: MediaSession) -> None:
        """Drop a closed session."""
        self._sessions.discard(session)

    def spawn(self, session: MediaSession) -> asyncio.Task[None]:
        """Run a session's establishment in the plane's task group."""
        return self._tasks.create_task(session.establish())

    async def prepare(self, *profiles: CameraProfile) -> None:
        """Load or encode speech and camera clips now, before time matters."""
        await self.audio()
        for profile in profiles or (CAMERA_MEDIUM,):
            await self.video(SendSpec(media="camera", profile=profile))
        clip.forget_pictures()

    async def video(self, spec: SendSpec) -> packets.VideoPackets:
        """Return the clip of a stream's profile."""
        default = clip.SCREEN_PROFILE if spec.media == "screen" else CAMERA_MEDIUM
        profile = spec.profile or default
        if profile not in self._clips:
            # encoding takes seconds, once a machine: not on the loop
            self._clips[profile] = await asyncio.to_thread(
                clip.video_packets, profile, self._own
            )
        return self._clips[profile]

    def play(self, profile: CameraProfile, video: packets.VideoPackets) -> None:
        """Send this clip for a profile from now on, instead of the project's own."""
        self._clips[profile] = video

    async def audio(self) -> packets.AudioPackets:
        """Return the speech clip."""
        if self._speech is None:
            self._speech = await asyncio.to_thread(clip.audio_packets, self._own)
        return self._speech

    def take_stats(self) -> PlaneStats:
        """Return the packet counts since the last call."""
        pacer = self.pacer
        now = (
            pacer.late_packets,
            pacer.sent_packets,
            pacer.received_packets + pacer.lane_packets[0],
            pacer.dropped_packets,
        )
        late, sent, received, dropped = (
            value - before for value, before in zip(now, self._taken, strict=True)
        )
        self._taken = now
        largest_s, pacer.largest_delay_s = pacer.largest_delay_s, 0.0
        return PlaneStats(
            late_packets=late,
            sent_packets=sent,
            received_packets=received,
            dropped_packets=dropped,
            largest_delay_s=largest_s,
            sessions=len(self._sessions),
        )
