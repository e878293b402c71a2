"""The hosts of an experiment: versions switched by the user's command, runs ordered.

A switch is a command without a shell; it gets the version wanted in its own text and in
`BBBLOAD_VERSION`, and must end with 0. Then the server has ten minutes to answer.
"""

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bots.errors import TargetUnusable
from bots.redaction import redact
from bots.servers import Server, resolve
from loadtest.experiment import PlannedRun, Version, run_plan, side_of
from loadtest.experiment_spec import VERSION_MARK, ExperimentSpec, SideSpec
from loadtest.guard import refuse_other_runs, wait_until_ready
from loadtest.locust_run import RunOrder
from loadtest.sentry import GuardRules

SWITCH_TIMEOUT_S: Final = 3_600.0
READY_TIMEOUT_S: Final = 600.0


class Hosts:
    """The servers of an experiment and the version each has, as far as we know."""

    def __init__(self, spec: ExperimentSpec, say: Callable[[str], None]) -> None:
        """Resolve both targets; raises BbbloadError before anything is loaded."""
        self._spec = spec
        self._say = say
        self._installed: dict[Version, Version] = {}
        self._servers: dict[Version, Server] = {
            "baseline": _server(spec.baseline),
            "candidate": _server(spec.candidate),
        }
        for host, server in self._servers.items():
            # A host that its switch will start need not answer yet.
            waits: AbstractContextManager[None] = contextlib.nullcontext()
            if side_of(host, spec).switch:
                waits = contextlib.suppress(TargetUnusable)
            with waits:
                refuse_other_runs(server)

    def prepare(self, run: PlannedRun) -> None:
        """Put the version that a run wants on its host, if a command can."""
        command = self._command(run)
        if not command or self._installed.get(run.host) == run.version:
            return
        self._installed.pop(run.host, None)
        self._say(f"  switching: {redact(command)}")
        try:
            done = subprocess.run(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SWITCH_TIMEOUT_S,
                env={**os.environ, "BBBLOAD_VERSION": self._wanted(run)},
                text=True,
                errors="replace",
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise TargetUnusable(
                f"the switch {redact(command)!r} failed ({type(error).__name__}): try "
                "it by hand"
            ) from error
        if done.returncode != 0:
            last = redact(" | ".join(done.stdout.splitlines()[-3:]))
            raise TargetUnusable(
                f"the switch {redact(command)!r} ended with {done.returncode}: {last}"
            )
        wait_until_ready(self._servers[run.host], READY_TIMEOUT_S)
        self._installed[run.host] = run.version

    def check(self, run: PlannedRun, told: str) -> None:
        """Raise TargetUnusable when the server has not the version that it should."""
        wanted = self._wanted(run)
        if told and wanted[:1].isdigit() and not is_version(told, wanted):
            raise TargetUnusable(
                f"{side_of(run.host, self._spec).target} says it is BBB {told}, not "
                f"{wanted}: the switch did not do what it should, or the version in "
                "the TOML file is wrong"
            )

    def order(self, run: PlannedRun, log: Path, processes: int) -> RunOrder:
        """Return the order for a run on its host."""
        side = side_of(run.host, self._spec)
        server = self._servers[run.host]
        return RunOrder(
            plan=run_plan(run, self._spec),
            target=side.target,
            log=log,
            processes=processes,
            node_metrics=side.node_metrics or server.metrics_urls,
            allow_host=side.allow_host,
            secret_file=side.secret_file,
            guard=GuardRules(meetings_unseen=side.meetings_unseen),
        )

    def _wanted(self, run: PlannedRun) -> str:
        return side_of(run.version, self._spec).version

    def _command(self, run: PlannedRun) -> str:
        """Return the command; on one host each version may have its own."""
        which = run.version if self._spec.design == "one host" else run.host
        return side_of(which, self._spec).switch.replace(
            VERSION_MARK, self._wanted(run)
        )


def is_version(told: str, wanted: str) -> bool:
    """Say whether a version is the wanted one, or one of its line: 3.0 is not 3.01."""
    return re.match(rf"{re.escape(wanted)}(?!\d)", told) is not None


def _server(side: SideSpec) -> Server:
    return resolve(
        side.target,
        secret_file=side.secret_file or None,
        allow_host=side.allow_host or None,
    )
