"""The node's clock, on time and late."""

import pytest

from loadtest.node.effort import Effort
from loadtest.node.media import CHECK_TICKS, SECOND_TICKS, NodeMedia


class Session:
    """Notes when it was looked at and when it had to report."""

    def __init__(self) -> None:
        self.checks = 0
        self.seconds: list[int] = []

    def check(self, now_s: float) -> None:
        self.checks += 1

    def report(self, now_s: float, second: int) -> None:
        self.seconds.append(second)


def clocked(slot: int, steps: int, ticks_each: int) -> Session:
    """Let a clock go `steps` steps and give up all but the last tick of each."""
    media = NodeMedia(address="127.0.0.1", effort=Effort(), seed=1)
    session = Session()
    media._slots[slot].add(session)
    for step in range(steps):
        media._tick(range(step * ticks_each, (step + 1) * ticks_each))
    return session


@pytest.mark.parametrize("slot", [0, 7, 49])
@pytest.mark.parametrize("given_up", [0, 3, 34])
def test_reports_keep_to_the_clock_where_ticks_are_given_up(slot, given_up):
    steps = 20 * SECOND_TICKS
    session = clocked(slot, steps, given_up + 1)

    assert session.seconds == list(range(20 * (given_up + 1)))
    assert session.checks == min(steps, steps * (given_up + 1) // CHECK_TICKS)


def test_who_stood_still_for_long_reports_once_and_not_for_every_second_missed():
    session = clocked(7, 3, 10 * SECOND_TICKS)

    assert session.seconds == [9, 19, 29]
