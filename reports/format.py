"""Numbers and units as people write them: pure, and the only place that knows how.

Inside the code there are SI units and ratios; here they become percent, milliseconds,
GB, Mbit/s and euros. A value that is missing becomes `–`, never 0. Another language is
another set of these functions: no text elsewhere spells a number.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from reports.document import Unit

MISSING = "–"
NBSP = "\N{NO-BREAK SPACE}"
"""Between a number and its unit, so that no line breaks there."""
MINUS = "\N{MINUS SIGN}"
MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
GERMAN_MONTH_NAMES = "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez".split()
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


Writer = Callable[[float], str]
"""Any of the functions below that writes one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the values of an axis are shown: divided by `divisor`, in `unit`."""

    divisor: float
    unit: str


_GERMAN_MARKS = str.maketrans(",.", ".,")

DECIMAL_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float | None, digits: int = 3) -> str:
    """Write about `digits` significant digits, integers in full: 1,117 or 0.042."""
    if value is None or not math.isfinite(value):
        return MISSING
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    places = max(0, digits - 1 - magnitude)
    text = f"{abs(value):,.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return MINUS + text if value < 0 and text.strip("0.,") else text


def count(value: float | None) -> str:
    """Write a whole number: 1,117."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(round(value)):,}"
    return MINUS + text if round(value) < 0 else text


def percent(ratio: float | None, digits: int = 2) -> str:
    """Write a ratio in percent: 0.0125 is 1.2 %, 0.8 is 80 %."""
    if ratio is None or not math.isfinite(ratio):
        return MISSING
    value = ratio * 100
    if value and abs(value) < 0.01:
        return f"{MINUS if value < 0 else ''}<0.01{NBSP}%".replace(MINUS + "<", "<")
    return f"{number(value, digits if abs(value) < 10 else 3)}{NBSP}%"


def seconds(value: float | None) -> str:
    """Write a short time: 42 ms, 1.25 s, 12 s."""
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < abs(value) < 1:
        return f"{number(value * 1000, 2 if abs(value) < 0.1 else 3)}{NBSP}ms"
    return f"{number(value)}{NBSP}s"


def duration(value: float | None) -> str:
    """Write a long time: 45 s, 5 min, 1 h 30 min."""
    if value is None or not math.isfinite(value):
        return MISSING
    whole = round(value)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (left if hours == 0 else 0, "s"))
    return " ".join(f"{part}{NBSP}{name}" for part, name in parts if part) or (
        f"0{NBSP}s"
    )


def byte_count(value: float | None) -> str:
    """Write an amount of data in decimal units, as hosters bill it: 93 TB."""
    return _with_prefix(value, "B")


def memory(value: float | None) -> str:
    """Write an amount of memory in binary units: 1.5 GiB."""
    if value is None or not math.isfinite(value):
        return MISSING
    for divisor, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if abs(value) >= divisor:
            return f"{number(value / divisor)}{NBSP}{name}"
    return f"{number(value / 1024)}{NBSP}KiB"


def bit_rate(value: float | None) -> str:
    """Write bits per second: 1.1 Mbit/s."""
    return _with_prefix(value, "bit/s")


def money(value: float | None, currency: str = "EUR") -> str:
    """Write an amount without cents from 10 on: €450, €7.50, −€80."""
    if value is None or not math.isfinite(value):
        return MISSING
    amount = abs(value)
    text = f"{amount:,.0f}" if amount >= 9.995 or amount == round(amount) else ""
    text = text or f"{amount:,.2f}"
    symbol = SYMBOLS.get(currency, currency + " ")
    sign = MINUS if value < 0 and text.strip("0.,") else ""
    return f"{sign}{symbol}{text}"


def months(value: float | None) -> str:
    """Write a runway: 15.6 months, 1 month."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "without end"
    text = tenths(value)
    return f"{text}{NBSP}month" + ("" if text == "1" else "s")


def tenths(value: float | None) -> str:
    """Write a number to one decimal place: 8.2, 13."""
    return MISSING if value is None else number(round(value, 1))


def interval(low: str, high: str, coverage: float | None = None) -> str:
    """Write an interval of two written numbers: 27 to 31 (90 % interval)."""
    if low == MISSING and high == MISSING:
        return "no interval"
    text = f"{low} to {high}"
    return f"{text} ({percent(coverage)} interval)" if coverage is not None else text


def german(text: str) -> str:
    """Change the marks of a written number to the German ones: 1.117,5."""
    return text.translate(_GERMAN_MARKS)


def month(text: str) -> str:
    """Write `2020-12` or `2020-12-01` as Dec 2020; anything else stays as it is."""
    parts = text.split("-")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        return text
    place = int(parts[1])
    return f"{MONTH_NAMES[place - 1]} {parts[0]}" if 1 <= place <= 12 else text


def day(text: str) -> str:
    """Write the day of an ISO date or time: 16 Dec 2020; else the text itself."""
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return text
    return f"{found.day} {MONTH_NAMES[found.month - 1]} {found.year}"


def moment(text: str) -> str:
    """Write an ISO time to the minute, as it was given: 2026-11-23 14:05 UTC."""
    if len(text) < 16 or text[10] not in "T ":
        return text
    zone = text[16:].lstrip("0123456789:.")
    zone = {"Z": "UTC", "+00:00": "UTC"}.get(zone, zone)
    return f"{text[:10]} {text[11:16]} {zone}".strip()


def listing(parts: tuple[str, ...]) -> str:
    """Join words as a sentence does: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def scale(unit: Unit, largest: float) -> Scale:
    """Choose how an axis that reaches `largest` (in SI units) is shown."""
    if unit == "ratio":
        return Scale(divisor=0.01, unit="%")
    if unit == "s":
        if largest < 1:
            return Scale(divisor=0.001, unit="ms")
        return Scale(divisor=1.0, unit="s")
    if unit in ("bps", "bytes"):
        name = "bit/s" if unit == "bps" else "B"
        for divisor, prefix in DECIMAL_STEPS:
            if largest >= divisor:
                return Scale(divisor=divisor, unit=prefix + name)
        return Scale(divisor=1.0, unit=name)
    if unit == "eur":
        return Scale(divisor=1.0, unit="€")
    return Scale(divisor=1.0, unit=unit)


def _with_prefix(value: float | None, unit: str) -> str:
    if value is None or not math.isfinite(value):
        return MISSING
    for divisor, prefix in DECIMAL_STEPS:
        # 999.6 kB rounds to 1,000 kB: it is 1 MB.
        if abs(value) >= divisor * 0.9995:
            return f"{number(value / divisor)}{NBSP}{prefix}{unit}"
    return f"{number(value)}{NBSP}{unit}"
