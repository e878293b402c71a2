"""Loss, jitter, NACKs and feedback of the node's receiver against RFC 3550's rules."""

import random

import pytest

from bots.media import rtcp
from loadtest.node.reception import (
    FEEDBACK_LIMIT,
    LARGEST_GAP,
    NACK_ATTEMPTS,
    NACK_INTERVAL_S,
    Reception,
    TransportArrivals,
)

SSRC = 0xABCD


def block_of(reception: Reception, now_s: float = 0.0) -> rtcp.ReportBlock:
    block = reception.report_block(now_s)
    assert block is not None
    (report,) = rtcp.parse_compound(rtcp.build_receiver_report(1, [block]))
    assert isinstance(report, rtcp.ReceiverReport)
    return report.reports[0]


def receive(reception: Reception, sequences, *, at_s: float = 0.0) -> list[int]:
    missing: list[int] = []
    for sequence in sequences:
        missing += reception.receive(sequence & 0xFFFF, 0, at_s)
    return missing


def test_a_stream_without_packets_has_no_report():
    assert Reception(SSRC, clock_rate=90_000).report_block(0.0) is None


@pytest.mark.parametrize("first", [0, 1, 40_000, 65_530])
def test_loss_is_counted_over_the_roll_over(first):
    reception = Reception(SSRC, clock_rate=90_000)
    lost = {first + 3, first + 4, first + 60}

    missing = receive(
        reception, [n for n in range(first, first + 100) if n not in lost]
    )

    assert missing == [n & 0xFFFF for n in sorted(lost)]
    block = block_of(reception)
    assert block.packets_lost == 3
    assert block.fraction_lost == 3 * 256 // 100
    assert block.highest_sequence & 0xFFFF == (first + 99) & 0xFFFF


def test_the_fraction_is_of_what_came_since_the_last_report():
    reception = Reception(SSRC, clock_rate=90_000)
    receive(reception, [*range(50), *range(60, 100)])
    assert block_of(reception).fraction_lost == 25

    receive(reception, range(100, 200))

    block = block_of(reception)
    assert (block.fraction_lost, block.packets_lost) == (0, 10)


def test_duplicates_make_the_loss_negative_and_no_fraction():
    reception = Reception(SSRC, clock_rate=90_000)

    receive(reception, [1, 2, 2, 2, 3])

    block = block_of(reception)
    assert (block.packets_lost, block.fraction_lost) == (-2, 0)


def test_jitter_is_that_of_rfc_3550():
    rng = random.Random(3)
    reception = Reception(SSRC, clock_rate=8000)
    begin = 0xFFFFF000  # the timestamp rolls over on the way
    expected, last = 0.0, None
    for number in range(300):
        timestamp = begin + 160 * number
        at_s = 1000.0 + 0.02 * number + rng.random() * 0.01
        transit = at_s * 8000 - timestamp
        if last is not None:
            expected += (abs(transit - last) - expected) / 16
        last = transit
        reception.receive(number, timestamp & 0xFFFFFFFF, at_s)

    assert reception.jitter == pytest.approx(expected, rel=1e-6)
    assert block_of(reception).jitter == int(expected)


def test_the_senders_report_is_echoed_with_its_delay():
    reception = Reception(SSRC, clock_rate=90_000)
    receive(reception, [1])
    ntp = rtcp.ntp_timestamp(1_700_000_000.25)

    reception.sender_report(ntp, 10.0)
    block = block_of(reception, now_s=10.5)

    assert block.last_sr == rtcp.compact_ntp(ntp)
    assert block.delay_since_sr == 32768


def test_a_missing_packet_is_asked_for_again_until_it_comes():
    reception = Reception(SSRC, clock_rate=90_000)
    assert receive(reception, [1, 4]) == [2, 3]

    assert reception.overdue(NACK_INTERVAL_S / 2) == ()
    assert reception.overdue(NACK_INTERVAL_S) == (2, 3)
    receive(reception, [2])
    assert reception.overdue(NACK_INTERVAL_S * 2) == (3,)
    receive(reception, [3])

    assert reception.overdue(NACK_INTERVAL_S * 3) == ()
    assert reception.nacked == 2


def test_asking_ends_after_so_many_attempts():
    reception = Reception(SSRC, clock_rate=90_000)
    receive(reception, [1, 3])

    asked = sum(bool(reception.overdue(attempt)) for attempt in range(1, 40))

    assert asked == NACK_ATTEMPTS - 1  # the first was when the gap was seen


def test_what_is_too_old_is_given_up():
    reception = Reception(SSRC, clock_rate=90_000)
    receive(reception, [1, 3, *range(4, 5 + LARGEST_GAP)])

    assert reception.overdue(1.0) == ()


def test_a_large_jump_is_a_new_beginning():
    reception = Reception(SSRC, clock_rate=90_000)

    assert receive(reception, [1, 3, 2000]) == [2]
    assert reception.overdue(1.0) == ()


def feedback_of(arrivals: TransportArrivals) -> rtcp.TransportFeedback | None:
    packet = arrivals.feedback(1, 2)
    if packet is None:
        return None
    (feedback,) = rtcp.parse_compound(packet)
    assert isinstance(feedback, rtcp.TransportFeedback)
    return feedback


def test_feedback_covers_each_number_once_with_its_arrival():
    arrivals = TransportArrivals()
    for number in (65534, 65535, 1, 2):
        arrivals.receive(number, 5.0 + 0.01 * (number & 0xF))

    first = feedback_of(arrivals)
    assert feedback_of(arrivals) is None
    arrivals.receive(3, 5.2)
    second = feedback_of(arrivals)

    assert first is not None
    assert second is not None
    assert first.base_sequence == 65534
    assert [at is not None for at in first.arrivals_s] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert first.arrivals_s[3] - first.arrivals_s[4] == pytest.approx(-0.01, abs=5e-4)
    assert (second.base_sequence, len(second.arrivals_s)) == (3, 1)
    assert second.feedback_count == first.feedback_count + 1


def test_a_number_that_was_told_missing_is_not_told_later():
    arrivals = TransportArrivals()
    for number in (10, 12):
        arrivals.receive(number, 1.0)
    feedback_of(arrivals)

    arrivals.receive(11, 1.1)

    assert feedback_of(arrivals) is None


def test_a_jump_of_the_numbers_begins_anew():
    arrivals = TransportArrivals()
    arrivals.receive(10, 1.0)
    arrivals.receive(10 + FEEDBACK_LIMIT * 5, 1.0)

    feedback = feedback_of(arrivals)

    assert feedback is not None
    assert feedback.base_sequence == 10 + FEEDBACK_LIMIT * 5
    assert len(feedback.arrivals_s) == 1
