"""Where commands write: whole files, and the log of a run; `-` is standard output.

Both are checked before any load is sent, and neither is ever left half-written.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bots.errors import ConfigError
from bots.whole_file import check_writable, write_whole
from loadtest.codec import encode_record
from loadtest.log_file import LogFile
from loadtest.models import Record


@contextlib.contextmanager
def whole_file(name: str) -> Iterator[Callable[[str], None]]:
    """Give a function that writes the file at once, whole; checked before anything.

    Raises ConfigError when the file could not be written later.
    """
    if name == "-":
        yield lambda text: click.echo(text, nl=False)
        return
    path = Path(name)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name a file")
    check_writable(path)
    yield lambda text: write_whole(path, (text,))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLogPlace:
    """Where the log of a run goes."""

    path: Path
    copy: Callable[[Record], None]
    """What else is to be done with each record as it comes."""


@contextlib.contextmanager
def run_log_place(name: str | None) -> Iterator[RunLogPlace]:
    """Give a file of that name, a passing one for None, and for `-` also a copy.

    The copy on standard output is written as the run happens, a record a line. Raises
    ConfigError for a file that cannot be written.
    """
    if name is not None and name != "-":
        LogFile(name).discard()  # found out before Locust is started
        yield RunLogPlace(path=Path(name), copy=lambda record: None)
        return

    def copy(record: Record) -> None:
        if name == "-":
            click.echo(encode_record(record))

    with tempfile.TemporaryDirectory(prefix="bbbload-") as folder:
        yield RunLogPlace(path=Path(folder) / "run.jsonl", copy=copy)
