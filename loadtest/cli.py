"""The front door: `bbbload COMMAND`. It knows where commands live, how a run of the
program ends, and nothing else.

A command is imported only when it is called, by name, so that `bbbload plan` does not
pay for a media engine and no package imports one above it.
"""

import contextlib
import errno
import importlib
import os
import sys
import traceback

import click

from bots.errors import BbbloadError, OurBug
from bots.redaction import redact
from loadtest.crash import keep_traceback

COMMANDS = {
    "backtest": "planning.cli:backtest",
    "benchmark": "loadtest.commands.benchmark:benchmark",
    "bot": "bots.cli:bot",
    "capacity": "planning.observed.cli:capacity",
    "card": "reports.cards.cli:card",
    "cards": "reports.cards.cli:cards",
    "ci": "loadtest.commands.ci:ci",
    "catalog": "planning.prices.cli:catalog",
    "cleanup": "loadtest.commands.cleanup:cleanup",
    "compare": "loadtest.commands.compare:compare",
    "demo": "loadtest.commands.demo:demo",
    "doctor": "loadtest.commands.doctor:doctor",
    "history": "planning.history.cli:history",
    "export": "planning.questions.cli:export",
    "node": "loadtest.commands.node:node",
    "plan": "planning.cli:plan",
    "preview": "reports.preview.cli:preview",
    "quote": "planning.questions.cli:quote",
    "report": "reports.cli:report",
    "run": "loadtest.commands.run:run",
    "servers": "loadtest.commands.servers:servers",
    "window": "planning.questions.cli:window",
    "trend": "loadtest.commands.trend:trend",
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
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        click.echo(help_wanted.format_message(), err=True)
        return 2
    except click.ClickException as mistake:
        _say(_sentence(mistake))
        return 2
    except SystemExit:
        # So click ends a command whose output nobody reads any more (`| head`).
        _drop_output()
        return 0
    except (KeyboardInterrupt, click.exceptions.Abort):
        _say("interrupted; what was measured is kept")
        return 130
    except Exception as failure:
        return _explain(_cause(failure))
    return result if isinstance(result, int) else 0


def _explain(failure: Exception) -> int:
    """Say in a sentence what ended the command; return its exit code."""
    match failure:
        case OurBug():
            return _keep_traceback(str(failure), failure.traceback)
        case BbbloadError():
            _say(redact(str(failure)))
            return failure.exit_code
        case BrokenPipeError():
            # The reader of our output went away (`| head`): not our failure.
            _drop_output()
            return 0
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            _drop_output()
            _say("the disk is full: make room, or write to another one")
            return 2
    text = "".join(traceback.format_exception(failure))
    return _keep_traceback(f"a bug of ours ({type(failure).__name__})", text)


def _cause(failure: Exception) -> Exception:
    """Return the one exception in nested groups, or the group of several."""
    while isinstance(failure, ExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


def _sentence(mistake: click.ClickException) -> str:
    """Return what click says as we say it: one sentence, and where to look."""
    said = " ".join(mistake.format_message().split()).rstrip(".")
    context = getattr(mistake, "ctx", None)
    path = context.command_path if context is not None else "bbbload"
    return f"{said[:1].lower()}{said[1:]} (see `{path} --help`)"


def _say(sentence: str) -> None:
    click.echo(f"bbbload: {sentence}", err=True)


def _drop_output() -> None:
    """Let nothing more be written to an output that takes nothing more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _keep_traceback(what: str, text: str) -> int:
    path = keep_traceback(text)
    if path is None:
        click.echo(redact(text), err=True)
    kept = f"in {path}" if path is not None else "above"
    _say(f"{redact(what)}; the traceback is {kept}: please report it on {ISSUES}")
    return 1
