"""`bbbload run`: hold equal meetings on a server for a time and say how it went."""

import click

from bots.wire import Caps
from loadtest.codec import open_run
from loadtest.commands.options import (
    FiniteRange,
    check_target,
    slo_of,
    slo_option,
    target_options,
)
from loadtest.commands.outputs import run_log_place
from loadtest.durations import DURATION
from loadtest.locust_run import RunOrder, run_locust
from loadtest.models import MeetingProfile, Record
from loadtest.progress import Progress
from loadtest.run_summary import summarise
from loadtest.stages import fixed_plan
from loadtest.streams import streams_of
from loadtest.summary import counted

EXAMPLE = """\b
Example: two meetings of five, two cameras in each, for half a minute
  bbbload run NAME --meetings 2 --size 5 --cameras 2 --duration 30s -o run.jsonl"""


@click.command(epilog=EXAMPLE)
@click.argument("target", metavar="NAME|URL")
@click.option(
    "--meetings", type=int, default=1, show_default=True, help="Meetings at once."
)
@click.option(
    "--size", type=int, default=5, show_default=True, help="Participants of a meeting."
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
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the run.")
@click.option(
    "--max-participants",
    type=click.IntRange(1),
    default=Caps().participants,
    show_default=True,
    help="Cap on participants.",
)
@slo_option
@target_options
def run(
    target: str,
    meetings: int,
    size: int,
    cameras: int,
    microphones: int | None,
    listeners: int,
    moderators: int,
    decode_every: int,
    duration: float,
    join_rate: float,
    output: str,
    seed: int,
    max_participants: int,
    slo_changes: tuple[str, ...],
    node_metrics: tuple[str, ...],
    allow_host: str,
    secret_file: str,
    beside_real_meetings: bool,
    processes: int,
    max_streams: int,
    max_duration: float,
) -> int:
    """Hold meetings of synthetic participants on a server.

    The server is a name from `bbbload servers`, or an address: of this machine, or one
    that --allow-host names. --size and --cameras are per meeting; the summary prints
    totals.
    """
    profile = MeetingProfile(
        name="run",
        size=size,
        cameras=cameras,
        microphones=max(0, size - listeners) if microphones is None else microphones,
        listeners=listeners,
        moderators=moderators,
        decode_every=decode_every,
    )
    plan = fixed_plan(
        profile,
        meetings=meetings,
        duration_s=duration,
        join_rate=join_rate,
        slo=slo_of(slo_changes),
        seed=seed,
        caps=Caps(
            participants=max_participants,
            streams=max_streams,
            duration_s=max_duration,
        ),
    )
    check_target(
        target,
        secret_file=secret_file,
        allow_host=allow_host,
        node_metrics=node_metrics,
    )
    streams = streams_of(profile, meetings * size)
    click.echo(
        f"{counted(meetings, 'meeting')} of {size}: "
        f"{meetings * size} participants, "
        f"{streams.audio_in + streams.video_in} streams to the server, "
        f"{streams.audio_out + streams.video_out} from it",
        err=True,
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
            beside_real_meetings=beside_real_meetings,
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
