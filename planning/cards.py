"""Node cards of one SLO side by side, with what a euro buys of each type. Pure.

Two cards can be compared where they kept the same bounds under the same load: rows
stand together by the hash of their meetings, and cards of another SLO stand apart, with
the bound that differs. Participants are those that planning uses, so at the cost of
real people where these were dearer than the benchmark's bots.

    users per euro = participants ÷ (price a month + purchase ÷ months of use)

Set-up fees are left out: how long a node is kept is the plan's to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from bots.errors import ConfigError
from loadtest.card import NodeCard
from loadtest.models import Limit, MeetingProfile, ProfileCapacity, Slo
from planning.observed.people import planned_capacity
from planning.offers import Catalog, ServerType
from planning.peaks import Interval

Standing = Literal["valid", "invalid", "interrupted", "stand-in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCard:
    """A card and the name of its file."""

    name: str
    card: NodeCard


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """What one card says of one load."""

    name: str
    card: NodeCard
    standing: Standing
    participants: Interval | None
    """None where the card holds no capacity for this load."""
    at_least: float | None
    limit: Limit
    reason: str
    """Why there is no capacity, "" otherwise."""
    price_eur: float | None
    """A month; None where the catalogue does not have the type."""
    per_eur: Interval | None
    """Participants for a euro a month, of a card that is valid."""
    at_least_per_eur: float | None
    """The same where only a load that held is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRows:
    """The cards that were measured with one load, the best first."""

    hash: str
    profile: MeetingProfile
    rows: tuple[CardRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Cards compared, and those that cannot be."""

    slo: Slo
    loads: tuple[LoadRows, ...]
    """Of real nodes."""
    stand_ins: tuple[LoadRows, ...]
    """Of bbbload's stand-in node: they say nothing about BigBlueButton."""
    apart: tuple[tuple[str, str], ...]
    """(card, why it is not compared)."""
    prices: str = ""
    """Name and date of the catalogue, "" without one."""


def side_by_side(cards: Sequence[NamedCard], catalog: Catalog | None) -> SideBySide:
    """Return the cards of the SLO that most real, valid cards kept.

    Between SLOs kept by as many, the default one goes first. Raises ConfigError for no
    card at all.
    """
    if not cards:
        raise ConfigError("there is no node card to compare: `bbbload card` makes one")
    slo = _most_used(cards)
    alike = [one for one in cards if _bounds(one.card.capacity.slo) == _bounds(slo)]
    apart = [
        (one.name, _difference(one.card.capacity.slo, slo))
        for one in cards
        if one not in alike
    ]
    real = [one for one in alike if not one.card.capacity.stand_in]
    stand_ins = [one for one in alike if one.card.capacity.stand_in]
    return SideBySide(
        slo=slo,
        loads=_loads(real, catalog),
        stand_ins=_loads(stand_ins, None),
        apart=tuple(apart),
        prices="" if catalog is None else f"{catalog.source}, {catalog.date}",
    )


def month_eur(kind: ServerType) -> float:
    """Return what a node of a type costs a month, a bought one over its use."""
    if not kind.life_months:
        return kind.price_eur
    return kind.price_eur + kind.purchase_eur / kind.life_months


def _loads(cards: Sequence[NamedCard], catalog: Catalog | None) -> tuple[LoadRows, ...]:
    found: dict[str, tuple[MeetingProfile, list[CardRow]]] = {}
    for one in cards:
        planned = planned_capacity(one.card)
        hashes = dict(one.card.scenarios)
        for profile in planned.profiles:
            load = hashes.get(profile.profile.name, "")
            rows = found.setdefault(load, (profile.profile, []))[1]
            rows.append(_row(one, profile, catalog))
    order = sorted(found.items(), key=lambda item: (-len(item[1][1]), item[1][0].name))
    return tuple(
        LoadRows(hash=load, profile=profile, rows=tuple(sorted(rows, key=_rank)))
        for load, (profile, rows) in order
    )


def _row(one: NamedCard, found: ProfileCapacity, catalog: Catalog | None) -> CardRow:
    capacity = one.card.capacity
    participants = None
    if found.capacity is not None:
        participants = Interval(
            low=found.capacity if found.low is None else found.low,
            mid=found.capacity,
            high=found.capacity if found.high is None else found.high,
            coverage=found.coverage,
        )
    price = _price(one.card.type, catalog)
    standing: Standing = "stand-in" if capacity.stand_in else capacity.validity
    per_eur = at_least_per_eur = None
    if price and standing == "valid":
        if participants is not None:
            per_eur = _over(participants, price)
        elif found.at_least is not None:
            at_least_per_eur = found.at_least / price
    return CardRow(
        name=one.name,
        card=one.card,
        standing=standing,
        participants=participants,
        at_least=found.at_least,
        limit=found.limit,
        reason=found.invalid,
        price_eur=price,
        per_eur=per_eur,
        at_least_per_eur=at_least_per_eur,
    )


def _over(found: Interval, price: float) -> Interval:
    return replace(
        found, low=found.low / price, mid=found.mid / price, high=found.high / price
    )


def _price(name: str, catalog: Catalog | None) -> float | None:
    if catalog is None or not name:
        return None
    for kind in catalog.types:
        if kind.name.casefold() == name.casefold():
            return month_eur(kind)
    return None


def _rank(row: CardRow) -> tuple[bool, bool, float, float, str]:
    """Order: what may be believed, what has a price, most for a euro, most, by name."""
    most = row.at_least or 0.0
    if row.participants is not None:
        most = row.participants.mid
    return (
        row.standing not in ("valid", "stand-in"),
        row.per_eur is None,
        -(row.per_eur.mid if row.per_eur else row.at_least_per_eur or 0.0),
        -most,
        row.name,
    )


def _most_used(cards: Sequence[NamedCard]) -> Slo:
    def weight(slo: Slo) -> tuple[int, bool, int]:
        same = [one for one in cards if _bounds(one.card.capacity.slo) == _bounds(slo)]
        good = [
            one
            for one in same
            if one.card.capacity.validity == "valid" and not one.card.capacity.stand_in
        ]
        return len(good), _bounds(slo) == _bounds(Slo()), len(same)

    return max((one.card.capacity.slo for one in cards), key=weight)


def _bounds(slo: Slo) -> Slo:
    return replace(slo, name="")


def _difference(theirs: Slo, ours: Slo) -> str:
    """Say which bounds differ, as formats.md calls them."""
    told = [
        f"{field.name} {_bound(getattr(theirs, field.name))} and not "
        f"{_bound(getattr(ours, field.name))}"
        for field in fields(Slo)
        if field.name != "name"
        and getattr(theirs, field.name) != getattr(ours, field.name)
    ]
    return "another SLO: " + ", ".join(told)


def _bound(value: float | None) -> str:
    return "not judged" if value is None else f"{value:g}"
