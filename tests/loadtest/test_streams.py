"""Streams of a meeting, against the published arithmetic."""

import pytest

from bots.errors import ConfigError
from loadtest.models import MeetingProfile
from loadtest.population import plan_participant
from loadtest.profiles import SMALL_PROFILES, USUAL_PROFILES, contrast_of
from loadtest.streams import check_profile, streams_of, streams_of_meeting


def profile(**changes: int) -> MeetingProfile:
    fields = {"size": 20, "cameras": 20, "microphones": 20, "listeners": 0} | changes
    return MeetingProfile(name="test", **fields)


def test_twenty_cameras_without_paging_are_400_streams_as_the_bbb_faq_says():
    streams = streams_of_meeting(profile(camera_page=100))

    assert (streams.video_in, streams.video_out) == (20, 380)


def test_one_camera_among_twenty_is_19_streams_out_and_one_in():
    streams = streams_of_meeting(profile(cameras=1))

    assert streams.video_in + streams.video_out == 20


def test_a_viewer_sees_a_page_and_a_moderator_sees_all():
    streams = streams_of_meeting(profile(moderators=1, camera_page=5))

    assert streams.video_out == 19 + 19 * 5


def test_everyone_with_audio_receives_one_stream():
    streams = streams_of_meeting(profile(microphones=2, listeners=8))

    assert (streams.audio_in, streams.audio_out) == (2, 10)


@pytest.mark.parametrize("each", SMALL_PROFILES + USUAL_PROFILES)
@pytest.mark.parametrize("meetings", [1, 2, 5])
def test_the_counts_are_those_of_the_participants_that_the_load_is_made_of(
    each: MeetingProfile, meetings: int
):
    plans = [
        plan_participant(each, place=place, number=place, first_meeting=0, seed=1)
        for place in range(meetings * each.size)
    ]
    cameras = [plan.meeting_number for plan in plans if plan.shares_camera]
    seen = 0
    for plan in plans:
        others = cameras.count(plan.meeting_number) - plan.shares_camera
        limit = plan.camera_view_limit
        seen += others if limit is None else min(others, limit)

    streams = streams_of(each, len(plans))

    assert streams.participants == len(plans)
    assert streams.audio_in == sum(plan.audio == "microphone" for plan in plans)
    assert streams.audio_out == sum(plan.audio != "none" for plan in plans)
    assert streams.video_in == len(cameras)
    assert streams.video_out == seen


def test_a_meeting_that_is_not_full_has_its_first_members():
    talks = SMALL_PROFILES[0]

    streams = streams_of(talks, talks.size + 3)

    assert streams.participants == talks.size + 3
    assert streams.video_out == (talks.size - 1) + 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 0}, "size 0"),
        ({"cameras": 21}, "21 cameras"),
        ({"microphones": -1}, "-1 microphones"),
        ({"microphones": 12, "listeners": 9}, "more than the meeting of 20"),
        ({"camera_page": -1}, "camera page -1"),
    ],
)
def test_an_impossible_profile_is_refused_by_its_number(
    changes: dict[str, int], words: str
):
    with pytest.raises(ConfigError, match=words):
        check_profile(profile(**changes))


@pytest.mark.parametrize("each", SMALL_PROFILES + USUAL_PROFILES)
def test_default_profiles_and_their_contrasts_are_possible(each: MeetingProfile):
    contrast = contrast_of(each)

    assert check_profile(each) == each
    assert contrast is not None
    assert check_profile(contrast).size == each.size
