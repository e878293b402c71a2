"""Breakout rooms: opened by a moderator's mutation, seen by those it invites."""

from typing import Any

from bots.models import LeaveReport, RefusalReport
from tests.integration.test_participant import Scene, scene
from tests.support.asynctest import asynctest, eventually
from tests.support.graphql import GraphqlClient, cookieless, joined_client
from tests.support.node import SECRET, local_node

CREATE = (
    "mutation BreakoutRoomCreate($record: Boolean!, $captureNotes: Boolean!, "
    "$captureSlides: Boolean!, $durationInMinutes: Int!, "
    "$sendInviteToModerators: Boolean!, $rooms: [BreakoutRoom]!) { "
    "breakoutRoomCreate(record: $record, captureNotes: $captureNotes, "
    "captureSlides: $captureSlides, durationInMinutes: $durationInMinutes, "
    "sendInviteToModerators: $sendInviteToModerators, rooms: $rooms) }"
)
END_ALL = "mutation EndAll { breakoutRoomEndAll }"
DISMISS = "mutation Dismiss { breakoutRoomSetInviteDismissed }"
ASK_URL = (
    "mutation BreakoutRoomRequestJoinUrl($breakoutRoomId: String!) { "
    "breakoutRoomRequestJoinUrl(breakoutRoomId: $breakoutRoomId) }"
)
ROOMS = (
    "subscription getBreakoutData { breakoutRoom(order_by: {sequence: asc}) { "
    "breakoutRoomId sequence shortName freeJoin showInvitation isLastAssignedRoom "
    "joinURL } }"
)
MEETING = (
    "subscription Rooms { meeting { componentsFlags { hasBreakoutRoom } "
    "breakoutRoomsCommonProperties { durationInSeconds freeJoin } } }"
)
SEEN = {"what": "breakout invitation", "outcome": "withdrawn", "code": "not entered"}


def rooms(*assigned: list[str], free: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Class (Room {number})",
            "shortName": f"Room {number}",
            "sequence": number,
            "isDefaultName": True,
            "freeJoin": free,
            "users": users,
            "allPages": True,
            "presId": "",
            "captureNotesFilename": "",
            "captureSlidesFilename": "",
        }
        for number, users in enumerate(assigned, start=1)
    ]


async def create(
    teacher: GraphqlClient, asked: list[dict[str, Any]], **changes: Any
) -> dict[str, Any]:
    arguments = {
        "record": False,
        "captureNotes": False,
        "captureSlides": False,
        "durationInMinutes": 15,
        "sendInviteToModerators": False,
        "rooms": asked,
    }
    return await teacher.mutate(CREATE, **(arguments | changes))


def of_meeting(stage: Scene) -> str:
    (meeting,) = stage.node.running.node.meetings.values()
    return meeting.request.meeting_id


@asynctest
async def test_participants_see_their_invitation_and_stay_where_they_are():
    async with scene() as stage, cookieless() as http:
        viewers = [stage.participant(number) for number in (1, 2, 3)]
        async with (
            stage.present(*viewers),
            joined_client(
                http, stage.node, meetingID=of_meeting(stage), role="moderator"
            ) as teacher,
        ):
            (meeting,) = stage.node.running.node.meetings.values()
            ids = {user.name: user.id for user in meeting.present()}
            await create(teacher, rooms([ids["Bot 1"]], [ids["Bot 2"]]))
            await stage.wait_for(RefusalReport, 2, **SEEN)
            await teacher.mutate(END_ALL)
            await eventually(
                lambda: not any(p._view.breakout_invitations for p in viewers),
                what="no invitations any more",
            )
            await create(teacher, rooms([ids["Bot 1"]], []))
            await stage.wait_for(RefusalReport, 3, **SEEN)
            present = meeting.present_count

    invited = sorted(report.participant for report in stage.of(RefusalReport))
    assert invited == [1, 1, 2]
    assert present == 4
    assert [report.outcome for report in stage.of(LeaveReport)] == ["left"] * 3


@asynctest
async def test_rooms_show_to_the_assigned_and_to_moderators():
    async with (
        local_node() as node,
        cookieless() as http,
        joined_client(http, node, role="moderator", fullName="Teacher") as teacher,
        joined_client(http, node, fullName="Ann") as ann,
        joined_client(http, node, fullName="Ben") as ben,
    ):
        watched = {who: await who.subscribe(ROOMS) for who in (teacher, ann, ben)}
        common = await teacher.subscribe(MEETING)
        await create(teacher, rooms([ann.ticket.user_id], []))
        (hers,) = await ann.rows(watched[ann], len)
        both = await teacher.rows(watched[teacher], len)
        (shared,) = await teacher.rows(
            common, lambda rows: rows[0]["componentsFlags"]["hasBreakoutRoom"]
        )
        none = await ben.rows(watched[ben])
        await ann.mutate(DISMISS)
        await ann.rows(watched[ann], lambda rows: not rows[0]["showInvitation"])
        await teacher.mutate(ASK_URL, breakoutRoomId=both[1]["breakoutRoomId"])
        await teacher.rows(watched[teacher], lambda rows: rows[1]["joinURL"])

    assert (hers["shortName"], hers["showInvitation"]) == ("Room 1", True)
    assert f"userID={ann.ticket.user_id}-1" in hers["joinURL"]
    assert [(row["showInvitation"], row["joinURL"]) for row in both] == [
        (False, None),
        (False, None),
    ]
    assert none == []
    assert shared["breakoutRoomsCommonProperties"] == {
        "durationInSeconds": 900,
        "freeJoin": False,
    }


@asynctest
async def test_free_rooms_invite_everybody_but_the_presenter_also_who_comes_later():
    async with (
        local_node() as node,
        cookieless() as http,
        joined_client(http, node, role="moderator", fullName="Teacher") as teacher,
        joined_client(http, node, fullName="Ann") as ann,
    ):
        await create(teacher, rooms([], [], free=True))
        async with joined_client(http, node, fullName="Late") as late:
            seen = {}
            for who in (teacher, ann, late):
                seen[who] = await who.rows(await who.subscribe(ROOMS), len)

    invitations = [
        sum(row["showInvitation"] for row in seen[who]) for who in (teacher, ann, late)
    ]
    assert invitations == [0, 1, 1]
    assert [len(rows) for rows in seen.values()] == [2, 2, 2]


@asynctest
async def test_only_moderators_open_rooms_and_only_what_are_rooms():
    async with (
        local_node() as node,
        cookieless() as http,
        joined_client(http, node, role="moderator") as teacher,
        joined_client(http, node, fullName="Ann") as ann,
    ):
        refused = await create(ann, rooms([]))
        wrong = await create(teacher, [{"name": "no sequence"}])
        nobody = await create(teacher, [{"sequence": 1, "users": [{}]}])
        (meeting,) = node.running.node.meetings.values()
        opened = meeting.breakouts.rooms

    assert "Permission Denied" in refused["payload"][0]["message"]
    for answer in (wrong, nobody):
        assert "rooms" in answer["payload"][0]["message"]
    assert opened == ()
    assert SECRET not in str(wrong)
