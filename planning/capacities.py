"""Which capacity each server type is planned with. Pure.

A figure in the catalogue wins over a measurement; a measurement serves the types that
have none. A measurement of bbbload's stand-in node is never a capacity of BBB: it is
handed on as a section of its own.
"""

import math

import numpy as np

from bots.errors import ConfigError
from loadtest.models import Capacity, ProfileCapacity
from planning.mix import capacity_of_mix
from planning.models import CapacityUsed, StandInMeasurement, StandInProfile
from planning.offers import Catalog
from planning.peaks import Interval

STAND_IN_TITLE = "Measured on bbbload's stand-in node, not on BigBlueButton"
STAND_IN_NOTE = (
    "The stand-in node is bbbload's own small server for trying the tools. What it "
    "carries says nothing about BigBlueButton and is not used in this plan."
)


def capacities_used(
    catalog: Catalog,
    measured: Capacity | None,
    profile: str | None = None,
    mix: tuple[tuple[str, float], ...] = (),
) -> tuple[CapacityUsed, ...]:
    """Return the capacity of every type that has one.

    `profile` names the measured meeting profile to plan with; without it the profile
    that a node carries fewest participants of. `mix` names several, each with the share
    of participants in its meetings, and goes before `profile`. A measurement serves a
    type with the measured number of cores, or the only type without a figure.
    Raises ConfigError when no type has a capacity.
    """
    used = []
    bare = [kind for kind in catalog.types if kind.capacity is None]
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
        elif measured is not None and not measured.stand_in:
            fits = measured.node_cores is not None and kind.cores == measured.node_cores
            if fits or len(bare) == 1:
                used.append(
                    _mixed(kind.name, measured, mix)
                    if mix
                    else _measured(kind.name, measured, profile)
                )
    if used:
        return tuple(used)
    if measured is not None and measured.stand_in:
        raise ConfigError(
            f"no type of {catalog.source} has a [types.capacity], and the measurement "
            f"(run {measured.run}) is of the stand-in node, which says nothing about "
            "BBB: add a figure with its source, or benchmark a real node"
        )
    raise ConfigError(
        f"no type of {catalog.source} has a capacity: add [types.capacity] with "
        "participants, low, high and source, or give a capacity.json measured on a "
        "node with as many cores"
    )


def as_interval(used: CapacityUsed) -> Interval:
    """Return the capacity as an interval."""
    return Interval(
        low=used.low, mid=used.participants, high=used.high, coverage=used.coverage
    )


def stand_in_section(measured: Capacity | None) -> StandInMeasurement | None:
    """Return what was measured on the stand-in node, to be shown apart."""
    if measured is None or not measured.stand_in:
        return None
    coverages = [found.coverage for found in measured.profiles]
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


def _measured(kind: str, measured: Capacity, profile: str | None) -> CapacityUsed:
    found = _chosen(measured, profile)
    assert found.capacity is not None
    shape = found.profile
    return CapacityUsed(
        type=kind,
        origin="capacity.json",
        participants=found.capacity,
        low=found.low if found.low is not None else found.capacity,
        high=found.high if found.high is not None else found.capacity,
        coverage=found.coverage,
        source=_source(measured),
        mix=(
            f"{shape.name}: meetings of {shape.size}, {shape.cameras} cameras, "
            f"{shape.microphones} microphones"
        ),
        slo=measured.slo.name,
    )


def _mixed(
    kind: str, measured: Capacity, mix: tuple[tuple[str, float], ...]
) -> CapacityUsed:
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
        origin="capacity.json",
        participants=found.mid,
        low=found.low,
        high=found.high,
        coverage=found.coverage,
        source=_source(measured, "computed from the costs of its streams"),
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


def _source(measured: Capacity, *more: str) -> str:
    """Say where a capacity comes from, and what must be said with it."""
    first = f"bbbload benchmark, run {measured.run} of {measured.started_at}"
    return ", ".join((first, *more, *measured.reasons))


def _chosen(measured: Capacity, profile: str | None) -> ProfileCapacity:
    known = [found for found in measured.profiles if found.capacity is not None]
    if measured.validity != "valid" or not known:
        reasons = "; ".join(measured.reasons) or "no profile reached its limit"
        raise ConfigError(
            f"run {measured.run} holds no capacity to plan with ({reasons}): measure "
            "again, or state a capacity in the catalogue"
        )
    if profile is None:
        return min(known, key=lambda found: found.capacity or 0.0)
    for found in known:
        if found.profile.name == profile:
            return found
    names = ", ".join(found.profile.name for found in known)
    raise ConfigError(
        f"run {measured.run} has no capacity for profile {profile!r}; it has {names}"
    )
