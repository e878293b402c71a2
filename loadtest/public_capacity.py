"""A capacity as it may be published: which text of it passes by which rule. Pure.

Names of profiles that are not ours could be anybody's, so a mix of one's own is named
by the hash of what it loads. Sentences keep the parts that are known to be ours.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, get_args

from bots.plain import to_plain
from loadtest.costs import REGRESSORS
from loadtest.limits import CONNECTION_CODES, PORT_CODES, RATE_CODES
from loadtest.models import Capacity, Limit, MeetingProfile, Slo
from loadtest.profiles import SMALL_PROFILES, contrast_of
from loadtest.publishing import Rule, one_of, published, statement, version
from loadtest.watching.roles import kind_of

HASH_DIGITS: Final = 12
TOLD_ELSEWHERE: Final = "the reason is in the benchmark's own report"
OWN_SLO: Final = "own bounds"
_PROCESS: Final = re.compile(r"(?P<name>.+) used (?P<cores>[\d.]+ cores of [\d.]+)")
MANNER: Final = re.compile(r"at once|by relay|clip [0-9a-f]{12}")
_RUN: Final = re.compile(r"[0-9a-f]{4,8}")


def profile_hash(profile: MeetingProfile, manner: Sequence[str] = ()) -> str:
    """Return the hash of what a profile loads, whatever it and its personas are called.

    `manner` is how, where not as usual; its order does not count. SHA-256 of the
    JSON with sorted keys, of which the first 12 digits are kept.
    """
    plain = to_plain(replace(profile, name=""))
    for group in plain.get("mix", ()):
        group["persona"].pop("name", None)
    if manner:
        plain["manner"] = sorted(manner)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def public_names(capacity: Capacity) -> dict[str, str]:
    """Return by profile the name it is published under: ours, or its hash."""
    ours = {profile.name for profile in SMALL_PROFILES}
    return {
        found.profile.name: (
            found.profile.name
            if found.profile.name in ours
            else f"mix-{profile_hash(found.profile)[:6]}"
        )
        for found in capacity.profiles
    }


def public_capacity(capacity: Capacity, names: Mapping[str, str]) -> Capacity:
    """Return a capacity without what names anybody; `names` are those of its profiles.

    Numbers, verdicts and validity stay as they are, so it plans as the whole one does.
    """
    contrasts = [contrast_of(profile) for profile in SMALL_PROFILES]
    lighter = {profile.name: profile.name for profile in contrasts if profile}
    profile_name = _renamed({**lighter, **names})
    known_slo = one_of((Slo().name, f"{Slo().name} changed"))
    rules: dict[str, Rule] = {
        "Capacity.run": lambda text: text if _RUN.fullmatch(text) else "",
        "Capacity.started_at": day,
        "Capacity.tool_version": version,
        "Capacity.bbb_version": version,
        "Capacity.cost_note": statement,
        "Capacity.reasons": _reason,
        "Capacity.manner": lambda text: text if MANNER.fullmatch(text) else "",
        "Slo.name": lambda text: known_slo(text) or OWN_SLO,
        "MeetingProfile.name": profile_name,
        "LoadPoint.profile": profile_name,
        "LoadPoint.node_busiest": lambda text: kind_of(text).role if text else "",
        "LoadPoint.refusals": one_of((*CONNECTION_CODES, *PORT_CODES, *RATE_CODES)),
        "SloVerdict.generator_reasons": _reason,
        "SloVerdict.unjudged": one_of(get_args(Limit)),
        "Cost.name": lambda text: text if text in REGRESSORS else profile_name(text),
        "Cost.unit": one_of(("cores",)),
        "ProfileCapacity.invalid": _reason,
        "ProfileCapacity.evidence": _evidence,
    }
    return published(capacity, rules)


def _renamed(names: Mapping[str, str]) -> Rule:
    return lambda text: names.get(text, "")


def _reason(text: str) -> str:
    """Return a reason's known parts; a reason is never lost without a word."""
    return statement(text) or (TOLD_ELSEWHERE if text else "")


def _evidence(text: str) -> str:
    """Return what shows a limit; a process is told by its role alone."""
    used = _PROCESS.fullmatch(text)
    if used is None:
        return statement(text)
    return f"one process ({kind_of(used['name']).role}) used {used['cores']}"


def day(text: str) -> str:
    """Return the day of an ISO 8601 time in UTC, "" for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.date().isoformat()
