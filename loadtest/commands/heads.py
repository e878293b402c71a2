"""What a command that loads a server says and checks before anything is sent."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import click

from bots.errors import ConfigError
from loadtest.durations import seconds_until
from loadtest.machine import this_machine
from loadtest.preview import check_engines, check_rate, lines_of, preview_of_plan
from loadtest.stages import RunPlan

END_MARGIN_S: Final = 90.0
"""To check the server and to start; for everybody to leave and meetings to be ended."""
SHORTEST_S: Final = 5.0


def left_until(until: str) -> float:
    """Return the seconds a load may take so that all has ended by a time of the day.

    Raises ConfigError for what is no time of day, or is too soon.
    """
    left_s = seconds_until(until, datetime.now().astimezone()) - END_MARGIN_S
    if left_s < SHORTEST_S:
        raise ConfigError(
            f"--until {until} is too soon: a run takes {SHORTEST_S:.0f} s, and "
            f"{END_MARGIN_S:.0f} s to start and to leave"
        )
    return left_s


def say_head(
    plan: RunPlan,
    lines: Iterable[str],
    *,
    engines: int,
    max_bps: float | None,
    remedy: str = "",
) -> None:
    """Say what a plan will load; refuse what machine, engines or the rate forbid.

    `remedy` is what the command offers beside a larger machine. Raises ConfigError.
    """
    preview = preview_of_plan(plan, this_machine())
    for line in (*lines, *lines_of(preview)):
        click.echo(line, err=True)
    if preview.shortfalls:
        raise ConfigError(
            "this machine is too small: " + "; ".join(preview.shortfalls) + remedy
        )
    check_engines(preview, engines)
    if max_bps is not None:
        check_rate(preview, max_bps)
