"""A scenario as it is run: how many are to be started now, and which step begins. Pure.

Each visit is one Locust user: it is started a little before its time, and its bot
engine joins and leaves at the very times that the itinerary says. A user whose visit is
over stays on, without a participant, until the run ends.

Steps are the holds of the scenario's stages, each with the move before it; a long hold
is cut into equal ones, so that a drift over a night is seen, and a course without holds
(a replay) into equal parts.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bots.models import ParticipantPlan
from loadtest.itinerary import Itinerary, itinerary_of, plan_of_visit
from loadtest.models import PlannedLoad, StepRecord
from loadtest.occupancy import Occupancy
from loadtest.scenario import Scenario, moves
from loadtest.stages import SETTLE_S, RunPlan, Wanted

STEP_MARGIN_S: Final = 0.1
"""As the conductor's: the clock of an engine elsewhere lags by a message's way."""
LEAD_S: Final = 4.0
"""How long before its time a visit is handed to an engine: Locust starts users once a
second. A step is opened as early, so that no join of it can be told before it."""
START_RATE: Final = 200.0
"""Users that Locust may start in a second."""
SHORTEST_HOLD_S: Final = 3.0
LONGEST_STEP_S: Final = 1_800.0
MOST_STEPS: Final = 24
LATE_SHARE: Final = 0.25
"""As in `aggregate`: the end of the judged part, in which all should be there."""
JOIN_MARGIN_S: Final = 5.0
"""A join asked for so shortly before a step's end need not be through in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TourStep:
    """One judged part of a scenario with what is planned in it."""

    starts_s: float
    duration_s: float
    warm_up_s: float
    participants: int
    """Mean in the last quarter of the judged part, as `planned`."""
    meetings: int
    planned: PlannedLoad


class Tour:
    """Where a run stands in its scenario."""

    def __init__(
        self,
        scenario: Scenario,
        itinerary: Itinerary,
        *,
        seed: int,
        start: Callable[[TourStep, int], None],
    ) -> None:
        """`start` opens a step, with its number."""
        self.itinerary = itinerary
        self.steps = tour_steps(scenario, itinerary)
        self._seed = seed
        self._starts = [visit.starts_s for visit in itinerary.visits]
        self._start = start
        self._begun = 0
        self._given = 0

    @classmethod
    def of(cls, plan: RunPlan, start: "Callable[[StepRecord], None]") -> "Tour | None":
        """Return the tour of a plan, None for one without a scenario.

        `start` gets the record of each step that begins.
        """
        scenario = plan.scenario
        if scenario is None:
            return None

        def begin(step: TourStep, number: int) -> None:
            start(
                StepRecord(
                    elapsed_s=max(0.0, step.starts_s - STEP_MARGIN_S),
                    step=number,
                    profile=scenario.name,
                    participants=step.participants,
                    meetings=step.meetings,
                    duration_s=step.duration_s,
                    warm_up_s=step.warm_up_s,
                    planned=step.planned,
                )
            )

        itinerary = itinerary_of(scenario, plan.seed)
        return cls(scenario, itinerary, seed=plan.seed, start=begin)

    def wanted(self, elapsed_s: float) -> Wanted | None:
        """Return the users that are to be started by now, None once all is over."""
        due = self.steps[self._begun :]
        for step in due:
            if step.starts_s <= elapsed_s + LEAD_S:
                self._start(step, self._begun)
                self._begun += 1
        if elapsed_s >= self.itinerary.ends_s + SETTLE_S:
            return None
        started = bisect_right(self._starts, elapsed_s + LEAD_S)
        return Wanted(participants=started, rate=START_RATE)

    def next_plan(self) -> ParticipantPlan:
        """Return what the next participant does."""
        number = min(self._given, len(self._starts) - 1)
        self._given += 1
        return plan_of_visit(self.itinerary, number, self._seed)


def tour_steps(scenario: Scenario, itinerary: Itinerary) -> tuple[TourStep, ...]:
    """Return the judged parts of a scenario, in order."""
    occupancy = Occupancy(itinerary)
    return tuple(_step(part, itinerary, occupancy) for part in _parts(scenario))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    starts_s: float
    judged_from_s: float
    ends_s: float


def _parts(scenario: Scenario) -> list[_Part]:
    found: list[_Part] = []
    course = moves(scenario)
    begins_s = 0.0
    for move in course:
        if move.after == 0:
            begins_s = move.ends_s
            continue
        if move.hold_s < SHORTEST_HOLD_S:
            continue
        count = min(MOST_STEPS, max(1, int(move.hold_s // LONGEST_STEP_S)))
        length_s = move.hold_s / count
        for index in range(count):
            ends_s = move.held_from_s + (index + 1) * length_s
            warm_up_s = length_s / 3 if index == 0 else 0.0
            found.append(
                _Part(
                    starts_s=begins_s,
                    judged_from_s=ends_s - length_s + warm_up_s,
                    ends_s=ends_s,
                )
            )
            begins_s = ends_s
    if found:
        return found
    whole_s = course[-1].ends_s
    count = min(MOST_STEPS, max(1, int(whole_s // (10 * SHORTEST_HOLD_S))))
    return [
        _Part(
            starts_s=whole_s * index / count,
            judged_from_s=whole_s * index / count,
            ends_s=whole_s * (index + 1) / count,
        )
        for index in range(count)
    ]


def _step(part: _Part, itinerary: Itinerary, occupancy: Occupancy) -> TourStep:
    late_s = part.ends_s - LATE_SHARE * (part.ends_s - part.judged_from_s)
    mean = occupancy.mean(late_s, part.ends_s)
    pictures = mean.video_out + mean.screen_out
    until_s = part.ends_s - JOIN_MARGIN_S
    return TourStep(
        starts_s=part.starts_s,
        duration_s=part.ends_s - part.starts_s,
        warm_up_s=part.judged_from_s - part.starts_s,
        participants=round(mean.participants),
        meetings=occupancy.at(late_s).meetings,
        planned=PlannedLoad(
            joins=sum(
                part.starts_s <= visit.starts_s < until_s for visit in itinerary.visits
            ),
            audio_out=mean.audio_out,
            pictures_out=pictures,
            streams=mean.audio_in
            + mean.audio_out
            + mean.video_in
            + mean.screen_in
            + pictures,
        ),
    )
