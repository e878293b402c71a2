"""`bbbload servers`: the servers that may be loaded, by name.

`add NAME -` reads what `bbb-conf --secret` prints from a pipe. Its link to the API
test page holds the secret too; only the URL and Secret lines are used, and the secret
goes to a file of its own that nobody else can read, never to the terminal.
"""

import sys

import click

from bots.errors import ConfigError
from bots.servers import read_servers, servers_path
from loadtest.server_list import add_server, read_bbb_conf, remove_server
from loadtest.watching import source_node

EXAMPLE = """\b
Example: on the server, or through ssh
  ssh root@bbb.example.org bbb-conf --secret | bbbload servers add north -
a balancer, whose joins lead to its nodes
  bbbload servers add east - --node '*.nodes.example.org' < east.txt"""


@click.group(epilog=EXAMPLE)
def servers() -> None:
    """Add, list and remove the servers that may be loaded."""


@servers.command(epilog=EXAMPLE)
@click.argument("name")
@click.argument("source", metavar="[-]", default="-")
@click.option(
    "--ca-file", default="", metavar="FILE", help="PEM file of its authority."
)
@click.option(
    "--metrics-url",
    "metrics_urls",
    multiple=True,
    metavar="URL",
    help="Where one of its nodes is watched: an exporter's address, ssh://USER@NODE, "
    "or prometheus+http://SERVER:9090/?instance=NODE; repeatable.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="HOST",
    help="Host that the joins of a balancer (Scalelite, b3scale) may lead to, "
    "*.DOMAIN for all of a domain; repeatable. Default: its own host only.",
)
def add(
    name: str,
    source: str,
    ca_file: str,
    metrics_urls: tuple[str, ...],
    nodes: tuple[str, ...],
) -> int:
    """Add a server from the output of `bbb-conf --secret` on standard input."""
    if source != "-":
        raise ConfigError(
            f"{source!r} is not -: pipe the output of `bbb-conf --secret` into "
            f"`bbbload servers add {name} -`, so that no secret is on a command line"
        )
    for address in metrics_urls:
        source_node(address)
    if sys.stdin.isatty():
        click.echo("Paste the output of `bbb-conf --secret`, then Ctrl-D:", err=True)
    url, secret = read_bbb_conf(sys.stdin.read(100_000))
    add_server(
        name,
        url,
        secret,
        ca_file=ca_file or None,
        metrics_urls=metrics_urls,
        nodes=nodes,
    )
    click.echo(f"added {name} ({url}) to {servers_path()}", err=True)
    return 0


@servers.command(name="list", epilog="\b\nExample:\n  bbbload servers list")
def list_servers() -> int:
    """List the servers; where each secret is, never the secret."""
    entries = read_servers(servers_path())
    for entry in entries:
        metrics = (
            f"  metrics {', '.join(entry.metrics_urls)}" if entry.metrics_urls else ""
        )
        nodes = f"  nodes {', '.join(entry.nodes)}" if entry.nodes else ""
        click.echo(f"{entry.name}  {entry.url}  {entry.secret_source}{nodes}{metrics}")
    if not entries:
        click.echo(f"no servers in {servers_path()} yet", err=True)
    return 0


@servers.command(epilog="\b\nExample:\n  bbbload servers remove north")
@click.argument("name")
def remove(name: str) -> int:
    """Remove a server and the secret file that `add` wrote."""
    remove_server(name)
    click.echo(f"removed {name} from {servers_path()}", err=True)
    return 0
