"""The files that say what to load: a scenario, personas and their mixes, a clip.

Read here for the commands and for Locust's own options alike; what stands in them is
judged by `scenario_file`, `bots.persona_file` and `mixes`.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from bots.errors import ConfigError
from bots.models import IcePolicy
from bots.persona_file import read_personas
from bots.wire import Caps
from loadtest.history_mix import SUFFIXES, HistoryMix, is_history, mix_of_history
from loadtest.mixes import profile_of_mix, resized
from loadtest.models import MeetingProfile, Slo
from loadtest.scenario import scaled
from loadtest.scenario_file import ScenarioFile, mix_of, read_scenario
from loadtest.stages import RunPlan, scenario_plan

SCENARIO_SUFFIX = ".toml"
CLIP_DIGITS = 12
"""Of the digest of a film, which tells it from another one and does not name it."""


def is_scenario(name: str) -> bool:
    """Tell a scenario's file from the name or address of a server."""
    return name.endswith(SCENARIO_SUFFIX)


def load_scenario(name: str) -> ScenarioFile:
    """Return the scenario in a file; raises ConfigError."""
    path = Path(name)

    def read(other: str) -> str:
        return _text(path.parent / other, f"{name} names {other!r}, which")

    return read_scenario(_text(path, name), name, read)


def plan_of_scenario(
    found: ScenarioFile,
    *,
    scale: float = 1.0,
    length_s: float | None = None,
    seed: int | None = None,
    slo: Slo | None = None,
    caps: Caps | None = None,
) -> RunPlan:
    """Return the order for a scenario, made smaller and shorter where asked for.

    What is not given stands in the file. Raises ConfigError.
    """
    return scenario_plan(
        scaled(found.scenario, scale=scale, length_s=length_s),
        slo=slo or found.slo,
        seed=found.seed if seed is None else seed,
        caps=caps or found.caps,
    )


def load_mix(
    personas: str, mix: str, *, size: int | None = None, decode_every: int = 0
) -> MeetingProfile:
    """Return meetings of a mix of a personas file, of the mix's size by default.

    Or of the mix of a history's file. Raises ConfigError.
    """
    if not mix:
        raise ConfigError(f"{personas} may hold several mixes: name one with --mix")
    if not personas and is_history(mix):
        if size is not None:
            raise ConfigError(f"the meetings of {mix} have their size: omit --size")
        return replace(load_history_mix(mix).profile, decode_every=decode_every)
    if not personas:
        raise ConfigError(
            f"no file with the mix {mix}: name it with --personas, or a history "
            f"({', '.join(SUFFIXES)}) in the mix's place"
        )
    book = read_personas(_text(Path(personas), personas), personas)
    profile = profile_of_mix(
        mix, mix_of(book, mix, personas), decode_every=decode_every
    )
    return profile if size is None else resized(profile, size)


def load_history_mix(name: str) -> HistoryMix:
    """Return the mix that a history's file tells of; raises ConfigError."""
    return mix_of_history(_text(Path(name), name), name)


def check_clip(clip: str) -> str:
    """Return the whole path of a clip that is there; raises ConfigError."""
    if not clip:
        return ""
    path = Path(clip)
    if not path.is_file():
        raise ConfigError(f"the clip {clip} is no file: name a film or recording")
    return str(path.resolve())


def with_media(plan: RunPlan, *, clip: str, ice_policy: str) -> RunPlan:
    """Return a plan that sends this clip over these ways."""
    assert ice_policy in ("all", "relay"), ice_policy
    policy: IcePolicy = "relay" if ice_policy == "relay" else "all"
    path = check_clip(clip)
    manner = (
        *(("by relay",) if policy == "relay" else ()),
        *((f"clip {_digest(path)}",) if path else ()),
    )
    return replace(plan, clip=path, ice_policy=policy, manner=manner)


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as film:
            return hashlib.file_digest(film, "sha256").hexdigest()[:CLIP_DIGITS]
    except OSError as failure:
        reason = (failure.strerror or "no reason given").lower()
        raise ConfigError(f"the clip {path} cannot be read: {reason}") from failure


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as failure:
        reason = (failure.strerror or "no reason given").lower()
        raise ConfigError(f"{name} cannot be read: {reason}") from failure
    except UnicodeDecodeError as failure:
        raise ConfigError(f"{name} is no text in UTF-8") from failure
    except ValueError as failure:
        raise ConfigError(f"{name} is no file's name: {failure}") from failure
