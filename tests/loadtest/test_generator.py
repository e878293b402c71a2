"""What a population needs of its generator, against the arithmetic done by hand."""

from dataclasses import replace

import pytest

from loadtest.generator import needs_of, shortfalls, traffic_of
from loadtest.machine import Machine
from loadtest.streams import Streams

LARGE = Machine(
    cores=64.0,
    memory_bytes=10**12,
    descriptors=10**6,
    udp_ports=60_000,
    uplink_bps=1e11,
    conntrack_free=10**6,
)
ALL_CAMERAS = Streams(
    participants=100, audio_in=100, audio_out=100, video_in=100, video_out=900
)


def test_traffic_is_what_each_stream_weighs_on_the_wire():
    sent, received = traffic_of(Streams(participants=2, audio_in=1, video_out=5))

    assert sent == 50 * 130 * 8
    assert received == 5 * (200_000 + 30 * 50 * 8)


def test_a_viewer_of_five_cameras_takes_about_one_megabit():
    assert traffic_of(Streams(audio_out=1, video_out=5))[1] == pytest.approx(
        1.1e6, rel=0.05
    )


def test_needs_grow_with_the_streams_and_fit_one_engine_a_core():
    one, two = needs_of(ALL_CAMERAS), needs_of(ALL_CAMERAS.times(2))

    assert two.cores == pytest.approx(2 * one.cores)
    assert one.cores <= one.engines < one.cores + 1
    assert one.udp_ports == 100 + 100 + 900
    assert one.descriptors < 200 + one.udp_ports + 4 * 100 + 1


def test_nobody_needs_one_engine_and_nothing_else():
    nobody = needs_of(Streams())

    assert (nobody.cores, nobody.engines, nobody.udp_ports) == (0, 1, 0)


def test_a_machine_that_is_large_enough_lacks_nothing():
    assert shortfalls(needs_of(ALL_CAMERAS), LARGE) == ()


@pytest.mark.parametrize(
    ("lack", "sentence"),
    [
        ({"cores": 1.0}, "use a machine of 2 cores"),
        ({"memory_bytes": 10**8}, "of memory are needed and 0.1 GB are free"),
        ({"descriptors": 256}, "ulimit -Hn"),
        ({"udp_ports": 1000}, "ip_local_port_range"),
        ({"conntrack_free": 100}, "nf_conntrack_max"),
        ({"uplink_bps": 1e8}, "use one of 1 Gbit/s"),
    ],
)
def test_what_is_too_small_is_named_with_the_size_that_fits(lack, sentence):
    (found,) = shortfalls(needs_of(ALL_CAMERAS), replace(LARGE, **lack))

    assert sentence in found


def test_what_a_machine_does_not_tell_refuses_nothing():
    unknown = Machine(
        cores=64.0,
        memory_bytes=None,
        descriptors=None,
        udp_ports=None,
        uplink_bps=None,
        conntrack_free=None,
    )

    assert shortfalls(needs_of(ALL_CAMERAS), unknown) == ()
