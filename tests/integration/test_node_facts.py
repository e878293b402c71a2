"""What a real node_exporter says of its machine arrives as facts."""

import asyncio
import platform

import pytest

from bots.errors import TargetUnusable
from loadtest.machine import free_port
from loadtest.nodes import fetch_metrics, read_facts
from tests.support.asynctest import asynctest, eventually
from tests.support.needs import find_program


@pytest.mark.prometheus
@asynctest
async def test_a_real_node_exporter_tells_kernel_memory_and_packages(tmp_path):
    port = free_port()
    (tmp_path / "bbbload.prom").write_text(
        'bbbload_fact{name="package bbb-html5",value="1:3.0.19"} 1\n'
    )
    program = find_program("prometheus-node-exporter")
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        f"--web.listen-address=127.0.0.1:{port}",
        f"--collector.textfile.directory={tmp_path}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:

        async def answer():
            try:
                return await asyncio.to_thread(
                    fetch_metrics, f"http://127.0.0.1:{port}/metrics"
                )
            except TargetUnusable:
                return ""

        facts = dict(read_facts(await eventually(answer)))
    finally:
        process.terminate()
        await process.wait()

    assert facts["kernel"] == platform.release()
    assert facts["memory"].endswith(" GiB")
    assert facts["package bbb-html5"] == "1:3.0.19"
