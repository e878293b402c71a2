"""Transport-wide arrivals, in Python and compiled: the same notes, the same bytes."""

import random

import pytest

from bots.media import lanes, rtcp
from bots.media.arrivals import MAX_ARRIVALS, SPAN, Arrivals, Noted
from tests.support.compiled import needs_compiled


@pytest.fixture(params=["python", pytest.param("compiled", marks=needs_compiled)])
def arrivals(request, monkeypatch) -> Noted:
    if request.param == "python":
        monkeypatch.setattr(lanes, "compiled", None)
    return lanes.make_arrivals()


def told(arrivals: Noted) -> rtcp.TransportFeedback:
    (feedback,) = rtcp.parse_compound(arrivals.feedback(1, 2, 3))
    assert isinstance(feedback, rtcp.TransportFeedback)
    return feedback


def test_a_feedback_tells_what_came_once_with_gaps_over_the_turn_of_numbers(arrivals):
    for number, at_s in ((65_535, 10.0), (1, 10.02), (65_534, 10.01)):
        arrivals.note(number, at_s)

    assert len(arrivals) == 3
    feedback = told(arrivals)
    assert feedback.base_sequence == 65_534
    assert feedback.arrivals_s == (10.01, 10.0, None, 10.02)
    assert (feedback.sender_ssrc, feedback.media_ssrc) == (1, 2)
    assert feedback.feedback_count == 3
    assert len(arrivals) == 0
    assert arrivals.feedback(1, 2, 4) == b""


def test_what_is_missing_between_two_feedbacks_is_told_with_the_second(arrivals):
    arrivals.note(65_534, 10.0)
    assert told(arrivals).arrivals_s == (10.0,)
    arrivals.note(2, 10.3)

    feedback = told(arrivals)
    assert feedback.base_sequence == 65_535
    assert feedback.arrivals_s == (None, None, None, 10.3)
    arrivals.note(3, 10.5)
    assert told(arrivals).arrivals_s == (10.5,)


def test_what_comes_late_is_told_alone_and_takes_nothing_back(arrivals):
    for number in (5, 7):
        arrivals.note(number, 10.0)
    assert told(arrivals).arrivals_s == (10.0, None, 10.0)
    arrivals.note(6, 10.1)
    assert (told(arrivals).base_sequence) == 6
    arrivals.note(8, 10.2)

    feedback = told(arrivals)
    assert (feedback.base_sequence, feedback.arrivals_s) == (8, (10.2,))


@pytest.mark.parametrize("number", [7 + SPAN, 60_000, 20_000])
def test_a_server_that_counts_anew_has_lost_nothing(arrivals, number):
    arrivals.note(6, 10.0)
    told(arrivals)
    arrivals.note(number, 10.1)

    feedback = told(arrivals)
    assert (feedback.base_sequence, feedback.arrivals_s) == (number, (10.1,))


def test_the_last_of_two_packets_with_a_number_is_told(arrivals):
    arrivals.note(5, 1.0)
    arrivals.note(5, 2.0)
    assert told(arrivals).arrivals_s == (2.0,)


@pytest.mark.parametrize(
    "noted", [[(0, 1.0), (SPAN, 1.0)], [(0, 1.0), (1, 10.0)], [(1, 1.0), (0, 10.0)]]
)
def test_what_is_too_far_apart_is_not_told_and_not_kept(arrivals, noted):
    for number, at_s in noted:
        arrivals.note(number, at_s)
    assert arrivals.feedback(1, 2, 3) == b""
    assert len(arrivals) == 0


def test_no_more_than_a_feedback_carries_is_kept(arrivals):
    for number in range(MAX_ARRIVALS + 5):
        arrivals.note(number, 1.0)
    assert len(told(arrivals).arrivals_s) == MAX_ARRIVALS


def test_what_is_forgotten_is_not_told(arrivals):
    arrivals.note(1, 1.0)
    arrivals.clear()
    assert arrivals.feedback(1, 2, 3) == b""


@needs_compiled
@pytest.mark.parametrize("seed", range(12))
def test_both_kinds_write_the_same_bytes(seed):
    assert lanes.compiled is not None
    rng = random.Random(seed)
    plain, compiled = Arrivals(), lanes.make_arrivals()
    number = rng.randrange(1 << 16)
    for count in range(20):
        if rng.random() < 0.3:  # else it goes on after the last feedback
            number = rng.randrange(1 << 16)
        at_s = rng.uniform(0, 1e6)
        for _ in range(rng.randrange(1, 400)):
            number += rng.choice((1, 1, 1, 1, 2, 30, -1)) if rng.random() < 0.3 else 1
            at_s = max(0.0, at_s + rng.choice((0.0, 0.0, 0.004, 0.02, 0.07, -0.001)))
            for kind in (plain, compiled):
                kind.note(number & 0xFFFF, at_s)
        ours = compiled.feedback(seed, 0xFFFFFFFF, count * 30)
        assert ours == plain.feedback(seed, 0xFFFFFFFF, count * 30)
        assert ours
