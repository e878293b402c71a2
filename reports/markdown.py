"""Document -> Markdown, for job summaries, wikis and merge requests."""

from reports import format as written
from reports.document import Answer, Chart, Document, Notice, Section, Table, Text

SPECIAL = str.maketrans({char: "\\" + char for char in "\\`*_[]<>|#"})


def render(documents: tuple[Document, ...]) -> str:
    """Return the documents as one Markdown text, ending with a line break."""
    parts = [_document(document) for document in documents]
    if len(documents) > 1:
        parts.insert(0, _overview(documents))
    text = "\n\n".join(parts) + "\n"
    return text.replace(written.NBSP, " ")


def _overview(documents: tuple[Document, ...]) -> str:
    """Return the first screen of several results: an answer each, and what to do."""
    parts = ["# At a glance"]
    for document in documents:
        lines = [f"**{_escaped(document.title)}** – {_escaped(document.verdict)}\n"]
        lines += [_answer(answer) for answer in document.answers]
        lines += [f"- Next: {_escaped(step)}" for step in document.next_steps[:1]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _document(document: Document) -> str:
    parts = [f"# {_escaped(document.title)}"]
    parts += [_notice(notice, document) for notice in document.notices]
    parts.append(_escaped(document.asked))
    parts.append(f"**{_escaped(document.verdict)}**")
    parts.append("\n".join(_answer(answer) for answer in document.answers))
    if document.next_steps:
        steps = (f"- {_escaped(step)}" for step in document.next_steps)
        parts.append("\n".join((f"## {document.headings.next_steps}\n", *steps)))
    parts += [_section(section, document) for section in document.sections]
    rows = (
        f"- {_escaped(name)}: {_escaped(value)}" for name, value in document.provenance
    )
    parts.append("\n".join((f"## {document.headings.provenance}\n", *rows)))
    return "\n\n".join(parts)


def _answer(answer: Answer) -> str:
    more = ", ".join(part for part in (answer.interval, answer.holds_for) if part)
    value = f"**{_escaped(answer.value)}**"
    return f"- {_escaped(answer.question)}: {value} – {_escaped(more)}"


def _section(section: Section, document: Document) -> str:
    told = document.notices if section.notices is None else section.notices
    parts = [f"## {_escaped(section.title)}"]
    parts += [f"*{_escaped(notice.short or notice.text)}*" for notice in told]
    parts += [
        _block(block, document)
        for block in section.blocks
        if not isinstance(block, Chart)
    ]
    titles = [block.title for block in section.blocks if isinstance(block, Chart)]
    if titles:
        where = document.headings.charts
        parts.append(f"*{where[:1].upper()}{where[1:]}: {_escaped('; '.join(titles))}*")
    return "\n\n".join(parts)


def _block(block: Text | Notice | Table, document: Document) -> str:
    if isinstance(block, Notice):
        return _notice(block, document)
    if isinstance(block, Table):
        return _table(block)
    return _escaped(block.text)


def _notice(notice: Notice, document: Document) -> str:
    return f"> **{document.headings.note}:** {_escaped(notice.text)}"


def _table(table: Table) -> str:
    rules = ("---:" if column.is_number else "---" for column in table.columns)
    rows = (
        tuple(column.title for column in table.columns),
        *table.rows,
    )
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join(rules) + " |")
    if table.title:
        lines[:0] = [f"**{_escaped(table.title)}**", ""]
    if table.note:
        lines += ["", _escaped(table.note)]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.translate(SPECIAL).replace("\n", " ")
