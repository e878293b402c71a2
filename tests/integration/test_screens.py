"""Screen share in a real stand-in node: who may send it does, all others see it."""

import asyncio

import pytest

from bots.models import (
    Habits,
    LeaveReport,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from bots.screens import view_retry_s
from bots.transcript import Transcript
from tests.integration.test_participant import QUICK, scene
from tests.support.asynctest import asynctest, eventually


@asynctest
async def test_a_presenters_screen_is_seen_by_all_others_on_a_socket_of_its_own():
    transcript = Transcript()
    async with scene() as stage:
        presenter = stage.participant(
            1, role="moderator", shares_screen=True, transcript=transcript
        )
        viewer = stage.participant(2)
        blind = stage.participant(3, habits=Habits(views_screen=False))
        async with stage.present(presenter):
            async with stage.present(viewer, blind):
                (milestone,) = await stage.wait_for(MilestoneReport, media="screen")
                presenter.sample(), viewer.sample()
                stage.reports[:] = [
                    r for r in stage.reports if not isinstance(r, StreamReport)
                ]
                await asyncio.sleep(3.0)  # a time to count packets in
                presenter.sample(), viewer.sample()
                streams = stage.of(StreamReport)

    assert (milestone.participant, milestone.outcome) == (2, "joined")
    (sent,) = [s for s in streams if s.direction == "out" and s.participant == 1]
    (seen,) = [s for s in streams if s.direction == "in"]
    assert (sent.media, seen.media, seen.participant) == ("screen", "screen", 2)
    assert 10 <= sent.frames <= 25
    assert 0.5e6 < sent.bytes * 8 / 3.0 < 2.5e6
    assert abs(seen.packets - sent.packets) < 0.4 * sent.packets
    assert stage.of(RefusalReport) == []
    frames = [f for f in transcript.document()["frames"] if f["socket"] == "sfu screen"]
    start = frames[0]["message"]
    assert list(start) == [
        "id",
        "type",
        "role",
        "internalMeetingId",
        "voiceBridge",
        "userName",
        "callerName",
        "sdpOffer",
        "hasAudio",
        "contentType",
        "bitrate",
    ]
    assert (start["role"], start["bitrate"]) == ("send", 1500)
    assert start["voiceBridge"].isdigit()


@asynctest
async def test_who_is_not_presenter_does_not_try_and_shares_as_soon_as_it_is():
    async with scene() as stage:
        first = stage.participant(1, role="moderator")
        second = stage.participant(2, role="moderator", shares_screen=True)
        async with stage.present(first):
            async with stage.present(second):
                (meeting,) = stage.node.running.node.meetings.values()
                users = {user.name: user for user in meeting.users.values()}
                await asyncio.sleep(1.0)  # a time to try in, wrongly
                assert meeting.screenshare is None
                meeting.set_presenter(users["Bot 2"])
                (one,) = await stage.wait_for(MilestoneReport, media="screen")
                await eventually(lambda: one.participant == 1)
                meeting.set_presenter(users["Bot 1"])
                await eventually(lambda: meeting.screenshare is None)

    assert stage.of(RefusalReport) == []
    assert {leave.outcome for leave in stage.of(LeaveReport)} == {"left"}


@asynctest
async def test_a_screen_that_is_refused_is_an_outcome_and_its_presenter_stays():
    async with scene(sfu_error="2301") as stage:
        presenter = stage.participant(1, role="moderator", shares_screen=True)
        async with stage.present(presenter):
            (refusal,) = await stage.wait_for(RefusalReport)

    assert (refusal.what, refusal.outcome) == ("screen share", "refused")
    assert refusal.code == "2301"
    assert [leave.outcome for leave in stage.of(LeaveReport)] == ["left"]


@asynctest
async def test_a_screen_that_was_lost_with_the_network_is_seen_again_at_once():
    async with scene() as stage:
        presenter = stage.participant(1, role="moderator", shares_screen=True)
        viewer = stage.participant(2, limits=QUICK)
        async with stage.present(presenter, viewer):
            await stage.wait_for(MilestoneReport, media="screen")
            viewer._performer._lose_network(0.2)
            await stage.wait_for(RefusalReport, what="screen view")
            await stage.wait_for(MilestoneReport, 2, media="screen")

    lost = stage.of(RefusalReport, what="screen view")
    assert {(each.outcome, each.code) for each in lost} == {
        ("withdrawn", "network away")
    }


@pytest.mark.parametrize(
    ("attempt", "is_known", "wait_s"),
    [
        (0, True, 0.0),
        (1, True, 8.0),
        (5, True, 8.0),
        (1, False, 20.0),
        (2, False, 25.0),
        (9, False, 25.0),
    ],
)
def test_a_viewer_waits_as_long_as_the_client_does(attempt, is_known, wait_s):
    assert view_retry_s(attempt, is_known=is_known) == wait_s
