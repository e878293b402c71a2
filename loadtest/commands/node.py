"""`bbbload node`: start the stand-in node and keep it until it is told to stop."""

import asyncio
import json
import os
import secrets
import signal
import tempfile
from pathlib import Path

import click
import uvloop

from bots.errors import ConfigError
from loadtest.commands.options import FiniteRange
from loadtest.node.app import RunningNode
from loadtest.node.faults import Faults, parse_faults
from loadtest.node.settings import Ceilings, GraphqlLimits, NodeSettings
from loadtest.node.versions import schema_of
from loadtest.rates import RATE

BANNER = """\
bbbload stand-in node: a rehearsal partner that speaks BigBlueButton 3.0.
It is not BigBlueButton, and its capacity says nothing about BigBlueButton's.
API URL:  {api_url}
Metrics:  {metrics_url}
Secret:   {secret}
Stop with Ctrl-C."""

EXAMPLE = """\b
Example: a node slowed down to a fifth of a core, on a free port
  bbbload node --port 0 --cpu-budget 0.2"""


@click.command(epilog=EXAMPLE)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="TCP port of HTTP and WebSockets; 0 takes a free one.",
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File (mode 0600) with the shared secret; written if it does not exist. "
    "Default: BBB_SECRET, else a new file in the temporary folder.",
)
@click.option(
    "--cpu-budget",
    type=FiniteRange(0.01, 1.0),
    default=1.0,
    show_default=True,
    help="Share of one core that the node may use.",
)
@click.option(
    "--work-factor",
    type=FiniteRange(0.0, 1000.0),
    default=0.0,
    show_default=True,
    help="Extra work: times 10 µs of CPU for each forwarded packet, and more for each "
    "signalling operation.",
)
@click.option(
    "--fixed-cost",
    is_flag=True,
    help="The work factor's CPU is all that the work costs: what the node really needs "
    "counts towards it. Default: it comes on top.",
)
@click.option(
    "--idle-cores",
    type=click.IntRange(0, 1024),
    default=0,
    show_default=True,
    help="Further cores in /metrics, which the node's one process cannot use; the "
    "CPU budget is told as one core beside them.",
)
@click.option(
    "--nic-cap",
    type=RATE,
    default=0.0,
    metavar="RATE",
    help="Speed of the network card, such as 20Mbit; media beyond are dropped. "
    "Default: without end.",
)
@click.option(
    "--udp-ports",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Media transports at once; 0 is without end.",
)
@click.option(
    "--memory-per-user",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Bytes of the memory budget that each user takes beside what it needs.",
)
@click.option(
    "--memory-budget",
    type=click.IntRange(min=64 * 1024**2),
    default=2 * 1024**3,
    show_default=True,
    help="Bytes of memory that /metrics reports as the machine's.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="GraphQL connections before the node is full (close code 1011).",
)
@click.option(
    "--connection-rate",
    type=FiniteRange(0.1, 10_000.0),
    default=100.0,
    show_default=True,
    help="New GraphQL connections a second; more of them wait their turn.",
)
@click.option(
    "--bbb-version",
    default="3.0.19",
    show_default=True,
    metavar="3.0.N",
    help="Version that it claims and plays, by the newest schema before it: that of "
    "3.0.0, 3.0.14, 3.0.19 or 3.0.20.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of chance.",
)
@click.option("--stun", multiple=True, help="STUN URL that `stuns` names; repeatable.")
@click.option(
    "--turn",
    multiple=True,
    help="TURN URL that `stuns` names, its secret in BBBLOAD_TURN_SECRET; repeatable.",
)
@click.option(
    "--fault",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Misbehave on purpose; repeatable. Names: "
    + ", ".join(name.replace("_", "-") for name in Faults.__dataclass_fields__)
    + ".",
)
def node(
    host: str,
    port: int,
    secret_file: Path | None,
    cpu_budget: float,
    work_factor: float,
    fixed_cost: bool,
    idle_cores: int,
    nic_cap: float,
    udp_ports: int,
    memory_per_user: int,
    memory_budget: int,
    max_connections: int,
    connection_rate: float,
    bbb_version: str,
    seed: int,
    stun: tuple[str, ...],
    turn: tuple[str, ...],
    fault: tuple[str, ...],
) -> int:
    """Start a stand-in BigBlueButton 3.0 node on this machine.

    It serves the HTTP API, GraphQL and media of BBB 3.0 from one process, to try
    bbbload out without a server. Its capacity says nothing about BBB's.

    When ready it prints one line of JSON to stdout: url, api_url, metrics_url,
    secret_file, pid.
    """
    faults = parse_faults(fault)
    secret, written = _secret(secret_file)
    settings = NodeSettings(
        host=host,
        port=port,
        secret=secret,
        cpu_budget=cpu_budget,
        work_factor=work_factor,
        has_fixed_cost=fixed_cost,
        ceilings=Ceilings(
            nic_bps=nic_cap,
            udp_ports=udp_ports,
            memory_per_user_bytes=memory_per_user,
            idle_cores=idle_cores,
        ),
        memory_budget_bytes=memory_budget,
        seed=seed,
        bbb_version=bbb_version,
        limits=GraphqlLimits(
            max_connections=max_connections, max_connections_per_second=connection_rate
        ),
        faults=faults,
        stun_urls=stun,
        turn_urls=turn,
        turn_secret=os.environ.get("BBBLOAD_TURN_SECRET", ""),
    )
    schema_of(bbb_version, faults.missing_field)  # bad input ends here
    try:
        uvloop.run(_serve(settings, secret_file or written))
    finally:
        if written is not None:
            written.unlink(missing_ok=True)
            written.parent.rmdir()
    return 0


async def _serve(settings: NodeSettings, secret_file: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with RunningNode(settings) as running:
        ready = {
            "url": running.url,
            "api_url": running.api_url,
            "metrics_url": running.metrics_url,
            "secret_file": str(secret_file) if secret_file else None,
            "pid": os.getpid(),
        }
        click.echo(json.dumps(ready))
        click.echo(
            BANNER.format(
                api_url=running.api_url,
                metrics_url=running.metrics_url,
                secret=f"in {secret_file}" if secret_file else "from BBB_SECRET",
            ),
            err=True,
        )
        await stopped.wait()


def _secret(path: Path | None) -> tuple[str, Path | None]:
    """Return the secret, and the file that was made for it and goes with the node."""
    if path is None:
        if given := os.environ.get("BBB_SECRET"):
            return given, None
        return _write_secret(Path(tempfile.mkdtemp(prefix="bbbload-node-")) / "secret")
    if path.exists():
        return _read_secret(path), None
    secret, _ = _write_secret(path)
    return secret, None


def _read_secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(
                f"secret file {path} can be read by others: chmod 600 {path}"
            )
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigError(f"cannot read secret file {path}: {failure}") from failure
    if not secret:
        raise ConfigError(f"secret file {path} is empty: delete it or put a secret in")
    return secret


def _write_secret(path: Path) -> tuple[str, Path]:
    secret = secrets.token_urlsafe(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
    except OSError as failure:
        raise ConfigError(
            f"cannot write secret file {path}: {failure.strerror}; choose another "
            "with --secret-file"
        ) from failure
    return secret, path
