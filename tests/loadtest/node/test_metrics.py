import subprocess
import urllib.request
from dataclasses import replace

import pytest
from aiohttp import WSServerHandshakeError

from loadtest.node.effort import HTTP_UNITS, UNIT_S, CpuUse
from loadtest.node.settings import Ceilings, NodeSettings
from tests.support.asynctest import asynctest
from tests.support.graphql import cookieless, joined_client
from tests.support.needs import find_program
from tests.support.node import SECRET, local_node, node_process

SETTINGS = NodeSettings(secret=SECRET)


def read(text: str) -> dict[str, float]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {
        name: float(value) for name, _, value in (li.rpartition(" ") for li in lines)
    }


@asynctest
async def test_meetings_are_counted_in_the_exporters_names():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            meeting = node.running.node.find("abc")
            users = [meeting.users[c.ticket.user_id] for c in (one, two)]
            meeting.join_voice(users[0], listen_only=False)
            meeting.join_voice(users[1], listen_only=True)
            async with http.get(node.metrics_url) as response:
                metrics = read(await response.text())
                content_type = response.headers["Content-Type"]

    assert content_type.startswith("text/plain; version=0.0.4")
    assert metrics["bbbload_stand_in"] == 1
    assert metrics["bbb_meetings"] == 1
    assert metrics["bbb_meetings_participants"] == 2
    assert metrics["bbb_meetings_participants_max"] == 2
    assert metrics["bbb_meetings_listeners"] == 1
    assert metrics["bbb_meetings_voice_participants"] == 1
    assert metrics['bbb_meetings_participant_clients{type="html5"}'] == 2
    assert metrics['bbb_room_participants_bucket{le="1.0"}'] == 0
    assert metrics['bbb_room_participants_bucket{le="5.0"}'] == 1
    assert metrics["bbb_room_participants_gsum"] == 2
    assert metrics["http_connection_active"] == 2


@pytest.mark.prometheus
@asynctest
async def test_prometheus_itself_can_read_all_of_them():
    promtool = find_program("promtool")
    assert promtool is not None
    settings = replace(SETTINGS, ceilings=Ceilings(nic_bps=8e6))
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node), http.get(node.metrics_url) as response:
            page = await response.read()
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, timeout=60
    )
    said = checked.stderr.decode().splitlines()

    # node_exporter's own names of memory are no good style; nothing is no good syntax.
    assert all("camelCase" in line for line in said if line), said


@asynctest
async def test_memory_is_told_against_the_budget():
    settings = replace(SETTINGS, memory_budget_bytes=1 << 40)
    async with (
        local_node(settings) as node,
        cookieless() as http,
        http.get(node.metrics_url) as response,
    ):
        metrics = read(await response.text())

    total = metrics["node_memory_MemTotal_bytes"]
    used = metrics["process_resident_memory_bytes"]
    assert total == 1 << 40
    assert used > 10_000_000
    assert metrics["node_memory_MemAvailable_bytes"] == total - used


@asynctest
async def test_a_node_process_reports_its_own_cpu_time_within_its_budget():
    def modes(metrics: dict[str, float]) -> tuple[float, float]:
        used = sum(
            metrics[f'node_cpu_seconds_total{{cpu="0",mode="{mode}"}}']
            for mode in ("user", "system")
        )
        return used, metrics['node_cpu_seconds_total{cpu="0",mode="idle"}']

    arguments = ("--cpu-budget", "0.5", "--work-factor", "20")
    async with node_process(*arguments) as node, cookieless() as http:
        readings = []
        for _ in range(20):
            async with http.get(node.api_url) as response:
                assert response.status == 200
            async with http.get(node.metrics_url) as response:
                readings.append(modes(read(await response.text())))

    (first_used, first_idle), (used, idle) = readings[0], readings[-1]
    burn_s = 19 * HTTP_UNITS * UNIT_S * 20  # 19 calls at a work factor of 20
    assert used - first_used >= burn_s * 0.9
    assert idle >= first_idle


def test_metrics_can_be_scraped_without_asyncio():
    @asynctest
    async def scrape() -> None:
        import asyncio

        async with node_process() as node:
            text = await asyncio.to_thread(
                lambda: urllib.request.urlopen(node.metrics_url, timeout=10).read()
            )
        assert b"bbbload_stand_in 1" in text

    scrape()


@asynctest
async def test_what_the_node_runs_out_of_is_told_in_the_exporters_names():
    ceilings = Ceilings(nic_bps=8e6, idle_cores=3, memory_per_user_bytes=1 << 20)
    settings = replace(SETTINGS, ceilings=ceilings)
    async with local_node(settings) as node, cookieless() as http:
        async with joined_client(http, node):
            async with http.get(node.metrics_url) as response:
                with_user = read(await response.text())

    assert with_user['node_network_speed_bytes{device="media"}'] == 1e6
    assert with_user['node_network_transmit_drop_total{device="media"}'] == 0
    assert with_user['node_cpu_seconds_total{cpu="3",mode="idle"}'] > 0
    assert with_user["bbbload_work_units_total"] > 0
    assert node.running.middleware.ordered_memory_bytes == 0
    assert with_user["process_resident_memory_bytes"] > 1 << 20


@asynctest
async def test_beside_idle_cores_a_budget_is_told_as_one_core_of_them():
    settings = replace(SETTINGS, ceilings=Ceilings(idle_cores=3), cpu_budget=0.25)
    async with local_node(settings) as node, cookieless() as http:
        async with http.get(node.metrics_url) as response:
            told = read(await response.text())

    def total(start: str) -> float:
        return sum(value for name, value in told.items() if name.startswith(start))

    own = total('node_cpu_seconds_total{cpu="0"')
    idle = total('node_cpu_seconds_total{cpu="0",mode="idle"')
    # it may have used more by then than its budget gave: then it was never idle
    assert own >= 0.99 * total('node_cpu_seconds_total{cpu="1"')
    assert total("namedprocess_namegroup_cpu") == pytest.approx(own - idle)


def test_cpu_time_is_told_in_cores_of_another_speed():
    use = CpuUse(user_s=0.2, system_s=0.1, idle_s=0.3, wall_s=2.0)

    assert use.in_cores_of(0.3) == CpuUse(
        user_s=pytest.approx(2 / 3),
        system_s=pytest.approx(1 / 3),
        idle_s=pytest.approx(1.0),
        wall_s=2.0,
    )


@asynctest
async def test_a_node_without_memory_lets_nobody_in():
    ceilings = Ceilings(memory_per_user_bytes=1 << 40)
    settings = replace(SETTINGS, ceilings=ceilings)
    async with local_node(settings) as node, cookieless() as http:
        url = f"{node.url}/graphql"
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(url, protocols=("graphql-transport-ws",))

    assert refused.value.status == 503
