"""The guard of a whole run: who comes ends it, and what cannot be seen forbids it."""

import pytest

from bots.models import JoinReport, LeaveReport
from loadtest.models import EndRecord, NodeSample
from tests.integration.test_locust import (
    BBBLOAD,
    SECRET,
    meetings_on,
    of,
    read,
    started,
)
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.balancer import BALANCER_SECRET, balanced
from tests.support.graphql import cookieless, joined_client
from tests.support.node import node_process


def run(url, log, *more):
    sizes = ("--meetings", "2", "--size", "2", "--cameras", "1")
    return [*BBBLOAD, "run", url, *sizes, "-o", str(log), *more]


def has_joined(log, count):
    return lambda: log.exists() and log.read_text().count('"outcome":"joined"') >= count


@asynctest
async def test_people_who_come_end_the_run_with_7_and_its_log_is_kept(tmp_path):
    log = tmp_path / "run.jsonl"
    async with node_process(secret=SECRET) as node, cookieless() as http:
        arguments = run(f"{node.url}/bigbluebutton", log, "--duration", "10m")
        async with started(arguments, tmp_path) as command:
            await eventually(has_joined(log, 4))
            async with joined_client(http, node):
                code, output = await command.result()
                there = await meetings_on(node)

    _, records = read(log)
    assert code == 7, output.decode()
    assert there == 1  # theirs
    assert b"withdrawn by the guard: 1 meetings with 1 participants" in output
    assert {leave.outcome for leave in of(LeaveReport, records)} == {"left"}
    assert isinstance(records[-1], EndRecord)
    assert records[-1].validity == "interrupted"
    assert records[-1].reasons[0].startswith("withdrawn by the guard")


@asynctest
async def test_beside_real_meetings_a_busy_node_is_left_within_two_seconds(tmp_path):
    log = tmp_path / "run.jsonl"
    slow = ("--cpu-budget", "0.25", "--work-factor", "8")
    async with node_process(*slow, secret=SECRET) as node, cookieless() as http:
        beside = ("--beside-real-meetings", "--withdraw-at-cpu", "0.4")
        arguments = run(f"{node.url}/bigbluebutton", log, "--duration", "10m", *beside)
        async with joined_client(http, node):
            async with started(arguments, tmp_path) as command:
                code, output = await command.result()
            there = await meetings_on(node)

    _, records = read(log)
    assert code == 7, output.decode()
    assert there == 1
    assert "the ceiling beside real meetings is 40%" in records[-1].reasons[0]
    assert "--beside-real-meetings" in records[-1].reasons[-1]
    busy = next(s for s in of(NodeSample, records) if cpu_ratio(s) >= 0.4)
    joined = [j for j in of(JoinReport, records) if j.outcome == "joined"]
    assert len(of(LeaveReport, records)) == len(joined)
    assert records[-1].elapsed_s < busy.elapsed_s + scaled(2)


def cpu_ratio(sample):
    return dict(sample.cpu_s)["node"] / sample.interval_s / sample.cores


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        ((), 7, "no second source counts the participants"),
        (("--node-metrics",), 7, "getMeetings shows 0 participants and the metrics"),
        (("--meetings-unseen",), None, "(--meetings-unseen)"),
    ],
)
def test_a_balancer_that_shows_one_tenant_alone_needs_a_risk_taken(
    asked, code, sentence, tmp_path
):
    @asynctest
    async def play() -> None:
        log = tmp_path / "run.jsonl"
        async with balanced(1) as cluster, cookieless() as http:
            (node,) = cluster.nodes
            cluster.tenant = "bbbload"
            more = (*asked, node.metrics_url) if "--node-metrics" in asked else asked
            arguments = run(cluster.api_url, log, "--duration", "3s", *more)
            async with (
                joined_client(http, node),
                started(arguments, tmp_path, BBB_SECRET=BALANCER_SECRET) as command,
            ):
                ended, output = await command.result()
                left = cluster.open_meetings()

        assert ended == code if code else ended in (0, 3, 5), output.decode()
        assert sentence in output.decode()
        assert log.exists() == (code is None)
        assert left == [["abc"]]

    play()
