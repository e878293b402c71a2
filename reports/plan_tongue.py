"""One language of a plan's report: its words, numbers, months and days. Pure.

English is written by `reports.format`; German takes the same figures with its own
marks, names and order. What the user wrote is never translated.
"""

import math
import re
from dataclasses import dataclass

from planning.models import LONGEST_RUNWAY_MONTHS, Assumption, Plan
from planning.offers import HELD
from planning.peaks import Interval
from reports import format as written
from reports import wording
from reports.document import Language
from reports.plan_history_sentences import HISTORY_SENTENCES
from reports.plan_price_sentences import PRICE_SENTENCES
from reports.plan_section_words import WORDS
from reports.plan_sentences import FIGURE_VALUES, FIGURES, SENTENCES
from reports.plan_words import MONTHS_DE

_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?%?")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_PLACE = re.compile(r"\\{(\w+)\\}")


@dataclass(frozen=True, slots=True)
class Tongue:
    """The functions that write for readers of `language`."""

    language: Language

    def say(self, name: str, /, **places: object) -> str:
        """Return one of the report's own texts with its places filled."""
        english, german = WORDS[name]
        return (english if self.is_english else german).format(**places)

    @property
    def is_english(self) -> bool:
        return self.language == "en"

    def told(self, text: str) -> str:
        """Return a sentence of the planner; one that is not its own stays as it is."""
        if self.is_english:
            return text
        for pattern, german in _PATTERNS:
            found = pattern.fullmatch(text)
            if found:
                parts = found.groupdict()
                return german.format(
                    **{name: self._place(name, part) for name, part in parts.items()}
                )
        head, separator, rest = text.partition("; ")
        if separator:
            return f"{self.told(head)}; {self.told(rest)}"
        return text

    def sentence(self, text: str) -> str:
        """Return a sentence of the planner with its capital letter and full stop."""
        return wording.sentence(self.told(text))

    def value(self, given: Assumption) -> str:
        """Return what is assumed; lists of the planner's figures in their marks."""
        kind = FIGURE_VALUES.get(given.name)
        told = self.told(given.value)
        if self.is_english or kind is None or told != given.value:
            return told
        return self._place(kind, told)

    def number(self, value: float | None) -> str:
        return self._marked(written.number(value))

    def count(self, value: float | None) -> str:
        return self._marked(written.count(value))

    def percent(self, ratio: float | None) -> str:
        return self._marked(written.percent(ratio))

    def tenths(self, value: float | None) -> str:
        return self._marked(written.tenths(value))

    def byte_count(self, value: float | None) -> str:
        return self._marked(written.byte_count(value))

    def money(self, value: float, plan: Plan) -> str:
        """Write an amount: €1,450 or 1.450 EUR."""
        if self.is_english:
            return written.money(value, plan.currency)
        bare = written.money(value, "").replace(" ", "")
        return f"{self._marked(bare)}{written.NBSP}{plan.currency}"

    def months(self, value: float) -> str:
        """Write a runway: 15.6 months, 15,6 Monate, over 20 years."""
        if LONGEST_RUNWAY_MONTHS <= value < math.inf:
            return self.say("over 20 years")
        if self.is_english:
            return written.months(value)
        text, space, _ = self._marked(written.months(value)).partition(written.NBSP)
        if not space:
            return self.say("without end") if value > 0 else text
        return f"{text}{written.NBSP}{'Monat' if text == '1' else 'Monate'}"

    def lasting(self, value: Interval) -> str:
        """Write the interval of a runway: 5.5 to 13.9 months (80 % interval)."""
        unit = f"{written.NBSP}{self.say('months of money')}"
        low, high = (self.tenths(one) for one in (value.low, value.high))
        if value.low >= LONGEST_RUNWAY_MONTHS:
            return self.say("over 20 years")
        if value.high >= LONGEST_RUNWAY_MONTHS:
            return self.span(low + unit, self.say("over 20 years"), value.coverage)
        return self.span(low, high + unit, value.coverage)

    def beside(self, value: Interval) -> str:
        """Write a runway's interval beside its middle; "" where that says it all."""
        return "" if value.low >= LONGEST_RUNWAY_MONTHS else self.lasting(value)

    def type_name(self, name: str) -> str:
        """Write a server type; that of nodes held by contract in the language."""
        base = name.removesuffix(HELD)
        if self.is_english or base == name:
            return name
        return f"{base} ({self.say('held by contract')})"

    def month(self, text: str) -> str:
        """Write `2020-12` as Dec 2020 or Dezember 2020."""
        if self.is_english:
            return written.month(text)
        year, number = text.split("-")[:2]
        return f"{MONTHS_DE[int(number) - 1]} {year}"

    def day(self, text: str) -> str:
        """Write the day of an ISO date: 16 Dec 2020 or 16.12.2020."""
        if self.is_english or written.day(text) == text:
            return written.day(text)
        year, month, number = text[:10].split("-")
        return f"{int(number)}.{int(month)}.{year}"

    def listing(self, parts: tuple[str, ...]) -> str:
        """Join words as a sentence does: a, b and c; a, b und c."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.say('and')} {parts[-1]}"

    def span(self, low: str, high: str, coverage: float | None = None) -> str:
        """Write an interval of two written numbers: 27 to 31 (90 % interval)."""
        if self.is_english:
            return written.interval(low, high, coverage)
        if low == high == written.MISSING:
            return self.say("no interval")
        text = f"{low} bis {high}"
        return text if coverage is None else f"{text} ({self.percent(coverage)})"

    def money_span(self, value: Interval, plan: Plan) -> str:
        return self.span(self.money(value.low, plan), self.money(value.high, plan))

    def money_interval(self, value: Interval, plan: Plan) -> str:
        return self.span(
            self.money(value.low, plan), self.money(value.high, plan), value.coverage
        )

    def interval(self, value: Interval, write: written.Writer, unit: str = "") -> str:
        """Write an interval with its coverage; `unit` follows the upper end."""
        return self.span(write(value.low), write(value.high) + unit, value.coverage)

    def _marked(self, text: str) -> str:
        return text if self.is_english else written.german(text)

    def _place(self, name: str, part: str) -> str:
        """Write one place of a planner's sentence in German, by the place's name."""
        if name == "month":
            return self.month(part)
        if name == "day":
            return self.day(part)
        if name == "money":
            return self._marked(part)
        if name == "figures":
            part = _POINT.sub(",", part.replace(", ", "; "))
            for english, german in FIGURES.items():
                part = re.sub(rf"\b{english}\b", german, part)
            return part
        if name == "filled":
            return _POINT.sub(",", part.replace(", ", "; "))
        if name != "run" and _NUMBER.fullmatch(part):
            return _grouped(part)
        return part


def _grouped(number: str) -> str:
    """Write a number of an English sentence with German marks: 1853.5% as 1.853,5 %."""
    whole, point, rest = number.replace(",", "").partition(".")
    percent = f"{written.NBSP}%" if number.endswith("%") else ""
    grouped = f"{int(whole.rstrip('%')):,}".replace(",", ".")
    return grouped + (f",{rest.rstrip('%')}" if point else "") + percent


def _pattern(english: str) -> re.Pattern[str]:
    """Return what finds a sentence whose places are in braces."""
    places = _PLACE.sub(
        lambda found: (
            rf"(?P<{found[1]}>.+)"
            if found[1].startswith("own")
            else rf"(?P<{found[1]}>[^;]+?)"
        ),
        re.escape(english),
    )
    return re.compile(places)


_ALL = (*SENTENCES, *PRICE_SENTENCES, *HISTORY_SENTENCES)
_PATTERNS = tuple((_pattern(english), german) for english, german in _ALL)

ENGLISH = Tongue("en")
