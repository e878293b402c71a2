"""Server types and prices from a dated TOML file.

    [catalog]                    # optional defaults for every type
    currency = "EUR"
    vat = 0.19                   # added to prices unless prices_include_vat
    prices_include_vat = false
    source = "https://…"
    date = 2020-12-01

    [[types]]
    name = "six cores"
    price = 34.0                 # a month
    setup = 34.0
    term_months = 1
    included_traffic_tb = 20     # left out: not limited
    extra_traffic_per_tb = 1.0
    nic_mbps = 1000
    cores = 6

    [types.capacity]             # optional: else capacity.json must hold one
    participants = 200
    low = 150
    high = 240
    source = "BBB FAQ"

Each type may carry its own `source` and `date`. A price that is assumed says so with
`assumption = true` and its `reason`.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bots.errors import ConfigError
from planning.models import Catalog, ServerType, TypeCapacity
from planning.tables import Table

STALE_DAYS = 60
BITS_PER_MEGABIT = 1e6
TERABYTE = 1e12
GIGABYTE = 1e9


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
    if currency != "EUR":
        raise ConfigError(
            f"{source}: currency {currency!r} is not supported; convert the prices to "
            "EUR and say so in the source"
        )
    vat = head.number("vat", 0.0)
    if head.flag("prices_include_vat", False):
        vat = 0.0
    default_source = head.text("source", "")
    default_date = head.day("date", None)
    head.finish()
    tables = top.tables("types")
    top.finish()
    if not tables:
        raise ConfigError(f"{source} has no [[types]]: add at least one server type")
    types = tuple(_type(table, vat, default_source, default_date) for table in tables)
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
        currency=currency,
        vat_ratio=vat,
        date=oldest,
        types=types,
        warnings=tuple(warnings),
    )


def _type(
    table: Table, vat: float, default_source: str, default_date: date | None
) -> ServerType:
    included_tb = table.number("included_traffic_tb", None)
    memory_gb = table.number("memory_gb", None)
    day = table.day("date", default_date)
    if day is None:
        raise table.mistake("has no date: on which day was its price read?")
    kind = ServerType(
        name=table.text("name"),
        price_eur=table.number("price") * (1.0 + vat),
        setup_eur=table.number("setup", 0.0) * (1.0 + vat),
        term_months=table.count("term_months", 1, least=1),
        included_traffic_bytes=None if included_tb is None else included_tb * TERABYTE,
        extra_traffic_eur_per_byte=table.number("extra_traffic_per_tb", 0.0)
        * (1.0 + vat)
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
