"""bbbload history as a user runs it."""

from dataclasses import replace

from loadtest.cli import run_command
from planning.history.collect import Store
from planning.history.csv import read_csv
from tests.planning.history.test_collect import NOBODY, START_S


def test_a_spreadsheet_becomes_our_csv(tmp_path, capsys):
    theirs, ours = tmp_path / "t.csv", tmp_path / "h.csv"
    theirs.write_text("Datum;Teilnehmer\n02.11.2026 08:00;12\n02.11.2026 08:20;9\n")

    arguments = [str(theirs), "--zone", "Europe/Berlin", "-o", str(ours)]
    code = run_command(["history", "csv", *arguments])

    assert code == 0
    assert read_csv(ours).participants == (12, 9)
    assert "2 bins of 300 s from t.csv, highest 12, 1 gaps" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.csv", "t.csv"]


def test_columns_are_named_on_the_command_line(tmp_path, capsys):
    theirs = tmp_path / "t.csv"
    theirs.write_text("time,a=b,c\n2026-11-02T08:00Z,5,99\n")

    arguments = [str(theirs), "--column", "a=b=participants"]
    assert run_command(["history", "csv", *arguments]) == 0

    assert capsys.readouterr().out.splitlines()[-1].endswith(",5")


def test_what_was_collected_becomes_our_csv(tmp_path, capsys):
    store = Store(tmp_path / "s.sqlite")
    store.add(START_S, replace(NOBODY, participants=17))
    store.close()

    assert run_command(["history", "collected", str(tmp_path / "s.sqlite")]) == 0

    assert "17" in capsys.readouterr().out.splitlines()[-1]


def test_mistakes_are_one_sentence_and_exit_2(tmp_path, capsys):
    theirs = tmp_path / "t.csv"
    theirs.write_text("time,users\n2026-11-02 08:00,5\n")
    for arguments in (
        ["csv", str(theirs)],
        ["csv", str(theirs), "--zone", "Mars/Olympus"],
        ["csv", str(theirs), "--column", "users"],
        ["csv", str(tmp_path / "none.csv")],
        ["collected", str(tmp_path / "none.sqlite")],
        ["merge", str(theirs), str(theirs)],
        ["prometheus", "ftp://x", "--since", "2026-11-01"],
    ):
        assert run_command(["history", *arguments]) == 2, arguments
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
