"""What a user gets wrong, at the front door: one sentence with the fix, and no more.

Every row is a command line as it would be typed: its exit code, one sentence that
begins with `bbbload:`, no traceback, no secret, no file half-written.
"""

import asyncio
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.cli import run_command
from tests.integration.test_locust import (
    BBBLOAD,
    ROOT,
    SECRET,
    meetings_on,
    read,
    started,
)
from tests.support.asynctest import asynctest, scaled
from tests.support.node import node_process

EXAMPLE = ROOT / "examples" / "senfcall-2020"
AWAY = "http://127.0.0.1:9/bigbluebutton"
LOADS = ("run", "benchmark")
TARGETS = (*LOADS, "cleanup", "bot")


def bbbload(folder: Path, *arguments: str, **environment: str):
    """Run a command in a folder of its own; return its exit code and its words."""
    done = subprocess.run(
        [*BBBLOAD, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BBB_SECRET": SECRET,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=scaled(60),
    )
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr, done.stdout


@pytest.fixture
def typed(tmp_path, monkeypatch, capfd):
    """Return a function that runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BBB_SECRET", SECRET)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: str) -> tuple[int, str]:
        code = run_command(list(arguments))
        captured = capfd.readouterr()
        assert SECRET not in captured.out + captured.err
        assert "Traceback" not in captured.err
        return code, captured.err

    return run


def sentence(said: str) -> str:
    """Return the one sentence that says what is wrong."""
    found = [line for line in said.splitlines() if line.startswith("bbbload: ")]
    assert len(found) == 1, said
    return found[0]


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"config", "state"}


@pytest.mark.parametrize("command", TARGETS)
@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("http://host.invalid/bigbluebutton", 8, "host.invalid"),
        (AWAY, 8, "cannot be reached"),
        ("http://127.0.0.1:9/", 2, "does not end in /bigbluebutton"),
        ("http://192.0.2.5/bigbluebutton", 7, "is not on the allow-list"),
        ("nobody", 2, "no server is named 'nobody'"),
    ],
)
def test_a_target_that_cannot_be(command, target, code, words, tmp_path, typed):
    allowed = ["--allow-host", "host.invalid"] if "invalid" in target else []

    found, said = typed(command, target, *allowed)

    assert (found, words in sentence(said)) == (code, True), said
    assert files_in(tmp_path) == set()


@asynctest
async def test_a_server_that_answers_html_and_one_that_refuses_our_secret(tmp_path):
    async with (
        node_process("--fault", "html", secret=SECRET) as html,
        node_process(secret="another-secret-entirely") as other,
    ):
        wrong = [(html, command, "HTML") for command in TARGETS]
        wrong += [(other, command, "the secret is wrong") for command in ("run", "bot")]
        for node, command, words in wrong:
            code, said, _ = await asyncio.to_thread(
                bbbload, tmp_path, command, f"{node.url}/bigbluebutton"
            )
            assert (code, words in sentence(said)) == (8, True), (command, said)
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", AWAY, "--duration", "soon"], "'soon' is no duration"),
        (["run", AWAY, "--duration", "-5s"], "'-5s' is no duration"),
        (["run", AWAY, "--until", "noon"], "'noon' is no time of day"),
        (["run", AWAY, "--max-rate", "100kbit"], "are more than --max-rate 100kbit"),
        (["run", AWAY, "--size", "5000"], "this machine is too small"),
        (["run", AWAY, "--duration", "nan"], "'nan' is no duration"),
        (["run", AWAY, "--meetings", "many"], "'many' is not a valid integer"),
        (["run", AWAY, "--size", "0"], "meeting size 0 is below 1"),
        (["run", AWAY, "--join-rate", "nan"], "'nan' is no number"),
        (["run", AWAY, "--join-rate", "inf"], "not in the range"),
        (["run", AWAY, "--slo", "node_cpu_max=nan"], "is out of range"),
        (["run", AWAY, "--node-metrics", "there"], "is no address of a source"),
        (["run", AWAY, "--secret-file", "none"], "the secret file none does not exist"),
        (["run", AWAY, "-o", "no/x.jsonl"], "no/x.jsonl cannot be written (no such"),
        (["run", AWAY, "-o", "."], "'.' is a directory"),
        (["run", AWAY, "-o", "/dev/full"], "/dev/full is no regular file"),
        (["run"], "missing argument '[SCENARIO.toml] NAME|URL' (see `bbbload run"),
        (["run", AWAY, "--nonsense"], "no such option '--nonsense'"),
        (["benchmark", AWAY, "-o", "no/c.json"], "no/c.json cannot be written"),
        (["benchmark", AWAY, "-o", "-", "--log", "-"], "are both -"),
        (["benchmark", AWAY, "--log", "no/x"], "no/x cannot be written"),
        (["benchmark", AWAY, "--step-duration", "0.5"], "too short to judge"),
        (["benchmark", AWAY, "--profile", "none"], "no meeting profile 'none'"),
        (["node", "--cpu-budget", "nan"], "'nan' is no number"),
        (["node", "--work-factor", "nan"], "'nan' is no number"),
        (["node", "--port", "70000"], "not in the range"),
        (["node", "--fault", "joy"], "unknown fault 'joy'"),
        (["node", "--secret-file", "no/secret"], "no/secret"),
        (["servers", "add", "x", "http://a"], "is not -"),
        (["servers", "add", "x", "-"], "no output of `bbb-conf --secret`"),
        (["servers", "add", "x"], "and one that begins with Secret; run it as root"),
        (["report", "none.json"], "none.json cannot be read"),
        (["report", "."], ". cannot be read (is a directory)"),
        (["report", "/dev/null"], "/dev/null is "),
        (["nonsense"], "no such command 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_on_the_command_line(arguments, words, tmp_path, typed):
    code, said = typed(*arguments)

    assert (code, words in sentence(said)) == (2, True), said
    assert files_in(tmp_path) == set()


HEAD = "time,participants\n"
PRICE = "price = 34.0"


def changed(name: str, *changes: tuple[str, str]) -> str:
    text = (EXAMPLE / name).read_text("utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--history", "", "its first line must be time,participants"),
        ("--history", HEAD, "holds no sample"),
        ("--history", HEAD + "yesterday,5\n", "line 2"),
        ("--history", HEAD + "2026-11-02T08:00:00+01:00,many\n", "line 2"),
        ("--history", HEAD + "2026-11-02T08:00:00+01:00,-5\n", "line 2"),
        ("--catalog", changed("catalog.toml", (PRICE, "price = -34.0")), "-34.0"),
        ("--catalog", changed("catalog.toml", (PRICE, "price = nan")), "nan"),
        ("--catalog", "types = 3", "types"),
        ("--catalog", "=", "is no TOML"),
        (
            "--budget",
            changed("budget.toml", ("largest_meeting = 80", "largest_meeting = 5000")),
            "a meeting cannot be split over nodes",
        ),
        ("--budget", changed("budget.toml", ("balance = 7", "balance = -7")), "-7000"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_a_mistake_in_a_file_of_the_plan(option, text, words, tmp_path, typed):
    bad = tmp_path / "bad.file"
    bad.write_text(text, "utf-8")
    files = {
        "--history": str(EXAMPLE / "history.csv"),
        "--catalog": str(EXAMPLE / "catalog.toml"),
        "--budget": str(EXAMPLE / "budget.toml"),
    } | {option: str(bad)}
    options = [word for pair in files.items() for word in pair]

    code, said = typed("plan", *options, "-o", "plan.json")

    assert (code, words in sentence(said)) == (2, True), said
    assert files_in(tmp_path) == {"bad.file"}


def test_a_busy_port_is_named_with_the_way_around(typed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        code, said = typed("node", "--port", port)

    assert code == 2
    assert f"port {port} of 127.0.0.1 is in use" in sentence(said)


@asynctest(limit_s=90)
async def test_a_full_disk_ends_the_run_in_order_and_says_so(tmp_path):
    log = tmp_path / "run.jsonl"
    # The kernel refuses every write beyond 200 kB: a full disk for one process tree.
    limited = ["prlimit", "--fsize=200000", *BBBLOAD]
    sizes = ["--size", "12", "--cameras", "6", "--duration", "10m"]
    async with node_process(secret=SECRET) as node:
        target = f"{node.url}/bigbluebutton"
        warm = [*BBBLOAD, "run", target, "--duration", "2s", "-o", str(log)]
        async with started(warm, tmp_path) as command:
            await command.result()
        arguments = [*limited, "run", target, *sizes, "-o", str(log)]
        async with started(arguments, tmp_path) as command:
            code, output = await command.result(70)
        left = await meetings_on(node)

    assert code == 2, output.decode()
    assert "could not be written any more" in sentence(output.decode())
    assert left == 0
    header, records = read(log)
    assert header.stand_in
    assert len(records) > 100


RAN = (0, 3, 5)
"""Exit codes of a run that took place: how fit this machine is decides which."""


@asynctest
async def test_a_log_can_go_down_a_pipe_and_the_reader_may_leave(tmp_path):
    async with node_process(secret=SECRET) as node:
        target = f"{node.url}/bigbluebutton"
        arguments = ["run", target, "--size", "2", "--duration", "2s", "-o", "-"]
        code, said, out = await asyncio.to_thread(bbbload, tmp_path, *arguments)
        lines = out.splitlines()
        assert code in RAN, said
        assert '"kind":"run"' in lines[0]
        assert '"kind":"end"' in lines[-1]

        reading, writing = os.pipe()
        os.close(reading)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtest", *arguments),
            cwd=ROOT,
            env={**os.environ, "BBB_SECRET": SECRET},
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(writing)
        _, words = await process.communicate()
    assert process.returncode in RAN, words.decode()
    assert b"Traceback" not in words
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_an_output_that_takes_nothing_is_no_bug_of_ours(where, tmp_path):
    # Its reader is gone before the first letter is written.
    sinks = {"/dev/full": "> /dev/full", "closed": "> >(exec true)"}
    command = f"{sys.executable} -m loadtest --help {sinks[where]}"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=scaled(60),
    )

    assert "bug of ours" not in done.stderr
    assert "Traceback" not in done.stderr
    if where == "/dev/full":
        assert done.returncode == 2
        assert "the disk is full" in sentence(done.stderr)
    else:
        assert done.returncode == 0
