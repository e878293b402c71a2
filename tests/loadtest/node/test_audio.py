"""A meeting's audio, packet by packet: who hears whom, how often, with what header."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bots.media import rtcp, rtp
from loadtest.node.audio import HELD_AFTER_S, SILENCE, SPEECH_BYTES
from loadtest.node.faults import Faults
from loadtest.node.meeting import User
from tests.support.asynctest import asynctest, eventually
from tests.support.rawpeer import RawPeer, Received
from tests.support.sfu import MediaNode, SfuSocket, media_node

SPEECH = b"\x78" + b"s" * 60
QUIET = b"\x78" + b"q" * (SPEECH_BYTES - 2)


@dataclass
class Voice:
    """One user with its audio transport."""

    user: User
    socket: SfuSocket
    peer: RawPeer
    sequence: int = 100

    def say(self, payload: bytes = SPEECH) -> None:
        """Send one packet of microphone."""
        self.sequence += 1
        self.peer.send_rtp(
            self.sequence, payload, timestamp=960 * self.sequence, marker=False
        )

    def heard(self, first: int = 0) -> list[bytes]:
        """Return the payloads heard so far that are not silence."""
        packets = self.peer.packets[first:]
        return [p.payload for p in packets if p.payload != SILENCE]


class Room:
    """A node and those who join its audio."""

    def __init__(self, node: MediaNode, stack: AsyncExitStack) -> None:
        self.node = node
        self._stack = stack
        self._number = 0

    async def join(self, role: str = "sendrecv", *, unmuted: bool = True) -> Voice:
        """Let a new user into the audio."""
        self._number += 1
        user = self.node.join(f"user {self._number}")
        socket = await self._stack.enter_async_context(self.node.socket(user))
        peer = self._stack.enter_context(RawPeer("audio", ssrc=self._number))
        await socket.send(
            {
                "id": "start",
                "type": "audio",
                "role": role,
                "clientSessionNumber": 1,
                "transparentListenOnly": True,
            }
        )
        peer.take((await socket.expect("startResponse"))["sdpAnswer"])
        listens = role == "recv"
        description = peer.description(
            direction="recvonly" if listens else "sendrecv",
            setup="active",
            has_ssrc=not listens,
        )
        await socket.send(
            {"id": "subscriberAnswer", "type": "audio", "sdpOffer": description}
        )
        await peer.connect()
        await socket.expect("webRTCAudioSuccess")
        return Voice(user, socket, peer)


@asynccontextmanager
async def room(**settings: Any) -> AsyncIterator[Room]:
    async with media_node(**settings) as node, AsyncExitStack() as stack:
        yield Room(node, stack)


async def talk(voice: Voice, until: Any, *, limit: int = 500) -> None:
    """Send a packet of speech every 20 ms until something is so."""

    def said() -> bool:
        voice.say()
        return bool(until())

    await eventually(said, what="what was waited for while talking")


def spans(packets: list[Received]) -> tuple[set[int], set[int]]:
    """Return the steps of sequence numbers and of timestamps."""
    pairs = list(pairwise(packets))
    return (
        {rtp.sequence_distance(b.sequence, a.sequence) for a, b in pairs},
        {rtp.timestamp_distance(b.timestamp, a.timestamp) for a, b in pairs},
    )


@asynctest
async def test_a_listener_gets_fifty_packets_a_second_in_one_continuous_stream():
    async with room() as meeting:
        ann, bob = await meeting.join(), await meeting.join("recv")
        begin_s, before = time.monotonic(), len(bob.peer.packets)

        await talk(ann, lambda: len(bob.peer.packets) - before >= 100)

        def is_as_fast_as_the_clock() -> bool:
            # Ticks that a stalled machine made the clock give up are the machine's.
            late_ticks = meeting.node.media.late_ticks
            wanted = (time.monotonic() - begin_s) * 50 - late_ticks
            return abs(len(bob.peer.packets) - before - wanted) <= 3

        # Where the machine stalled just now, the packets of that time are under way.
        await eventually(is_as_fast_as_the_clock)
        packets = bob.peer.packets
        assert spans(packets) == ({1}, {960})
        assert {p.ssrc for p in packets} == {int(bob.peer.value(r"a=ssrc:(\d+) "))}
        assert {p.payload_type for p in packets} == {111}
        assert SPEECH in bob.heard()


@asynctest
async def test_silence_is_sent_when_nobody_talks():
    async with room() as meeting:
        bob = await meeting.join("recv")

        packets = await bob.peer.received(20)

        assert {p.payload for p in packets} == {SILENCE}
        assert spans(packets) == ({1}, {960})
        assert not any(p.marker for p in packets)


@asynctest
async def test_the_talker_is_heard_by_others_never_by_itself_and_is_shown_talking():
    async with room() as meeting:
        ann, bob = await meeting.join(), await meeting.join()
        assert ann.user.voice is not None
        assert bob.user.voice is not None

        await talk(ann, lambda: len(bob.heard()) >= 20)

        assert ann.user.voice.talking
        assert not bob.user.voice.talking
        assert meeting.node.meeting.floor_user_id == ann.user.id
        assert ann.heard() == []
        assert set(bob.heard()) == {SPEECH}
        first = next(p for p in bob.peer.packets if p.payload == SPEECH)
        assert first.marker

        await eventually(lambda: ann.user.voice and not ann.user.voice.talking)


@asynctest
async def test_the_first_of_two_talkers_is_heard_by_all_and_the_second_by_the_first():
    async with room() as meeting:
        ann, bob, eve = [await meeting.join() for _ in range(3)]
        await talk(ann, lambda: ann.user.voice and ann.user.voice.talking)
        before = len(eve.peer.packets)
        other = b"\x78" + b"b" * 70

        def both() -> bool:
            ann.say()
            bob.say(other)
            return len(ann.heard()) >= 10 and len(eve.heard(before)) >= 10

        await eventually(both)

        assert set(ann.heard()) == {other}
        assert set(eve.heard(before)) == {SPEECH}
        assert set(bob.heard()) == {SPEECH}


@asynctest
async def test_small_packets_are_no_speech():
    async with room() as meeting:
        ann, bob = await meeting.join(), await meeting.join("recv")

        def quiet() -> bool:
            ann.say(QUIET)
            return len(bob.peer.packets) > 30

        await eventually(quiet)

        assert bob.heard() == []
        assert ann.user.voice is not None
        assert not ann.user.voice.talking


@asynctest
async def test_what_a_muted_user_says_is_discarded():
    async with room() as meeting:
        ann, bob = await meeting.join(), await meeting.join("recv")
        await talk(ann, lambda: len(bob.heard()) >= 5)

        meeting.node.meeting.set_muted(ann.user, True)
        await bob.peer.received(len(bob.peer.packets) + 10)  # what was on its way
        before = len(bob.peer.packets)
        await talk(ann, lambda: len(bob.peer.packets) > before + 20)
        assert ann.user.voice is not None
        assert bob.heard(before) == []
        assert not ann.user.voice.talking

        meeting.node.meeting.set_muted(ann.user, False)
        await talk(ann, lambda: len(bob.heard(before)) >= 5)


@asynctest
async def test_roles_enter_the_voice_conference_as_bbb_counts_them():
    async with room() as meeting:
        ann = await meeting.join("sendrecv")
        bob = await meeting.join("passive-sendrecv")
        eve = await meeting.join("recv")

        voices = [one.user.voice for one in (ann, bob, eve)]
        assert [v and v.listen_only for v in voices] == [False, True, True]
        assert [v and v.muted for v in voices] == [False, True, True]
        for one in (ann, bob, eve):
            await one.peer.received(5)
        assert "a=sendrecv" in bob.peer._remote
        assert "a=sendonly" in eve.peer._remote


@asynctest
async def test_stopping_leaves_the_voice_conference():
    async with room() as meeting:
        ann, bob = await meeting.join(), await meeting.join()

        await ann.socket.send({"id": "stop", "type": "audio"})

        await eventually(lambda: ann.user.voice is None)
        assert bob.user.voice is not None
        assert await bob.peer.received(len(bob.peer.packets) + 5)


@asynctest
async def test_a_user_taken_out_of_voice_loses_its_audio():
    async with room() as meeting:
        ann = await meeting.join()

        meeting.node.meeting.leave_voice(ann.user)

        await ann.peer.report(rtcp.Bye)
        assert not meeting.node.media._transports


@asynctest
async def test_a_new_session_keeps_its_place_when_the_old_one_ends():
    async with room() as meeting:
        ann = await meeting.join()
        node = meeting.node
        async with node.socket(ann.user) as second:
            with RawPeer("audio", ssrc=77) as peer:
                await second.send(
                    {
                        "id": "start",
                        "type": "audio",
                        "role": "sendrecv",
                        "clientSessionNumber": 2,
                    }
                )
                peer.take((await second.expect("startResponse"))["sdpAnswer"])
                text = peer.description(direction="sendrecv", setup="active")
                await second.send(
                    {"id": "subscriberAnswer", "type": "audio", "sdpOffer": text}
                )
                await peer.connect()
                await second.expect("webRTCAudioSuccess")

                await ann.socket.send({"id": "stop", "type": "audio"})
                await ann.peer.report(rtcp.Bye)

                assert ann.user.voice is not None


@asynctest
async def test_a_microphone_muted_for_long_counts_as_held():
    async with room() as meeting:
        ann = await meeting.join()
        member = meeting.node.media.rooms[meeting.node.meeting.id].members[0]
        assert ann.user.voice is not None
        ann.user.voice.muted = True

        now_s = 1000.0
        member.follow_silence(now_s)

        assert not member.is_held(now_s + HELD_AFTER_S - 0.1)
        assert member.is_held(now_s + HELD_AFTER_S + 0.1)


@asynctest
async def test_both_sides_get_reports():
    async with room() as meeting:
        ann = await meeting.join()
        ntp = rtcp.ntp_timestamp(1_700_000_000.0)
        ann.peer.send_rtcp(
            rtcp.build_sender_report(ann.peer.ssrc, ntp, 0, 0, 0, ())
            + rtcp.build_reference_time(ann.peer.ssrc, ntp)
        )
        ann.say()
        ann.say()

        report = await ann.peer.report(
            rtcp.SenderReport, lambda r: r.reports and r.reports[0].last_sr
        )
        answer = await ann.peer.report(rtcp.ExtendedReport)

        assert report.ssrc == ann.peer.packets[0].ssrc
        assert report.packet_count > 0
        assert report.reports[0].ssrc == ann.peer.ssrc
        assert report.reports[0].last_sr == rtcp.compact_ntp(ntp)
        assert answer.delays[0][:2] == (ann.peer.ssrc, rtcp.compact_ntp(ntp))


@asynctest
async def test_loss_towards_listeners_leaves_gaps_in_the_numbers():
    faults = Faults(fingerprint="sha-256", viewer_loss=0.3)
    async with room(faults=faults) as meeting:
        bob = await meeting.join("recv")

        packets = await bob.peer.received(60)

        sent = rtp.sequence_distance(packets[-1].sequence, packets[0].sequence) + 1
        assert 0.1 < 1 - len(packets) / sent < 0.5


@asynctest
async def test_silent_media_send_no_audio_although_all_is_connected():
    faults = Faults(fingerprint="sha-256", silent_media=True)
    async with room(faults=faults) as meeting:
        bob = await meeting.join("recv")
        await eventually(lambda: bob.peer.dtls)
        await bob.socket.is_quiet()

        members = meeting.node.media.rooms[meeting.node.meeting.id].members
        begin = members[0].sequence
        await eventually(lambda: members[0].sequence != begin)

        assert bob.peer.packets == []
