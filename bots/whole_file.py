"""Files that are written whole or not at all, also when something fails half-way."""

import os
from collections.abc import Iterable
from pathlib import Path

from bots.errors import ConfigError


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write UTF-8 text beside its place and rename it: nobody ever sees half of it.

    A link stays a link. What is no regular file, such as a pipe or /dev/null, is
    written to and never replaced. Raises ConfigError when it cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8") as file:
                file.writelines(parts)
            return
        draft = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.writelines(parts)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from error


def check_writable(path: Path) -> None:
    """Raise ConfigError now for what `write_whole` could not write later."""
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.open("a", encoding="utf-8").close()
            return
        draft = target.with_name(f".{target.name}.{os.getpid()}.part")
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from error


def unwritable(path: Path, error: OSError) -> str:
    """Return the sentence for a file that cannot be written."""
    reason = (error.strerror or "not possible").lower()
    return f"{path} cannot be written ({reason}): name another file"
