"""Every visit of a scenario: who joins which meeting when, and for how long. Pure.

Except with open arrivals, the population is always places 0 to n − 1: those who come
take the next places, those who go leave the last ones. Once everybody has left,
meetings begin anew. In each meeting the seats fill in their order, so that its leader
is there first; a persona that comes late does so after its own wait.
"""

import heapq
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bots.models import Burst, ParticipantPlan
from loadtest.arrivals import arrival_times, open_stays
from loadtest.bursts import bursts_of_meeting
from loadtest.mixes import seats_of
from loadtest.models import MeetingProfile
from loadtest.population import plan_seat
from loadtest.rooms import Rooms
from loadtest.scenario import Move, Scenario, moves

_ARRIVALS: Final = 1
_ORDER: Final = 2
_DELAYS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One participant's time in one meeting."""

    meeting: int
    seat: int
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Itinerary:
    """All visits of a run in the order of their starts: the number of a participant is
    its place in it."""

    visits: tuple[Visit, ...]
    meetings: tuple[MeetingProfile, ...]
    """By number."""
    bursts: tuple[tuple[Burst, ...], ...]
    """By meeting."""
    ends_s: float


def itinerary_of(scenario: Scenario, seed: int) -> Itinerary:
    """Return every visit; raises ConfigError for more than a run can hold."""
    rooms = Rooms(scenario, seed)
    course = moves(scenario)
    book = _Book()
    if scenario.arrival.kind == "open":
        _open(scenario, course, rooms, seed, book)
    else:
        _closed(scenario, course, rooms, seed, book)
    ends_s = course[-1].ends_s
    profiles = tuple(book.profiles)
    rng = np.random.default_rng((seed, _DELAYS))
    late = (_delayed(visit, profiles[visit.meeting], rng) for visit in book.visits)
    visits = sorted(
        (visit for visit in late if visit.starts_s < visit.ends_s),
        key=lambda visit: (visit.starts_s, visit.meeting, visit.seat),
    )
    return Itinerary(
        visits=tuple(visits),
        meetings=profiles,
        bursts=tuple(
            bursts_of_meeting(scenario.bursts, number, until_s=ends_s)
            for number in range(len(profiles))
        ),
        ends_s=ends_s,
    )


def plan_of_visit(itinerary: Itinerary, number: int, seed: int) -> ParticipantPlan:
    """Return what participant `number` does, its times among it."""
    visit = itinerary.visits[number]
    plan = plan_seat(
        itinerary.meetings[visit.meeting],
        seat=visit.seat,
        number=number,
        meeting_number=visit.meeting,
        seed=seed,
    )
    # The wait of a late one is part of the visit already.
    habits = replace(plan.habits, join_delay_least_s=0.0, join_delay_most_s=0.0)
    return replace(
        plan,
        habits=habits,
        starts_s=visit.starts_s,
        ends_s=visit.ends_s,
        bursts=itinerary.bursts[visit.meeting],
    )


def most_cameras(itinerary: Itinerary) -> int:
    """Return the most cameras that one meeting may have on, with bursts."""
    most = 0
    for profile, bursts in zip(itinerary.meetings, itinerary.bursts, strict=True):
        everybody = any(burst.kind == "cameras" for burst in bursts)
        most = max(most, profile.size if everybody else profile.cameras)
    return most


class _Book:
    """Visits and meetings as they are planned."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.profiles: list[MeetingProfile] = []
        self._base = 0

    def renew(self) -> None:
        """Let those who come from now on meet in new meetings."""
        self._base = len(self.profiles)

    def add(self, rooms: Rooms, place: int, starts_s: float, ends_s: float) -> None:
        room, seat = rooms.with_place(place)
        number = self._base + room.index
        for missing in rooms.first(room.index + 1)[len(self.profiles) - self._base :]:
            self.profiles.append(missing.profile)
        self.visits.append(
            Visit(meeting=number, seat=seat, starts_s=starts_s, ends_s=ends_s)
        )


def _closed(
    scenario: Scenario, course: tuple[Move, ...], rooms: Rooms, seed: int, book: _Book
) -> None:
    rng = np.random.default_rng((seed, _ARRIVALS))
    order = np.random.default_rng((seed, _ORDER))
    joined_s: list[float] = []
    for move in course:
        if move.after > move.before:
            times = arrival_times(scenario.arrival, move, rng)
            places = range(move.before, move.after)
            if scenario.arrival.kind != "closed":
                times = _by_seat(times, places, rooms, order)
            joined_s += times
            continue
        count = move.before - move.after
        for k in range(count):
            place = len(joined_s) - 1
            left_s = move.starts_s + move.over_s * (k + 0.5) / count
            book.add(rooms, place, joined_s.pop(), left_s)
        if move.after == 0:
            book.renew()
    for place, starts_s in enumerate(joined_s):
        book.add(rooms, place, starts_s, course[-1].ends_s)


def _by_seat(
    times: tuple[float, ...], places: range, rooms: Rooms, rng: np.random.Generator
) -> tuple[float, ...]:
    """Return the times for these places: meetings mixed, each one's seats in order."""
    meetings: dict[int, list[float]] = {}
    of_place = [rooms.with_place(place)[0].index for place in places]
    for index, time_s in zip(rng.permutation(len(times)), times, strict=True):
        meetings.setdefault(of_place[int(index)], []).append(time_s)
    for waiting in meetings.values():
        waiting.sort(reverse=True)
    return tuple(meetings[meeting].pop() for meeting in of_place)


def _open(
    scenario: Scenario, course: tuple[Move, ...], rooms: Rooms, seed: int, book: _Book
) -> None:
    rng = np.random.default_rng((seed, _ARRIVALS))
    free: list[int] = []
    leaving: list[tuple[float, int]] = []
    places = 0
    for stay in open_stays(course, scenario.arrival.stay_s, rng):
        while leaving and leaving[0][0] <= stay.starts_s:
            heapq.heappush(free, heapq.heappop(leaving)[1])
        if free:
            place = heapq.heappop(free)
        else:
            place, places = places, places + 1
        book.add(rooms, place, stay.starts_s, stay.ends_s)
        heapq.heappush(leaving, (stay.ends_s, place))


def _delayed(visit: Visit, profile: MeetingProfile, rng: np.random.Generator) -> Visit:
    habits = seats_of(profile.mix)[visit.seat].habits
    share = float(rng.random())
    least_s, most_s = habits.join_delay_least_s, habits.join_delay_most_s
    delay_s = least_s + (most_s - least_s) * share
    return replace(visit, starts_s=visit.starts_s + delay_s) if delay_s else visit
