"""Real exporters, a Prometheus that scrapes them and an sshd of our own, on loopback.

The sshd has its own keys and configuration, in a folder of the test; the machine's own
is never touched.
"""

import contextlib
import getpass
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from loadtest.machine import free_port
from tests.support.asynctest import scaled
from tests.support.needs import find_program

READY_S = 30.0


@contextlib.contextmanager
def running(log: Path, port: int, *command: str) -> Iterator[int]:
    """Run a program until the block ends; wait until its port answers."""
    program = find_program(command[0])
    assert program is not None, command[0]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [program, *command[1:]], stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        ends_s = time.monotonic() + scaled(READY_S)
        while True:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            assert time.monotonic() < ends_s, f"{command[0]} did not listen in time"
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """Run Debian's node_exporter; yield `host:port`."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    listen = f"--web.listen-address={address}"
    with running(folder / "node.log", port, "prometheus-node-exporter", listen):
        yield address


@contextlib.contextmanager
def process_exporter(folder: Path, pattern: str, name: str) -> Iterator[str]:
    """Run Debian's process-exporter with one group; yield `host:port`."""
    port = free_port()
    config = folder / "process-exporter.yml"
    config.write_text(
        f'process_names:\n  - name: "{name}"\n    cmdline: ["{pattern}"]\n'
    )
    with running(
        folder / "process.log",
        port,
        "prometheus-process-exporter",
        "-config.path",
        str(config),
        f"-web.listen-address=127.0.0.1:{port}",
    ):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def scraping_prometheus(folder: Path, *targets: str) -> Iterator[str]:
    """Run Debian's prometheus, which scrapes the targets every second."""
    port = free_port()
    listed = ", ".join(f'"{target}"' for target in targets)
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: nodes, static_configs: [{{targets: [{listed}]}}]}}\n"
    )
    with running(
        folder / "prometheus.log",
        port,
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ):
        address = f"http://127.0.0.1:{port}"
        ends_s = time.monotonic() + scaled(READY_S)
        while True:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"{address}/-/ready", timeout=5):
                    break
            assert time.monotonic() < ends_s
            time.sleep(0.1)
        yield address


@contextlib.contextmanager
def private_sshd(folder: Path) -> Iterator[str]:
    """Run an sshd with keys of its own; yield the `ssh://` address to ask it by."""
    port = free_port()
    folder.chmod(0o700)
    for key in ("host", "mine"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)],
            check=True,
        )
    server = folder / "sshd_config"
    server.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
        f"PidFile none\nAuthorizedKeysFile {folder / 'mine.pub'}\nStrictModes no\n"
        "UsePAM no\nPasswordAuthentication no\n"
    )
    client = folder / "ssh_config"
    client.write_text(
        f"Host *\n IdentityFile {folder / 'mine'}\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {folder / 'known_hosts'}\n"
        " GlobalKnownHostsFile /dev/null\n"
    )
    public = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with running(folder / "sshd.log", port, "sshd", "-D", "-e", "-f", str(server)):
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}?config={client}"
