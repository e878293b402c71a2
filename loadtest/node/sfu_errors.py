"""The error table of bbb-webrtc-sfu and the frame that carries an error.

Codes of the table are sent as strings, as the SFU does, since it makes them from the
keys of an object; only the generic 2019 is a number.
"""

from typing import Final

Frame = dict[str, object]

MEDIA_SERVER_GENERIC_ERROR: Final = 2019
MEDIA_NOT_FOUND: Final = 2201
MEDIA_INVALID_SDP: Final = 2202
MEDIA_NO_AVAILABLE_CODEC: Final = 2203
MEDIA_NOT_FLOWING: Final = 2211
SFU_INVALID_REQUEST: Final = 2300
SFU_UNAUTHORIZED: Final = 2301

NAMES: Final = {
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


class Refusal(Exception):
    """A request that is answered with an error frame."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(f"{code} {NAMES.get(code, 'MEDIA_GENERIC_ERROR')}: {detail}")
        self.code = code
        self.detail = detail


def error_frame(
    media_type: str, refusal: Refusal, *, role: object = None, stream_id: object = None
) -> Frame:
    """Return the frame for a refusal, its fields in the SFU's order.

    `role` and `stream_id` are left out where the request had none, as for audio.
    """
    name = NAMES.get(refusal.code, "MEDIA_GENERIC_ERROR")
    is_generic = refusal.code == MEDIA_SERVER_GENERIC_ERROR
    frame: Frame = {"type": media_type, "id": "error"}
    if role is not None:
        frame["role"] = role
    if stream_id is not None:
        frame["streamId"] = stream_id
    frame["code"] = refusal.code if is_generic else str(refusal.code)
    frame["message"] = frame["reason"] = name
    frame["rawMessage"] = refusal.detail or name
    return frame
