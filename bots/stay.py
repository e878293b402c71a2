"""When a participant joins and leaves by the run's clock, where its plan says so."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bots.clock import RunClock
from bots.models import ParticipantPlan


async def until_start(plan: ParticipantPlan, clock: RunClock) -> float:
    """Wait for the time to join, if there is one; return the time now."""
    if plan.starts_s is not None:
        await asyncio.sleep(plan.starts_s - clock.elapsed_s())
    return clock.elapsed_s()


def is_too_late(plan: ParticipantPlan, clock: RunClock) -> str:
    """Return "too late" where a participant should have left already, else ""."""
    is_over = plan.ends_s is not None and plan.ends_s <= clock.elapsed_s()
    return "too late" if is_over else ""


@contextmanager
def leaving_in_time(
    plan: ParticipantPlan, clock: RunClock, let_go: Callable[[], object]
) -> Iterator[None]:
    """Call `let_go` when the time to leave comes, unless the body is over before."""
    if plan.ends_s is None:
        yield
        return
    rest_s = max(0.0, plan.ends_s - clock.elapsed_s())
    timer = asyncio.get_running_loop().call_later(rest_s, let_go)
    try:
        yield
    finally:
        timer.cancel()
