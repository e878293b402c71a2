"""`bbbload card` and `bbbload cards`: a benchmark for others to see, and compared."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from bots.errors import ConfigError
from bots.whole_file import check_writable, write_whole
from loadtest.card import NodeCard, PeopleRatio
from loadtest.card_codec import CARD_SCHEMA, decode_card, encode_card
from loadtest.card_making import check_type, make_card
from loadtest.codec import decode_capacity, open_run
from loadtest.models import Capacity
from planning.cards import NamedCard, side_by_side
from planning.catalog import read_catalog
from planning.observed.codec import decode_observed
from planning.observed.people import people_of
from reports import text
from reports.cards import card_report, cards_report
from reports.endings import FORMATS
from reports.people import notices

MOST_CARDS = 1000
LARGEST_BYTES = 32 * 2**20
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="Example: bbbload card capacity.json --run run.jsonl --type CCX33 "
    "-o card.json"
)
@click.argument("result", metavar="CAPACITY", type=_FILE)
@click.option(
    "--run",
    "log",
    type=_FILE,
    help="run.jsonl that `bbbload benchmark --log` wrote, which knows the machine "
    "(default: hardware and kernel are not known).",
)
@click.option(
    "--type",
    "server_type",
    default="",
    metavar="NAME",
    help="Server type, as a catalogue calls it, such as CCX33 (default: not named).",
)
@click.option(
    "--observed",
    type=_FILE,
    help="observed.json of `bbbload capacity observe --benchmark` with this capacity "
    "(default: the ratio of bots to people is not known).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("card.json"),
    show_default=True,
    help="File for the card; - is standard output.",
)
@click.option(
    "--page",
    metavar="X.html|X.md|X.txt",
    help="Its page (default: beside the card, ending with .html; none for -).",
)
def card(
    result: Path,
    log: Path | None,
    server_type: str,
    observed: Path | None,
    output: Path,
    page: str | None,
) -> int:
    """Make a node card of a benchmark: one JSON and one page, fit to publish.

    CAPACITY is a capacity.json of `bbbload benchmark`, or a card whose --type or
    --observed is to be added. No host, address or tenant is in a card: of the machine
    it tells cores, memory, kernel and the like, of settings those that matter, and what
    nobody saw is not known.
    """
    whole = _text(result)
    shown = _page_of(output) if page is None else page
    render = FORMATS.get(Path(shown).suffix.lower()) if shown else None
    if shown and render is None:
        known = ", ".join(sorted(FORMATS))
        raise ConfigError(f"the page {shown} has no ending that is known: {known}")
    is_card = _is_card(whole)
    _check_apart(result, output, shown, is_card=is_card)
    for path in (output, Path(shown) if shown else Path("-")):
        if str(path) != "-":
            check_writable(path)
    if is_card:
        if log is not None:
            raise ConfigError(
                f"{result} is a card already, which knows its machine: leave --run out"
            )
        made = _amended(decode_card(whole, where=str(result)), server_type, observed)
    else:
        capacity = decode_capacity(whole, where=str(result))
        made = _made(capacity, server_type, log, _people(observed, capacity.run))
    if str(output) == "-":
        click.echo(encode_card(made), nl=False)
    else:
        write_whole(output, (encode_card(made),))
    if render is not None:
        write_whole(Path(shown), (render((card_report.document(made),)),))
        click.echo(f"bbbload card: {output}, {shown}", err=True)
    for notice in notices(made.people):
        click.echo(f"Warning: {notice.text}", err=True)
    if not made.nodes:
        click.echo("The machine is not known: give the run's log with --run.", err=True)
    return 0


@click.command(epilog="Example: bbbload cards cards/ --catalog examples/catalog.toml")
@click.argument(
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option(
    "--catalog",
    type=_FILE,
    help="TOML of server types and prices, for users per euro (default: none).",
)
@click.option(
    "-o",
    "--output",
    default="-",
    show_default="text to standard output",
    metavar="X.html|X.md|X.txt",
    help="The page; its ending chooses the format.",
)
def cards(folder: Path, catalog: Path | None, output: str) -> int:
    """Compare the node cards in a folder side by side, those of one SLO.

    The SLO is the one that most real, valid cards kept; cards of another stand apart,
    with the reason. Cards of the stand-in node stand apart from real ones, always.
    """
    suffix = Path(output).suffix.lower()
    render = text.render if output == "-" else FORMATS.get(suffix)
    if render is None:
        known = ", ".join(sorted(FORMATS))
        raise ConfigError(
            f"{output} has the ending {suffix or 'none'!r}: choose {known}"
        )
    prices = None if catalog is None else read_catalog(catalog, today=date.today())
    found = side_by_side(_cards_in(folder), prices)
    page = render((cards_report.document(found, source=folder.resolve().name),))
    if output == "-":
        click.echo(page, nl=False)
    else:
        write_whole(Path(output), (page,))
        click.echo(f"bbbload cards: {output}", err=True)
    for warning in () if prices is None else prices.warnings:
        click.echo(f"Warning: {warning}.", err=True)
    return 0


def _made(
    capacity: Capacity,
    server_type: str,
    log: Path | None,
    people: PeopleRatio | None,
) -> NodeCard:
    if log is None:
        return make_card(capacity, server_type=server_type, people=people)
    with open_run(log) as records:
        return make_card(
            capacity,
            server_type=server_type,
            header=records.header,
            records=records,
            people=people,
        )


def _amended(card: NodeCard, server_type: str, observed: Path | None) -> NodeCard:
    check_type(server_type)
    return replace(
        card,
        type=server_type or card.type,
        people=_people(observed, card.capacity.run) or card.people,
    )


def _people(observed: Path | None, run: str) -> PeopleRatio | None:
    if observed is None:
        return None
    return people_of(decode_observed(_text(observed), where=str(observed)), run)


def _page_of(output: Path) -> str:
    if not output.name:
        raise ConfigError(f"{output} is a folder: name a file with --output")
    return "" if str(output) == "-" else str(output.with_suffix(".html"))


def _check_apart(result: Path, output: Path, shown: str, *, is_card: bool) -> None:
    """Raise ConfigError where the page, or the card of a capacity, would replace it.

    A card is amended in its place.
    """
    page = Path(shown).resolve() if shown else None
    if page == output.resolve():
        raise ConfigError(
            f"{output} would be the card and its page: let the card end with .json"
        )
    if page == result.resolve():
        raise ConfigError(f"{result} is the result: name another page with --page")
    if output.resolve() == result.resolve() and not is_card:
        raise ConfigError(f"{result} is the result: name another card with --output")


def _cards_in(folder: Path) -> list[NamedCard]:
    """Return the cards of a folder; what is no card is left out, and told."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    if len(paths) > MOST_CARDS:
        raise ConfigError(
            f"{folder} holds {len(paths)} files, up to {MOST_CARDS} are read: name a "
            "folder with cards only"
        )
    found = []
    for path in paths:
        whole = _text(path)
        if not _is_card(whole):
            click.echo(f"Note: {path.name} is no node card: left out.", err=True)
            continue
        card = decode_card(whole, where=str(path))
        found.append(NamedCard(name=path.stem, card=card))
    if not found:
        raise ConfigError(
            f"{folder} holds no node card: `bbbload card capacity.json` makes one"
        )
    return found


def _is_card(whole: str) -> bool:
    """Say whether a file is a card; a damaged one is, and is refused by its reader."""
    try:
        plain = json.loads(whole)
    except (ValueError, RecursionError):
        return f'"{CARD_SCHEMA}"' in whole
    return isinstance(plain, dict) and plain.get("schema") == CARD_SCHEMA


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            whole = file.read(LARGEST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: give a result of bbbload") from error
    if len(whole) > LARGEST_BYTES:
        raise ConfigError(f"{path} is longer than 32 MiB: give a result of bbbload")
    return whole
