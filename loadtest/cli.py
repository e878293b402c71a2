"""The front door: `bbbload COMMAND`. It knows where commands live, how a run of the
program ends, and nothing else.

A command is imported only when it is called, by name, so that `bbbload plan` does not
pay for a media engine and no package imports one above it.
"""

import importlib
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from bots.errors import BbbloadError

COMMANDS = {
    "backtest": "planning.cli:backtest",
    "benchmark": "loadtest.commands.benchmark:benchmark",
    "bot": "bots.cli:bot",
    "cleanup": "loadtest.commands.cleanup:cleanup",
    "compare": "loadtest.commands.compare:compare",
    "demo": "loadtest.commands.demo:demo",
    "node": "loadtest.commands.node:node",
    "plan": "planning.cli:plan",
    "report": "reports.cli:report",
    "run": "loadtest.commands.run:run",
    "servers": "loadtest.commands.servers:servers",
}

EXIT_CODES = """\b
Exit codes: 0 as wished, 1 our own bug, 2 usage or input, 3 run invalid (the
generator was the limit), 4 inconclusive, 5 SLO missed, 6 regressed, 7 refused or
withdrawn by the guard, 8 target unusable before load, 130 interrupted with the
results kept."""

ISSUES = "the project's issue tracker"


class LazyGroup(click.Group):
    """A command group whose members are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module_name), attribute)
        assert isinstance(command, click.Command), cmd_name
        return command


@click.group(cls=LazyGroup, epilog=EXIT_CODES)
@click.version_option(package_name="bbbload")
def front_door() -> None:
    """Measure what a BigBlueButton node carries, and plan what to buy.

    Start with: make demo
    """


def main() -> None:
    """Run a command; end with its exit code and never with a traceback."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run the command line `arguments` and return the exit code."""
    try:
        result = front_door.main(
            args=arguments, prog_name="bbbload", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        click.echo(help_wanted.format_message(), err=True)
        return 2
    except click.ClickException as mistake:
        mistake.show()
        return 2
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("bbbload: interrupted; what was measured is kept", err=True)
        return 130
    except BbbloadError as failure:
        click.echo(f"bbbload: {failure}", err=True)
        return failure.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as bug:
        return _keep_traceback(bug)
    return result if isinstance(result, int) else 0


def _keep_traceback(bug: Exception) -> int:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = Path(f"bbbload-crash-{stamp}.log")
    text = "".join(traceback.format_exception(bug))
    try:
        path.write_text(text, encoding="utf-8")
        kept = f"the traceback is in {path}"
    except OSError:
        click.echo(text, err=True)
        kept = "the traceback is above"
    click.echo(
        f"bbbload: a bug of ours ({type(bug).__name__}); {kept}: "
        f"please report it on {ISSUES}",
        err=True,
    )
    return 1
