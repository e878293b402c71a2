"""Our own load tests are no demand: they are taken out of a history. Pure but one read.

The ledger (`loadtest.guard`) knows when each run began, ended and on which host. Every
bin that a run touches becomes unknown: what real participants did meanwhile cannot be
told from ours, and a gap is honest where a difference would be a guess. Runs on
loopback addresses touched no service. A run without an end was killed; it is believed
to have gone on for `KILLED_S`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bots.addresses import is_loopback
from loadtest.guard import Entry, Ledger
from planning.history.masks import masked
from planning.peaks import History

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
    return masked(history, spans, "our own load tests")


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
