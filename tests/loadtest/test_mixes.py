"""Mixes become seats: exact for a meeting of the mix's size, fair over all others."""

from collections import Counter

import pytest

from bots.errors import ConfigError
from bots.models import Persona
from bots.persona import PERSONAS
from loadtest.mixes import Apportionment, profile_of_mix, resized, seats_of
from loadtest.models import SeatGroup
from loadtest.population import plan_participant
from loadtest.streams import Streams, streams_of_meeting


def mix(**counts):
    return tuple(
        SeatGroup(persona=PERSONAS[name], count=count) for name, count in counts.items()
    )


LESSON = mix(presenter=1, camera=6, student=13, listener=6, flapping=1)


def counted(groups):
    return {group.persona.name: group.count for group in groups}


def test_a_meeting_of_the_mixs_own_size_has_exactly_the_mix():
    apportionment = Apportionment(LESSON)

    meetings = [counted(apportionment.next(27)) for _ in range(5)]

    assert meetings == [counted(LESSON)] * 5


@pytest.mark.parametrize("sizes", [[3] * 90, [28, 2, 9, 400], [1] * 50, [10, 11] * 13])
def test_over_all_meetings_no_persona_is_a_whole_seat_from_its_share(sizes):
    apportionment = Apportionment(LESSON)
    seen, others = Counter(), 0

    for size in sizes:
        groups = counted(apportionment.next(size))
        assert sum(groups.values()) == size
        assert groups.pop("presenter") == 1
        seen.update(groups)
        others += size - 1
        for group in LESSON[1:]:
            owed = others * group.count / 26 - seen[group.persona.name]
            assert abs(owed) < 1


def test_a_small_meeting_still_has_its_leader_and_a_rare_persona_comes_in_time():
    apportionment = Apportionment(LESSON)

    meetings = [counted(apportionment.next(3)) for _ in range(26)]

    assert all(meeting["presenter"] == 1 for meeting in meetings)
    assert sum("flapping" in meeting for meeting in meetings) == 2


def test_a_meeting_half_full_has_about_half_of_everything():
    seats = seats_of(mix(presenter=1, camera=10, listener=10))

    assert [seat.name for seat in seats[:1]] == ["presenter"]
    assert Counter(seat.name for seat in seats[1:11]) == {"camera": 5, "listener": 5}
    assert Counter(seat.name for seat in seats) == {
        "presenter": 1,
        "camera": 10,
        "listener": 10,
    }


def test_a_mix_of_leaders_alone_fills_any_meeting():
    chair = Persona(name="chair", role="moderator")

    assert counted(Apportionment((SeatGroup(persona=chair, count=2),)).next(5)) == {
        "chair": 5
    }


def test_the_profile_of_a_mix_counts_who_does_what():
    profile = profile_of_mix("lesson", LESSON)

    assert (profile.size, profile.cameras, profile.microphones) == (27, 7, 20)
    assert (profile.listeners, profile.moderators) == (7, 1)
    assert resized(profile, 10).size == 10


def test_without_a_leader_the_first_seat_is_the_moderators():
    profile = profile_of_mix("talk", mix(listener=3))

    plans = [
        plan_participant(profile, place=place, number=place, first_meeting=0, seed=1)
        for place in range(3)
    ]

    assert [plan.role for plan in plans] == ["moderator", "viewer", "viewer"]


def test_the_plans_of_a_mix_keep_the_personas_habits_and_their_paths():
    profile = profile_of_mix("all", mix(presenter=1, phone=1, late=1, flapping=1))

    plans = {
        plan.persona: plan
        for plan in (
            plan_participant(profile, place=p, number=p, first_meeting=0, seed=1)
            for p in range(4)
        )
    }

    assert plans["presenter"].shares_screen
    assert plans["phone"].camera_view_limit == 0
    assert not plans["phone"].habits.views_screen
    assert plans["late"].habits.join_delay_most_s == 120.0
    assert plans["flapping"].habits.drops_every_s == 30.0
    assert len({plan.seed for plan in plans.values()}) == 4


def test_the_streams_of_a_mix_are_those_of_its_seats():
    # presenter and two cameras; the phone sees neither camera nor screen
    profile = profile_of_mix(
        "m", mix(presenter=1, camera=2, listener=3, phone=1, lurker=1)
    )

    assert streams_of_meeting(profile) == Streams(
        participants=8,
        audio_in=4,
        audio_out=7,
        video_in=3,
        video_out=2 + 2 * 2 + 3 * 3 + 0 + 3,
        screen_in=1,
        screen_out=2 + 3 + 0 + 1,
    )
    assert streams_of_meeting(profile).both_ways == 4 + 7 + 3 + 18 + 1 + 6


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ((), "without participants"),
        (mix(listener=0), "without participants"),
        (mix(presenter=2), "BBB shows one"),
        (
            (SeatGroup(persona=Persona(name="x", shares_screen=True), count=1),),
            "only a presenter may",
        ),
        (
            (
                SeatGroup(persona=Persona(name="chair", role="moderator"), count=1),
                *mix(presenter=1),
            ),
            "chair would be presenter",
        ),
    ],
)
def test_a_mix_that_no_meeting_can_have_is_refused(groups, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Apportionment(groups)
