"""One Locust run as a child process: started, followed, and ended in good order.

The commands `run` and `benchmark` share it. The child gets the plan in a file, writes
run.jsonl itself, and is followed by reading that file, so that what the display shows
is what is kept. Ctrl-C or SIGTERM once: everybody leaves, meetings are ended, results
are kept. Twice: it stops now, and the engines, which notice, still end their meetings.
"""

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Final

import loadtest
from bots.errors import BbbloadError, ConfigError, OurBug
from bots.plain import to_plain
from bots.redaction import redact
from loadtest.crash import keep_traceback
from loadtest.follow import RunFollower
from loadtest.machine import free_port
from loadtest.models import Record
from loadtest.sentry import NO_RISKS, GuardRules
from loadtest.stages import RunPlan

logger = logging.getLogger(__name__)

POLL_S: Final = 0.2
KNOWN_EXITS: Final = frozenset({0, 3, 5, 7, 8, 130})
INTERRUPTED: Final = 130
LAST_LINES: Final = 5
TRACEBACK: Final = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What to run, where, and how."""

    plan: RunPlan
    target: str
    """A name of servers.toml or a URL."""
    log: Path
    """The run.jsonl to write."""
    processes: int = 1
    """Locust workers, each with its own bot engine."""
    node_metrics: tuple[str, ...] = ()
    allow_host: str = ""
    secret_file: str = ""
    metrics_port: str = ""
    """`[ADDRESS:]PORT` of the run's metrics for Prometheus; "" for none."""
    guard: GuardRules = NO_RISKS


def run_locust(order: RunOrder, receive: Callable[[Record], None]) -> int:
    """Run to the end and return the exit code (0, 3, 5 or 130); the log is complete.

    `receive` gets every record about as it happens. Raises BbbloadError, with its exit
    code, when there was no run: refused, unreachable, or a mistake in what was asked.
    """
    order = replace(
        order, plan=replace(order.plan, run=order.plan.run or secrets.token_hex(4))
    )
    with (
        tempfile.TemporaryDirectory(prefix="bbbload-") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        messages = stack.enter_context((folder / "locust.log").open("w+"))
        child = subprocess.Popen(
            _arguments(order, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            # Ctrl-C in a terminal is for this process, which passes it on in order.
            start_new_session=True,
        )
        follower = RunFollower(order.log, order.plan.run)
        stack.callback(follower.close)
        try:
            with _signals_passed_on(child):
                while _is_running(child):
                    for record in follower.poll():
                        receive(record)
                for record in follower.poll():
                    receive(record)
        finally:
            if child.poll() is None:  # a bug of ours on the way: leave nothing behind
                child.terminate()
                child.wait()
        return _outcome(child.returncode, folder / "status.json", folder / "locust.log")


def _arguments(order: RunOrder, folder: Path) -> list[str]:
    plan = folder / "plan.json"
    plan.write_text(json.dumps(to_plain(order.plan)), encoding="utf-8")
    caps = order.plan.caps
    options = {
        "--host": order.target,
        "--run-plan": plan,
        "--run-log": order.log,
        "--status-file": folder / "status.json",
        "--node-metrics": ",".join(order.node_metrics),
        "--allow-host": order.allow_host,
        "--secret-file": order.secret_file,
        "--metrics-port": order.metrics_port,
        "--max-participants": caps.participants,
        "--max-streams": caps.streams,
        "--max-duration": f"{caps.duration_s:g}",
    }
    arguments = [sys.executable, "-m", "locust", "--headless", "--only-summary"]
    arguments += ["-f", str(Path(loadtest.__file__).with_name("locustfile.py"))]
    arguments += [f"{name}={value}" for name, value in options.items() if value != ""]
    if order.guard.beside_real_meetings:
        ceiling = order.guard.withdraw_at_cpu
        arguments += ["--beside-real-meetings", f"--withdraw-at-cpu={ceiling}"]
    if order.guard.meetings_unseen:
        arguments.append("--meetings-unseen")
    if order.processes > 1:
        port = free_port()
        arguments += [f"--processes={order.processes}", "--expect-workers-max-wait=60"]
        arguments += [f"--master-bind-port={port}", f"--master-port={port}"]
    return arguments


def _is_running(child: "subprocess.Popen[bytes]") -> bool:
    try:
        child.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


@contextlib.contextmanager
def _signals_passed_on(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ask the child to end on the first Ctrl-C or SIGTERM, kill it on the second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = 0

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            child.terminate()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    before = {
        number: signal.signal(number, pass_on)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outcome(code: int, status: Path, messages: Path) -> int:
    said = messages.read_text(encoding="utf-8", errors="replace")
    if status.exists():
        plain = json.loads(status.read_text(encoding="utf-8"))
        if plain["exit_code"] == OurBug.exit_code:
            raise OurBug(plain["message"], traceback=said)
        failure = BbbloadError(plain["message"])
        failure.exit_code = plain["exit_code"]
        raise failure
    if code in KNOWN_EXITS:
        if TRACEBACK in said:  # of one participant: the others went on
            path = keep_traceback(said)
            logger.warning("a bug of ours on the way: its traceback is in %s", path)
        return code
    if code == -signal.SIGKILL:
        return INTERRUPTED
    if code == ConfigError.exit_code:
        last = " | ".join(line.strip() for line in said.splitlines()[-LAST_LINES:])
        raise ConfigError(f"locust did not take its options: {redact(last)}")
    raise OurBug(f"locust ended with code {code}", traceback=said)
