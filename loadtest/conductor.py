"""The one who knows the whole run: places, records, steps, validity, exit code.

It lives in Locust's master, or in its only process, and is told what happens: an engine
is ready, a report came, a worker was lost. It knows neither gevent nor Locust nor the
network; `loadtest/locustfile.py` brings these. Time is an argument.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bots.models import JoinReport, LeaveReport, ParticipantPlan
from bots.plain import Malformed
from bots.redaction import redact
from bots.wire import Begun, Ended, report_of
from loadtest.aggregate import Aggregate
from loadtest.ascents import Finished
from loadtest.benchmark import LadderStep
from loadtest.codec import encode_record
from loadtest.log_file import redact_line
from loadtest.models import EndRecord, MeetingProfile, Record, RunHeader, StepRecord
from loadtest.population import Places, meetings_for, plan_participant
from loadtest.self_check import SelfCheckSums, missing_proofs
from loadtest.slo import judge
from loadtest.stages import (
    Course,
    RunPlan,
    Wanted,
    manner_of,
    scenario_of,
    stepper_of,
)
from loadtest.tour import Tour

logger = logging.getLogger(__name__)

EXIT_OK: Final = 0
EXIT_INVALID: Final = 3
EXIT_SLO_MISSED: Final = 5
EXIT_WITHDRAWN: Final = 7
EXIT_INTERRUPTED: Final = 130
OPEN_END_S: Final = 86_400.0
OPEN_WARM_UP_S: Final = 5.0
"""Warm-up, after the ramp, of a run that ends when its user says so."""
STEP_MARGIN_S: Final = 0.1
"""A step begins so much before its first join: the clock of an engine on another
machine lags by the way of one message, and its joins must not fall before the step."""


class Log(Protocol):
    """Where the lines of run.jsonl go."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


@dataclass(slots=True)
class _Held:
    """A place in use."""

    places: Places
    place: int
    worker: str
    meeting: int
    is_in: bool = False


class Conductor:
    """One run, from its header to its end record."""

    def __init__(
        self,
        plan: RunPlan,
        *,
        run: str,
        log: Log,
        tell: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """Write each record to the log and `tell` it, for who shows the run live."""
        self.plan = plan
        self.run = run
        self._tell = tell
        self.header: RunHeader | None = None
        self._log = log
        self._aggregate = Aggregate()
        self._sums = SelfCheckSums()
        self._places = Places()
        self._held: dict[int, _Held] = {}
        self._profile: MeetingProfile = plan.profiles[0]
        self._first_meeting = 0
        self._number = 0
        self._reasons: list[str] = []
        self._notes: list[str] = []
        self._withdrawn = ""
        self.present = 0
        """Participants that are in now."""
        self.left_meetings = 0
        """Meetings of ours that the server did not end when asked."""
        self.peak = 0
        self.damaged = 0
        """Reports that could not be read; none ever should be."""
        self.retired_below = 0
        """Meetings numbered below this one are over; the engines may end them."""
        self._elapsed_s = 0.0
        self._course: Course | None = None
        stepper = stepper_of(plan)
        if stepper is not None:
            self._course = Course(
                stepper,
                join_rate=plan.join_rate,
                start=self._start_step,
                judge=self._judge_step,
                clear=self._clear_places,
            )
        self._free_steps = 0
        self._users = 0
        self._tour = Tour.of(plan, self._write)

    @property
    def follows_a_course(self) -> bool:
        """Whether the plan, and not Locust's user, says how many join."""
        return self._course is not None or self._tour is not None

    @property
    def held(self) -> int:
        """Participants that were given a place and are not gone yet."""
        return len(self._held)

    def begin(self, header: RunHeader) -> None:
        """Write the header; every other record comes after it."""
        self.header = header
        self._write(header)

    def describe(
        self, begun: Begun, *, started_at: str, tool_version: str, stand_in: bool
    ) -> RunHeader:
        """Return the header for a target that an engine has checked."""
        return RunHeader(
            run=self.run,
            started_at=started_at,
            tool_version=tool_version,
            seed=self.plan.seed,
            target=begun.server,
            bbb_version=begun.bbb_version,
            stand_in=stand_in or begun.stand_in,
            scenario=scenario_of(self.plan),
            slo=self.plan.slo,
            notes=tuple(self._notes),
            manner=manner_of(self.plan),
        )

    def wanted(self, elapsed_s: float) -> Wanted | None:
        """Return the population wanted now; None once the course is over."""
        self._elapsed_s = elapsed_s
        if self._tour is not None:
            return self._tour.wanted(elapsed_s)
        assert self._course is not None, "the plan has no course"
        return self._course.at(elapsed_s, self.held)

    def note_users(
        self, elapsed_s: float, users: int, *, rate: float, run_s: float | None
    ) -> None:
        """Open a step where Locust's own users count, at the start of their ramp.

        Nothing happens unless another number of them is wanted than before. A run that
        has no end (`run_s` None) is judged from soon after the ramp on.
        """
        if users == self._users or not users:
            return
        ramp_s = abs(users - self._users) / rate
        self._users = users
        rest_s = max(ramp_s + 1.0, (run_s or OPEN_END_S) - elapsed_s)
        held_s = rest_s - ramp_s if run_s else OPEN_WARM_UP_S * 3
        self._write(
            StepRecord(
                elapsed_s=max(0.0, elapsed_s - STEP_MARGIN_S),
                step=self._free_steps,
                profile=self._profile.name,
                participants=users,
                meetings=meetings_for(self._profile, users),
                duration_s=rest_s,
                warm_up_s=ramp_s + held_s / 3,
            )
        )
        self._free_steps += 1

    def place(self, worker: str) -> ParticipantPlan:
        """Give the lowest free place to a participant on this worker."""
        place = self._places.take()
        if self._tour is not None:
            visit = self._tour.next_plan()
            self._held[visit.number] = _Held(
                self._places, place, worker, visit.meeting_number
            )
            return visit
        plan = plan_participant(
            self._profile,
            place=place,
            number=self._number,
            first_meeting=self._first_meeting,
            seed=self.plan.seed,
        )
        self._number += 1
        self._held[plan.number] = _Held(
            self._places, place, worker, plan.meeting_number
        )
        return plan

    def left(self, number: int) -> None:
        """Free the place of a participant that is gone."""
        held = self._held.pop(number, None)
        if held is not None:
            held.places.give_back(held.place)
            self.present -= held.is_in

    def receive(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Write the reports of an engine and add them to the step's figures."""
        for item in items:
            try:
                report = report_of(item)
            except Malformed:
                self.damaged += 1
                continue
            self._write(report)
            if isinstance(report, JoinReport):
                self._note_join(report)
            elif isinstance(report, LeaveReport):
                self._note_leave(report)

    def record(self, record: Record) -> None:
        """Write a record of our own side, such as a node's sample."""
        self._write(record)

    def lost(self, worker: str, elapsed_s: float, what: str) -> int:
        """Count the participants of a lost worker or engine as lost, by our fault."""
        numbers = [n for n, held in self._held.items() if held.worker == worker]
        for number in numbers:
            held = self._held[number]
            if held.is_in:
                self._write(
                    LeaveReport(
                        elapsed_s=elapsed_s,
                        participant=number,
                        meeting=held.meeting,
                        outcome="withdrawn",
                        code="engine lost",
                        detail=what,
                    )
                )
            self.left(number)
        self._add_reason(f"{what}: {len(numbers)} participants were lost with it")
        return len(numbers)

    def ended(self, ended: Ended) -> None:
        """Note how an engine ended its meetings."""
        if ended.reason:
            self._add_reason(ended.reason)
        if ended.failed:
            # The server's doing, and no reason to doubt what was measured.
            self.left_meetings += len(ended.failed)
            self.note(
                f"{len(ended.failed)} meetings did not end when asked: "
                "`bbbload cleanup` tries again"
            )

    def note(self, *notes: str) -> None:
        """Add what every report of the run must say."""
        self._notes += [note for note in notes if note not in self._notes]

    def withdraw(self, reason: str) -> None:
        """Note that the guard ends the run, and why."""
        self._withdrawn = f"withdrawn by the guard: {reason}"

    def finish(self, elapsed_s: float, *, interrupted: bool) -> int:
        """Write the end record; return the exit code of the run."""
        verdicts = self._verdicts(elapsed_s)
        reasons = [self._withdrawn] if self._withdrawn else []
        reasons += self._reasons
        if self._course is not None and self._course.failure:
            reasons.append(self._course.failure)
        if self.damaged:
            reasons.append(f"{self.damaged} reports of our engines were damaged")
        if self.plan.ladder is None:
            for _, verdict in verdicts:
                reasons += [r for r in verdict.generator_reasons if r not in reasons]
        check = self._sums.result(verdicts)
        if not interrupted:
            reasons += [said for said in missing_proofs(check) if said not in reasons]
        end = EndRecord(
            elapsed_s=elapsed_s,
            validity="interrupted"
            if interrupted
            else ("invalid" if reasons else "valid"),
            reasons=tuple(redact(said) for said in (*reasons, *self._notes)),
            self_check=check,
        )
        self._write(end)
        self._log.flush()
        is_missed = self.plan.ladder is None and not all(v.met for _, v in verdicts)
        slo = ("the SLO was missed",) if is_missed and end.validity == "valid" else ()
        said = "; ".join((f"run {self.run} is {end.validity}", *slo, *end.reasons))
        logger.info("bbbload: %s", said)
        if self._withdrawn:
            return EXIT_WITHDRAWN
        if interrupted:
            return EXIT_INTERRUPTED
        if reasons:
            return EXIT_INVALID
        return EXIT_SLO_MISSED if is_missed else EXIT_OK

    def so_far(self) -> list[Finished]:
        """Return the steps with their verdicts, the latest as it stands now."""
        points = self._aggregate.points_so_far()
        return [(point, judge(point, self.plan.slo)) for point in points]

    def flush(self) -> None:
        """Hand what was written to the system: an interrupted run keeps it."""
        self._log.flush()

    def _verdicts(self, elapsed_s: float) -> list[Finished]:
        if self._course is not None:
            return self._course.finished
        self._aggregate.add(EndRecord(elapsed_s=elapsed_s, validity="valid"))
        points = self._aggregate.points()
        return [(point, judge(point, self.plan.slo)) for point in points]

    def _start_step(self, step: LadderStep, number: int) -> None:
        self._profile = step.profile
        self._write(
            StepRecord(
                elapsed_s=max(0.0, self._elapsed_s - STEP_MARGIN_S),
                step=number,
                profile=step.profile.name,
                participants=step.participants,
                meetings=step.meetings,
                duration_s=step.duration_s,
                warm_up_s=step.warm_up_s,
                repeat=step.repeat,
                is_fresh=step.is_fresh,
            )
        )
        self._log.flush()

    def _judge_step(self) -> Finished | None:
        point = self._aggregate.latest()
        if point is None:
            return None
        finished = (point, judge(point, self.plan.slo))
        self._sums.judged(finished)
        return finished

    def _clear_places(self) -> None:
        """Let the next step begin with meetings of its own."""
        self._first_meeting += meetings_for(self._profile, self._places.used)
        self.retired_below = self._first_meeting
        self._places = Places()

    def _note_join(self, report: JoinReport) -> None:
        held = self._held.get(report.participant)
        if report.outcome == "joined" and held is not None and not held.is_in:
            held.is_in = True
            self.present += 1
            self.peak = max(self.peak, self.present)
        if report.outcome == "withdrawn" and report.code in _FULL:
            self._add_reason(
                f"an engine took no more participants ({report.code}): use more "
                "--processes or another machine"
            )

    def _note_leave(self, report: LeaveReport) -> None:
        held = self._held.get(report.participant)
        if held is not None and held.is_in:
            held.is_in = False
            self.present -= 1
        if report.code == "engine bug":
            self._add_reason("a participant broke by a bug of ours: see the log")

    def _add_reason(self, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons.append(reason)

    def _write(self, record: Record) -> None:
        self._log.write(redact_line(encode_record(record)) + "\n")
        self._aggregate.add(record)
        self._sums.add(record)
        self._tell(record)


_FULL: Final = ("too late", "engine full", "participants cap", "streams cap")
