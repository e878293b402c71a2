"""What a command that loads a server says and checks before anything is sent."""

import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import click

from bots.errors import ConfigError
from loadtest.durations import seconds_until
from loadtest.machine import this_machine
from loadtest.preview import (
    Preview,
    check_engines,
    check_rate,
    lines_of,
    preview_of_plan,
)
from loadtest.stages import RunPlan

END_MARGIN_S: Final = 90.0
"""To check the server and to start; for everybody to leave and meetings to be ended."""
SHORTEST_S: Final = 5.0
PRICE_TIMEOUT_S: Final = 60.0


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
    catalog: str = "",
    remedy: str = "",
) -> None:
    """Say what a plan will load; refuse what machine, engines or the rate forbid.

    `catalog` is the file that knows what the traffic costs, "" for none; `remedy` is
    what the command offers beside a larger machine. Raises ConfigError.
    """
    preview = preview_of_plan(plan, this_machine())
    prices = [price_line(catalog, preview)] if catalog else []
    for line in (*lines, *lines_of(preview), *prices):
        click.echo(line, err=True)
    if preview.shortfalls:
        raise ConfigError(
            "this machine is too small: " + "; ".join(preview.shortfalls) + remedy
        )
    check_engines(preview, engines)
    if max_bps is not None:
        check_rate(preview, max_bps)


def price_line(catalog: str, preview: Preview) -> str:
    """Return what the traffic out of the server costs on each type that bills it.

    Prices are the planner's, which stands above this package: it is started as a user
    would start it. Raises ConfigError with what it finds wrong.
    """
    arguments = ["catalog", "traffic", f"--gb={preview.received_bytes / 1e9}"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "loadtest", *arguments, "--", catalog],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PRICE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        raise ConfigError(
            f"{catalog} was not read in {PRICE_TIMEOUT_S:g} s: leave --catalog out"
        ) from late
    if done.returncode:
        wrong = done.stderr.strip().removeprefix("bbbload: ")
        raise ConfigError(wrong or f"the prices of {catalog} cannot be told")
    most = "at most " if preview.is_bound else ""
    return (
        f"price of {most}{preview.received_bytes / 1e9:.2f} GB out of the server, once "
        "what is included is used up: " + "; ".join(done.stdout.splitlines())
    )
