"""What is added up for a step: rates of joins, and where an ascent begins."""

import pytest

from loadtest.models import StepRecord
from loadtest.step_sums import first_of_ascent, rate_of


def step(
    participants: int, *, profile: str = "a", is_fresh: bool = False
) -> StepRecord:
    return StepRecord(
        elapsed_s=0.0,
        step=0,
        profile=profile,
        participants=participants,
        meetings=1,
        duration_s=30.0,
        warm_up_s=10.0,
        is_fresh=is_fresh,
    )


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ([step(3), step(6), step(9)], 0),
        ([step(3), step(6), step(6)], 2),
        ([step(9), step(3), step(6)], 1),
        ([step(3), step(6, profile="b"), step(9, profile="b")], 1),
        ([step(3), step(6, is_fresh=True), step(9)], 1),
    ],
)
def test_an_ascent_begins_where_the_meetings_are_new(steps, first):
    assert first_of_ascent(steps, 2) == first


@pytest.mark.parametrize(
    ("times_s", "rate"),
    [([], None), ([1.0, 2.0], None), ([4.0] * 5, None), ([3.0, 1.0, 2.0, 5.0], 0.75)],
)
def test_a_rate_is_that_from_the_first_to_the_last(times_s, rate):
    assert rate_of(times_s) == rate
