"""Real Locust, real engines, real media, against a real stand-in node process.

Whatever way a run is started, it gives the participants asked for, ends with 0, leaves
no meeting behind, and shows the secret nowhere; against a host off the allow-list it
sends nothing at all.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from bots.models import JoinReport, LeaveReport, StreamReport
from loadtest.codec import open_run
from loadtest.machine import free_port
from loadtest.models import EndRecord, NodeSample, StepRecord
from tests.support.asynctest import asynctest, eventually, scaled
from tests.support.lateness import was_only_late
from tests.support.node import node_process

SECRET = "nobody-may-ever-see-this-4711"
LOCUST = [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py"]
BBBLOAD = [sys.executable, "-m", "loadtest"]
ROOT = Path(__file__).parents[2]


class Started:
    """A process of a test, its output collected."""

    def __init__(self, process, reading):
        self.process = process
        self._reading = reading

    async def result(self, limit_s=80.0):
        async with asyncio.timeout(scaled(limit_s)):
            output = await self._reading
            return await self.process.wait(), output


@contextlib.asynccontextmanager
async def started(arguments, folder, **environment):
    """Start a process with folders of its own for configuration and state."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=ROOT,
        env={
            **os.environ,
            "BBB_SECRET": SECRET,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    reading = asyncio.ensure_future(process.stdout.read())
    try:
        yield Started(process, reading)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(scaled(20)):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()


RUN_TIMES_S = (6, 20, 40)
"""Tried in turn: Locust's time runs while the engines get ready, too."""
JUDGED_S = 4.0
"""What is left of it then must hold the ramp and seconds that are judged."""


def locust(node_url, log, *more, run_s=RUN_TIMES_S[0]):
    return [
        *LOCUST,
        *("--host", f"{node_url}/bigbluebutton/", "--headless", "--only-summary"),
        *("-u", "4", "-r", "4", "-t", f"{run_s}s"),
        *("--meeting-size", "2", "--cameras", "1", "--run-log", str(log)),
        *more,
    ]


def had_time(log, run_s):
    """Return whether the engines were ready well before a run's time was over."""
    steps = of(StepRecord, read(log)[1]) if log.exists() else []
    return bool(steps) and steps[0].elapsed_s <= run_s - JUDGED_S


def read(log):
    with open_run(log) as run:
        return run.header, list(run)


def of(kind, records):
    return [record for record in records if isinstance(record, kind)]


async def meetings_on(node):
    text = await asyncio.to_thread(fetch, node.metrics_url)
    lines = text.splitlines()
    return float(next(x for x in lines if x.startswith("bbb_meetings ")).split()[1])


def fetch(url, data=None):
    with urllib.request.urlopen(url, data=data, timeout=scaled(30)) as answer:
        return answer.read().decode()


def assert_secret_is_nowhere(folder, *outputs):
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = [*outputs, *(path.read_bytes() for path in files)]
    assert files
    assert all(SECRET.encode() not in text for text in texts)
    assert all(b"sessionToken=" not in text for text in texts)
    assert all(b"checksum=" not in text for text in texts)


def assert_whole(log, participants=4, meetings=2):
    """Check that a log holds a run of so many participants, all joined and left."""
    header, records = read(log)
    joins = of(JoinReport, records)
    assert header.stand_in
    assert [join.outcome for join in joins] == ["joined"] * participants
    assert {join.participant for join in joins} == set(range(participants))
    assert {join.meeting for join in joins} == set(range(meetings))
    assert [leave.outcome for leave in of(LeaveReport, records)] == [
        "left"
    ] * participants
    assert of(StepRecord, records)[0].participants == participants
    assert isinstance(records[-1], EndRecord)
    assert records[-1].validity == "valid" or was_only_late(records[-1])
    return header, records


@asynctest(limit_s=160)
async def test_plain_locust_headless_gives_a_whole_run_and_hides_the_secret(tmp_path):
    html = ("--html", str(tmp_path / "r.html"))
    async with node_process(secret=SECRET) as node:
        for run_s in RUN_TIMES_S:
            log = tmp_path / f"run-{run_s}.jsonl"
            arguments = locust(node.url, log, *html, run_s=run_s)
            async with started(arguments, tmp_path) as run:
                code, output = await run.result()
            if had_time(log, run_s):
                break
        left = await meetings_on(node)

    _, records = assert_whole(log)
    assert code == (3 if was_only_late(read(log)[1][-1]) else 0), output.decode()
    assert left == 0
    assert b"first packet" in output
    assert b"first frame" in output
    assert b"audio in jitter" in output
    heard = of(StreamReport, records)
    assert {(s.direction, s.media) for s in heard} == {
        ("in", "audio"),
        ("out", "audio"),
        ("in", "camera"),
        ("out", "camera"),
    }
    assert of(NodeSample, records)
    ledger = (tmp_path / "state/bbbload/ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in ledger[-2:]] == ["begin", "end"]
    assert json.loads(ledger[-1])["peak_participants"] == 4
    assert_secret_is_nowhere(tmp_path, output)


@asynctest(limit_s=160)
async def test_two_worker_processes_share_the_participants(tmp_path):
    async with node_process(secret=SECRET) as node:
        for run_s in RUN_TIMES_S:
            log, port = tmp_path / f"run-{run_s}.jsonl", str(free_port())
            ports = ("--master-bind-port", port, "--master-port", port)
            more = ("--processes", "2", *ports)
            arguments = locust(node.url, log, *more, run_s=run_s)
            async with started(arguments, tmp_path) as run:
                code, output = await run.result()
            if had_time(log, run_s):
                break
        left = await meetings_on(node)

    header, records = assert_whole(log)
    assert code == (3 if was_only_late(read(log)[1][-1]) else 0), output.decode()
    assert header.engines == 2
    assert {join.engine for join in of(JoinReport, records)} == {0, 1}
    assert left == 0


@asynctest(limit_s=160)
async def test_a_master_and_two_workers_share_the_participants(tmp_path):
    async with node_process(secret=SECRET) as node:
        for run_s in RUN_TIMES_S:
            log, port = tmp_path / f"run-{run_s}.jsonl", str(free_port())
            worker = [*LOCUST, "--worker", "--master-port", port]
            more = ("--master", "--expect-workers", "2", "--master-bind-port", port)
            async with (
                started(locust(node.url, log, *more, run_s=run_s), tmp_path) as run,
                started(worker, tmp_path) as first,
                started(worker, tmp_path) as second,
            ):
                code, output = await run.result()
                codes = [(await other.result())[0] for other in (first, second)]
            if had_time(log, run_s):
                break
        left = await meetings_on(node)

    _, records = assert_whole(log)
    assert code == (3 if was_only_late(records[-1]) else 0), output.decode()
    assert codes == [0, 0]
    assert left == 0


@asynctest
async def test_the_web_ui_opens_on_loopback_and_starts_and_stops_a_run(tmp_path):
    log, port = tmp_path / "run.jsonl", free_port()
    async with node_process(secret=SECRET) as node:
        arguments = [*LOCUST, "--host", f"{node.url}/bigbluebutton/"]
        arguments += ["--web-port", str(port), "--run-log", str(log)]
        async with started(arguments, tmp_path) as run:
            url = f"http://127.0.0.1:{port}"

            async def page():
                try:
                    return await asyncio.to_thread(fetch, url)
                except OSError:
                    return ""

            assert "meeting_size" in await eventually(page)
            form = {
                "user_count": 2,
                "spawn_rate": 2,
                "host": f"{node.url}/bigbluebutton",
            }
            form |= {"meeting_size": 2, "cameras": 0}
            body = urllib.parse.urlencode(form).encode()
            answer = json.loads(await asyncio.to_thread(fetch, f"{url}/swarm", body))
            assert answer["success"]

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 2

            await eventually(joined)
            await asyncio.to_thread(fetch, f"{url}/stop", b"")
            await eventually(lambda: '"kind":"end"' in log.read_text())
            left = await meetings_on(node)
            listening = sockets_of(port)
            run.process.send_signal(signal.SIGTERM)
            await run.result()

    assert left == 0
    assert listening == {"0100007F"}


def sockets_of(port):
    """Return the addresses (hex, as the kernel writes them) listening on a port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    lines += Path("/proc/net/tcp6").read_text().splitlines()[1:]
    words = [line.split() for line in lines]
    wanted = f"{port:04X}"
    return {
        fields[1].split(":")[0]
        for fields in words
        if fields[3] == "0A" and fields[1].split(":")[1] == wanted
    }


@asynctest
async def test_plain_locust_sends_nothing_to_a_host_off_the_list(tmp_path):
    """The host is a name that leads to a listener here: any packet would be seen."""
    addresses = [a for a in own_addresses() if not a.startswith("127.")]
    with socket.create_server(("", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        host = addresses[0] if addresses else socket.gethostname()
        arguments = locust(f"http://{host}:{port}", tmp_path / "run.jsonl")
        async with started(arguments, tmp_path) as run:
            code, output = await run.result()

        was_reached = has_visitor(listener)
        with socket.create_connection((host, port)):
            assert has_visitor(listener), "this listener would not see a packet"

    assert not was_reached
    assert code == 7, output.decode()
    assert b"not on the allow-list" in output
    # an engine that was never told to begin is none that was lost
    assert b"bot engine ended" not in output
    assert not (tmp_path / "run.jsonl").exists()


def has_visitor(listener):
    """Say whether anything has connected to a non-blocking listener."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def own_addresses():
    return sorted(
        {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    )


@asynctest
async def test_a_web_form_cannot_allow_a_host(tmp_path):
    port = free_port()
    with socket.create_server(("", 0)) as listener:
        listener.setblocking(False)
        host = f"{socket.gethostname()}:{listener.getsockname()[1]}"
        arguments = [*LOCUST, "--web-port", str(port)]
        arguments += ["--run-log", str(tmp_path / "run.jsonl")]
        async with started(arguments, tmp_path) as run:
            url = f"http://127.0.0.1:{port}"

            async def is_up():
                try:
                    return await asyncio.to_thread(fetch, url)
                except OSError:
                    return ""

            await eventually(is_up)
            form = {
                "user_count": 1,
                "spawn_rate": 1,
                "host": f"http://{host}/bigbluebutton",
            }
            form |= {"allow_host": socket.gethostname(), "beside_real_meetings": "true"}
            body = urllib.parse.urlencode(form).encode()
            await asyncio.to_thread(fetch, f"{url}/swarm", body)

            async def is_stopped():
                text = await asyncio.to_thread(fetch, f"{url}/stats/requests")
                return json.loads(text)["state"] == "stopped"

            await eventually(is_stopped)
            run.process.send_signal(signal.SIGTERM)
            _, output = await run.result()
        was_reached = has_visitor(listener)

    assert not was_reached
    assert b"not on the allow-list" in output


@asynctest
async def test_a_killed_worker_is_noticed_and_its_participants_are_ours_to_blame(
    tmp_path,
):
    log, port = tmp_path / "run.jsonl", str(free_port())
    worker = [*LOCUST, "--worker", "--master-port", port]
    async with node_process(secret=SECRET) as node:
        more = ("--master", "--expect-workers", "2", "--master-bind-port", port)
        master = locust(node.url, log, *more, run_s=600)
        async with (
            started(master, tmp_path) as run,
            started(worker, tmp_path) as first,
            started(worker, tmp_path),
        ):

            def joined():
                return log.exists() and log.read_text().count('"outcome":"joined"') >= 4

            await eventually(joined)
            first.process.kill()
            await eventually(lambda: "engine lost" in log.read_text())
            run.process.send_signal(signal.SIGTERM)
            code, output = await run.result()

        await eventually(lambda: is_empty(node))

    _, records = read(log)
    lost = [x for x in of(LeaveReport, records) if x.code == "engine lost"]
    assert len(lost) == 2
    assert {leave.outcome for leave in lost} == {"withdrawn"}
    assert code == 130, output.decode()
    assert any("died" in reason for reason in records[-1].reasons)


async def is_empty(node):
    return await meetings_on(node) == 0
