"""Where the traceback of a bug of ours is kept: in a file, without a secret."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bots.redaction import redact


def keep_traceback(text: str) -> Path | None:
    """Write `text`, redacted, into a new file of the working folder and return it.

    Where that cannot be written it goes to the folder for temporary files; None where
    neither takes it.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"bbbload-crash-{stamp}-{os.getpid()}.log"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        path = folder / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(redact(text))
        except OSError:
            continue
        return path
    return None
