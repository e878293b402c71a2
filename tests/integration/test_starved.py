"""A generator with a tenth of its core judges nothing: invalid, never a capacity."""

import asyncio
import contextlib
import os
import signal

import pytest

from loadtest.codec import read_capacity
from tests.integration.test_locust import BBBLOAD, SECRET, read, started
from tests.integration.test_run_command import engines_below
from tests.support.asynctest import asynctest, eventually
from tests.support.node import node_process

STOPPED_S, GOES_S = 0.09, 0.01


async def starve(pid):
    """Let a process go for a tenth of the time, until it ends."""
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(STOPPED_S)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(GOES_S)


LISTENERS = ("--size", "4", "--cameras", "0", "--microphones", "0", "--listeners", "4")
RUN = ("run", *LISTENERS, "--duration", "5s")
BENCHMARK = ("benchmark", "--profile", "groups", "--steps", "2", "--step-duration")
BENCHMARK += ("6s", "--max-participants", "6")


@pytest.mark.parametrize("order", [RUN, BENCHMARK], ids=["run", "benchmark"])
def test_a_starved_engine_ends_with_3_and_says_so(order, tmp_path):
    @asynctest(limit_s=150)
    async def play() -> None:
        log, capacity = tmp_path / "run.jsonl", tmp_path / "capacity.json"
        name, *more = order
        out = ["-o", str(log)]
        if name == "benchmark":
            out = ["-o", str(capacity), "--log", str(log)]
        async with node_process(secret=SECRET) as node:
            arguments = [*BBBLOAD, name, f"{node.url}/bigbluebutton", *more, *out]
            async with started(arguments, tmp_path) as command:
                # From when it was ready, so that getting ready needs no patience.
                await eventually(lambda: log.exists() and log.read_text(), limit_s=60)
                (engine,) = engines_below(command.process.pid)
                async with asyncio.TaskGroup() as group:
                    starving = group.create_task(starve(engine))
                    code, output = await command.result(120)
                    starving.cancel()

        end = read(log)[1][-1]
        assert code == 3, output.decode()
        assert end.validity == "invalid"
        assert any("late" in reason for reason in end.reasons), end.reasons
        if name == "benchmark":
            found = read_capacity(capacity)
            assert found.validity == "invalid"
            assert [each.capacity for each in found.profiles] == [None]

    play()
