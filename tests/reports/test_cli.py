import json
import os
from pathlib import Path

import pytest

from loadtest.cli import run_command
from loadtest.codec import encode_capacity, encode_record
from planning.codec import encode_plan
from tests.support.plans import synthetic_plan
from tests.support.results import capacity, run_records

NAMES = ("run.jsonl", "capacity.json", "plan.json")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    lines = (encode_record(record) + "\n" for record in run_records())
    (tmp_path / "run.jsonl").write_text("".join(lines), "utf-8")
    (tmp_path / "plan.json").write_text(encode_plan(synthetic_plan()), "utf-8")
    (tmp_path / "capacity.json").write_text(encode_capacity(capacity()), "utf-8")
    return tmp_path


def report(*arguments: object) -> int:
    return run_command(["report", *map(str, arguments)])


def only_line(capsys) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_three_results_make_one_html_page(results, capsys):
    out = results / "report.html"

    code = report(*(results / name for name in NAMES), "-o", out)

    assert code == 0
    page = out.read_text("utf-8")
    assert page.count("<article") == 3
    assert page.count("<svg") > 15
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(out) in captured.err


@pytest.mark.parametrize("name", NAMES)
def test_the_kind_of_a_result_is_read_from_the_file_and_not_its_name(results, name):
    other = results / "something.else"
    (results / name).rename(other)

    assert report(other, "-o", results / "x.txt") == 0


def test_without_an_output_the_text_goes_to_standard_output(results, capsys):
    assert report(results / "plan.json") == 0

    captured = capsys.readouterr()
    assert captured.out.startswith("Servers and money")
    assert captured.err == ""


@pytest.mark.parametrize("ending", ["txt", "md", "html", "HTM"])
def test_the_ending_chooses_the_format(results, ending):
    out = results / f"x.{ending}"

    assert report(results / "capacity.json", "-o", out) == 0
    assert "stand-in" in out.read_text("utf-8")


def test_an_interrupted_run_still_gives_a_report(results, capsys):
    whole = (results / "run.jsonl").read_text("utf-8")
    torn = results / "torn.jsonl"
    torn.write_text(whole[: len(whole) // 2 + 17], "utf-8")

    assert report(torn) == 0

    page = capsys.readouterr().out
    assert "Interrupted" in page
    assert "unfinished" in page
    assert "Verdict by step" in page


def _empty(folder: Path) -> Path:
    path = folder / "empty.json"
    path.touch()
    return path


def _words(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("hello\nworld\n", "utf-8")
    return path


def _binary(folder: Path) -> Path:
    path = folder / "picture.png"
    path.write_bytes(bytes(range(256)))
    return path


def _torn(folder: Path) -> Path:
    path = folder / "torn.json"
    whole = (folder / "capacity.json").read_text("utf-8")
    path.write_text(whole[: len(whole) // 2], "utf-8")
    return path


def _unknown(folder: Path) -> Path:
    path = folder / "other.json"
    path.write_text('{"schema": "bbbload.weather", "version": 1}', "utf-8")
    return path


def _newer(folder: Path) -> Path:
    path = folder / "newer.json"
    plain = json.loads((folder / "plan.json").read_text("utf-8"))
    path.write_text(json.dumps(plain | {"version": 99}), "utf-8")
    return path


def _no_month(folder: Path) -> Path:
    path = folder / "short.json"
    plain = json.loads((folder / "plan.json").read_text("utf-8"))
    path.write_text(json.dumps(plain | {"months": []}), "utf-8")
    return path


def _damaged_run(folder: Path) -> Path:
    path = folder / "damaged.jsonl"
    lines = (folder / "run.jsonl").read_text("utf-8").splitlines(keepends=True)
    lines[3] = "{broken\n"
    path.write_text("".join(lines), "utf-8")
    return path


def _folder(folder: Path) -> Path:
    path = folder / "folder"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder / "missing.json", "no such file"),
        (_folder, "is a directory"),
        (_empty, "is empty"),
        (_words, "is no result"),
        (_binary, "is no text"),
        (_torn, "is cut off or damaged"),
        (_unknown, "names the schema 'bbbload.weather'"),
        (_newer, "update bbbload"),
        (_no_month, "plans no month"),
        (_damaged_run, "line 4"),
    ],
)
def test_a_file_that_is_no_result_is_one_sentence_and_writes_nothing(
    results, capsys, make, expected
):
    path = make(results)
    out = results / "report.html"

    code = report(results / "plan.json", path, "-o", out)

    assert code == 2
    said = only_line(capsys)
    assert expected in said
    assert path.name in said
    assert not out.exists()


def test_an_unreadable_file_is_one_sentence(results, capsys):
    if os.geteuid() == 0:
        path = Path("/proc/self/mem")  # root reads everything else
    else:
        path = results / "plan.json"
        path.chmod(0)

    assert report(path) == 2
    assert "cannot be read" in only_line(capsys)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "choose .htm, .html, .md, .txt"),
        ("report", "choose .htm, .html, .md, .txt"),
        ("nowhere/report.html", "cannot be written"),
        ("plan.json", "choose"),
    ],
)
def test_an_output_that_cannot_be_is_one_sentence(results, capsys, name, expected):
    assert report(results / "plan.json", "-o", results / name) == 2
    assert expected in only_line(capsys)


def test_a_result_is_never_overwritten_by_its_report(results, capsys):
    disguised = results / "plan.txt"
    (results / "plan.json").rename(disguised)
    before = disguised.read_bytes()

    assert report(disguised, "-o", disguised) == 2

    assert "is one of the results" in only_line(capsys)
    assert disguised.read_bytes() == before


def test_a_failed_write_leaves_the_old_page_and_no_draft(results, capsys):
    out = results / "report.html"
    out.mkdir()

    assert report(results / "plan.json", "-o", out) == 2

    assert "cannot be written" in only_line(capsys)
    assert sorted(path.name for path in results.iterdir()) == sorted(
        (*NAMES, "report.html")
    )


def test_an_older_page_is_replaced(results):
    out = results / "report.html"
    out.write_text("old", "utf-8")

    assert report(results / "capacity.json", "-o", out) == 0

    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("ending", ["html", "md", "txt"])
def test_answers_come_before_the_runs_they_rest_on_and_an_overview_before_all(
    ending, results
):
    out = results / f"all.{ending}"

    assert report(*(results / name for name in NAMES), "-o", out) == 0

    page = out.read_text("utf-8")
    first, rest = page.split("Next:", 1)
    titles = ["Capacity of", "Servers and money", "Load on"]
    places = [rest.rindex(title) for title in titles]
    assert "At a glance" in first
    assert titles[0] in first
    assert places == sorted(places)
