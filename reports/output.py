"""Where pages go: formats by the ending of a name, and pages written whole."""

import os
from collections.abc import Callable
from pathlib import Path

from bots.errors import ConfigError
from reports import html, markdown, text
from reports.document import Document

FORMATS: dict[str, Callable[[tuple[Document, ...]], str]] = {
    ".html": html.render,
    ".htm": html.render,
    ".txt": text.render,
    ".md": markdown.render,
}


def write_page(path: Path, page: str) -> None:
    """Write the page beside its place and rename it: nobody ever sees half of one.

    Raises ConfigError when it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            draft.write_text(page, encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or "not possible").lower()
        raise ConfigError(
            f"{path} cannot be written ({reason}): name another place with --output"
        ) from error
