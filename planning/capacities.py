"""Which capacity each server type is planned with. Pure.

A figure in the catalogue wins over a measurement; a measurement serves the types that
have none: a node card the type it names, any other measurement those with as many
cores. A measurement of bbbload's stand-in node is never a capacity of BBB: it is
handed on as a section of its own.
"""

import math
from dataclasses import dataclass

import numpy as np

from bots.errors import ConfigError
from loadtest.models import Capacity, ProfileCapacity
from planning.mix import capacity_of_mix
from planning.models import CapacityUsed, StandInMeasurement, StandInProfile
from planning.offers import CapacityOrigin, Catalog, ServerType
from planning.peaks import Interval

STAND_IN_TITLE = "Measured on bbbload's stand-in node, not on BigBlueButton"
STAND_IN_NOTE = (
    "The stand-in node is bbbload's own small server for trying the tools. What it "
    "carries says nothing about BigBlueButton and is not used in this plan."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement of a node to plan with."""

    capacity: Capacity
    type: str = ""
    """The server type that its card names, "" where nobody named one."""
    origin: CapacityOrigin = "capacity.json"
    note: str = ""
    """What must be said with it, "" for nothing."""


def capacities_used(
    catalog: Catalog,
    measured: tuple[Measured, ...] = (),
    profile: str | None = None,
    mix: tuple[tuple[str, float], ...] = (),
) -> tuple[CapacityUsed, ...]:
    """Return the capacity of every type that has one.

    `profile` names the measured meeting profile to plan with; without it the profile
    that a node carries fewest participants of. `mix` names several, each with the share
    of participants in its meetings, and goes before `profile`. A measurement serves the
    type that its card names, else a type with the measured number of cores, or the only
    type without a figure. Raises ConfigError when no type has a capacity, or several
    measurements would serve one.
    """
    used = []
    real = tuple(one for one in measured if not one.capacity.stand_in)
    bare = [kind for kind in catalog.types if kind.capacity is None]
    names = {kind.name.casefold() for kind in catalog.types}
    for kind in catalog.types:
        if kind.capacity is not None:
            stated = kind.capacity
            used.append(
                CapacityUsed(
                    type=kind.name,
                    origin="catalog",
                    participants=stated.participants,
                    low=stated.low,
                    high=stated.high,
                    coverage=stated.coverage,
                    source=stated.source,
                    mix=stated.mix,
                )
            )
        elif one := _serving(kind, real, names, is_only=len(bare) == 1):
            found = (
                _mixed(kind.name, one, mix)
                if mix
                else _measured(kind.name, one, profile)
            )
            used.append(found)
    if used:
        return tuple(used)
    if measured and not real:
        raise ConfigError(
            f"no type of {catalog.source} has a [types.capacity], and the measurement "
            f"(run {measured[0].capacity.run}) is of the stand-in node, which says "
            "nothing about BBB: add a figure with its source, or benchmark a real node"
        )
    raise ConfigError(
        f"no type of {catalog.source} has a capacity: add [types.capacity] with "
        "participants, low, high and source, or give a capacity.json measured on a "
        "node with as many cores, or a card that names the type"
    )


def _serving(
    kind: ServerType, real: tuple[Measured, ...], names: set[str], *, is_only: bool
) -> Measured | None:
    """Return the measurement that serves a type without a figure, None for none."""
    named = [one for one in real if one.type.casefold() == kind.name.casefold()]
    free = [one for one in real if one.type.casefold() not in names]
    alike = [one for one in free if one.capacity.node_cores == kind.cores]
    found = named or alike or (free if is_only else [])
    if len(found) > 1:
        runs = ", ".join(one.capacity.run for one in found)
        raise ConfigError(
            f"several measurements (runs {runs}) serve the type {kind.name!r}: give "
            "one, or name their types with `bbbload card --type`"
        )
    return found[0] if found else None


def as_interval(used: CapacityUsed) -> Interval:
    """Return the capacity as an interval."""
    return Interval(
        low=used.low, mid=used.participants, high=used.high, coverage=used.coverage
    )


def stand_in_section(found: tuple[Capacity, ...]) -> StandInMeasurement | None:
    """Return the first that was measured on the stand-in node, to be shown apart."""
    measured = next((one for one in found if one.stand_in), None)
    if measured is None:
        return None
    coverages = [one.coverage for one in measured.profiles]
    return StandInMeasurement(
        title=STAND_IN_TITLE,
        note=STAND_IN_NOTE,
        run=measured.run,
        slo=measured.slo.name,
        coverage=coverages[0] if coverages else 0.0,
        profiles=tuple(
            StandInProfile(
                name=found.profile.name,
                size=found.profile.size,
                cameras=found.profile.cameras,
                capacity=found.capacity,
                at_least=found.at_least,
                low=found.low,
                high=found.high,
                invalid=found.invalid,
                limit=found.limit,
            )
            for found in measured.profiles
        ),
    )


def _measured(kind: str, measured: Measured, profile: str | None) -> CapacityUsed:
    found = chosen(measured.capacity, profile)
    assert found.capacity is not None
    shape = found.profile
    return CapacityUsed(
        type=kind,
        origin=measured.origin,
        participants=found.capacity,
        low=found.low if found.low is not None else found.capacity,
        high=found.high if found.high is not None else found.capacity,
        coverage=found.coverage,
        source=_source(measured),
        mix=(
            f"{shape.name}: meetings of {shape.size}, {shape.cameras} cameras, "
            f"{shape.microphones} microphones"
        ),
        slo=measured.capacity.slo.name,
    )


def _mixed(
    kind: str, one: Measured, mix: tuple[tuple[str, float], ...]
) -> CapacityUsed:
    measured = one.capacity
    if measured.validity != "valid":
        raise _unfit(measured)
    known = {found.profile.name: found.profile for found in measured.profiles}
    for name, _ in mix:
        if name not in known:
            raise ConfigError(
                f"run {measured.run} has no profile {name!r} to mix; it has "
                + ", ".join(known)
            )
    parts = tuple((known[name], share) for name, share in mix)
    found = capacity_of_mix(parts, measured, np.random.default_rng(measured.seed))
    total = sum(share for _, share in mix)
    return CapacityUsed(
        type=kind,
        origin=one.origin,
        participants=found.mid,
        low=found.low,
        high=found.high,
        coverage=found.coverage,
        source=_source(one, "computed from the costs of its streams"),
        mix=", ".join(f"{name} {share / total:.0%}" for name, share in mix),
        slo=measured.slo.name,
    )


def parse_mix(text: str) -> tuple[tuple[str, float], ...]:
    """Return the parts of `talks=0.5,groups=0.5`.

    Raises ConfigError for what is not written so.
    """
    parts = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, separator, share = piece.rpartition("=")
        try:
            number = float(share)
        except ValueError:
            number = math.nan
        if not separator or not name.strip() or not 0 <= number < math.inf:
            raise ConfigError(
                f"{piece!r} is no part of a mix: write profiles with their shares of "
                "participants, as talks=0.7,groups=0.3"
            )
        parts.append((name.strip(), number))
    return tuple(parts)


def _source(measured: Measured, *more: str) -> str:
    """Say where a capacity comes from, and what must be said with it."""
    capacity = measured.capacity
    first = f"bbbload benchmark, run {capacity.run} of {capacity.started_at}"
    return ", ".join((first, *more, *capacity.reasons))


def chosen(measured: Capacity, profile: str | None = None) -> ProfileCapacity:
    """Return the profile of this name, by default that with the fewest participants.

    Raises ConfigError where a measurement holds no capacity to plan with.
    """
    known = [found for found in measured.profiles if found.capacity is not None]
    if measured.validity != "valid" or not known:
        raise _unfit(measured)
    if profile is None:
        return min(known, key=lambda found: found.capacity or 0.0)
    for found in known:
        if found.profile.name == profile:
            return found
    names = ", ".join(found.profile.name for found in known)
    raise ConfigError(
        f"run {measured.run} has no capacity for profile {profile!r}; it has {names}"
    )


def _unfit(measured: Capacity) -> ConfigError:
    reasons = "; ".join(measured.reasons) or "no profile reached its limit"
    return ConfigError(
        f"run {measured.run} holds no capacity to plan with ({reasons}): measure "
        "again, or state a capacity in the catalogue"
    )
