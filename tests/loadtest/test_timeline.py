import math
from dataclasses import replace

import numpy as np
import pytest

from bots.models import (
    JoinReport,
    LeaveReport,
    MilestoneReport,
    PathTaken,
    RefusalReport,
    StreamReport,
)
from loadtest.models import EndRecord, NodeSample, RunHeader, Slo
from loadtest.timeline import MAX_BINS, Histogram, Timeline, run_result
from tests.support.runs import synthetic_run

HEADER = RunHeader(
    run="r",
    started_at="2026-11-23T06:00:00+00:00",
    tool_version="0.1.0",
    seed=1,
    target="127.0.0.1",
    bbb_version="",
    stand_in=True,
    scenario=(),
    slo=Slo(),
)


def join(elapsed_s: float, participant: int, **changes) -> JoinReport:
    plain = JoinReport(
        elapsed_s=elapsed_s,
        participant=participant,
        meeting=0,
        persona="viewer",
        role="viewer",
        node="127.0.0.1",
        outcome="joined",
        join_time_s=0.5,
    )
    return replace(plain, **changes)


def received(elapsed_s: float, **changes) -> StreamReport:
    plain = StreamReport(
        elapsed_s=elapsed_s,
        participant=0,
        meeting=0,
        direction="in",
        media="audio",
        ssrc=1,
        packets=50,
        bytes=5000,
        expected=50,
    )
    return replace(plain, **changes)


def scrape(elapsed_s: float, cpu_s: float, **changes) -> NodeSample:
    plain = NodeSample(
        elapsed_s=elapsed_s,
        node="n",
        cpu_s=(("node", cpu_s),),
        interval_s=1.0,
        cores=2.0,
        memory_bytes=25,
        memory_total_bytes=100,
        received_bytes=0,
        sent_bytes=0,
    )
    return replace(plain, **changes)


def timeline_of(*records) -> Timeline:
    timeline = Timeline()
    for record in records:
        timeline.add(record)
    return timeline


def test_percentiles_of_a_histogram_agree_with_the_samples_within_two_percent():
    samples = np.random.default_rng(7).lognormal(-3, 1, 5000)
    histogram = Histogram()

    for sample in samples:
        histogram.add(float(sample))

    for share in (0.5, 0.95, 1.0):
        exact = np.quantile(samples, share, method="inverted_cdf")
        assert histogram.percentile(share) == pytest.approx(exact, rel=0.02)


def test_an_empty_histogram_has_no_percentile_and_zeros_are_zero():
    histogram = Histogram()
    assert histogram.percentile(0.5) is None

    histogram.add(0.0)

    assert histogram.percentile(0.95) == 0.0


def test_presence_follows_joins_and_leaves_and_failed_joins_do_not_count():
    timeline = timeline_of(
        join(0.5, 0),
        join(1.0, 1),
        join(2.5, 2, outcome="refused", code="maxParticipants", join_time_s=None),
        LeaveReport(elapsed_s=4.5, participant=0, meeting=0, outcome="dropped"),
    )

    bins = timeline.bins()

    assert [moment.present for moment in bins] == [2, 2, 1]
    assert [moment.joins for moment in bins] == [2, 0, 0]
    assert [moment.failed_joins for moment in bins] == [0, 1, 0]
    assert timeline.peak == 2


def test_a_rate_does_not_depend_on_where_reports_fall():
    # Reports of one second each at 0.9 s offset: 40 kbit/s without a break.
    reports = (received(1.9 + second) for second in range(20))

    bins = timeline_of(*reports).bins()

    rates = [moment.audio_received_bps for moment in bins[1:-1]]
    assert rates == pytest.approx([40_000.0] * len(rates))


def test_no_byte_is_lost_when_reports_are_spread_and_bins_merged():
    count = 5000
    timeline = timeline_of(*(received(1.3 + 0.7 * place) for place in range(count)))

    bins = timeline.bins()

    width_s = bins[0].ends_s - bins[0].starts_s
    total = sum(moment.audio_received_bps for moment in bins) * width_s / 8
    assert total == pytest.approx(5000 * count)
    assert timeline.received_bytes == 5000 * count
    assert len(bins) <= MAX_BINS


def test_loss_is_lost_over_expected_and_late_packets_never_make_it_negative():
    lossy = received(0.5, expected=50, lost=5)
    late = received(2.5, expected=50, lost=-3)

    first, second = timeline_of(lossy, late).bins()

    assert first.audio_loss == pytest.approx(0.1)
    assert second.audio_loss == 0.0
    assert first.video_loss is None


def test_a_missed_scrape_is_a_gap_and_not_a_zero():
    bins = timeline_of(scrape(0.5, 1.0), scrape(1.5, 0.6), scrape(7.0, 1.2)).bins()

    assert [len(moment.nodes) for moment in bins] == [1, 0, 0, 1]
    assert bins[0].nodes[0].cpu_ratio == pytest.approx(1.6 / 4.0)
    assert bins[0].nodes[0].cpu_cores == (("node", pytest.approx(0.8)),)
    assert bins[0].nodes[0].memory_ratio == 0.25


def test_merging_bins_keeps_means_and_extremes():
    samples = [scrape(place + 0.5, 0.5) for place in range(2000)]
    samples[1000] = scrape(1000.5, 0.5, memory_bytes=90)

    bins = timeline_of(*samples).bins()

    assert len(bins) <= MAX_BINS
    assert all(
        moment.nodes[0].cpu_ratio == pytest.approx(0.25) for moment in bins if moment
    )
    assert max(moment.nodes[0].memory_ratio for moment in bins) == 0.9


def test_cameras_that_came_by_a_relay_are_counted_apart():
    seen = MilestoneReport(
        elapsed_s=1.0, participant=0, meeting=0, media="camera", wait_s=0.2
    )
    relayed = replace(seen, path=PathTaken(candidate_type="relay"))
    direct = replace(seen, path=PathTaken(candidate_type="host"))

    found = timeline_of(join(0.5, 0), relayed, direct, relayed).outcomes()

    cameras = [it for it in found if it.what == "first camera"]
    assert [(it.outcome, it.code, it.count) for it in cameras] == [
        ("arrived", "", 1),
        ("arrived", "relay", 2),
    ]


def test_outcomes_are_counted_by_what_how_and_code():
    refusal = RefusalReport(
        elapsed_s=1.0,
        participant=0,
        meeting=0,
        what="camera share",
        outcome="refused",
        code="2301",
    )

    found = timeline_of(join(0.5, 0), refusal, refusal).outcomes()

    assert [(one.what, one.outcome, one.code, one.count) for one in found] == [
        ("camera share", "refused", "2301", 2),
        ("join", "joined", "", 1),
    ]


def test_joins_of_a_cluster_are_counted_by_the_node_they_ended_on():
    header, *records = synthetic_run()
    assert isinstance(header, RunHeader)
    moved = [
        replace(record, node=f"node-{record.meeting % 2}")
        if isinstance(record, JoinReport)
        else record
        for record in records
    ]
    joined = [
        record.node
        for record in moved
        if isinstance(record, JoinReport) and record.outcome == "joined"
    ]

    paths = run_result(header, moved).paths

    assert {path.node for path in paths} == {"node-0", "node-1"}
    for node in ("node-0", "node-1"):
        counted = sum(path.count for path in paths if path.node == node)
        assert counted == joined.count(node)


def test_a_run_is_digested_with_its_points_and_verdicts():
    records = synthetic_run()
    header = records[0]
    assert isinstance(header, RunHeader)

    result = run_result(header, records[1:])

    assert result.validity == "valid"
    assert len(result.verdicts) == len(result.points) > 10
    assert result.peak_participants == 48
    assert sum(path.count for path in result.paths) == sum(
        found.count
        for found in result.outcomes
        if (found.what, found.outcome) == ("join", "joined")
    )
    assert all(not math.isinf(moment.audio_sent_bps) for moment in result.bins)


def test_a_run_without_an_end_was_interrupted():
    result = run_result(HEADER, (join(0.5, 0),))

    assert result.validity == "interrupted"
    assert "cut off" in result.reasons[0]


def test_the_end_record_decides_the_validity():
    end = EndRecord(elapsed_s=3.0, validity="invalid", reasons=("too slow",))

    result = run_result(HEADER, (join(0.5, 0), end))

    assert (result.validity, result.reasons) == ("invalid", ("too slow",))


def test_a_bin_keeps_the_busiest_process_the_best_clock_and_the_largest_figures():
    timeline = Timeline()
    for second, cores, bound_s in ((0.5, 0.4, 0.2), (1.5, 0.9, 0.01)):
        timeline.add(
            scrape(
                second,
                1.0,
                busiest=f"worker {cores}",
                busiest_cores=cores,
                clock_offset_s=bound_s * 2,
                clock_bound_s=bound_s,
                figures=(("mediasoup_consumers", 10 * cores),),
            )
        )

    (node,) = timeline.bins()[0].nodes

    assert (node.busiest, node.busiest_cores) == ("worker 0.9", 0.9)
    assert (node.clock_offset_s, node.clock_bound_s) == (0.02, 0.01)
    assert node.figures == (("mediasoup_consumers", 9.0),)
