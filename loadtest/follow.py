"""Follow the log of a run while it is written, line by line."""

from pathlib import Path
from typing import Final, TextIO

from bots.errors import ConfigError
from loadtest.codec import decode_record
from loadtest.models import Record, RunHeader

LONGEST_HEADER: Final = 1_000_000


class RunFollower:
    """Reads what has been added to a run.jsonl since the last look.

    The file may not exist yet, or still hold an older run: nothing is returned before
    the header of the run that is waited for.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run
        self._file: TextIO | None = None
        self._rest = ""

    def poll(self) -> list[Record]:
        """Return the records that are complete now; raises ConfigError on damage."""
        records: list[Record] = []
        if self._file is None:
            header = self._open()
            if header is None:
                return []
            records.append(header)
        assert self._file is not None
        lines = (self._rest + self._file.read()).split("\n")
        self._rest = lines.pop()
        for line in lines:
            record = decode_record(line, where=str(self._path))
            if record is not None:
                records.append(record)
        return records

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _open(self) -> RunHeader | None:
        """Open the file if its first line is the header that is waited for."""
        try:
            file = self._path.open(encoding="utf-8", errors="replace")
        except OSError:
            return None
        try:
            header = decode_record(file.readline(LONGEST_HEADER), where=str(self._path))
        except ConfigError:  # another file, or one whose first line is being written
            header = None
        if isinstance(header, RunHeader) and header.run == self._run:
            self._file = file
            return header
        file.close()
        return None
