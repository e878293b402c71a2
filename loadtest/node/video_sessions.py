"""Cameras and screens on a signalling socket: published or viewed.

A camera's publisher offers and its viewers are offered to; frames carry `cameraId`. A
screen is the meeting's only one, named by its voice bridge; frames carry no name.
"""

from collections.abc import Callable
from time import monotonic

from bots.media import rtcp
from loadtest.node.forwarding import Consumer, Producer, receive_viewer_feedback
from loadtest.node.media import NodeMedia, Source
from loadtest.node.meeting import Meeting
from loadtest.node.sdp import Kind, RemoteSide
from loadtest.node.sessions import MediaSession, Surroundings
from loadtest.node.sfu_errors import (
    MEDIA_INVALID_SDP,
    MEDIA_NOT_FLOWING,
    MEDIA_NOT_FOUND,
    Frame,
    Refusal,
    error_frame,
)


class Publication(MediaSession):
    """A published camera or screen."""

    kind: Kind = "video"
    producer: Producer

    def __init__(self, around: Surroundings, *, stream_id: str) -> None:
        super().__init__(around)
        self.stream_id = stream_id
        self._key = (around.meeting.id, stream_id)
        self._viewers: list[Callable[[], None]] = []
        self._flowing_s: float | None = None

    def open(self, client_offer: object, *, bitrate_kbps: int) -> str:
        """Take the client's offer and return our answer."""
        media = self.around.media
        remote = self.read(client_offer)
        if not remote.ssrcs:
            raise Refusal(MEDIA_INVALID_SDP, "the offer has no a=ssrc")
        self.producer = Producer(
            self.transport,
            remote,
            counters=media.counters,
            brake=media.effort,
            max_bitrate_bps=bitrate_kbps * 1000,
        )
        self.transport.on_rtp = self.producer.receive
        media.sources[self._key] = self
        return self.answer(
            remote,
            direction="recvonly",
            msid=(remote.cname, media.identifier()),
            cname=remote.cname,
            bitrate_kbps=bitrate_kbps,
        )

    def play_start(self) -> Frame:
        """Return the frame that says media flow."""
        raise NotImplementedError

    def add_viewer(self, stop: Callable[[], None]) -> None:
        """Call `stop` when this publication ends."""
        self._viewers.append(stop)

    def remove_viewer(self, stop: Callable[[], None]) -> None:
        """Forget a viewer that went."""
        if stop in self._viewers:
            self._viewers.remove(stop)

    def flowing(self) -> None:
        self._flowing_s = monotonic()
        self.around.send(self.play_start())

    def feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        self.producer.receive_feedback(packet, now_s)

    def check(self, now_s: float) -> None:
        if self._flowing_s is None:
            return
        self.producer.tick(now_s)
        last_s = self.producer.last_packet_s or self._flowing_s
        if now_s - last_s > self.around.media.flow_timeout_s:
            self._never_flowed()

    def report(self, now_s: float, second: int) -> None:
        if self._flowing_s is not None:
            self.producer.report(now_s)

    def stopped(self) -> None:
        sources = self.around.media.sources
        if sources.get(self._key) is self:
            del sources[self._key]
        for stop in tuple(self._viewers):
            stop()


class View(MediaSession):
    """Somebody watching a publication."""

    kind: Kind = "video"

    def __init__(self, around: Surroundings, *, source: Source) -> None:
        super().__init__(around)
        self.source = source
        self._consumer: Consumer | None = None
        self._remote: RemoteSide | None = None
        self._bitrate_kbps = 0
        self._msid = (source.producer.cname, around.media.identifier())
        source.add_viewer(self.stop)

    def open(self, client_offer: object, *, bitrate_kbps: int) -> str:
        """Return our offer, or our answer where the client offered."""
        self._bitrate_kbps = bitrate_kbps
        if isinstance(client_offer, str) and client_offer:
            self._remote = self.read(client_offer)
            return self.answer(
                self._remote,
                direction="sendonly",
                msid=self._msid,
                cname=self.source.producer.cname,
                bitrate_kbps=bitrate_kbps,
            )
        return self._our_offer()

    def accept(self, text: object) -> None:
        """Take the client's answer."""
        remote = self.read(text)
        if not self.transport.is_negotiated:
            self._remote = remote
            self.accept_answer(remote)

    def play_start(self) -> Frame:
        """Return the frame that says media flow."""
        raise NotImplementedError

    def flowing(self) -> None:
        assert self._remote is not None
        media = self.around.media
        self._consumer = Consumer(
            self.transport,
            self._remote,
            cname=self.source.producer.cname,
            counters=media.counters,
            loss_ratio=media.faults.viewer_loss,
            rng=media.rng,
        )
        if not media.faults.silent_media:
            self.source.producer.add(self._consumer)
        self.around.send(self.play_start())

    def feedback(self, packet: rtcp.Packet, now_s: float) -> None:
        if self._consumer is not None:
            receive_viewer_feedback(self.source.producer, self._consumer, packet, now_s)

    def report(self, now_s: float, second: int) -> None:
        if self._consumer is not None:
            self._consumer.report(now_s)

    def stopped(self) -> None:
        self.source.remove_viewer(self.stop)
        if self._consumer is not None:
            self.source.producer.remove(self._consumer)
            self._consumer.say_goodbye()

    def _our_offer(self) -> str:
        return self.offer(
            direction="sendonly",
            msid=self._msid,
            cname=self.source.producer.cname,
            bitrate_kbps=self._bitrate_kbps,
        )


# -- cameras -----------------------------------------------------------------------


class CameraShare(Publication):
    """A published camera; the client offers."""

    _was_announced = False

    def start(self, client_offer: object, *, bitrate_kbps: int) -> Frame:
        """Return `startResponse` with our answer."""
        text = self.open(client_offer, bitrate_kbps=bitrate_kbps)
        return _video_frame("share", "startResponse", self.stream_id) | {
            "sdpAnswer": text
        }

    def is_taken_back(self) -> bool:
        """Return whether the camera was announced by GraphQL and is no longer."""
        is_announced = self.around.meeting.camera(self.stream_id) is not None
        was_announced, self._was_announced = self._was_announced, is_announced
        return was_announced and not is_announced

    def play_start(self) -> Frame:
        return _video_frame("share", "playStart", self.stream_id)

    def not_flowing(self) -> Frame:
        if self.is_flowing:
            return _video_frame("share", "playStop", self.stream_id)
        return _not_flowing("video", "share", self.stream_id)

    def stopped(self) -> None:
        super().stopped()
        self.around.meeting.stop_camera(self.around.user, self.stream_id)


class CameraView(View):
    """A viewed camera; the node offers."""

    def __init__(self, around: Surroundings, *, source: Source, stream_id: str) -> None:
        super().__init__(around, source=source)
        self.stream_id = stream_id

    def start(self, client_offer: object, *, bitrate_kbps: int) -> Frame:
        """Return `startResponse` with our offer."""
        text = self.open(client_offer, bitrate_kbps=bitrate_kbps)
        return _video_frame("viewer", "startResponse", self.stream_id) | {
            "sdpAnswer": text
        }

    def restarted(self) -> Frame:
        """Return `restartIceResponse` with our offer under new credentials."""
        self.transport.restart_ice()
        return _video_frame("viewer", "restartIceResponse", self.stream_id) | {
            "sdp": self._our_offer()
        }

    def play_start(self) -> Frame:
        return _video_frame("viewer", "playStart", self.stream_id)

    def not_flowing(self) -> Frame:
        return _not_flowing("video", "viewer", self.stream_id)


# -- screens -----------------------------------------------------------------------


class ScreenShare(Publication):
    """The meeting's shared screen; the presenter offers.

    Viewers learn of it by GraphQL, once it flows: the publisher announces nothing.
    """

    def __init__(
        self, around: Surroundings, *, content_type: str, has_audio: bool
    ) -> None:
        super().__init__(around, stream_id=screen_stream_id(around.meeting))
        self._content_type = content_type
        self._has_audio = has_audio

    def start(self, client_offer: object, *, bitrate_kbps: int) -> Frame:
        """Return `startResponse` with our answer."""
        return _screen_accepted(
            "send", self.open(client_offer, bitrate_kbps=bitrate_kbps)
        )

    def play_start(self) -> Frame:
        return {"type": "screenshare", "id": "playStart", "role": "send"}

    def flowing(self) -> None:
        around = self.around
        around.meeting.start_screenshare(
            around.user,
            stream=self.stream_id,
            content_type=self._content_type,
            has_audio=self._has_audio,
        )
        super().flowing()

    def not_flowing(self) -> Frame:
        return {
            "type": "screenshare",
            "id": "stopSharing",
            "error": {"code": MEDIA_NOT_FLOWING, "reason": "MEDIA_NOT_FLOWING"},
        }

    def stopped(self) -> None:
        super().stopped()
        if self.is_flowing:
            self.around.meeting.stop_screenshare(self.around.user)


class ScreenView(View):
    """A viewed screen; the node offers unless the client did."""

    def start(self, client_offer: object, *, bitrate_kbps: int) -> Frame:
        """Return `startResponse` with our offer or answer."""
        return _screen_accepted(
            "recv", self.open(client_offer, bitrate_kbps=bitrate_kbps)
        )

    def play_start(self) -> Frame:
        return {"type": "screenshare", "id": "playStart", "role": "recv"}

    def not_flowing(self) -> Frame:
        return _not_flowing("screenshare", "recv", self.around.user.id)


def screen_stream_id(meeting: Meeting) -> str:
    """Return the name of the meeting's one screen share."""
    return f"screenshare-{meeting.request.voice_bridge}"


def source_of(media: NodeMedia, meeting: Meeting, stream_id: str) -> Source:
    """Return the publication of `stream_id`; a Refusal when there is none."""
    source = media.sources.get((meeting.id, stream_id))
    if source is None:
        raise Refusal(MEDIA_NOT_FOUND, "nobody publishes this stream")
    return source


def _video_frame(role: str, frame_id: str, camera_id: str) -> Frame:
    return {"type": "video", "role": role, "id": frame_id, "cameraId": camera_id}


def _screen_accepted(role: str, text: str) -> Frame:
    return {
        "type": "screenshare",
        "role": role,
        "id": "startResponse",
        "response": "accepted",
        "sdpAnswer": text,
    }


def _not_flowing(media_type: str, role: str, stream_id: str) -> Frame:
    return error_frame(
        media_type,
        Refusal(MEDIA_NOT_FLOWING, "media not flowing"),
        role=role,
        stream_id=stream_id,
    )
