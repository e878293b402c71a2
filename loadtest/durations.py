"""Durations as people type them: `30s`, `5m`, `2h`, `7d`, `12w`, `1h30m`. Pure.

A bare number is seconds. There are no months: their length differs.
"""

import math
import re
from datetime import datetime, timedelta
from typing import Any, Final

import click

from bots.errors import ConfigError

UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_BARE = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means; raises ConfigError with the right forms."""
    compact = text.strip().lower()
    seconds = 0.0
    if _BARE.fullmatch(compact):
        seconds = float(compact)
    elif _WHOLE.fullmatch(compact):
        seconds = sum(
            float(number) * UNITS_S[unit] for number, unit in _PART.findall(compact)
        )
    if not 0 < seconds < math.inf:
        raise ConfigError(
            f"{text!r} is no duration: write it like 30s, 5m, 2h or 12w; a bare number "
            "is seconds"
        )
    return seconds


def format_duration(seconds: float) -> str:
    """Return `seconds` in the form that `parse_duration` reads, such as `1h30m`."""
    whole = round(seconds)
    if whole < 1 or abs(seconds - whole) > 1e-9:
        return f"{seconds:g}s"
    parts = []
    for unit in ("w", "d", "h", "m", "s"):
        count, whole = divmod(whole, UNITS_S[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def seconds_until(text: str, now: datetime) -> float:
    """Return the seconds from `now` to the next such time of its day, `HH:MM`.

    Raises ConfigError for what is no time of day.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ConfigError(f"{text!r} is no time of day: write it like 05:30")
    here = now.astimezone().replace(tzinfo=None)
    then = here.replace(
        hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0
    )
    if then <= here:
        then += timedelta(days=1)
    # As instants: a night in which the clocks change is an hour shorter or longer.
    return then.timestamp() - now.timestamp()


class DurationType(click.ParamType[float]):
    """A duration as an option of a command; its value is seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, int | float):
            return float(value)
        return parse_duration(str(value))


DURATION: Final = DurationType()
