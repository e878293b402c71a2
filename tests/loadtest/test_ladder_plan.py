"""What a benchmark's limits leave room for on a given machine."""

from dataclasses import replace

import pytest

from loadtest.generator import needs_of, shortfalls
from loadtest.ladder_plan import fitting
from loadtest.machine import Machine
from loadtest.profiles import USUAL_PROFILES
from loadtest.streams import streams_of

MACHINE = Machine(
    cores=2.0,
    memory_bytes=10**10,
    descriptors=10**6,
    udp_ports=10**6,
    uplink_bps=None,
    conntrack_free=None,
)


@pytest.mark.parametrize("profile", USUAL_PROFILES, ids=lambda each: each.name)
def test_what_fits_needs_no_more_than_the_machine_has_and_one_meeting_more_does(
    profile,
):
    fits = fitting((profile,), 10_000, MACHINE, engines=2)

    assert fits % profile.size == 0
    assert shortfalls(needs_of(streams_of(profile, fits)), MACHINE) == ()
    assert shortfalls(needs_of(streams_of(profile, fits + profile.size)), MACHINE)


def test_the_dearest_profile_decides_for_all():
    each = [fitting((one,), 10_000, MACHINE, engines=2) for one in USUAL_PROFILES]

    assert fitting(USUAL_PROFILES, 10_000, MACHINE, engines=2) == min(each)


def test_an_engine_has_one_core_however_many_are_here():
    large = replace(MACHINE, cores=64.0)

    one = fitting(USUAL_PROFILES, 10_000, large, engines=1)
    assert one < fitting(USUAL_PROFILES, 10_000, large, engines=2)
    assert one == fitting(USUAL_PROFILES, 10_000, MACHINE, engines=1)


def test_no_more_fits_than_was_asked_for_and_nothing_where_a_meeting_is_too_much():
    assert fitting(USUAL_PROFILES, 80, replace(MACHINE, cores=64.0), engines=64) == 80
    assert fitting(USUAL_PROFILES, 80, replace(MACHINE, cores=0.01), engines=1) == 0
