"""Our own load tests are no demand: they are taken out of a history. Pure but one read.

The ledger (`loadtest.guard`) knows when each run began, ended and on which host. Every
bin that a run touches becomes unknown: what real participants did meanwhile cannot be
told from ours, and a gap is honest where a difference would be a guess. Runs on
loopback addresses touched no service. A run without an end was killed; it is believed
to have gone on for `KILLED_S`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bots.addresses import is_loopback
from loadtest.guard import Entry, Ledger
from planning.history.csv import gaps_of
from planning.models import History

Value = TypeVar("Value")

KILLED_S = 4 * 3600
MARGIN_S = 300
"""Before a run and after it: its meetings are made before and end after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTest:
    """One run of ours on a service."""

    host: str
    starts_s: float
    ends_s: float
    peak_participants: int


def own_tests(path: Path | None = None, hosts: Iterable[str] = ()) -> list[OwnTest]:
    """Return our runs in the ledger, on `hosts` or on every host that is no loopback.

    Raises ConfigError when the ledger cannot be read; a missing one has no runs.
    """
    wanted = set(hosts)
    found = []
    for entry in Ledger(path).entries():
        if wanted and entry.server not in wanted:
            continue
        if not wanted and is_loopback(_host(entry.server)):
            continue
        test = _test(entry)
        if test is not None:
            found.append(test)
    return found


def without(history: History, tests: Iterable[OwnTest]) -> History:
    """Return the history with the bins of `tests` left out, and a note of how much."""
    spans = [(test.starts_s - MARGIN_S, test.ends_s + MARGIN_S) for test in tests]
    step = history.step_s
    keep = [
        not any(start < time_s + step and end > time_s for start, end in spans)
        for time_s in history.times_s
    ]
    taken = len(keep) - sum(keep)
    if not taken or not any(keep):
        return history
    highest = max(
        value
        for value, kept in zip(history.participants, keep, strict=True)
        if not kept
    )
    times = _kept(history.times_s, keep)
    note = (
        f"our own load tests were taken out: {taken * step / 3600:.1f} hours of "
        f"{len(keep) * step / 3600:.0f}, in which up to {highest} participants were "
        "present"
    )

    def kept_of(values: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
        return None if values is None else _kept(values, keep)

    return replace(
        history,
        times_s=times,
        participants=_kept(history.participants, keep),
        gaps=gaps_of(times, step, history.utc_offset_s),
        notes=(*history.notes, note),
        meetings=kept_of(history.meetings),
        cameras=kept_of(history.cameras),
        voice=kept_of(history.voice),
        listeners=kept_of(history.listeners),
        largest_meeting=kept_of(history.largest_meeting),
        limit_hits=kept_of(history.limit_hits),
    )


def _kept(values: tuple[Value, ...], keep: list[bool]) -> tuple[Value, ...]:
    return tuple(value for value, kept in zip(values, keep, strict=True) if kept)


def _test(entry: Entry) -> OwnTest | None:
    try:
        starts_s = datetime.fromisoformat(entry.started_at).timestamp()
        ends_s = starts_s + KILLED_S
        if entry.ended_at:
            ends_s = datetime.fromisoformat(entry.ended_at).timestamp()
    except ValueError:
        return None
    return OwnTest(
        host=entry.server,
        starts_s=starts_s,
        ends_s=max(starts_s, ends_s),
        peak_participants=entry.peak_participants,
    )


def _host(server: str) -> str:
    """Return the host of `host:port`; an IPv6 address stays whole."""
    if server.startswith("["):
        return server[1:].partition("]")[0]
    return server.partition(":")[0] if server.count(":") == 1 else server
