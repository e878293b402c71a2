"""Experiment <-> comparison.json. Pure; `loadtest/formats.md` documents the file.

Its first keys are for a pipeline that reads no more: `verdict`, and of every measure
`name`, `ratio`, `low`, `high` and `verdict`. A share has a `difference` and no ratio.
"""

import json
from typing import Any, Final

from bots.errors import ConfigError
from bots.plain import Malformed, from_plain, to_plain
from loadtest.codec import check_schema
from loadtest.comparison import Comparison, Experiment

COMPARISON_SCHEMA: Final = "bbbload.comparison"
VERSION: Final = 1


def encode_comparison(experiment: Experiment) -> str:
    """Return the text of comparison.json."""
    plain: dict[str, Any] = {
        "schema": COMPARISON_SCHEMA,
        "version": VERSION,
        "verdict": experiment.verdict,
        "measures": [],
    }
    plain |= to_plain(experiment)
    plain["measures"] = [_measure(each) for each in experiment.measures]
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def decode_comparison(text: str, *, where: str) -> Experiment:
    """Read the text of a comparison.json; raises ConfigError that names the file."""
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"{where} is no JSON: give the file that `bbbload compare -o` wrote"
        ) from error
    check_schema(plain, COMPARISON_SCHEMA, where=where)
    try:
        return from_plain(Experiment, plain)
    except Malformed as error:
        raise ConfigError(f"{where}: {error}") from error


def _measure(comparison: Comparison) -> dict[str, Any]:
    plain = to_plain(comparison)
    estimate = plain.get("estimate")
    is_share = comparison.measure.is_share
    head = {
        "name": comparison.measure.name,
        "ratio": None if is_share else estimate,
        "difference": estimate if is_share else None,
        "low": None,
        "high": None,
        "verdict": comparison.verdict,
    }
    return head | plain
