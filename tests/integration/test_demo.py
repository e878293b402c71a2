"""`bbbload demo`: the whole chain in one command, and nothing left running behind it.

Shortened: one step per profile on a node that is not slowed. What is proven is the
chain and its files, not a capacity.
"""

import os
import secrets
import signal
from pathlib import Path

import pytest

from loadtest.codec import open_run, read_capacity
from loadtest.models import EndRecord
from planning.codec import decode_plan
from tests.integration.test_locust import BBBLOAD, assert_secret_is_nowhere, started
from tests.support.asynctest import asynctest, eventually

FILES = ("capacity.json", "plan.json", "report.html", "run.jsonl")
SHORT = ("--steps", "1", "--step-duration", "4s", "--work-factor", "0")
LIMIT_S = 160.0


@pytest.mark.slow
@pytest.mark.timeout(300)
@asynctest(limit_s=LIMIT_S)
async def test_the_demo_ends_with_0_its_four_files_and_ten_lines(tmp_path):
    output = tmp_path / "out"
    async with started([*BBBLOAD, "demo", "-o", str(output), *SHORT], tmp_path) as demo:
        code, said = await demo.result(LIMIT_S)

    text = said.decode()
    capacity = read_capacity(output / "capacity.json")
    plan = decode_plan((output / "plan.json").read_text("utf-8"), where="plan.json")
    page = (output / "report.html").read_text("utf-8")
    summary = text[text.index("bbbload demo: done") :].splitlines()
    assert code == 0, text
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert len(summary) == 10, summary
    assert summary[-1].startswith("Open in a browser: ")
    assert str(output / "report.html") in summary[-1]
    with open_run(output / "run.jsonl") as log:
        assert log.header.stand_in
        assert isinstance(list(log)[-1], EndRecord)
    assert capacity.stand_in
    assert len(capacity.profiles) == 3
    assert len(plan.months) == 12
    # The stand-in's measurement is shown, and plans nothing.
    assert {used.origin for used in plan.capacity_used} == {"catalog"}
    assert "talks of 8 (1 camera, 2 microphones, 2 listeners" in text
    assert "SLO bbbload-1" in summary[1]
    assert "says nothing about B" in page
    assert "<svg" in page
    assert_secret_is_nowhere(tmp_path, said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@asynctest(limit_s=90.0)
async def test_an_interrupted_demo_stops_all_it_started_and_ends_with_130(
    tmp_path, number
):
    output, mark = tmp_path / "out", secrets.token_hex(8)
    log = output / "run.jsonl"
    arguments = [*BBBLOAD, "demo", "-o", str(output), "--work-factor", "0"]
    async with started(arguments, tmp_path, BBBLOAD_TEST_MARK=mark) as demo:

        def joined():
            return log.exists() and '"outcome":"joined"' in log.read_text()

        await eventually(joined, limit_s=40)
        running = marked(mark)
        # As a terminal does: the signal goes to the whole foreground group.
        os.killpg(demo.process.pid, number)
        code, said = await demo.result(60)
        await eventually(lambda: not marked(mark), limit_s=15, what="all have ended")

    with open_run(log) as records:
        end = list(records)[-1]
    # The demo, its node, the benchmark, Locust and the bot engine.
    assert len(running) >= 5
    assert code == 130, said.decode()
    assert isinstance(end, EndRecord)
    assert end.validity == "interrupted"
    assert "what was measured is kept" in said.decode()


def marked(mark: str) -> list[int]:
    """Return the processes that inherited our mark, whoever their parent is now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone, or somebody else's
            continue
    return found


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--example", "nowhere"), "nowhere/history.csv is missing"),
        (("-o", "/proc/x"), "cannot write to /proc/x"),
        (("--steps", "9"), "--steps"),
        (("--work-factor", "nan"), "--work-factor"),
    ],
)
@asynctest
async def test_a_demo_that_cannot_be_says_why_before_anything_starts(
    options, sentence, tmp_path
):
    arguments = [*BBBLOAD, "demo", "-o", str(tmp_path / "out"), *options]
    async with started(arguments, tmp_path) as demo:
        code, said = await demo.result()

    assert code == 2, said.decode()
    assert sentence in said.decode()
    assert "Traceback" not in said.decode()
    assert not (tmp_path / "out" / "run.jsonl").exists()
