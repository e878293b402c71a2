"""The pacer on a real event loop: absolute schedules, lateness and standing still."""

import asyncio
import time

from bots.media.pacer import NEVER, SLOT_S, SLOTS, Pacer
from tests.support.asynctest import asynctest, eventually


class Ticker:
    """A timed thing that notes when it was due and when it was called."""

    def __init__(self, first_s: float, interval_s: float, count: int) -> None:
        self.due_s = first_s
        self.interval_s = interval_s
        self.count = count
        self.calls: list[tuple[float, float]] = []

    def fire(self, now_s: float) -> None:
        self.calls.append((self.due_s, now_s))
        done = len(self.calls) >= self.count
        self.due_s = NEVER if done else self.due_s + self.interval_s


@asynctest
async def test_nothing_is_called_before_its_time_and_everything_is_called():
    pacer = Pacer(asyncio.get_running_loop())
    begun_s = time.monotonic()
    tickers = [
        Ticker(begun_s + index * 0.0013, interval, 20)
        for index, interval in enumerate((0.02, 1 / 15, 0.005, 0.001))
    ]
    for ticker in tickers:
        pacer.add(ticker)

    await eventually(lambda: all(len(ticker.calls) == 20 for ticker in tickers))

    for ticker in tickers:
        assert all(now_s >= due_s for due_s, now_s in ticker.calls)


@asynctest
async def test_a_schedule_stays_absolute_when_the_loop_stands_still():
    pacer = Pacer(asyncio.get_running_loop())
    begun_s = time.monotonic()
    ticker = Ticker(begun_s, 0.02, 30)
    pacer.add(ticker)
    await eventually(lambda: len(ticker.calls) >= 3)

    time.sleep(0.2)  # the loop stands still on purpose
    await eventually(lambda: len(ticker.calls) == 30)

    due = [due_s for due_s, _ in ticker.calls]
    assert max(abs(at - begun_s - 0.02 * n) for n, at in enumerate(due)) < 1e-6
    assert pacer.largest_delay_s > 0.1


@asynctest
async def test_what_is_due_beyond_the_wheel_waits_its_whole_time():
    pacer = Pacer(asyncio.get_running_loop())
    far_s = time.monotonic() + SLOT_S * SLOTS + 0.2
    ticker = Ticker(far_s, 1.0, 1)
    pacer.add(ticker)

    await eventually(lambda: ticker.calls)

    assert ticker.calls[0][1] >= far_s


@asynctest
async def test_a_thing_that_is_due_never_is_forgotten_and_can_be_followed_by_another():
    pacer = Pacer(asyncio.get_running_loop())
    dropped = Ticker(time.monotonic() + 0.05, 1.0, 5)
    pacer.add(dropped)
    dropped.due_s = NEVER
    await asyncio.sleep(0.1)
    later = Ticker(time.monotonic(), 0.01, 3)
    pacer.add(later)

    await eventually(lambda: len(later.calls) == 3)

    assert dropped.calls == []


@asynctest
async def test_things_may_be_added_while_another_is_called():
    pacer = Pacer(asyncio.get_running_loop())
    second = Ticker(time.monotonic(), 0.01, 2)

    class Adder(Ticker):
        def fire(self, now_s: float) -> None:
            super().fire(now_s)
            pacer.add(second)

    pacer.add(Adder(time.monotonic(), 0.01, 1))

    await eventually(lambda: len(second.calls) == 2)


@asynctest
async def test_closing_ends_all_calls():
    pacer = Pacer(asyncio.get_running_loop())
    ticker = Ticker(time.monotonic(), 0.005, 1000)
    pacer.add(ticker)
    await eventually(lambda: len(ticker.calls) > 2)

    pacer.close()
    called = len(ticker.calls)
    await asyncio.sleep(0.05)

    assert len(ticker.calls) == called


@asynctest
async def test_what_breaks_ends_alone_and_is_told():
    loop = asyncio.get_running_loop()
    told: list[BaseException | None] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    pacer = Pacer(loop)
    begun_s = time.monotonic()
    broken, sound = Ticker(begun_s, 0.01, 9), Ticker(begun_s, 0.01, 9)
    broken.calls = None  # type: ignore[assignment]
    pacer.add(broken)
    pacer.add(sound)

    await eventually(lambda: len(sound.calls) == 9)

    assert broken.due_s == NEVER
    assert [type(bug) for bug in told] == [AttributeError]
