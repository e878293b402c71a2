"""What publishers sent is what viewers received or lost, or the books do not agree."""

import numpy as np
import pytest

from bots.models import StreamReport
from loadtest.packet_books import PacketBooks


def stream(elapsed_s, participant, packets, *, source=None, lost=0, media="camera"):
    return StreamReport(
        elapsed_s=elapsed_s,
        participant=participant,
        meeting=0,
        direction="out" if source is None else "in",
        media=media,
        ssrc=100 + participant,
        source=source,
        packets=packets,
        expected=packets + lost,
        lost=lost,
    )


def frames(starts_s, ends_s):
    """Return the packets of a camera in a stretch: 15 frames/s, every 30th a key."""
    numbers = range(int(np.ceil(starts_s * 15)), int(np.ceil(ends_s * 15)))
    return sum(14 if number % 30 == 0 else 2 for number in numbers)


def book(*, lasts_s, viewers=4, loss=0.0, hidden=0.0, seed=1):
    """Play a publisher and its viewers, who report at moments of their own.

    `loss` is known to the viewers by the sequence numbers, `hidden` is not.
    """
    rng = np.random.default_rng(seed)
    reports = [
        stream(t, 0, frames(t - 1, t)) for t in np.arange(1.0, lasts_s + 1) + 0.31
    ]
    for viewer in range(1, viewers + 1):
        at_s = rng.uniform(2, 3)
        while at_s < lasts_s:
            step_s = rng.uniform(0.97, 1.03)
            sent = frames(at_s, at_s + step_s)
            lost, unseen = rng.binomial(sent, loss), rng.binomial(sent, hidden)
            at_s += step_s
            reports.append(
                stream(at_s, viewer, sent - lost - unseen, source=0, lost=lost)
            )
    books = PacketBooks()
    for report in sorted(reports, key=lambda report: report.elapsed_s):
        books.add(report)
    return books.balance()


@pytest.mark.parametrize("lasts_s", [6, 25, 130])
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_books_are_even_whatever_was_lost_on_the_way(lasts_s, loss):
    for seed in range(5):
        balance = book(lasts_s=lasts_s, loss=loss, seed=seed)

        assert balance.is_even
        assert balance.pairs == 4
        if lasts_s > 100:
            assert balance.accounted == pytest.approx(balance.sent, rel=0.02)


def test_packets_that_nobody_accounts_for_make_them_uneven():
    balance = book(lasts_s=130, hidden=0.06)

    assert not balance.is_even
    assert balance.accounted == pytest.approx(0.94 * balance.sent, rel=0.02)


def test_a_short_silence_is_made_good_by_the_next_packet():
    books = PacketBooks()
    for second in range(1, 30):
        books.add(stream(float(second), 0, 28))
        if 10 < second < 13:
            books.add(stream(second + 0.5, 1, 0, source=0))
        elif second == 13:
            books.add(stream(second + 0.5, 1, 28, source=0, lost=56))
        else:
            books.add(stream(second + 0.5, 1, 28, source=0))

    assert books.balance().accounted == pytest.approx(books.balance().sent, rel=0.001)


def test_a_long_silence_counts_for_neither_side():
    books = PacketBooks()
    for second in range(1, 60):
        books.add(stream(float(second), 0, 28))
        if not 20 < second < 40:
            books.add(stream(second + 0.5, 1, 28, source=0))

    assert books.balance().accounted == pytest.approx(books.balance().sent, rel=0.001)
    assert books.balance().sent < 40 * 28


def test_audio_and_streams_of_others_have_no_second_book():
    books = PacketBooks()
    for second in range(1, 10):
        books.add(stream(float(second), 0, 50, media="audio"))
        books.add(stream(float(second), 1, 50, source=0, media="audio"))
        books.add(stream(float(second), 2, 28, source=77))

    assert books.balance() is None


def test_a_night_needs_no_more_memory_than_a_minute():
    books = PacketBooks()
    for second in range(1, 4000):
        books.add(stream(float(second), 0, 28))
        books.add(stream(float(second), 1, 28, source=0))

    assert len(books._pages) <= 3
