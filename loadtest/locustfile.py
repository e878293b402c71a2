"""Locust drives the load: a Locust `User` is a participant.

    locust -f loadtest/locustfile.py --host NAME_OR_URL --headless -u 10 -r 2 -t 1m

It works headless, with the web UI, with `--processes N`, and as `--master`/`--worker`.
Every process with users has one bot engine beside it (`crew`, `engine_link`); the
master, or the only process, conducts (`control`, `conductor`). The allow-list and the
caps are held by the engines, from the command line of their own process: what a web
form or a master sends cannot loosen them.

Locust loads this file as a top-level module: absolute imports only. With
`engine_link.py` it is the only importer of locust and gevent.
"""

import argparse
import logging
import signal
from typing import Any

import gevent
from locust import LoadTestShape, User, events, task
from locust.runners import MasterRunner, WorkerRunner

from bots.errors import BbbloadError
from bots.wire import Caps
from loadtest.control import Control
from loadtest.crew import Crew, Seat
from loadtest.engine_link import EngineLink
from loadtest.exporter import Exporter, metrics_address
from loadtest.locust_entries import Entry
from loadtest.run_options import Limits, write_status
from loadtest.web_tab import add_tab

logger = logging.getLogger(__name__)

IDLE_S = 3_600.0


def add_arguments(parser: Any) -> None:
    """Add our own arguments; secrets are never among them."""
    # Nothing listens on other addresses unless one is named.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")

    def add(name: str, kind: Any, default: Any, text: str, *, ui: bool = False) -> None:
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            env_var=f"BBBLOAD_{name.upper().replace('-', '_')}",
            include_in_web_ui=ui,
            help=text,
        )

    add("meeting-size", int, 5, "Participants of one meeting (default 5)", ui=True)
    add("cameras", int, 2, "Cameras shared in each meeting (default 2)", ui=True)
    add("microphones", int, -1, "Two-way microphones; -1: everybody's", ui=True)
    add("listeners", int, 0, "Participants who only listen (default 0)", ui=True)
    add("scenario", str, "", "Scenario (TOML) to play; then -u, -r and -t don't count")
    add("scale", float, 1.0, "So many times a scenario's people (default 1)")
    add("length", str, "", "Make a scenario last so long, such as 10m")
    add("personas", str, "", "TOML file with personas and mixes of your own")
    add("mix", str, "", "Mix of --personas in each meeting, or a history (.csv)")
    add("clip", str, "", "Film or recording to send; default: made here")
    add("ice-transport-policy", str, "all", "Ways for media: all, or relay only")
    add("seed", int, 0, "Seed of all personas (default 0)", ui=True)
    add("run-log", str, "bbbload-{run}.jsonl", "Log of the run; {run} is its id")
    add("run-plan", str, "", "File with the plan of a run, as bbbload writes it")
    add("metrics-port", str, "", "[ADDRESS:]PORT of the run's metrics for Prometheus")
    add("status-file", str, "", "File that gets the reason of a refusal, as JSON")
    add("node-metrics", str, "", "Addresses of node metrics, with commas between")
    add("allow-host", str, "", "Host, not in servers.toml, that may be loaded")
    add("secret-file", str, "", "File (0600) with the secret, instead of BBB_SECRET")
    add("max-participants", int, Caps().participants, "Cap on participants")
    add("max-streams", int, Caps().streams, "Cap on media streams, both directions")
    add("max-duration", str, "4h", "Cap on the duration, such as 30m or 4h")
    parser.add_argument(
        "--beside-real-meetings",
        action="store_true",
        env_var="BBBLOAD_BESIDE_REAL_MEETINGS",
        include_in_web_ui=False,
        help="Load the server though meetings of other people are on it",
    )
    add("withdraw-at-cpu", float, 0.0, "Node CPU share that ends such a run; required")
    parser.add_argument(
        "--meetings-unseen",
        action="store_true",
        env_var="BBBLOAD_MEETINGS_UNSEEN",
        include_in_web_ui=False,
        help="Load the server though it may hide other people's meetings",
    )


class CourseShape(LoadTestShape):  # type: ignore[misc]
    """The plan of a run as Locust's load shape; used only when a plan was given."""

    abstract = True
    control: Control

    def tick(self) -> tuple[int, float] | None:
        """Return (users, rate per second); None ends the test."""
        return self.control.course_tick()


class Participant(User):  # type: ignore[misc]
    """One participant of a meeting, played by the bot engine of this process."""

    crew: Crew | None = None
    _seat: Seat | None = None

    @task  # type: ignore[untyped-decorator]
    def take_part(self) -> None:
        """Join, stay until stopped; one that was refused or dropped stays away."""
        assert self.crew is not None, "users run where an engine is"
        if self._seat is None:
            self._seat = self.crew.take_seat()
        while True:
            gevent.sleep(IDLE_S)

    def on_stop(self) -> None:
        """Leave the meeting."""
        if self.crew is not None and self._seat is not None:
            self.crew.leave(self._seat)


def set_up(environment: Any, runner: Any, **_: Any) -> None:
    """Give this process its part: an engine where users run, else the conducting."""
    options = argparse.Namespace(**vars(environment.parsed_options))
    is_master = isinstance(runner, MasterRunner)
    control = crew = None

    def fire(entry: Entry) -> None:
        environment.events.request.fire(
            request_type=entry.kind,
            name=entry.name,
            response_time=entry.value,
            response_length=entry.length_bytes,
            exception=entry.exception,
            context={},
        )

    try:
        if not isinstance(runner, WorkerRunner):
            control = Control(environment, options, is_master=is_master)
            _conduct(
                environment,
                control,
                has_plan=bool(options.run_plan or options.scenario),
            )
            _show(environment, control, metrics_address(options.metrics_port))
        if not is_master:
            limits = Limits.of(options)
            crew = Crew(runner, limits, open_link=EngineLink, fire=fire)
            Participant.crew = crew
    except BbbloadError as failure:
        logger.error("bbbload: %s", failure)
        write_status(options.status_file, failure)
        raise SystemExit(failure.exit_code) from failure

    def clean_up(environment: Any, **_: Any) -> None:
        if control is not None:
            code = control.finish(interrupted=True)
            environment.process_exit_code = code
        if crew is not None:
            crew.close()

    environment.events.quitting.add_listener(clean_up)
    # Timers count from when gevent last looked at the clock, which was before all
    # imports: without this, they are taken off Locust's time limit.
    gevent.get_hub().loop.update_now()


def _conduct(environment: Any, control: Control, *, has_plan: bool) -> None:
    if has_plan:
        shape = CourseShape()
        shape.control, shape.runner = control, environment.runner
        environment.shape_class = shape
        # Locust installs its own handler only once a headless shape has ended.
        gevent.signal_handler(signal.SIGTERM, environment.runner.quit)

    def begin(environment: Any, **_: Any) -> None:
        try:
            control.start()
            return
        except BbbloadError as failure:
            control.fail(failure)
        except Exception as bug:
            # Locust would log it and wait for a run that never begins.
            logger.exception("the run could not begin")
            control.fail(BbbloadError(f"a bug of ours ({type(bug).__name__})"))
        environment.process_exit_code = control.exit_code
        gevent.spawn_later(0.1, _give_up, environment)

    def stop(environment: Any, **_: Any) -> None:
        # A course ends itself; a stop from outside comes before its end. Without one,
        # Locust's time limit or the button of the web UI is the planned end.
        environment.process_exit_code = control.finish(interrupted=has_plan)

    def note(**_: Any) -> None:
        control.note_population()

    def welcome(client_id: str, **_: Any) -> None:
        gevent.spawn_later(0.1, control.worker_joined, client_id)

    environment.events.test_start.add_listener(begin)
    environment.events.test_stopping.add_listener(stop)
    environment.events.spawning_complete.add_listener(note)
    environment.events.worker_connect.add_listener(welcome)


def _show(environment: Any, control: Control, metrics: tuple[str, int] | None) -> None:
    """Let those who look on see the run: Prometheus, and Locust's web UI."""
    if metrics is not None:
        exporter = Exporter()
        end = exporter.serve(*metrics)
        control.tell = exporter.receive
        environment.events.quit.add_listener(lambda **_: end())
    if environment.web_ui is not None:
        add_tab(environment.web_ui, control.so_far)


def _give_up(environment: Any) -> None:
    if environment.parsed_options.headless:
        environment.runner.quit()
    else:
        environment.runner.stop()


events.init_command_line_parser.add_listener(add_arguments)
events.init.add_listener(set_up)
