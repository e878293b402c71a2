import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.asynctest import scaled

PROGRAM = [sys.executable, "-c", "from loadtest.cli import main; main()", "node"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "BBB_SECRET"} | environment
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if k != "BBB_SECRET"} | environment
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_busy_port_is_one_sentence_and_exit_2():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]

        result = run("--port", str(port), BBB_SECRET="s3cret")

    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert f"port {port} of 127.0.0.1 is in use" in line
    assert "--port" in line
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fault", "slow-akc=1"], "unknown fault 'slow-akc=1'"),
        (["--fault", "nonsense"], "unknown fault 'nonsense'"),
        (["--cpu-budget", "0"], "--cpu-budget"),
        (["--bbb-version", "2.7.3"], "the node plays no BBB '2.7.3'"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--secret-file", "/no/such/folder/secret"], "cannot write secret file"),
    ],
)
def test_bad_input_is_explained_with_exit_2(arguments, told):
    result = run(*arguments)

    assert result.returncode == 2
    assert told.split("=")[0] in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_writes_a_private_secret_says_what_it_is_and_stops_cleanly(number):
    process = start()
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        secret_file = Path(ready["secret_file"])
        mode = stat.S_IMODE(secret_file.stat().st_mode)
        secret = secret_file.read_text().strip()
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=scaled(20))

    assert process.returncode == 0
    assert ready["pid"] == process.pid
    assert ready["metrics_url"] == f"{ready['url']}/metrics"
    assert mode == 0o600
    assert len(secret) >= 32
    assert secret not in out + err + command + json.dumps(ready)
    assert str(secret_file) in err
    assert ready["api_url"] in err
    assert "its capacity says nothing about BigBlueButton's" in err
    assert not secret_file.exists()
    assert not secret_file.parent.exists()


def test_a_secret_file_of_its_own_is_kept_and_used_again(tmp_path):
    path = tmp_path / "secret"
    for _ in range(2):
        process = start("--secret-file", str(path))
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.terminate()
        process.communicate(timeout=scaled(20))
        assert ready["secret_file"] == str(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3cret")
    path.chmod(0o644)

    result = run("--secret-file", str(path))

    assert result.returncode == 2
    assert "chmod 600" in result.stderr
    assert "s3cret" not in result.stderr


def test_a_secret_from_the_environment_is_named_but_not_shown():
    process = start(BBB_SECRET="s3cret-from-outside")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    process.terminate()
    _, err = process.communicate(timeout=scaled(20))

    assert ready["secret_file"] is None
    assert "from BBB_SECRET" in err
    assert "s3cret" not in err + json.dumps(ready)


def test_help_ends_with_an_example_and_states_defaults():
    result = run("--help")

    assert result.returncode == 0
    assert "bbbload node --port 0 --cpu-budget 0.2" in result.stdout
    for option in ("--cpu-budget", "--work-factor", "--max-connections", "--fault"):
        assert option in result.stdout
