"""What a participant makes of the rows that the server sends."""

import json
from pathlib import Path

import pytest

from bots.protocol import operations as op
from bots.protocol.graphql import Data
from bots.protocol.meeting import (
    Admitted,
    CamerasChanged,
    Changed,
    InMeeting,
    JoinRefused,
    MeetingView,
    Muted,
    Removed,
    Waiting,
)
from bots.protocol.opening import Fact
from bots.protocol.rows import poll_of

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
IN = {"guestStatus": "ALLOW", "joined": True, "userId": "w_1", "authToken": "a"}
OUT = IN | {"joined": False}


def view():
    return MeetingView(client_session_uuid="uuid")


def data(operation, rows):
    return Data(id="1", operation=operation, value=rows)


def user(**row):
    return data(op.CURRENT_USER, [row])


def test_the_recorded_user_is_admitted_and_joins():
    frames = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())
    known = view()
    events = []
    for frame in frames["frames"]:
        root = (frame["message"].get("payload") or {}) if frame["message"] else {}
        value = root.get("data", {}) if isinstance(root, dict) else {}
        if "user_current" in value:
            events += known.take(data(op.CURRENT_USER, value["user_current"]))
        if "pres_page_curr" in value:
            known.take(data(op.CURRENT_PAGE, value["pres_page_curr"]))

    assert events == [Admitted(auth_token="i5djed4i9kzz"), InMeeting()]
    assert known.is_moderator
    assert known.is_presenter
    assert known.facts("now")[Fact.PAGE_ID].endswith("/1")
    assert "i5djed4i9kzz" not in repr(events)


def test_its_place_in_the_lobby_lets_nobody_in():
    known = view()
    known.take(user(**(OUT | {"guestStatus": "WAIT"})))
    details = {"guestStatusDetails": {"positionInWaitingQueue": 1, "isAllowed": False}}

    assert known.take(data(op.GUEST_LOBBY, [details])) == []


def test_a_guest_waits_in_the_lobby_until_admitted():
    known = view()
    waiting = OUT | {"guestStatus": "WAIT"}

    told = [known.take(user(**row)) for row in (waiting, waiting, OUT, OUT, IN, IN)]

    assert told == [
        [Waiting()],
        [],
        [Admitted(auth_token="a")],
        [],
        [InMeeting()],
        [],
    ]


@pytest.mark.parametrize(
    ("row", "event"),
    [
        (
            {"joinErrorCode": "banned_user_rejoining_reason", "joinErrorMessage": "m"},
            JoinRefused(code="banned_user_rejoining_reason", message="m"),
        ),
        (
            {"guestStatus": "DENY"},
            JoinRefused(code="guest_deny", message="the guest was denied entry"),
        ),
        (
            {"ejectReasonCode": "user_requested_eject_reason", "ejectReason": "r"},
            Removed(code="user_requested_eject_reason", message="r"),
        ),
        (
            {"meeting": {"ended": True, "endedReasonCode": "ENDED_FROM_API"}},
            Removed(code="meeting_ended", message="ENDED_FROM_API"),
        ),
        ({"loggedOut": True}, Removed(code="logged_out")),
    ],
)
def test_the_end_of_a_membership_is_told_once(row, event):
    known = view()

    assert known.take(user(**(OUT | row))) == [event]
    assert known.take(user(**(OUT | row))) == []


def test_a_user_who_was_away_too_long_may_join_again():
    known = view()
    known.take(user(**OUT))
    known.take(user(**IN))

    (removed,) = known.take(
        user(**OUT, ejectReasonCode="able_to_rejoin_user_disconnected_reason")
    )
    again = known.take(user(**OUT))

    assert isinstance(removed, Removed)
    assert removed.may_rejoin
    assert again == [Admitted(auth_token="a")]


def test_cameras_are_told_when_they_differ_and_not_otherwise():
    known = view()
    row = {
        "streamId": "w_2_u_d",
        "user": {"userId": "w_2", "name": "Bot 2", "nameSortable": "bot 2"},
        "voice": {"floor": True, "lastFloorTime": "17"},
    }

    told = [known.take(data(op.CAMERAS, rows)) for rows in ([], [row], [dict(row)], [])]

    assert told == [[], [CamerasChanged()], [], [CamerasChanged()]]


def test_a_camera_is_read_with_its_speaker():
    known = view()
    row = {
        "streamId": "s",
        "user": {"userId": "w_2", "name": "B", "nameSortable": "b", "pinned": True},
        "voice": {"floor": True, "lastFloorTime": 17},
    }

    known.take(data(op.CAMERAS, [row, {"streamId": "t", "user": None, "voice": None}]))

    first, second = known.cameras
    assert (first.is_pinned, first.has_floor, first.last_floor_time) == (
        True,
        True,
        "17",
    )
    assert (second.stream_id, second.user_id) == ("t", "")


def test_only_the_users_own_mute_is_its_business():
    known = view()
    known.take(user(**IN))

    others = known.take(data(op.VOICE_ACTIVITY, [{"userId": "w_9", "muted": True}]))
    own = known.take(data(op.VOICE_ACTIVITY, [{"userId": "w_1", "muted": True}]))

    assert (others, own) == ([], [Muted(muted=True)])
    assert known.is_muted


def test_the_locks_of_the_meeting_are_known():
    known = view()

    known.take(data(op.MEETING, [{"lockSettings": {"disableCam": True, "__t": "x"}}]))

    assert known.locks == {"disableCam": True}


@pytest.mark.parametrize("value", [None, 17, {}, [], [None], [17], "text"])
def test_nonsense_in_place_of_rows_teaches_nothing(value):
    known = view()

    for operation in (op.CURRENT_USER, op.CAMERAS, op.MEETING, op.VOICE_ACTIVITY):
        assert known.take(data(operation, value)) == []


@pytest.mark.parametrize("value", [None, True, 17, {}, "text", [None], [17]])
def test_nonsense_in_place_of_a_poll_or_its_parts_is_no_poll(value):
    known = joined()

    known.take(data(op.PENDING_POLLS, [{"polls": value}]))
    known.take(data(op.PENDING_POLLS, [{"polls": [{"users": value}]}]))

    assert known.polls == ()
    assert poll_of({"pollId": "p", "options": value}).option_ids == ()


@pytest.mark.parametrize(
    ("internal_id", "created_at"),
    [
        ("ab-1785756454348", "2026-08-03T11:27:34.348Z"),
        ("ab", None),
        ("ab-cd", None),
        ("ab-178575645434899999999", None),
        ("ab-\N{SUPERSCRIPT TWO}", None),
        ("", None),
    ],
)
def test_the_creation_time_is_part_of_the_internal_meeting_id(internal_id, created_at):
    known = view()

    known.knows_meeting(internal_id)

    assert known.facts("now").get(Fact.MEETING_CREATED_AT) == created_at


def joined(**row):
    known = view()
    known.take(user(**(IN | row)))
    return known


def test_a_removal_that_allows_it_is_told_once_and_a_new_join_too():
    known = joined()
    gone = OUT | {"ejectReasonCode": "able_to_rejoin_user_disconnected_reason"}

    (removed,) = known.take(user(**gone))
    again = known.take(user(**gone, name="x"))
    back = known.take(user(**IN))

    assert removed.may_rejoin
    assert again == []
    assert back == [InMeeting()]


def test_a_user_no_longer_joined_without_a_reason_may_join_again():
    (removed,) = joined().take(user(**OUT))

    assert isinstance(removed, Removed)
    assert removed.may_rejoin


@pytest.mark.parametrize(
    ("change", "is_news"),
    [
        ({"presenter": True}, True),
        ({"locked": True}, True),
        ({"breakoutRoomsSummary": {"totalOfShowInvitation": 1}}, True),
        ({"raiseHand": True}, False),
    ],
)
def test_only_what_a_participant_decides_by_is_news(change, is_news):
    known = joined()

    told = known.take(user(**IN, **change))

    assert told == ([Changed()] if is_news else [])


def test_a_lock_binds_viewers_but_no_moderator_and_no_presenter():
    locks = data(op.MEETING, [{"lockSettings": {"disableCam": True}}])
    bound = {}
    for name, row in {
        "viewer": {"locked": True},
        "free viewer": {"locked": False},
        "moderator": {"locked": True, "isModerator": True},
        "presenter": {"locked": True, "presenter": True},
    }.items():
        known = joined(**row)
        known.take(locks)
        bound[name] = known.binds("disableCam")

    assert bound == {
        "viewer": True,
        "free viewer": False,
        "moderator": False,
        "presenter": False,
    }


def test_polls_that_wait_for_this_user_are_known_and_do_not_hide_the_meeting():
    known = joined()
    known.take(data(op.MEETING, [{"screenshare": {"stream": "s"}}]))
    polls = [
        {
            "pollId": poll_id,
            "type": "YN",
            "multipleResponses": False,
            "users": [{"userId": "w_1", "responded": responded}],
            "options": [{"optionId": 0}, {"optionId": 1}],
        }
        for poll_id, responded in (("new", False), ("old", True))
    ]

    told = known.take(data(op.PENDING_POLLS, [{"polls": polls}]))

    assert told == [Changed()]
    assert [poll.poll_id for poll in known.polls] == ["new"]
    assert known.polls[0].option_ids == (0, 1)
    assert known.screen == "s"
