"""`--card` and `--type`: a node card and its page beside a benchmark's result.

The page is drawn by `bbbload report`, which stands above this package: it is started as
a user would start it.
"""

import contextlib
import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bots.errors import ConfigError
from loadtest.card_codec import encode_card
from loadtest.card_making import check_type, make_card
from loadtest.codec import open_run
from loadtest.commands.outputs import whole_file
from loadtest.models import Capacity

Command = TypeVar("Command", bound=Callable[..., Any])
Write = Callable[[Capacity, Path], None]
"""Takes the capacity and the log of its run."""
PAGE: Final = ".html"
PAGE_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """Where a card goes and which server type it is of."""

    path: str
    """"" for no card, `-` for standard output."""
    server_type: str


def card_options(command: Command) -> Command:
    """Add `--card` and `--type`; the command gets them as `card`."""

    @functools.wraps(command)
    def with_card(*args: Any, card: str, server_type: str, **kwargs: Any) -> Any:
        check_type(server_type)
        order = CardOrder(path=card, server_type=server_type)
        return command(*args, card=order, **kwargs)

    wrapped: Any = click.option(
        "--type",
        "server_type",
        default="",
        metavar="NAME",
        help="Server type on the card, as a catalogue calls it, such as CCX33. "
        "Default: not named.",
    )(with_card)
    return click.option(  # type: ignore[no-any-return]
        "--card",
        default="",
        metavar="FILE",
        help="File for a node card, fit to publish; its page goes beside it, ending "
        "with .html. - is standard output, without a page. Default: none.",
    )(wrapped)


@contextlib.contextmanager
def card_file(order: CardOrder) -> Iterator[Write]:
    """Give a function that writes the card that was ordered, and its page.

    Raises ConfigError at once for a file that could not be written later.
    """
    if not order.path:
        yield lambda capacity, log: None
        return
    if Path(order.path).suffix.lower() == PAGE:
        raise ConfigError(
            f"--card {order.path} ends as its page does: let the card end with .json"
        )
    with whole_file(order.path) as write:

        def write_card(capacity: Capacity, log: Path) -> None:
            with open_run(log) as records:
                card = make_card(
                    capacity,
                    server_type=order.server_type,
                    header=records.header,
                    records=records,
                )
            write(encode_card(card))
            if order.path != "-":
                _draw(Path(order.path))

        yield write_card


def _draw(card: Path) -> None:
    """Draw the page; a card without one is still a card, so a failure is told only."""
    page = card.with_suffix(PAGE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [sys.executable, "-m", "loadtest", "report", str(card), "-o", str(page)],
            stdin=subprocess.DEVNULL,
            timeout=PAGE_TIMEOUT_S,
        )
        if done.returncode == 0:
            return
    click.echo(
        f"the card's page {page} was not drawn: bbbload report {card} -o {page}",
        err=True,
    )
