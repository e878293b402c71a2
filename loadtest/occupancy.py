"""Who is in at any time, and the streams that follow: visits -> counts. Pure, exact.

One sweep over all joins, leaves and camera bursts; only the meeting that changes is
counted anew.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace

from loadtest.itinerary import Itinerary
from loadtest.streams import Seat, Streams, seat_at, streams_of_kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is on the server from `elapsed_s` on, until the next change."""

    elapsed_s: float
    meetings: int
    """With somebody in them."""
    streams: Streams
    """With the participants."""

    @property
    def participants(self) -> int:
        return self.streams.participants


class Occupancy:
    """The whole course of a run's load."""

    def __init__(self, itinerary: Itinerary) -> None:
        self.changes = _swept(itinerary)
        """A load for each time at which anything changes, in order, from 0 on."""
        self._times = [load.elapsed_s for load in self.changes]
        self.ends_s = itinerary.ends_s
        self.joins = len(itinerary.visits)
        self.meetings = len({visit.meeting for visit in itinerary.visits})
        """That are made in all."""

    def at(self, elapsed_s: float) -> Load:
        """Return the load at a time."""
        return self.changes[max(0, bisect_right(self._times, elapsed_s) - 1)]

    def most(self) -> Load:
        """Return the load with the most participants, the first of several."""
        return max(self.changes, key=lambda load: load.participants)

    def most_streams(self) -> Load:
        """Return the load with the most streams both ways, the first of several."""
        return max(self.changes, key=lambda load: load.streams.both_ways)

    def mean(self, starts_s: float, ends_s: float) -> "MeanLoad":
        """Return the means between two times."""
        first = max(0, bisect_right(self._times, starts_s) - 1)
        sums = dict.fromkeys(MEANS, 0.0)
        for index in range(first, len(self.changes)):
            load = self.changes[index]
            if load.elapsed_s >= ends_s:
                break
            until_s = self._times[index + 1] if index + 1 < len(self._times) else ends_s
            lasts_s = min(until_s, ends_s) - max(load.elapsed_s, starts_s)
            streams = load.streams
            for name in MEANS:
                sums[name] += lasts_s * getattr(streams, name)
        window_s = ends_s - starts_s
        return MeanLoad(**{name: sums[name] / window_s for name in MEANS})


MEANS = (
    "participants",
    "audio_in",
    "audio_out",
    "video_in",
    "video_out",
    "screen_in",
    "screen_out",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLoad:
    """Streams over some time, means; fields as in `Streams`."""

    participants: float
    audio_in: float
    audio_out: float
    video_in: float
    video_out: float
    screen_in: float
    screen_out: float


class _Meeting:
    """Who is in one meeting now."""

    def __init__(self) -> None:
        self.seats: Counter[Seat] = Counter()
        self.bursts = 0
        self.streams = Streams()

    def count(self) -> Streams:
        """Return the change of its streams since the last call."""
        kinds: Counter[Seat] = Counter()
        for seat, number in self.seats.items():
            on_camera = self.bursts and seat.camera_limit != 0
            kinds[replace(seat, shares_camera=True) if on_camera else seat] += number
        before, self.streams = self.streams, streams_of_kinds(kinds)
        return self.streams - before


def _swept(itinerary: Itinerary) -> tuple[Load, ...]:
    # (time, order at one time, meeting, change of bursts, seat, change of seats)
    events: list[tuple[float, int, int, int, int, int]] = []
    for visit in itinerary.visits:
        events.append((visit.starts_s, 1, visit.meeting, 0, visit.seat, 1))
        events.append((visit.ends_s, 0, visit.meeting, 0, visit.seat, -1))
    for number, bursts in enumerate(itinerary.bursts):
        for burst in bursts:
            if burst.kind == "cameras":
                ends_s = burst.starts_s + burst.lasts_s
                events.append((burst.starts_s, 2, number, 1, 0, 0))
                events.append((ends_s, 2, number, -1, 0, 0))
    meetings = [_Meeting() for _ in itinerary.meetings]
    loads = [Load(elapsed_s=0.0, meetings=0, streams=Streams())]
    total, held = Streams(), 0
    for time_s, _, number, started, seat_number, change in sorted(events):
        meeting = meetings[number]
        was_empty = not meeting.streams.participants
        meeting.bursts += started
        if change:
            seat = seat_at(itinerary.meetings[number], seat_number)
            meeting.seats[seat] += change
            if not meeting.seats[seat]:
                del meeting.seats[seat]
        total += meeting.count()
        held += was_empty - (not meeting.streams.participants)
        load = Load(elapsed_s=time_s, meetings=held, streams=total)
        if loads[-1].elapsed_s == time_s:
            loads[-1] = load
        else:
            loads.append(load)
    return tuple(loads)
