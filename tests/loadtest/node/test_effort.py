import time
from collections.abc import Callable

import pytest

from loadtest.node.effort import UNIT_S, Effort


def least_of_some(measure: Callable[[], float]) -> float:
    """Return the least of some measurements: what interrupts one counts for it, too."""
    return min(measure() for _ in range(5))


@pytest.mark.parametrize("work_factor", [1.0, 4.0])
def test_work_costs_the_stated_cpu_time_whatever_the_machine(work_factor):
    def burnt_s() -> float:
        effort, started_s = Effort(work_factor=work_factor), time.thread_time()
        for _ in range(400):
            effort.spend(5.0)
        return time.thread_time() - started_s

    asked_s = 400 * 5.0 * UNIT_S * work_factor
    assert asked_s * 0.98 <= least_of_some(burnt_s) < asked_s * 1.5


def test_without_a_work_factor_nothing_is_burnt():
    effort = Effort()
    started_s = time.thread_time()

    for _ in range(1000):
        effort.spend(100.0)

    assert time.thread_time() - started_s < 1000 * 100 * UNIT_S / 10


def test_a_budget_holds_the_process_to_its_share_of_a_core():
    effort = Effort(work_factor=10.0, cpu_budget=0.25)
    started_s, started_cpu_s = time.monotonic(), time.process_time()

    while time.process_time() - started_cpu_s < 0.25:
        effort.spend(10.0)

    share = (time.process_time() - started_cpu_s) / (time.monotonic() - started_s)
    # One period may be saved up at the start: 0.025 s of the 0.25 s.
    assert share <= 0.25 * 1.15


def test_idle_is_what_is_left_of_the_budget_and_never_decreases():
    effort = Effort(work_factor=1.0, cpu_budget=0.5)
    before = effort.use()

    effort.spend(20_000)
    after = effort.use()

    used_s = after.user_s + after.system_s - before.user_s - before.system_s
    assert used_s >= 20_000 * UNIT_S * 0.9
    assert after.idle_s >= before.idle_s


def test_a_fixed_cost_contains_what_the_process_really_used():
    def used_s() -> float:
        effort = Effort(work_factor=4.0, has_fixed_cost=True)
        started_s = time.process_time()
        for _ in range(200):
            own_until_s = time.process_time() + 50e-6
            while time.process_time() < own_until_s:
                pass
            effort.spend(5.0)
        assert effort.units == 1000
        return time.process_time() - started_s

    asked_s = 200 * 5.0 * UNIT_S * 4.0
    # On top it would be 50 µs in 200 more.
    assert asked_s * 0.9 <= least_of_some(used_s) < asked_s * 1.2
