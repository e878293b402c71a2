"""One clock for everything in a process that happens at a time: packets and reports.

A timing wheel with slots of five milliseconds: an audio packet every 20 ms is exactly
four slots, so a thousand senders cost one timer. Each timed thing keeps an *absolute*
schedule: it says when it was due, not how long to wait, so lateness never adds up.

The wheel knows an event loop's `call_at` and nothing of media.
"""

import asyncio
import time
from array import array
from typing import Protocol

SLOT_S = 0.005
SLOTS = 1024
"""The wheel spans 5.12 s; what is due later waits in its last slot and moves on."""
LATE_S = 0.020
"""A packet sent this long after its time counts as late."""
MAX_CATCH_UP_S = 1.0
"""A process that stood still for longer starts its schedules anew."""

NEVER = float("inf")


class Timed(Protocol):
    """Something with a time. `due_s` is when; `fire` does it and sets the next time."""

    due_s: float

    def fire(self, now_s: float) -> None:
        """Act, and set `due_s` to the next absolute time, or to NEVER."""


class Pacer:
    """Calls every timed thing at its time, in one timer of the running event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.late_packets = 0
        """Senders add to this; see `LATE_S`."""
        self.sent_packets = 0
        self.received_packets = 0
        self.lane_packets = array("q", [0])
        """Received and taken in a lane, beside `received_packets`."""
        self.dropped_packets = 0
        """Packets the socket refused because its buffer was full."""
        self.largest_delay_s = 0.0
        """How late the wheel itself was called, at most, since last set to 0."""
        self._loop = loop
        self._slots: list[list[Timed]] = [[] for _ in range(SLOTS)]
        self._count = 0
        self._at = 0  # number of the last slot that was served
        self._when_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, timed: Timed) -> None:
        """Serve `timed` from now on, until its `due_s` is NEVER."""
        if not self._count:
            self._at = int(time.monotonic() / SLOT_S)
        self._count += 1
        self._place(timed)
        self._schedule()

    def close(self) -> None:
        """Stop the timer and forget everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for slot in self._slots:
            slot.clear()
        self._count = 0

    def _place(self, timed: Timed) -> None:
        # a slot is served once it is over, so nothing is ever sent before its time
        number = int(timed.due_s / SLOT_S) + 1
        number = max(self._at + 1, min(number, self._at + SLOTS - 1))
        self._slots[number % SLOTS].append(timed)

    def _schedule(self) -> None:
        if not self._count:
            self._timer = None
            return
        number = self._at + 1
        while not self._slots[number % SLOTS]:
            number += 1
        when_s = number * SLOT_S
        if self._timer is not None:
            if self._when_s <= when_s:
                return
            self._timer.cancel()
        self._when_s = when_s
        # uvloop's timers have whole milliseconds and may come one early
        self._timer = self._loop.call_at(when_s + 0.0005, self._serve)

    def _drop(self, timed: Timed, bug: Exception) -> None:
        """Let a timed thing that broke end alone: nobody else's media wait for it."""
        timed.due_s = NEVER
        said = f"{type(timed).__name__} broke in the pacer"
        self._loop.call_exception_handler({"message": said, "exception": bug})

    def _serve(self) -> None:
        self._timer = None
        now_s = time.monotonic()  # the loop's own time is that of its last turn
        current = int(now_s / SLOT_S)
        slots = self._slots
        first = True
        while self._at < current:
            at = self._at = self._at + 1
            index = at % SLOTS
            due = slots[index]
            if not due:
                continue
            slots[index] = []
            if first:
                first = False
                delay_s = now_s - self._at * SLOT_S
                if delay_s > self.largest_delay_s:
                    self.largest_delay_s = delay_s
            limit_s = self._at * SLOT_S
            for timed in due:
                if timed.due_s > limit_s:
                    if timed.due_s == NEVER:
                        self._count -= 1
                    else:  # beyond the wheel's span when it was placed
                        self._place(timed)
                    continue
                try:
                    timed.fire(now_s)
                except Exception as bug:
                    self._drop(timed, bug)
                due_s = timed.due_s
                if due_s == NEVER:
                    self._count -= 1
                    continue
                number = int(due_s / SLOT_S) + 1  # as `_place`, without a call
                if at < number < at + SLOTS:
                    slots[number % SLOTS].append(timed)
                else:
                    self._place(timed)
        self._schedule()
