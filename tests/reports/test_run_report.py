from dataclasses import replace

from loadtest.models import EndRecord, RunHeader
from loadtest.results import RunResult
from loadtest.timeline import run_result
from reports import run_report, text
from reports.document import Chart, Limit, Line
from tests.support.results import BROKEN, KEPT, point, run_records


def digested(records=None) -> RunResult:
    header, *rest = records or run_records()
    assert isinstance(header, RunHeader)
    return run_result(header, rest)


def told(result=None, **more) -> str:
    return text.render(
        (run_report.document(result or digested(), source="run.jsonl", **more),)
    )


def charts(result) -> dict[str, Chart]:
    document = run_report.document(result, source="run.jsonl")
    return {
        block.title: block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Chart)
    }


def test_a_run_report_reads_as_approved(golden):
    judged = replace(
        digested(),
        points=(point(6, 0.21), point(12, 0.93, present=10.9, join_success=0.833)),
        verdicts=(KEPT, BROKEN),
    )

    golden("run.txt", told(judged))


def test_a_load_made_in_another_manner_is_told_as_such():
    result = digested()
    header = replace(result.header, manner=("by relay", "clip 0123456789ab"))

    page = told(replace(result, header=header))

    assert "by relay, sending the film 0123456789ab" in page
    assert "by relay" not in told(result)


def test_failures_are_listed_by_code():
    page = told()

    assert "11 of 12" in page
    assert "1 refused (maxParticipantsReached)" in page
    assert "2301" in page
    assert "dropped" in page


def test_a_missed_scrape_is_a_gap_in_the_chart():
    line = next(
        mark for mark in charts(digested())["Node CPU"].marks if isinstance(mark, Line)
    )

    gaps = [x for x, y in zip(line.x, line.y, strict=True) if y is None]
    assert any(17 < x < 21 for x in gaps)


def test_charts_that_the_slo_bounds_show_its_line():
    found = charts(digested())

    for title in ("Join time", "Packet loss", "Frozen video", "Node CPU"):
        assert any(isinstance(mark, Limit) for mark in found[title].marks), title


def test_a_killed_run_still_gives_a_report_that_says_interrupted():
    page = told(digested(run_records(has_end=False)), torn="the last line is torn")

    assert "Verdict: [!] Interrupted: the file has no end" in page
    assert "the last line is torn" in page
    assert "Verdict by step" in page


def test_an_invalid_run_says_why_and_sends_to_a_stronger_generator():
    end = EndRecord(elapsed_s=25.5, validity="invalid", reasons=("a late engine",))

    page = told(digested((*run_records(has_end=False), end)))

    assert "[!!] Invalid: a late engine." in page
    assert "stronger or a second generator" in page


def test_a_step_in_which_the_generator_was_unfit_neither_kept_nor_broke_the_slo():
    unfit = replace(BROKEN, generator_fit=False, generator_reasons=("late",))
    run = replace(digested(), points=(point(12, 0.2), point(24, 0.4)))

    page = told(replace(run, verdicts=(KEPT, unfit)))
    none = told(replace(run, verdicts=(unfit, unfit)))

    assert "[!] Valid, but 1 of 2 steps judge nothing" in page
    assert "1 of 2 – a count; a run alone gives no interval" in page
    assert "no bound broke in the steps that were judged" in page
    assert "exceeded most" not in page
    assert "0 of 2" in none
    assert "no step was judged" in none


def test_kinds_of_meetings_that_share_a_name_are_named_once():
    run = digested()
    kind = run.header.scenario[0]
    header = replace(run.header, scenario=(kind, replace(kind, size=kind.size + 1)))

    page = run_report.document(replace(run, header=header), source="run.jsonl")

    assert page.asked.endswith(f"participants in {kind.name}?")


def test_a_run_that_measured_nothing_gives_a_page_and_no_crash():
    header = run_records()[0]

    page = told(digested((header,)))

    assert "0 of 0" in page
    assert "no step was judged" in page


def test_an_unwatched_node_is_told():
    records = tuple(
        record for record in run_records() if type(record).__name__ != "NodeSample"
    )

    assert "The node was not watched" in told(digested(records))


def test_the_path_of_the_media_is_counted():
    assert "bbb-webrtc-sfu" in told()
    assert "relay measures TURN as well" in told()


def test_a_run_of_a_real_node_is_not_called_a_stand_in():
    header, *rest = run_records()
    assert isinstance(header, RunHeader)

    page = told(digested((replace(header, stand_in=False, target="school-1"), *rest)))

    assert "stand-in" not in page
    assert "Load on school-1" in page


def test_a_watched_nodes_roles_clock_and_components_are_shown():
    records = [
        replace(
            record,
            cpu_s=(*record.cpu_s, ("steal", 0.1), ("audio", 0.2), ("video", 0.3)),
            busiest="mediasoup-worker",
            busiest_cores=0.75,
            clock_offset_s=-0.042,
            clock_bound_s=0.0031,
            figures=(("mediasoup_consumers", 40.0),),
        )
        if type(record).__name__ == "NodeSample"
        else record
        for record in run_records()
    ]

    result = digested(records)
    page = told(result)
    (name,) = {it.node for moment in result.bins for it in moment.nodes}
    marks = charts(result)[f"CPU by role: {name}"].marks
    drawn = {mark.name: mark.y for mark in marks if isinstance(mark, Line)}

    assert drawn.keys() == {"steal", "audio", "video", "busiest process"}
    assert max(y for y in drawn["busiest process"] if y is not None) == 0.75
    assert f"The clock of {name} is 42" in page
    assert "behind ours, give or take 3.1" in page
    assert "mediasoup_consumers" in page
