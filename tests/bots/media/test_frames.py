"""Frames that could be shown, with packets lost, late, repeated and given up."""

import random

import pytest

from bots.media.frames import NACK_GIVE_UP_S, NACK_RETRIES, FrameAssembly

PACKETS_A_FRAME = 3


def feed(assembly: FrameAssembly, number: int, now_s: float, key_every: int = 30):
    frame, index = divmod(number, PACKETS_A_FRAME)
    return assembly.packet(
        number,
        index == PACKETS_A_FRAME - 1,
        index == 0 and frame % key_every == 0,
        now_s,
    )


def test_nothing_is_shown_before_the_first_complete_key_frame():
    assembly = FrameAssembly(has_nack=True)

    shown = [feed(assembly, number, 0.0, key_every=2) for number in range(3, 9)]

    assert shown == [0, 0, 0, 0, 0, 1]
    assert assembly.key_frames == 1
    assert assembly.is_smooth


def test_every_frame_is_shown_once_when_nothing_is_lost():
    assembly = FrameAssembly(has_nack=True)

    assert sum(feed(assembly, number, 0.0) for number in range(300)) == 100
    assert assembly.resend_wanted(10.0) == []


@pytest.mark.parametrize("seed", range(10))
def test_reordering_and_repetition_change_nothing(seed):
    rng = random.Random(seed)
    numbers = sorted(range(300), key=lambda n: n + (rng.random() * 8 if n > 2 else 0))
    assembly = FrameAssembly(has_nack=True)
    shown = 0
    for number in numbers:
        shown += feed(assembly, number, 0.0)
        if rng.random() < 0.1:
            shown += feed(assembly, number, 0.0)
        assembly.resend_wanted(0.0)

    assert shown == assembly.frames == 100
    assert not assembly.has_gaps


def test_a_gap_is_asked_for_at_once_then_at_intervals_and_then_given_up():
    assembly = FrameAssembly(has_nack=True)
    for number in range(6):
        feed(assembly, number, 0.0)
    feed(assembly, 8, 0.0)

    asked = {}
    for step in range(200):
        now_s = step * 0.01
        wanted = assembly.resend_wanted(now_s)
        if wanted:
            asked[now_s] = wanted
        if assembly.awaits_key_frame:
            break

    assert min(asked) == 0.0
    assert len(asked) == NACK_RETRIES
    assert all(wanted == [6, 7] for wanted in asked.values())
    assert now_s == pytest.approx(NACK_GIVE_UP_S, abs=0.02)
    assert assembly.nacks == 2 * NACK_RETRIES
    assert assembly.key_frame_wanted(now_s)
    assert not assembly.key_frame_wanted(now_s + 0.9)
    assert assembly.key_frame_wanted(now_s + 1.1)


def test_a_repaired_gap_shows_the_frames_behind_it():
    assembly = FrameAssembly(has_nack=True)
    for number in (0, 1, 2, 3, 5, 6, 7, 8):
        feed(assembly, number, 0.0)
    assert assembly.frames == 1
    assert assembly.is_wanted(4)

    assert feed(assembly, 4, 0.1) == 2

    assert not assembly.has_gaps
    assert assembly.is_smooth


def test_without_nack_a_gap_ends_in_waiting_for_a_key_frame():
    assembly = FrameAssembly(has_nack=False)
    for number in (0, 1, 2, 3, 5):
        feed(assembly, number, 0.0)

    assert assembly.resend_wanted(0.1) == []
    assert not assembly.awaits_key_frame
    assert assembly.resend_wanted(0.3) == []
    assert assembly.awaits_key_frame
    shown = sum(feed(assembly, number, 0.4) for number in range(6, 96))
    assert shown == 2  # the key frame 30 (packets 90 to 92) and the one after it
    assert assembly.key_frames == 2


def test_the_short_way_counts_as_the_long_one():
    long_way = FrameAssembly(has_nack=True)
    short_way = FrameAssembly(has_nack=True)
    for number in range(300):
        feed(long_way, number, 0.0)
        if short_way.is_smooth:
            short_way.in_order(number % PACKETS_A_FRAME == PACKETS_A_FRAME - 1)
        else:
            feed(short_way, number, 0.0)
    feed(short_way, 301, 0.0)

    assert short_way.frames == long_way.frames == 100
    assert short_way.resend_wanted(0.0) == [300]


def test_too_many_gaps_start_over_instead_of_asking_for_thousands():
    assembly = FrameAssembly(has_nack=True)
    for number in range(3):
        feed(assembly, number, 0.0)
    feed(assembly, 2000, 0.0)

    assert assembly.resend_wanted(0.0) == []
    assert assembly.awaits_key_frame


def test_a_whole_key_frame_behind_a_gap_is_shown_without_waiting_for_the_gap():
    assembly = FrameAssembly(has_nack=True)
    for number in (0, 1, 2, 3, 5, 6, 7, 8):
        feed(assembly, number, 0.0, key_every=4)
    assert assembly.frames == 1

    soon = [feed(assembly, number, 0.1, key_every=4) for number in range(12, 15)]
    later = [feed(assembly, number, 0.3, key_every=4) for number in range(15, 18)]

    assert soon == [0, 0, 0]
    assert later == [1, 0, 1]
    assert not assembly.has_gaps
    assert assembly.is_smooth
    assert feed(assembly, 4, 0.2) == 0


def test_a_later_key_frame_ends_the_wait_when_the_first_is_broken():
    assembly = FrameAssembly(has_nack=True)
    feed(assembly, 0, 0.0, key_every=2)
    feed(assembly, 2, 0.0, key_every=2)

    shown = [feed(assembly, number, 0.1, key_every=2) for number in (6, 7, 8)]

    assert shown == [0, 0, 1]
    assert not assembly.awaits_key_frame
