"""What is said on one signalling socket: messages in, frames out, no socket here.

What BBB's SFU does in silence is done in silence here: invalid JSON, a message without
a type or of an unknown one, a `close`, an answer that cannot be used. A refused `start`
gets an error frame, and for a screen the socket is closed after it.
"""

import json
import logging
from collections.abc import Callable
from typing import TypeVar

from loadtest.node.audio_session import AudioSession
from loadtest.node.sessions import MediaSession, Surroundings
from loadtest.node.sfu_errors import (
    MEDIA_SERVER_GENERIC_ERROR,
    SFU_INVALID_REQUEST,
    SFU_UNAUTHORIZED,
    Frame,
    Refusal,
    error_frame,
)
from loadtest.node.video_sessions import (
    CameraShare,
    CameraView,
    ScreenShare,
    ScreenView,
    screen_stream_id,
    source_of,
)

logger = logging.getLogger(__name__)

SIGNALLING_UNITS = 20.0
"""Units of effort for each message, as for a GraphQL operation."""
MAX_DTMF_TONES = 20
CAMERA_BITRATE_KBPS = 300
SCREEN_BITRATE_KBPS = 1500
"""What a `start` without `bitrate` gets: the SFU's own specs."""
MAX_BITRATE_KBPS = 100_000

AUDIO_ROLES = frozenset({"sendrecv", "passive-sendrecv", "recv", "recvonly"})
SCREEN_KEY = "screen"
AUDIO_KEY = "audio"

Session = TypeVar("Session", bound=MediaSession)


class Signalling:
    """One user's signalling socket: messages in, frames out by `send`."""

    def __init__(
        self,
        around: Surroundings,
        *,
        close: Callable[[], None],
        started: Callable[[], None],
    ) -> None:
        self._around = around
        self._close = close
        self._started = started
        self._sessions: dict[str, MediaSession] = {}
        self._was_joined = around.user.joined

    def receive(self, text: str) -> None:
        """Act on one message of the client."""
        try:
            message = json.loads(text)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if message.get("id") == "ping":
            self._around.send({"id": "pong"})
            return
        media_type = message.get("type")
        if message.get("id") == "close":
            return
        self._around.media.effort.spend(SIGNALLING_UNITS)
        if media_type in ("audio", "fullaudio"):
            self._answer_errors("audio", message, self._audio)
        elif media_type == "video":
            self._answer_errors("video", message, self._video)
        elif media_type == "screenshare":
            self._answer_errors("screenshare", message, self._screen)

    def meeting_changed(self, topic: str, user_id: str) -> None:
        """Follow the meeting: leave, eject, end, a voice or a camera taken away."""
        user, meeting = self._around.user, self._around.meeting
        if meeting.ended or (self._was_joined and not user.joined):
            self._close()
            return
        self._was_joined = user.joined
        if user_id != user.id:
            return
        for session in tuple(self._sessions.values()):
            if isinstance(session, AudioSession):
                if topic == "voice" and session.is_ejected:
                    session.stop()
            elif isinstance(session, CameraShare):
                if topic == "camera" and session.is_taken_back():
                    session.stop()

    def stop(self) -> None:
        """Stop everything that was started on the socket."""
        for session in tuple(self._sessions.values()):
            session.stop()

    # -- audio -----------------------------------------------------------------

    def _audio(self, message: Frame) -> None:
        match message.get("id"):
            case "start":
                self._start_audio(message)
            case "subscriberAnswer":
                session = self._sessions.get(AUDIO_KEY)
                if isinstance(session, AudioSession) and not self._answer_is_lost():
                    session.accept(message.get("sdpOffer") or message.get("answer"))
            case "iceCandidate":
                pass  # ICE-lite: clients are learnt from their checks
            case "dtmf":
                tones = message.get("tones")
                if not isinstance(tones, str) or not 0 < len(tones) <= MAX_DTMF_TONES:
                    raise Refusal(SFU_INVALID_REQUEST, "tones")
            case "restartIce":
                session = self._sessions.get(AUDIO_KEY)
                if self._around.media.restarts_ice and isinstance(
                    session, AudioSession
                ):
                    self._around.send(session.restarted())
            case "stop":
                self._stop(AUDIO_KEY)
            case other:
                raise Refusal(SFU_INVALID_REQUEST, f"unknown id {other!r}")

    def _start_audio(self, message: Frame) -> None:
        role, number = message.get("role"), message.get("clientSessionNumber")
        if not isinstance(role, str) or role not in AUDIO_ROLES:
            raise Refusal(SFU_INVALID_REQUEST, "role")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise Refusal(SFU_INVALID_REQUEST, "clientSessionNumber")
        if not number >= 0:
            raise Refusal(SFU_INVALID_REQUEST, "clientSessionNumber")
        around = self._around
        self._before_start("passive" if role == "passive-sendrecv" else "", "audio")
        if not around.meeting.may_use_voice(around.user):
            raise Refusal(SFU_UNAUTHORIZED, "not in the meeting")
        session = self._begin(
            AUDIO_KEY,
            lambda: AudioSession(
                around,
                role=role,
                may_be_held=message.get("transparentListenOnly") is True,
            ),
        )
        self._open(session, lambda: session.open(message.get("sdpOffer")))

    # -- cameras ---------------------------------------------------------------

    def _video(self, message: Frame) -> None:
        camera_id, role = message.get("cameraId"), message.get("role")
        if not isinstance(camera_id, str) or not camera_id:
            raise Refusal(SFU_INVALID_REQUEST, "cameraId")
        if role not in ("share", "viewer"):
            raise Refusal(SFU_INVALID_REQUEST, "role")
        key = f"{camera_id}-{role}"
        session = self._sessions.get(key)
        match message.get("id"):
            case "start" if role == "share":
                self._share_camera(key, camera_id, message)
            case "start":
                self._view_camera(key, camera_id, message)
            case "subscriberAnswer":
                if isinstance(session, CameraView) and not self._answer_is_lost():
                    session.accept(message.get("answer") or message.get("sdpOffer"))
            case "onIceCandidate":
                pass
            case "restartIce" if self._around.media.restarts_ice:
                if isinstance(session, CameraView):
                    self._around.send(session.restarted())
            case "stop":
                self._stop(key)
            case other:
                raise Refusal(SFU_INVALID_REQUEST, f"unknown id {other!r}")

    def _share_camera(self, key: str, camera_id: str, message: Frame) -> None:
        around = self._around
        bitrate = _bitrate_kbps(message, CAMERA_BITRATE_KBPS)
        self._before_start("share")
        if not around.meeting.may_share_camera(around.user, camera_id):
            raise Refusal(SFU_UNAUTHORIZED, "camera not allowed")
        session = self._begin(key, lambda: CameraShare(around, stream_id=camera_id))
        self._open(
            session,
            lambda: session.start(message.get("sdpOffer"), bitrate_kbps=bitrate),
        )

    def _view_camera(self, key: str, camera_id: str, message: Frame) -> None:
        around = self._around
        bitrate = _bitrate_kbps(message, CAMERA_BITRATE_KBPS)
        self._before_start("viewer")
        if not around.user.joined or around.meeting.ended:
            raise Refusal(SFU_UNAUTHORIZED, "not in the meeting")
        source = source_of(around.media, around.meeting, camera_id)
        if not around.meeting.may_view_camera(around.user, camera_id):
            raise Refusal(SFU_UNAUTHORIZED, "camera not registered or not allowed")
        session = self._begin(
            key, lambda: CameraView(around, source=source, stream_id=camera_id)
        )
        self._open(
            session,
            lambda: session.start(message.get("sdpOffer"), bitrate_kbps=bitrate),
        )

    # -- screens ---------------------------------------------------------------

    def _screen(self, message: Frame) -> None:
        role = message.get("role")
        session = self._sessions.get(SCREEN_KEY)
        match message.get("id"):
            case "start":
                try:
                    self._start_screen(role, message)
                except Refusal as refusal:
                    self._refuse("screenshare", message, refusal)
                    self._close()
            case "subscriberAnswer":
                if isinstance(session, ScreenView) and not self._answer_is_lost():
                    session.accept(message.get("answer") or message.get("sdpOffer"))
            case "iceCandidate":
                pass
            case other:  # `stop` too: a screen ends by closing its socket
                raise Refusal(SFU_INVALID_REQUEST, f"unknown id {other!r}")

    def _start_screen(self, role: object, message: Frame) -> None:
        around = self._around
        bitrate = _bitrate_kbps(message, SCREEN_BITRATE_KBPS)
        offer = message.get("sdpOffer")
        self._before_start(str(role))
        stream_id = screen_stream_id(around.meeting)
        if role == "send":
            if not around.meeting.may_share_screen(around.user):
                raise Refusal(SFU_UNAUTHORIZED, "not the presenter")
            content = message.get("contentType")
            former = around.media.sources.get((around.meeting.id, stream_id))
            if isinstance(former, ScreenShare):
                former.stop()
            share = self._begin(
                SCREEN_KEY,
                lambda: ScreenShare(
                    around,
                    content_type="camera" if content == "camera" else "screenshare",
                    has_audio=message.get("hasAudio") is True,
                ),
            )
            self._open(share, lambda: share.start(offer, bitrate_kbps=bitrate))
            return
        if role != "recv":
            raise Refusal(SFU_INVALID_REQUEST, "role")
        if not around.user.joined or around.meeting.ended:
            raise Refusal(SFU_UNAUTHORIZED, "not in the meeting")
        source = around.media.sources.get((around.meeting.id, stream_id))
        if source is None or not isinstance(source, ScreenShare):
            raise Refusal(SFU_INVALID_REQUEST, "nothing is shared")
        view = self._begin(SCREEN_KEY, lambda: ScreenView(around, source=source))
        self._open(view, lambda: view.start(offer, bitrate_kbps=bitrate))

    # -- what all share --------------------------------------------------------

    def _before_start(self, *names: str) -> None:
        codes = map(self._around.media.faults.sfu_error_of, names)
        if code := next(filter(None, codes), ""):
            number = int(code) if code.isdecimal() else MEDIA_SERVER_GENERIC_ERROR
            raise Refusal(number, "ordered by a fault switch")
        self._started()

    def _begin(self, key: str, make: Callable[[], Session]) -> Session:
        """Replace what runs under `key` by a new session."""
        self._stop(key)
        session = make()
        self._sessions[key] = session

        def forget() -> None:
            if self._sessions.get(key) is session:
                del self._sessions[key]

        session.on_stopped = forget
        return session

    def _open(self, session: MediaSession, start: Callable[[], Frame]) -> None:
        try:
            frame = start()
        except Refusal:
            session.stop()
            raise
        self._around.send(frame)

    def _stop(self, key: str) -> None:
        session = self._sessions.get(key)
        if session is not None:
            session.stop()

    def _answer_is_lost(self) -> bool:
        return self._around.media.faults.lost_answer

    def _answer_errors(
        self, media_type: str, message: Frame, act: Callable[[Frame], None]
    ) -> None:
        if message.get("id") == "start" and self._around.media.faults.silent_start:
            return
        try:
            act(message)
        except Refusal as refusal:
            if message.get("id") == "subscriberAnswer":
                logger.info("subscriberAnswer ignored: %s", refusal)
                return
            self._refuse(media_type, message, refusal)

    def _refuse(self, media_type: str, message: Frame, refusal: Refusal) -> None:
        stream_id: object = None
        role = message.get("role")
        if media_type == "video":
            stream_id = message.get("cameraId")
        elif media_type == "screenshare":
            stream_id = self._around.user.id
        self._around.send(
            error_frame(media_type, refusal, role=role, stream_id=stream_id)
        )


def _bitrate_kbps(message: Frame, default: int) -> int:
    """Return the `bitrate` of a `start` in kbit/s, or the SFU's default."""
    bitrate = message.get("bitrate")
    if isinstance(bitrate, bool) or not isinstance(bitrate, int | float):
        return default
    return int(bitrate) if 1 <= bitrate <= MAX_BITRATE_KBPS else default
