"""The ledger, and the meetings that a killed run left, on a real node."""

import json
import os
import subprocess
import time

import pytest

from bots.errors import ConfigError, TargetUnusable
from bots.servers import Secret, Server
from bots.transport import Transport
from loadtest.guard import (
    Ledger,
    end_meetings_of,
    entries_of,
    killed,
    ledger_path,
    now_utc,
    ours,
)
from loadtest.processes import birth_of
from tests.support.asynctest import asynctest
from tests.support.node import local_node

BEGIN = {
    "event": "begin",
    "run": "r1",
    "server": "h",
    "target": "north",
    "started_at": "2026-01-01T00:00:00Z",
    "machine": "m",
    "pid": 7,
}
END = {
    "event": "end",
    "run": "r1",
    "ended_at": "2026-01-01T00:01:00Z",
    "peak_participants": 12,
}


def lines(*plains):
    return [json.dumps(plain) for plain in plains]


def test_a_run_is_entered_with_its_server_times_and_peak(tmp_path):
    ledger = Ledger(tmp_path / "state" / "ledger.jsonl")
    ledger.begin(run="r1", server="h", target="north", started_at="t0")
    ledger.end(run="r1", ended_at="t1", peak_participants=12)

    (entry,) = ledger.entries()

    assert (entry.run, entry.server, entry.target) == ("r1", "h", "north")
    assert (entry.started_at, entry.ended_at, entry.peak_participants) == (
        "t0",
        "t1",
        12,
    )


@pytest.mark.parametrize(
    ("written", "server", "alive", "machine", "found"),
    [
        ([BEGIN], "h", [], "m", ["r1"]),
        ([BEGIN, END], "h", [], "m", []),
        ([BEGIN], "h", ["r1"], "m", []),
        ([BEGIN], "other", [], "m", []),
        ([BEGIN], "h", [], "another machine", []),
        ([END], "h", [], "m", []),
    ],
)
def test_a_run_was_killed_when_it_has_no_end_and_no_process(
    written, server, alive, machine, found
):
    entries = entries_of(lines(*written))

    assert [e.run for e in killed(entries, server, alive, machine)] == found


def test_torn_and_foreign_lines_do_not_hide_the_others():
    text = [*lines(BEGIN), '{"event":"end","ru', "[]", '{"event":"x","run":"y"}']

    assert [entry.run for entry in entries_of(text)] == ["r1"]


def test_a_run_of_a_living_process_is_not_taken_for_killed(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.begin(run="r1", server="h", target="north", started_at="t0")

    assert ledger.killed_runs("h") == ()
    written = ledger.path.read_text()
    ledger.path.write_text(written.replace(f'"pid":{os.getpid()}', '"pid":4194305'))
    assert ledger.killed_runs("h") == ("r1",)


def test_a_zombie_and_a_later_process_of_the_same_number_are_not_the_run(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.begin(run="r1", server="h", target="north", started_at="t0")
    written = ledger.path.read_text()

    born = birth_of(os.getpid())
    ledger.path.write_text(written.replace(born, f"{born}0"))
    assert ledger.killed_runs("h") == ("r1",)
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        mine = written.replace(f'"pid":{os.getpid()}', f'"pid":{ended.pid}')
        ledger.path.write_text(mine.replace(born, birth_of(ended.pid)))
        assert ledger.killed_runs("h") == ("r1",)


def test_a_ledger_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="XDG_STATE_HOME"):
        Ledger(tmp_path / "file" / "ledger.jsonl").begin(
            run="r", server="h", target="t", started_at="t0"
        )


def test_the_ledger_is_where_xdg_says(tmp_path):
    state = {"XDG_STATE_HOME": str(tmp_path), "HOME": "/h"}

    assert ledger_path(state) == tmp_path / "bbbload" / "ledger.jsonl"
    assert str(ledger_path({"HOME": "/h"})) == "/h/.local/state/bbbload/ledger.jsonl"


def test_our_meetings_are_told_from_others_by_their_ids():
    assert ours(["bbbload-r1-0", "bbbload-r1-1", "lecture-1", "bbbload-r2-0"]) in (
        ("r1", "r2"),
        ("r2", "r1"),
    )


@asynctest
async def test_cleaning_up_ends_our_meetings_and_nobody_elses():
    async with local_node() as node:
        server = Server(name="n", url=node.api_url, secret=Secret(node.secret))
        for name in ("bbbload-r1-0", "bbbload-r2-0", "lecture"):
            await create(node, name)

        assert await end_meetings_of(server, ("r1",)) == (1, ())
        assert open_ids(node) == ["bbbload-r2-0", "lecture"]
        assert await end_meetings_of(server, None) == (1, ())
        assert open_ids(node) == ["lecture"]


@asynctest
async def test_cleaning_up_with_a_wrong_secret_says_so():
    async with local_node() as node:
        server = Server(name="n", url=node.api_url, secret=Secret("wrong-secret"))

        with pytest.raises(TargetUnusable, match="the secret is wrong"):
            await end_meetings_of(server, None)


async def create(node, meeting_id):
    async with Transport() as transport:
        await transport.get(node.signed("create", meetingID=meeting_id, name="x"))


def open_ids(node):
    meetings = node.running.node.meetings.values()
    return sorted(m.request.meeting_id for m in meetings if m.ended_s is None)


def test_time_of_day_is_written_in_utc():
    assert now_utc()[:4] == time.strftime("%Y", time.gmtime())
    assert now_utc().endswith("Z")
