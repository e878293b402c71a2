"""`bbbload run`: hold equal meetings on a server for a time and say how it went."""

import math

import click

from bots.errors import ConfigError
from bots.wire import Caps
from loadtest.codec import open_run
from loadtest.commands.heads import left_until, say_head
from loadtest.commands.options import (
    FiniteRange,
    catalog_option,
    check_target,
    max_rate_option,
    media_options,
    metrics_port_option,
    slo_of,
    slo_option,
    target_options,
    until_option,
)
from loadtest.commands.outputs import run_log_place
from loadtest.durations import DURATION, format_duration
from loadtest.expected import expected_of
from loadtest.history_mix import is_history
from loadtest.load_files import (
    is_scenario,
    load_history_mix,
    load_mix,
    load_scenario,
    plan_of_scenario,
    with_media,
)
from loadtest.locust_run import RunOrder, run_locust
from loadtest.models import MeetingProfile, Record
from loadtest.progress import Progress
from loadtest.run_summary import summarise
from loadtest.scenario import duration_of
from loadtest.scenario_file import ScenarioFile
from loadtest.sentry import GuardRules
from loadtest.stages import RunPlan, fixed_plan
from loadtest.summary import counted

EXAMPLE = """\b
Example: two meetings of five, two cameras in each, for half a minute
  bbbload run NAME --meetings 2 --size 5 --cameras 2 --duration 30s -o run.jsonl
a school's morning, with a fiftieth of its people in five minutes
  bbbload run examples/scenarios/school-morning.toml NAME --scale 0.02 --length 5m"""


@click.command(epilog=EXAMPLE)
@click.argument("what", metavar="[SCENARIO.toml] NAME|URL")
@click.argument("server", metavar="", required=False)
@click.option(
    "--scale",
    type=FiniteRange(0.001, 100.0),
    default=1.0,
    show_default=True,
    help="So many times a scenario's people; its meetings shrink or grow with them.",
)
@click.option(
    "--length",
    type=DURATION,
    default=None,
    help="Make a scenario last so long, such as 10m. Default: as long as it says.",
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
    help="Mix of --personas that sits in each meeting, instead of --cameras and such; "
    "or a history (.csv, .json), as in benchmark. Default: none.",
)
@click.option(
    "--meetings", type=int, default=1, show_default=True, help="Meetings at once."
)
@click.option(
    "--size",
    type=int,
    default=None,
    show_default="5, or the mix's own",
    help="Participants of a meeting.",
)
@click.option(
    "--cameras",
    type=int,
    default=2,
    show_default=True,
    help="Participants of each meeting who share a camera.",
)
@click.option(
    "--microphones",
    type=int,
    default=None,
    help="Two-way microphones in each meeting. Default: all but the listeners.",
)
@click.option(
    "--listeners",
    type=int,
    default=0,
    show_default=True,
    help="Participants of each meeting who only listen.",
)
@click.option(
    "--moderators",
    type=int,
    default=1,
    show_default=True,
    help="Moderators of each meeting; they see all cameras, the others five.",
)
@click.option(
    "--decode-every",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="One in so many participants really decodes what it receives; 0: none.",
)
@click.option(
    "--duration",
    type=DURATION,
    default=30.0,
    show_default="30s",
    help="How long everybody stays, such as 30s or 5m; a bare number is seconds.",
)
@click.option(
    "--join-rate",
    type=FiniteRange(0.01, 1000.0),
    default=5.0,
    show_default=True,
    help="Joins per second; BBB takes at most 50.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="run.jsonl",
    show_default=True,
    help="Log of the run, written as it happens; - is standard output.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=None,
    show_default="1, or the scenario's",
    help="Seed of the run.",
)
@until_option("a scenario is made as short")
@max_rate_option("Refuse a load of more traffic one way")
@click.option(
    "--max-participants",
    type=click.IntRange(1),
    default=None,
    show_default=f"{Caps().participants}, or the scenario's",
    help="Cap on participants.",
)
@media_options
@slo_option
@catalog_option
@metrics_port_option
@target_options
def run(
    what: str,
    server: str | None,
    scale: float,
    length: float | None,
    personas: str,
    mix: str,
    meetings: int,
    size: int | None,
    cameras: int,
    microphones: int | None,
    listeners: int,
    moderators: int,
    decode_every: int,
    duration: float,
    join_rate: float,
    output: str,
    seed: int | None,
    until: str | None,
    max_rate: float | None,
    max_participants: int | None,
    clip: str,
    ice_policy: str,
    slo_changes: tuple[str, ...],
    catalog: str,
    metrics_port: str,
    node_metrics: tuple[str, ...],
    allow_host: str,
    secret_file: str,
    guard: GuardRules,
    processes: int,
    max_streams: int,
    max_duration: float,
) -> int:
    """Hold meetings of synthetic participants on a server, or play a scenario.

    A scenario is a TOML file (loadtest/formats.md): it says who meets, comes and goes,
    so that --meetings to --join-rate do not count.

    The server is a name from `bbbload servers`, or an address: of this machine, or one
    that --allow-host names. --size and --cameras are per meeting; the summary prints
    totals.
    """
    scenario = load_scenario(what) if is_scenario(what) else None
    target = server if scenario is not None else what
    if target is None or (scenario is None and server is not None):
        raise ConfigError(
            "name one server, after the scenario's file if there is one: "
            "bbbload run [SCENARIO.toml] NAME|URL"
        )
    left_s = math.inf if until is None else left_until(until)
    asked = scenario.caps if scenario is not None else Caps()
    caps = Caps(
        participants=max_participants or asked.participants,
        streams=asked.streams if max_streams == Caps().streams else max_streams,
        duration_s=asked.duration_s
        if max_duration == Caps().duration_s
        else max_duration,
    )
    if scenario is not None:
        plan = plan_of_scenario(
            scenario,
            scale=scale,
            length_s=_within(scenario, length, left_s),
            seed=seed,
            slo=slo_of(slo_changes) if slo_changes else None,
            caps=caps,
        )
        node_metrics = node_metrics or scenario.node_metrics
    else:
        counts = MeetingProfile(
            name="run",
            size=5 if size is None else size,
            cameras=cameras,
            microphones=max(0, (size or 5) - listeners)
            if microphones is None
            else microphones,
            listeners=listeners,
            moderators=moderators,
            decode_every=decode_every,
        )
        profile = (
            load_mix(personas, mix, size=size, decode_every=decode_every)
            if personas or mix
            else counts
        )
        if is_history(mix) and not personas:
            click.echo(load_history_mix(mix).told, err=True)
        plan = fixed_plan(
            profile,
            meetings=meetings,
            duration_s=min(duration, left_s),
            join_rate=join_rate,
            slo=slo_of(slo_changes),
            seed=1 if seed is None else seed,
            caps=caps,
        )
    plan = with_media(plan, clip=clip, ice_policy=ice_policy)
    check_target(
        target,
        secret_file=secret_file,
        allow_host=allow_host,
        node_metrics=node_metrics,
    )
    say_head(
        plan,
        head_lines(plan),
        engines=processes,
        max_bps=max_rate,
        catalog=catalog,
    )
    with run_log_place(output) as place:
        order = RunOrder(
            plan=plan,
            target=target,
            log=place.path,
            processes=processes,
            node_metrics=node_metrics,
            allow_host=allow_host,
            secret_file=secret_file,
            metrics_port=metrics_port,
            guard=guard,
        )
        with Progress() as progress:

            def receive(record: Record) -> None:
                place.copy(record)
                progress.receive(record)

            code = run_locust(order, receive)
        with open_run(place.path) as log:
            for line in summarise(log):
                click.echo(line, err=True)
    if output != "-":
        click.echo(f"The log of the run is in {output}", err=True)
    return code


def _within(
    scenario: ScenarioFile, length_s: float | None, left_s: float
) -> float | None:
    """Return the length of a scenario that ends in time; None: as it is written."""
    asked_s = duration_of(scenario.scenario) if length_s is None else length_s
    return length_s if asked_s <= left_s else left_s


def head_lines(plan: RunPlan) -> list[str]:
    """Return what a run is about to load, in a line or two."""
    expected = expected_of(plan)
    top = expected.most_streams.streams
    into = top.audio_in + top.video_in + top.screen_in
    out = top.audio_out + top.pictures_out
    most = expected.most_participants.participants
    if plan.scenario is None:
        size = plan.profiles[0].size
        who = f"{counted(expected.meetings, 'meeting')} of {size}: {most} participants"
    else:
        who = (
            f"{plan.scenario.name}: {counted(expected.meetings, 'meeting')}, "
            f"{counted(expected.joins, 'join')} in "
            f"{format_duration(round(expected.ends_s))}, at most {most} participants"
        )
    lines = [f"{who}, {into} streams to the server, {out} from it"]
    if plan.scenario is not None and plan.scenario.is_recorded:
        lines.append("recording is on: the server keeps a recording of every meeting")
    return lines
