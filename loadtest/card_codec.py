"""Node card <-> card.json. Pure; `loadtest/formats.md` documents the file."""

import json
from typing import Any, Final

from bots.plain import to_plain
from loadtest.card import NodeCard
from loadtest.codec import check_steps, decode_whole

CARD_SCHEMA: Final = "bbbload.card"
VERSION: Final = 1
STAND_IN: Final = (
    "measured on bbbload's own stand-in node: it says nothing about BigBlueButton"
)


def encode_card(card: NodeCard) -> str:
    """Return the text of card.json; a stand-in's begins with saying so."""
    plain: dict[str, Any] = {"schema": CARD_SCHEMA, "version": VERSION}
    if card.capacity.stand_in:
        plain["stand_in"] = STAND_IN
    plain |= to_plain(card)
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def decode_card(text: str, *, where: str) -> NodeCard:
    """Read the text of a card.json; raises ConfigError that names the file."""
    card = decode_whole(
        NodeCard, text, CARD_SCHEMA, where=where, made_by="bbbload card -o"
    )
    check_steps(card.capacity, where=where)
    return card
