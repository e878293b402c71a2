"""The shell loop, run by the real sh on the real /proc, and odd answers."""

import os
import socket
import subprocess

import pytest

from bots.errors import ClusterError
from loadtest.watching.procfs import END, ProcReader, shell_loop, told_time_s

ANSWER = """@time 1764000000.250000000
cpu  100 0 50 800 10 0 5 35 20 0
cpu0 50 0 25 400 5 0 2 18 10 0
cpu1 50 0 25 400 5 0 3 17 10 0
MemTotal:        1000 kB
MemAvailable:     400 kB
@devices
    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0
  eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0
@processes
812 (node (x) y) S 1 1 1 0 -1 4 0 0 0 0 150 50 0 0 20 0 11 0 777 1 1
813 (mediasoup-worke) R 1 1 1 0 -1 4 0 0 0 0 300 0 0 0 20 0 11 0 778 1 1
torn line
@services
/proc/812/cgroup:0::/system.slice/bbb-webrtc-sfu.service
/proc/813/cgroup:0::/system.slice/bbb-webrtc-sfu.service
@connections
17
@speeds
-1
1000
@facts
hardware Hetzner vServer
model name	: AMD EPYC Processor
ticks 100
kernel 5.15.0
PRETTY_NAME="Ubuntu 22.04.5 LTS"
"""


def test_an_answer_is_read_in_seconds_bytes_and_names():
    reading = ProcReader().receive(ANSWER.splitlines(), 4.0, None)

    machine = reading.machine
    assert dict(machine.cpu_s)["steal"] == 0.35
    assert sum(dict(machine.cpu_s).values()) == 10.0  # guest time counts once
    assert machine.processors == 2
    assert (machine.memory_total_bytes, machine.memory_used_bytes) == (
        1000 * 1024,
        600 * 1024,
    )
    assert (machine.received_bytes, machine.sent_bytes) == (70, 30)
    assert [(p.name, p.cpu_s) for p in reading.processes.cpu] == [
        ("bbb-webrtc-sfu.service", 2.0),
        ("mediasoup-worke", 3.0),
    ]
    assert reading.connections == 17
    assert dict(reading.facts)["system"] == "Ubuntu 22.04.5 LTS"
    assert dict(reading.facts)["processor"] == "AMD EPYC Processor"
    assert dict(reading.facts)["hardware"] == "Hetzner vServer"
    assert machine.nic_bps == 1e9


def test_short_answers_keep_what_the_last_full_one_said():
    reader = ProcReader()
    reader.receive(ANSWER.splitlines(), 4.0, None)

    short = ANSWER.partition("@services")[0]
    reading = reader.receive(short.splitlines(), 5.0, None)

    assert reading.processes.cpu[0].name == "bbb-webrtc-sfu.service"
    assert reading.connections == 17
    assert reading.machine.nic_bps == 1e9


@pytest.mark.parametrize("answer", ["", "sh: not found", "@time x\n@processes\n"])
def test_what_is_no_answer_is_told(answer):
    with pytest.raises(ClusterError):
        ProcReader().receive(answer.splitlines(), 0.0, None)
    assert told_time_s(answer) is None


def test_the_loop_answers_each_line_counts_connections_and_ends_with_its_input():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        held = [server.accept()[0] for _ in clients]
        done = subprocess.run(
            ["sh", "-c", shell_loop(port)],
            input="now\nall\n",
            capture_output=True,
            text=True,
            timeout=60,
        )
        for connection in (*clients, *held):
            connection.close()

    answers = done.stdout.split(f"{END}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(answers) == 3
    reading = ProcReader().receive(answers[1].splitlines(), 1.0, None)
    assert reading.connections == 3
    assert reading.machine.processors == os.cpu_count()
    pids = {process.key.partition(" ")[0] for process in reading.processes.cpu}
    assert str(os.getpid()) in pids
