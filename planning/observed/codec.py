"""observed.json <-> `Observed`. Pure. `loadtest/formats.md` documents the file."""

import json
from typing import Any

from bots.errors import ConfigError
from bots.plain import Malformed, from_plain, to_plain
from loadtest.codec import check_schema, decode_capacity
from loadtest.models import Capacity
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
    plain = _json(text, where)
    check_schema(plain, SCHEMA, where=where)
    try:
        return from_plain(Observed, plain)
    except Malformed as error:
        raise ConfigError(f"{where}: {error}") from error


def decode_planned(text: str, *, where: str) -> tuple[Capacity, str]:
    """Return the capacity that a capacity.json or observed.json plans with.

    Beside it a sentence where people were dearer than the benchmark's bots, "" else.
    Raises ConfigError where a history was observed without a benchmark: it says what
    people cost, and not at which load the service level broke.
    """
    plain = _json(text, where)
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        return decode_capacity(text, where=where), ""
    observed = decode_observed(text, where=where)
    if observed.planning is None or observed.beside is None:
        raise ConfigError(
            f"{where} was observed without a benchmark and holds no capacity to plan "
            "with: make it again with --benchmark capacity.json"
        )
    found = observed.beside
    if found.dearer != "people":
        return observed.planning, ""
    return observed.planning, (
        f"{where} holds the dearer cost, of real people: bots of run {found.run} used "
        f"{found.ratio.mid:.2f} of their CPU"
    )


def _json(text: str, where: str) -> object:
    try:
        plain: object = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"{where} is no JSON: give the file that bbbload benchmark or bbbload "
            "capacity observe wrote"
        ) from error
    return plain
