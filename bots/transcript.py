"""Every frame of a participant's sockets, redacted, in the recorded sessions' form."""

import json
import time
from typing import Any

from bots.redaction import HIDDEN, redact
from bots.transport import FrameDirection

MOST_FRAMES = 200_000
"""Enough for hours; what comes later is counted and not kept."""


class Transcript:
    """Collects frames; `document` gives them as the captures are written."""

    def __init__(self) -> None:
        self.left_out = 0
        self._zero_s: float | None = None
        self._frames: list[dict[str, Any]] = []

    def record(self, socket: str, direction: FrameDirection, text: str) -> None:
        """Keep one text frame of `socket`, whose name tells the sockets apart."""
        if len(self._frames) >= MOST_FRAMES:
            self.left_out += 1
            return
        now_s = time.monotonic()
        if self._zero_s is None:
            self._zero_s = now_s
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = text
        self._frames.append(
            {
                "at_s": round(now_s - self._zero_s, 3),
                "direction": direction,
                "socket": socket,
                "message": without_secrets(message),
            }
        )

    def document(self) -> dict[str, Any]:
        """Return all frames in order; times count from the first one.

        `left_out` says how many came after the last that is kept, if any did.
        """
        told = {"left_out": self.left_out} if self.left_out else {}
        return {"frames": list(self._frames), **told}


def without_secrets(value: Any, key: str = "") -> Any:
    """Return a JSON value whose credentials are hidden, by their names and by form.

    Our own query texts are kept whole: they name `authToken` and hold none.
    """
    if isinstance(value, dict):
        names = {name: name for name in value}
        if "op" in value and isinstance(value.get("path"), str):  # a JSON patch
            names["value"] = value["path"].rpartition("/")[2]
        return {
            name: without_secrets(item, names[name]) for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item, key) for item in value]
    if not isinstance(value, str) or key == "query" or not value:
        return value
    if HIDDEN in redact(f"{key}=x"):
        return HIDDEN
    return redact(value)
