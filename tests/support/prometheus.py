"""A real Prometheus: with blocks that promtool made, or scraping what we serve."""

import asyncio
import contextlib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from loadtest.machine import free_port
from tests.support.needs import find_program

READY_TIMEOUT_S = 60.0


def write_openmetrics(
    path: Path, families: Iterable[tuple[str, str, Iterable[tuple[str, int, float]]]]
) -> None:
    """Write (name, type, samples of (labels, Unix time, value)) as OpenMetrics."""
    with path.open("w", encoding="utf-8") as file:
        for name, kind, samples in families:
            file.write(f"# TYPE {name} {kind}\n")
            suffix = "_total" if kind == "counter" else ""
            for labels, time_s, value in samples:
                file.write(f"{name}{suffix}{{{labels}}} {value:.15g} {time_s}\n")
        file.write("# EOF\n")


@contextlib.contextmanager
def prometheus(folder: Path, metrics: Path) -> Iterator[str]:
    """Run Prometheus over the samples in `metrics`; yield its address."""
    promtool = find_program("promtool")
    assert promtool is not None
    data = folder / "data"
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "--max-block-duration=720h",
         "--quiet", "openmetrics", str(metrics), str(data)],
        check=True,
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    with _running(folder, "scrape_configs: []\n", data) as address:
        yield address


@contextlib.asynccontextmanager
async def scraping(folder: Path, *targets: str) -> AsyncIterator[str]:
    """Run Prometheus that scrapes each HOST:PORT each second; yield its address."""
    configuration = (
        "scrape_configs:\n"
        "  - job_name: test\n"
        "    scrape_interval: 1s\n"
        f"    static_configs: [{{targets: {list(targets)}}}]\n"
    )
    with contextlib.ExitStack() as stack:
        server = _running(folder, configuration, folder / "prometheus-data")
        yield await asyncio.to_thread(stack.enter_context, server)


@contextlib.contextmanager
def _running(folder: Path, configuration: str, data: Path) -> Iterator[str]:
    server = find_program("prometheus")
    assert server is not None
    (folder / "prometheus.yml").write_text(configuration)
    port = free_port()
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [server, f"--config.file={folder / 'prometheus.yml'}",
             f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=10y",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < ends:
        assert process.poll() is None, "prometheus ended at once"
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            with urllib.request.urlopen(f"{address}/-/ready", timeout=5):
                return
        time.sleep(0.05)
    raise TimeoutError("prometheus was not ready in time")
