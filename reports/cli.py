"""`bbbload report`: results in, one page out.

Of the modules of `reports` the one that may call what digests results: the codecs, and
`loadtest.timeline` because a run is a stream of records, too long to hold, that must be
judged before it can be drawn.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from bots.errors import ConfigError
from bots.whole_file import write_whole
from loadtest.card_codec import CARD_SCHEMA, decode_card
from loadtest.codec import CAPACITY_SCHEMA, RUN_SCHEMA, decode_capacity, open_run
from loadtest.comparison import Experiment
from loadtest.comparison_codec import COMPARISON_SCHEMA, decode_comparison
from loadtest.timeline import run_result
from planning.codec import SCHEMA as PLAN_SCHEMA
from planning.codec import decode_plan
from planning.models import Plan
from planning.observed.codec import SCHEMA as OBSERVED_SCHEMA
from planning.observed.codec import decode_observed
from planning.observed.models import Beside
from reports import (
    annotations,
    capacity_report,
    compare_report,
    junit,
    observed_report,
    plan_report,
    plan_sheet,
    run_report,
    text,
)
from reports.cards import card_report
from reports.document import Document, in_reading_order
from reports.endings import FORMATS

SHEET = ".csv"
"""A plan's inputs beside its results, for a spreadsheet."""
OF_COMPARISONS: dict[str, Callable[[Experiment], str]] = {
    ".xml": junit.render,
    ".github": annotations.render,
}
"""Formats for CI systems, which only a comparison has."""
RESULTS = (
    "a run.jsonl, capacity.json, card.json, observed.json, comparison.json or "
    "plan.json of bbbload"
)
SCHEMAS = (
    RUN_SCHEMA,
    CAPACITY_SCHEMA,
    CARD_SCHEMA,
    OBSERVED_SCHEMA,
    COMPARISON_SCHEMA,
    PLAN_SCHEMA,
)
LONGEST_RESULT = 256 * 2**20
"""Bytes of a JSON result read at once; a run is streamed and may be longer."""


@click.command(
    epilog="Example: bbbload report run.jsonl capacity.json plan.json -o report.html"
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "-o",
    "--output",
    default="-",
    show_default="text to standard output",
    metavar="X.html|X.md|X.txt|X.csv|X.xml",
    help="The page; its ending chooses the format. .xml is JUnit's, of a comparison.",
)
@click.option(
    "--format",
    "ending",
    type=click.Choice(["html", "md", "txt", "csv", "xml", "github"]),
    help="Format, whatever the ending; csv: a plan's sheet; github: annotations of a "
    "comparison. "
    "Default: by the ending, text for standard output.",
)
@click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    default="en",
    show_default=True,
    help="Language; de is for a plan.json alone. What you wrote yourself stays.",
)
def report(
    files: tuple[str, ...], output: str, ending: str | None, language: str
) -> int:
    """Make one page of one or several results, for people.

    FILE is a run.jsonl, a capacity.json, a card.json, an observed.json, a
    comparison.json or a plan.json; which of them is read from the file itself. A run
    that was cut off gives a report of what it measured. Several results begin with an
    overview; answers come before the runs that they rest on. A capacity says what an
    observation beside it found of its bots.
    """
    suffix = f".{ending}" if ending else Path(output).suffix.lower()
    is_sheet = suffix == SHEET
    is_for_ci = suffix in OF_COMPARISONS
    render = None if is_for_ci or is_sheet else _format_of(suffix, output)
    for name in files:
        if output != "-" and _is_same(name, output):
            raise ConfigError(f"{output} is one of the results: name another output")
    if is_sheet:
        page = plan_sheet.render(
            _only_plan(files, SHEET), "de" if language == "de" else "en"
        )
    elif language == "de":
        if render is None:
            raise ConfigError("--language de is for pages, not for a CI system")
        plan = _only_plan(files, "--language de")
        shown = Path(files[0]).name
        page = render((plan_report.document(plan, source=shown, language="de"),))
    elif render is None:
        page = OF_COMPARISONS[suffix](_only_comparison(files, suffix))
    else:
        besides = _besides(files)
        documents = tuple(_document(name, besides) for name in files)
        page = render(in_reading_order(documents))
    if output == "-":
        click.echo(page, nl=False)
    else:
        write_whole(Path(output), (page,))
        click.echo(f"bbbload report: {output}", err=True)
    return 0


def _format_of(suffix: str, output: str) -> Callable[[tuple[Document, ...]], str]:
    if output == "-" and not suffix:
        return text.render
    if suffix not in FORMATS:
        known = [*sorted(FORMATS), SHEET, ".xml"]
        raise ConfigError(
            f"{output} has the ending {suffix or 'none'!r}: choose {', '.join(known)}"
        )
    return FORMATS[suffix]


def _only_comparison(files: tuple[str, ...], suffix: str) -> Experiment:
    if len(files) != 1 or _schema_of(files[0]) != COMPARISON_SCHEMA:
        raise ConfigError(
            f"the format {suffix} shows one comparison: give one comparison.json of "
            "`bbbload compare` or `bbbload ci`"
        )
    return decode_comparison(_read(files[0]), where=files[0])


def _only_plan(files: tuple[str, ...], what: str) -> Plan:
    if len(files) != 1 or _schema_of(files[0]) != PLAN_SCHEMA:
        raise ConfigError(f"{what} shows one plan: give one plan.json of bbbload plan")
    plan = decode_plan(_read(files[0]), where=files[0])
    if not plan.months:
        raise ConfigError(f"{files[0]} plans no month: make it with bbbload plan")
    return plan


def _besides(files: tuple[str, ...]) -> dict[str, Beside]:
    """Return what observations among the files say of benchmarks, by their run."""
    found = {}
    for name in files:
        if _schema_of(name) == OBSERVED_SCHEMA:
            beside = decode_observed(_read(name), where=name).beside
            if beside is not None:
                found[beside.run] = beside
    return found


def _document(name: str, besides: dict[str, Beside]) -> Document:
    schema = _schema_of(name)
    shown = Path(name).name
    if schema == RUN_SCHEMA:
        with open_run(name) as log:
            result = run_result(log.header, log)
            return run_report.document(result, source=shown, torn=log.torn)
    whole = _read(name)
    if schema == CAPACITY_SCHEMA:
        capacity = decode_capacity(whole, where=name)
        return capacity_report.document(
            capacity, source=shown, beside=besides.get(capacity.run)
        )
    if schema == CARD_SCHEMA:
        return card_report.document(decode_card(whole, where=name))
    if schema == OBSERVED_SCHEMA:
        return observed_report.document(
            decode_observed(whole, where=name), source=shown
        )
    if schema == COMPARISON_SCHEMA:
        return compare_report.document(
            decode_comparison(whole, where=name), source=shown
        )
    plan = decode_plan(whole, where=name)
    if not plan.months:
        raise ConfigError(f"{name} plans no month: make it again with bbbload plan")
    return plan_report.document(plan, source=shown)


def _schema_of(name: str) -> str:
    """Return the schema that a result names; raise ConfigError for anything else."""
    first = _read(name, first_line=True)
    if not first.strip():
        raise ConfigError(f"{name} is empty: give {RESULTS}")
    try:
        plain = json.loads(first)
    except (ValueError, RecursionError):
        plain = _whole_object(name)
    schema = plain.get("schema") if isinstance(plain, dict) else None
    if schema not in SCHEMAS:
        said = f"names the schema {str(schema)[:60]!r}" if schema else "names no schema"
        raise ConfigError(f"{name} {said}: give {RESULTS}")
    assert isinstance(schema, str)
    return schema


def _whole_object(name: str) -> object:
    whole = _read(name)
    try:
        return json.loads(whole)
    except (ValueError, RecursionError) as error:
        if whole.lstrip()[:1] == "{":
            raise ConfigError(
                f"{name} is cut off or damaged: make it again, it is no whole JSON"
            ) from error
        raise ConfigError(f"{name} is no result: give {RESULTS}") from error


def _read(name: str, *, first_line: bool = False) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            if first_line:
                return file.readline(LONGEST_RESULT)
            whole = file.read(LONGEST_RESULT + 1)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is no text: give {RESULTS}") from error
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError(
            f"{name} cannot be read ({reason}): give {RESULTS}"
        ) from error
    if len(whole) > LONGEST_RESULT:
        raise ConfigError(f"{name} is longer than 256 MiB: give {RESULTS}")
    return whole


def _is_same(name: str, output: str) -> bool:
    try:
        return os.path.samefile(name, output)
    except OSError:
        return False
