"""`bbbload doctor`: what stands between a server, this machine and a run."""

import dataclasses
import json

import click

from bots.errors import TargetUnusable
from bots.servers import resolve
from loadtest.commands.options import guard_options
from loadtest.doctor import UNTRIED, Line, examine, has_failed
from loadtest.doctor_look import look
from loadtest.doctor_probe import probe as make_meeting
from loadtest.durations import DURATION
from loadtest.probing import examine_probe
from loadtest.sentry import GuardRules

PROBE_S = 20.0

EXAMPLE = """\b
Example:
  bbbload doctor north
  bbbload doctor north --probe
  bbbload doctor north --json | jq '.lines[] | select(.state != "OK")'"""


@click.command(epilog=EXAMPLE)
@click.argument("target", metavar="NAME|URL")
@click.option(
    "--bbb-version",
    default="",
    metavar="VERSION",
    help="Version of a server that hides it. Default: what it says.",
)
@click.option(
    "--secret-file",
    default="",
    metavar="FILE",
    help="File (mode 0600) with the shared secret. Default: BBB_SECRET.",
)
@click.option(
    "--allow-host",
    default="",
    metavar="HOST",
    help="Look at this host though it is not in servers.toml. Default: none.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Make one meeting with two bots, which is ended afterwards, and show sound, "
    "picture and their path.",
)
@click.option(
    "--probe-time",
    type=DURATION,
    default=PROBE_S,
    show_default="20s",
    help="How long the two bots stay.",
)
@guard_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON in place of lines.")
def doctor(
    target: str,
    bbb_version: str,
    secret_file: str,
    allow_host: str,
    probe: bool,
    probe_time: float,
    guard: GuardRules,
    as_json: bool,
) -> int:
    """Look whether a server and this machine are fit for a run.

    Only reads, unless --probe is given: a meeting is made then as in a run, and under
    the same guard. Ends with 0 when no line is a FAIL, with 8 otherwise.
    """
    server = resolve(
        target, secret_file=secret_file or None, allow_host=allow_host or None
    )
    lines = examine(look(server, stated_version=bbb_version))
    if probe and not has_failed(lines):
        made = make_meeting(
            target,
            duration_s=probe_time,
            guard=guard,
            secret_file=secret_file,
            allow_host=allow_host,
        )
        lines = tuple(it for it in lines if it.what != UNTRIED) + examine_probe(made)
    elif probe:
        fix = "mend what failed above, then probe again"
        lines += (Line(state="WARN", what="probe", text="not made", fix=fix),)
    if as_json:
        plain = {
            "server": server.name,
            "lines": [dataclasses.asdict(it) for it in lines],
        }
        click.echo(json.dumps(plain, indent=2))
    else:
        width = max(len(line.what) for line in lines)
        for line in lines:
            click.echo(f"{line.state:<4}  {line.what:<{width}}  {line.text}")
            if line.fix:
                click.echo(f"      {'':<{width}}  -> {line.fix}")
    return TargetUnusable.exit_code if has_failed(lines) else 0
