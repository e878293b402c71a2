"""What a run will load, against sums that can be done by hand."""

import itertools
import re

import pytest

from bots.errors import ConfigError
from bots.wire import Caps
from loadtest.generator import AUDIO_BPS, CAMERA_BPS
from loadtest.machine import Machine
from loadtest.models import MeetingProfile, Slo
from loadtest.occupancy import Load
from loadtest.preview import (
    check_engines,
    check_rate,
    drawing_of,
    lines_of,
    preview_of,
    preview_of_plan,
)
from loadtest.stages import PlannedStep, RunPlan
from loadtest.streams import Streams

MACHINE = Machine(
    cores=8.0,
    memory_bytes=10**10,
    descriptors=10**5,
    udp_ports=28_232,
    uplink_bps=1e9,
    conntrack_free=None,
)
PAIR = MeetingProfile(
    name="pair", size=2, cameras=1, microphones=2, listeners=0, moderators=1
)


def load(elapsed_s, participants, meetings=1, **streams):
    return Load(
        elapsed_s=elapsed_s,
        meetings=meetings,
        streams=Streams(participants=participants, **streams),
    )


def test_the_totals_are_the_areas_under_the_course():
    course = (
        load(0.0, 0, 0),
        load(10.0, 4, 2, audio_in=4, audio_out=4),
        load(20.0, 2, 1, audio_out=2, video_in=1, video_out=1),
    )

    found = preview_of(course, duration_s=50.0, meetings=2, machine=MACHINE)

    assert found.sent_bytes == (10 * 4 * AUDIO_BPS + 30 * CAMERA_BPS) / 8
    assert (
        found.received_bytes
        == (10 * 4 * AUDIO_BPS + 30 * (2 * AUDIO_BPS + CAMERA_BPS)) / 8
    )
    assert (found.peak_participants, found.peak_meetings) == (4, 2)
    assert found.peak.audio_in == 4
    assert found.shortfalls == ()


def test_the_drawing_shows_the_course_and_its_ends():
    course = (load(0.0, 8), load(30.0, 4), load(60.0, 0))

    lines = drawing_of(
        preview_of(course, duration_s=90.0, meetings=1, machine=MACHINE), width=9
    )

    top, middle = lines[0], lines[5]
    assert top == "     8 │███"
    assert middle == "       │██████"
    assert lines[-1].endswith("1 min 30 s")
    heights = [line.count("█") for line in lines[:8]]
    assert all(low <= high for low, high in itertools.pairwise(heights))


def test_steps_are_a_course_and_their_meetings_are_used_again():
    plan = RunPlan(
        profiles=(PAIR,),
        slo=Slo(),
        caps=Caps(),
        steps=tuple(
            PlannedStep(profile=PAIR, participants=n, duration_s=20.0, warm_up_s=5.0)
            for n in (2, 6)
        ),
    )

    found = preview_of_plan(plan, MACHINE)

    assert (found.meetings, found.peak_participants) == (3, 6)
    assert found.duration_s == pytest.approx(40.0, abs=3.0)
    assert (found.peak.video_in, found.peak.video_out) == (3, 3)
    assert not found.is_bound


@pytest.mark.parametrize(
    "words",
    ["6 participants in 3 meetings", "8.0 cores", "6 microphones", "GB", "UDP ports"],
)
def test_the_head_of_a_run_says_what_it_will_load(words):
    plan = RunPlan(
        profiles=(PAIR,),
        slo=Slo(),
        caps=Caps(),
        steps=(
            PlannedStep(profile=PAIR, participants=6, duration_s=20.0, warm_up_s=5.0),
        ),
    )

    assert words in "\n".join(lines_of(preview_of_plan(plan, MACHINE)))


def test_a_load_that_needs_more_engines_than_ordered_is_refused_with_their_number():
    course = (load(0.0, 100, video_out=2_000),)
    found = preview_of(course, duration_s=9.0, meetings=1, machine=MACHINE)
    assert found.shortfalls == ()

    check_engines(found, 3)
    with pytest.raises(ConfigError, match=r"2\.4 cores are needed .* --engines 3, or"):
        check_engines(found, 2)


def test_one_is_not_said_in_the_plural():
    course = (load(0.0, 2, audio_in=1, video_in=1, audio_out=2),)
    found = preview_of(course, duration_s=9.0, meetings=1, machine=MACHINE)

    said = "\n".join(lines_of(found))

    assert "2 participants in 1 meeting at once, 1 meeting made in all" in said
    assert "at the top: 1 microphone and 1 camera or screen to the server" in said
    assert "1 engine, memory" in said
    assert re.search(r"; in all \d\.\d MB\n", said)


def test_a_load_above_the_wanted_rate_is_refused_with_what_fits():
    course = (load(0.0, 10, video_out=100),)
    found = preview_of(course, duration_s=9.0, meetings=1, machine=MACHINE)

    check_rate(found, 22e6)
    with pytest.raises(ConfigError, match=r"--max-rate 10Mbit: about 4 of the 10"):
        check_rate(found, 10e6)
