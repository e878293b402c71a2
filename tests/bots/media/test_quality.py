"""Loss, jitter and freezes against closed forms and planted truths."""

import random

import pytest

from bots.media.quality import (
    FREEZE_AVERAGE_FRAMES,
    MAX_DROPOUT,
    FreezeMeter,
    Reception,
    fraction_lost,
)


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("first", [0, 65_000])
def test_expected_and_received_are_the_planted_truth(loss, first):
    rng = random.Random(loss)
    reception = Reception(48_000)
    kept = [
        number
        for number in range(first, first + 20_000)
        if number in (first, first + 19_999) or rng.random() >= loss
    ]

    for number in kept:
        reception.packet(number & 0xFFFF, number * 960 & 0xFFFFFFFF, 80, number / 50)

    assert reception.expected == 20_000
    assert reception.received == len(kept)
    assert reception.highest - reception.first == 19_999
    assert reception.bytes == 80 * len(kept)


def test_reordered_packets_are_received_and_not_lost():
    reception = Reception(90_000)
    distances = [
        reception.packet(number, number * 10, 1, number / 100)
        for number in (5, 6, 9, 7, 8, 10)
    ]

    assert distances == [1, 1, 3, -2, -1, 1]
    assert (reception.expected, reception.received) == (6, 6)


def test_a_sender_that_begins_anew_keeps_the_sums():
    reception = Reception(90_000)
    for number in (10, 11, 12):
        reception.packet(number, 0, 1, 1.0)

    stray = reception.packet(40_000, 0, 1, 1.0)
    fresh = reception.packet(40_001, 0, 1, 1.0)

    assert (stray, fresh) == (0, MAX_DROPOUT)
    assert reception.expected == 4
    assert reception.received == 4
    assert reception.first & 0xFFFF == 40_001


def test_jitter_is_that_of_rfc_3550_in_exact_arithmetic():
    rng = random.Random(3)
    reception = Reception(48_000)
    jitter = 0.0
    before = None
    for index in range(500):
        timestamp = (0xFFFF0000 + index * 960) & 0xFFFFFFFF
        arrival_s = 100 + index * 0.02 + rng.random() * 0.01
        reception.packet(index, timestamp, 1, arrival_s)
        transit = arrival_s * 48_000 - index * 960
        if before is not None:
            jitter += (abs(transit - before) - jitter) / 16
        before = transit

    assert reception.jitter_s == pytest.approx(jitter / 48_000, rel=1e-6)
    assert reception.jitter_ticks == int(jitter)


@pytest.mark.parametrize("uptime_s", [100.0, 47_721.8, 3_000_000.0])
@pytest.mark.parametrize("delay_s", [0.0, 0.003, 0.25, 9.9])
def test_the_way_is_read_off_timestamps_of_our_clock(uptime_s, delay_s):
    reception = Reception(90_000)
    assert reception.one_way_delay_s is None

    reception.packet(1, int(uptime_s * 90_000) & 0xFFFFFFFF, 1, uptime_s + delay_s)

    assert reception.one_way_delay_s == pytest.approx(delay_s, abs=2e-5)


def test_timestamps_of_another_clock_tell_no_delay():
    rng = random.Random(1)
    told = 0
    for _ in range(5000):
        reception = Reception(90_000)
        reception.packet(1, rng.randrange(1 << 32), 1, 70_000.0)
        told += reception.one_way_delay_s is not None

    assert told <= 5


@pytest.mark.parametrize(
    ("expected", "received", "share"),
    [(100, 100, 0), (100, 90, 25), (100, 101, 0), (0, 0, 0), (10, 0, 255)],
)
def test_fraction_lost_is_in_256ths_and_never_negative(expected, received, share):
    assert fraction_lost(expected, received) == share


def fluent(meter: FreezeMeter, frames: int, start_s: float = 10.0) -> float:
    for index in range(frames):
        meter.frame(start_s + index / 15)
    return start_s + (frames - 1) / 15


def test_a_fluent_stream_has_no_freeze_and_is_watched_all_the_time():
    meter = FreezeMeter()
    last_s = fluent(meter, 151)

    taken = meter.take(last_s)

    assert (taken.count, taken.frozen_s) == (0, 0.0)
    assert taken.watched_s == pytest.approx(10.0)
    assert meter.frames == 151


@pytest.mark.parametrize(("gap_s", "freezes"), [(0.21, 0), (0.22, 1), (3.0, 1)])
def test_the_limit_is_the_average_and_150_ms_at_15_frames_a_second(gap_s, freezes):
    meter = FreezeMeter()
    last_s = fluent(meter, 40)
    assert meter.limit_s() == pytest.approx(1 / 15 + 0.150)

    meter.frame(last_s + gap_s)
    taken = meter.take(last_s + gap_s)

    assert taken.count == freezes
    assert taken.frozen_s == pytest.approx(gap_s if freezes else 0.0)


def test_the_limit_is_three_times_the_average_where_frames_are_rare():
    meter = FreezeMeter()
    for index in range(FREEZE_AVERAGE_FRAMES + 5):
        meter.frame(index * 0.2)

    assert meter.limit_s() == pytest.approx(0.6)


def browsers_freezes(intervals_s: list[float]) -> int:
    """Count as libwebrtc does, whose counters webrtcperf passes on."""
    freezes = 0
    for end in range(5, len(intervals_s) + 1):
        last = [int(1000 * each) for each in intervals_s[max(0, end - 30) : end]]
        average = sum(last) // len(last)
        freezes += last[-1] >= max(3 * average, average + 150)
    return freezes


def our_freezes(intervals_s: list[float]) -> int:
    meter, now_s = FreezeMeter(), 10.0
    meter.frame(now_s)
    for interval_s in intervals_s:
        now_s += interval_s
        meter.frame(now_s)
    return meter.take(now_s).count


@pytest.mark.parametrize(
    ("intervals_s", "ours", "browsers"),
    [
        ([1 / 15] * 60 + [0.22], 1, 0),  # its average holds the interval itself
        ([1 / 15] * 60 + [0.23], 1, 1),
        ([1 / 15] * 2 + [0.5], 1, 0),  # it waits for five intervals
        ([1 / 15] * 2 + [0.5] + [1 / 15] * 9 + [0.5], 2, 1),
        ([1 / 15] * 30 + [0.41] * 30, 7, 6),  # the average grows, for either
    ],
)
def test_where_a_browsers_count_of_freezes_differs_from_ours(
    intervals_s, ours, browsers
):
    assert our_freezes(intervals_s) == ours
    assert browsers_freezes(intervals_s) == browsers


def test_on_a_bad_line_a_browser_counts_nearly_as_many_freezes():
    rng = random.Random(5)
    intervals_s = [
        rng.uniform(0.15, 1.5) if rng.random() < 0.02 else rng.uniform(0.05, 0.08)
        for _ in range(20_000)
    ]
    counted = our_freezes(intervals_s)

    assert counted > 300
    assert 0.98 * counted <= browsers_freezes(intervals_s) <= counted


def test_a_freeze_over_several_askings_is_counted_once_and_in_full():
    meter = FreezeMeter()
    last_s = fluent(meter, 40)
    meter.take(last_s)

    parts = [meter.take(last_s + step) for step in (1, 2, 3)]
    meter.frame(last_s + 3.5)
    parts.append(meter.take(last_s + 4))

    assert [part.count for part in parts] == [0, 0, 1, 0]
    assert sum(part.frozen_s for part in parts) == pytest.approx(3.5)
    assert sum(part.watched_s for part in parts) == pytest.approx(4.0)


def test_the_silence_of_a_camera_that_was_switched_off_is_no_freeze():
    meter = FreezeMeter()
    last_s = fluent(meter, 60)
    before = meter.take(last_s + 0.1)

    in_between = meter.take(last_s + 1.0)
    at_its_end = meter.take(last_s + 2.5)

    assert before.watched_s > 3.0
    assert [
        (it.count, it.frozen_s, it.watched_s) for it in (in_between, at_its_end)
    ] == [(0, 0.0, 0.0)] * 2


def test_a_silence_that_ends_with_a_frame_was_watched_and_frozen_in_full():
    meter = FreezeMeter()
    last_s = fluent(meter, 60)
    taken = [meter.take(last_s), meter.take(last_s + 1.0)]

    meter.frame(last_s + 2.0)
    taken.append(meter.take(last_s + 2.0))

    assert [it.count for it in taken] == [0, 0, 1]
    assert taken[-1].frozen_s == pytest.approx(2.0)
    assert taken[-1].watched_s == pytest.approx(2.0)


def test_before_the_first_frame_nothing_is_watched():
    taken = FreezeMeter().take(100.0)

    assert (taken.count, taken.frozen_s, taken.watched_s) == (0, 0.0, 0.0)
