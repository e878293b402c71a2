"""bbbload quote, window and export: the weekly questions, asked of files that exist."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from bots.errors import ConfigError
from planning import export as formats
from planning.assembly import LARGEST_SHARE_GUESSED
from planning.capacities import chosen
from planning.codec import SCHEMA as PLAN_SCHEMA
from planning.codec import decode_plan
from planning.history.csv import read_csv
from planning.history.own_tests import own_tests, without
from planning.measured import read_measured
from planning.models import Plan
from planning.placement import usable_utilisation
from planning.quote import added_cost_eur, parse_addition, quote_lines
from planning.quote import quote as make_quote
from planning.tables import finite
from planning.window import there_all_day, windows
from planning.zones import zone_of

_FILE = click.Path(path_type=Path, dir_okay=False)
SHOWN_WINDOWS = 10
_UNITS = {"h": 1, "d": 24}


@click.command(
    epilog="Example: bbbload quote plan.json "
    "--add pupils=900,classes=32,size=28,cameras=2,from=2027-02"
)
@click.argument("plan_file", metavar="PLAN", type=_FILE)
@click.option(
    "--add",
    required=True,
    help="Who comes: classes= and size= (people in one); also pupils= (never more than "
    "that), cameras= in each (for "
    "traffic), together= (share 0 to 1 that meets at once), from=MONTH.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")
def quote(plan_file: Path, add: str, as_json: bool) -> int:
    """Tell what more people would take: nodes, cost and runway before and after.

    PLAN is a plan.json of `bbbload plan`; its prices and budget are inside it.
    """
    plan = _plan(plan_file)
    found = make_quote(
        plan, parse_addition(add, tuple(month.month for month in plan.months))
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return 0
    for line in quote_lines(found):
        click.echo(line)
    over_all = found.after.total_eur - found.before.total_eur
    click.echo(
        f"The addition costs {added_cost_eur(found):.0f} EUR a month at first, "
        f"{over_all:.0f} EUR for nodes over all months of the plan."
    )
    return 0


@click.command(
    epilog="Example: bbbload window history.csv card.json --nodes 12 "
    "--nodes-out 3 --for 2h --within 14d"
)
@click.argument("history", type=_FILE)
@click.argument("cards", metavar="CARDS…", nargs=-1, required=True, type=_FILE)
@click.option(
    "--nodes",
    type=click.IntRange(2, 1000),
    default=None,
    help="Nodes there are (default: those of a plan.json's first month that are there "
    "all day).",
)
@click.option(
    "--nodes-out",
    type=click.IntRange(1, 999),
    default=1,
    show_default=True,
    help="Nodes to be drained at once.",
)
@click.option(
    "--for",
    "length",
    default="2h",
    show_default=True,
    help="Length of the window in hours, such as 2h.",
)
@click.option(
    "--within",
    default="14d",
    show_default=True,
    help="How far ahead of the history's end to look, such as 14d.",
)
@click.option(
    "--risk",
    type=click.FloatRange(0.0001, 0.5),
    callback=lambda _context, option, value: finite(value, f"--{option.name}"),
    default=0.01,
    show_default=True,
    help="Chance (0 to 1) of an overload that is accepted, one more node failing.",
)
@click.option(
    "--zone",
    default="",
    help="Time zone whose clock people live by (default: the history's).",
)
@click.option(
    "--ledger",
    type=_FILE,
    help="Ledger of our own load tests, which are no demand (default: ours).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")
def window(
    history: Path,
    cards: tuple[Path, ...],
    nodes: int | None,
    nodes_out: int,
    length: str,
    within: str,
    risk: float,
    zone: str,
    ledger: Path | None,
    as_json: bool,
) -> int:
    """Say when nodes may be drained at the chosen risk.

    CARDS are node cards (or capacity.json files) of the types in the pool, of which the
    weakest counts, or a plan.json.
    """
    found_in = [_capacities(path) for path in cards]
    capacities = [node for nodes_in, _ in found_in for node in nodes_in]
    plan = next((plan for _, plan in found_in if plan is not None), None)
    if nodes is None:
        if plan is None:
            raise ConfigError(
                "--nodes is needed with a card: how many nodes are there?"
            )
        pool = there_all_day(plan)
        nodes = sum(node.count for node in pool)
        names = {node.type for node in pool}
        capacities = [node for node in capacities if node.name in names]
        if not capacities:
            raise ConfigError(
                "the plan has nodes by the hour alone: say with --nodes how many are on"
            )
        switched = sum(node.count for node in plan.months[0].nodes) - nodes
        if switched:
            click.echo(
                f"Note: {switched} more nodes of the plan exist by the hour and are "
                "not counted; --nodes says how many are on.",
                err=True,
            )
    weakest = min(node.low for node in capacities)
    past = without(read_csv(history), own_tests(ledger))
    if zone:
        past = replace(past, zone=zone_of(zone).key)
    sizes = [size for size in past.largest_meeting or () if size is not None]
    guessed = round(LARGEST_SHARE_GUESSED * max(past.participants))
    largest = plan.largest_meeting if plan is not None else max(sizes, default=guessed)
    usable = weakest * usable_utilisation(min(1.0, largest / weakest))
    hours = _length(length, "--for", 168)
    days = max(1, _length(within, "--within", 31 * 24) // 24)
    if hours > 24 * days:
        raise ConfigError(f"--for {length} is longer than --within {within}")
    found = windows(
        past,
        usable=usable,
        nodes=nodes,
        nodes_out=nodes_out,
        hours=hours,
        days=days,
    )
    good = [one for one in found if one.risk <= risk]
    if as_json:
        shown = [asdict(one) for one in (good or found)[:SHOWN_WINDOWS]]
        click.echo(json.dumps({"allowed": len(good), "windows": shown}, indent=2))
        return 0
    left = nodes - nodes_out - 1
    click.echo(
        f"{left} of {nodes} nodes left, one of the others failing: room for "
        f"{left * usable:.0f} participants ({usable:.0f} a node)."
    )
    if not good:
        click.echo(
            f"No window of {length} within {within} keeps the risk at {risk:g}; the "
            "calmest are:"
        )
    for one in (good or found)[:SHOWN_WINDOWS]:
        ends = one.ends_at[:16] if hours >= 24 else one.ends_at[11:16]
        click.echo(
            f"{one.starts_at} to {ends}  up to {one.expected:.0f} participants are "
            f"usual, risk {one.risk:.2%}"
        )
    return 0


@click.command(epilog="Example: bbbload export prometheus plan.json > bbb-rules.yml")
@click.argument("target", type=click.Choice(["scalelite", "b3scale", "prometheus"]))
@click.argument("cards", metavar="CARDS…", nargs=-1, required=True, type=_FILE)
def export(target: str, cards: tuple[Path, ...]) -> int:
    """Turn capacities into load multipliers or alert rules.

    CARDS are a plan.json, or node cards (or capacity.json files) named after their
    nodes.
    """
    nodes = tuple(node for path in cards for node in _capacities(path)[0])
    write = {
        "scalelite": formats.scalelite,
        "b3scale": formats.b3scale,
        "prometheus": formats.prometheus,
    }[target]
    click.echo(write(nodes), nl=False)
    return 0


def _capacities(path: Path) -> tuple[tuple[formats.NodeCapacity, ...], Plan | None]:
    schema = _schema(path)
    if schema == PLAN_SCHEMA:
        plan = _plan(path)
        return tuple(
            formats.NodeCapacity(
                name=used.type,
                participants=used.participants,
                low=used.low,
                source=used.source,
            )
            for used in plan.capacity_used
        ), plan
    measured = read_measured(path)
    if measured.note:
        click.echo(f"Note: {measured.note}.", err=True)
    capacity = measured.capacity
    if capacity.stand_in:
        raise ConfigError(
            f"{path} was measured on the stand-in node, which says nothing about "
            "BigBlueButton: benchmark a real node"
        )
    found = chosen(capacity)
    assert found.capacity is not None
    node = formats.NodeCapacity(
        name=path.stem,
        participants=found.capacity,
        low=found.capacity if found.low is None else found.low,
        source=f"bbbload benchmark, run {capacity.run}, profile {found.profile.name}",
    )
    return (node,), None


def _schema(path: Path) -> object:
    try:
        plain = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: give a result of bbbload") from error
    return plain.get("schema") if isinstance(plain, dict) else None


def _plan(path: Path) -> Plan:
    plan = decode_plan(_text(path), where=str(path))
    if not plan.months:
        raise ConfigError(f"{path} plans no month: make it again with bbbload plan")
    return plan


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: give a result of bbbload") from error


def _length(text: str, option: str, most: int) -> int:
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or unit not in _UNITS:
        raise ConfigError(f"{option} {text!r} is no length such as 2h or 14d")
    hours = int(number) * _UNITS[unit]
    if not 1 <= hours <= most:
        raise ConfigError(f"{option} {text} is not between 1h and {most}h")
    return hours
