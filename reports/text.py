"""Document -> plain text, for terminals, logs and mail. Charts become one line each."""

import textwrap

from reports import format as written
from reports.document import Answer, Block, Chart, Document, Notice, Section, Table

WIDTH = 88
MARKS = {"plain": "", "good": "[ok] ", "warning": "[!] ", "bad": "[!!] "}


def render(documents: tuple[Document, ...]) -> str:
    """Return the documents as text, one after the other, ending with a line break."""
    text = "\n\n".join(_document(document) for document in documents) + "\n"
    # Wrapped by now: a plain space is what people type when they search.
    return text.replace(written.NBSP, " ")


def _document(document: Document) -> str:
    parts = [_underlined(document.title, "=")]
    parts += [_notice(notice) for notice in document.notices]
    parts.append(_wrapped("Asked: " + document.asked))
    parts.append(
        _wrapped("Verdict: " + MARKS[document.tone] + document.verdict, indent="  ")
    )
    parts.append("\n".join(_answer(answer) for answer in document.answers))
    if document.next_steps:
        steps = (_wrapped("- " + step, indent="  ") for step in document.next_steps)
        parts.append("\n".join(("What to do next:", *steps)))
    for section in document.sections:
        parts.append(_section(section, document.notices))
    width = max((len(name) for name, _ in document.provenance), default=0)
    lines = (
        _wrapped(f"{name:<{width}}  {value}", indent=" " * (width + 2))
        for name, value in document.provenance
    )
    parts.append("\n".join((_underlined("Where this comes from", "-"), *lines)))
    return "\n\n".join(part for part in parts if part)


def _answer(answer: Answer) -> str:
    text = f"* {answer.question}: {MARKS[answer.tone]}{answer.value}"
    if answer.interval:
        text += f" – {answer.interval}"
    if answer.holds_for:
        text += f"; {answer.holds_for}"
    return _wrapped(text, indent="  ")


def _section(section: Section, notices: tuple[Notice, ...]) -> str:
    parts = [_underlined(section.title, "-")]
    parts += [_wrapped(f"[{notice.short or notice.text}]") for notice in notices]
    parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Notice):
        return _notice(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Chart):
        return _wrapped(f"(chart in the HTML report: {block.title})")
    return _wrapped(block.text)


def _notice(notice: Notice) -> str:
    return _wrapped(MARKS[notice.tone] + notice.text, indent="    ")


def _table(table: Table) -> str:
    heads = tuple(column.title for column in table.columns)
    widths = [
        max(len(cell) for cell in cells)
        for cells in zip(heads, *table.rows, strict=True)
    ]
    if sum(widths) + 2 * (len(widths) - 1) > WIDTH + 32:
        return _as_records(table)
    lines = [table.title] if table.title else []
    for row in (heads, tuple("-" * width for width in widths), *table.rows):
        cells = (
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    if not table.rows:
        lines.append("(nothing)")
    if table.note:
        lines.append(_wrapped(table.note))
    return "\n".join(lines)


def _as_records(table: Table) -> str:
    """Write a table too wide for a terminal row by row, one cell a line."""
    lines = [table.title] if table.title else []
    width = max(len(column.title) for column in table.columns[1:])
    for row in table.rows:
        lines.append(_wrapped("* " + row[0], indent="  "))
        for column, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell:
                head = f"    {column.title:<{width}}  "
                lines.append(_wrapped(head + cell, indent=" " * len(head)))
    if table.note:
        lines.append(_wrapped(table.note))
    return "\n".join(lines)


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
