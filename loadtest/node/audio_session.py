"""Audio on a signalling socket: a microphone, a passive listener or a listener."""

from bots.media import rtcp
from loadtest.node.audio import AudioMember
from loadtest.node.content import Voice
from loadtest.node.media import AUDIO_REPORT_SECONDS
from loadtest.node.sdp import Direction, Kind, RemoteSide
from loadtest.node.sessions import MediaSession, Surroundings
from loadtest.node.sfu_errors import (
    MEDIA_INVALID_SDP,
    MEDIA_NOT_FLOWING,
    Frame,
    Refusal,
    error_frame,
)


class AudioSession(MediaSession):
    """A microphone, a passive listener or a listener."""

    kind: Kind = "audio"

    def __init__(self, around: Surroundings, *, role: str, may_be_held: bool) -> None:
        super().__init__(around)
        self.role = role
        self.room = around.media.room(around.meeting)
        self._may_be_held = may_be_held
        self._member: AudioMember | None = None
        self._remote: RemoteSide | None = None
        self._voice: Voice | None = None
        self._reported = -AUDIO_REPORT_SECONDS
        self._msid = (
            f"{around.media.rng.getrandbits(32):08x}",
            around.media.identifier(),
        )

    @property
    def receives(self) -> bool:
        """Whether the client may send."""
        return self.role in ("sendrecv", "passive-sendrecv")

    def open(self, client_offer: object) -> Frame:
        """Return `startResponse`; without an offer of the client it holds ours."""
        direction: Direction = "sendrecv" if self.receives else "sendonly"
        if isinstance(client_offer, str) and client_offer:
            remote = self.read(client_offer)
            if self.receives and not remote.ssrcs:
                raise Refusal(MEDIA_INVALID_SDP, "the offer has no a=ssrc")
            self._remote = remote
            text = self.answer(
                remote, direction=direction, msid=self._msid, cname=self.room.cname
            )
        else:
            text = self._our_offer()
        return {
            "type": "audio",
            "id": "startResponse",
            "response": "accepted",
            "sdpAnswer": text,
        }

    def accept(self, text: object) -> None:
        """Take the client's answer; one that may send but names no source is ignored.

        That is what BBB's SFU was recorded to do: ICE connects, DTLS never does.
        """
        remote = self.read(text)
        if self.transport.is_negotiated or (self.receives and not remote.ssrcs):
            return
        self._remote = remote
        self.accept_answer(remote)

    def restarted(self) -> Frame:
        """Return `restartIceResponse` with our offer under new credentials."""
        self.transport.restart_ice()
        return {
            "type": "audio",
            "id": "restartIceResponse",
            "sdp": self._our_offer(),
        }

    @property
    def is_ejected(self) -> bool:
        """Whether the user was taken out of the voice conference meanwhile."""
        return self._voice is not None and self.around.user.voice is None

    def not_flowing(self) -> Frame:
        return error_frame("audio", Refusal(MEDIA_NOT_FLOWING, "media not flowing"))

    def flowing(self) -> None:
        assert self._remote is not None
        around = self.around
        self._member = AudioMember(
            self.transport,
            self._remote,
            around.user,
            cname=self.room.cname,
            may_be_held=self._may_be_held and self.role == "sendrecv",
            rng=around.media.rng,
        )
        if not self.receives:
            self._member.reception = None
        self.transport.on_rtp = self._member.receive
        self.room = around.media.room(around.meeting)
        self.room.members.append(self._member)
        self._voice = around.meeting.join_voice(
            around.user, listen_only=self.role != "sendrecv"
        )
        around.send(
            {"type": "audio", "id": "webRTCAudioSuccess", "success": "MEDIA_FLOWING"}
        )

    def feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        if self._member is not None:
            self._member.receive_feedback(packet, now_s)

    def report(self, now_s: float, second: int) -> None:
        is_due = second - self._reported >= AUDIO_REPORT_SECONDS
        if self._member is not None and is_due:
            self._reported = second
            self._member.report(now_s)

    def stopped(self) -> None:
        around = self.around
        if self._member is not None:
            self._member.say_goodbye()
            self.room.leave(self._member)
        if self._voice is not None and around.user.voice is self._voice:
            around.meeting.leave_voice(around.user)  # else a newer session's
        around.media.leave_room(around.meeting)

    def _our_offer(self) -> str:
        direction: Direction = "sendrecv" if self.receives else "sendonly"
        return self.offer(direction=direction, msid=self._msid, cname=self.room.cname)
