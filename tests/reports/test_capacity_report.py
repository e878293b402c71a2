from dataclasses import replace

import pytest

from loadtest.models import Slo
from reports import capacity_report, text
from reports.document import Chart, Limit, Span
from tests.support.results import capacity


def told(found=None) -> str:
    document = capacity_report.document(found or capacity(), source="capacity.json")
    return text.render((document,))


def charts(found) -> list[Chart]:
    document = capacity_report.document(found, source="capacity.json")
    return [
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Chart)
    ]


def test_a_capacity_report_reads_as_approved(golden):
    golden("capacity.txt", told())


def test_a_capacity_is_never_printed_without_its_mix_and_its_slo():
    document = capacity_report.document(capacity(), source="capacity.json")

    for answer in document.answers:
        assert "meetings of" in answer.holds_for
        assert "SLO bbbload-1" in answer.holds_for
    table = document.sections[0].blocks[0]
    assert all("meetings of" in row[1] and row[5] == "bbbload-1" for row in table.rows)
    assert "all other bounds are our assumption" in table.note


def test_one_mix_is_asked_for_in_the_singular():
    found = replace(capacity(), profiles=capacity().profiles[:1])

    document = capacity_report.document(found, source="capacity.json")

    assert document.asked.endswith("for one mix of meetings?")


def test_what_held_at_the_cap_and_what_the_generator_ended_are_no_capacities():
    classes, talks, groups = capacity_report.document(
        capacity(), source="capacity.json"
    ).answers

    assert classes.value == "28"
    assert classes.interval.replace("\N{NO-BREAK SPACE}", " ") == (
        "27 to 31 (90 % interval)"
    )
    assert talks.value == "at least 48"
    assert groups.value == "no capacity"
    assert "the generator was the limit" in groups.interval


def test_the_stand_in_is_named_in_the_headline_and_every_section():
    document = capacity_report.document(capacity(), source="capacity.json")
    page = told()

    assert "stand-in" in document.title
    assert page.count("[stand-in node, not BigBlueButton]") == len(document.sections)


def test_a_real_node_is_not_called_a_stand_in():
    assert "stand-in" not in told(capacity(stand_in=False))
    assert "Capacity of school-1" in told(capacity(stand_in=False))


def test_an_invalid_benchmark_says_why_first():
    found = replace(capacity(), validity="invalid", reasons=("the engine was late",))

    document = capacity_report.document(found, source="capacity.json")

    assert document.tone == "bad"
    assert document.verdict.startswith("Invalid: the engine was late")


def test_each_cpu_chart_shows_the_slo_line_and_a_found_capacity_its_interval():
    cpu = [chart for chart in charts(capacity()) if "node CPU" in chart.title]

    assert len(cpu) == 3
    for chart in cpu:
        assert [mark.value for mark in chart.marks if isinstance(mark, Limit)] == [0.8]
    spans = [mark for mark in cpu[0].marks if isinstance(mark, Span)]
    assert [(span.start, span.end) for span in spans] == [(26.6, 31.2)]


def test_an_unwatched_node_has_no_cpu_chart_and_the_report_says_so():
    blind = capacity()
    blind = replace(
        blind,
        costs=(),
        cost_note="the node's CPU was not watched",
        profiles=tuple(
            replace(
                profile,
                meeting_cost=None,
                points=tuple(
                    replace(point, node_cpu_ratio=None, node_samples=0)
                    for point in profile.points
                ),
            )
            for profile in blind.profiles
        ),
    )

    assert charts(blind) == []
    assert "give --node-metrics URL" in told(blind)
    assert "the node's CPU was not watched" in told(blind)


@pytest.mark.parametrize(
    ("slo", "expected"),
    [
        (Slo(), "The CPU bound is the BBB FAQ's"),
        (Slo(name="mine", node_cpu_max=0.6), "The bounds are those the user gave."),
    ],
)
def test_the_source_of_the_bounds_is_said(slo, expected):
    assert expected in told(replace(capacity(), slo=slo))


def test_a_wait_that_never_ended_is_not_printed_as_infinity():
    page = told()

    assert "never" in page
    assert "inf" not in page.replace("information", "").lower().split()


def test_what_ran_out_is_named_with_what_shows_it():
    first, *others = capacity().profiles
    named = replace(first, limit_met="nic", evidence=("the card was full", "no loss"))

    document = told(replace(capacity(), profiles=(named, *others)))

    assert "What ran out: nic (the card was full and no loss)." in " ".join(
        document.split()
    )
