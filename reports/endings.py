"""The formats of pages, by the ending of a name."""

from collections.abc import Callable

from reports import html, markdown, text
from reports.document import Document

FORMATS: dict[str, Callable[[tuple[Document, ...]], str]] = {
    ".html": html.render,
    ".htm": html.render,
    ".txt": text.render,
    ".md": markdown.render,
}
