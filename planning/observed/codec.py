"""observed.json <-> `Observed`. Pure. `loadtest/formats.md` documents the file."""

import json
from typing import Any

from bots.plain import to_plain
from loadtest.codec import decode_whole
from planning.observed.models import Observed

SCHEMA = "bbbload.observed"
VERSION = 1


def encode_observed(observed: Observed) -> str:
    """Return the text of observed.json."""
    plain: dict[str, Any] = {"schema": SCHEMA, "version": VERSION}
    plain |= to_plain(observed)
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def decode_observed(text: str, *, where: str) -> Observed:
    """Read the text of an observed.json; raises ConfigError that names the file."""
    return decode_whole(
        Observed, text, SCHEMA, where=where, made_by="bbbload capacity observe -o"
    )
