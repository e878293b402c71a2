"""Which limit was met first, from what the first bad step measured."""

from dataclasses import replace
from typing import Any

import pytest

from loadtest.aggregate import Aggregate
from loadtest.capacity import capacity_of
from loadtest.limits import limit_met
from loadtest.models import Limit, LoadPoint, NodeSample, Percentiles, StepRecord
from loadtest.nodes import difference, read_scrape
from loadtest.summary import profile_line
from tests.support.runs import (
    GROUPS,
    SyntheticNode,
    synthetic_header,
    synthetic_point,
)

CALM: dict[str, Any] = {"node_cpu_ratio": 0.2, "node_cores": 8.0}
LOSSLESS = Percentiles(count=20, p50=0.0, p95=0.0, max=0.0)
LOSSY = Percentiles(count=20, p50=0.03, p95=0.04, max=0.05)
SOME_LOSSY = Percentiles(count=20, p50=0.0, p95=0.04, max=0.05)


def plain(participants: int) -> LoadPoint:
    return synthetic_point(SyntheticNode(), GROUPS, participants, step=0)


def bad(**changes: Any) -> LoadPoint:
    point = plain(12)
    calm = CALM | {"audio_loss": LOSSLESS, "video_loss": LOSSLESS}
    return replace(point, **(calm | changes))


@pytest.mark.parametrize(
    ("changes", "broken", "limit", "shown"),
    [
        ({"node_cpu_ratio": 0.9}, ("cpu",), "cpu", "90% of 8 cores"),
        (
            {"node_busiest": "mediasoup-worker", "node_busiest_cores": 0.97},
            ("video loss",),
            "one process",
            "mediasoup-worker used 0.97 cores of 8",
        ),
        ({"nic_ratio": 0.96}, ("audio loss", "video loss"), "nic", "96% of its speed"),
        ({"node_memory_ratio": 0.99}, ("dropped",), "memory", "99% of the memory"),
        (
            {"refusals": (("2002", 4),)},
            ("first audio",),
            "udp ports",
            "4 refusals with 2002",
        ),
        (
            {"refusals": (("connections_limit_exceeded", 3),)},
            ("join success",),
            "connection cap",
            "3 refusals with connections_limit_exceeded",
        ),
        (
            {"nic_ratio": 0.7, "nic_ratio_most": 1.0},
            ("join success",),
            "nic",
            "100% of its speed at most",
        ),
        (
            {"refusals": (("http 429", 5),)},
            ("join success",),
            "join rate",
            "5 refusals with http 429",
        ),
        (
            {"join_rate": 2.04, "join_rate_asked": 10.0},
            ("join time", "first audio"),
            "join rate",
            "2.04 joins a second were let in, 10 were asked for",
        ),
        (
            {"join_rate": 9.0, "join_rate_asked": 10.0},
            ("join time",),
            "quality without cpu",
            "join time broke",
        ),
        (
            {"join_rate": 2.0, "join_rate_asked": 10.0, "audio_loss": SOME_LOSSY},
            ("join time", "audio loss"),
            "quality without cpu",
            "audio loss broke",
        ),
        (
            {"audio_loss": LOSSY, "video_loss": LOSSY},
            ("video loss", "audio loss"),
            "path",
            "every stream lost packets",
        ),
        (
            {"audio_loss": LOSSY},
            ("audio loss",),
            "quality without cpu",
            "audio loss broke",
        ),
        (
            {"audio_loss": SOME_LOSSY, "video_loss": SOME_LOSSY},
            ("audio loss",),
            "quality without cpu",
            "the node used 20% of its CPU",
        ),
    ],
)
def test_what_ran_out_is_named_by_what_shows_it(
    changes: dict[str, Any], broken: tuple[Limit, ...], limit: str, shown: str
):
    met = limit_met(bad(**changes), broken, broken[0])

    assert met.limit == limit
    assert shown in " ".join(met.evidence)


@pytest.mark.parametrize("ratio", [None, 0.7])
def test_nothing_is_named_where_nothing_shows_it(ratio: float | None):
    met = limit_met(bad(node_cpu_ratio=ratio), ("join time",), "join time")

    assert (met.limit, met.evidence) == ("", ())


def test_a_process_at_one_core_of_one_is_the_nodes_own_cpu():
    point = bad(node_cores=1.0, node_busiest="x", node_busiest_cores=0.95)

    assert limit_met(point, ("freezes",), "freezes").limit != "one process"


def test_a_full_card_is_named_before_the_loss_that_it_makes():
    point = bad(nic_ratio=0.99, audio_loss=LOSSY, video_loss=LOSSY)

    assert limit_met(point, ("audio loss",), "audio loss").limit == "nic"


def test_loss_on_the_path_is_never_a_capacity():
    good = replace(plain(6), **CALM)
    points = [good, bad(audio_loss=LOSSY, video_loss=LOSSY)]

    found = capacity_of(synthetic_header(), points, profiles=(GROUPS,)).profiles[0]

    assert found.limit_met == "path"
    assert found.capacity is None
    assert found.low is found.high is None
    assert "the path, and not the node" in profile_line(found)


def test_a_found_capacity_says_what_ran_out_and_what_shows_it():
    good = replace(plain(6), **CALM)
    points = [good, bad(nic_ratio=0.97, audio_loss=LOSSY, video_loss=LOSSY)]

    found = capacity_of(synthetic_header(), points, profiles=(GROUPS,)).profiles[0]

    assert found.limit_met == "nic"
    assert found.capacity is not None
    assert "met: nic (the network card carried 97% of its speed)" in profile_line(found)


@pytest.mark.parametrize("inside", [7.6, 8.0, 8.4])
def test_a_connection_cap_is_counted_and_not_estimated(inside):
    good = replace(plain(6), **CALM)
    refused = (("connections_limit_exceeded", 4),)
    full = bad(refusals=refused, join_success=2 / 6, present=8.0, present_at_end=inside)

    capacity = capacity_of(synthetic_header(), [good, full], profiles=(GROUPS,))
    found = capacity.profiles[0]

    assert found.limit_met == "connection cap"
    assert (found.capacity, found.low, found.high) == (8.0, 7.0, 9.0)


def test_the_speed_of_the_fastest_card_is_read_and_a_virtual_one_tells_none():
    text = (
        'node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle}\n'
        'node_network_speed_bytes{{device="eth0"}} 125000000\n'
        'node_network_speed_bytes{{device="veth1"}} -1\n'
    )
    before = read_scrape(text.format(idle=1), 0.0)
    sample = difference("node", before, read_scrape(text.format(idle=2), 1.0))

    assert sample is not None
    assert sample.nic_bps == 1e9


def test_a_step_keeps_the_evidence_of_its_samples():
    aggregate = Aggregate()
    header = synthetic_header()
    aggregate.add(header)
    aggregate.add(step())
    for second in range(1, 31):
        aggregate.add(
            NodeSample(
                elapsed_s=float(second),
                node="node",
                cpu_s=(("node", 0.5),),
                interval_s=1.0,
                cores=8.0,
                memory_bytes=90 + second // 10,
                memory_total_bytes=100,
                received_bytes=0,
                sent_bytes=112_500,
                busiest="freeswitch",
                busiest_cores=0.4 if second == 20 else 0.3,
                nic_bps=1e6,
            )
        )

    point = aggregate.latest()

    assert point is not None
    assert point.nic_ratio == point.nic_ratio_most == pytest.approx(0.9)
    assert point.repeat == 2
    assert (point.node_busiest, point.node_busiest_cores) == ("freeswitch", 0.4)
    assert point.node_memory_ratio == pytest.approx(0.93, abs=0.011)


def step() -> StepRecord:
    return StepRecord(
        elapsed_s=0.0,
        step=0,
        profile=GROUPS.name,
        participants=3,
        meetings=1,
        duration_s=30.0,
        warm_up_s=10.0,
        repeat=2,
    )
