"""Personas and mixes of meetings from a TOML file, every mistake named. Pure.

    [persona.teacher]
    like = "presenter"            # the persona it starts from; default: a bare one
    chat_interval_s = 30.0        # any field of a persona or of its habits
    page_interval_s = 45.0
    role = "moderator"

    [mix.lecture]                 # how many of each persona make one meeting
    teacher = 1
    camera = 3
    listener = 40

A file's personas may stand for the built-in ones of the same name. An interval of 0
means never.
"""

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bots.errors import ConfigError
from bots.models import (
    CAMERA_MEDIUM,
    CameraProfile,
    Habits,
    ParticipantPlan,
    Persona,
)
from bots.persona import PERSONAS, participant_plan

LARGEST_MIX = 10_000
LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaBook:
    """The personas that a run knows, and its meetings' mixes, both by name."""

    personas: Mapping[str, Persona]
    mixes: Mapping[str, tuple[tuple[str, int], ...]]


BUILT_IN = PersonaBook(personas=PERSONAS, mixes={})


def read_personas(text: str, source: str) -> PersonaBook:
    """Return the built-in personas and those of a file, and the file's mixes.

    Raises ConfigError naming the value, `source` and the fix.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise ConfigError(f"{source} is no TOML: {mistake}") from mistake
    _known(told, ("persona", "mix"), source, "table")
    return book_of(told, source)


def book_of(
    told: Mapping[str, Any], source: str, base: PersonaBook | None = None
) -> PersonaBook:
    """Return the personas and mixes of a table that may hold other things too.

    They stand beside those of `base`, or in their place. Raises ConfigError.
    """
    known = base or BUILT_IN
    personas = dict(known.personas)
    for name, table in _tables(told, "persona", source):
        personas[name] = _persona(name, table, personas, f"{source}, persona {name!r}")
    mixes = dict(known.mixes) | {
        name: _mix(table, personas, f"{source}, mix {name!r}")
        for name, table in _tables(told, "mix", source)
    }
    return PersonaBook(personas=personas, mixes=mixes)


def plans_of(
    book: PersonaBook,
    mix: str,
    *,
    first_number: int = 0,
    meeting_number: int = 0,
    page: int = 5,
    seed: int = 0,
    camera: CameraProfile = CAMERA_MEDIUM,
) -> tuple[ParticipantPlan, ...]:
    """Return the plans of all participants of one meeting of this mix, in its order."""
    names = [name for name, count in book.mixes[mix] for _ in range(count)]
    return tuple(
        participant_plan(
            book.personas[name],
            number=first_number + position,
            meeting_number=meeting_number,
            page=page,
            seed=seed,
            camera=camera,
        )
        for position, name in enumerate(names)
    )


def _persona(
    name: str, table: Mapping[str, Any], personas: Mapping[str, Persona], where: str
) -> Persona:
    base_name = table.get("like")
    if base_name is not None and base_name not in personas:
        raise ConfigError(
            f"{where}: like = {base_name!r} is no persona before it: use one of "
            f"{', '.join(sorted(personas))}"
        )
    base = personas[base_name] if base_name is not None else Persona(name=name)
    own = _fields_of(Persona) - {"name", "habits"}
    habits = _fields_of(Habits)
    _known(table, ("like", *sorted(own | habits)), where, "field")
    does = dataclasses.replace(base.habits, **_values(Habits, table, where))
    if does.join_delay_least_s > does.join_delay_most_s:
        raise ConfigError(
            f"{where}: join_delay_least_s = {does.join_delay_least_s:g} is above "
            f"join_delay_most_s = {does.join_delay_most_s:g}: give both, the least "
            "first"
        )
    persona = dataclasses.replace(
        base, name=name, habits=does, **_values(Persona, table, where)
    )
    if table.get("talks") and persona.audio != "microphone":
        raise ConfigError(
            f"{where}: talks = true is never heard with audio = {persona.audio!r}: "
            "leave it out, or give audio = 'microphone'"
        )
    if table.get("shares_screen") and persona.role == "viewer":
        raise ConfigError(
            f"{where}: shares_screen = true never happens with role = 'viewer', since "
            "only a presenter shares: leave it out, or give role = 'moderator'"
        )
    return persona


def _values(kind: type, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {
        field: _value(hints[field], table[field], f"{where}: {field}")
        for field in _fields_of(kind) - {"name", "habits"}
        if field in table
    }


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return a TOML value as the field's type."""
    choices = _choices(hint)
    if choices:
        if value not in choices:
            raise ConfigError(
                f"{where} = {value!r} is unknown: use one of {', '.join(choices)}"
            )
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where} = {value!r} is no truth: use true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where} = {value!r} is no number: give seconds")
    if not (math.isfinite(value) and 0 <= value <= LONGEST_S):
        raise ConfigError(
            f"{where} = {value!r} is out of range: give 0 to {LONGEST_S:g} seconds"
        )
    is_optional = types.NoneType in typing.get_args(hint)
    return None if is_optional and value == 0 else float(value)


def _choices(hint: Any) -> tuple[str, ...]:
    for part in (hint, *typing.get_args(hint)):
        if typing.get_origin(part) is Literal:
            return typing.get_args(part)
    return ()


def _mix(
    table: Mapping[str, Any], personas: Mapping[str, Persona], where: str
) -> tuple[tuple[str, int], ...]:
    _known(table, tuple(sorted(personas)), where, "persona")
    for name, count in table.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ConfigError(
                f"{where}: {name} = {count!r} is no count: give a whole number from 0"
            )
    total = sum(table.values())
    if not 0 < total <= LARGEST_MIX:
        raise ConfigError(
            f"{where} has {total} participants: give 1 to {LARGEST_MIX} in all"
        )
    return tuple((name, count) for name, count in table.items() if count)


def _tables(
    told: Mapping[str, Any], key: str, source: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tables = told.get(key, {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{source}: {key} is no table: write [{key}.name]")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {key}.{name} is no table: write [{key}.name]")
        yield name, table


def _known(
    table: Mapping[str, Any], known: tuple[str, ...], where: str, what: str
) -> None:
    for name in table:
        if name not in known:
            raise ConfigError(
                f"{where}: unknown {what} {name!r}: use one of {', '.join(known)}"
            )


def _fields_of(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}
