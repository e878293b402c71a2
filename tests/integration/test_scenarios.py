"""The five example scenarios, small and short, at once on one real stand-in node.

Each is played by its own conductor and its own real participants; only Locust, which
starts users and nothing else, is left out. What each scenario is about must have
happened: by the participants' own reports, and by what the node was told.
"""

import asyncio
import io
import time
from pathlib import Path

import pytest

from bots.engine_run import EngineRun
from bots.field import ServerField
from bots.models import JoinReport, LeaveReport, StreamReport
from bots.wire import Begin, Begun, End, Join, Left, Refused, Reports
from loadtest.codec import decode_record
from loadtest.conductor import Conductor
from loadtest.load_files import load_scenario, plan_of_scenario
from loadtest.models import EndRecord, StepRecord
from loadtest.stages import most_cameras_of, peak_of
from tests.support.asynctest import asynctest, eventually
from tests.support.node import node_process

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
SCALES = {
    "school-morning": 8 / 560,
    "university-lecture-day": 8 / 900,
    "conference": 10 / 500,
    "all-camera-seminar": 8 / 120,
    "soak-night": 6 / 90,
}
LENGTH_S = 9.0
SECRET = "scenarios-4711"
pytestmark = pytest.mark.timed


class Played:
    """One scenario's run and what came of it."""

    def __init__(self, name, url):
        found = load_scenario(str(EXAMPLES / f"{name}.toml"))
        self.plan = plan_of_scenario(found, scale=SCALES[name], length_s=LENGTH_S)
        self.log = io.StringIO()
        self.conductor = Conductor(self.plan, run=name.replace("-", ""), log=self.log)
        self.url = url
        self.begun = self.refused = None
        self.records = []

    def answer(self, answer):
        match answer:
            case Begun():
                self.begun = answer
            case Refused():
                self.refused = answer.message
            case Reports(items=items):
                self.conductor.receive(items)
            case Left(participant=number):
                self.conductor.left(number)

    async def play(self):
        zero_s = time.monotonic()
        commands = asyncio.Queue()
        participants, streams = peak_of(self.plan)
        commands.put_nowait(
            Begin(
                run=self.conductor.run,
                target=self.url,
                engine=0,
                zero_s=zero_s,
                duration_s=self.plan.duration_s,
                participants=participants,
                streams=streams,
                cameras=most_cameras_of(self.plan),
                beside_real_meetings=True,
            )
        )
        engine = asyncio.create_task(
            EngineRun(self.answer, ServerField).serve(commands)
        )
        await eventually(lambda: self.begun or self.refused, limit_s=30)
        assert not self.refused
        header = self.conductor.describe(
            self.begun, started_at="", tool_version="", stand_in=True
        )
        self.conductor.begin(header)
        given = 0
        while (wanted := self.conductor.wanted(time.monotonic() - zero_s)) is not None:
            for _ in range(wanted.participants - given):
                commands.put_nowait(Join(plan=self.conductor.place("local")))
            given = max(given, wanted.participants)
            await asyncio.sleep(0.1)
        commands.put_nowait(End())
        await engine
        self.conductor.finish(time.monotonic() - zero_s, interrupted=False)
        lines = self.log.getvalue().splitlines()[1:]
        self.records = [decode_record(line, where="log") for line in lines]

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]

    def senders(self, media, starts_s, ends_s):
        """Return who sent a kind of media between two times."""
        return {
            report.participant
            for report in self.of(StreamReport)
            if report.media == media
            and report.direction == "out"
            and report.packets
            and starts_s < report.elapsed_s <= ends_s
        }


OUR_LACK = ("too late", "engine full")
"""Codes of joins that our own engine did not make in time."""


ATTEMPTS = 3


async def played_at_once() -> dict[str, Played]:
    """Play all of them on a node of their own."""
    async with node_process(secret=SECRET) as node:
        url = f"{node.url}/bigbluebutton/api"
        runs = {name: Played(name, url) for name in SCALES}
        async with asyncio.TaskGroup() as group:
            for run in runs.values():
                group.create_task(run.play())
    return runs


@pytest.mark.timeout(300)
@asynctest(limit_s=240)
async def test_the_five_example_scenarios_do_on_a_node_what_they_are_about(monkeypatch):
    monkeypatch.setenv("BBB_SECRET", SECRET)
    for _ in range(ATTEMPTS):
        runs = await played_at_once()
        joins = [join for run in runs.values() for join in run.of(JoinReport)]
        ours = {join.code for join in joins} & set(OUR_LACK)
        if not ours:
            break
    if ours:
        pytest.skip(f"this machine's cores are taken, so our engines said {ours}")
    for name, run in runs.items():
        joins = run.of(JoinReport)
        visits = run.conductor._tour.itinerary.visits
        assert len(joins) == len(visits), name
        # who is to leave again at once need not be in before
        long = {n for n, v in enumerate(visits) if v.ends_s - v.starts_s > 2}
        stayed = {join.outcome for join in joins if join.participant in long}
        assert stayed == {"joined"}, name
        assert {leave.outcome for leave in run.of(LeaveReport)} == {"left"}, name
        assert run.of(StepRecord), name
        assert run.of(EndRecord), name

    # Lessons: everybody left for the break, and met again in new meetings.
    school = runs["school-morning"]
    meetings = {join.meeting for join in school.of(JoinReport)}
    assert len(meetings) == len(school.conductor._tour.itinerary.meetings)
    assert len(school.of(StepRecord)) == 2

    # Plateaus of a day, each judged by itself, up and down.
    day = [step.participants for step in runs["university-lecture-day"].of(StepRecord)]
    assert len(day) >= 1

    # People came and went all the time.
    conference = runs["conference"]
    first_leave_s = min(leave.elapsed_s for leave in conference.of(LeaveReport))
    assert first_leave_s < LENGTH_S * 0.8

    # Everybody showed a camera while the burst lasted, and only then.
    seminar = runs["all-camera-seminar"]
    (burst,) = seminar.plan.scenario.bursts
    some = seminar.senders("camera", 0, burst.at_s)
    shown = seminar.senders("camera", burst.at_s, burst.at_s + burst.lasts_s + 1)
    assert len(some) < len(shown) == 8

    # One population, held: nobody but at the ends came or went.
    soak = runs["soak-night"]
    assert len(soak.of(JoinReport)) == 6
    assert min(leave.elapsed_s for leave in soak.of(LeaveReport)) > LENGTH_S - 1
