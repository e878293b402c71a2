"""`bbbload benchmark`: how many participants a node carries, and what breaks first.

It writes no load itself: it orders a run whose steps come from the ladder, and finds
the capacity in the log of that run.
"""

import math
from urllib.parse import urlsplit

import click

from bots.errors import BbbloadError, ConfigError, GuardRefusal
from bots.servers import Server, host_of, is_loopback
from bots.wire import Caps
from loadtest.benchmark import Ladder
from loadtest.capacity import capacity_of_run
from loadtest.card_making import check_type
from loadtest.codec import encode_capacity, open_run
from loadtest.commands.card_files import CardOrder, card_file, card_options
from loadtest.commands.climbing import Progress
from loadtest.commands.heads import END_MARGIN_S, left_until, say_head
from loadtest.commands.options import (
    EngineCount,
    FiniteRange,
    catalog_option,
    check_target,
    guard_options,
    max_rate_option,
    media_options,
    metrics_port_option,
    slo_of,
    slo_option,
    until_option,
)
from loadtest.commands.outputs import run_log_place, whole_file
from loadtest.durations import DURATION
from loadtest.history_mix import is_history
from loadtest.ladder_plan import PRECISION, LadderPlan, fitting
from loadtest.load_files import load_history_mix, load_mix, with_media
from loadtest.locust_run import RunOrder, run_locust
from loadtest.machine import this_machine
from loadtest.models import Record, Slo
from loadtest.nodes import fetch_metrics, read_scrape
from loadtest.profiles import PROFILES, Sizes, profiles_named
from loadtest.sentry import GuardRules
from loadtest.slo import describe
from loadtest.stages import EMPTY_TIMEOUT_S, SETTLE_S, RunPlan
from loadtest.summary import (
    EXIT_INTERRUPTED,
    capacity_lines,
    counted,
    exit_code_of,
    unsure_lines,
)

CAP_SMALL = 60
CAP_USUAL = 200
EXAMPLE = """\b
Example:
  bbbload benchmark my-node -o capacity.json --log run.jsonl --steps 6"""


@click.command(epilog=EXAMPLE)
@click.argument("target", metavar="NAME|URL")
@click.option(
    "-o",
    "--output",
    default="capacity.json",
    show_default=True,
    help="File for the capacity; - is standard output.",
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File for the whole run, a record a line; - is standard output. "
    "Default: not kept.",
)
@click.option(
    "--node-metrics",
    multiple=True,
    metavar="URL",
    help="Address of a node_exporter on the node, such as http://NODE:9100/metrics; "
    "may be repeated. Default: those of servers.toml, or the stand-in node's own.",
)
@click.option(
    "--steps",
    type=click.IntRange(1, 50),
    default=8,
    show_default=True,
    help="Steps per meeting profile at most, one of them for the costs.",
)
@click.option(
    "--step-duration",
    type=DURATION,
    default="30s",
    show_default=True,
    help="Length of a step, such as 30s; its first third is not judged.",
)
@click.option(
    "--precision",
    type=FiniteRange(0.01, 1.0),
    default=PRECISION,
    show_default=True,
    help="A profile's steps end once its interval is no wider than ± this share.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Climbs of each profile, in an order by chance: the interval then holds what "
    "changes between them too.",
)
@click.option(
    "--time",
    "time_s",
    type=DURATION,
    default=None,
    help="Spend so long in all, such as 2h, each step where it narrows the widest "
    "interval most, until all are narrow enough. Default: as the steps need.",
)
@click.option(
    "--at-once",
    is_flag=True,
    help="Begin each step with an empty server, so that all of its people join within "
    "a sixth of it, as at a lecture's start.",
)
@until_option("no step begins that would last longer")
@max_rate_option("Never load more traffic one way than this")
@click.option(
    "--max-participants",
    type=click.IntRange(1, 10_000),
    help="Cap on participants at once. "
    f"Default: {CAP_SMALL} for small meetings, {CAP_USUAL} for usual ones, or what "
    "the engines here can make.",
)
@click.option(
    "--profile",
    "names",
    multiple=True,
    metavar="NAME",
    help="Meeting profile: talks, classes or groups; may be repeated. "
    "Default: all three, which the costs need.",
)
@click.option(
    "--sizes",
    type=click.Choice(sorted(PROFILES)),
    help="Sizes of the meetings. Default: small for the stand-in node, else usual.",
)
@click.option(
    "--personas",
    default="",
    metavar="FILE",
    help="TOML file with personas and mixes of your own. Default: none.",
)
@click.option(
    "--mix",
    default="",
    metavar="NAME|HISTORY",
    help="Mix of --personas that sits in each meeting, instead of --profile; or a "
    "history (.csv, .json) whose busiest tenth says what sits there. Default: none.",
)
@media_options
@slo_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of the run.",
)
@click.option(
    "--engines",
    "--processes",
    "processes",
    type=EngineCount(),
    default=1,
    show_default=True,
    help="Bot engines that produce the load, one core each; auto: one for each core.",
)
@click.option(
    "--allow-host",
    default="",
    metavar="HOST",
    help="Load this host though it is not in servers.toml; its secret comes from "
    "BBB_SECRET or --secret-file. Default: none.",
)
@click.option(
    "--secret-file",
    default="",
    metavar="FILE",
    help="File (mode 0600) with the shared secret. Default: that of "
    "servers.toml, else BBB_SECRET.",
)
@catalog_option
@metrics_port_option
@card_options
@guard_options
def benchmark(
    target: str,
    output: str,
    log: str | None,
    node_metrics: tuple[str, ...],
    steps: int,
    step_duration: float,
    precision: float,
    repeats: int,
    time_s: float | None,
    at_once: bool,
    until: str | None,
    max_rate: float | None,
    max_participants: int | None,
    names: tuple[str, ...],
    sizes: Sizes | None,
    personas: str,
    mix: str,
    clip: str,
    ice_policy: str,
    slo_changes: tuple[str, ...],
    seed: int,
    processes: int,
    allow_host: str,
    secret_file: str,
    catalog: str,
    metrics_port: str,
    card: CardOrder,
    guard: GuardRules,
) -> int:
    """Find how many participants a node carries at its SLO.

    The load goes up step by step, for three mixes of meetings, until a bound of the SLO
    breaks or the cap is reached. The server is a name from `bbbload servers`, or an
    address: of this machine, or one that --allow-host names. Ends with 0 when every
    profile found its knee, with 3 when the generator was the limit, with 4 when the cap
    came first.
    """
    if output == "-" and log == "-":
        raise ConfigError("--output and --log are both -: name a file for one of them")
    if card.path and card.path in (output, log):
        raise ConfigError(
            f"--card {card.path} is named twice: name a file of its own for the card"
        )
    server = check_target(
        target,
        secret_file=secret_file,
        allow_host=allow_host,
        node_metrics=node_metrics,
    )
    check_type(card.server_type, (server.name, host_of(server.url)))
    meetings: Sizes = sizes or ("small" if is_stand_in(server.url) else "usual")
    profiles = profiles_named(names, meetings)
    if mix and names:
        raise ConfigError(
            f"--mix {mix} says who meets, as --profile {names[0]} does: give one of "
            "them"
        )
    if personas or mix:
        profiles = (load_mix(personas, mix),)
    if is_history(mix) and not personas:
        click.echo(load_history_mix(mix).told, err=True)
    usual = CAP_SMALL if meetings == "small" else CAP_USUAL
    fits = fitting(
        profiles, max_participants or usual, this_machine(), engines=processes
    )
    slo = slo_of(slo_changes)
    ladder = LadderPlan(
        steps=steps,
        step_duration_s=step_duration,
        precision=precision,
        max_participants=max_participants or fits or usual,
        cpu_bound=slo.node_cpu_max or LadderPlan().cpu_bound,
        repeats=repeats,
        time_s=time_left(time_s, until),
        fills_time=time_s is not None,
        at_once=at_once,
        max_bps=max_rate,
    )
    plan = plan_of(Ladder(profiles, ladder, slo=slo, seed=seed), slo=slo, seed=seed)
    plan = with_media(plan, clip=clip, ice_policy=ice_policy)
    with (
        run_log_place(log) as place,
        whole_file(output) as write,
        card_file(card) as write_card,
    ):
        order = RunOrder(
            plan=plan,
            target=target,
            log=place.path,
            processes=processes,
            node_metrics=node_metrics or server.metrics_urls,
            allow_host=allow_host,
            secret_file=secret_file,
            metrics_port=metrics_port,
            guard=guard,
        )
        if not max_participants and 0 < fits < usual:
            click.echo(
                f"at most {fits} participants: what {counted(processes, 'engine')} "
                f"can make here of each profile; --engines auto uses all cores",
                err=True,
            )
        say_head(
            plan,
            head_lines(server, plan),
            engines=processes,
            max_bps=max_rate,
            catalog=catalog,
            remedy=f"; or --max-participants {fits}" * bool(fits),
        )
        progress = Progress(slo)

        def receive(record: Record) -> None:
            place.copy(record)
            progress.receive(record)

        run_code = run_locust(order, receive)
        if run_code == EXIT_INTERRUPTED and not place.path.exists():
            raise KeyboardInterrupt  # before the run began: there is nothing to keep
        with open_run(place.path) as records:
            capacity = capacity_of_run(records.header, records, profiles=profiles)
        write(encode_capacity(capacity))
        write_card(capacity, place.path)
    for line in capacity_lines(capacity) + unsure_lines(capacity, precision):
        click.echo(line, err=True)
    cut_off = (EXIT_INTERRUPTED, GuardRefusal.exit_code)
    return run_code if run_code in cut_off else exit_code_of(capacity)


def plan_of(ladder: Ladder, *, slo: Slo, seed: int) -> RunPlan:
    """Return the order for a run that climbs `ladder`, with the caps it needs."""
    most_steps = math.ceil(ladder.longest_s / ladder.plan.step_duration_s)
    emptying_s = (most_steps + 2) * (SETTLE_S + EMPTY_TIMEOUT_S)
    duration_s = ladder.longest_s + emptying_s
    return RunPlan(
        profiles=ladder.profiles,
        slo=slo,
        seed=seed,
        ladder=ladder.plan,
        duration_s=duration_s,
        caps=Caps(
            participants=ladder.plan.max_participants,
            streams=Caps().streams,
            duration_s=max(Caps().duration_s, duration_s),
        ),
    )


def is_stand_in(url: str) -> bool:
    """Say whether a loopback address is bbbload's stand-in node, by its metrics."""
    if not is_loopback(host_of(url)):
        return False
    parts = urlsplit(url)
    try:
        text = fetch_metrics(f"{parts.scheme}://{parts.netloc}/metrics")
        return read_scrape(text, 0.0).is_stand_in
    except BbbloadError:
        return False


def time_left(time_s: float | None, until: str | None) -> float | None:
    """Return the seconds that steps may take, None without a limit.

    Both limits are for all of it, with starting and leaving. Raises ConfigError.
    """
    limits = [] if time_s is None else [max(0.0, time_s - END_MARGIN_S)]
    limits += [] if until is None else [left_until(until)]
    return min(limits, default=None)


def head_lines(server: Server, plan: RunPlan) -> list[str]:
    """Return what a benchmark is about to do, in a line, and the SLO it judges by."""
    ladder = plan.ladder
    assert ladder is not None
    many = counted(ladder.repeats, "climb")
    names = ", ".join(profile.name for profile in plan.profiles)
    what = (
        f"benchmark of {server.name}: {many} of {names}, "
        f"at most {ladder.steps} steps each, to ±{ladder.precision:.0%}"
    )
    return [what, describe(plan.slo)]
