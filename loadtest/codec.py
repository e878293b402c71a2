"""Results <-> their files: run.jsonl line by line, capacity.json as a whole.

`loadtest/formats.md` documents both. Decoding is pure; only `open_run` and
`read_capacity` touch files. A run's file is read as a stream, so that a soak of a night
needs no memory; one that a kill cut off in the middle of a line is read up to there.
"""

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from bots.errors import ConfigError
from bots.plain import Malformed, from_plain, to_plain
from bots.wire import REPORT_KINDS
from loadtest.models import (
    Capacity,
    EndRecord,
    NodeSample,
    Record,
    RunHeader,
    StepRecord,
)

RUN_SCHEMA: Final = "bbbload.run"
CAPACITY_SCHEMA: Final = "bbbload.capacity"
VERSION: Final = 1
T = TypeVar("T")

KINDS: Final[Mapping[str, type]] = {
    "run": RunHeader,
    "step": StepRecord,
    "node": NodeSample,
    "end": EndRecord,
    **REPORT_KINDS,
}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
assert set(_NAMES) == set(get_args(Record)), "every record has a kind"


def encode_record(record: Record) -> str:
    """Return one line of run.jsonl, without the newline."""
    plain: dict[str, Any] = {"kind": _NAMES[type(record)]}
    if isinstance(record, RunHeader):
        plain |= {"schema": RUN_SCHEMA, "version": VERSION, "elapsed_s": 0.0}
    plain |= to_plain(record)
    return json.dumps(plain, allow_nan=False, separators=(",", ":"))


def decode_record(line: str, *, where: str) -> Record | None:
    """Return the record of a line, or None for a kind this version does not know.

    Raises ConfigError that begins with `where`.
    """
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no JSON: the file is damaged there") from error
    if not isinstance(plain, dict) or not isinstance(plain.get("kind"), str):
        raise ConfigError(f"{where} has no kind: this is no run of bbbload")
    kind = KINDS.get(plain["kind"])
    if kind is None:
        return None
    if kind is RunHeader:
        check_schema(plain, RUN_SCHEMA, where=where)
    try:
        record: Record = from_plain(kind, plain)
    except Malformed as error:
        raise ConfigError(f"{where}: {plain['kind']}.{error}") from error
    return record


def encode_capacity(capacity: Capacity) -> str:
    """Return the text of capacity.json."""
    plain: dict[str, Any] = {"schema": CAPACITY_SCHEMA, "version": VERSION}
    plain |= to_plain(capacity)
    plain["profiles"] = [
        {"name": found["profile"]["name"]} | found for found in plain["profiles"]
    ]
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def decode_capacity(text: str, *, where: str) -> Capacity:
    """Read the text of a capacity.json; raises ConfigError that names the file."""
    found = decode_whole(
        Capacity, text, CAPACITY_SCHEMA, where=where, made_by="bbbload benchmark -o"
    )
    return check_steps(found, where=where)


def check_steps(capacity: Capacity, *, where: str) -> Capacity:
    """Return a capacity that was read, each of its steps with a verdict of its own."""
    for found in capacity.profiles:
        points, verdicts = len(found.points), len(found.verdicts)
        if points != verdicts:
            raise ConfigError(
                f"{where}: {found.profile.name} has {points} points and {verdicts} "
                "verdicts: give the file as bbbload wrote it"
            )
    return capacity


def decode_whole(
    kind: type[T], text: str, schema: str, *, where: str, made_by: str
) -> T:
    """Read the text of a JSON file of one result; raises ConfigError that names it.

    `made_by` is the command that writes such a file.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where} is no JSON: give the file that `{made_by}` wrote"
        ) from error
    check_schema(plain, schema, where=where)
    try:
        return from_plain(kind, plain)
    except Malformed as error:
        raise ConfigError(f"{where}: {error}") from error


def check_schema(plain: object, schema: str, *, where: str) -> None:
    """Refuse a file of another schema or of a newer major version."""
    found = plain.get("schema") if isinstance(plain, dict) else None
    if not isinstance(plain, dict) or not isinstance(found, str):
        raise ConfigError(f"{where} says no schema: {schema} was expected")
    if found != schema:
        raise ConfigError(f"{where} is a file of {found[:60]!r}: {schema} was expected")
    version = plain.get("version")
    major = str(version).partition(".")[0]
    if not major.isascii() or not major.isdigit():
        raise ConfigError(f"{where} says no version of {schema}")
    if int(major) > VERSION:
        raise ConfigError(
            f"{where} is version {major} of {schema} and this bbbload reads up to "
            f"{VERSION}: update bbbload"
        )


class RunLog:
    """The records of a run, one after the other, read once.

    The header is read on construction. A last line that a kill left unfinished ends the
    log and is told in `torn`; a damaged line anywhere else is a ConfigError.
    """

    def __init__(self, lines: Iterable[str], name: str) -> None:
        self.name = name
        self.torn = ""
        """A sentence when the last line was unfinished, "" otherwise."""
        self.unknown_kinds = 0
        self._lines = enumerate(lines, start=1)
        first = next(self._records(), None)
        if not isinstance(first, RunHeader):
            raise ConfigError(
                f"{name} does not begin with the header of a run: give a run.jsonl"
            )
        self.header = first

    def __iter__(self) -> Iterator[Record]:
        """Yield the records after the header."""
        return self._records()

    def _records(self) -> Iterator[Record]:
        for number, line in self._lines:
            try:
                record = decode_record(line, where=f"{self.name} line {number}")
            except ConfigError:
                if line.endswith("\n"):
                    raise
                self.torn = f"the last line of {self.name} is unfinished: left out"
                return
            if record is None:
                self.unknown_kinds += 1
            else:
                yield record


@contextlib.contextmanager
def open_run(path: str | Path) -> Iterator[RunLog]:
    """Open a run.jsonl (`-` is standard input) for one streaming pass.

    Raises ConfigError, also for a file that is missing or not a run.
    """
    with _open(path) as file:
        try:
            yield RunLog(file, str(path))
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is no text: give a run.jsonl") from error


def read_capacity(path: str | Path) -> Capacity:
    """Read a capacity.json (`-` is standard input); raises ConfigError."""
    with _open(path) as file:
        try:
            text = file.read()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is no text: give a capacity.json") from error
    return decode_capacity(text, where=str(path))


@contextlib.contextmanager
def _open(path: str | Path) -> Iterator[io.TextIOBase | Any]:
    if str(path) == "-":
        yield sys.stdin
        return
    try:
        file = Path(path).open(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError(f"{path} cannot be opened: {reason}") from error
    with file:
        yield file
