"""`bbbload bot` as its user runs it: a process against a real node's process."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bots.cli import bot, summary
from bots.models import (
    JoinReport,
    LeaveReport,
    MilestoneReport,
    PathTaken,
    RefusalReport,
)
from tests.bots.media.test_own_clip import film
from tests.support.asynctest import asynctest
from tests.support.node import SECRET, node_process

PROGRAM = (sys.executable, "-c", "from loadtest.cli import main; main()", "bot")


async def run_bot(
    *arguments: str, secret: str = SECRET, stop_after_line: bool = False
) -> tuple[int | None, list[dict[str, object]], str]:
    """Run the command; return its exit code, its reports and its stderr."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        env={**os.environ, "BBB_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = b""
    if stop_after_line:
        first = await process.stdout.readline()
        process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    reports = [json.loads(line) for line in (first + out).decode().splitlines()]
    assert secret not in (first + out + err).decode()
    return process.returncode, reports, err.decode()


@asynctest
async def test_a_bot_joins_publishes_and_tells_every_frame(tmp_path: Path):
    transcript = tmp_path / "out.json"
    async with node_process() as node:
        code, reports, err = await run_bot(
            f"{node.url}/bigbluebutton/",
            "--persona",
            "camera",
            "--role",
            "moderator",
            "--duration",
            "3s",
            "--transcript",
            str(transcript),
        )

    kinds = [report["kind"] for report in reports]
    assert code == 0
    assert kinds.count("join") == kinds.count("leave") == 1
    assert "joined 127.0.0.1" in err
    assert "first audio after" in err
    document = transcript.read_text()
    frames = json.loads(document)["frames"]
    names = [
        frame["message"].get("payload", {}).get("operationName")
        for frame in frames
        if frame["direction"] == "client->server" and frame["socket"] == "graphql"
    ]
    names = [name for name in names if name]
    sfu = [f["message"].get("id") for f in frames if f["socket"] == "sfu cameras"]
    assert "UserJoin" in names
    assert "CameraBroadcastStart" in names
    assert names[-1] == "UserLeaveMeeting"
    assert sfu[:2] == ["ping", "start"]
    assert "playStart" in sfu
    assert SECRET not in document


@asynctest
async def test_a_wrong_secret_is_one_sentence():
    async with node_process() as node:
        code, reports, err = await run_bot(
            f"{node.url}/bigbluebutton/", secret="not-the-secret"
        )

    assert (code, reports) == (8, [])
    assert "secret" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


@asynctest
async def test_an_unknown_meeting_is_an_outcome_and_exit_code_8():
    async with node_process() as node:
        code, reports, err = await run_bot(
            f"{node.url}/bigbluebutton/", "--meeting", "nowhere"
        )

    assert code == 8
    assert [report["outcome"] for report in reports] == ["refused"]
    assert "not joined" in err


@asynctest
async def test_ctrl_c_leaves_ends_the_meeting_and_keeps_what_was_told(tmp_path: Path):
    transcript = tmp_path / "out.json"
    async with node_process() as node:
        code, reports, _ = await run_bot(
            f"{node.url}/bigbluebutton/",
            "--persona",
            "listener",
            "--duration",
            "1h",
            "--transcript",
            str(transcript),
            stop_after_line=True,
        )

    assert code == 130
    assert reports[-1]["kind"] == "leave"
    assert reports[-1]["outcome"] == "left"
    assert json.loads(transcript.read_text())["frames"]


@asynctest
async def test_personas_and_a_film_of_ones_own_are_played(tmp_path: Path):
    personas = tmp_path / "own.toml"
    personas.write_text('[persona.host]\nlike = "camera"\nrole = "moderator"\n')
    clip = film(tmp_path / "meeting.mp4", seconds=2.5)
    async with node_process() as node:
        code, reports, err = await run_bot(
            f"{node.url}/bigbluebutton/",
            *("--personas", str(personas), "--persona", "host"),
            *("--clip", str(clip), "--duration", "2s"),
        )

    assert code == 0, err
    (join,) = [report for report in reports if report["kind"] == "join"]
    assert (join["persona"], join["role"]) == ("host", "moderator")
    sent = [r for r in reports if r["kind"] == "stream" and r["media"] == "camera"]
    assert sum(report.get("packets", 0) for report in sent) > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://127.0.0.1:9/bigbluebutton/", "--duration", "0"], "no duration"),
        (["http://127.0.0.1:9/bigbluebutton/", "--duration", "9h"], "no duration"),
        (["http://127.0.0.1:9/bigbluebutton/", "--persona", "king"], "king"),
    ],
)
def test_a_bad_option_is_named(arguments, words):
    result = CliRunner().invoke(bot, arguments)

    assert result.exit_code == 2
    assert words in result.output


def test_a_host_off_the_allow_list_is_refused_before_anything_is_sent(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BBB_SECRET", SECRET)

    result = CliRunner().invoke(bot, ["https://bbb.example.org/bigbluebutton/"])

    assert type(result.exception).__name__ == "GuardRefusal"


def test_a_transcript_that_cannot_be_written_is_refused_before_anything_is_sent(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("BBB_SECRET", SECRET)
    missing = tmp_path / "no" / "such" / "folder.json"

    result = CliRunner().invoke(
        bot, ["http://127.0.0.1:9/bigbluebutton/", "--transcript", str(missing)]
    )

    assert type(result.exception).__name__ == "ConfigError"
    assert "cannot be written" in str(result.exception)


def test_the_summary_tells_each_outcome_in_a_line():
    who = {"elapsed_s": 1.0, "participant": 0, "meeting": 0}
    whom = {"persona": "camera", "role": "viewer", "node": "n"}

    way = PathTaken(candidate_type="relay", remote_address="192.0.2.7:3478")

    lines = summary(
        [
            JoinReport(**who, **whom, outcome="joined", join_time_s=0.5),
            JoinReport(**who, **whom, outcome="refused", code="2301", detail="why"),
            MilestoneReport(**who, media="camera", wait_s=0.25, path=way),
            MilestoneReport(**who, media="audio", wait_s=None, outcome="timed out"),
            RefusalReport(**who, what="camera share", outcome="refused", code="2301"),
            LeaveReport(**who, outcome="dropped", code="graphql 1006"),
        ]
    )

    assert len(lines) == 6
    assert lines[1] == "not joined: refused (2301) why"
    assert lines[2] == "first camera after 0.25 s, relay to 192.0.2.7:3478"
    assert lines[5] == "dropped graphql 1006"
