"""Readings -> samples: gaps, roles, one source for each process, the best clock."""

import pytest

from loadtest.models import NodeSample
from loadtest.nodes import read_scrape
from loadtest.watching.node_watch import NodeWatch
from loadtest.watching.reading import ClockOffset, ProcessCpu, Processes, Reading
from loadtest.watching.roles import kind_of
from tests.loadtest.test_nodes import text_of


def machine(elapsed_s, *, steal=0.0, **changes):
    steal_line = f'node_cpu_seconds_total{{cpu="0",mode="steal"}} {steal}'
    text = text_of(extra=steal_line, **changes)
    return Reading(machine=read_scrape(text, elapsed_s), participants=17)


def processes(elapsed_s, is_whole=True, **cpu_s):
    found = tuple(
        ProcessCpu(key=name, name=name.replace("_", "-"), cpu_s=value)
        for name, value in cpu_s.items()
    )
    return Reading(
        processes=Processes(elapsed_s=elapsed_s, cpu=found, is_whole=is_whole)
    )


def test_a_missed_reading_is_a_gap_that_the_next_one_spans():
    watch = NodeWatch("10.0.0.5:9100")

    samples = [
        watch.receive([machine(1.0)]),
        watch.receive([None]),
        watch.receive([None]),
        watch.receive([machine(4.0, user=13.0, idle=91.5)]),
    ]

    assert samples[:3] == [None, None, None]
    sample = samples[3]
    assert isinstance(sample, NodeSample)
    assert (sample.interval_s, dict(sample.cpu_s)["node"]) == (3.0, 3.0)
    assert watch.missed == 2
    assert sample.participants == 17


def test_steal_and_roles_stand_beside_the_whole_node():
    watch = NodeWatch("n")
    watch.receive(
        [machine(0.0), processes(0.2, freeswitch=5.0, mediasoup_worker=1.0, sshd=1.0)]
    )

    sample = watch.receive(
        [
            machine(2.0, user=12.0, steal=0.5, idle=91.0),
            processes(2.2, freeswitch=6.0, mediasoup_worker=2.8, sshd=1.0),
        ]
    )

    assert dict(sample.cpu_s) == pytest.approx(
        {"node": 2.5, "steal": 0.5, "audio": 1.0, "video": 1.8, "other": 0.0}
    )
    # 0.9 of its one core, before FreeSWITCH's 0.5 of two
    assert (sample.busiest, sample.busiest_cores) == (
        "mediasoup-worker",
        pytest.approx(0.9),
    )


def test_a_process_that_two_sources_tell_counts_once():
    watch = NodeWatch("n")
    for second in (0.0, 1.0):
        sample = watch.receive(
            [
                machine(second, user=10 + second, idle=90 + second),
                processes(second, is_whole=False, bbb_webrtc_sfu=second),
                processes(second, bbb_webrtc_sfu=second, nginx=second / 2),
            ]
        )

    assert dict(sample.cpu_s)["signalling"] == pytest.approx(1.0)
    assert dict(sample.cpu_s)["web"] == pytest.approx(0.5)


def test_roles_are_absent_while_their_source_is_missed():
    watch = NodeWatch("n")
    watch.receive([machine(0.0), processes(0.0, redis=1.0)])
    watch.receive([machine(1.0, user=11), processes(1.0, redis=1.5)])

    sample = watch.receive([machine(2.0, user=12), None])

    assert "database" not in dict(sample.cpu_s)
    assert sample.busiest == ""


def test_a_new_process_and_one_that_ended_are_left_out():
    watch = NodeWatch("n")
    watch.receive([machine(0.0), processes(0.0, nginx=9.0)])

    sample = watch.receive([machine(1.0, user=11), processes(1.0, ffmpeg=50.0)])

    assert dict(sample.cpu_s)["recording"] == 0.0
    assert "web" not in dict(sample.cpu_s)


def test_the_best_bounded_clock_counts():
    watch = NodeWatch("n")
    watch.receive([machine(0.0)])
    for second, offset_s, bound_s in ((1, 0.5, 0.002), (2, 0.9, 0.4)):
        reading = machine(float(second), user=10.0 + second)
        told = Reading(clock=ClockOffset(offset_s=offset_s, bound_s=bound_s))
        sample = watch.receive([reading, told])

    assert (sample.clock_offset_s, sample.clock_bound_s) == (0.5, 0.002)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("freeswitch", "audio"),
        ("bbb-fsesl-akka.service", "signalling"),
        ("mediasoup-worke", "video"),
        ("bbb-webrtc-sfu.service", "signalling"),
        ("bbb-webrtc-recorder.service", "recording"),
        ("bbb-rap-resque-worker.service", "recording"),
        ("bbb-apps-akka.service", "signalling"),
        ("bbb-graphql-mid", "database"),
        ("hasura-graphql-engine", "database"),
        ("bbb-graphql-server@8085.service", "database"),
        ("postgres", "database"),
        ("redis-server", "database"),
        ("nginx", "web"),
        ("bbb-web.service", "web"),
        ("systemd-journal", "other"),
    ],
)
def test_every_part_of_a_node_has_its_role(name, role):
    assert kind_of(name).role == role
