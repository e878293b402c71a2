"""This machine's limits, as processes with known limits see them."""

import json
import os
import resource
import socket
import subprocess
import sys
from dataclasses import asdict

from loadtest.machine import PORTS_FILE, free_port, this_machine

TELL = (
    "import json; from dataclasses import asdict; "
    "from loadtest.machine import this_machine; "
    "print(json.dumps(asdict(this_machine())))"
)


def told(*before):
    command = [*before, sys.executable, "-c", TELL]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    return json.loads(done.stdout)


def test_a_process_bound_to_one_core_has_one():
    cores = sorted(os.sched_getaffinity(0))

    assert told("taskset", "--cpu-list", str(cores[0]))["cores"] <= 1.0
    assert 0 < this_machine().cores <= len(cores)


def test_the_descriptors_are_those_of_the_hard_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    fewer = 512 if hard == resource.RLIM_INFINITY else min(512, hard)

    assert told("prlimit", f"--nofile={fewer}:{fewer}")["descriptors"] == fewer


def test_memory_and_ports_are_those_the_kernel_tells():
    machine = this_machine()

    assert machine.memory_bytes is not None
    assert 10e6 < machine.memory_bytes < 1e14
    assert machine.udp_ports is not None
    assert 1 <= machine.udp_ports <= 65_535
    assert all(value is None or value >= 0 for value in asdict(machine).values())


def test_a_free_port_is_none_that_the_kernel_gives_to_whoever_asks():
    lowest, highest = map(int, PORTS_FILE.read_text().split())
    ports = [free_port() for _ in range(20)]

    assert len(set(ports)) > 1
    assert lowest < 20_000 or not any(lowest <= port <= highest for port in ports)
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
