"""A real Prometheus with blocks that promtool made of our samples."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

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
                file.write(f"{name}{suffix}{{{labels}}} {value:g} {time_s}\n")
        file.write("# EOF\n")


@contextlib.contextmanager
def prometheus(folder: Path, metrics: Path) -> Iterator[str]:
    """Run Prometheus over the samples in `metrics`; yield its address."""
    promtool, server = find_program("promtool"), find_program("prometheus")
    assert promtool is not None
    assert server is not None
    data = folder / "data"
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "--max-block-duration=720h",
         "--quiet", "openmetrics", str(metrics), str(data)],
        check=True,
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("w") as log:
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
