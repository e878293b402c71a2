"""What `--card` and `--type` check before a benchmark; the whole: integration/."""

from dataclasses import replace
from pathlib import Path

import pytest

from bots.errors import ConfigError
from loadtest.card_codec import decode_card
from loadtest.cli import run_command
from loadtest.codec import encode_record
from loadtest.commands.card_files import CardOrder, card_file
from tests.loadtest.test_card import whole_run
from tests.support.results import capacity

URL = "http://127.0.0.1:9/bigbluebutton/"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    header, records = whole_run()
    path = tmp_path / "run.jsonl"
    lines = [encode_record(record) + "\n" for record in (header, *records)]
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--card", "no/such/folder/card.json"], "cannot be written"),
        (["--card", "card.html"], "let the card end with .json"),
        (["--card", "-", "--log", "-"], "--card - is named twice"),
        (["--type", "bbb7.example.org"], "name the server type"),
    ],
)
def test_a_card_that_could_not_be_made_stops_a_benchmark_before_it_begins(
    arguments, words, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("BBB_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    output = str(tmp_path / "capacity.json")

    assert run_command(["benchmark", URL, "-o", output, *arguments]) == 2

    assert words in capsys.readouterr().err


def test_on_standard_output_a_card_has_no_page(tmp_path, log, capsys):
    with card_file(CardOrder(path="-", server_type="CCX33")) as write:
        write(capacity(), log)

    card = decode_card(capsys.readouterr().out, where="-")
    assert (card.type, card.capacity.stand_in) == ("CCX33", True)
    assert card.software.kernel == "6.8.12-4-pve"
    assert list(tmp_path.glob("*.html")) == []


def test_no_card_is_written_where_none_was_ordered(tmp_path, log):
    with card_file(CardOrder(path="", server_type="")) as write:
        write(capacity(), log)

    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


def test_the_log_of_another_run_makes_no_card(tmp_path, log):
    path = tmp_path / "card.json"

    with (
        card_file(CardOrder(path=str(path), server_type="")) as write,
        pytest.raises(ConfigError, match="the log is of run 2f9c"),
    ):
        write(replace(capacity(), run="ffff"), log)

    assert not path.exists()
