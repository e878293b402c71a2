"""`bbbload run` as its users meet it: exit codes, one sentence each, results kept."""

import asyncio
import os
import secrets
import signal
from pathlib import Path

import pytest

from bots.models import LeaveReport
from loadtest.cli import run_command
from loadtest.machine import free_port
from loadtest.models import EndRecord
from tests.integration.test_demo import marked
from tests.integration.test_locust import (
    BBBLOAD,
    SECRET,
    assert_secret_is_nowhere,
    assert_whole,
    fetch,
    meetings_on,
    of,
    read,
    started,
)
from tests.support.asynctest import asynctest, eventually
from tests.support.lateness import was_only_late
from tests.support.node import node_process


def run(url, log, *more):
    sizes = ("--meetings", "2", "--size", "2", "--cameras", "1")
    return [*BBBLOAD, "run", f"{url}/bigbluebutton/", *sizes, "-o", str(log), *more]


@asynctest
async def test_a_run_ends_with_0_a_log_and_totals(tmp_path):
    log = tmp_path / "run.jsonl"
    async with node_process(secret=SECRET) as node:
        more = ("--engines", "2", "--decode-every", "1")
        arguments = run(node.url, log, "--duration", "6s", *more)
        async with started(arguments, tmp_path) as command:
            code, output = await command.result()
        left = await meetings_on(node)

    text = output.decode()
    is_late = was_only_late(read(log)[1][-1])
    assert code == (3 if is_late else 0), text
    assert_whole(log)
    assert left == 0
    assert "2 meetings of 2: 4 participants, 6 streams to the server, 6 from it" in text
    assert ("SLO    bbbload-1: not judged" if is_late else ": kept") in text
    assert "says nothing about BBB" in text
    assert_secret_is_nowhere(tmp_path, output)
    deep = [r for r in read(log)[1] if getattr(r, "depth", "") == "decode"]
    decoded = [s for s in deep if (s.media, s.direction) == ("camera", "in")]
    assert sum(s.decoded_frames for s in decoded) > 30
    # the headers' count of whole frames is what the decoder made of them
    assert sum(s.decoded_frames for s in decoded) == sum(s.frames for s in decoded)


@asynctest
async def test_a_missed_slo_ends_with_5(tmp_path):
    log = tmp_path / "run.jsonl"
    async with node_process(secret=SECRET) as node:
        arguments = run(node.url, log, "--duration", "3s")
        arguments += ["--slo", "node_cpu_max=0.0001"]
        async with started(arguments, tmp_path) as command:
            code, output = await command.result()

    assert b"bbbload-1 changed: missed by cpu" in output
    # Whether this machine was fit to judge is not ours to say: then it ends with 3.
    assert code == {"valid": 5, "invalid": 3}[read(log)[1][-1].validity], output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@asynctest
async def test_an_interrupted_run_ends_its_meetings_and_keeps_its_log(tmp_path, number):
    log, port = tmp_path / "run.jsonl", free_port()
    async with node_process(secret=SECRET) as node:
        arguments = run(node.url, log, "--duration", "10m")
        arguments += ["--metrics-port", str(port)]
        async with started(arguments, tmp_path) as command:

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 4

            async def counted():
                url = f"http://127.0.0.1:{port}/metrics"
                metrics = await asyncio.to_thread(fetch, url)
                return 'bbbload_joins_total{outcome="joined"} 4.0' in metrics

            await eventually(joined)
            await eventually(counted)
            command.process.send_signal(number)
            code, output = await command.result()
        left = await meetings_on(node)

    _, records = read(log)
    assert code == 130, output.decode()
    assert left == 0
    assert len(of(LeaveReport, records)) == 4
    assert isinstance(records[-1], EndRecord)
    assert records[-1].validity == "interrupted"


@asynctest
async def test_a_second_ctrl_c_waits_for_nobody_and_the_engine_still_cleans_up(
    tmp_path,
):
    log = tmp_path / "run.jsonl"
    async with node_process(secret=SECRET) as node:
        arguments = run(node.url, log, "--duration", "10m")
        async with started(arguments, tmp_path) as command:

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 4

            await eventually(joined)
            (engine,) = engines_below(command.process.pid)
            os.kill(engine, signal.SIGSTOP)  # nobody can leave: draining takes for ever
            try:
                command.process.send_signal(signal.SIGINT)
                await asyncio.sleep(1.0)
                was_draining = command.process.returncode is None
                command.process.send_signal(signal.SIGINT)
                code, output = await command.result(20)
            finally:
                os.kill(engine, signal.SIGCONT)

        async def is_empty():
            return await meetings_on(node) == 0

        await eventually(is_empty)

    assert was_draining
    assert code == 130, output.decode()
    assert read(log)[0].run


@asynctest(limit_s=90)
async def test_after_sigkill_of_everything_the_next_command_ends_what_was_left(
    tmp_path,
):
    log, mark = tmp_path / "run.jsonl", secrets.token_hex(8)
    async with node_process(secret=SECRET) as node:
        arguments = run(node.url, log, "--duration", "10m", "--processes", "2")
        async with started(arguments, tmp_path, BBBLOAD_TEST_MARK=mark) as command:

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 4

            await eventually(joined, limit_s=40)
            running = marked(mark)
            lines = b" ".join(command_line(pid) for pid in running)
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            await command.result()
        killed = read(log)[0].run
        assert await meetings_on(node) == 2

        async with started(run(node.url, log, "--duration", "3s"), tmp_path) as again:
            code, output = await again.result()
        left = await meetings_on(node)

    # bbbload, Locust's master and two workers, an engine beside each.
    assert len(running) >= 6
    assert SECRET.encode() not in lines
    assert code in (0, 3, 5), output.decode()
    assert left == 0
    assert read(log)[0].run != killed
    ledger = (tmp_path / "state/bbbload/ledger.jsonl").read_text()
    assert ledger.count(f'"event":"end","run":"{killed}"') == 1


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@asynctest
async def test_a_server_that_changes_our_parameters_is_not_loaded(tmp_path):
    log = tmp_path / "run.jsonl"
    async with node_process("--fault", "override=record:true", secret=SECRET) as node:
        async with started(run(node.url, log), tmp_path) as command:
            code, output = await command.result()
        left = await meetings_on(node)

    assert code == 8, output.decode()
    assert b"changed record of our meeting from 'false' to 'true'" in output
    assert left == 0
    assert not log.exists()


@asynctest
async def test_a_killed_engine_ends_the_run_as_invalid_and_the_next_cleans_up(tmp_path):
    log = tmp_path / "run.jsonl"
    async with node_process(secret=SECRET) as node:
        arguments = run(node.url, log, "--duration", "10m")
        async with started(arguments, tmp_path) as command:

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 4

            await eventually(joined)
            (engine,) = engines_below(command.process.pid)
            os.kill(engine, signal.SIGKILL)
            code, output = await command.result()
        assert await meetings_on(node) == 2
        cleaning = [*BBBLOAD, "cleanup", f"{node.url}/bigbluebutton"]
        async with started(cleaning, tmp_path) as cleanup:
            cleaned, words = await cleanup.result()
        left = await meetings_on(node)

    end = read(log)[1][-1]
    assert code == 3, output.decode()
    assert end.validity == "invalid"
    assert "4 participants were lost with it" in end.reasons[0]
    assert (cleaned, left) == (0, 0), words.decode()


def engines_below(pid):
    """Return the bot engines among the descendants of a process."""
    parents, engines = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        child = int(folder.name)
        parents[child] = int(stat.rpartition(")")[2].split()[1])
        if b"bots.engine" in command:
            engines.append(child)
    found = []
    for engine in engines:
        ancestor = engine
        while ancestor in parents and ancestor != pid:
            ancestor = parents[ancestor]
        if ancestor == pid:
            found.append(engine)
    return found


@pytest.mark.parametrize(
    ("target", "code", "sentence"),
    [
        ("http://127.0.0.1:9/bigbluebutton", 8, "127.0.0.1:9"),
        ("http://192.0.2.5/bigbluebutton", 7, "not on the allow-list"),
        ("http://127.0.0.1:9/", 2, "/bigbluebutton"),
        ("nowhere", 2, "no server is named 'nowhere'"),
    ],
)
def test_a_target_that_cannot_be_is_one_sentence_and_nothing_half_written(
    target, code, sentence, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("BBB_SECRET", SECRET)
    log = tmp_path / "run.jsonl"
    log.write_text("an older run\n")

    assert run_command(["run", target, "-o", str(log)]) == code

    said = [x for x in capfd.readouterr().err.splitlines() if x.startswith("bbbload:")]
    assert len(said) == 1
    assert sentence in said[0]
    assert SECRET not in said[0]
    assert log.read_text() == "an older run\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--duration", "soon"], "'soon' is no duration"),
        (["--cameras", "9"], "9 cameras do not fit into a meeting of 5"),
        (["--meetings", "0"], "--meetings is 1 or more"),
        (["--slo", "joy=1"], "names no bound"),
        (["--slo", "dropped_max=few"], "has no number"),
    ],
)
def test_a_mistake_in_the_options_is_named_before_anything_starts(
    options, sentence, capfd
):
    code = run_command(["run", "http://127.0.0.1:9/bigbluebutton", *options])

    assert code == 2
    assert sentence in capfd.readouterr().err


def test_a_run_above_a_cap_is_refused_with_the_option_that_raises_it(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("BBB_SECRET", SECRET)
    options = ["--meetings", "3", "--max-participants", "10"]
    options += ["-o", str(tmp_path / "run.jsonl")]

    assert run_command(["run", "http://127.0.0.1:9/bigbluebutton", *options]) == 7
    assert "--max-participants" in capfd.readouterr().err
