"""Document -> plain text, for terminals, logs and mail. Charts become one line each."""

import textwrap
from itertools import zip_longest

from reports import format as written
from reports.document import Answer, Chart, Document, Notice, Section, Table, Text

WIDTH = 88
TABLE_WIDTH = 120
NARROWEST = 12
MARKS = {"plain": "", "good": "[ok] ", "warning": "[!] ", "bad": "[!!] "}


def render(documents: tuple[Document, ...]) -> str:
    """Return the documents as text, one after the other, ending with a line break."""
    parts = [_document(document) for document in documents]
    if len(documents) > 1:
        parts.insert(0, _overview(documents))
    text = "\n\n".join(parts) + "\n"
    # Wrapped by now: a plain space is what people type when they search.
    return text.replace(written.NBSP, " ")


def _overview(documents: tuple[Document, ...]) -> str:
    """Return the first screen of several results: an answer each, and what to do."""
    parts = [_underlined("At a glance", "=")]
    for document in documents:
        verdict = f"{MARKS[document.tone]}{document.verdict}"
        lines = [document.title, _wrapped(f"  {verdict}", indent="  ")]
        lines += [_wrapped(f"  {_answer(a)}", indent="    ") for a in document.answers]
        lines += [
            _wrapped(f"  Next: {step}", indent="    ")
            for step in document.next_steps[:1]
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _document(document: Document) -> str:
    parts = [_underlined(document.title, "=")]
    parts += [_notice(notice) for notice in document.notices]
    parts.append(_wrapped(f"{document.headings.asked}: {document.asked}"))
    parts.append(
        _wrapped(
            f"{document.headings.verdict}: {MARKS[document.tone]}{document.verdict}",
            indent="  ",
        )
    )
    parts.append("\n".join(_answer(answer) for answer in document.answers))
    if document.next_steps:
        steps = (_wrapped("- " + step, indent="  ") for step in document.next_steps)
        parts.append("\n".join((f"{document.headings.next_steps}:", *steps)))
    for section in document.sections:
        parts.append(_section(section, document))
    width = max((len(name) for name, _ in document.provenance), default=0)
    lines = (
        _wrapped(f"{name:<{width}}  {value}", indent=" " * (width + 2))
        for name, value in document.provenance
    )
    parts.append("\n".join((_underlined(document.headings.provenance, "-"), *lines)))
    return "\n\n".join(part for part in parts if part)


def _answer(answer: Answer) -> str:
    text = f"* {answer.question}: {MARKS[answer.tone]}{answer.value}"
    if answer.interval:
        text += f" – {answer.interval}"
    if answer.holds_for:
        text += f"; {answer.holds_for}"
    return _wrapped(text, indent="  ")


def _section(section: Section, document: Document) -> str:
    told = document.notices if section.notices is None else section.notices
    parts = [_underlined(section.title, "-")]
    parts += [_wrapped(f"[{notice.short or notice.text}]") for notice in told]
    parts += [_block(block) for block in section.blocks if not isinstance(block, Chart)]
    titles = [block.title for block in section.blocks if isinstance(block, Chart)]
    if titles:
        listed = "; ".join(titles)
        parts.append(_wrapped(f"({document.headings.charts}: {listed})"))
    return "\n\n".join(parts)


def _block(block: Text | Notice | Table) -> str:
    if isinstance(block, Notice):
        return _notice(block)
    if isinstance(block, Table):
        return _table(block)
    return _wrapped(block.text)


def _notice(notice: Notice) -> str:
    return _wrapped(MARKS[notice.tone] + notice.text, indent="    ")


def _table(table: Table) -> str:
    heads = tuple(column.title for column in table.columns)
    widths = _widths(table, heads)
    lines = [table.title] if table.title else []
    for row in (heads, tuple("-" * width for width in widths), *table.rows):
        cells = [
            textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
            for cell, width in zip(row, widths, strict=True)
        ]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (
                part.rjust(width) if column.is_number else part.ljust(width)
                for part, width, column in zip(
                    parts, widths, table.columns, strict=True
                )
            )
            lines.append("  ".join(padded).rstrip())
    if not table.rows:
        lines.append("(nothing)")
    if table.note:
        lines.append(_wrapped(table.note))
    return "\n".join(lines)


def _widths(table: Table, heads: tuple[str, ...]) -> list[int]:
    """Give each column what it needs; the widest texts yield until the table fits."""
    widths = [
        max(len(cell) for cell in cells)
        for cells in zip(heads, *table.rows, strict=True)
    ]
    wrappable = [
        place
        for place, column in enumerate(table.columns)
        if not column.is_number and not column.is_name
    ]
    while wrappable and sum(widths) + 2 * (len(widths) - 1) > TABLE_WIDTH:
        widest = max(wrappable, key=lambda place: widths[place])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _underlined(title: str, line: str) -> str:
    return f"{_wrapped(title)}\n{line * min(len(title), WIDTH)}"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
