"""Who looks on: Locust's web UI in a browser, Prometheus, and the dashboard's queries.

One run serves them all. Prometheus is Debian's; the dashboard's expressions are asked
of it as Grafana would ask them.
"""

import asyncio
import json
import re
import urllib.parse
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from bots.models import StreamReport
from loadtest.machine import free_port
from tests.integration.test_locust import (
    LOCUST,
    SECRET,
    fetch,
    of,
    read,
    started,
)
from tests.support.asynctest import asynctest, eventually
from tests.support.browser import ARGUMENTS
from tests.support.needs import find_program
from tests.support.node import node_process
from tests.support.prometheus import scraping

pytestmark = [pytest.mark.chromium, pytest.mark.prometheus]

DASHBOARD = Path("examples/grafana/dashboard.json")
SILENT_WHEN_ALL_IS_WELL = ("bbbload_refusals_total", "bbbload_media_missing_total")
"""Series that have no sample before something went wrong."""


def expressions():
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@asynctest(limit_s=120)
async def test_a_run_is_seen_in_the_web_ui_in_prometheus_and_on_the_dashboard(tmp_path):
    log, web, metrics = tmp_path / "run.jsonl", free_port(), free_port()
    async with node_process(secret=SECRET) as node:
        arguments = [*LOCUST, "--host", f"{node.url}/bigbluebutton/"]
        arguments += ["--web-port", str(web), "--metrics-port", str(metrics)]
        arguments += ["--run-log", str(log)]
        async with started(arguments, tmp_path) as run:
            url = f"http://127.0.0.1:{web}"

            async def is_up():
                try:
                    return await asyncio.to_thread(fetch, url)
                except OSError:
                    return ""

            await eventually(is_up)
            async with scraping(tmp_path, f"127.0.0.1:{metrics}") as prometheus:
                form = {
                    "user_count": 3,
                    "spawn_rate": 3,
                    "host": f"{node.url}/bigbluebutton",
                    "meeting_size": 3,
                    "cameras": 1,
                }
                body = urllib.parse.urlencode(form).encode()
                await asyncio.to_thread(fetch, f"{url}/swarm", body)
                table = await tab_of(url)
                # It may have scraped last when not all were in.
                await eventually(lambda: counts(prometheus, 3.0))
                answers = {}
                for expression in expressions():
                    answers[expression] = (
                        await eventually(
                            lambda e=expression: ask(prometheus, e), limit_s=30
                        )
                        if not expression_is_silent(expression)
                        else await ask(prometheus, expression)
                    )
            await asyncio.to_thread(fetch, f"{url}/stop", b"")
            await eventually(lambda: '"kind":"end"' in log.read_text())
            await asyncio.to_thread(run.process.terminate)
            await run.result()

    _, records = read(log)
    assert of(StreamReport, records)
    assert re.search(r"1, locust.*3 of 3", table), table
    assert "%" in table
    for expression, found in answers.items():
        assert found is not None, expression
        if not expression_is_silent(expression):
            assert found, expression
    assert answers["sum(bbbload_participants)"] == [3.0]
    assert answers["bbbload_stand_in"] == [1.0]


def expression_is_silent(expression):
    return any(name in expression for name in SILENT_WHEN_ALL_IS_WELL)


async def tab_of(url):
    """Open our tab as a person does and return the text of its table, once filled."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_program("chromium"), args=[*ARGUMENTS]
        )
        page = await browser.new_page()
        await page.goto(url)
        await page.get_by_role("tab", name="Media and nodes").click()
        row = page.locator("table tbody tr").filter(has_text="3 of 3").first
        await row.wait_for(timeout=60_000)
        text = await row.inner_text()
        await browser.close()
        return text.replace("\n", " ")


async def counts(prometheus, participants):
    return await ask(prometheus, "sum(bbbload_participants)") == [participants]


async def ask(prometheus, expression):
    """Return the values of an instant query; None when it is no query."""
    query = expression.replace("$__rate_interval", "10s")
    url = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    answer = json.loads(await asyncio.to_thread(fetch, url))
    if answer["status"] != "success":
        return None
    return [float(one["value"][1]) for one in answer["data"]["result"]]
