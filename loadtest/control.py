"""The conducting side of a run in Locust's master, or in its only process.

It asks the engines to begin, hands out places, logs, watches nodes and workers, and
sees to it that every end is a clean one.

It uses the standard library's threads only: in a Locust process they are gevent's.
"""

import argparse
import importlib.metadata
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from bots.errors import BbbloadError, ConfigError, TargetUnusable
from bots.plain import from_plain, to_plain
from bots.redaction import redact
from bots.servers import find_entry, host_of
from bots.wire import Begun, Ended, Refused, Sighted
from loadtest.ascents import Finished
from loadtest.conductor import Conductor
from loadtest.crew import Message
from loadtest.engine_orders import begin_order
from loadtest.guard import Ledger, now_utc
from loadtest.guarding import Guarding
from loadtest.log_file import LogFile
from loadtest.models import NodeSample, Record
from loadtest.processes import boot_id
from loadtest.run_options import Limits, ended_early, plan_of, write_status
from loadtest.sentry import HURRY_S
from loadtest.stages import LEAVE_RATE
from loadtest.watch import facts_of, lost_workers, open_watches, watch_node

logger = logging.getLogger(__name__)

BEGIN_TIMEOUT_S: Final = 60.0
DRAIN_TIMEOUT_S: Final = 25.0
WATCH_INTERVAL_S: Final = 0.5


class Control:
    """The conducting side, in the master or the only process."""

    def __init__(
        self, environment: Any, options: argparse.Namespace, *, is_master: bool
    ) -> None:
        """Take Locust's environment; what its web form may not change is in `options`.

        Raises ConfigError for options that cannot be.
        """
        self._environment = environment
        self._is_master = is_master
        self._options = options
        self._limits = Limits.of(options)
        self._runner = environment.runner
        self._conductor: Conductor | None = None
        self._log: LogFile | None = None
        self._zero_s, self._started_at, self._retired = 0.0, "", 0
        self._changed, self._stopped = threading.Event(), threading.Event()
        self._processes: dict[str, tuple[str, int]] = {}
        self._is_begun, self._is_finished, self.exit_code = False, True, 0
        self._used_logs: set[str] = set()
        self._reset()
        self.tell: Callable[[Record], None] = lambda record: None
        for name, listener in {
            "bbbload_place": self._place,
            "bbbload_left": self._left,
            "bbbload_reports": self._reports,
            "bbbload_engine": self._engine,
        }.items():
            self._runner.register_message(name, listener)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._zero_s

    def so_far(self) -> list[Finished]:
        return [] if self._conductor is None else self._conductor.so_far()

    def start(self) -> None:
        """Begin a run: engines check the target, then the header is written.

        Raises BbbloadError; no load was sent then.
        """
        live = self._environment.parsed_options
        plan = plan_of(live, self._options.run_plan, self._limits)
        run = plan.run or secrets.token_hex(4)
        self._reset()
        workers = self._workers()
        self._guarding = Guarding(self._limits.guard, self._withdraw_soon)
        self._log = LogFile.of_run(self._options.run_log, run, self._used_logs)
        self._is_finished = False
        self._conductor = Conductor(plan, run=run, log=self._log, tell=self.tell)
        self._conductor.note(*self._limits.guard.notes)
        self._zero_s = time.monotonic()
        self._started_at = now_utc()
        target = str(self._environment.host or "")
        if not target:
            raise ConfigError("no target: give a name or an address with --host")
        ledger = Ledger()
        entry = find_entry(target)
        host = host_of(entry.url if entry else target) or target
        leftovers = ledger.killed_runs(host)
        urls = tuple(filter(None, self._options.node_metrics.split(",")))
        urls = urls or (entry.metrics_urls if entry else ())
        watches, is_stand_in = open_watches(urls, target)
        for worker in workers:
            self._send_begin(worker, target, leftovers)
        self._looking = workers[0]
        self._await(
            lambda: self._is_finished or len(self._begun) >= len(workers),
            BEGIN_TIMEOUT_S,
        )
        if self._is_finished:
            return  # here and below: whoever ended it says why
        if self._refused is not None:
            raise self._refused.as_error()
        if len(self._begun) < len(workers):
            raise TargetUnusable(
                f"{len(workers) - len(self._begun)} bot engines did not get ready "
                f"within {BEGIN_TIMEOUT_S:g} s: see their messages above"
            )
        begun = self._begun[workers[0]]
        for note in begun.notes:
            logger.warning("%s", note)
        sources = [source for node in watches for source in node.sources]
        self._guarding.prove(begun.sighted, sources, host)
        if self._is_finished:
            return
        header = self._conductor.describe(
            begun,
            started_at=self._started_at,
            tool_version=importlib.metadata.version("bbbload"),
            stand_in=is_stand_in,
        )
        self._log.begin()
        logger.info("bbbload: the log of run %s is %s", run, self._log.name)
        header = replace(header, engines=len(workers), facts=facts_of(watches))
        self._conductor.begin(header)
        ledger.begin(run=run, server=host, target=target, started_at=self._started_at)
        for old in leftovers:
            ledger.end(run=old, ended_at=self._started_at, peak_participants=0)
        self._ledger, self._is_begun = ledger, True
        stopped = self._stopped = threading.Event()
        self._guarding.begin(self.elapsed_s)
        for node in watches:
            self._spawn(watch_node, node, lambda: self.elapsed_s, self._sample, stopped)
        self._spawn(self._watch_workers)
        self._spawn(self._keep)

    def finish(self, *, interrupted: bool, within_s: float | None = None) -> int:
        """Let everybody leave, end the meetings, close the log; return its exit code.

        It is the exit code of the run, and the same when asked again. Who has not left
        `within_s` is cut off. What had not begun leaves no log and never returns 0.
        """
        if self._is_finished:
            return self.exit_code
        self._is_finished = True
        interrupted &= not self._lose_workers()  # to lose all is our doing
        for worker in self._asked - self._over:
            self._send("bbbload_end", {"within_s": within_s}, worker)
        self._await(lambda: self._asked <= self._over, DRAIN_TIMEOUT_S)
        self._stopped.set()
        conductor = self._conductor
        if self._is_begun and conductor is not None:
            missing = self._asked - self._over
            for worker in missing:
                conductor.lost(worker, self.elapsed_s, "a bot engine did not end")
            self.exit_code = conductor.finish(self.elapsed_s, interrupted=interrupted)
            # Without its end the ledger says that meetings of ours may be left: the
            # next command for this server ends them.
            if not (missing or self._lost or conductor.left_meetings):
                self._ledger.end(
                    run=conductor.run,
                    ended_at=now_utc(),
                    peak_participants=conductor.peak,
                )
        elif not self.exit_code:
            self._tell(ended_early(self._refused, interrupted=interrupted))
        if self._log is not None:
            (self._log.close if self._is_begun else self._log.discard)()
            if self._log.failure:
                self._tell(ConfigError(self._log.failure))
        self._is_begun = False
        return self.exit_code

    def fail(self, failure: BbbloadError) -> None:
        """Say why there is no run."""
        self._tell(failure)
        self.finish(interrupted=False)
        self.exit_code = failure.exit_code

    def _tell(self, failure: BbbloadError) -> None:
        logger.error("bbbload: %s", redact(str(failure)))
        self.exit_code = failure.exit_code
        write_status(self._options.status_file, failure)

    def course_tick(self) -> tuple[int, float] | None:
        """Return what Locust's shape is to do; None once all is over."""
        if self._refused is not None or self.exit_code:
            return None
        if not self._is_begun or self._conductor is None:
            return (0, LEAVE_RATE)
        if self._asked <= self._over:  # every engine is lost: nobody can take part
            self.finish(interrupted=False)
            return None
        wanted = self._conductor.wanted(self.elapsed_s)
        if self._conductor.retired_below > self._retired:
            self._retired = self._conductor.retired_below
            for worker in self._begun:
                self._send("bbbload_retire", {"below": self._retired}, worker)
        if wanted is not None:
            return (wanted.participants, wanted.rate)
        self.exit_code = self.finish(interrupted=False)
        return None

    def note_population(self) -> None:
        """Open a step when Locust's user has asked for another population."""
        conductor = self._conductor
        if not self._is_begun or conductor is None or conductor.follows_a_course:
            return
        options = self._environment.parsed_options
        conductor.note_users(
            self.elapsed_s,
            self._runner.target_user_count,
            rate=options.spawn_rate or 1.0,
            run_s=options.run_time,
        )

    def worker_joined(self, worker: str) -> None:
        """Let a worker that comes during a run take part in it."""
        if not self._is_begun or self._conductor is None:
            return
        self._send_begin(worker, str(self._environment.host))

    def _reset(self) -> None:
        self._begun: dict[str, Begun] = {}
        self._waiting: dict[str, list[int]] = {}
        self._asked: set[str] = set()
        self._over: set[str] = set()
        self._lost: set[str] = set()
        self._refused: Refused | None = None
        self._retired, self._looking, self.exit_code = 0, "", 0

    def _workers(self) -> list[str]:
        if not self._is_master:
            return ["local"]
        clients = self._runner.clients
        return [c.id for c in clients.ready + clients.spawning + clients.running]

    def _send(self, name: str, data: dict[str, Any], worker: str) -> None:
        self._runner.send_message(name, data, client_id=worker)

    def _send_begin(
        self, worker: str, target: str, leftovers: tuple[str, ...] = ()
    ) -> None:
        assert self._conductor is not None
        begin = begin_order(
            self._conductor.plan,
            run=self._conductor.run,
            engine=len(self._asked),
            target=target,
            users=self._runner.target_user_count,
            leftovers=leftovers,
        )
        self._asked.add(worker)
        times = {"elapsed_s": self.elapsed_s, "zero_s": self._zero_s}
        data = {"begin": to_plain(begin), **times, "boot": boot_id()}
        self._send("bbbload_begin", data, worker)

    def _place(self, environment: Any, msg: Message, **_: Any) -> None:
        worker, ask = msg.node_id, msg.data["ask"]
        if self._is_begun and worker in self._begun and not self._is_finished:
            self._give(worker, ask)
        elif self._is_finished:
            self._send("bbbload_plan", {"ask": ask, "plan": None}, worker)
        else:
            self._waiting.setdefault(worker, []).append(ask)

    def _give(self, worker: str, ask: int) -> None:
        assert self._conductor is not None
        self.note_population()
        plan = self._conductor.place(worker)
        self._send("bbbload_plan", {"ask": ask, "plan": to_plain(plan)}, worker)

    def _left(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._conductor is not None:
            self._conductor.left(msg.data["number"])

    def _reports(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._conductor is not None and self._conductor.header is not None:
            self._conductor.receive(msg.data["items"])

    def _engine(self, environment: Any, msg: Message, **_: Any) -> None:
        what, plain, worker = msg.data["what"], msg.data["plain"], msg.node_id
        self._processes[worker] = (msg.data["machine"], msg.data["pid"])
        conductor = self._conductor
        if what == "sighted":
            present = conductor.present if conductor is not None else 0
            sighted = from_plain(Sighted, plain)
            self._guarding.sighted(sighted, self.elapsed_s, present)
        elif what == "begun":
            self._begun[worker] = from_plain(Begun, plain)
            for ask in self._waiting.pop(worker, []):
                if self._is_begun:
                    self._give(worker, ask)
        elif what == "refused":
            self._over.add(worker)
            if self._refused is None:
                self._refused = from_plain(Refused, plain)
            if self._is_begun and conductor is not None:
                conductor.lost(worker, self.elapsed_s, self._refused.message)
        elif what == "ended":
            self._over.add(worker)
            if conductor is not None:
                conductor.ended(from_plain(Ended, plain))
        elif what == "lost":
            self._lose(worker, plain["reason"])
        self._changed.set()

    def _lose(self, worker: str, reason: str) -> None:
        if worker in self._over:
            return
        self._over.add(worker)
        self._lost.add(worker)
        if self._is_begun and self._conductor is not None:
            self._conductor.lost(worker, self.elapsed_s, reason)
            if worker == self._looking:
                self._look_on()
        elif self._refused is None:
            self._refused = Refused(exit_code=1, message=reason)
        self._changed.set()

    def _look_on(self) -> None:
        """Let another engine look for people who are not ours."""
        self._looking = next((w for w in self._begun if w not in self._over), "")
        if self._looking:
            self._send("bbbload_look", {}, self._looking)

    def _sample(self, sample: NodeSample) -> None:
        if self._conductor is not None:
            self._conductor.record(sample)
            self._guarding.sampled(sample, self.elapsed_s)

    def _withdraw_soon(self, reason: str) -> None:
        # What was told this may be the very thread that brings the engines' answers.
        self._spawn(self._withdraw, reason)

    def _withdraw(self, reason: str) -> None:
        if self._is_finished or self._conductor is None:
            return
        logger.error("bbbload: withdrawn by the guard: %s", reason)
        self._conductor.withdraw(reason)
        beside = self._limits.guard.beside_real_meetings
        self.finish(interrupted=True, within_s=HURRY_S if beside else None)
        self._end_locust()

    def _end_locust(self) -> None:
        is_headless = self._environment.parsed_options.headless
        (self._runner.quit if is_headless else self._runner.stop)()

    def _await(self, condition: Callable[[], bool], limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        while not condition() and time.monotonic() < deadline_s:
            if self._refused is not None and not self._is_begun:
                return
            self._changed.clear()
            self._changed.wait(timeout=0.2)

    def _watch_workers(self) -> None:
        stopped = self._stopped
        while self._is_master and not stopped.wait(WATCH_INTERVAL_S):
            self._lose_workers()

    def _lose_workers(self) -> bool:
        """Note the workers that are gone; return whether none is left of a run."""
        if self._is_master and self._is_begun:
            clients = self._runner.clients
            for worker, why in lost_workers(clients, self._begun, self._processes):
                self._lose(worker, why)
        return bool(self._begun) and self._begun.keys() <= self._lost

    def _keep(self) -> None:
        stopped = self._stopped
        while not stopped.wait(1.0):
            if self._conductor is not None:
                self._conductor.flush()
            if self._log is not None and self._log.failure:
                self.finish(interrupted=False)
                self._end_locust()
                return
            self._guarding.tick(self.elapsed_s)

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()
