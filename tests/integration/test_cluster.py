"""A cluster: three stand-in nodes behind a balancer, loaded by whole engines."""

import json
import time
from urllib.parse import urlsplit

import pytest

from bots.engine import open_field
from bots.models import ParticipantPlan
from bots.wire import Begin, Begun, End, Ended, Join, Refused
from loadtest.codec import decode_record
from loadtest.timeline import Timeline
from tests.bots.test_cli import run_bot
from tests.support.asynctest import asynctest, eventually
from tests.support.balancer import (
    BALANCER_SECRET,
    Balancer,
    balanced,
    failure,
    page,
)
from tests.support.engine import engine_of
from tests.support.node import LocalNode


def begin_at(cluster: Balancer, **changes: object) -> Begin:
    given: dict[str, object] = {
        "run": "r1",
        "target": cluster.api_url,
        "engine": 0,
        "zero_s": time.monotonic(),
        "duration_s": 60.0,
    }
    return Begin(**(given | changes))  # type: ignore[arg-type]


def plan(number: int, meeting: int) -> ParticipantPlan:
    return ParticipantPlan(
        number=number,
        meeting_number=meeting,
        persona="listener",
        audio="listen only",
        chat_interval_s=None,
    )


def present(node: LocalNode) -> int:
    meetings = node.running.node.meetings.values()
    return sum(user.joined for meeting in meetings for user in meeting.users.values())


@pytest.fixture(autouse=True)
def balancers_secret(monkeypatch):
    monkeypatch.setenv("BBB_SECRET", BALANCER_SECRET)


@pytest.mark.parametrize("answers_joins", [False, True])
def test_joins_end_on_the_meeting_s_node_which_results_name(answers_joins):
    @asynctest
    async def play() -> None:
        async with balanced(3) as cluster:
            cluster.signs_all = not answers_joins  # as b3scale does
            if answers_joins:
                # The balancer holds the cookie then: BBB must not ask for it.
                cluster.answers_joins = True
                cluster.overrides = {"allowRequestsWithoutSession": "true"}
            async with engine_of(begin_at(cluster), open_field) as engine:
                await engine.answer(Begun)
                engine.send(*(Join(plan=plan(n, n // 2)) for n in range(6)))
                joins = await eventually(
                    lambda: len(found := engine.reports("join")) == 6 and found,
                    limit_s=30,
                )
                nodes = {n: cluster.node_of(f"bbbload-r1-{n}") for n in range(3)}
                users = [present(node) for node in cluster.nodes]
                engine.send(End())
                ended = await engine.answer(Ended)
            open_meetings = cluster.open_meetings()

        assert [join["outcome"] for join in joins] == ["joined"] * 6
        assert {(join["meeting"], join["node"]) for join in joins} == set(nodes.items())
        assert len(set(nodes.values())) == 3
        assert all(join["path"]["remote_address"] for join in joins)
        assert users == [2, 2, 2]
        assert (ended.ended, ended.failed) == (3, ())
        assert open_meetings == [[], [], []]

    play()


@asynctest
async def test_a_node_off_the_list_is_refused_before_load():
    async with balanced(1) as cluster:
        cluster.renamed = {cluster.nodes[0].url: "http://node9.example.net"}
        async with engine_of(begin_at(cluster), open_field) as engine:
            refused = await engine.answer(Refused)

        assert refused.exit_code == 7
        assert "node9.example.net" in refused.message
        assert 'nodes = ["node9.example.net"]' in refused.message
        assert cluster.open_meetings() == [[]]


@asynctest
async def test_a_node_off_the_list_is_an_outcome_of_who_is_sent_there_in_a_run():
    async with balanced(2) as cluster:
        cluster.renamed = {cluster.nodes[1].url: "http://node9.example.net"}
        async with engine_of(begin_at(cluster), open_field) as engine:
            await engine.answer(Begun)
            engine.send(Join(plan=plan(0, 0)), Join(plan=plan(1, 1)))
            joins = await eventually(
                lambda: len(found := engine.reports("join")) == 2 and found, limit_s=30
            )
            engine.send(End())
            await engine.answer(Ended)

    told = {j["participant"]: (j["outcome"], j.get("code")) for j in joins}
    assert told == {0: ("joined", None), 1: ("refused", "node not allowed")}


@pytest.mark.parametrize(("is_allowed", "code"), [(True, 0), (False, 7)])
def test_a_single_bot_goes_through_a_balancer_too(is_allowed, code):
    @asynctest
    async def play() -> None:
        async with balanced(1) as cluster:
            if not is_allowed:
                cluster.renamed = {cluster.nodes[0].url: "http://node9.example.net"}
            ended, reports, told = await run_bot(
                cluster.api_url,
                *("--persona", "lurker", "--duration", "1s"),
                secret=BALANCER_SECRET,
            )

        assert ended == code, told
        joins = [report for report in reports if report["kind"] == "join"]
        node = urlsplit(cluster.nodes[0].url).netloc if is_allowed else ""
        assert [join["node"] for join in joins] == [node]
        assert cluster.open_meetings() == [[]]

    play()


@asynctest
async def test_a_balancer_that_changes_our_meetings_is_named_with_the_parameter():
    async with balanced(2) as cluster:
        cluster.overrides = {"duration": "1"}
        async with engine_of(begin_at(cluster), open_field) as engine:
            refused = await engine.answer(Refused)

        assert refused.exit_code == 8
        assert "changed duration of our meeting" in refused.message
        assert cluster.open_meetings() == [[], []]


@asynctest
async def test_a_hidden_list_of_meetings_keeps_none_of_ours_from_its_end():
    async with balanced(2) as cluster:
        cluster.hides = True
        unseen = begin_at(cluster, meetings_unseen=True)
        async with engine_of(unseen, open_field) as engine:
            await engine.answer(Begun)
            engine.send(Join(plan=plan(0, 0)), Join(plan=plan(1, 1)))
            await eventually(lambda: len(engine.reports("join")) == 2, limit_s=30)
            engine.send(End())
            ended = await engine.answer(Ended)

        assert (ended.ended, ended.failed) == (2, ())
        assert cluster.open_meetings() == [[], []]


@asynctest
async def test_a_stale_list_shows_a_leftover_that_is_gone_and_that_is_no_trouble():
    async with balanced(2) as cluster:
        async with engine_of(begin_at(cluster), open_field) as engine:
            await engine.answer(Begun)
            engine.send(End())
            await engine.answer(Ended)
        cluster.is_stale = True
        cluster._shown = (
            "<meetings><meeting><meetingName>old</meetingName>"
            "<meetingID>bbbload-r0-0</meetingID><participantCount>3</participantCount>"
            "</meeting></meetings>"
        )
        again = begin_at(cluster, run="r2", leftover_runs=("r0",), meetings_unseen=True)
        async with engine_of(again, open_field) as engine:
            begun = await engine.answer(Begun)
            engine.send(End())
            ended = await engine.answer(Ended)

    assert begun.notes[0].startswith("ended 1 meetings")
    assert (ended.ended, ended.failed) == (1, ())


@pytest.mark.parametrize("blind", [{"hides": True}, {"is_stale": True}])
def test_a_list_without_the_meeting_that_we_have_just_made_is_refused(blind):
    @asynctest
    async def play() -> None:
        async with balanced(1) as cluster:
            cluster._shown = "<meetings/>"  # what a stale one goes on showing
            for name, value in blind.items():
                setattr(cluster, name, value)
            async with engine_of(begin_at(cluster), open_field) as engine:
                refused = await engine.answer(Refused)
            left = cluster.open_meetings()

        assert refused.exit_code == 7
        assert "does not show the meeting that we have just made" in refused.message
        assert "--meetings-unseen" in refused.message
        assert left == [[]]

    play()


@asynctest
async def test_an_old_version_behind_a_balancer_is_named_before_load():
    async with balanced(1, not_bbb3=True) as cluster:
        async with engine_of(begin_at(cluster), open_field) as engine:
            refused = await engine.answer(Refused)

        assert refused.exit_code == 8
        assert "adapter for BBB 3.0 only" in refused.message
        assert cluster.open_meetings() == [[]]


REFUSALS = [
    # b3scale: pages, and failures of its own; its checksumError has status 500, too.
    (403, page("Big Blue Button - Attendees limit reached"), "attendeesLimitReached"),
    (404, page("Big Blue Button - Meeting Not Found!"), "notFound"),
    (500, failure("b3scaleGatewayError"), "b3scaleGatewayError"),
    (
        500,
        failure("b3scale_server_error").replace("FAILED", "ERROR"),
        "b3scale_server_error",
    ),
    # Scalelite: BBB's form with status 200, whatever it is.
    (200, failure("notFound"), "notFound"),
    (200, failure("serverUnavailable"), "serverUnavailable"),
    (200, failure("internalError"), "internalError"),
    (500, "", "http 500"),
    # What stands in front of either, or in its place.
    (200, page("Welcome"), "html"),
    (502, page("502 Bad Gateway"), "http 502"),
]


@asynctest
async def test_what_balancers_answer_a_join_with_has_a_name_that_a_report_counts():
    async with balanced(1) as cluster:
        async with engine_of(begin_at(cluster), open_field) as engine:
            await engine.answer(Begun)
            cluster.is_ready_after, cluster.refresh_s = 2, 1
            engine.send(Join(plan=plan(0, 0)))
            (waited,) = await eventually(lambda: engine.reports("join"), limit_s=30)
            for number, (status, body, _) in enumerate(REFUSALS, start=1):
                cluster.refuses_joins = (status, body)
                engine.send(Join(plan=plan(number, 0)))
                await eventually(
                    lambda many=number + 1: len(engine.reports("join")) == many
                )
            engine.send(End())
            await engine.answer(Ended)

    assert (waited["outcome"], waited["node"]) == (
        "joined",
        urlsplit(cluster.nodes[0].url).netloc,
    )
    assert waited["join_time_s"] > 2 * 1.0
    assert cluster.pages_shown == 2
    (told,) = engine.reports("refusal")
    assert (told["participant"], told["what"]) == (0, "waiting page")
    assert (told["outcome"], told["code"]) == ("refused", "please wait")
    assert told["detail"].startswith("shown 2 times in ")
    refused = engine.reports("join")[1:]
    assert [join["outcome"] for join in refused] == ["refused"] * len(REFUSALS)
    assert [join["code"] for join in refused] == [code for *_, code in REFUSALS]
    counted = Timeline()
    for line in (told, waited, *refused):
        record = decode_record(json.dumps(line), where="a test")
        assert record is not None
        counted.add(record)
    rows = {(row.what, row.outcome, row.code): row.count for row in counted.outcomes()}
    assert rows["waiting page", "refused", "please wait"] == 1
    assert rows["join", "joined", ""] == 1
    assert rows["join", "refused", "notFound"] == 2
