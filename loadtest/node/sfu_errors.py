"""The error table of bbb-webrtc-sfu and the frame that carries an error.

Codes of the table are sent as strings, as the SFU does, since it makes them from the
keys of an object; only the generic 2019 is a number.
"""

from typing import Final

from bots.protocol.sfu import ERROR_NAMES

Frame = dict[str, object]

MEDIA_SERVER_NO_RESOURCES: Final = 2002
MEDIA_SERVER_GENERIC_ERROR: Final = 2019
MEDIA_NOT_FOUND: Final = 2201
MEDIA_INVALID_SDP: Final = 2202
MEDIA_NO_AVAILABLE_CODEC: Final = 2203
MEDIA_NOT_FLOWING: Final = 2211
SFU_INVALID_REQUEST: Final = 2300
SFU_UNAUTHORIZED: Final = 2301


class Refusal(Exception):
    """A request that is answered with an error frame."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(
            f"{code} {ERROR_NAMES.get(code, 'MEDIA_GENERIC_ERROR')}: {detail}"
        )
        self.code = code
        self.detail = detail


def error_frame(
    media_type: str, refusal: Refusal, *, role: object = None, stream_id: object = None
) -> Frame:
    """Return the frame for a refusal, its fields in the SFU's order.

    `role` and `stream_id` are left out where the request had none, as for audio.
    """
    name = ERROR_NAMES.get(refusal.code, "MEDIA_GENERIC_ERROR")
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
