"""The engine: last gate before the network, keeper of its meetings, its own judge."""

import time
from dataclasses import replace

import pytest

from bots.errors import GuardRefusal
from bots.gate import check_begin
from bots.models import ParticipantPlan
from bots.wire import (
    Begin,
    Begun,
    Caps,
    End,
    Ended,
    Join,
    Leave,
    Left,
    Refused,
    Retire,
)
from tests.support.asynctest import asynctest, eventually
from tests.support.engine import Counts, engine_of
from tests.support.node import local_node


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("BBB_SECRET", raising=False)


def begin_at(target, **changes):
    begin = Begin(
        run="r1", target=target, engine=0, zero_s=time.monotonic(), duration_s=60.0
    )
    return replace(begin, **changes)


def plan(number, meeting=0, persona="viewer"):
    return ParticipantPlan(number=number, meeting_number=meeting, persona=persona)


def ids_on(node):
    meetings = node.running.node.meetings.values()
    return sorted(m.request.meeting_id for m in meetings if m.ended_s is None)


@asynctest
async def test_participants_join_meetings_made_on_demand_and_leave(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            begun = await engine.answer(Begun)
            engine.send(
                Join(plan=plan(0)), Join(plan=plan(1, 1)), Join(plan=plan(2, 1))
            )
            await eventually(lambda: len(engine.reports("join")) == 3)

            assert begun.host == "127.0.0.1"
            assert ids_on(node) == ["bbbload-r1-0", "bbbload-r1-1"]
            assert sum(url.endswith("/create") for url in engine.requests) == 2

            engine.send(Leave(participant=1))
            await engine.answer(Left, lambda left: left.participant == 1)
            engine.send(End())
            ended = await engine.answer(Ended)

            assert (ended.ended, ended.failed, ended.reason) == (2, (), "")
            assert {item["outcome"] for item in engine.reports("leave")} == {"left"}
            assert len(engine.reports("leave")) == 3
            await eventually(lambda: ids_on(node) == [])


@asynctest
async def test_end_of_file_ends_everything(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            engine.send(Join(plan=plan(0)))
            await eventually(lambda: engine.reports("join"))
            engine.writer.write_eof()
            await engine.running

            assert ids_on(node) == []
            assert len(engine.reports("leave")) == 1


@asynctest
async def test_a_participant_that_will_not_leave_is_cut_off(monkeypatch):
    monkeypatch.setattr("bots.engine_run.LEAVE_TIMEOUT_S", 0.2)
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            engine.send(Join(plan=plan(0, persona="hangs")))
            await eventually(lambda: engine.reports("join"))
            engine.send(End())
            await engine.answer(Ended)

            assert ids_on(node) == []


@asynctest
async def test_a_participant_that_breaks_or_drops_costs_no_other(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            engine.send(
                Join(plan=plan(0)),
                Join(plan=plan(1, persona="breaks")),
                Join(plan=plan(2, persona="is dropped")),
            )
            await engine.answer(Left, lambda left: left.participant == 1)
            await engine.answer(Left, lambda left: left.participant == 2)

            outcomes = {i["participant"]: i["outcome"] for i in engine.reports("leave")}
            assert outcomes == {1: "withdrawn", 2: "dropped"}
            await eventually(
                lambda: any(
                    report.get("participants") == 1
                    for report in engine.reports("engine")[-1:]
                )
            )


@asynctest
async def test_it_reports_itself_and_samples_everybody_each_second(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            await engine.answer(Begun)
            engine.send(*(Join(plan=plan(number)) for number in range(25)))
            bots = lambda: engine.fields[0].bots  # noqa: E731
            await eventually(
                lambda: len(bots()) == 25 and all(bot.samples >= 2 for bot in bots())
            )

            counts = Counts(late_packets=3, dropped_packets=2, lateness_s=0.07)
            engine.fields[0].counts = counts
            await eventually(
                lambda: engine.reports("engine")[-1].get("lateness_s") == 0.07
            )
            report = engine.reports("engine")[-1]
            assert report["late_packets"] == 3
            assert report["dropped_packets"] >= 2  # and what Linux says of our sockets
            assert report["participants"] == 25
            assert report["memory_bytes"] > 1_000_000
            assert 0 <= report["cpu_ratio"] < 10
            assert report["lag_s"] >= 0


@asynctest
async def test_above_the_participants_cap_nobody_more_is_taken(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        begin = begin_at(node.api_url, caps=Caps(participants=2))
        async with engine_of(begin) as engine:
            await engine.answer(Begun)
            engine.send(*(Join(plan=plan(number)) for number in range(3)))
            await engine.answer(Left)

            outcomes = [item["outcome"] for item in engine.reports("join")]
            assert sorted(outcomes) == ["joined", "joined", "withdrawn"]
            (refused,) = [i for i in engine.reports("join") if "code" in i]
            assert refused["code"] == "participants cap"


@asynctest
async def test_a_full_engine_takes_no_more_and_does_not_blame_the_server(monkeypatch):
    monkeypatch.setattr("bots.engine_run.CPU_FULL_RATIO", -1.0)
    monkeypatch.setattr("bots.engine_run.FULL_PATIENCE_S", 0.2)
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            engine.send(Join(plan=plan(0)))
            await engine.answer(Left)

            (report,) = engine.reports("join")
            assert (report["outcome"], report["code"]) == ("withdrawn", "engine full")


@asynctest
async def test_the_duration_cap_ends_the_run_whoever_forgot_to(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        begin = begin_at(node.api_url, duration_s=0.5, caps=Caps(duration_s=0.5))
        async with engine_of(begin) as engine:
            engine.send(Join(plan=plan(0)))
            ended = await engine.answer(Ended)

            assert "duration cap" in ended.reason
            assert ids_on(node) == []


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"participants": 501}, "--max-participants"),
        ({"streams": 20_001}, "--max-streams"),
        ({"duration_s": 14_401.0}, "--max-duration"),
    ],
)
def test_a_plan_above_a_cap_is_refused_with_the_option_that_raises_it(changes, option):
    with pytest.raises(GuardRefusal, match=option):
        check_begin(begin_at("http://127.0.0.1/bigbluebutton", **changes))


@asynctest
async def test_a_host_off_the_list_is_refused_without_a_request(monkeypatch):
    monkeypatch.setenv("BBB_SECRET", "s3cret-enough")
    async with engine_of(begin_at("http://192.0.2.7/bigbluebutton")) as engine:
        refused = await engine.answer(Refused)

        assert refused.exit_code == 7
        assert "192.0.2.7 is not on the allow-list" in refused.message
        assert "s3cret" not in refused.message
        assert engine.requests == []
        assert engine.fields == []


@asynctest
async def test_a_wrong_secret_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("BBB_SECRET", "wrong-secret")
    async with local_node() as node, engine_of(begin_at(node.api_url)) as engine:
        refused = await engine.answer(Refused)

        assert refused.exit_code == 8
        assert "the secret is wrong" in refused.message
        assert "\n" not in refused.message
        assert "checksum=" not in refused.message


@asynctest
async def test_a_server_that_is_not_there_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("BBB_SECRET", "s3cret-enough")
    async with engine_of(begin_at("http://127.0.0.1:9/bigbluebutton")) as engine:
        refused = await engine.answer(Refused)

        assert refused.exit_code == 8
        assert "127.0.0.1:9" in refused.message
        assert "check the address" in refused.message


@asynctest
async def test_meetings_of_a_killed_run_are_ended_first(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url, run="killed")) as engine:
            engine.send(Join(plan=plan(0)), Join(plan=plan(1, 1)))
            await eventually(lambda: len(engine.reports("join")) == 2)
            left = begin_at(node.api_url, run="r2", leftover_runs=("killed",))
            async with engine_of(replace(left, is_first=False)) as other:
                # It neither ends them nor takes them for somebody else's.
                assert (await other.answer(Begun)).notes == ()
                assert ids_on(node) == ["bbbload-killed-0", "bbbload-killed-1"]
            async with engine_of(left) as first:
                begun = await first.answer(Begun)

                assert "ended 2 meetings" in begun.notes[0]
                assert ids_on(node) == ["bbbload-r2-0"]


@asynctest
async def test_meetings_of_a_finished_profile_are_retired(monkeypatch):
    async with local_node() as node:
        monkeypatch.setenv("BBB_SECRET", node.secret)
        async with engine_of(begin_at(node.api_url)) as engine:
            engine.send(
                Join(plan=plan(0)), Join(plan=plan(1, 1)), Join(plan=plan(2, 2))
            )
            await eventually(lambda: len(engine.reports("join")) == 3)
            engine.send(Leave(participant=0), Leave(participant=1))
            await engine.answer(Left, lambda left: left.participant == 1)
            engine.send(Retire(meeting=2))

            await eventually(lambda: ids_on(node) == ["bbbload-r1-2"])
