"""What one participant reports of itself: how it joined, what it got, how it went."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from bots.clock import RunClock
from bots.errors import ClusterError
from bots.models import (
    JoinReport,
    LeaveReport,
    Media,
    MilestoneReport,
    Outcome,
    ParticipantPlan,
    PathTaken,
    RefusalReport,
    Report,
)
from bots.outcomes import detail, refusal_report, verdict
from bots.transport import AWAY

NO_PATH: Final = PathTaken()


class Logbook:
    """One participant's reports; where they go is `report`'s business."""

    def __init__(
        self,
        plan: ParticipantPlan,
        *,
        clock: RunClock,
        report: Callable[[Report], None],
        engine: int = 0,
    ) -> None:
        self.asked_s = 0.0
        """`elapsed_s` at which the join was asked for."""
        self.node = ""
        self.path = PathTaken()
        self.is_join_told = False
        self.phases: list[tuple[str, float]] = []
        self._plan = plan
        self._clock = clock
        self._report = report
        self._engine = engine
        self._apart_s = 0.0

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase of the join, also one that fails."""
        started_s = self._clock.elapsed_s()
        try:
            yield
        finally:
            self.phases.append((name, self._clock.elapsed_s() - started_s))

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Leave the time of the block out of the join's: nobody waited in it."""
        started_s = self._clock.elapsed_s()
        try:
            yield
        finally:
            self._apart_s += self._clock.elapsed_s() - started_s

    def joined(self) -> None:
        """Tell that the participant is in its meeting."""
        self._joined("joined")

    def withdrawn(self) -> None:
        """Tell that the join was called off."""
        self._joined("withdrawn")

    def not_joined(self, failure: ClusterError) -> None:
        """Tell why and in which phase the join failed."""
        outcome, code = verdict(failure)
        step = self.phases[-1][0] if self.phases else "api"
        self._joined(outcome, code=code, words=detail(failure, step))

    def left(
        self, why: ClusterError | None, *, application_rtt_s: float | None = None
    ) -> None:
        """Tell how the participant went; None: as planned."""
        self._report(
            LeaveReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=self._plan.number,
                meeting=self._plan.meeting_number,
                outcome="left" if why is None else "dropped",
                code="" if why is None else why.code,
                detail="" if why is None else detail(why),
                application_rtt_s=application_rtt_s,
            )
        )

    def refused(self, what: str, failure: ClusterError) -> None:
        """Tell what went wrong for a participant that stays."""
        if failure.code == AWAY:
            self.kept_back(what, AWAY)
        else:
            self._report(refusal_report(self._plan, self._clock, what, failure))

    def kept_back(self, what: str, code: str) -> None:
        """Tell what was not tried, or was lost, by our own doing."""
        self._report(
            RefusalReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=self._plan.number,
                meeting=self._plan.meeting_number,
                what=what,
                outcome="withdrawn",
                code=code,
            )
        )

    def waited(self, pages: int, waited_s: float) -> None:
        """Tell that a balancer let us wait before the join, if it did."""
        if pages:
            told = f"shown {pages} times in {waited_s:.1f} s"
            self.refused("waiting page", ClusterError(told, code="please wait"))

    def milestone(
        self,
        media: Media,
        wait_s: float | None,
        *,
        source: int | None = None,
        failure: ClusterError | None = None,
        path: PathTaken = NO_PATH,
    ) -> None:
        """Tell how long the first media took, or with `failure` why none came.

        Where our own network was taken away meanwhile there is nothing to tell: nobody
        waited.
        """
        if failure is not None and failure.code == AWAY:
            return
        outcome: Outcome = "joined"
        code = ""
        if failure is not None:
            outcome, code = verdict(failure)
        self._report(
            MilestoneReport(
                elapsed_s=self._clock.elapsed_s(),
                participant=self._plan.number,
                meeting=self._plan.meeting_number,
                media=media,
                wait_s=wait_s,
                source=source,
                outcome=outcome,
                code=code,
                path=path,
            )
        )

    def begin(self) -> None:
        """Count the join from now on."""
        self.asked_s = self._clock.elapsed_s()

    def _joined(self, outcome: Outcome, *, code: str = "", words: str = "") -> None:
        elapsed_s = self._clock.elapsed_s()
        join_time_s = elapsed_s - self.asked_s - self._apart_s
        self.is_join_told = True
        self._report(
            JoinReport(
                elapsed_s=elapsed_s,
                participant=self._plan.number,
                meeting=self._plan.meeting_number,
                persona=self._plan.persona,
                role=self._plan.role,
                node=self.node,
                outcome=outcome,
                code=code,
                detail=words,
                phases_s=tuple(self.phases),
                join_time_s=join_time_s if outcome == "joined" else None,
                path=self.path,
                engine=self._engine,
                asked_s=self.asked_s,
            )
        )
