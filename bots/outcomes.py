"""What went wrong, as an outcome: exceptions in, words and reports out. Pure."""

from bots.clock import RunClock
from bots.errors import ClusterError, Dropped, StepTimeout
from bots.models import Outcome, ParticipantPlan, RefusalReport
from bots.redaction import redact

LONGEST_DETAIL = 300


def verdict(failure: ClusterError) -> tuple[Outcome, str]:
    """Return outcome and code of a failure: refused, timed out or dropped."""
    if isinstance(failure, StepTimeout):
        return "timed out", failure.code
    if isinstance(failure, Dropped):
        return "dropped", failure.code
    return "refused", failure.code


def detail(failure: ClusterError, step: str = "") -> str:
    """Return a failure's sentence for a report: redacted, and not too long."""
    words = f"{step}: {failure}" if step else str(failure)
    return redact(words)[:LONGEST_DETAIL]


def refusal_report(
    plan: ParticipantPlan, clock: RunClock, what: str, failure: ClusterError
) -> RefusalReport:
    """Return the report of something refused to a participant that stays."""
    outcome, code = verdict(failure)
    return RefusalReport(
        elapsed_s=clock.elapsed_s(),
        participant=plan.number,
        meeting=plan.meeting_number,
        what=what,
        outcome=outcome,
        code=code,
        detail=detail(failure),
    )
