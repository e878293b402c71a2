"""Our meetings and others': who is a stranger, and what a server may not change."""

import pytest

from bots.errors import ClusterError, GuardRefusal, TargetUnusable
from bots.meetings import Meetings, leftovers, refuse_strangers, strangers
from bots.protocol import api
from bots.servers import Secret, Server
from bots.transport import Transport
from tests.support.asynctest import asynctest
from tests.support.balancer import NOT_SIGNED
from tests.support.node import local_node


def info(meeting_id, participants=0, *, ended=False):
    return api.MeetingInfo(
        name="x",
        meeting_id=meeting_id,
        internal_meeting_id="i",
        created_at_s=0.0,
        voice_bridge="1",
        is_running=True,
        duration_s=0.0,
        is_recorded=False,
        has_been_forcibly_ended=ended,
        participants=participants,
        listeners=0,
        voices=0,
        videos=0,
        max_participants=0,
        moderators=0,
        is_breakout=False,
        attendees=(),
        metadata=(),
    )


LECTURE = info("lecture", 30)
OURS = info("bbbload-r1-0", 5)
OTHER_RUN = info("bbbload-r2-0", 5)


@pytest.mark.parametrize(
    ("present", "found"),
    [
        ([], ()),
        ([OURS], ()),
        ([info("lecture", 0)], ()),
        ([info("lecture", 3, ended=True)], ()),
        ([OURS, LECTURE], (LECTURE,)),
        ([OTHER_RUN], (OTHER_RUN,)),
        ([info("bbbload-fake", 2)], (info("bbbload-fake", 2),)),
    ],
)
def test_strangers_are_all_that_hold_people_and_are_not_this_run(present, found):
    assert strangers(present, "r1") == found


def test_people_on_the_server_are_refused_with_their_number_and_the_way_around():
    with pytest.raises(GuardRefusal, match=r"30 participants.*--beside-real-meetings"):
        refuse_strangers([OURS, LECTURE], "r1")


def test_another_run_of_ours_is_named():
    with pytest.raises(GuardRefusal, match=r"another run of bbbload \(r2\)"):
        refuse_strangers([OURS, OTHER_RUN], "r1")


def test_leftovers_are_of_the_runs_asked_for_and_not_ended_yet():
    gone = info("bbbload-r2-1", ended=True)

    assert leftovers([LECTURE, OURS, OTHER_RUN, gone], ["r2"]) == (OTHER_RUN,)


def meetings_at(node, fetch):
    server = Server(name="n", url=node.api_url, secret=Secret(node.secret))
    return Meetings(server, "r1", fetch, rest_of_run_s=lambda: 600.0)


@asynctest
async def test_every_create_keeps_nothing_and_ends_by_itself():
    async with local_node() as node, Transport() as transport:
        await meetings_at(node, transport.get).prove_first(0)

        (meeting,) = node.running.node.meetings.values()
        request = meeting.request
        assert request.meeting_id == "bbbload-r1-0"
        assert (request.record, request.auto_start_recording) == (False, False)
        assert (request.allow_start_stop_recording, request.keep_events) == (
            False,
            False,
        )
        assert request.duration_min == 15
        assert ("bbb-origin", "bbbload") in tuple(dict(request.metadata).items())
        assert ("bbbload-run", "r1") in tuple(dict(request.metadata).items())


@asynctest
async def test_a_parameter_that_a_balancer_changed_stops_the_run_by_name():
    async with local_node() as node, Transport() as transport:

        async def overriding(url, *, as_json=False):
            """A balancer that records every meeting, whatever was asked for."""
            answer = await transport.get(url, as_json=as_json)
            if "/getMeetingInfo?" not in url:
                return answer
            body = answer.body.replace(
                "<recording>false</recording>", "<recording>true</recording>"
            )
            assert body != answer.body
            return api.HttpAnswer(status=answer.status, body=body)

        with pytest.raises(TargetUnusable, match="changed record of our meeting"):
            await meetings_at(node, overriding).prove_first(0)


@asynctest
async def test_a_create_that_failed_is_tried_again_by_the_next_participant():
    async with local_node() as node, Transport() as transport:
        failures = [ClusterError("broke off", code="http broken")]

        async def flaky(url, *, as_json=False):
            if failures:
                raise failures.pop()
            return await transport.get(url, as_json=as_json)

        meetings = meetings_at(node, flaky)
        with pytest.raises(ClusterError, match="broke off"):
            await meetings.ensure(0)

        assert (await meetings.ensure(0)).meeting_id == "bbbload-r1-0"
        assert meetings.numbers == (0,)


@asynctest
async def test_ending_a_meeting_that_is_gone_counts_as_ended():
    async with local_node() as node, Transport() as transport:
        meetings = meetings_at(node, transport.get)
        await meetings.ensure(0)

        assert await meetings.end([0, 1]) == ()
        assert await meetings.end_ids(["bbbload-r1-0", "bbbload-never-0"]) == ()


@asynctest
async def test_a_balancer_that_wants_each_call_signed_has_an_empty_index():
    async with local_node() as node, Transport() as transport:

        async def signed(url, *, as_json=False):
            if "checksum=" in url:
                return await transport.get(url)
            return api.HttpAnswer(status=500, body=NOT_SIGNED)

        async def refusing(url, *, as_json=False):
            return api.HttpAnswer(status=500, body=NOT_SIGNED)

        assert await meetings_at(node, signed).check_server() == api.ApiIndex()
        with pytest.raises(TargetUnusable, match="refuses our signature"):
            await meetings_at(node, refusing).check_server()


@asynctest
async def test_a_server_that_answers_html_is_said_in_one_sentence():
    async with local_node() as node, Transport() as transport:

        async def html(url, *, as_json=False):
            return api.HttpAnswer(status=200, body="<html><body>Welcome</body></html>")

        assert await transport.get(node.url)
        with pytest.raises(TargetUnusable, match="does not answer as a BigBlueButton"):
            await meetings_at(node, html).check_server()
