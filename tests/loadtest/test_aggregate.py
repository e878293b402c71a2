"""Records -> load points, on synthetic runs of known truth and on single records."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from loadtest.aggregate import Aggregate, load_points
from loadtest.models import (
    EndRecord,
    LoadPoint,
    NodeSample,
    Record,
    StepRecord,
)
from loadtest.step_sums import percentiles
from loadtest.streams import streams_of
from tests.support.results import run_records
from tests.support.runs import (
    CLASSES,
    GROUPS,
    TALKS,
    SyntheticNode,
    synthetic_header,
    synthetic_run,
)


def step(number: int = 0, **changes: object) -> StepRecord:
    fields: dict[str, object] = {
        "elapsed_s": 10.0 + 12 * number,
        "step": number,
        "profile": "classes",
        "participants": 6,
        "meetings": 1,
        "duration_s": 12.0,
        "warm_up_s": 4.0,
    }
    return StepRecord(**(fields | changes))  # type: ignore[arg-type]


def join(participant: int, elapsed_s: float, **changes: object) -> JoinReport:
    fields: dict[str, object] = {
        "elapsed_s": elapsed_s,
        "participant": participant,
        "meeting": 0,
        "persona": "viewer",
        "role": "viewer",
        "node": "n",
        "outcome": "joined",
        "join_time_s": 0.5,
    }
    return JoinReport(**(fields | changes))  # type: ignore[arg-type]


def stream(elapsed_s: float, **changes: object) -> StreamReport:
    fields: dict[str, object] = {
        "elapsed_s": elapsed_s,
        "participant": 0,
        "meeting": 0,
        "direction": "in",
        "media": "audio",
        "ssrc": 1,
        "packets": 50,
        "bytes": 5000,
        "expected": 50,
    }
    return StreamReport(**(fields | changes))  # type: ignore[arg-type]


def node(elapsed_s: float, cpu_s: float, interval_s: float = 1.0) -> NodeSample:
    return NodeSample(
        elapsed_s=elapsed_s,
        node="n",
        cpu_s=(("node", cpu_s),),
        interval_s=interval_s,
        cores=2.0,
        memory_bytes=1,
        memory_total_bytes=2,
        received_bytes=0,
        sent_bytes=0,
    )


def only_point(*records: Record) -> LoadPoint:
    end = EndRecord(elapsed_s=34.0, validity="valid")
    points = load_points((synthetic_header(), *records, end))
    return points[0]


ALL_JOINED = tuple(join(number, 11.0) for number in range(6))


def test_every_step_of_a_run_gives_a_point_with_the_load_that_was_there():
    steps = ((TALKS, 16), (TALKS, 24), (CLASSES, 12), (GROUPS, 6))
    truth = SyntheticNode(noise=0.0)

    points = load_points(synthetic_run(node=truth, steps=steps))

    assert [(p.profile, p.participants) for p in points] == [
        (profile.name, participants) for profile, participants in steps
    ]
    for point, (profile, participants) in zip(points, steps, strict=True):
        streams = streams_of(profile, participants)
        assert point.present == pytest.approx(participants)
        assert point.audio_in == pytest.approx(streams.audio_in)
        assert point.audio_out == pytest.approx(streams.audio_out)
        assert point.video_in == pytest.approx(streams.video_in)
        assert point.video_out == pytest.approx(streams.video_out)
        assert point.streams_seen == pytest.approx(point.streams_expected)
        assert point.node_cpu_ratio == pytest.approx(
            truth.utilisation(profile, participants)
        )
        assert point.ends_s - point.starts_s == pytest.approx(8.0)


def test_joins_of_a_growing_step_are_the_new_ones_and_all_of_them_count():
    points = load_points(synthetic_run(steps=((TALKS, 8), (TALKS, 24), (TALKS, 16))))

    assert [point.joins for point in points] == [8, 16, 16]
    assert [point.join_success for point in points] == [1.0, 1.0, 1.0]
    assert [point.join_time_s.count for point in points if point.join_time_s] == [
        8,
        16,
        16,
    ]


def test_joins_in_the_warm_up_belong_to_their_step():
    point = only_point(step(), *(join(n, 10.6) for n in range(6)))

    assert point.joins == 6
    assert point.join_time_s is not None


def test_a_join_is_counted_where_it_was_asked_for_not_where_it_ended():
    late = join(6, 23.0, join_time_s=2.0, asked_s=21.0)
    records = (step(0), *ALL_JOINED, step(1, participants=12), late)

    first, second = load_points((synthetic_header(), *records, stream(34.0)))

    assert first.joins == 7
    assert second.joins == 0


def test_without_an_asking_time_the_join_time_is_taken_off():
    late = join(6, 23.0, join_time_s=2.0)
    records = (step(0), *ALL_JOINED, step(1, participants=12), late)

    first, _ = load_points((synthetic_header(), *records, stream(34.0)))

    assert first.joins == 7


def test_refused_joins_lower_the_success_and_our_own_decisions_do_not():
    refused = join(5, 11.0, outcome="refused", join_time_s=None, code="maxParticipants")
    withdrawn = join(7, 11.0, outcome="withdrawn", join_time_s=None)

    point = only_point(step(), *ALL_JOINED[:5], refused, withdrawn)

    assert point.joins == 6
    assert point.join_success == pytest.approx(5 / 6)


def test_a_join_without_an_outcome_has_not_succeeded():
    point = only_point(step(), *ALL_JOINED[:3])

    assert point.join_success == pytest.approx(0.5)


def test_joins_that_our_own_engine_did_not_take_are_no_failures_of_the_node():
    full = join(5, 11.0, outcome="withdrawn", join_time_s=None, code="engine full")

    point = only_point(step(), *ALL_JOINED[:5], full)

    assert point.join_success == 1.0
    assert point.present < point.participants


def test_a_join_stopped_after_its_step_was_hanging_and_has_not_succeeded():
    hanging = join(5, 23.0, outcome="withdrawn", join_time_s=None, asked_s=11.0)

    point = only_point(step(), *ALL_JOINED[:5], hanging)

    assert point.join_success == pytest.approx(5 / 6)


def test_a_join_that_failed_in_a_step_before_is_not_counted_again():
    refused = join(5, 11.0, outcome="refused", join_time_s=None)
    new = tuple(join(number, 23.0) for number in range(6, 12))
    records = (step(0), *ALL_JOINED[:5], refused, step(1, participants=12), *new)

    first, second = load_points((synthetic_header(), *records, stream(34.0)))

    assert first.join_success == pytest.approx(5 / 6)
    assert second.join_success == 1.0


def test_a_step_that_asks_for_no_join_has_no_join_success():
    same = step(1, profile="classes", participants=6)
    records = (step(0, participants=4), *ALL_JOINED, same)

    _, second = load_points((synthetic_header(), *records, stream(34.0)))

    assert second.join_success is None
    assert second.join_time_s is None


def test_a_milestone_that_never_came_is_infinitely_late():
    came = MilestoneReport(
        elapsed_s=11.0, participant=0, meeting=0, media="camera", wait_s=0.4
    )
    missing = MilestoneReport(
        elapsed_s=21.0,
        participant=1,
        meeting=0,
        media="camera",
        wait_s=None,
        outcome="timed out",
        asked_s=11.0,
    )
    gone = MilestoneReport(
        elapsed_s=12.0,
        participant=2,
        meeting=0,
        media="camera",
        wait_s=None,
        outcome="left",
    )

    seen = [
        stream(14.5 + n, media="camera", ssrc=ssrc)
        for n in range(9)
        for ssrc in range(10)
    ]

    point = only_point(step(), *ALL_JOINED, came, missing, gone, *seen)

    assert point.first_camera_s is not None
    assert point.first_camera_s.count == 2
    assert point.first_camera_s.missing == 1
    assert point.first_camera_s.p50 == 0.4
    assert math.isinf(point.first_camera_s.p95)


def test_a_stream_still_waited_for_when_the_step_is_judged_is_infinitely_late():
    hanging = only_point(step(), *ALL_JOINED)
    there = only_point(
        step(),
        *ALL_JOINED,
        *(stream(14.5 + n, ssrc=ssrc) for n in range(9) for ssrc in range(6)),
    )

    assert hanging.first_audio_s is not None
    assert hanging.first_audio_s.missing == 6
    assert there.first_audio_s is None


def test_who_was_refused_waits_for_no_media():
    refused = [
        join(number, 11.0, outcome="refused", join_time_s=None) for number in (3, 4, 5)
    ]
    heard = [
        MilestoneReport(
            elapsed_s=11.0, participant=number, meeting=0, media="audio", wait_s=0.1
        )
        for number in range(3)
    ]

    point = only_point(step(), *ALL_JOINED[:3], *refused, *heard)

    assert point.first_audio_s is not None
    assert point.first_audio_s.missing == 0


def test_media_of_joins_that_our_own_engine_did_not_take_is_not_waited_for():
    full = join(5, 11.0, outcome="withdrawn", join_time_s=None, code="engine full")

    point = only_point(step(), *ALL_JOINED[:5], full)

    assert point.first_camera_s is None


def test_rates_and_loss_leave_the_warm_up_out():
    warm_up = tuple(stream(12.0 + n, packets=10, lost=40, bytes=9) for n in range(3))
    judged = tuple(stream(15.0 + n, packets=49, lost=1) for n in range(8))

    point = only_point(step(), *ALL_JOINED, *warm_up, *judged)

    assert point.audio_loss is not None
    assert point.audio_loss.p95 == pytest.approx(1 / 50)
    assert point.received_bps == pytest.approx(5000 * 8)


def test_loss_is_summed_over_a_participants_streams_before_any_percentile():
    cameras = [
        stream(15.0, media="camera", ssrc=2, expected=100, packets=90, lost=10),
        stream(15.0, media="camera", ssrc=3, expected=300, packets=300, lost=0),
    ]

    point = only_point(step(), *ALL_JOINED, *cameras)

    assert point.video_loss is not None
    assert point.video_loss.count == 1
    assert point.video_loss.p95 == pytest.approx(10 / 400)


def test_packets_that_came_late_never_make_a_negative_loss():
    point = only_point(step(), *ALL_JOINED, stream(15.0, lost=-3, packets=53))

    assert point.audio_loss is not None
    assert point.audio_loss.max == 0.0


def test_frozen_time_is_a_share_of_the_time_that_should_have_played():
    seconds = [
        stream(15.0, media="camera", watched_s=1.0, frozen_s=0.5),
        stream(16.0, media="camera", watched_s=1.0, frozen_s=0.0),
    ]

    point = only_point(step(), *ALL_JOINED, *seconds)

    assert point.frozen is not None
    assert point.frozen.p95 == pytest.approx(0.25)


def test_a_stream_without_packets_is_not_there():
    silent = tuple(stream(14.5 + n, packets=0, bytes=0) for n in range(8))

    point = only_point(step(), *ALL_JOINED, *silent)

    assert point.audio_out == 0.0


def test_a_stream_counts_for_the_time_it_was_there():
    half = tuple(stream(15.0 + n) for n in range(4))

    point = only_point(step(), *ALL_JOINED, *half)

    assert point.audio_out == pytest.approx(0.5)


@pytest.mark.parametrize("offset_s", [0.0, 0.1, 0.5, 0.9])
def test_the_phase_of_the_reports_changes_no_count_and_no_rate(offset_s: float):
    reports = tuple(stream(11.0 + offset_s + n) for n in range(13))

    point = only_point(step(), *ALL_JOINED, *reports)

    assert point.audio_out == pytest.approx(1.0)
    assert point.streams_seen == pytest.approx(1.0)
    assert point.received_bps == pytest.approx(5000 * 8)


def test_joins_that_end_within_the_judged_part_are_late_and_not_missing():
    late = join(5, 18.0, join_time_s=7.5)

    point = only_point(step(), *ALL_JOINED[:5], late)

    assert point.present == pytest.approx(5.5)
    assert point.present_at_end == pytest.approx(6.0)


def test_streams_are_counted_right_when_reports_come_slower_than_each_second():
    slow = tuple(stream(13.0 + 1.25 * n) for n in range(8))

    point = only_point(step(), *ALL_JOINED, *slow)

    assert point.audio_out == pytest.approx(1.0, abs=0.1)


def test_a_missed_scrape_is_a_gap_and_no_zero():
    whole = only_point(step(), *(node(14.0 + n, 0.5) for n in range(1, 9)))
    gap = only_point(
        step(), node(15.0, 0.5), node(18.0, 1.5, interval_s=3.0), node(19.0, 0.5)
    )

    assert whole.node_cpu_ratio == pytest.approx(0.25)
    assert gap.node_cpu_ratio == pytest.approx(0.25)
    assert gap.node_cpu_s_per_s == pytest.approx(0.5)
    assert gap.node_samples == 3


def test_a_node_that_was_not_watched_has_no_cpu():
    point = only_point(step(), *ALL_JOINED)

    assert point.node_cpu_ratio is None
    assert point.node_cores is None


def test_cpu_of_the_warm_up_does_not_count():
    point = only_point(step(), node(12.0, 2.0), node(16.0, 0.4))

    assert point.node_cpu_s_per_s == pytest.approx(0.4)


def engine(elapsed_s: float, lag_s: float, cpu_ratio: float) -> EngineReport:
    return EngineReport(
        elapsed_s=elapsed_s,
        engine=0,
        cpu_ratio=cpu_ratio,
        lag_s=lag_s,
        late_packets=1,
        sent_packets=100,
        received_packets=0,
        participants=1,
        memory_bytes=1,
    )


def test_the_engine_is_judged_on_the_judged_part_and_its_lag_on_the_joins_too():
    point = only_point(step(), engine(12.0, 0.7, 0.9), engine(15.0, 0.01, 0.3))

    assert point.engine_cpu_max == pytest.approx(0.3)
    assert point.engine_lag_max_s == pytest.approx(0.01)
    assert point.warm_up_lag_max_s == pytest.approx(0.7)
    assert (point.late_packets, point.sent_packets) == (1, 100)


def leave(participant: int, elapsed_s: float, outcome: str) -> LeaveReport:
    return LeaveReport(
        elapsed_s=elapsed_s,
        participant=participant,
        meeting=0,
        outcome=outcome,  # type: ignore[arg-type]
    )


def test_drops_count_in_the_whole_step_and_planned_leaves_do_not():
    point = only_point(
        step(), *ALL_JOINED, leave(0, 12.0, "dropped"), leave(1, 18.0, "left")
    )

    assert point.present == pytest.approx(4.5)
    assert point.dropped == pytest.approx(1 / 4.5)


def test_presence_is_weighted_by_time():
    point = only_point(step(), *ALL_JOINED[:5], join(5, 18.0, join_time_s=7.5))

    assert point.present == pytest.approx(5.5)


def test_a_step_that_was_cut_off_early_gives_no_point():
    cut = (synthetic_header(), step(), *ALL_JOINED, stream(16.0))
    whole = (*cut, stream(22.0))

    assert load_points((*cut, EndRecord(elapsed_s=16.5, validity="interrupted"))) == ()
    assert len(load_points(whole)) == 1


def test_the_latest_step_can_be_asked_for_while_the_run_goes_on():
    aggregate = Aggregate()
    assert aggregate.latest() is None
    aggregate.add(synthetic_header())
    aggregate.add(step())
    assert aggregate.latest() is None
    for record in (*ALL_JOINED, *(stream(14.5 + n) for n in range(8))):
        aggregate.add(record)

    point = aggregate.latest()

    assert point is not None
    assert point.join_success == 1.0


def test_percentiles_are_the_nearest_rank_of_the_samples():
    samples = list(np.random.default_rng(3).lognormal(0, 1, size=37))

    found = percentiles(samples)

    assert found is not None
    for share, value in ((50, found.p50), (95, found.p95)):
        assert value == np.percentile(samples, share, method="inverted_cdf")
    assert found.max == max(samples)
    assert found.count == 37
    assert found.missing == 0


def test_no_samples_have_no_percentiles():
    assert percentiles([]) is None


def test_percentiles_of_merged_samples_are_not_the_average_of_percentiles():
    calm, slow = [0.1] * 95, [9.0] * 5

    merged = percentiles(calm + slow)

    assert merged is not None
    assert merged.p95 == 0.1
    assert merged.max == 9.0


def cut(elapsed_s: float, participant: int = 0) -> RefusalReport:
    return RefusalReport(
        elapsed_s=elapsed_s,
        participant=participant,
        meeting=0,
        what="graphql socket",
        outcome="dropped",
        code="graphql 1006",
    )


def test_who_was_cut_off_and_hears_nothing_any_more_is_dropped():
    joined = (step(), join(0, 10.5), join(1, 10.5))
    heard = (stream(15.0, participant=0), stream(15.0, participant=1))

    last = stream(16.2, participant=0)  # speaks of the time before
    gone = only_point(*joined, *heard, cut(16.0), last, stream(18.0, participant=1))
    back = only_point(*joined, *heard, cut(16.0), last, stream(18.0, participant=0))

    assert gone.dropped == pytest.approx(0.5)
    assert back.dropped == 0


def test_a_step_told_ahead_of_its_time_leaves_what_still_comes_to_the_one_before():
    joined = (step(), join(0, 10.5), join(1, 10.5), stream(15.0), cut(16.0))

    told_ahead = only_point(*joined, step(1), stream(18.0))

    assert told_ahead.dropped == 0
    assert told_ahead.ends_s == 22


@pytest.mark.parametrize("planned_s", [12.0, 13.0, 20.0])
def test_streams_are_seen_though_the_run_ends_before_its_plan(planned_s):
    aggregate = Aggregate()
    for record in run_records():
        if isinstance(record, StepRecord):
            if record.step == 1:
                break
            record = replace(record, duration_s=planned_s)
        aggregate.add(record)
    aggregate.add(EndRecord(elapsed_s=13.0, validity="valid"))

    (point,) = aggregate.points()

    assert point.streams_seen == pytest.approx(reference().streams_seen, rel=0.1)


def reference():
    aggregate = Aggregate()
    for record in run_records():
        aggregate.add(record)
    return aggregate.points()[0]
