"""Places, and who sits in them: exact counts, filled without holes, seeded."""

from collections import Counter
from dataclasses import replace

import pytest

from loadtest.models import MeetingProfile
from loadtest.population import Places, meetings_for, plan_participant
from loadtest.streams import streams_of_meeting

CLASS = MeetingProfile(
    name="classes", size=10, cameras=4, microphones=6, listeners=3, moderators=1
)


def plans_of(profile, count, seed=1, first_meeting=0):
    return [
        plan_participant(
            profile, place=place, number=place, first_meeting=first_meeting, seed=seed
        )
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("size", "cameras", "microphones", "listeners", "moderators"),
    [(1, 0, 0, 0, 0), (5, 2, 5, 0, 1), (10, 4, 6, 3, 2), (3, 3, 0, 3, 3)],
)
def test_every_full_meeting_has_exactly_the_mix_of_its_profile(
    size, cameras, microphones, listeners, moderators
):
    profile = MeetingProfile(
        name="p",
        size=size,
        cameras=cameras,
        microphones=microphones,
        listeners=listeners,
        moderators=moderators,
    )

    for meeting in range(3):
        plans = plans_of(profile, 3 * size)[meeting * size : (meeting + 1) * size]
        audio = Counter(plan.audio for plan in plans)

        assert {plan.meeting_number for plan in plans} == {meeting}
        assert sum(plan.shares_camera for plan in plans) == cameras
        assert audio["microphone"] == microphones
        assert audio["listen only"] == listeners
        assert sum(plan.role == "moderator" for plan in plans) == moderators


def test_the_plans_agree_with_the_arithmetic_of_streams():
    plans = plans_of(CLASS, CLASS.size)
    streams = streams_of_meeting(CLASS)
    seen = sum(
        min(
            CLASS.cameras - plan.shares_camera,
            CLASS.size if plan.camera_view_limit is None else plan.camera_view_limit,
        )
        for plan in plans
    )

    assert seen == streams.video_out
    assert sum(plan.audio == "microphone" for plan in plans) == streams.audio_in
    assert sum(plan.audio != "none" for plan in plans) == streams.audio_out


def test_a_moderator_sees_all_cameras_and_a_viewer_a_page():
    moderator, *viewers = plans_of(CLASS, CLASS.size)

    assert moderator.camera_view_limit is None
    assert {viewer.camera_view_limit for viewer in viewers} == {5}


def test_the_same_seed_gives_the_same_plans_and_another_does_not():
    assert plans_of(CLASS, 20, seed=4) == plans_of(CLASS, 20, seed=4)
    assert plans_of(CLASS, 20, seed=4) != plans_of(CLASS, 20, seed=5)
    assert len({plan.seed for plan in plans_of(CLASS, 200)}) == 200


def test_later_meetings_get_numbers_of_their_own():
    plans = plans_of(CLASS, 15, first_meeting=7)

    assert [plan.meeting_number for plan in plans] == [7] * 10 + [8] * 5


def test_the_lowest_free_place_is_taken_first():
    places = Places()
    assert [places.take() for _ in range(5)] == [0, 1, 2, 3, 4]

    places.give_back(3)
    places.give_back(1)
    places.give_back(1)

    assert [places.take() for _ in range(3)] == [1, 3, 5]
    assert len(places) == 6


@pytest.mark.parametrize(("count", "meetings"), [(0, 0), (1, 1), (10, 1), (11, 2)])
def test_meetings_for_a_population(count, meetings):
    assert meetings_for(CLASS, count) == meetings


def test_one_in_so_many_participants_decodes():
    plans = plans_of(replace(CLASS, decode_every=50), 200)

    assert [p.number for p in plans if p.depth == "decode"] == [0, 50, 100, 150]
    assert {p.depth for p in plans} == {"light", "decode"}
