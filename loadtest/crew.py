"""The side with users: one bot engine, and the seats of this process' Locust users.

It uses the standard library's threads and events only: in a Locust process they are
gevent's, since Locust patches them, and in a test they are what they seem.
"""

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from bots.models import ParticipantPlan
from bots.plain import from_plain, to_plain
from bots.wire import (
    Answer,
    Begin,
    Begun,
    Command,
    End,
    Ended,
    Join,
    Leave,
    Left,
    Look,
    Refused,
    Reports,
    Retire,
    Sighted,
)
from loadtest.locust_entries import Entry, entries_of
from loadtest.processes import boot_id
from loadtest.run_options import Limits

logger = logging.getLogger(__name__)

PLACE_TIMEOUT_S: Final = 60.0
LEAVE_TIMEOUT_S: Final = 12.0

Message = Any
"""A message of Locust's runners: `node_id` says from whom, `data` what."""


class Runner(Protocol):
    """What is needed of Locust's runners: messages between master and workers."""

    def register_message(
        self, msg_type: str, listener: Callable[..., None]
    ) -> None: ...
    def send_message(
        self, msg_type: str, data: Any = None, client_id: str | None = None
    ) -> None: ...


class Link(Protocol):
    """One bot engine; see `engine_link.EngineLink`."""

    is_over: bool

    def send(self, command: Command) -> None: ...
    def close(self) -> None: ...


OpenLink = Callable[[Callable[[Answer], None], Callable[[str], None]], Link]


@dataclass(slots=True)
class Seat:
    """One Locust user's hold on a participant."""

    ask: int
    plan: ParticipantPlan | None = None
    answered: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)


class Crew:
    """The side with users: one engine, and the seats of this process' users."""

    def __init__(
        self,
        runner: Runner,
        limits: Limits,
        *,
        open_link: OpenLink,
        fire: Callable[[Entry], None],
    ) -> None:
        """Start an engine; `fire` puts an entry into Locust's statistics."""
        self._runner = runner
        self._limits = limits
        self._open_link = open_link
        self._fire = fire
        self._asks: dict[int, Seat] = {}
        self._seats: dict[int, Seat] = {}
        self._next_ask = 0
        self._link: Link | None = self._new_link()
        for name, listener in {
            "bbbload_begin": self._begin,
            "bbbload_plan": self._plan,
            "bbbload_retire": self._retire,
            "bbbload_look": self._look,
            "bbbload_end": self._end,
        }.items():
            self._runner.register_message(name, listener)

    def take_seat(self) -> Seat | None:
        """Ask for a place and join; None when there is none to be had."""
        seat = Seat(ask=self._next_ask)
        self._next_ask += 1
        self._asks[seat.ask] = seat
        self._tell("bbbload_place", {"ask": seat.ask})
        seat.answered.wait(timeout=PLACE_TIMEOUT_S)
        if seat.plan is None or self._link is None:
            return None
        self._link.send(Join(plan=seat.plan))
        return seat

    def leave(self, seat: Seat) -> None:
        """Let a participant leave and wait, not for ever, until it has."""
        self._asks.pop(seat.ask, None)
        if seat.plan is None or seat.gone.is_set():
            return
        if self._link is None or self._link.is_over:
            return
        self._link.send(Leave(participant=seat.plan.number))
        seat.gone.wait(timeout=LEAVE_TIMEOUT_S)

    def close(self) -> None:
        """End the engine; what it still says is forwarded before this returns."""
        link, self._link = self._link, None
        if link is not None:
            link.send(End())
            link.close()

    def _new_link(self) -> Link:
        return self._open_link(self._answer, self._lost)

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        self._runner.send_message(name, data)

    def _begin(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._link is None or self._link.is_over:
            if self._link is not None:
                self._link.close()
            self._link = self._new_link()
        begin = from_plain(Begin, msg.data["begin"])
        self._link.send(
            replace(
                begin,
                zero_s=self._zero_s(msg.data),
                caps=self._limits.caps,
                allow_hosts=self._limits.allow_hosts,
                secret_file=self._limits.secret_file,
                beside_real_meetings=self._limits.guard.beside_real_meetings,
                meetings_unseen=self._limits.guard.meetings_unseen,
            )
        )

    @staticmethod
    def _zero_s(data: Mapping[str, Any]) -> float:
        """Return the run's start on this machine's monotonic clock.

        The clock is one for all processes of a boot. On another machine, the way of the
        message is the whole error: a millisecond or so within a network.
        """
        if data["boot"] == boot_id():
            return float(data["zero_s"])
        return float(time.monotonic() - data["elapsed_s"])

    def _plan(self, environment: Any, msg: Message, **_: Any) -> None:
        seat = self._asks.pop(msg.data["ask"], None)
        plan = msg.data["plan"]
        if plan is None:
            if seat is not None:
                seat.answered.set()
            return
        participant = from_plain(ParticipantPlan, plan)
        if seat is None:  # its user was stopped meanwhile
            self._tell("bbbload_left", {"number": participant.number})
            return
        seat.plan = participant
        self._seats[participant.number] = seat
        seat.answered.set()

    def _retire(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._link is not None:
            self._link.send(Retire(meeting=msg.data["below"]))

    def _look(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._link is not None:
            self._link.send(Look())

    def _end(self, environment: Any, msg: Message, **_: Any) -> None:
        if self._link is not None:
            self._link.send(End(within_s=msg.data.get("within_s")))

    def _answer(self, answer: Answer) -> None:
        match answer:
            case Reports(items=items):
                for item in items:
                    for entry in entries_of(item):
                        self._fire(entry)
                self._tell("bbbload_reports", {"items": list(items)})
            case Left(participant=number):
                seat = self._seats.pop(number, None)
                if seat is not None:
                    seat.gone.set()
                self._tell("bbbload_left", {"number": number})
            case Begun() | Sighted() | Refused() | Ended():
                self._tell_of_engine(type(answer).__name__.lower(), to_plain(answer))
                if isinstance(answer, Refused | Ended):
                    self._free_all()

    def _lost(self, reason: str) -> None:
        logger.error("%s", reason)
        self._tell_of_engine("lost", {"reason": reason})
        self._free_all()

    def _tell_of_engine(self, what: str, plain: Mapping[str, Any]) -> None:
        self._tell(
            "bbbload_engine",
            {
                "what": what,
                "plain": dict(plain),
                "machine": platform.node(),
                "pid": os.getpid(),
            },
        )

    def _free_all(self) -> None:
        for seat in list(self._seats.values()):
            seat.gone.set()
        self._seats.clear()
