"""Bit rates as people type them: `800Mbit`, `1.5Gbit`, `64kbit`. Pure.

A bare number is bits per second; the units are powers of a thousand, as hosters and
network cards count.
"""

import math
import re
from typing import Any, Final

import click

from bots.errors import ConfigError

UNITS_BPS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:([kmg])?bits?(?:/s)?)?")


def parse_rate(text: str) -> float:
    """Return the bits per second that `text` means; raises ConfigError."""
    found = _RATE.fullmatch(text.strip().lower())
    rate_bps = float(found[1]) * UNITS_BPS[found[2] or ""] if found else 0.0
    if not 0 < rate_bps < math.inf:
        raise ConfigError(
            f"{text!r} is no bit rate: write it like 800Mbit, 1.5Gbit or 64kbit; a "
            "bare number is bits per second"
        )
    return rate_bps


def format_rate(rate_bps: float) -> str:
    """Return a rate in the largest unit that leaves 1 or more, such as `800Mbit`."""
    for unit, name in ((1e9, "Gbit"), (1e6, "Mbit"), (1e3, "kbit")):
        if rate_bps >= unit:
            return f"{rate_bps / unit:.4g}{name}"
    return f"{rate_bps:.4g}bit"


class RateType(click.ParamType[float]):
    """A bit rate as an option of a command; its value is bits per second."""

    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, int | float):
            return float(value)
        return parse_rate(str(value))


RATE: Final = RateType()
