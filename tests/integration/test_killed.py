"""SIGKILL of one process in the middle of a run: what was measured stays readable.

That of everything at once, and of the only engine, is in `test_run_command`.
"""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from bots.models import LeaveReport, RefusalReport
from loadtest.cli import run_command
from tests.integration.test_locust import (
    BBBLOAD,
    SECRET,
    meetings_on,
    of,
    read,
    started,
)
from tests.integration.test_run_command import run
from tests.support.asynctest import asynctest, eventually
from tests.support.node import node_process


def processes_below(pid):
    """Return the command lines of all descendants of a process, by their number."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {}
    for child in parents:
        ancestor = child
        while ancestor in parents and ancestor != pid:
            ancestor = parents[ancestor]
        if ancestor == pid and child != pid:
            try:
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
    return found, parents


def victim_of(command_pid, what):
    """Return the process to kill: one worker, or Locust's master."""
    below, parents = processes_below(command_pid)
    engines = sorted(pid for pid, line in below.items() if b"bots.engine" in line)
    workers = sorted({parents[engine] for engine in engines})
    assert len(engines) == len(workers) == 2
    (master,) = {parents[worker] for worker in workers}
    return {"worker": workers[0], "master": master}[what]


def is_drop(record):
    return isinstance(record, RefusalReport) and record.outcome == "dropped"


@pytest.mark.parametrize(
    ("what", "codes"),
    [
        ("worker", {3}),
        ("master", {130}),
        # the node's end is a measurement: everybody was dropped
        ("node", {5, 3}),
    ],
)
def test_what_was_measured_is_readable_and_the_next_command_cleans_up(
    what, codes, tmp_path
):
    @asynctest(limit_s=110)
    async def play() -> None:
        log = tmp_path / "run.jsonl"
        async with node_process(secret=SECRET) as node:
            more = ("--duration", "6s", "--engines", "2")
            async with started(run(node.url, log, *more), tmp_path) as command:

                def is_measured():
                    text = log.read_text() if log.exists() else ""
                    return text.count('"outcome":"joined"') >= 4 and (
                        text.count('"kind":"stream"') >= 8
                    )

                await eventually(is_measured, limit_s=40)
                pid = node.pid
                if what != "node":
                    pid = victim_of(command.process.pid, what)
                os.kill(pid, signal.SIGKILL)
                code, output = await command.result(80)
            if what != "node":
                cleaning = [*BBBLOAD, "cleanup", f"{node.url}/bigbluebutton"]
                async with started(cleaning, tmp_path) as cleanup:
                    cleaned, words = await cleanup.result()
                assert cleaned == 0, words.decode()

                async def is_empty():
                    return await meetings_on(node) == 0

                await eventually(is_empty)

        assert code in codes, output.decode()
        report = ["report", str(log), "-o", str(tmp_path / "run.txt")]
        assert await asyncio.to_thread(run_command, report) == 0
        assert "Participants and media" in (tmp_path / "run.txt").read_text()

        _, records = read(log)
        leaves = of(LeaveReport, records)
        end = records[-1]
        if what == "master":
            assert '"kind":"end"' not in log.read_text()
            return
        if what == "node":
            dropped = [each.what for each in records if is_drop(each)]
            assert "graphql socket" in dropped
            assert code == (3 if "late" in end.reasons[0] else 5), output.decode()
            assert "did not end when asked" in end.reasons[-1]
            ledger = (tmp_path / "state/bbbload/ledger.jsonl").read_text().splitlines()
            events = [json.loads(line)["event"] for line in ledger]
            assert events == ["begin"]  # its meetings may be there again
            return
        lost = [leave for leave in leaves if leave.code == "engine lost"]
        assert len(lost) == 2
        assert {leave.outcome for leave in lost} == {"withdrawn"}
        assert end.validity == "invalid"
        assert "2 participants were lost with it" in end.reasons[0]

    play()
