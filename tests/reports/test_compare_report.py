"""A comparison on a page, in JUnit and as annotations; all data here is synthetic."""

import json
from dataclasses import replace

import junitparser
import pytest

from loadtest.cli import run_command
from loadtest.comparison import Experiment
from loadtest.comparison_codec import encode_comparison
from loadtest.gates import parse_gates
from loadtest.judging import judge_experiment
from loadtest.measures import CPU
from reports import annotations, compare_report, html, junit, text
from reports.document import Chart, Dots
from tests.support.experiments import compared, side_of

GATES = parse_gates(
    f'gated = ["{CPU}"]\n[measure."{CPU}"]\nlimit = 1.1', where="gates.toml"
)


def experiment(level: float = 1.3, count: int = 6, **changes: object) -> Experiment:
    runs = side_of("baseline", count)
    runs += side_of(
        "candidate", count, level, version="3.0.19", facts=(("kernel", "6.8"),)
    )
    runs += side_of("same version", count, seed=5)
    runs.append(
        compared(30, "candidate", version="3.0.19", invalid="an engine was <late>")
    )
    return replace(judge_experiment(runs, gates=GATES), **changes)  # type: ignore[arg-type]


def charts(found: Experiment) -> list[Chart]:
    document = compare_report.document(found, source="comparison.json")
    return [
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Chart)
    ]


def test_one_run_a_side_says_how_many_a_verdict_needs_and_shows_no_interval():
    found = judge_experiment([*side_of("baseline", 1), *side_of("candidate", 1, 1.3)])

    document = compare_report.document(found, source="c")

    page = " ".join(text.render((document,)).split())
    assert "A verdict needs at least 5 valid runs a side: 1 and 1 are here." in page
    assert document.next_steps == ("Make more runs of both sides, in turn.",)
    assert {answer.interval for answer in document.answers} == {"no interval"}
    assert "runs: 1 and 1" in document.answers[0].holds_for


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ("one host", "One host, its version switched"),
        ("two hosts", "Two hosts, neither swapped nor compared"),
        ("two hosts, compared", "Two hosts, compared with the same version first"),
        ("two hosts, swapped", "Two hosts that changed sides"),
    ],
)
def test_the_first_line_names_the_design_and_both_versions(design, words):
    found = experiment(design=design)

    first = text.render((compare_report.document(found, source="c"),)).splitlines()[0]

    assert first == f"{words}: 3.0.12 against 3.0.19"


def test_every_valid_run_of_both_sides_is_a_dot():
    found = experiment()

    (chart,) = [chart for chart in charts(found) if chart.title.startswith(CPU)]
    dots = {mark.name: mark for mark in chart.marks if isinstance(mark, Dots)}

    assert set(dots) == {
        "baseline, runs: 6",
        "candidate, runs: 6",
        "same version, runs: 6",
    }
    for side, place in (("baseline", 0), ("candidate", 1)):
        drawn = dots[f"{side}, runs: 6"]
        runs = [run for run in found.runs if run.side == side and not run.invalid]
        assert drawn.y == tuple(dict(run.values)[CPU] for run in runs)
        assert len(set(drawn.x)) == 6
        assert all(abs(x - place) <= 0.3 for x in drawn.x)
    assert html.render((compare_report.document(found, source="c"),)).count("<svg") >= 2


def test_the_page_tells_what_differs_and_which_run_was_left_out():
    page = text.render((compare_report.document(experiment(), source="c"),))

    assert "kernel" in page
    assert "6.8" in page
    assert "left out: an engine was <late>" in page
    assert "×1.3" in page
    assert "limit missed: cpu per participant" in page


def test_a_run_in_which_nothing_ever_came_is_told_and_not_drawn():
    runs = [compared(n, values={"join time p95": 1.0}) for n in range(5)]
    runs += [
        compared(n, "candidate", values={"join time p95": float("inf")})
        for n in range(5)
    ]
    found = judge_experiment(runs)

    assert "never" in text.render((compare_report.document(found, source="c"),))
    (chart,) = [c for c in charts(found) if c.title.startswith("join time p95")]
    assert chart.note == "A run in which it never came has no dot."


def test_junit_is_read_back_with_every_case_named_and_failures_with_text(tmp_path):
    path = tmp_path / "verdict.xml"
    path.write_text(junit.render(experiment()), encoding="utf-8")

    xml = junitparser.JUnitXml.fromfile(str(path))
    (suite,) = list(xml)
    cases = list(suite)
    names = [(case.classname, case.name) for case in cases]

    assert len(set(names)) == len(names) == suite.tests
    assert ("bbbload.verdict", "verdict") in names
    assert ("bbbload.measure", CPU) in names
    assert ("bbbload.limit", CPU) in names
    assert suite.failures == 3
    failed = [result for case in cases for result in case.result]
    assert all(result.text and result.message for result in failed)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (experiment(1.3), junitparser.Failure),
        (experiment(1.0, 3), junitparser.Skipped),
        (experiment(verdict="invalid"), junitparser.Error),
    ],
)
def test_the_verdict_is_a_case_of_the_right_kind(found, kind):
    xml = junitparser.JUnitXml.fromstring(junit.render(found).encode())

    (verdict,) = [
        case for suite in xml for case in suite if case.classname == "bbbload.verdict"
    ]

    (result,) = verdict.result
    assert isinstance(result, kind)


def test_an_equal_candidate_passes_every_case():
    gates = parse_gates(f'gated = ["{CPU}"]', where="g")
    runs = [*side_of("baseline", 8), *side_of("candidate", 8)]
    found = judge_experiment(runs, gates=gates)

    xml = junitparser.JUnitXml.fromstring(junit.render(found).encode())

    (suite,) = list(xml)
    assert (suite.failures, suite.errors, suite.skipped) == (0, 0, 0)


def test_annotations_name_the_verdict_and_escape_what_would_end_them():
    lines = annotations.render(experiment(reasons=("100 % sure\nreally",))).splitlines()

    assert lines[0].startswith("::error title=bbbload%3A 3.0.12 against 3.0.19::")
    assert lines[0].endswith("100 %25 sure%0Areally")
    assert any(line.startswith(f"::error title={CPU}::") for line in lines[1:])


@pytest.mark.parametrize("ending", ["html", "md", "txt", "xml"])
def test_the_report_command_writes_each_format_of_a_comparison(tmp_path, ending):
    source, page = tmp_path / "comparison.json", tmp_path / f"page.{ending}"
    source.write_text(encode_comparison(experiment()), encoding="utf-8")

    assert run_command(["report", str(source), "-o", str(page)]) == 0
    assert CPU in page.read_text()


def test_annotations_come_on_standard_output(tmp_path, capsys):
    source = tmp_path / "comparison.json"
    source.write_text(encode_comparison(experiment()), encoding="utf-8")

    assert run_command(["report", str(source), "--format", "github"]) == 0
    assert capsys.readouterr().out.startswith("::error ")


def test_junit_of_anything_else_is_refused(tmp_path, capsys):
    source = tmp_path / "plan.json"
    source.write_text(json.dumps({"schema": "bbbload.plan", "version": 1}))

    assert run_command(["report", str(source), "-o", str(tmp_path / "x.xml")]) == 2
    assert "give one comparison.json" in capsys.readouterr().err
