"""Options that several commands take: the target's guard and the SLO."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bots.errors import ConfigError
from bots.servers import Server, resolve
from bots.wire import Caps
from loadtest.durations import DURATION
from loadtest.exporter import metrics_address
from loadtest.machine import own_cores
from loadtest.models import Slo
from loadtest.rates import RATE
from loadtest.sentry import GuardRules, check_rules
from loadtest.watching import source_node

Command = TypeVar("Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A number within bounds; `nan`, which lies within all bounds, is refused."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


class EngineCount(click.IntRange):
    """How many bot engines: a number, or `auto` for one on each core we may use."""

    name = "integer|auto"

    def __init__(self) -> None:
        super().__init__(1, 64)

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if value == "auto":
            return max(1, min(64, int(own_cores())))
        number: int = super().convert(value, param, ctx)
        return number


BOUNDS = tuple(field.name for field in dataclasses.fields(Slo) if field.name != "name")


def target_options(command: Command) -> Command:
    """Add the options that say what may be loaded, and how much at most."""
    caps = Caps()
    for option in reversed(
        (
            click.option(
                "--node-metrics",
                multiple=True,
                metavar="URL",
                help="Where a node under load is watched: an exporter's address, "
                "ssh://USER@NODE, or prometheus+http://SERVER/?instance=NODE; "
                "repeatable. Default: those of servers.toml.",
            ),
            click.option(
                "--allow-host",
                default="",
                metavar="HOST",
                help="Load this host though it is not in servers.toml; its secret "
                "comes from BBB_SECRET or --secret-file.",
            ),
            click.option(
                "--secret-file",
                default="",
                metavar="FILE",
                help="File (mode 0600) with the shared secret. Default: BBB_SECRET.",
            ),
            click.option(
                "--engines",
                "--processes",
                "processes",
                type=EngineCount(),
                default=1,
                show_default=True,
                help="Bot engines, one core each; auto: one for each core.",
            ),
            click.option(
                "--max-streams",
                type=click.IntRange(1),
                default=caps.streams,
                show_default=True,
                help="Cap on media streams, both directions.",
            ),
            click.option(
                "--max-duration",
                type=DURATION,
                default=caps.duration_s,
                show_default="4h",
                help="Cap on the duration of the whole run.",
            ),
        )
    ):
        command = option(command)
    return guard_options(command)


def guard_options(command: Command) -> Command:
    """Add what the guard may be told; the command gets it as `guard`."""

    @functools.wraps(command)
    def guarded(
        *args: Any,
        beside_real_meetings: bool,
        withdraw_at_cpu: float | None,
        meetings_unseen: bool,
        **kwargs: Any,
    ) -> Any:
        rules = GuardRules(
            beside_real_meetings=beside_real_meetings,
            withdraw_at_cpu=withdraw_at_cpu,
            meetings_unseen=meetings_unseen,
        )
        return command(*args, guard=check_rules(rules), **kwargs)

    wrapped: Any = guarded
    for option in reversed(
        (
            click.option(
                "--beside-real-meetings",
                is_flag=True,
                help="Load the server though meetings of other people are on it; needs "
                "--withdraw-at-cpu.",
            ),
            click.option(
                "--withdraw-at-cpu",
                type=float,
                metavar="SHARE",
                help="CPU share of a node, such as 0.7, at which a run beside real "
                "meetings withdraws within two seconds. Default: none.",
            ),
            click.option(
                "--meetings-unseen",
                is_flag=True,
                help="Load the server though other people's meetings may be hidden: no "
                "second source counts participants. Every report says so.",
            ),
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def check_target(
    target: str, *, secret_file: str, allow_host: str, node_metrics: tuple[str, ...]
) -> Server:
    """Return the server that is meant, or raise what is wrong with it, at once.

    The bot engine checks all of this again: here it only saves the user a wait.
    """
    server = resolve(
        target, secret_file=secret_file or None, allow_host=allow_host or None
    )
    for url in node_metrics:
        source_node(url)
    return server


def until_option(what: str) -> Callable[[Command], Command]:
    """Return the decorator that adds `--until HH:MM`; `what` is done to end by then."""
    return click.option(
        "--until",
        default=None,
        metavar="HH:MM",
        help=f"End before this time of the day here, the next one; {what}. "
        "Default: no such time.",
    )


def max_rate_option(what: str) -> Callable[[Command], Command]:
    """Return the decorator that adds `--max-rate`; `what` is done at that rate."""
    return click.option(
        "--max-rate",
        type=RATE,
        default=None,
        help=f"{what}, such as 800Mbit. Default: any.",
    )


def catalog_option(command: Command) -> Command:
    """Add `--catalog`, whose prices the head of a run tells."""
    return click.option(
        "--catalog",
        default="",
        metavar="FILE",
        help="Catalogue of server types: what the traffic costs on each. "
        "Default: no price is said.",
    )(command)


def metrics_port_option(command: Command) -> Command:
    """Add `--metrics-port`; what is no port is refused at once."""

    def checked(_: click.Context, __: click.Parameter, text: str) -> str:
        metrics_address(text)
        return text

    return click.option(
        "--metrics-port",
        default="",
        metavar="[ADDRESS:]PORT",
        callback=checked,
        help="Serve the run's live metrics for Prometheus there, on this machine only "
        "unless an address is named. Default: nowhere.",
    )(command)


def slo_option(command: Command) -> Command:
    """Add `--slo BOUND=VALUE`, which changes bounds of the default SLO."""
    return click.option(
        "--slo",
        "slo_changes",
        multiple=True,
        metavar="BOUND=VALUE",
        help="Change a bound of the SLO bbbload-1, or drop it with `none`; repeatable. "
        f"Bounds: {', '.join(BOUNDS)}.",
    )(command)


def slo_of(changes: tuple[str, ...]) -> Slo:
    """Return the default SLO with these bounds changed; raises ConfigError."""
    values: dict[str, float | None] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in BOUNDS:
            raise ConfigError(
                f"--slo {change!r} names no bound: choose among {', '.join(BOUNDS)}"
            )
        try:
            values[name] = None if text == "none" else float(text)
        except ValueError as error:
            raise ConfigError(
                f"--slo {change!r} has no number: write {name}=0.5 or {name}=none"
            ) from error
        value = values[name]
        if value is not None and not 0 <= value < 1e6:
            raise ConfigError(f"--slo {change!r} is out of range: give 0 or more")
    if not values:
        return Slo()
    defaults = {name: getattr(Slo(), name) for name in BOUNDS}
    return Slo(name="bbbload-1 changed", **(defaults | values))


def media_options(command: Command) -> Command:
    """Add what participants send, and over which ways."""
    policy = click.option(
        "--ice-transport-policy",
        "ice_policy",
        type=click.Choice(["all", "relay"]),
        default="all",
        show_default=True,
        help="Ways for media: directly and, where that stays silent, by a TURN relay; "
        "or by a relay only.",
    )
    return click.option(
        "--clip",
        default="",
        metavar="FILE",
        help="Film or recording to send, of which the first minute is encoded once. "
        "Default: a talking head and a voice made here.",
    )(policy(command))
