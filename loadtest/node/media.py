"""The node's media side as one object: its certificate, its clock, its counters.

One clock of 20 ms drives all audio; every fifth tick looks after lost packets, key
frames and handshakes, and each stream's reports have their own place within the second,
so that they do not leave all at once.
"""

import asyncio
import random
import uuid
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Final, Protocol, Self

from bots.media import rtcp
from bots.media.dtls import Certificate
from loadtest.node.audio import PACKET_S, AudioRoom
from loadtest.node.faults import Faults
from loadtest.node.forwarding import Brake, Producer
from loadtest.node.meeting import Meeting
from loadtest.node.settings import Ceilings
from loadtest.node.sfu_errors import MEDIA_SERVER_NO_RESOURCES, Refusal
from loadtest.node.transport import CONSENT_S, MediaCounters, Transport
from loadtest.node.uplink import Uplink

CHECK_TICKS: Final = 5
"""Ticks between two looks at losses, handshakes and key frames: 0.1 s."""
SECOND_TICKS: Final = 50
AUDIO_REPORT_SECONDS: Final = 5
LONGEST_CATCH_UP_S: Final = 0.5
"""A clock that is later than this gives up what it missed."""
MEDIA_FLOW_TIMEOUT_S: Final = 30.0
"""`mediaFlowTimeoutDuration` of BBB's SFU."""


class Ticking(Protocol):
    """A media session, as the clock sees it."""

    def check(self, now_s: float) -> None:
        """Called ten times a second."""

    def report(self, now_s: float, second: int) -> None:
        """Called once a second, less often where the node stood still."""


class Source(Protocol):
    """A publishing session, as its viewers see it."""

    producer: Producer

    def add_viewer(self, stop: Callable[[], None]) -> None:
        """Call `stop` when the publisher goes."""

    def remove_viewer(self, stop: Callable[[], None]) -> None:
        """The viewer went first."""


class NodeMedia:
    """All media of a node. Use as an async context manager."""

    def __init__(
        self,
        *,
        address: str,
        effort: Brake,
        seed: int,
        faults: Faults | None = None,
        ceilings: Ceilings | None = None,
        flow_timeout_s: float = MEDIA_FLOW_TIMEOUT_S,
        consent_s: float = CONSENT_S,
        restarts_ice: bool = True,
    ) -> None:
        self.counters = MediaCounters()
        self.address = address
        self.effort = effort
        self.faults = faults or Faults()
        self._ceilings = ceilings or Ceilings()
        nic_bps = self._ceilings.nic_bps
        self.uplink = Uplink(nic_bps, monotonic()) if nic_bps else None
        """The network card, where its speed has an end."""
        self.flow_timeout_s = flow_timeout_s
        self.consent_s = consent_s
        self.restarts_ice = restarts_ice
        """Whether `restartIce` is known, as in SFU 2.15.0 and later."""
        self.rng = random.Random(seed)
        self.rooms: dict[str, AudioRoom] = {}
        """By internal meeting id."""
        self.sources: dict[tuple[str, str], Source] = {}
        """Publishing sessions by (internal meeting id, stream id)."""
        self.dropped_tokens: set[str] = set()
        """Session tokens whose socket the fault switch has cut."""
        self.late_ticks = 0
        """Ticks that the clock had to give up."""
        self._certificate: Certificate | None = None
        self._transports: set[Transport] = set()
        self._slots: list[set[Ticking]] = [set() for _ in range(SECOND_TICKS)]
        """Sessions by their place within the second."""
        self._deaths_s: dict[str, float] | None = None
        """When what of all transports dies; None before the first transport."""
        self._group: asyncio.TaskGroup | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def received_bytes(self) -> int:
        """UDP payload received at the media sockets."""
        return self.counters.received_bytes

    @property
    def sent_bytes(self) -> int:
        """UDP payload sent from the media sockets."""
        return self.counters.sent_bytes

    async def __aenter__(self) -> Self:
        self._certificate = Certificate.generate()
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._clock = self._group.create_task(self._run_clock())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._group is not None
        assert self._clock is not None
        self._clock.cancel()
        for transport in tuple(self._transports):
            self.close(transport)
        # The group holds our clock alone: the caller's error is not to be wrapped.
        await self._group.__aexit__(None, None, None)

    def open(self) -> Transport:
        """Return a new transport, listening; raise Refusal where no port is left."""
        ports = self._ceilings.udp_ports
        if ports and len(self._transports) >= ports:
            raise Refusal(MEDIA_SERVER_NO_RESOURCES, "no more ports available")
        assert self._certificate is not None, "the node's media is not running"
        transport = Transport(
            certificate=self._certificate,
            counters=self.counters,
            address=self.address,
            rng=self.rng,
            fingerprint_family=self.faults.fingerprint,
            consent_s=self.consent_s,
            is_deaf=self.faults.dead_ice,
            uplink=self.uplink,
        )
        self._transports.add(transport)
        if self._deaths_s is None:
            now_s, faults = monotonic(), self.faults
            after_s = {
                "is_deaf": faults.dead_worker,
                "keeps_rtp": faults.dead_rtp,
                "keeps_rtcp": faults.dead_rtcp,
            }
            self._deaths_s = {what: now_s + s for what, s in after_s.items() if s}
        return transport

    def close(self, transport: Transport) -> None:
        """Close a transport of ours."""
        self._transports.discard(transport)
        transport.close()

    def watch(self, session: Ticking) -> None:
        """Let the clock call a session from now on."""
        self.rng.choice(self._slots).add(session)

    def forget(self, session: Ticking) -> None:
        """Stop calling a session."""
        for slot in self._slots:
            slot.discard(session)

    def room(self, meeting: Meeting) -> AudioRoom:
        """Return the meeting's audio, made at the first call."""
        room = self.rooms.get(meeting.id)
        if room is None:
            room = self.rooms[meeting.id] = AudioRoom(
                meeting,
                counters=self.counters,
                brake=self.effort,
                cname=self.name(16),
                rng=self.rng,
                loss_ratio=self.faults.viewer_loss,
                is_silent=self.faults.silent_media,
            )
        return room

    def leave_room(self, meeting: Meeting) -> None:
        """Forget the meeting's audio once nobody is in it."""
        room = self.rooms.get(meeting.id)
        if room is not None and not room.members:
            del self.rooms[meeting.id]

    def kill_worker(self, what: str = "is_deaf") -> None:
        """Let every open transport go silent at once, as a dead worker's do.

        Nothing is said on any socket; transports opened later work. `what` is the
        switch of the transports that is set.
        """
        for transport in self._transports:
            setattr(transport, what, True)

    def _crowd_audio(self) -> None:
        """Let the mixer lose what is beyond the people it can serve."""
        people = sum(len(room.members) for room in self.rooms.values())
        share = 1 - self.faults.crowded_audio / max(people, 1)
        for room in self.rooms.values():
            room.loss_ratio = max(self.faults.viewer_loss, share)

    def consumer_count(self) -> int:
        """Return how many streams the node sends: audio of each member, each view."""
        heard = sum(len(room.members) for room in self.rooms.values())
        views = (len(each.producer.consumers) for each in self.sources.values())
        return heard + sum(views)

    def held_sessions(self) -> int:
        """Return how many microphones transparent listen only has on hold."""
        now_s = monotonic()
        return sum(
            member.is_held(now_s)
            for room in self.rooms.values()
            for member in room.members
        )

    def name(self, length: int) -> str:
        """Return a random name of letters and digits."""
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return "".join(self.rng.choices(letters, k=length))

    def identifier(self) -> str:
        """Return a random UUID from the node's own source of chance."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    async def _run_clock(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        tick = 0
        while True:
            due_s += PACKET_S
            first = tick = tick + 1
            rest_s = due_s - loop.time()
            if rest_s < -LONGEST_CATCH_UP_S:
                given_up = int(-rest_s / PACKET_S)
                self.late_ticks += given_up
                tick += given_up
                due_s -= rest_s
                rest_s = 0.0
            await asyncio.sleep(max(0.0, rest_s))
            self._tick(range(first, tick + 1))

    def _tick(self, passed: range) -> None:
        """Play one packet's time, and do what was due in any of the `passed` ticks.

        Packets that were given up are lost, but reports and looks keep to the clock:
        else the RTCP of a node with a fifth of its core would come five times too late,
        and be taken for dead.
        """
        now_s = monotonic()
        passed = passed[-SECOND_TICKS:]
        if self.faults.crowded_audio:
            self._crowd_audio()
        for room in tuple(self.rooms.values()):
            room.tick(now_s)
        if any(tick % CHECK_TICKS == 0 for tick in passed):
            for transport in tuple(self._transports):
                transport.tick(now_s)
                if transport.state == "closed":
                    self._transports.discard(transport)
            for slot in self._slots:
                for session in tuple(slot):
                    session.check(now_s)
            deaths_s = self._deaths_s or {}
            for what in [what for what, dies_s in deaths_s.items() if now_s >= dies_s]:
                del deaths_s[what]
                self.kill_worker(what)
        for tick in passed:
            for session in tuple(self._slots[tick % SECOND_TICKS]):
                session.report(now_s, tick // SECOND_TICKS)


def parsed(compound: bytes) -> tuple[rtcp.Packet, ...]:
    """Return the packets of an RTCP compound that the node acts on.

    A malformed one is worth nothing, nor is transport feedback alone, most of what
    viewers send: the node keeps to one rate.
    """
    if rtcp.is_only_transport_feedback(compound):
        return ()
    try:
        return rtcp.parse_compound(compound)
    except ValueError:
        return ()
