"""Which measures fail a build, from which change on, and which absolute limits hold.

    gated = ["cpu per participant", "audio loss p95"]   # default: the first six

    [measure."join time p95"]
    smallest_effect = 0.10      # a ratio - 1; of shares a difference in 0..1
    limit = 5.0                 # of the candidate's median, in the measure's own unit
    limit_fails = true          # false only warns

Measures that are not gated are compared and only warn. Pure: text in, gates out.
"""

import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bots.errors import ConfigError
from loadtest.comparison import ComparedRun, LimitCheck, Measure
from loadtest.measures import CAPACITY, CPU, MEASURES, measures_for

_KEYS: Final = {"smallest_effect", "limit", "limit_fails"}
_WITH_PARTS: Final = (CAPACITY, CPU)
"""Measures that exist by profile or group of processes as well: `capacity: talks`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An absolute limit: a maximum, or a minimum where higher is better."""

    measure: str
    value: float
    fails: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What is asked of the candidate."""

    measures: tuple[Measure, ...] = MEASURES
    limits: tuple[Limit, ...] = ()


DEFAULT_GATES: Final = Gates()


def parse_gates(text: str, *, where: str) -> Gates:
    """Return the gates of a TOML text; raises ConfigError that begins with `where`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML: {error}") from error
    return gates_of(table, where=where)


def gates_of(table: Mapping[str, Any], *, where: str) -> Gates:
    """Return the gates of a parsed table."""
    unknown = sorted(set(table) - {"gated", "measure"})
    if unknown:
        raise ConfigError(
            f'{where}: unknown key {unknown[0]!r}: known are gated and [measure."NAME"]'
        )
    changes = table.get("measure", {})
    if not isinstance(changes, dict):
        raise ConfigError(f'{where}: measure is no table: write [measure."NAME"]')
    gated = table.get("gated")
    measures = list(MEASURES)
    for name in (*changes, *_names(gated, where)):
        measures = _with(measures, name, where)
    if gated is not None:
        measures = [replace(each, is_gated=each.name in gated) for each in measures]
    limits = []
    for name, change in changes.items():
        spot = f'{where}: [measure."{name}"]'
        if not isinstance(change, dict) or set(change) - _KEYS:
            raise ConfigError(f"{spot} takes {', '.join(sorted(_KEYS))}")
        if "smallest_effect" in change:
            effect = _number(change["smallest_effect"], f"{spot} smallest_effect")
            if not 0 < effect < 10:
                raise ConfigError(f"{spot} smallest_effect is {effect:g}: give 0.05")
            measures = [
                replace(each, smallest_effect=effect) if each.name == name else each
                for each in measures
            ]
        if "limit" in change:
            fails = change.get("limit_fails", True)
            if not isinstance(fails, bool):
                raise ConfigError(f"{spot} limit_fails is true or false, not {fails!r}")
            value = _number(change["limit"], f"{spot} limit")
            limits.append(Limit(measure=name, value=value, fails=fails))
    return Gates(measures=tuple(measures), limits=tuple(limits))


def check_limits(
    limits: Iterable[Limit],
    measures: Sequence[Measure],
    candidate: Iterable[ComparedRun],
) -> tuple[LimitCheck, ...]:
    """Hold the median of the candidate's valid runs against each limit.

    A limit without any value is not kept: nobody has seen it kept.
    """
    named = {measure.name: measure for measure in measures}
    runs = [dict(run.values) for run in candidate if not run.invalid]
    checks = []
    for limit in limits:
        measure = named[limit.measure]
        found = [run[measure.name] for run in runs if measure.name in run]
        measured = statistics.median(found) if found else None
        is_kept = measured is not None and (
            measured <= limit.value
            if measure.is_higher_worse
            else measured >= limit.value
        )
        checks.append(
            LimitCheck(
                measure=measure,
                limit=limit.value,
                measured=measured,
                is_kept=is_kept,
                fails=limit.fails,
                runs=len(found),
            )
        )
    return tuple(checks)


def all_measures(gates: Gates, runs: Iterable[ComparedRun]) -> tuple[Measure, ...]:
    """Return the gates' measures, and what else the runs have."""
    return measures_for(runs, gates.measures)


def _with(measures: list[Measure], name: str, where: str) -> list[Measure]:
    """Return the measures with `name` among them; raises ConfigError for no measure."""
    if any(measure.name == name for measure in measures):
        return measures
    head, _, part = name.partition(": ")
    if head in _WITH_PARTS and part:
        like = next(measure for measure in MEASURES if measure.name == head)
        return [*measures, replace(like, name=name, is_gated=head == CAPACITY)]
    raise ConfigError(
        f"{where}: no measure is named {name!r}: choose among "
        + ", ".join(measure.name for measure in MEASURES)
    )


def _names(gated: Any, where: str) -> list[str]:
    if gated is None:
        return []
    is_list = isinstance(gated, list) and all(isinstance(name, str) for name in gated)
    if not is_list or not gated:
        raise ConfigError(f'{where}: gated is a list such as ["{CPU}"]')
    return list(gated)


def _number(value: Any, spot: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{spot} is no number: {value!r}")
    return float(value)
