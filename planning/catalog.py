"""Server types and prices from a dated TOML file.

    [catalog]                    # optional defaults for every type
    currency = "EUR"             # another one needs eur_per_unit, its rate
    vat = 0.19                   # added to prices unless prices_include_vat
    prices_include_vat = false
    vat_deductible = false       # true: you get VAT back, so plan without it
    power_per_kwh = 0.30         # for bought nodes, whose power is paid apart
    co2_kg_per_kwh = 0.35
    source = "https://…"
    date = 2020-12-01

    [[types]]
    name = "six cores"
    price = 34.0                 # a month
    setup = 34.0
    term_months = 1
    notice_days = 30             # from the cancellation to the end
    lead_days = 3                # from the order until it serves
    watts = 120                  # optional: for power and CO2
    included_traffic_tb = 20     # left out: not limited
    extra_traffic_per_tb = 1.0
    nic_mbps = 1000
    cores = 6

    [types.capacity]             # optional: else capacity.json must hold one
    participants = 200
    low = 150
    high = 240
    source = "BBB FAQ"

A type with `per_hour` is hourly: billed while it exists, at most `price` a month. One
with `purchase` is bought: `years` of use, `housing` a month, and power by its watts.
Each type may carry its own `source` and `date`. A price that is assumed says so with
`assumption = true` and its `reason`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bots.errors import ConfigError
from planning.offers import Billing, Catalog, ServerType, TypeCapacity
from planning.tables import Table

STALE_DAYS = 60
BITS_PER_MEGABIT = 1e6
TERABYTE = 1e12
GIGABYTE = 1e9
HOURS_IN_A_MONTH = 730.5


def read_catalog(path: Path, *, today: date) -> Catalog:
    """Return the catalogue in `path`, its prices as the user pays them.

    Raises ConfigError for whatever is missing, negative or not understood.
    """
    data = read_toml(path, "catalogue")
    return parse_catalog(data, source=path.name, today=today)


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the TOML in `path`; raise ConfigError when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the {what} {path}: {error.strerror or error}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {what} {path} is no TOML: {error}") from error


def parse_catalog(data: Mapping[str, Any], *, source: str, today: date) -> Catalog:
    """Return the catalogue that the TOML `data` describes."""
    top = Table(data, source)
    head = top.table("catalog", optional=True)
    currency = head.text("currency", "EUR")
    rate = head.number("eur_per_unit", 1.0)
    if (currency != "EUR") != head.has("eur_per_unit") or rate <= 0:
        raise ConfigError(
            f"{source}: prices in {currency!r} need eur_per_unit, what one of it is "
            "worth in EUR (above 0), and prices in EUR need none"
        )
    vat = head.number("vat", 0.0)
    is_net = head.flag("vat_deductible", False)
    includes = head.flag("prices_include_vat", False)
    factor = 1.0 if includes != is_net else (1.0 / (1.0 + vat) if includes else 1 + vat)
    power = head.number("power_per_kwh", None)
    co2 = head.number("co2_kg_per_kwh", None)
    default_source = head.text("source", "")
    default_date = head.day("date", None)
    head.finish()
    tables = top.tables("types")
    top.finish()
    if not tables:
        raise ConfigError(f"{source} has no [[types]]: add at least one server type")
    prices = _Prices(
        factor=factor * rate, power=None if power is None else power * factor * rate
    )
    types = tuple(
        _type(table, prices, default_source, default_date) for table in tables
    )
    names = [kind.name for kind in types]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{source} has two types called {name!r}: rename one")
    oldest = min(kind.date for kind in types)
    age_days = (today - date.fromisoformat(oldest)).days
    warnings = []
    if age_days > STALE_DAYS:
        warnings.append(
            f"the prices in {source} are {age_days} days old ({oldest}): check them "
            f"before ordering (warned past {STALE_DAYS} days)"
        )
    if age_days < 0:
        raise ConfigError(f"{source} has a price dated {oldest}, which is to come")
    return Catalog(
        source=source,
        currency="EUR",
        vat_ratio=factor - 1.0 if factor > 1.0 else 0.0,
        date=oldest,
        types=types,
        warnings=tuple(warnings),
        is_net=is_net,
        co2_kg_per_kwh=co2,
        stated_in=currency,
        eur_per_unit=rate,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """From the file's prices to those the user pays."""

    factor: float
    power: float | None
    """EUR a kWh."""


def _type(
    table: Table, prices: _Prices, default_source: str, default_date: date | None
) -> ServerType:
    included_tb = table.number("included_traffic_tb", None)
    memory_gb = table.number("memory_gb", None)
    day = table.day("date", default_date)
    if day is None:
        raise table.mistake("has no date: on which day was its price read?")
    factor = prices.factor
    watts = table.number("watts", None)
    billing: Billing = "rented"
    if table.has("purchase"):
        billing = "bought"
    elif table.has("per_hour"):
        billing = "hourly"
    kind = ServerType(
        name=table.text("name"),
        billing=billing,
        price_eur=_running(table, prices, watts)
        if billing == "bought"
        else table.number("price") * factor,
        hour_eur=table.number("per_hour", 0.0) * factor,
        purchase_eur=table.number("purchase", 0.0) * factor,
        life_months=_life(table) if billing == "bought" else 0,
        watts=watts,
        notice_days=table.count("notice_days", 0, least=0),
        lead_days=table.count("lead_days", 0, least=0),
        setup_eur=table.number("setup", 0.0) * factor,
        term_months=table.count("term_months", 1, least=1),
        included_traffic_bytes=None if included_tb is None else included_tb * TERABYTE,
        extra_traffic_eur_per_byte=table.number("extra_traffic_per_tb", 0.0)
        * factor
        / TERABYTE,
        nic_bps=table.number("nic_mbps") * BITS_PER_MEGABIT,
        cores=table.count("cores", None, least=1),
        memory_bytes=None if memory_gb is None else memory_gb * GIGABYTE,
        source=table.text("source", default_source),
        date=day.isoformat(),
        capacity=_capacity(table),
        max_count=table.count("max_count", 0, least=0) or None,
        is_assumption=table.flag("assumption", False),
        reason=table.text("reason", ""),
    )
    if not kind.source:
        raise table.mistake("has no source: where was its price read?")
    table.finish()
    return kind


def _running(table: Table, prices: _Prices, watts: float | None) -> float:
    """Return what a bought node costs a month besides its price."""
    housing = table.number("housing", 0.0) * prices.factor
    if not watts:
        return housing
    if prices.power is None:
        raise table.mistake("has watts: add power_per_kwh to [catalog]")
    return housing + watts / 1000.0 * HOURS_IN_A_MONTH * prices.power


def _life(table: Table) -> int:
    years = table.number("years")
    if not 0.5 <= years <= 20:
        raise table.mistake(f"has years = {years:g}; a node is used for 0.5 to 20")
    return round(years * 12)


def _capacity(table: Table) -> TypeCapacity | None:
    if not table.has("capacity"):
        return None
    inner = table.table("capacity")
    capacity = TypeCapacity(
        participants=inner.number("participants"),
        low=inner.number("low"),
        high=inner.number("high"),
        source=inner.text("source"),
        coverage=inner.number("coverage", 0.8),
        mix=inner.text("mix", ""),
        is_assumption=inner.flag("assumption", False),
    )
    inner.finish()
    if not 0 < capacity.low <= capacity.participants <= capacity.high:
        raise inner.mistake(
            f"needs 0 < low ≤ participants ≤ high, not {capacity.low:g}, "
            f"{capacity.participants:g}, {capacity.high:g}"
        )
    if not 0 < capacity.coverage < 1:
        raise inner.mistake(
            f"needs a coverage between 0 and 1, not {capacity.coverage:g}"
        )
    return capacity
