"""Real exporters, a real Prometheus and a real sshd tell of a process that works.

One process with a name of BBB's burns CPU; each way of asking must find it, in its
role, as the busiest one of all that work in one thread.
"""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bots.errors import ConfigError, TargetUnusable
from loadtest.watch import open_watches, watch_node
from loadtest.watching import open_source
from tests.support.asynctest import scaled
from tests.support.exporters import (
    node_exporter,
    private_sshd,
    process_exporter,
    scraping_prometheus,
)

NAME = "mediasoup-worker"


@contextlib.contextmanager
def worker(folder: Path):
    """Run a process of that name which uses most of a core.

    Another program that works in one thread is half as near to its end, on two cores.
    """
    program = folder / NAME
    # A copy, since the kernel names a process after the file that it runs.
    shutil.copy(os.path.realpath("/bin/sh"), program)
    spin = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    work = f"while :; do {spin}; sleep 0.01; done"
    process = subprocess.Popen([str(program), "-c", work])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def watched(addresses, until):
    """Watch until `until(samples)`; return the node and the samples."""
    nodes, is_stand_in = open_watches(addresses, "https://elsewhere/")
    assert not is_stand_in
    samples, stopped = [], threading.Event()
    (node,) = nodes

    def record(sample):
        samples.append(sample)
        if until(samples):
            stopped.set()

    ends = threading.Timer(scaled(60), stopped.set)
    ends.start()
    watch_node(node, time.monotonic, record, stopped)
    ends.cancel()
    assert until(samples), samples
    return node, samples


def has_roles(samples):
    return sum("video" in dict(sample.cpu_s) for sample in samples) >= 2


def is_busiest(samples):
    # As Linux cuts the name. Others on this machine may be busier for a while.
    return has_roles(samples) and samples[-1].busiest == NAME[:15]


def said_by(log, words):
    """Return a server's log once it holds these words: it writes in its own time."""
    ends_s = time.monotonic() + scaled(30)
    while words not in (text := log.read_text()):
        assert time.monotonic() < ends_s, text
        time.sleep(0.05)
    return text


@pytest.mark.prometheus
def test_exporters_and_a_prometheus_find_a_worker_in_its_role(tmp_path):
    with (
        worker(tmp_path),
        node_exporter(tmp_path) as machine,
        process_exporter(tmp_path, f"{NAME} -c", NAME) as groups,
        scraping_prometheus(tmp_path, machine, groups) as server,
    ):
        urls = (f"http://{machine}/metrics", f"http://{groups}/metrics")
        node, samples = watched(urls, has_roles)
        scraped = f"prometheus+{server}/?instance=127.0.0.1"
        ends_s = time.monotonic() + scaled(30)
        while True:  # until the server has scraped both for the first time
            with contextlib.suppress(TargetUnusable):
                reading = open_source(scraped).read(time.monotonic)
                if reading.machine and reading.processes:
                    break
            assert time.monotonic() < ends_s
            time.sleep(0.2)
        _, told = watched((scraped,), has_roles)
        with pytest.raises(TargetUnusable, match="no series of instance"):
            open_source(f"prometheus+{server}/?instance=other").read(time.monotonic)
        with pytest.raises(ConfigError, match="CPU of a whole node"):
            open_watches((urls[1],), "https://elsewhere/")

    assert node.watch.node == machine
    for found in (samples, told):
        assert found[-1].busiest == NAME
        assert 0.01 < found[-1].busiest_cores < 2
        assert {"node", "steal", "video"} <= dict(found[-1].cpu_s).keys()
        assert found[-1].cores == os.cpu_count()
        # One clock serves both: the truth is 0, and within the bound.
        assert abs(found[-1].clock_offset_s) <= found[-1].clock_bound_s + 0.001


@pytest.mark.sshd
def test_ssh_finds_a_worker_in_its_role_by_one_connection(tmp_path):
    ssh = tmp_path / "ssh"
    ssh.mkdir()
    with worker(tmp_path), private_sshd(ssh) as address:
        node, samples = watched((address,), is_busiest)
        log = said_by(ssh / "sshd.log", "disconnected by user")
        (ssh / "known_hosts").write_text("")
        with pytest.raises(TargetUnusable, match=r"(?i)host key"):
            open_source(address).read(time.monotonic)

    assert samples[-1].cores == os.cpu_count()
    assert abs(samples[-1].clock_offset_s) <= samples[-1].clock_bound_s + 0.001
    assert dict(node.watch.facts)["kernel"] == os.uname().release
    assert log.count("Accepted publickey") == 1  # one connection for all answers
