"""BBB's XML answers, from nested pairs; and the redirect that carries an early failure.

A value is text, a list of pairs (an element with children), or None (an empty element).
"""

import json
from collections.abc import Iterable
from urllib.parse import quote
from xml.sax.saxutils import escape

Pairs = Iterable[tuple[str, object]]

MESSAGES = {
    "checksumError": "Checksums do not match",
    "missingParamMeetingID": "You must provide a meeting ID",
    "missingParamFullName": "You must provide your name",
    "Params required": "You must provide either a role or a password",
    "notFound": "A meeting with that ID does not exist",
    "meetingForciblyEnded": "You can not join a meeting that has already been ended",
    "mismatchCreateTimeParam": "The createTime parameter does not match the meeting",
    "invalidPassword": "The provided password is neither a moderator or viewer one",
    "maxParticipantsReached": "The number of participants allowed was reached",
    "guestDeniedAccess": "You have been denied access to this meeting",
    "idNotUnique": "A meeting already exists with that meeting ID",
    "nonUniqueVoiceBridge": "The selected voice bridge is already in use",
    "validationError": "A parameter has an invalid value",
    "userNotFound": "The existing user was not found in the meeting",
    "missingToken": "A session token is required",
    "missingSession": "Invalid session token",
    "unsupportedContentType": "POST request Content-Type is missing or unsupported",
}
"""Failure key -> message; the keys are BBB's (ApiController, model constraints)."""


def success(*pairs: tuple[str, object]) -> str:
    """Return a SUCCESS answer with `pairs` after its return code."""
    return _document([("returncode", "SUCCESS"), *pairs])


def failure(key: str, message: str = "") -> str:
    """Return a FAILED answer with BBB's key."""
    message = message or MESSAGES.get(key, key)
    return _document(
        [("returncode", "FAILED"), ("messageKey", key), ("message", message)]
    )


def failure_redirect(url: str, key: str) -> str:
    """Return the URL of the 302 with which `join` reports an early failure."""
    errors = json.dumps(
        [{"key": key, "message": MESSAGES.get(key, key)}], separators=(",", ":")
    )
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}errors={quote(errors, safe='')}"


def text_of(value: object) -> str:
    """Return a value as BBB writes it: booleans in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _document(pairs: Pairs) -> str:
    return _element("response", list(pairs))


def _element(name: str, value: object) -> str:
    if value is None or value == "" or value == []:
        return f"<{name}></{name}>" if value == "" else f"<{name}/>"
    if isinstance(value, list):
        inner = "".join(_element(child, grandchild) for child, grandchild in value)
        return f"<{name}>{inner}</{name}>"
    return f"<{name}>{escape(text_of(value))}</{name}>"
