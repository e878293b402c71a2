"""Documents -> one HTML page that needs nothing but itself: no script, no URL.

The page can be mailed, printed and opened years later. Every text is escaped by the
template engine; the only markup that passes unescaped is our own drawing.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from reports import figures
from reports.document import Chart, Document

TEMPLATE = "page.html.j2"


def render(documents: tuple[Document, ...]) -> str:
    """Return the page that shows the documents in order."""
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(documents=documents, language=documents[0].headings.language)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports", package_path=""),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = _drawn
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    return environment


def _drawn(chart: Chart, name: str) -> Markup:
    return Markup(figures.svg(chart, name=name))
