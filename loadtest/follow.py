"""Follow the log of a run while it is written, line by line."""

from pathlib import Path
from typing import TextIO

from loadtest.codec import decode_record
from loadtest.models import Record, RunHeader


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
        self._has_begun = False

    def poll(self) -> list[Record]:
        """Return the records that are complete now; raises ConfigError on damage."""
        if not self._has_begun:
            self._close()
        if self._file is None:
            try:
                self._file = self._path.open(encoding="utf-8", errors="replace")
            except OSError:
                return []
        lines = (self._rest + self._file.read()).split("\n")
        self._rest = lines.pop()
        records = []
        for line in lines:
            record = decode_record(line, where=str(self._path))
            if record is None:
                continue
            if isinstance(record, RunHeader) and not self._has_begun:
                self._has_begun = record.run == self._run
            if not self._has_begun:
                break
            records.append(record)
        return records

    def close(self) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, ""
