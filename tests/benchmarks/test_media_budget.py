import pytest

from tests.benchmarks.media_budget import Budget


@pytest.mark.parametrize(
    ("round_s", "rounds"), [(10, 3), (100, 3), (150, 2), (170, 1), (1000, 1)]
)
def test_rounds_go_on_while_another_one_leaves_the_time_for_the_rest(round_s, rounds):
    now_s = 5.0
    budget = Budget(10, clock=lambda: now_s)
    done = 0

    for _ in budget.rounds(3, keep_s=270):
        now_s += round_s
        done += 1

    assert done == rounds
