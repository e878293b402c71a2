"""Scenarios become visits, visits become counts: exact, seeded, by brute force too."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from bots.errors import ConfigError
from bots.persona import PERSONAS
from bots.plain import from_plain, to_plain
from bots.wire import Caps
from loadtest.benchmark import Ladder
from loadtest.expected import expected_of, load_at
from loadtest.generator import traffic_of
from loadtest.itinerary import itinerary_of, plan_of_visit
from loadtest.ladder_plan import LadderPlan
from loadtest.models import MeetingProfile, SeatGroup, Slo
from loadtest.occupancy import Occupancy
from loadtest.profiles import SMALL_PROFILES
from loadtest.scenario import (
    Arrival,
    BurstPlan,
    MeetingKind,
    Scenario,
    SizeShare,
    Stage,
    duration_of,
    scaled,
)
from loadtest.stages import RunPlan, fixed_plan, peak_of, scenario_plan
from loadtest.streams import Streams, streams_of
from tests.support.runs import SyntheticNode, climb


def mix(**counts):
    return tuple(
        SeatGroup(persona=PERSONAS[name], count=count) for name, count in counts.items()
    )


LESSONS = MeetingKind(
    name="lesson",
    mix=mix(presenter=1, camera=4, listener=5),
    sizes=(SizeShare(size=10),),
)
TALKS = MeetingKind(
    name="talk",
    mix=mix(talker=1, listener=9),
    sizes=(SizeShare(size=20, weight=3), SizeShare(size=5)),
)


def scenario(*stages, kinds=(LESSONS,), **more):
    return Scenario(
        name="test",
        kinds=kinds,
        stages=tuple(
            Stage(participants=n, over_s=over, hold_s=hold) for n, over, hold in stages
        ),
        **more,
    )


def plan_for(asked, seed=1):
    return scenario_plan(asked, slo=Slo(), seed=seed, caps=Caps())


def test_a_closed_population_follows_the_stages_exactly():
    expected = expected_of(plan_for(scenario((20, 10, 30), (40, 20, 20), (0, 10, 5))))

    counts = [load_at(expected, s).participants for s in (0, 5, 10, 39, 50, 70, 85, 91)]
    assert counts == [0, 10, 20, 20, 30, 40, 20, 0]
    assert load_at(expected, 30).meetings == 2
    assert load_at(expected, 65).streams == streams_of(expected_profile(), 40)
    assert (expected.joins, expected.meetings, expected.ends_s) == (40, 4, 95)
    assert expected.is_exact


def expected_profile():
    return plan_for(scenario((10, 1, 1))).profiles[0]


def test_a_lecture_brings_80_percent_within_two_minutes_leaders_first():
    asked = scenario(
        (400, 0, 60), kinds=(LESSONS, TALKS), arrival=Arrival(kind="lecture")
    )

    itinerary = itinerary_of(asked, seed=7)

    early = [visit for visit in itinerary.visits if visit.starts_s < 120]
    assert len(early) == 320
    assert max(visit.starts_s for visit in itinerary.visits) <= 600
    # all meetings begin together, and each one's seats in their order
    assert {visit.meeting for visit in early} == set(range(len(itinerary.meetings)))
    for number in range(len(itinerary.meetings)):
        seats = [v.seat for v in itinerary.visits if v.meeting == number]
        assert seats == sorted(seats)


@pytest.mark.parametrize("rate", [10.0, 80.0])
def test_a_storm_joins_at_the_stated_rate(rate):
    asked = scenario((200, 0, 10), arrival=Arrival(kind="storm", rate=rate))

    starts = [visit.starts_s for visit in itinerary_of(asked, seed=1).visits]

    assert np.diff(starts) == pytest.approx(1 / rate)
    assert duration_of(asked) == 200 / rate + 10


def test_open_arrivals_have_the_wanted_mean_and_the_stated_stay():
    asked = scenario(
        (200, 600, 6_000), arrival=Arrival(kind="open", stay_s=300), kinds=(TALKS,)
    )
    itinerary = itinerary_of(asked, seed=3)

    mean = Occupancy(itinerary).mean(600, 6_600)

    # Poisson with mean 200 over twenty stays: standard error about 4
    assert mean.participants == pytest.approx(200, abs=15)
    whole = [v.ends_s - v.starts_s for v in itinerary.visits if v.ends_s < 6_600]
    assert np.mean(whole) == pytest.approx(300, rel=0.1)
    at_once = Counter((v.meeting, v.seat) for v in itinerary.visits if 3000 in span(v))
    assert set(at_once.values()) == {1}


def span(visit):
    return range(int(visit.starts_s) + 1, int(visit.ends_s))


def test_whoever_comes_after_all_have_left_meets_in_a_new_meeting():
    asked = scenario((20, 5, 5), (0, 5, 5), (20, 5, 5))

    itinerary = itinerary_of(asked, seed=1)

    assert len(itinerary.meetings) == 4
    assert {v.meeting for v in itinerary.visits if v.starts_s > 15} == {2, 3}


def test_sizes_come_in_their_weights_and_kinds_in_their_shares():
    asked = scenario(
        (20_000, 0, 1), kinds=(dataclasses.replace(TALKS, share=3), LESSONS)
    )

    meetings = itinerary_of(asked, seed=5).meetings
    kinds = Counter(each.name for each in meetings)
    sizes = Counter(each.size for each in meetings if each.name == "talk")

    assert kinds["talk"] / kinds["lesson"] == pytest.approx(3, rel=0.01)
    assert sizes[20] / sizes[5] == pytest.approx(3, rel=0.25)


def test_the_same_seed_gives_the_same_visits_and_another_one_others():
    asked = scenario((300, 60, 60), kinds=(TALKS,), arrival=Arrival(kind="lecture"))

    assert itinerary_of(asked, seed=1) == itinerary_of(asked, seed=1)
    assert itinerary_of(asked, seed=1) != itinerary_of(asked, seed=2)


def test_late_joiners_come_later_by_their_own_wait():
    kind = dataclasses.replace(LESSONS, mix=mix(presenter=1, late=9))
    itinerary = itinerary_of(scenario((10, 1, 300), kinds=(kind,)), seed=1)

    plans = [plan_of_visit(itinerary, number, 1) for number in range(10)]
    late = [plan.starts_s for plan in plans if plan.persona == "late"]

    assert all(30 < starts_s < 122 for starts_s in late)
    assert all(plan.habits.join_delay_most_s == 0 for plan in plans)
    assert {plan.ends_s for plan in plans} == {301}


def test_everyone_on_camera_is_in_the_counts_while_it_lasts():
    kind = dataclasses.replace(LESSONS, mix=mix(listener=4))
    burst = BurstPlan(kind="cameras", at_s=20, lasts_s=10, every_s=40)
    plan = plan_for(
        scenario(
            (4, 1, 99),
            kinds=(dataclasses.replace(kind, sizes=(SizeShare(size=4),)),),
            bursts=(burst, BurstPlan(kind="poll", at_s=5)),
        )
    )

    expected = expected_of(plan)

    cameras = [load_at(expected, s).streams.video_in for s in (19, 25, 31, 65, 75)]
    assert cameras == [0, 4, 0, 4, 0]
    assert load_at(expected, 25).streams.video_out == 12
    assert expected.most_cameras == 4
    assert expected.most_streams.streams.both_ways == 4 + 4 + 12


def test_a_share_of_the_meetings_bursts():
    burst = BurstPlan(kind="mute all", at_s=5, share=0.25)

    bursts = itinerary_of(scenario((80, 1, 9), bursts=(burst,)), seed=1).bursts

    assert [len(each) for each in bursts] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_the_sweep_agrees_with_counting_everybody_anew():
    asked = scenario(
        (60, 20, 20),
        (15, 10, 10),
        (40, 10, 20),
        kinds=(LESSONS, TALKS),
        arrival=Arrival(kind="lecture", within_s=10, late_s=10),
    )
    itinerary = itinerary_of(asked, seed=9)
    occupancy = Occupancy(itinerary)

    for now_s in np.linspace(0.05, 99.7, 40):
        present = [v for v in itinerary.visits if v.starts_s <= now_s < v.ends_s]
        assert occupancy.at(now_s).participants == len(present)
        assert occupancy.at(now_s).meetings == len({v.meeting for v in present})


def test_a_scenario_made_smaller_and_shorter_keeps_its_shape():
    asked = scenario(
        (2_000, 600, 3_000), (0, 300, 100), kinds=(LESSONS,), arrival=Arrival()
    )

    small = scaled(asked, scale=0.01, length_s=20)

    assert duration_of(small) == pytest.approx(20)
    assert small.stages[0].participants == 20
    assert small.kinds[0].sizes == (SizeShare(size=2),)
    assert len(itinerary_of(small, 1).meetings) == 10
    with pytest.raises(ConfigError, match="joins alone last 40 s"):
        scaled(
            dataclasses.replace(asked, arrival=Arrival(kind="storm", rate=50)),
            length_s=30,
        )


def test_a_plan_with_a_scenario_is_the_same_after_it_was_written_and_read():
    plan = plan_for(
        scenario((30, 5, 5), kinds=(LESSONS, TALKS), arrival=Arrival(kind="lecture"))
    )

    assert from_plain(RunPlan, to_plain(plan)) == plan
    assert peak_of(plan)[0] == 30


def test_equal_meetings_held_for_a_time_are_expected_as_the_arithmetic_says():
    profile = MeetingProfile(name="run", size=5, cameras=2, microphones=5, listeners=0)
    plan = fixed_plan(
        profile,
        meetings=3,
        duration_s=30,
        join_rate=5,
        slo=Slo(),
        seed=1,
        caps=Caps(),
    )

    expected = expected_of(plan)

    assert load_at(expected, 1.05).participants == 5
    assert load_at(expected, 20).streams == streams_of(profile, 15)
    assert peak_of(plan) == (15, expected.most_streams.streams.both_ways)


def test_what_locust_is_told_is_expected_too_and_a_ladder_as_an_upper_bound():
    profile = MeetingProfile(
        name="groups", size=3, cameras=3, microphones=3, listeners=0
    )
    free = RunPlan(profiles=(profile,), slo=Slo(), caps=Caps(), duration_s=60)
    ladder = dataclasses.replace(free, ladder=LadderPlan(max_participants=60))

    users = expected_of(free, users=12, spawn_rate=2)
    climbed = expected_of(ladder)

    assert load_at(users, 3.1).participants == 6
    assert users.most_participants.streams == streams_of(profile, 12)
    assert not climbed.is_exact
    assert climbed.most_participants.participants == 60
    assert peak_of(ladder)[1] >= climbed.most_streams.streams.both_ways
    assert load_at(users, 0).streams == Streams()


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("time_s", [None, 30.0, 100.0])
def test_no_ladder_loads_more_than_was_said_before(steps, factor, time_s):
    plan = LadderPlan(
        steps=steps, step_duration_s=12, max_participants=90, time_s=time_s, repeats=2
    )
    node = SyntheticNode()
    costs = ("participant", "audio_in", "audio_out", "video_in", "video_out")
    node = dataclasses.replace(
        node, **{name: getattr(node, name) / factor for name in costs}
    )
    finished = climb(node, plan=plan)

    expected = expected_of(
        RunPlan(profiles=SMALL_PROFILES, slo=Slo(), caps=Caps(), ladder=plan)
    )

    profiles = {p.name: p for p in Ladder(SMALL_PROFILES, plan).all_profiles}
    loads = [(profiles[point.profile], point.participants) for point, _ in finished]
    streams = [streams_of(profile, participants) for profile, participants in loads]
    most = expected.most_streams.streams.both_ways
    assert max(each.both_ways for each in streams) <= most
    assert max(n for _, n in loads) <= expected.most_participants.participants
    # a second and a bit of each hold is the settling that no step of it judges
    said = sum(traffic_area(expected, kind) for kind in (0, 1))
    assert sum(sum(traffic_of(each)) for each in streams) * 12 <= said


def traffic_area(expected, way):
    ends = [load.elapsed_s for load in expected.changes[1:]] + [expected.ends_s]
    return sum(
        traffic_of(load.streams)[way] * (until_s - load.elapsed_s)
        for load, until_s in zip(expected.changes, ends, strict=True)
    )
