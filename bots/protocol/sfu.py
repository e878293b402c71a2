"""bbb-webrtc-sfu signalling: one conversation for each media session. Pure, no I/O.

A conversation is begun by `start`, negotiated once, and over with `playStart` or
`webRTCAudioSuccess`. The field names of the wire are historical: whenever `start` held
no `sdpOffer`, `startResponse.sdpAnswer` is the server's *offer*, and our answer goes
back as `sdpOffer` (audio) or `answer` (the others).

Times are data here and enforced by whoever owns the socket, since half of the server's
failures are silent. Sources: bbb-webrtc-sfu (`lib/audio`, `lib/video`,
`lib/screenshare`, `lib/base/errors.js`) and tests/data/captures/.
"""

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bots.errors import SfuRefusal

AudioRole = Literal["sendrecv", "passive-sendrecv", "recv"]

LONGEST_FRAME_BYTES = 51_200
"""The server closes the socket on a longer one."""
PING = '{"id":"ping"}'
PING_INTERVAL_S = 15.0
QUIET_S = 12.0
"""A browser spares the ping when something arrived in the last twelve seconds."""

AUDIO_LIMIT_S = 15.0
"""The browser gives up on audio after this long without success."""
CAMERA_LIMIT_S = 30.0
SCREEN_LIMIT_S = 20.0

VIEW_RETRY_FIRST_S = 30.0
VIEW_RETRY_MOST_S = 60.0

ERROR_NAMES: Mapping[int, str] = {
    2000: "MEDIA_SERVER_CONNECTION_ERROR",
    2001: "MEDIA_SERVER_OFFLINE",
    2002: "MEDIA_SERVER_NO_RESOURCES",
    2003: "MEDIA_SERVER_REQUEST_TIMEOUT",
    2019: "MEDIA_SERVER_GENERIC_ERROR",
    2020: "ICE_ADD_CANDIDATE_FAILED",
    2021: "ICE_GATHERING_FAILED",
    2022: "ICE_STATE_FAILED",
    2200: "MEDIA_GENERIC_ERROR",
    2201: "MEDIA_NOT_FOUND",
    2202: "MEDIA_INVALID_SDP",
    2203: "MEDIA_NO_AVAILABLE_CODEC",
    2208: "MEDIA_GENERIC_PROCESS_ERROR",
    2209: "MEDIA_ADAPTER_OBJECT_NOT_FOUND",
    2210: "MEDIA_CONNECT_ERROR",
    2211: "MEDIA_NOT_FLOWING",
    2300: "SFU_INVALID_REQUEST",
    2301: "SFU_UNAUTHORIZED",
    2302: "SFU_GLOBAL_AUDIO_FAILED",
    2303: "SFU_AUDIO_FAILED",
}
INVALID_REQUEST = "2300"
UNAUTHORIZED = "2301"
NOT_FOUND = "2201"


class State(enum.Enum):
    NEW = "new"
    STARTED = "started"
    OFFERED = "offered"
    """The server's offer is here and our answer is not sent yet."""
    NEGOTIATED = "negotiated"
    FLOWING = "flowing"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The server made an offer: answer it."""

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The server answered our offer."""

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flowing:
    """The server says that media flow (its ICE is up; packets may still be missing)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The server ended the stream (`playStop`, `stopSharing`)."""

    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error frame; `code` is its number as text."""

    code: str
    message: str

    def refusal(self) -> SfuRefusal:
        """Return the exception that says the same."""
        return SfuRefusal(f"the SFU refused: {self.message}", code=self.code)


SfuEvent = Offered | Answered | Flowing | Stopped | Failed
Route = tuple[str, str, str]
"""Type, role and camera of a message: what tells conversations on a socket apart."""


class SfuConversation:
    """One media session's worth of signalling."""

    def __init__(
        self,
        start: Mapping[str, Any],
        *,
        answer: Mapping[str, Any],
        answer_key: str,
        stop: Mapping[str, Any] | None,
        limit_s: float,
    ) -> None:
        self.state = State.NEW
        self.route = route_of(start)
        self.limit_s = limit_s
        """How long a browser waits from `start` to flowing media."""
        self._start = start
        self._answer = answer
        self._answer_key = answer_key
        self._stop = stop
        self._out: list[str] = []

    @property
    def server_offers(self) -> bool:
        """Who offers: the SFU goes by `start`, where null counts as no offer."""
        return not self._start.get("sdpOffer")

    def start(self) -> None:
        """Queue the `start` frame."""
        assert self.state is State.NEW
        self.state = State.STARTED
        self._send(self._start)

    def answer(self, sdp: str) -> None:
        """Queue our answer to the server's offer."""
        assert self.state is State.OFFERED
        self.state = State.NEGOTIATED
        self._send({**self._answer, self._answer_key: sdp})

    def stop(self) -> None:
        """Queue the `stop` frame where the server knows one; else close the socket."""
        if self._stop is not None and self.state not in (State.NEW, State.OVER):
            self._send(self._stop)
        self.state = State.OVER

    def messages_to_send(self) -> list[str]:
        """Return the frames that are due and forget them."""
        out, self._out = self._out, []
        return out

    def receive(self, message: Mapping[str, Any]) -> list[SfuEvent]:
        """Take one message of this conversation and return what happened."""
        if self.state in (State.NEW, State.OVER):
            return []
        kind = message.get("id")
        if kind in ("error", "webRTCAudioError"):
            self.state = State.OVER
            return [_failure(message)]
        if kind == "startResponse" and self.state is State.STARTED:
            return self._started(message)
        if kind in ("playStart", "webRTCAudioSuccess"):
            if self.state is State.NEGOTIATED:
                self.state = State.FLOWING
                return [Flowing()]
        elif kind in ("playStop", "stopSharing"):
            self.state = State.OVER
            error = message.get("error")
            code = error.get("code", "") if isinstance(error, dict) else ""
            return [Stopped(code=str(code))]
        return []

    def _started(self, message: Mapping[str, Any]) -> list[SfuEvent]:
        sdp = message.get("sdpAnswer")
        if message.get("response", "accepted") != "accepted":
            self.state = State.OVER
            return [_failure(message)]
        if not isinstance(sdp, str) or not sdp:
            self.state = State.OVER
            return [Failed(code="malformed", message="a startResponse without SDP")]
        if self.server_offers:
            self.state = State.OFFERED
            return [Offered(sdp=sdp)]
        self.state = State.NEGOTIATED
        return [Answered(sdp=sdp)]

    def _send(self, message: Mapping[str, Any]) -> None:
        self._out.append(json.dumps(message, separators=(",", ":"), ensure_ascii=False))


def audio(
    *,
    role: AudioRole,
    session_number: int,
    offer: str | None = None,
    is_transparent: bool = True,
) -> SfuConversation:
    """Join the audio: full (`sendrecv`) or listen only, whoever makes the offer.

    `session_number` is fresh for each attempt. `is_transparent` is the client flag of
    transparent listen only. Audio has no `stop` in a browser: it closes the socket.
    """
    start: dict[str, Any] = {
        "id": "start",
        "type": "audio",
        "role": role,
        "clientSessionNumber": session_number,
    }
    if offer is not None:
        start["sdpOffer"] = offer
    start |= {"extension": None, "transparentListenOnly": is_transparent}
    return SfuConversation(
        start,
        answer={"id": "subscriberAnswer", "type": "audio", "role": role},
        answer_key="sdpOffer",
        stop=None,
        limit_s=AUDIO_LIMIT_S,
    )


def camera_share(
    *, camera_id: str, offer: str, bitrate_bps: int, is_recorded: bool = True
) -> SfuConversation:
    """Publish a camera; `record` is the browser's constant and records nothing."""
    return _camera(camera_id, "share", offer, bitrate_bps, is_recorded)


def camera_view(
    *, camera_id: str, bitrate_bps: int, is_recorded: bool = True
) -> SfuConversation:
    """View a camera that the meeting knows."""
    return _camera(camera_id, "viewer", None, bitrate_bps, is_recorded)


def screen_share(
    *,
    internal_meeting_id: str,
    voice_bridge: str,
    user_id: str,
    user_name: str,
    offer: str,
    bitrate_bps: int = 1_500_000,
    has_audio: bool = False,
) -> SfuConversation:
    """Publish a screen; the caller is the presenter, or may be ejected for trying."""
    start = {
        **_screen("send", internal_meeting_id, voice_bridge, user_name, user_id),
        "sdpOffer": offer,
        "hasAudio": has_audio,
        "contentType": "screenshare",
        "bitrate": bitrate_bps // 1000,
    }
    return _screen_conversation(start)


def screen_view(
    *,
    internal_meeting_id: str,
    voice_bridge: str,
    user_id: str,
    user_name: str,
    has_audio: bool = False,
) -> SfuConversation:
    """View the screen that is shared; with none shared the server refuses (2300)."""
    start = {
        **_screen("recv", internal_meeting_id, voice_bridge, user_name, user_id),
        "hasAudio": has_audio,
        "contentType": "screenshare",
    }
    return _screen_conversation(start)


def parse(text: str) -> dict[str, Any] | None:
    """Return a text frame as an object, None for anything else."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def is_pong(message: Mapping[str, Any]) -> bool:
    """Say whether the server answered our ping."""
    return message.get("id") == "pong"


def route_of(message: Mapping[str, Any]) -> Route:
    """Return what tells this message's conversation from others on its socket.

    An error frame names the camera in `streamId`; one of screen share holds the user
    there, so only cameras are told apart by it.
    """
    kind = str(message.get("type", ""))
    if kind != "video":
        return kind, "", ""
    camera = message.get("cameraId", message.get("streamId", ""))
    return kind, str(message.get("role", "")), str(camera)


def view_retry_s(attempt: int) -> float:
    """Return how long the browser waits before its retry `attempt` (from 1)."""
    return float(min(VIEW_RETRY_FIRST_S * 2 ** max(attempt - 1, 0), VIEW_RETRY_MOST_S))


def _camera(
    camera_id: str,
    role: str,
    offer: str | None,
    bitrate_bps: int,
    is_recorded: bool,
) -> SfuConversation:
    start = {
        "id": "start",
        "type": "video",
        "cameraId": camera_id,
        "role": role,
        "sdpOffer": offer,
        "bitrate": bitrate_bps // 1000,
        "record": is_recorded,
    }
    names = {"type": "video", "cameraId": camera_id, "role": role}
    return SfuConversation(
        start,
        answer={
            "id": "subscriberAnswer",
            "type": "video",
            "role": role,
            "cameraId": camera_id,
        },
        answer_key="answer",
        stop={"id": "stop", **names},
        limit_s=CAMERA_LIMIT_S,
    )


def _screen(
    role: str, meeting: str, voice_bridge: str, user_name: str, user_id: str
) -> dict[str, Any]:
    return {
        "id": "start",
        "type": "screenshare",
        "role": role,
        "internalMeetingId": meeting,
        "voiceBridge": voice_bridge,
        "userName": user_name,
        "callerName": user_id,
    }


def _screen_conversation(start: Mapping[str, Any]) -> SfuConversation:
    return SfuConversation(
        start,
        answer={
            "id": "subscriberAnswer",
            "type": "screenshare",
            "role": start["role"],
            "voiceBridge": start["voiceBridge"],
            "callerName": start["callerName"],
        },
        answer_key="answer",
        stop=None,
        limit_s=SCREEN_LIMIT_S,
    )


def _failure(message: Mapping[str, Any]) -> Failed:
    """Read an error frame, whose code is a number or the same number as text."""
    code = str(message.get("code") or "").strip()
    if re.fullmatch(r"\d{1,9}", code, re.ASCII):
        code = str(int(code))
        name = ERROR_NAMES.get(int(code), "")
    else:
        code, name = code or "malformed", ""
    said = message.get("reason") or message.get("message") or "an error without a word"
    return Failed(code=code, message=f"{code} {name or said}")
