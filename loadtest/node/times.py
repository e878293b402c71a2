"""Times as Hasura and the middleware write them, and as clients send them."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def hasura_time(unix_s: float | None) -> str | None:
    """Return `2026-08-03T11:27:35.142+00:00`: milliseconds, trailing zeros cut.

    As text these sort in the order of time.
    """
    if unix_s is None:
        return None
    moment = datetime.fromtimestamp(unix_s, UTC)
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction}+00:00" if fraction else f"{text}+00:00"


def middleware_time(unix_s: float) -> str:
    """Return `2026-08-03T11:27:40.770Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{moment.microsecond // 1000:03d}Z"


def read_time(text: object) -> float:
    """Return Unix seconds of ISO 8601 or HTTP date text; raise ValueError.

    Without a zone it is UTC, as for a Postgres server that runs in UTC.
    """
    if not isinstance(text, str):
        raise ValueError(f"not a time: {text!r}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
