"""Put another version of a stand-in node on a port: what a user's `switch` does.

    python -m tests.support.switch_node FOLDER PORT VERSION

stops the node that FOLDER/node.pid names and starts one with the options in
FOLDER/VERSION.options (a word a line). Where FOLDER/drift says by how much the machine
slows in a second, and since when, the node's work factor has grown by that.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from loadtest.machine import free_port
from tests.support.asynctest import scaled

POLL_S = 0.05


def switch(folder: Path, port: int, version: str) -> None:
    stop(folder)
    options = drifted(folder, (folder / f"{version}.options").read_text().split("\n"))
    out = folder / "node.out"
    with out.open("w") as file, (folder / "node.err").open("a") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "loadtest", "node", "--port", str(port)),
                *("--fault", f"bbb-version={version}"),
                *(word for word in options if word),
            ],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=errors,
            start_new_session=True,
        )
    (folder / "node.pid").write_text(str(process.pid))
    until_s = time.monotonic() + scaled(30)
    while time.monotonic() < until_s and process.poll() is None:
        line = out.read_text().partition("\n")
        if line[1] and json.loads(line[0])["pid"] == process.pid:
            return
        time.sleep(POLL_S)
    raise SystemExit("the node did not start: " + (folder / "node.err").read_text())


def drifted(folder: Path, options: list[str]) -> list[str]:
    """Return a node's options with the work factor of this moment."""
    drift = folder / "drift"
    if not drift.exists() or "--work-factor" not in options:
        return options
    since_s, per_s = map(float, drift.read_text().split())
    place = options.index("--work-factor") + 1
    factor = float(options[place]) * (1 + per_s * (time.monotonic() - since_s))
    return [*options[:place], f"{factor:.4f}", *options[place + 1 :]]


def stop(folder: Path) -> None:
    pid_file = folder / "node.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    pid_file.unlink()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until_s = time.monotonic() + scaled(10)
    while is_alive(pid):
        if time.monotonic() > until_s:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that is over but not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


@contextlib.contextmanager
def switchable(
    folder: Path, versions: dict[str, tuple[str, ...]], *, drift_per_s: float = 0.0
) -> Iterator[tuple[str, str]]:
    """Yield (target, switch command) of a node that does not run yet.

    `versions` gives the node's options for each version; its work factor grows by
    `drift_per_s` of itself a second, from now on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if drift_per_s:
        (folder / "drift").write_text(f"{time.monotonic()} {drift_per_s}")
    for version, options in versions.items():
        (folder / f"{version}.options").write_text("\n".join(options))
    port = free_port()
    command = f"{sys.executable} -m tests.support.switch_node {folder} {port}"
    try:
        yield f"http://127.0.0.1:{port}/bigbluebutton/", command
    finally:
        stop(folder)


if __name__ == "__main__":
    switch(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
