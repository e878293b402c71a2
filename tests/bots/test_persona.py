"""Habits of participants: seeded, and as often as their source says."""

import itertools

import numpy as np
import pytest

from bots import persona
from bots.models import ParticipantPlan
from bots.persona import PERSONAS, chat_messages, participant_plan, talk_spurts
from bots.plain import from_plain, to_plain
from bots.protocol.rows import Poll


def spurts(count, seed=1):
    return list(itertools.islice(talk_spurts(np.random.default_rng(seed)), count))


def test_spurts_and_pauses_take_turns_and_last():
    told = spurts(1000)

    assert all(a.is_talking != b.is_talking for a, b in itertools.pairwise(told))
    assert all(spurt.duration_s >= persona.SHORTEST_STATE_S for spurt in told)


# The four states' balance: visits to each party's single talk, double talk and silence.
SINGLE, DOUBLE, SILENCE = 1.0, 2 * 0.4, 2 * 0.6
STATES_S = (
    SINGLE * persona.SINGLE_TALK_S,
    SINGLE * persona.SINGLE_TALK_S,
    DOUBLE * persona.DOUBLE_TALK_S,
    SILENCE * persona.MUTUAL_SILENCE_S,
)
"""Time in each state for every spurt: with one visit to one's own single talk comes one
spurt, which begins 0.4 times out of the other's talk and 0.6 times out of silence."""


def test_the_states_have_the_shares_of_p_59():
    """Table 1: 38.53 % talk, 6.59 % double talk, 22.48 % mutual silence."""
    own_s, _, double_s, silence_s = STATES_S
    whole_s = sum(STATES_S)

    assert silence_s / whole_s == pytest.approx(0.2246, abs=5e-5)
    assert double_s / whole_s == pytest.approx(0.0742, abs=5e-5)
    assert (own_s + double_s) / whole_s == pytest.approx(0.4248, abs=5e-5)
    assert silence_s / whole_s == pytest.approx(0.2248, abs=0.001)
    assert double_s / whole_s == pytest.approx(0.0659, abs=0.01)
    assert (own_s + double_s) / whole_s == pytest.approx(0.3853, abs=0.04)


@pytest.mark.parametrize(
    ("is_talking", "table_s", "means_s", "stays", "begins"),
    [
        # single talk of one's own, double talk; from others' talk and from silence
        (True, 1.004, (0.854, 0.226), ((0, 0.4), (0.5, 0)), (0.6, 0.4)),
        # single talk of others, mutual silence; from one's own talk and double talk
        (False, 1.587, (0.854, 0.456), ((0, 0.6), (0.5, 0)), (0.4, 0.6)),
    ],
)
def test_spurts_and_pauses_are_distributed_as_the_states_they_consist_of(
    is_talking, table_s, means_s, stays, begins
):
    """Phase-type distributions: a walk through two states until the other kind begins.

    P(longer than t) = begins · exp(Q t) · 1, where Q leaves each state at its rate.
    """
    q = (np.array(stays) - np.eye(2)) / np.array(means_s)[:, np.newaxis]
    values, vectors = np.linalg.eig(q)
    mean_s = float(-np.array(begins) @ np.linalg.inv(q) @ np.ones(2))
    told = np.array(
        [it.duration_s for it in spurts(40_000) if it.is_talking == is_talking]
    )

    own_s, others_s, double_s, silence_s = STATES_S
    balance_s = own_s + double_s if is_talking else others_s + silence_s
    assert mean_s == pytest.approx(balance_s)
    assert mean_s == pytest.approx(table_s, rel=0.12)
    assert told.mean() == pytest.approx(mean_s, rel=0.02)
    for t_s in (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 6.0):
        decay = vectors @ np.diag(np.exp(values * t_s)) @ np.linalg.inv(vectors)
        longer = float(np.array(begins) @ decay @ np.ones(2))
        # 20,000 spurts: three and a half standard errors are 0.012 at the most.
        assert np.mean(told > t_s) == pytest.approx(longer, abs=0.012)


def test_the_share_of_talking_is_the_state_models_own():
    told = spurts(20_000)

    talking_s = sum(spurt.duration_s for spurt in told if spurt.is_talking)
    share = talking_s / sum(spurt.duration_s for spurt in told)

    assert share == pytest.approx(0.4248, abs=0.01)


def test_the_same_seed_talks_alike_and_another_differs():
    assert spurts(50, seed=3) == spurts(50, seed=3)
    assert spurts(50, seed=3) != spurts(50, seed=4)


def test_messages_come_at_their_mean_interval():
    told = itertools.islice(chat_messages(np.random.default_rng(1), 60.0), 5000)

    waits = [message.wait_s + message.typing_s for message in told]

    assert np.mean(waits) == pytest.approx(60.0, rel=0.05)
    assert min(waits) >= 0


def test_who_never_writes_writes_nothing():
    assert list(chat_messages(np.random.default_rng(1), None)) == []


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan"), float("inf")])
def test_an_interval_that_is_none_is_refused(interval_s):
    with pytest.raises(ValueError, match="interval"):
        next(chat_messages(np.random.default_rng(1), interval_s))


@pytest.mark.parametrize("name", PERSONAS)
def test_every_persona_makes_a_plan(name):
    plan = participant_plan(PERSONAS[name], number=3, meeting_number=1, seed=9)

    assert (plan.persona, plan.number, plan.meeting_number) == (name, 3, 1)
    assert plan.audio == PERSONAS[name].audio


def test_moderators_view_all_viewers_a_page_and_a_telephone_none():
    def limit(name, role="viewer"):
        plan = participant_plan(PERSONAS[name], number=1, meeting_number=1, role=role)
        return plan.camera_view_limit

    assert limit("camera") == 5
    assert limit("camera", "moderator") is None
    assert limit("presenter") is None
    assert limit("phone", "moderator") == 0


def test_names_hold_numbers_and_nothing_else_is_ours():
    assert persona.number_of(persona.display_name(17)) == 17
    for foreign in ("Anna", "Bot", "Bot x", "Bot 1 ", "bot 1", "Bot ١"):
        assert persona.number_of(foreign) is None


def test_a_camera_keeps_its_device_and_two_cameras_differ():
    one = participant_plan(PERSONAS["camera"], number=1, meeting_number=1)
    two = participant_plan(PERSONAS["camera"], number=2, meeting_number=1)

    assert persona.device_id(one) == persona.device_id(one)
    assert persona.device_id(one) != persona.device_id(two)
    assert len(persona.device_id(one)) == 64


@pytest.mark.parametrize(
    ("is_multiple", "most"), [(False, 1), (True, 3)], ids=["one answer", "several"]
)
def test_an_answer_to_a_poll_is_among_its_options(is_multiple, most):
    poll = Poll(
        poll_id="p", is_typed=False, is_multiple=is_multiple, option_ids=(4, 7, 9)
    )
    rng = np.random.default_rng(5)
    answers = [persona.answer_to(poll, rng) for _ in range(200)]

    assert {len(answer) for answer in answers} == set(range(1, most + 1))
    assert {option for answer in answers for option in answer} == {4, 7, 9}
    assert all(answer == tuple(sorted(set(answer))) for answer in answers)


def test_a_gesture_stays_on_the_page_and_begins_anew_each_time():
    rng = np.random.default_rng(5)
    strokes = [persona.stroke(rng) for _ in range(200)]

    points = [point for stroke in strokes for point in stroke]
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in points)
    assert {len(stroke) for stroke in strokes} == set(range(*persona.STROKE_POINTS))
    assert len({stroke[0] for stroke in strokes}) > 190


def test_a_plan_holds_its_personas_habits_and_travels_with_them():
    plan = participant_plan(PERSONAS["presenter"], number=1, meeting_number=2)

    assert plan.habits == PERSONAS["presenter"].habits
    assert from_plain(ParticipantPlan, to_plain(plan)) == plan
