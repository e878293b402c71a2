"""`bbbload cleanup`: end the meetings of ours that are left on a server."""

import asyncio

import click

from bots.errors import TargetUnusable
from bots.servers import host_of, resolve
from loadtest.guard import Ledger, end_meetings_of, now_utc
from loadtest.summary import counted

EXAMPLE = """\b
Example: end what a killed run left on a server
  bbbload cleanup NAME"""


@click.command(epilog=EXAMPLE)
@click.argument("target", metavar="NAME|URL")
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="ID",
    help="End the meetings of this run only; repeatable. Default: of all our runs, "
    "also of one that another machine has going.",
)
@click.option(
    "--allow-host",
    default="",
    metavar="HOST",
    help="Host that is not in servers.toml. Default: none.",
)
@click.option(
    "--secret-file",
    default="",
    metavar="FILE",
    help="File (mode 0600) with the shared secret. Default: that of "
    "servers.toml, else BBB_SECRET.",
)
def cleanup(
    target: str, runs: tuple[str, ...], allow_host: str, secret_file: str
) -> int:
    """End meetings that bbbload made on a server; nobody else's are touched."""
    server = resolve(
        target, secret_file=secret_file or None, allow_host=allow_host or None
    )
    ended, failed = asyncio.run(end_meetings_of(server, runs or None))
    ledger = Ledger()
    for run in ledger.killed_runs(host_of(server.url)):
        if not failed and (not runs or run in runs):
            ledger.end(run=run, ended_at=now_utc(), peak_participants=0)
    told = counted(ended, "meeting")
    click.echo(f"ended {told} of bbbload on {server.name}", err=True)
    if failed:
        raise TargetUnusable(
            f"{len(failed)} meetings did not end when asked ({', '.join(failed[:3])}): "
            "try again, or end them on the server"
        )
    return 0
