"""A meeting's audio: one Opus stream of 50 packets a second to every listener.

This is no mix. Where FreeSWITCH decodes all microphones, adds them up and encodes the
sum for each listener, the node passes on the packets of the *one* current talker under
the listener's own header, and a fixed packet of silence when nobody talks, or nobody
but the listener. What arrives has the timing, the size and the continuous sequence
numbers and timestamps of BBB's audio; of two who talk at once only one is heard.

Payloads are not decoded, so who talks is read off their size: an encoder with variable
bit rate spends few bytes on silence. Talking begins with `ONSET_PACKETS` larger packets
in a row and ends `HOLD_S` after the last of them; the talker who began first keeps the
floor until then.
"""

import random
from collections import deque
from struct import Struct
from time import time
from typing import Final

from bots.media import rtcp, rtp
from bots.media.srtp import workspace
from loadtest.node.effort import PACKET_UNITS
from loadtest.node.forwarding import Brake
from loadtest.node.meeting import Meeting, User
from loadtest.node.reception import Reception
from loadtest.node.sdp import RemoteSide
from loadtest.node.transport import MediaCounters, Transport

PACKET_S: Final = 0.02
CLOCK_RATE: Final = 48_000
PACKET_TICKS: Final = 960
SILENCE: Final = b"\xf8\xff\xfe"
"""An Opus packet that decodes to 20 ms of silence: its first byte says one CELT frame,
full band, mono (RFC 6716 section 3.1)."""
SPEECH_BYTES: Final = 20
"""A payload of at least this many bytes may be speech: 8 kbit/s."""
ONSET_PACKETS: Final = 3
HOLD_S: Final = 0.6
QUEUE_PACKETS: Final = 6
"""A talker's packets waiting for their tick; the oldest goes when one more comes."""
HELD_AFTER_S: Final = 4.0
"""A muted microphone with transparent listen only is "on hold" after this time."""

_HEADER = Struct("!BBHII")
_HEADER_BYTES, _write_header = _HEADER.size, _HEADER.pack_into


class AudioMember:
    """One user's place in a meeting's audio."""

    def __init__(
        self,
        transport: Transport,
        remote: RemoteSide,
        user: User,
        *,
        cname: str,
        may_be_held: bool,
        rng: random.Random,
    ) -> None:
        self.user = user
        self.transport = transport
        self.cname = cname
        self.may_be_held = may_be_held
        self.queue: deque[bytes] = deque(maxlen=QUEUE_PACKETS)
        self.talking_since_s: float | None = None
        self.packets = 0
        self.octets = 0
        self.payload_type = remote.payload_type
        self.sequence = rng.randrange(1 << 15)
        self.timestamp = rng.randrange(1 << 31)
        self.is_after_pause = True
        """The next packet of speech begins a talk spurt: marker bit (RFC 3551 4.1)."""
        self.reception: Reception | None = None
        if remote.ssrcs:
            self.reception = Reception(remote.ssrcs[0], clock_rate=CLOCK_RATE)
        self._speech_run = 0
        self._speech_s = 0.0
        self._muted_since_s: float | None = None
        self._reference: tuple[int, int, float] | None = None

    def receive(self, packet: bytes, now_s: float) -> None:
        """Take a packet of the microphone; a muted user's is discarded."""
        reception = self.reception
        if reception is None or rtp.ssrc(packet) != reception.ssrc:
            return
        if rtp.payload_type(packet) != self.payload_type:
            return
        try:
            begin = rtp.header_length(packet)
            end = len(packet) - rtp.padding_length(packet)
        except ValueError:
            return
        reception.receive(rtp.sequence(packet), rtp.timestamp(packet), now_s)
        voice = self.user.voice
        if voice is None or voice.muted or end <= begin:
            return
        self.queue.append(packet[begin:end])
        if end - begin < SPEECH_BYTES:
            self._speech_run = 0
            return
        self._speech_run += 1
        if self._speech_run >= ONSET_PACKETS or self.talking_since_s is not None:
            self._speech_s = now_s
            if self.talking_since_s is None:
                self.talking_since_s = now_s

    def follow_silence(self, now_s: float) -> None:
        """End the talking once its hold time is over or the user is muted."""
        voice = self.user.voice
        is_muted = voice is None or voice.muted
        if self.talking_since_s is not None:
            if is_muted or now_s - self._speech_s > HOLD_S:
                self.talking_since_s = None
                self._speech_run = 0
        if not is_muted:
            self._muted_since_s = None
        else:
            self.queue.clear()
            if self._muted_since_s is None:
                self._muted_since_s = now_s

    def is_held(self, now_s: float) -> bool:
        """Return whether transparent listen only has this microphone on hold."""
        since_s = self._muted_since_s
        return (
            self.may_be_held and since_s is not None and now_s - since_s > HELD_AFTER_S
        )

    def receive_feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        """Take a report of the client."""
        if isinstance(packet, rtcp.SenderReport) and self.reception is not None:
            if packet.ssrc == self.reception.ssrc:
                self.reception.sender_report(packet.ntp_timestamp, now_s)
        elif isinstance(packet, rtcp.ExtendedReport):
            if packet.ntp_timestamp is not None:
                compact = rtcp.compact_ntp(packet.ntp_timestamp)
                self._reference = (packet.ssrc, compact, now_s)

    def report(self, now_s: float) -> None:
        """Send our report about both directions."""
        own = self.transport.ssrc
        block = self.reception.report_block(now_s) if self.reception else None
        compound = rtcp.build_sender_report(
            own,
            rtcp.ntp_timestamp(time()),
            self.timestamp,
            self.packets,
            self.octets,
            [block] if block is not None else [],
        ) + rtcp.build_source_description(own, self.cname)
        if self._reference is not None:
            ssrc, compact, at_s = self._reference
            delay = int((now_s - at_s) * 65536) & 0xFFFFFFFF
            compound += rtcp.build_delays(own, [(ssrc, compact, delay)])
        self.transport.send_rtcp(compound)

    def say_goodbye(self) -> None:
        """Tell the client that our stream is over."""
        self.transport.send_rtcp(rtcp.build_bye([self.transport.ssrc]))


class AudioRoom:
    """Everybody in one meeting's audio, and whose packets they hear."""

    def __init__(
        self,
        meeting: Meeting,
        *,
        counters: MediaCounters,
        brake: Brake,
        cname: str,
        rng: random.Random,
        loss_ratio: float = 0.0,
        is_silent: bool = False,
    ) -> None:
        self.meeting = meeting
        self.cname = cname
        self.members: list[AudioMember] = []
        self._counters = counters
        self._brake = brake
        self._rng = rng
        self.loss_ratio = loss_ratio
        """Share of the packets that nobody gets; a crowded mixer changes it."""
        self._is_silent = is_silent

    def tick(self, now_s: float) -> None:
        """Send everybody the packet of this 20 ms."""
        talking = [m for m in self.members if self._talks(m, now_s)]
        talking.sort(key=lambda member: member.talking_since_s or 0.0)
        floor = talking[0] if talking else None
        speech = _next_payload(floor)
        other = _next_payload(talking[1]) if len(talking) > 1 else None
        for member in talking[2:]:
            _next_payload(member)  # nobody hears it
        sent = 0
        for member in self.members:
            if self._send(member, other if member is floor else speech):
                sent += 1
        self._counters.forwarded_packets += sent
        if sent:
            self._brake.spend(sent * PACKET_UNITS)

    def leave(self, member: AudioMember) -> None:
        """Take a member out."""
        if member in self.members:
            self.members.remove(member)

    def _talks(self, member: AudioMember, now_s: float) -> bool:
        """Bring the user's talking state up to date and return it."""
        if member.reception is None:
            return False
        member.follow_silence(now_s)
        talks = member.talking_since_s is not None
        voice = member.user.voice
        if voice is not None and voice.talking != talks:
            self.meeting.set_talking(member.user, talks)
        if not talks and len(member.queue) > ONSET_PACKETS:
            member.queue.popleft()  # nobody hears it; the newest may begin a word
        return talks

    def _send(self, member: AudioMember, payload: bytes | None) -> bool:
        """Send a member the packet of this 20 ms; return whether it left."""
        sequence = member.sequence = (member.sequence + 1) & 0xFFFF
        timestamp = member.timestamp = (member.timestamp + PACKET_TICKS) & 0xFFFFFFFF
        second = member.payload_type
        if payload is None:
            member.is_after_pause = True
            payload = SILENCE
        elif member.is_after_pause:
            member.is_after_pause = False
            second |= 0x80
        if self._is_silent:
            return False
        if self.loss_ratio and self._rng.random() < self.loss_ratio:
            self._counters.lost_on_purpose += 1
            return False
        transport = member.transport
        _write_header(workspace, 0, 0x80, second, sequence, timestamp, transport.ssrc)
        octets = len(payload)
        end = _HEADER_BYTES + octets
        workspace[_HEADER_BYTES:end] = payload
        if not transport.send_workspace(end):
            return False
        member.packets += 1
        member.octets += octets
        return True


def _next_payload(member: AudioMember | None) -> bytes | None:
    """Return the talker's next payload; None, which is silence, when it is late."""
    return member.queue.popleft() if member is not None and member.queue else None
