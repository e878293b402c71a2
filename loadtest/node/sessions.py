"""What is started on a signalling socket: one transport from its `start` to its `stop`.

A session does not know the socket: it is given `send` for its frames. `connected` (ICE
and DTLS done) is what BBB calls flowing; the kinds in `audio_session`, `video_sessions`
say what then happens, and make the frames of bbb-webrtc-sfu.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bots.media import rtcp
from loadtest.node import sdp
from loadtest.node.media import NodeMedia, parsed
from loadtest.node.meeting import Meeting, User
from loadtest.node.sdp import Direction, Kind, NoCodec, RemoteSide, SdpError, Setup
from loadtest.node.sfu_errors import (
    MEDIA_INVALID_SDP,
    MEDIA_NO_AVAILABLE_CODEC,
    Frame,
    Refusal,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every session of a socket shares."""

    media: NodeMedia
    meeting: Meeting
    user: User
    send: Callable[[Frame], None]


class MediaSession:
    """One transport and its signalling."""

    kind: Kind

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.is_stopped = False
        self.is_flowing = False
        self.on_stopped: Callable[[], None] = lambda: None
        media = around.media
        self.transport = media.open()
        self.transport.on_connected = self._connected
        self.transport.on_closed = self._gone
        self.transport.on_rtcp = self._rtcp
        media.watch(self)
        self._flow_timer = asyncio.get_running_loop().call_later(
            media.flow_timeout_s, self._never_flowed
        )

    # -- what a kind adds ------------------------------------------------------

    def not_flowing(self) -> Frame:
        """Return what the client is told when no media come."""
        raise NotImplementedError

    def flowing(self) -> None:
        """Take up forwarding and tell the client that media flow."""
        raise NotImplementedError

    def feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        """Act on one RTCP packet of the client."""

    def check(self, now_s: float) -> None:
        """Look after losses and silence, ten times a second."""

    def report(self, now_s: float, second: int) -> None:
        """Send RTCP reports, once a second."""

    def stopped(self) -> None:
        """Undo what `flowing` and the opening did."""

    # -- life ------------------------------------------------------------------

    def stop(self) -> None:
        """End the session without a word to the socket; idempotent."""
        if self.is_stopped:
            return
        self.is_stopped = True
        self._flow_timer.cancel()
        self.around.media.forget(self)
        self.stopped()
        self.around.media.close(self.transport)
        self.on_stopped()

    # -- descriptions ----------------------------------------------------------

    def read(self, text: object) -> RemoteSide:
        """Read a client's description; a Refusal says what is wrong with it."""
        try:
            return sdp.read(text if isinstance(text, str) else "", self.kind)
        except NoCodec as error:
            raise Refusal(MEDIA_NO_AVAILABLE_CODEC, str(error)) from error
        except SdpError as error:
            raise Refusal(MEDIA_INVALID_SDP, str(error)) from error

    def offer(
        self,
        *,
        direction: Direction,
        msid: tuple[str, str],
        cname: str,
        bitrate_kbps: int = 0,
    ) -> str:
        """Return our offer."""
        local = self.transport.local_side(setup="actpass", msid=msid, cname=cname)
        return sdp.write_offer(
            self.kind, local, direction=direction, bitrate_kbps=bitrate_kbps
        )

    def answer(
        self,
        remote: RemoteSide,
        *,
        direction: Direction,
        msid: tuple[str, str],
        cname: str,
        bitrate_kbps: int = 0,
    ) -> str:
        """Take the client's offer and return our answer: `active` where we may."""
        setup: Setup = "passive" if remote.setup == "active" else "active"
        local = self.transport.local_side(setup=setup, msid=msid, cname=cname)
        self.transport.accept(remote, is_dtls_server=setup == "passive")
        return sdp.write_answer(
            remote, local, direction=direction, bitrate_kbps=bitrate_kbps
        )

    def accept_answer(self, remote: RemoteSide) -> None:
        """Take the client's answer to our offer."""
        self.transport.accept(remote, is_dtls_server=remote.setup != "passive")

    # -- the transport ---------------------------------------------------------

    def _connected(self) -> None:
        self._flow_timer.cancel()
        self.is_flowing = True
        self.flowing()

    def _rtcp(self, compound: bytes, now_s: float) -> None:
        for packet in parsed(compound):
            self.feedback(packet, now_s)

    def _never_flowed(self) -> None:
        self.around.send(self.not_flowing())
        self.stop()

    def _gone(self) -> None:
        """The client closed DTLS (nothing to say) or fell silent."""
        if self.transport.failure != "closed by the client":
            self.around.send(self.not_flowing())
        self.stop()
