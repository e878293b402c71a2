"""Experiment <-> comparison.json. Pure; `loadtest/formats.md` documents the file.

Its first keys are for a pipeline that reads no more: `verdict`, and of every measure
`name`, `ratio`, `low`, `high` and `verdict`. A share has a `difference` and no ratio.
"""

import json
from typing import Any, Final

from bots.plain import to_plain
from loadtest.codec import decode_whole
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
    return decode_whole(
        Experiment,
        text,
        COMPARISON_SCHEMA,
        where=where,
        made_by="bbbload compare -o",
    )


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
