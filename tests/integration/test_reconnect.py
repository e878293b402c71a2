"""Sockets and memberships that are lost and come back, in a real stand-in node."""

import asyncio
from dataclasses import replace

from bots.models import (
    Habits,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    RefusalReport,
    StreamReport,
)
from loadtest.node.meeting import Meeting
from tests.integration.test_participant import QUICK, Scene, scene
from tests.support.asynctest import asynctest, eventually


def room(stage: Scene) -> Meeting:
    (meeting,) = stage.node.running.node.meetings.values()
    return meeting


def left(stage: Scene) -> list[str]:
    return [leave.outcome for leave in stage.of(LeaveReport)]


@asynctest
async def test_a_dropped_graphql_socket_is_told_and_media_go_on():
    async with scene(drop_graphql=1.0) as stage:
        talker = stage.participant(1, audio="microphone", limits=QUICK)
        async with stage.present(talker):
            (dropped,) = await stage.wait_for(RefusalReport)
            (user,) = room(stage).present()
            await eventually(lambda: user.connections == 1, what="a new connection")
            talker.sample()
            await asyncio.sleep(1.0)  # a time to count packets in
            before = len(stage.of(StreamReport))
            talker.sample()
            heard = stage.of(StreamReport)[before:]

    assert (dropped.what, dropped.outcome) == ("graphql socket", "dropped")
    assert dropped.code == "graphql 1006"
    assert sum(s.packets for s in heard if s.direction == "out") > 30
    assert left(stage) == ["left"]


@asynctest
async def test_dropped_media_sockets_are_opened_again_with_all_that_ran_on_them():
    async with scene(drop_sfu=3.0) as stage:
        sharer = stage.participant(
            1, audio="microphone", shares_camera=True, limits=QUICK
        )
        viewer = stage.participant(2, limits=QUICK)
        async with stage.present(sharer, viewer):
            await stage.wait_for(MilestoneReport, media="camera")
            await stage.wait_for(RefusalReport, participant=1)
            await stage.wait_for(RefusalReport, participant=2, what="camera socket")
            user = next(u for u in room(stage).present() if u.name == "Bot 1")
            await eventually(lambda: user.voice and user.cameras, what="both again")
            await stage.wait_for(MilestoneReport, 2, media="camera", outcome="joined")

    told = {(r.participant, r.what, r.outcome) for r in stage.of(RefusalReport)}
    assert told >= {(2, "camera socket", "dropped")}
    assert told & {(1, "audio", "dropped"), (1, "camera socket", "dropped")}
    assert {outcome for _, _, outcome in told} == {"dropped"}
    assert left(stage) == ["left", "left"]


@asynctest
async def test_who_was_taken_for_gone_joins_again_with_its_media():
    async with scene(disconnect_user=1.5) as stage:
        sharer = stage.participant(
            1, audio="microphone", shares_camera=True, limits=QUICK
        )
        async with stage.present(sharer):
            await stage.wait_for(RefusalReport, what="membership")
            user = next(iter(room(stage).users.values()))
            await eventually(lambda: user.joined and user.voice, what="audio again")
            await eventually(lambda: user.cameras, what="the camera again")

    (gone,) = stage.of(RefusalReport, what="membership")
    assert gone.code == "able_to_rejoin_user_disconnected_reason"
    assert [join.outcome for join in stage.of(JoinReport)] == ["joined"]
    assert left(stage) == ["left"]


@asynctest
async def test_a_flapping_network_is_our_doing_and_comes_back_each_time():
    habits = Habits(drops_every_s=0.5, away_s=1.0)
    async with scene() as stage:
        flapping = stage.participant(
            1, audio="listen only", limits=QUICK, habits=habits
        )
        async with stage.present(flapping):
            await stage.wait_for(RefusalReport, 2, what="graphql socket")
            (user,) = room(stage).present()
            await eventually(
                lambda: user.connections and user.voice, what="everything again"
            )

    told = stage.of(RefusalReport)
    assert {"graphql socket", "audio"} <= {report.what for report in told}
    assert {(r.outcome, r.code) for r in told} == {("withdrawn", "network away")}
    assert left(stage) == ["left"]


@asynctest
async def test_an_ejected_participant_is_dropped_by_that_name():
    async with scene() as stage:
        participant = stage.participant(1, audio="microphone", limits=QUICK)
        async with stage.present(participant):
            meeting = room(stage)
            (user,) = meeting.present()
            meeting.remove(user, reason="user_requested_eject_reason")
            (leave,) = await stage.wait_for(LeaveReport)

    assert (leave.outcome, leave.code) == ("dropped", "user_requested_eject_reason")
    assert stage.of(RefusalReport) == []


@asynctest
async def test_audio_that_does_not_come_back_ends_the_participant():
    limits = replace(
        QUICK, audio_retries=replace(QUICK.audio_retries, attempts=2, wait_s=0.1)
    )
    async with scene() as stage:
        participant = stage.participant(1, audio="listen only", limits=limits)
        async with stage.present(participant):
            (user,) = room(stage).present()
            user.voice_banned = True
            media = stage.node.running.media
            (transport,) = media._transports
            media.close(transport)  # its goodbye: "dtls closed" at once
            (leave,) = await stage.wait_for(LeaveReport)

    assert leave.outcome == "dropped"
    refused = stage.of(RefusalReport, what="audio")
    assert [r.outcome for r in refused] == ["dropped", "refused", "refused"]
    assert refused[-1].code == "2301"
