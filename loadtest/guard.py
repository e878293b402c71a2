"""The ledger of our runs, and the end of what killed runs left on a server.

`$XDG_STATE_HOME/bbbload/ledger.jsonl` gets a line when a run begins and one when it
ends, so that our own participants can be taken out of a history later. A run without
an end whose process is gone was killed: its meetings are ended by the next command for
that server. What may be loaded at all is decided in the bot engine (`bots.servers`,
`bots.meetings`).
"""

import asyncio
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bots.errors import ConfigError, GuardRefusal, TargetUnusable
from bots.meetings import Meetings, leftovers
from bots.protocol.api import run_of
from bots.servers import Server, host_of
from bots.transport import Transport
from loadtest.processes import birth_of, is_running

READY_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run in the ledger."""

    run: str
    server: str
    target: str
    started_at: str
    ended_at: str
    """"" while it runs, and for ever when it was killed."""
    peak_participants: int
    machine: str
    pid: int
    birth: str
    """Tells the process from a later one of its number; "" in old ledgers."""


def ledger_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the ledger is (XDG base directories)."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_STATE_HOME") or ""
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    folder = Path(base) if base.startswith("/") else home / ".local" / "state"
    return folder / "bbbload" / "ledger.jsonl"


def entries_of(lines: Iterable[str]) -> tuple[Entry, ...]:
    """Read the ledger's lines; torn and unknown ones are skipped. Pure."""
    found: dict[str, Entry] = {}
    for line in lines:
        try:
            plain = json.loads(line)
            run = plain["run"]
            if plain["event"] == "begin":
                found[run] = Entry(
                    run=run,
                    server=plain["server"],
                    target=plain["target"],
                    started_at=plain["started_at"],
                    ended_at="",
                    peak_participants=0,
                    machine=plain.get("machine", ""),
                    pid=plain.get("pid", 0),
                    birth=plain.get("birth", ""),
                )
            elif plain["event"] == "end" and run in found:
                found[run] = replace(
                    found[run],
                    ended_at=plain["ended_at"],
                    peak_participants=plain["peak_participants"],
                )
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(found.values())


def killed(
    entries: Iterable[Entry], server: str, alive: Iterable[str], machine: str
) -> tuple[Entry, ...]:
    """Return the runs on `server` that never ended and run no more. Pure.

    `alive` are the runs whose process still is. Those of other machines that share the
    ledger cannot be seen and are left alone.
    """
    living = set(alive)
    return tuple(
        entry
        for entry in entries
        if entry.server == server
        and not entry.ended_at
        and entry.machine == machine
        and entry.run not in living
    )


class Ledger:
    """The file of our runs; every line is written at once."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or ledger_path()

    def entries(self) -> tuple[Entry, ...]:
        """Return all runs; a missing ledger has none."""
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                return entries_of(file)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ConfigError(_unusable(self.path, error)) from error

    def killed_runs(self, server: str) -> tuple[str, ...]:
        """Return the runs on this server (a host) that were killed."""
        entries = self.entries()
        alive = [entry.run for entry in entries if _lives(entry)]
        found = killed(entries, server, alive, platform.node())
        return tuple(entry.run for entry in found)

    def begin(self, *, run: str, server: str, target: str, started_at: str) -> None:
        """Enter a run that starts now in this process."""
        self._append(
            {
                "event": "begin",
                "run": run,
                "server": server,
                "target": target,
                "started_at": started_at,
                "machine": platform.node(),
                "pid": os.getpid(),
                "birth": birth_of(os.getpid()),
            }
        )

    def end(self, *, run: str, ended_at: str, peak_participants: int) -> None:
        """Enter the end of a run."""
        self._append(
            {
                "event": "end",
                "run": run,
                "ended_at": ended_at,
                "peak_participants": peak_participants,
            }
        )

    def _append(self, plain: dict[str, object]) -> None:
        line = json.dumps(plain, separators=(",", ":")) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise ConfigError(_unusable(self.path, error)) from error


async def end_meetings_of(
    server: Server, runs: tuple[str, ...] | None
) -> tuple[int, tuple[str, ...]]:
    """End what these runs of ours left on a server, or all of ours where None.

    Return how many meetings ended and the ids of those that did not. Raises
    TargetUnusable when the server cannot be asked.
    """
    async with Transport(ca_file=server.ca_file, reach=server.reach) as transport:
        meetings = Meetings(server, "cleanup", transport.get, rest_of_run_s=lambda: 0.0)
        await meetings.check_server()
        present = await meetings.all_meetings()
        wanted = (
            ours(meeting.meeting_id for meeting in present) if runs is None else runs
        )
        ids = [meeting.meeting_id for meeting in leftovers(present, wanted)]
        failed = await meetings.end_ids(ids)
        return len(ids) - len(failed), failed


def refuse_other_runs(server: Server) -> None:
    """Raise GuardRefusal when a server carries meetings of another run of ours.

    Those that killed runs of this machine left are not meant: the next run ends them.
    Raises TargetUnusable when the server cannot be asked.
    """
    known = set(Ledger().killed_runs(host_of(server.url)))
    others = sorted(set(asyncio.run(_runs_on(server))) - known)
    if others:
        raise GuardRefusal(
            f"{server.name} carries meetings of another run of bbbload "
            f"({', '.join(others)}): wait for its end, or end what a killed one left "
            "with `bbbload cleanup`"
        )


def wait_until_ready(server: Server, limit_s: float) -> None:
    """Wait until a server answers as BBB's API; raises TargetUnusable after a time."""
    until_s = time.monotonic() + limit_s
    while True:
        try:
            asyncio.run(_runs_on(server))
        except TargetUnusable:
            if time.monotonic() > until_s:
                raise
            time.sleep(READY_POLL_S)
        else:
            return


async def _runs_on(server: Server) -> tuple[str, ...]:
    async with Transport(ca_file=server.ca_file, reach=server.reach) as transport:
        meetings = Meetings(server, "guard", transport.get, rest_of_run_s=lambda: 0.0)
        await meetings.check_server()
        present = await meetings.all_meetings()
        return ours(
            meeting.meeting_id
            for meeting in present
            if not meeting.has_been_forcibly_ended
        )


def now_utc() -> str:
    """Return the time of day as our files write it: UTC, ISO 8601."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return now.replace("+00:00", "Z")


def ours(ids: Iterable[str]) -> tuple[str, ...]:
    """Return the runs of bbbload that these meeting ids belong to. Pure."""
    return tuple({run for external in ids if (run := run_of(external)) is not None})


def _lives(entry: Entry) -> bool:
    return is_running(entry.pid) and entry.birth in ("", birth_of(entry.pid))


def _unusable(path: Path, error: OSError) -> str:
    reason = (error.strerror or "unusable").lower()
    return f"the ledger {path} cannot be used ({reason}): mend it or set XDG_STATE_HOME"
