"""Whole runs by a relay only, and one that is recorded, as their users start them.

`bbbload run`, Locust and `bbbload benchmark` at once, each against a stand-in node of
its own; all nodes name Debian's coturn, whose own log tells who got a relay.
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bots.models import JoinReport
from loadtest.cli import run_command
from loadtest.node.content import MeetingRequest
from loadtest.node.settings import NodeSettings
from tests.integration.test_locust import BBBLOAD, LOCUST, of, read, started
from tests.support.asynctest import asynctest, eventually
from tests.support.coturn import coturn
from tests.support.node import SECRET, LocalNode, local_node

pytestmark = pytest.mark.coturn

RELAY = ("--ice-transport-policy", "relay")
SCENARIO = """
recording = true

[mix.pair]
camera = 1
talker = 1

[meeting.pair]
mix = "pair"
size = 2

[profile]
kind = "soak"
participants = 2
hold = "10m"
"""
JOINS = {"run": 2, "locust": 2, "bench": 3}
JOIN = '"kind":"join"'


def commands(urls: list[str], folder: Path) -> dict[str, list[str]]:
    """Return the three commands by name; each writes `NAME.jsonl`."""
    scenario = folder / "recorded.toml"
    scenario.write_text(SCENARIO)
    logs = {name: str(folder / f"{name}.jsonl") for name in ("run", "locust", "bench")}
    return {
        "run": [
            *(*BBBLOAD, "run", str(scenario), urls[0]),
            *("-o", logs["run"], *RELAY),
        ],
        "locust": [
            *(*LOCUST, "--host", urls[1], "--headless", "--only-summary"),
            *("-u", "2", "-r", "2", "--meeting-size", "2"),
            *("--cameras", "1", "--run-log", logs["locust"], *RELAY),
        ],
        "bench": [
            *(*BBBLOAD, "benchmark", urls[2], "--log", logs["bench"], *RELAY),
            *("--profile", "groups", "--max-participants", "3", "--steps", "1"),
            *("--step-duration", "10m", "-o", str(folder / "capacity.json")),
        ],
    }


@asynctest(limit_s=180)
async def test_a_run_by_a_relay_only_is_relayed_and_a_recorded_one_recorded(
    tmp_path, capsys
):
    async with coturn(tmp_path) as turn, AsyncExitStack() as stack:
        settings = NodeSettings(
            secret=SECRET, turn_urls=(turn.url("udp"),), turn_secret=turn.secret
        )
        nodes = [await stack.enter_async_context(local_node(settings)) for _ in "123"]
        asked = commands([f"{node.url}/bigbluebutton" for node in nodes], tmp_path)

        async def play(name: str, joins: int, node: LocalNode) -> list[MeetingRequest]:
            """Stop the command once all are in: how fit this machine is matters not.

            Return what its meetings were asked to be.
            """
            log, home = tmp_path / f"{name}.jsonl", tmp_path / name

            def are_in() -> bool:
                return log.exists() and log.read_text().count(JOIN) == joins

            async with started(asked[name], home, BBB_SECRET=SECRET) as command:
                await eventually(are_in, limit_s=90, what=f"joins of {name}")
                made = [it.request for it in node.running.node.meetings.values()]
                command.process.send_signal(signal.SIGINT)
                await command.result()
            return made

        made = await asyncio.gather(*map(play, JOINS, JOINS.values(), nodes))
        granted = set(turn.allocations())

    for name, count in JOINS.items():
        joins = of(JoinReport, read(tmp_path / f"{name}.jsonl")[1])
        assert [join.path.candidate_type for join in joins] == ["relay"] * count
        assert run_command(["report", str(tmp_path / f"{name}.jsonl")]) == 0
        table = capsys.readouterr().out.partition("Paths that media took")[2]
        (path,) = [line for line in table.splitlines() if "bbb-webrtc-sfu" in line]
        assert path.split()[-2:] == ["relay", str(count)]
    assert len(granted) == sum(JOINS.values())
    recorded = [(it.record, it.auto_start_recording) for each in made for it in each]
    assert recorded == [(True, True), (False, False), (False, False)]
