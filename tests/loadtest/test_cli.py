"""The front door: how every command ends, and what a bug of ours leaves behind."""

import pytest

from bots.errors import OurBug
from bots.redaction import Secret
from loadtest import cli
from loadtest.cli import run_command
from tests.support.broken import ENDINGS


@pytest.fixture(autouse=True)
def broken_command(monkeypatch, tmp_path):
    monkeypatch.setitem(cli.COMMANDS, "broken", "tests.support.broken:broken")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("0", 0),
        ("4", 4),
        ("5", 5),
        ("config", 2),
        ("generator", 3),
        ("guard", 7),
        ("target", 8),
        ("bug", 1),
        ("child", 1),
        ("interrupted", 130),
        ("group", 2),
    ],
)
def test_an_ending_has_its_exit_code_and_at_most_one_sentence(ending, code, capfd):
    assert run_command(["broken", ending]) == code

    # After ^C the terminal's line is ended first.
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == (0 if ending.isdigit() else 1)
    assert all(line.startswith("bbbload: ") for line in said)


@pytest.mark.parametrize("ending", ["bug", "child"])
def test_a_bug_leaves_its_traceback_in_a_file_without_any_secret(
    ending, tmp_path, capfd, monkeypatch
):
    secret = Secret("never-to-be-seen-anywhere")
    text = f"Traceback\nsecret {secret.reveal()} sessionToken=abcdefgh"
    monkeypatch.setitem(
        ENDINGS,
        ending,
        OurBug("a child broke", traceback=text)
        if ending == "child"
        else RuntimeError(text),
    )

    assert run_command(["broken", ending]) == 1

    (kept,) = tmp_path.glob("bbbload-crash-*.log")
    said, words = capfd.readouterr().err, kept.read_text("utf-8")
    assert str(kept) in said
    assert "please report it" in said
    assert "Traceback" in words
    for shown in (said, words):
        assert secret.reveal() not in shown
        assert "abcdefgh" not in shown


def test_the_help_lists_every_command_and_every_exit_code(capfd):
    assert run_command(["--help"]) == 0

    said = capfd.readouterr().out
    assert all(f"  {name} " in said for name in cli.COMMANDS)
    for code in ("0 as", "1 our", "2 usage", "3 run", "4 inc", "5 SLO", "6 reg"):
        assert code in " ".join(said.split())
    for code in ("7 refused", "8 target", "130 interrupted"):
        assert code in " ".join(said.split())
