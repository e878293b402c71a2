"""A plan <-> the text of plan.json. Pure.

`nodes` are an object of type and count, everything else is a field of
`planning.models.Plan` under its own name, after `schema` and `version`. Unknown fields
are ignored; a newer major version is refused.
"""

import json
from typing import Any

from bots.errors import ConfigError
from bots.plain import Malformed, from_plain, to_plain
from planning.models import Plan

SCHEMA = "bbbload.plan"
VERSION = 1


def encode_plan(plan: Plan) -> str:
    """Return the text of plan.json."""
    plain: dict[str, Any] = {"schema": SCHEMA, "version": VERSION}
    plain |= to_plain(plan)
    for row in (*plain["months"], *plain["shocks"]):
        row["nodes"] = {node["type"]: node["count"] for node in row["nodes"]}
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def decode_plan(text: str, *, where: str) -> Plan:
    """Read the text of a plan.json; raises ConfigError that names the file."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where} is no JSON: give the file that `bbbload plan -o` wrote"
        ) from error
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        found = plain.get("schema") if isinstance(plain, dict) else None
        raise ConfigError(f"{where} is a file of {found!r}: {SCHEMA} was expected")
    major = str(plain.get("version")).partition(".")[0]
    if not (major.isascii() and major.isdigit()) or int(major) > VERSION:
        raise ConfigError(
            f"{where} is version {plain.get('version')} of {SCHEMA} and this bbbload "
            f"reads up to {VERSION}: update bbbload"
        )
    for row in (*_rows(plain, "months"), *_rows(plain, "shocks")):
        nodes = row.get("nodes")
        if isinstance(nodes, dict):
            row["nodes"] = [{"type": name, "count": nodes[name]} for name in nodes]
    try:
        return from_plain(Plan, plain)
    except Malformed as error:
        raise ConfigError(f"{where}: {error}") from error


def _rows(plain: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = plain.get(key, [])
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict)]
