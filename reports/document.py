"""A report as data: what stands on the page, in order. It knows no format, no result.

Every number of a text, table or answer is already text (`reports.format`); charts keep
numbers, in SI units and ratios, because only a drawing knows its scale.
"""

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "de"]
Tone = Literal["plain", "good", "warning", "bad"]
Unit = Literal["", "ratio", "s", "s/min", "bps", "bytes", "eur", "cores", "months"]
XKind = Literal["number", "elapsed", "date"]
"""`elapsed`: seconds since the run began; `date`: `datetime.date.toordinal()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence that must not be missed, such as where numbers come from."""

    text: str
    tone: Tone = "warning"
    short: str = ""
    """The same in a few words, for the head of every section; "" repeats `text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The head of a table's column; numbers stand at the right."""

    title: str
    is_number: bool = False
    is_name: bool = False
    """A short name, never broken over two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under heads; `note` explains how to read it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        width = len(self.columns)
        assert all(len(row) == width for row in self.rows), self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Values joined by a line; None breaks it: a gap is drawn as a gap."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    is_dashed: bool = False
    has_points: bool = False
    color: int | None = None
    """Place in the palette; None: the next free one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The interval around something, from `low` to `high`, as a tinted area."""

    name: str
    x: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars; several of one chart are stacked in order."""

    name: str
    x: tuple[float, ...]
    heights: tuple[float, ...]
    width: float = 0.8
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whiskers:
    """Single values with their intervals, at chosen places."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """Single values at their places, each one visible."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    color: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A horizontal line that must not be passed, such as a bound of the SLO."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the x axis: where a step lasted, in which interval a number lies."""

    name: str
    start: float
    end: float
    color: int | None = None
    """None: grey, for a stretch that belongs to no series."""


Mark = Line | Band | Bars | Whiskers | Dots | Limit | Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One pair of axes with their units and what is drawn between them."""

    title: str
    x_label: str
    y_label: str
    marks: tuple[Mark, ...]
    x_kind: XKind = "number"
    y_unit: Unit = ""
    x_names: tuple[tuple[float, str], ...] = ()
    """Names at places of the x axis, instead of numbers."""
    x_range: tuple[float, float] | None = None
    """The stretch that is shown, so that charts below each other line up."""
    note: str = ""
    starts_at_zero: bool = True
    language: Language = "en"
    """Of the numbers and months at the axes."""


Block = Text | Notice | Table | Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]
    notices: tuple[Notice, ...] | None = None
    """Where its numbers come from; None: those of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One number of the first screen, with its interval and what it holds for."""

    question: str
    value: str
    interval: str = ""
    """The interval and its coverage, in words; "" only where none can exist."""
    holds_for: str = ""
    """Mix of meetings, SLO, month: what the number must never be read without."""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """What every format says around a document, in the document's language."""

    language: Language
    """As HTML's `lang` wants it."""
    asked: str
    verdict: str
    next_steps: str
    provenance: str
    charts: str
    """Where the drawings are, said by a format that has none."""
    note: str
    """Before a notice, in a format without colours."""


HEADINGS: dict[Language, Headings] = {
    "en": Headings(
        language="en",
        asked="Asked",
        verdict="Verdict",
        next_steps="What to do next",
        provenance="Where this comes from",
        charts="charts in the HTML report",
        note="Note",
    ),
    "de": Headings(
        language="de",
        asked="Gefragt",
        verdict="Urteil",
        next_steps="Was als Nächstes zu tun ist",
        provenance="Woher das kommt",
        charts="Diagramme im HTML-Bericht",
        note="Hinweis",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One result, told to a person: the first screen, the details, the provenance."""

    kind: str
    """One of `READING_ORDER`."""
    title: str
    asked: str
    """What was asked, in one sentence."""
    verdict: str
    """Valid or not, and why, in one sentence."""
    tone: Tone
    """Of the verdict."""
    answers: tuple[Answer, ...]
    next_steps: tuple[str, ...]
    notices: tuple[Notice, ...]
    """Said on the first screen and again at the head of every section."""
    sections: tuple[Section, ...]
    provenance: tuple[tuple[str, str], ...]
    """Version, seed, inputs, date: (name, value)."""
    headings: Headings = HEADINGS["en"]


READING_ORDER = (
    "preview",
    "comparison",
    "cards",
    "card",
    "capacity",
    "observed",
    "plan",
    "run",
)
"""Answers first: a run is the evidence that stands behind the others."""


def in_reading_order(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    """Return the documents of one page, answers before evidence; else as given."""
    return tuple(sorted(documents, key=lambda each: READING_ORDER.index(each.kind)))
