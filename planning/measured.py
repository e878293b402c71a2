"""What was measured of nodes, read from any file that holds a capacity.

A capacity.json, a node card, or an observed.json with a benchmark beside it. Where real
people were dearer than the benchmark's bots, the capacity is that at their cost.
"""

import json
import sys
from pathlib import Path

from bots.errors import ConfigError
from loadtest.card import NodeCard
from loadtest.card_codec import CARD_SCHEMA, decode_card
from loadtest.codec import decode_capacity
from loadtest.models import Capacity
from planning.capacities import Measured
from planning.observed.codec import SCHEMA as OBSERVED_SCHEMA
from planning.observed.codec import decode_observed
from planning.observed.people import planned_capacity

FILES = "a capacity.json, a card.json or an observed.json of bbbload"


def read_measured(path: Path) -> Measured:
    """Return what is in a file, `-` is standard input; raises ConfigError."""
    return decode_measured(_text(path), where=str(path))


def read_benchmark(path: Path) -> Capacity:
    """Return the capacity of a capacity.json or a card, as the bots found it.

    Raises ConfigError.
    """
    text = _text(path)
    if _schema(text, str(path)) == CARD_SCHEMA:
        return decode_card(text, where=str(path)).capacity
    return decode_capacity(text, where=str(path))


def decode_measured(text: str, *, where: str) -> Measured:
    """Return what is to be planned with of the text of a file.

    Raises ConfigError, also where a history was observed without a benchmark: it says
    what people cost, and not at which load the service level broke.
    """
    schema = _schema(text, where)
    if schema == CARD_SCHEMA:
        return measured_of(decode_card(text, where=where), where=where)
    if schema != OBSERVED_SCHEMA:
        return Measured(capacity=decode_capacity(text, where=where))
    observed = decode_observed(text, where=where)
    if observed.planning is None or observed.beside is None:
        raise ConfigError(
            f"{where} was observed without a benchmark and holds no capacity to plan "
            "with: make it again with --benchmark capacity.json"
        )
    is_dearer = observed.beside.dearer == "people"
    return Measured(
        capacity=observed.planning,
        note=_note(where, observed.beside.ratio.mid) if is_dearer else "",
    )


def measured_of(card: NodeCard, *, where: str) -> Measured:
    """Return what is to be planned with of a node card, at the dearer cost."""
    people = card.people
    is_dearer = people is not None and people.dearer == "people"
    return Measured(
        capacity=planned_capacity(card),
        type=card.type,
        origin="node card",
        note=_note(where, people.mid) if people is not None and is_dearer else "",
    )


def _note(where: str, ratio: float) -> str:
    return (
        f"{where} is planned with at the dearer cost, of real people: the benchmark's "
        f"bots used {ratio:.2f} of their CPU"
    )


def _schema(text: str, where: str) -> object:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no JSON: give {FILES}") from error
    return plain.get("schema") if isinstance(plain, dict) else None


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: give {FILES}") from error
