"""Money: a budget from TOML tables, balances and the runway. Pure.

balance = 7000.0             # EUR, on the day below
balance_on = 2020-12-31
reserve = 0.0                # the runway ends where the balance would fall under it

[[income]]                   # every month from `first` to `last` (both optional)
name = "donations"
amount = {low = 50, mid = 120, high = 300}    # or one number
[[fixed_costs]]
name = "virtual servers"
amount = 100.0
[[growth]]                   # peaks times `factor` from a month on
name = "new school"
first = "2021-02"
factor = 1.2
[[shocks]]                   # default: 2, 3 and 5 in the first planned month
factor = 5.0
[[held]]                     # nodes already rented: no set-up for them
type = "six cores"
count = 9
price = 35.0                 # optional: what they cost until they end
until = "2027-03"            # optional: last month that must be paid
notice_days = 30
[recordings]                 # what recordings put on disks
hours = 40.0                 # a month; gb_per_hour, retention_months, eur_per_tb_month
[demand]
largest_meeting = 80
[placement]
balancer = "scalelite"       # or b3scale, fewest meetings, round robin
room_limit = 200             # optional: participants that one meeting may have
joins_per_s = 30.0           # optional: what a node takes in its busiest minute
[streams]                    # for traffic; see planning/traffic.py
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.models import LONGEST_RUNWAY_MONTHS
from planning.offers import (
    Budget,
    Contract,
    GrowthDriver,
    MoneyLine,
    NodeCount,
    Recordings,
    Shock,
    StreamMix,
)
from planning.peaks import Interval
from planning.placement import BALANCERS
from planning.sampling import log_normal
from planning.tables import Table
from planning.traffic import DEFAULT_STREAMS

Floats = NDArray[np.float64]

GIGABYTES_PER_HOUR = Interval(low=0.2, mid=0.5, high=1.5)
"""Of a published recording, our assumption; raw and published together while both are
kept."""
DEFAULT_SHOCKS = (Shock(factor=2.0), Shock(factor=3.0), Shock(factor=5.0))


def parse_budget(data: Mapping[str, Any], *, source: str) -> Budget:
    """Return the budget that the TOML `data` describes.

    Raises ConfigError for whatever is missing, negative or not understood.
    """
    top = Table(data, source)
    day = top.day("balance_on", None)
    if day is None:
        raise top.mistake("lacks balance_on: on which day is the balance read?")
    demand = top.table("demand", optional=True)
    placing = top.table("placement", optional=True)
    largest = demand.count("largest_meeting", 0, least=0)
    contracts = tuple(_held(table) for table in top.tables("held"))
    budget = Budget(
        source=source,
        balance_eur=top.number("balance"),
        balance_on=day.isoformat(),
        reserve_eur=top.number("reserve", 0.0),
        income=tuple(
            _line(table) for name in ("income", "grants") for table in top.tables(name)
        ),
        fixed_costs=tuple(_line(table) for table in top.tables("fixed_costs")),
        growth=tuple(_driver(table) for table in top.tables("growth")),
        shocks=tuple(_shock(table) for table in top.tables("shocks")) or DEFAULT_SHOCKS,
        largest_meeting=largest or None,
        largest_meeting_source=demand.text("largest_meeting_source", ""),
        mean_ratio=demand.number("mean_ratio", None),
        streams=_streams(top.table("streams", optional=True)),
        held=tuple(
            NodeCount(type=one.type, count=one.count)
            for one in contracts
            if one.price_eur is None and one.until is None and not one.notice_days
        ),
        contracts=tuple(
            one
            for one in contracts
            if one.price_eur is not None or one.until is not None or one.notice_days
        ),
        recordings=_recordings(top.table("recordings", optional=True)),
        balancer=placing.choice("balancer", BALANCERS, "scalelite"),
        room_limit=placing.count("room_limit", 0, least=0) or None,
        joins_per_s=placing.number("joins_per_s", None),
    )
    demand.finish()
    placing.finish()
    top.finish()
    return budget


def months_after(day: str, count: int) -> tuple[str, ...]:
    """Return the `count` months that begin after `day`."""
    start = date.fromisoformat(day)
    first = start.year * 12 + start.month
    return tuple(
        f"{(first + i) // 12:04d}-{(first + i) % 12 + 1:02d}" for i in range(count)
    )


def month_distance(earlier: str, later: str) -> int:
    """Return the whole months from `earlier` to `later` (`YYYY-MM`)."""
    first, second = (
        date.fromisoformat(f"{earlier}-01"),
        date.fromisoformat(f"{later}-01"),
    )
    return (second.year - first.year) * 12 + second.month - first.month


def applies(line: MoneyLine | GrowthDriver, month: str) -> bool:
    """Tell whether a line counts in `month`."""
    return (line.first_month is None or line.first_month <= month) and (
        line.last_month is None or month <= line.last_month
    )


def monthly_amounts(
    lines: tuple[MoneyLine, ...],
    months: tuple[str, ...],
    rng: np.random.Generator,
    count: int,
) -> Floats:
    """Draw (count, months) sums of the lines; a line's luck holds all along."""
    total = np.zeros((count, len(months)))
    for line in lines:
        drawn = log_normal(line.amount, rng, count)
        active = np.array([applies(line, month) for month in months], dtype=float)
        total += drawn[:, None] * active[None, :]
    return total


def balances(start_eur: float, income: Floats, bills: Floats) -> Floats:
    """Return (paths, months): the balance at the end of each month."""
    return np.asarray(start_eur + np.cumsum(income - bills, axis=1), dtype=float)


def runways(
    start_eur: float, income: Floats, bills: Floats, reserve_eur: float = 0.0
) -> Floats:
    """Return for each path the months until the balance falls under the reserve.

    Within a month money goes evenly. Past the last month it repeats; a runway that
    never ends is said as `LONGEST_RUNWAY_MONTHS`.
    """
    change = income - bills
    paths, months = change.shape
    above = np.full(paths, start_eur - reserve_eur)
    result = np.full(paths, LONGEST_RUNWAY_MONTHS)
    open_paths = above >= 0
    result[~open_paths] = 0.0
    for month in range(months):
        step = change[:, month]
        ends = open_paths & (above + step < 0)
        result[ends] = month + above[ends] / -step[ends]
        open_paths &= ~ends
        above = above + step
    last = change[:, -1]
    falling = open_paths & (last < 0)
    result[falling] = months + above[falling] / -last[falling]
    return np.asarray(np.minimum(result, LONGEST_RUNWAY_MONTHS), dtype=float)


def _line(table: Table) -> MoneyLine:
    line = MoneyLine(
        name=table.text("name"),
        amount=table.interval("amount"),
        first_month=table.month("first"),
        last_month=table.month("last"),
        source=table.text("source", ""),
    )
    table.finish()
    return line


def _held(table: Table) -> Contract:
    held = Contract(
        type=table.text("type"),
        count=table.count("count", None, least=1),
        price_eur=table.number("price", None),
        until=table.month("until"),
        notice_days=table.count("notice_days", 0, least=0),
    )
    table.text("source", "")
    table.finish()
    return held


def _recordings(table: Table) -> Recordings | None:
    if not table.has("hours"):
        table.finish()
        return None
    per_hour = table.interval("gb_per_hour", GIGABYTES_PER_HOUR)
    found = Recordings(
        hours=table.interval("hours"),
        bytes_per_hour=replace(
            per_hour,
            low=per_hour.low * 1e9,
            mid=per_hour.mid * 1e9,
            high=per_hour.high * 1e9,
        ),
        retention_months=table.number("retention_months"),
        included_bytes=table.number("included_tb", 0.0) * 1e12,
        eur_per_byte_month=table.number("eur_per_tb_month", 0.0) / 1e12,
        source=table.text("source", ""),
    )
    table.finish()
    return found


def _driver(table: Table) -> GrowthDriver:
    first = table.month("first")
    if first is None:
        raise table.mistake('lacks first: the month it begins, such as "2027-02"')
    driver = GrowthDriver(
        name=table.text("name"),
        first_month=first,
        factor=table.interval("factor"),
        last_month=table.month("last"),
        source=table.text("source", ""),
    )
    table.finish()
    if driver.factor.low <= 0:
        raise table.mistake("needs a factor above 0")
    return driver


def _shock(table: Table) -> Shock:
    shock = Shock(factor=table.number("factor"), month=table.month("month"))
    table.finish()
    if shock.factor <= 0:
        raise table.mistake("needs a factor above 0")
    return shock


def _streams(table: Table) -> StreamMix | None:
    names = [field.name for field in fields(StreamMix) if field.name != "source"]
    if not any(table.has(name) for name in names):
        table.finish()
        return None
    source = table.text("source", "")
    if not source:
        raise ConfigError(
            f"{table.place} lacks source: where do these shares come from?"
        )
    mix = replace(
        DEFAULT_STREAMS,
        source=source,
        **{
            name: table.interval(name, getattr(DEFAULT_STREAMS, name)) for name in names
        },
    )
    table.finish()
    return mix
