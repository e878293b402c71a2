"""Participants in the early, the middle and the recorded 3.0, each in its own words."""

from dataclasses import replace

import pytest

from bots.models import JoinReport, LeaveReport, MilestoneReport, RefusalReport
from bots.transcript import Transcript
from loadtest.node.breakouts import BreakoutRoom
from tests.integration.test_habits import operations
from tests.integration.test_participant import LIMITS, scene
from tests.support.asynctest import asynctest, eventually, scaled

HASTY = replace(
    LIMITS, conversation=replace(LIMITS.conversation, current_user_s=scaled(2.0))
)
SEEN = {"what": "breakout invitation"}
LAST = "Patched_UserListSubscription"
"""What every opening ends with."""


@pytest.mark.parametrize(
    ("version", "schema", "said", "unsaid"),
    [
        (
            "3.0.4",
            "BBB 3.0.0",
            {"getUserCurrent", "annotationsStream", "currentPageWritersSubscription"},
            {"annotationHistoryStream", "ConnStatusWithTraceLog"},
        ),
        (
            "3.0.14",
            "BBB 3.0.14",
            {"currentPageWritersSubscription", "annotationHistoryStream"},
            {"getUserCurrent", "whiteboardWriteAccessSubscription"},
        ),
        (
            "3.0.19",
            "BBB 3.0.19",
            {"whiteboardWriteAccessSubscription", "UserVoiceActivity"},
            {"getUserCurrent", "getUserVoiceStateStream", "getServerTime"},
        ),
        (
            "3.0.37",
            "BBB 3.0.20",
            {"whiteboardWriteAccessSubscription", "getUserVoiceStateStream"},
            {"getUserCurrent", "UserVoiceActivity"},
        ),
    ],
)
@asynctest
async def test_a_participant_hears_shows_a_camera_and_leaves_in_its_servers_words(
    version, schema, said, unsaid
):
    told = Transcript()
    async with scene(version=version) as stage:
        teacher = stage.participant(
            1, role="moderator", audio="microphone", talks=True, transcript=told
        )
        pupil = stage.participant(2, audio="microphone", shares_camera=True)
        async with stage.present(teacher, pupil):
            await stage.wait_for(MilestoneReport, 2, media="audio", outcome="joined")
            await stage.wait_for(MilestoneReport, media="camera", participant=1)
            await eventually(
                lambda: LAST in {name for name, _ in operations(told)},
                what="the end of the opening",
            )
            (meeting,) = stage.node.running.node.meetings.values()
            ids = {user.name: user.id for user in meeting.present()}
            meeting.open_breakouts([breakout_for(ids["Bot 2"])])
            await stage.wait_for(RefusalReport, **SEEN)
            assert teacher._view.is_moderator
            assert teacher._view.is_presenter
            failed = teacher._conversation.failed_operations

    names = {name for name, _ in operations(told)}
    assert {join.path.schema for join in stage.of(JoinReport)} == {schema}
    assert [it.outcome for it in stage.of(LeaveReport)] == ["left", "left"]
    assert {it.what for it in stage.of(RefusalReport)} == {SEEN["what"]}
    timer = {"Patched_Timer"}  # it refuses what its own client asks
    assert failed.keys() <= (timer if schema >= "BBB 3.0.19" else set())
    assert said <= names
    assert not unsaid & names


def breakout_for(user_id: str) -> BreakoutRoom:
    return BreakoutRoom(
        room_id="room",
        sequence=1,
        name="Class (Room 1)",
        short_name="Room 1",
        is_default_name=True,
        is_free=False,
        invites_moderators=False,
        duration_s=900,
        started_s=0.0,
        user_ids=(user_id,),
    )


@pytest.mark.parametrize(
    ("version", "index_says"),
    [
        ("3.0.0", "hidden"),
        ("3.0.14", "hidden"),
        ("3.0.19", "hidden"),
        ("3.0.19", "3.0.37"),
        ("3.0.0", "3.0.19"),
    ],
)
@asynctest
async def test_a_schema_is_found_by_asking_where_the_index_hides_it_or_is_wrong(
    version, index_says
):
    async with scene(version=version, bbb_version=index_says) as stage:
        async with stage.present(stage.participant(1, limits=HASTY)):
            pass

    (join,) = stage.of(JoinReport)
    assert (join.outcome, join.path.schema) == ("joined", f"BBB {version}")
    assert stage.of(RefusalReport) == []


@asynctest
async def test_what_one_participant_found_the_next_need_not_ask():
    told = Transcript()
    async with scene(version="3.0.37", bbb_version="hidden") as stage:
        first = stage.participant(1)
        async with stage.present(first):
            second = stage.participant(2, transcript=told)
            async with stage.present(second):
                pass

    names = [name for name, _ in operations(told)]
    assert {join.path.schema for join in stage.of(JoinReport)} == {"BBB 3.0.20"}
    assert names[:2] == ["Patched_userCurrentSubscription", "UserJoin"]
    assert not {"getServerTime"} & set(names)


@pytest.mark.parametrize(
    ("version", "field"),
    [
        ("3.0.19", "user_current.userId"),
        ("3.0.0", "user_current.guestStatus"),
        ("3.0.0", "user_current.pinned"),
    ],
)
@asynctest
async def test_a_schema_that_nothing_fits_is_named_when_the_join_is_refused(
    version, field
):
    async with scene(version=version, missing_field=field) as stage:
        async with stage.present(stage.participant(1, limits=HASTY)):
            (meeting,) = stage.node.running.node.meetings.values()
            await eventually(lambda: not meeting.present_count, what="nobody in it")

    (join,) = stage.of(JoinReport)
    assert (join.outcome, join.code) == ("refused", "unknown schema")
    assert field.partition(".")[2] in join.detail


@asynctest
async def test_a_document_that_does_not_fit_is_told_and_the_participant_stays():
    async with scene(missing_field="user_camera.voice") as stage:
        async with stage.present(stage.participant(1)):
            refusals = await stage.wait_for(RefusalReport, what="graphql schema")

    codes = {refusal.code for refusal in refusals}
    assert "Patched_VideoStreams" in codes
    assert {refusal.outcome for refusal in refusals} == {"refused"}
    assert "'voice'" in refusals[0].detail
    assert [it.outcome for it in stage.of(LeaveReport)] == ["left"]
