"""The run.jsonl of a run while it is written: opened before the load, never in silence.

A run that is refused leaves an older log as it was, and none where there was none. One
that cannot be written any more, on a full disk, says so once in `failure`; whoever
conducts the run ends it.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bots.errors import ConfigError
from bots.redaction import redact

ADVICE: Final = "name another file"


class LogFile:
    """A log that can be written, or a ConfigError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failure = ""
        """Why it cannot be written any more, in a sentence; "" while it can."""
        path = Path(name)
        self._was_there = path.exists()
        try:
            # Not truncated yet, see `begin`.
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{name} cannot be written ({_reason(error)}): {ADVICE}"
            ) from error
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.close()
            raise ConfigError(f"{name} is no regular file: {ADVICE}")

    @classmethod
    def of_run(cls, template: str, run: str, used: set[str]) -> "LogFile":
        """Open the log of a run, beside those that this process has `used` before."""
        name = template.replace("{run}", run)
        if name in used:
            path = Path(name)
            name = str(path.with_name(f"{path.stem}-{run}{path.suffix}"))
        used.add(name)
        return cls(name)

    def begin(self) -> None:
        """Drop what an older run had written: this one takes place."""
        self._file.truncate(0)

    def write(self, text: str) -> None:
        """Write, unless that has failed before."""
        self._try(lambda: self._file.write(text))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._try(self._file.flush)

    def close(self) -> None:
        """Close the file; again is nothing."""
        self._try(self._file.close)

    def discard(self) -> None:
        """Close, and leave no empty file where there was none."""
        self.close()
        if not self._was_there:
            Path(self.name).unlink(missing_ok=True)

    def _try(self, act: Callable[[], object]) -> None:
        if self.failure:
            return
        try:
            act()
        except OSError as error:
            self.failure = (
                f"{self.name} could not be written any more ({_reason(error)}), so "
                f"the run was ended: make room, or {ADVICE}"
            )


def _reason(error: OSError) -> str:
    return (error.strerror or "unusable").lower()


def redact_line(line: str) -> str:
    """Return a line of the log; what could hold a credential is redacted.

    Streams are most of the lines and hold numbers only: they are not searched.
    """
    if line.startswith('{"kind":"stream"') or line.startswith('{"kind":"engine"'):
        return line
    redacted = redact(line)
    if redacted != line:
        json.loads(redacted)  # what is written stays readable, or fails loudly here
    return redacted
