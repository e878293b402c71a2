"""What bbbload has no adapter for is named in one sentence before any load: exit 8."""

import time

import pytest

from bots.engine import open_field
from bots.wire import Begin, Refused
from loadtest.node.faults import Faults
from loadtest.node.settings import NodeSettings
from tests.integration.test_locust import (
    BBBLOAD,
    LOCUST,
    SECRET,
    meetings_on,
    started,
)
from tests.support.asynctest import asynctest, eventually
from tests.support.engine import engine_of
from tests.support.node import local_node, node_process


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"bridge": "livekit"}, "the meeting's media go through livekit: "),
        ({"not_bbb3": True, "bbb_version": "2.7.10"}, "the server speaks BBB 2.7.10 "),
        ({"not_bbb3": True}, "the server speaks BBB 3.0.19 (it names no GraphQL"),
        ({"bbb_version": "4.0.0"}, "the server says it is BBB 4.0.0: "),
        ({"bbb_version": "5.1.0-beta.1"}, "the server says it is BBB 5.1.0-beta.1: "),
    ],
)
def test_the_engine_refuses_before_anybody_joins(faults, sentence, monkeypatch):
    monkeypatch.setenv("BBB_SECRET", SECRET)

    @asynctest
    async def play() -> None:
        settings = NodeSettings(secret=SECRET, faults=Faults(**faults))
        async with local_node(settings) as node:
            begin = Begin(
                run="r1",
                target=node.api_url,
                engine=0,
                zero_s=time.monotonic(),
                duration_s=60.0,
            )
            async with engine_of(begin, open_field) as engine:
                refused = await engine.answer(Refused)
            meetings = node.running.node.meetings.values()

            assert refused.exit_code == 8
            assert sentence in refused.message
            assert "adapter for" in refused.message
            assert "\n" not in refused.message
            assert engine.reports("join") == []
            users = [user for each in meetings for user in each.users.values()]
            assert not any(user.ever_joined for user in users)
            await eventually(lambda: all(meeting.ended for meeting in meetings))

    play()


@pytest.mark.parametrize("way", ["run", "benchmark", "locust"])
def test_every_way_to_start_a_run_ends_with_8_and_says_it_once(way, tmp_path):
    log = tmp_path / "run.jsonl"

    def command(url: str) -> list[str]:
        if way == "run":
            sizes = ("--meetings", "2", "--size", "2", "--duration", "5s")
            return [*BBBLOAD, "run", url, *sizes, "-o", str(log)]
        if way == "benchmark":
            files = ("-o", str(tmp_path / "capacity.json"), "--log", str(log))
            return [*BBBLOAD, "benchmark", url, *files]
        counts = ("--headless", "-u", "4", "-r", "4", "-t", "50s")
        return [*LOCUST, "--host", url, *counts, "--run-log", str(log)]

    @asynctest
    async def play() -> None:
        async with node_process("--fault", "bridge=livekit", secret=SECRET) as node:
            url = f"{node.url}/bigbluebutton/"
            async with started(command(url), tmp_path) as process:
                code, output = await process.result()
            left = await meetings_on(node)

        text = output.decode()
        assert code == 8, text
        assert text.count("the meeting's media go through livekit") == 1, text
        assert "Traceback" not in text
        assert left == 0
        assert SECRET not in text
        assert not log.exists()

    play()
