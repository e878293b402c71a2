"""bbbload plan and backtest: files in, plan.json out, a summary to stderr."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import click
import numpy as np

from bots.errors import ConfigError
from bots.whole_file import write_whole
from planning.assembly import Inputs, make_plan
from planning.backtest import backtest as run_backtest
from planning.budget import parse_budget
from planning.calendars import Calendar, parse_calendar, weeks_and_ahead
from planning.capacities import (
    Measured,
    capacities_used,
    parse_mix,
    stand_in_section,
)
from planning.caps import within_network
from planning.catalog import read_catalog, read_toml
from planning.codec import encode_plan
from planning.demand import parse_demand, stated_history
from planning.forecast import log_peaks
from planning.history.csv import read_csv
from planning.history.own_tests import own_tests, without
from planning.measured import read_measured
from planning.models import LONGEST_RUNWAY_MONTHS, Plan, StandInMeasurement
from planning.offers import Balancer
from planning.peaks import QUANTILES, Backtest, ForecastMethod, History
from planning.placement import BALANCERS
from planning.series import weekly_peaks
from planning.tables import finite

MOST_MONTHS = 24

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="Example: bbbload plan --history examples/senfcall-2020/history.csv "
    "--catalog examples/senfcall-2020/catalog.toml "
    "--budget examples/senfcall-2020/budget.toml -o plan.json"
)
@click.argument(
    "capacities", metavar="[CAPACITY]…", nargs=-1, type=click.Path(path_type=Path)
)
@click.option(
    "--history",
    type=_FILE,
    help="CSV of concurrency: time,participants, ISO 8601 with zone (or --demand).",
)
@click.option(
    "--demand",
    type=_FILE,
    help="TOML of classes, sizes and how many meet at once (default: a history).",
)
@click.option(
    "--catalog", type=_FILE, required=True, help="TOML of server types and prices."
)
@click.option(
    "--budget", type=_FILE, required=True, help="TOML of balance, income and costs."
)
@click.option(
    "--calendar",
    type=_FILE,
    help="TOML of country, states, terms and events (default: no calendar).",
)
@click.option(
    "--ledger",
    type=_FILE,
    help="Ledger of our own load tests, which are no demand (default: ours).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("-"),
    show_default=True,
    help="File for plan.json; - is standard output.",
)
@click.option(
    "--months",
    type=click.IntRange(1, MOST_MONTHS),
    default=12,
    show_default=True,
    help="Months to plan, from the first whole one after the history.",
)
@click.option(
    "--risk",
    type=click.FloatRange(0.005, 0.5),
    callback=lambda _context, option, value: finite(value, f"--{option.name}"),
    default=0.05,
    show_default=True,
    help="Chance (0 to 1) that a month's peak is more than the nodes carry.",
)
@click.option(
    "--profile",
    default=None,
    help="Measured meeting profile to plan with (default: the dearest one).",
)
@click.option(
    "--mix",
    default="",
    help="Measured profiles with their shares of participants, as "
    "talks=0.7,groups=0.3 (default: one profile).",
)
@click.option(
    "--balancer",
    type=click.Choice(BALANCERS),
    default=None,
    help="How meetings are put onto nodes (default: the budget's, else scalelite).",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of chance.",
)
def plan(
    capacities: tuple[Path, ...],
    history: Path | None,
    demand: Path | None,
    catalog: Path,
    budget: Path,
    calendar: Path | None,
    ledger: Path | None,
    output: Path,
    months: int,
    risk: float,
    profile: str | None,
    mix: str,
    balancer: Balancer | None,
    seed: int,
) -> int:
    """Plan servers and money for the coming months.

    CAPACITY is a node card or capacity.json of `bbbload benchmark`, or the
    observed.json of `bbbload capacity observe --benchmark`; several serve several
    types. A capacity in the catalogue wins over it. A measurement of the stand-in node
    is shown apart and never used.
    """
    now = datetime.now(UTC)
    if (history is None) == (demand is None):
        raise ConfigError("give one of --history and --demand: what is to be served?")
    stated = None
    if demand is not None:
        stated = parse_demand(read_toml(demand, "demand"), source=demand.name)
        past = stated_history(stated)
    else:
        assert history is not None
        past = _demand(history, ledger)
    measured = tuple(_measured(path) for path in capacities)
    offered = read_catalog(catalog, today=now.date())
    money = parse_budget(read_toml(budget, "budget"), source=budget.name)
    if balancer is not None:
        money = replace(money, balancer=balancer)
    inputs = Inputs(
        history=past,
        stated=stated,
        catalog=offered,
        budget=money,
        capacities=within_network(
            capacities_used(offered, measured, profile, parse_mix(mix)), offered, money
        ),
        months=months,
        risk=risk,
        seed=seed,
        made_on=now.date().isoformat(),
        tool_version=version("bbbload"),
        calendar=_calendar(calendar),
        stand_in=stand_in_section(tuple(one.capacity for one in measured)),
    )
    made = make_plan(inputs)
    _write(output, encode_plan(made))
    for line in _summary(made):
        click.echo(line, err=True)
    return 0


@click.command(
    epilog="Example: bbbload backtest history.csv --horizon 12w --json > backtest.json"
)
@click.argument("history", type=_FILE)
@click.option(
    "--horizon",
    default="12w",
    show_default=True,
    help="Weeks ahead to score, such as 12w.",
)
@click.option(
    "--calendar",
    type=_FILE,
    help="TOML of country, states, terms and events (default: no calendar).",
)
@click.option(
    "--ledger",
    type=_FILE,
    help="Ledger of our own load tests, which are no demand (default: ours).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")
def backtest(
    history: Path,
    horizon: str,
    calendar: Path | None,
    ledger: Path | None,
    as_json: bool,
) -> int:
    """Score the forecast and its baselines on the past of HISTORY.

    Pinball losses are in units of the median weekly peak of the 26 weeks before each
    origin.
    """
    weeks = _weeks(horizon)
    past = _demand(history, ledger)
    for note in past.notes:
        click.echo(f"Note: {note}.", err=True)
    known = weekly_peaks(past)
    series = log_peaks(known)
    if not np.isfinite(series).any():
        raise ConfigError(
            f"{past.source} has no complete week (70 % of its samples): nothing to test"
        )
    features = None
    dates = _calendar(calendar)
    if dates is not None:
        told = weeks_and_ahead(dates, known, weeks)
        features = told.features
        click.echo(
            f"calendar: {', '.join(told.columns) or 'nothing changes'}", err=True
        )
        for warning in told.warnings:
            click.echo(f"Warning: {warning}.", err=True)
    tested = run_backtest(series, weeks, features)
    if past.step_s > 300:
        click.echo(
            f"peaks come from values every {past.step_s // 60} minutes", err=True
        )
    if as_json:
        click.echo(json.dumps(_backtest_json(tested), indent=2))
        return 0
    click.echo(f"used: {tested.used} ({tested.reason})")
    for score in tested.scores:
        cells = "  ".join(
            f"q{row.quantile:g} loss {row.pinball:.4f} cover {row.coverage:.2f}"
            for row in score.scores
        )
        click.echo(f"{score.name:>14}, {score.origins} origins: {cells}")
    return 0


def _measured(path: Path) -> Measured:
    measured = read_measured(path)
    if measured.note:
        click.echo(f"Note: {measured.note}.", err=True)
    return measured


def _demand(path: Path, ledger: Path | None) -> History:
    return without(read_csv(path), own_tests(ledger))


def _calendar(path: Path | None) -> Calendar | None:
    if path is None:
        return None
    return parse_calendar(read_toml(path, "calendar"), source=path.name)


def _weeks(text: str) -> int:
    number = text.removesuffix("w")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 104:
        raise ConfigError(
            f"--horizon {text!r} is no number of weeks from 1w to 104w, such as 12w"
        )
    return int(number)


def _backtest_json(tested: Backtest) -> dict[str, object]:
    unknown = dict.fromkeys(f"{quantile:g}" for quantile in QUANTILES)
    nothing: dict[str, object] = {
        "pinball": unknown,
        "coverage": unknown,
        "origins": 0,
    }
    result: dict[str, object] = {
        name.replace(" ", "_"): nothing for name in get_args(ForecastMethod)
    }
    result |= {
        score.name.replace(" ", "_"): {
            "pinball": {f"{row.quantile:g}": row.pinball for row in score.scores},
            "coverage": {f"{row.quantile:g}": row.coverage for row in score.scores},
            "origins": score.origins,
        }
        for score in tested.scores
    }
    result["horizon_weeks"] = tested.horizon_weeks
    result["used"] = tested.used.replace(" ", "_")
    result["used_at"] = {
        f"{quantile:g}": used.replace(" ", "_")
        for quantile, used in zip(QUANTILES, tested.used_at, strict=True)
    }
    result["reason"] = tested.reason
    return result


def _write(output: Path, text: str) -> None:
    if str(output) == "-":
        sys.stdout.write(text)
        return
    write_whole(output, (text,))


def _summary(made: Plan) -> list[str]:
    first, last = made.months[0], made.months[-1]
    runway, total = made.runway_months, made.cost_total_interval_eur
    modelled = " (modelled, not measured)" if made.history_is_modelled else ""
    lines = [
        f"Demand {made.demand} (stated, not measured)."
        if made.demand
        else f"History {made.history}{modelled}: highest {made.history_peak:g} on "
        f"{made.history_peak_at[:16]}.",
        f"Forecast by the {made.forecast_method}: {made.forecast_reason}.",
    ]
    for month in (first, last):
        nodes = ", ".join(f"{node.count} × {node.type}" for node in month.nodes)
        bill = month.cost_interval_eur
        lines.append(
            f"{month.month}: peak {month.peak.p50:.0f} (one month in twenty above "
            f"{month.peak.p95:.0f}); {nodes} serve; {month.cost_eur:.0f} EUR, likely "
            f"bill {bill.low:.0f} to {bill.high:.0f}."
        )
    for step in made.orders:
        verb = "Order" if step.count > 0 else "Cancel"
        lines.append(
            f"{verb} {abs(step.count)} × {step.type} by {step.act_by} for {step.month}."
        )
    lines += [
        f"{len(made.months)} months: {made.cost_total_eur:.0f} EUR as ordered, likely "
        f"{total.low:.0f} to {total.high:.0f} (80 %).",
        f"The money lasts {_lasting(runway.mid)} ({_lasting(runway.low)} to "
        f"{_lasting(runway.high)}, 80 %); {_lasting(made.ordered_runway_months)} if "
        "each bill is as ordered.",
        f"Any node may fail: overload risk on a peak morning at most "
        f"{made.node_failure.overload_risk:.1%}.",
    ]
    for shock in made.shocks:
        lines.append(
            f"Shock × {shock.factor:g} in {shock.month}: {shock.extra_nodes} more "
            f"nodes, {shock.monthly_cost_eur:.0f} EUR a month, money for "
            f"{_lasting(shock.runway_months.mid)}."
        )
    for used in made.capacity_used:
        lines.append(
            f"Capacity of {used.type}: {used.participants:.0f} ({used.low:.0f} to "
            f"{used.high:.0f}) from {used.origin}: {used.source}."
        )
    lines += [f"Warning: {warning}." for warning in made.warnings]
    if made.stand_in is not None:
        lines += _stand_in(made.stand_in)
    return lines


def _lasting(months: float | None) -> str:
    if months is None:
        return "unknown"
    if months >= LONGEST_RUNWAY_MONTHS:
        return "over 20 years"
    return f"{months:.1f} months"


def _stand_in(measured: StandInMeasurement) -> list[str]:
    lines = [f"{measured.title} (SLO {measured.slo}). {measured.note}"]
    for row in measured.profiles:
        if row.capacity is not None:
            found = f"{row.capacity:.0f} participants"
            if row.low is not None and row.high is not None:
                found += f" ({row.low:.0f} to {row.high:.0f}, {measured.coverage:.0%})"
        elif row.at_least is not None:
            found = f"at least {row.at_least:.0f} participants"
        else:
            found = f"invalid: {row.invalid}"
        plural = "" if row.cameras == 1 else "s"
        lines.append(
            f"  {row.name}, meetings of {row.size} with {row.cameras} "
            f"camera{plural}: {found}"
        )
    return lines
