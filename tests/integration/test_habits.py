"""What participants do in a meeting, as the stand-in node sees it happen."""

import asyncio
import itertools
import json
from typing import Any

from bots.models import Burst, Habits, JoinReport, LeaveReport, RefusalReport
from bots.transcript import Transcript
from loadtest.node.content import Poll
from loadtest.node.meeting import Meeting, User
from tests.integration.test_participant import LIMITS, Scene, scene
from tests.support.asynctest import asynctest, eventually

CHAT_PANEL = ("chatMessages", "IsTyping")
CHAT_ACTS = ("ChatSetTyping", "ChatSendMessage", "UpdateChatLastSeen")
QUICK = Habits(poll_thinking_s=0.1)


def room(stage: Scene) -> Meeting:
    (meeting,) = stage.node.running.node.meetings.values()
    return meeting


def person(stage: Scene, number: int) -> User:
    return next(u for u in room(stage).users.values() if u.name == f"Bot {number}")


def operations(transcript: Transcript) -> list[tuple[str, dict[str, Any]]]:
    """Name and variables of every operation that was sent, in order."""
    frames = [f["message"] for f in transcript.document()["frames"]]
    return [
        (m["payload"]["operationName"], m["payload"]["variables"])
        for m in frames
        if isinstance(m, dict) and m.get("type") == "subscribe"
    ]


@asynctest
async def test_a_poll_is_asked_answered_once_by_each_and_published():
    busy = Habits(poll_interval_s=0.3)
    async with scene() as stage:
        presenter = stage.participant(1, role="moderator", habits=busy)
        voters = [stage.participant(n, habits=QUICK) for n in (2, 3)]
        silent = stage.participant(4, habits=Habits(answers_polls=False))
        async with stage.present(presenter, *voters, silent):
            meeting = room(stage)
            polls = await eventually(lambda: meeting.polls, what="a poll")
            (poll,) = polls.values()
            await eventually(lambda: len(poll.votes) == 2, limit_s=40, what="votes")
            names = {meeting.users[voter].name for voter in poll.votes}

    assert names == {"Bot 2", "Bot 3"}
    assert stage.of(RefusalReport) == []


@asynctest
async def test_bursts_mute_open_the_whiteboard_and_ask_a_whole_meeting():
    kinds = ("mute all", "whiteboard", "poll")
    bursts = tuple(Burst(kind=kind, starts_s=0.0, lasts_s=300.0) for kind in kinds)
    numbers = (2, 3)
    async with scene() as stage:
        pupils = [
            stage.participant(
                number,
                audio="microphone",
                talks=False,
                habits=QUICK,
                bursts=bursts,
            )
            for number in numbers
        ]
        async with stage.present(*pupils):
            await stage.wait_for(JoinReport, 2, outcome="joined")
            meeting = room(stage)
            voices = [person(stage, number).voice for number in numbers]
            assert [voice.muted for voice in voices if voice] == [False, False]
            teacher = stage.participant(1, role="moderator", bursts=bursts)
            async with stage.present(teacher):
                await eventually(
                    lambda: all(person(stage, n).voice.muted for n in numbers),
                    what="everybody muted",
                )
                writers = await eventually(
                    lambda: {
                        user.name
                        for user in meeting.present()
                        if user.whiteboard_write_access and not user.presenter
                    },
                    what="a whiteboard open to all",
                )
                drawn = await eventually(
                    lambda: len(draw := authors(meeting)) == 3 and draw,
                    limit_s=40,
                    what="a line by each",
                )
                polls = await eventually(lambda: meeting.polls, what="a poll")
                (poll,) = polls.values()
                await eventually(
                    lambda: len(poll.votes) == 2, limit_s=40, what="answers"
                )

    assert writers == {"Bot 2", "Bot 3"}
    assert drawn == {"Bot 1", "Bot 2", "Bot 3"}
    assert stage.of(RefusalReport) == []


def authors(meeting: Meeting) -> set[str]:
    """Name everybody whose line the whiteboard holds."""
    return {meeting.users[it.user_id].name for it in meeting.annotations.values()}


@asynctest
async def test_a_poll_with_a_written_answer_is_answered_in_writing():
    async with scene() as stage:
        async with stage.present(stage.participant(1, habits=QUICK)):
            meeting = room(stage)
            meeting.polls["p"] = poll = Poll(
                poll_id="p",
                poll_type="R-",
                question="Why?",
                secret=False,
                multiple=False,
                quiz=False,
                options=[],
                created_s=meeting.now_s(),
            )
            meeting.changed("poll")
            await eventually(lambda: poll.votes, limit_s=40, what="an answer")

    assert poll.options == ["an answer of my own"]


@asynctest
async def test_a_presenter_turns_pages_points_and_draws_and_others_follow():
    transcript = Transcript()
    busy = Habits(page_interval_s=0.7, pointer_interval_s=0.3, drawing_interval_s=0.3)
    told = Transcript()
    async with scene() as stage:
        presenter = stage.participant(1, role="moderator", habits=busy, transcript=told)
        follower = stage.participant(2, transcript=transcript)
        async with stage.present(presenter):
            meeting = room(stage)
            (shown,) = meeting.presentations.values()
            shown.pages = 3
            meeting.changed("presentation")
            async with stage.present(follower):
                await eventually(lambda: shown.current_page > 1, what="a page turned")
                await eventually(lambda: meeting.annotations, what="a line drawn")
                await eventually(lambda: meeting.cursors, what="a cursor")
                pages = await eventually(
                    lambda: [
                        variables["pageId"]
                        for name, variables in operations(transcript)
                        if name == "annotationHistoryStream"
                    ][1:],
                    what="the shapes of another page asked for",
                )

    assert pages[0].startswith(shown.presentation_id)
    frames = told.document()["frames"]
    times = {
        name: [f["at_s"] for f in frames if asks(f["message"], name)]
        for name in ("PresentationPublishCursor", "PresAnnotationSubmit")
    }
    # Never closer than the client's rates: 150 ms for the cursor, 60 ms for shapes.
    assert least_gap(times["PresentationPublishCursor"]) >= 0.145
    assert least_gap(times["PresAnnotationSubmit"]) >= 0.055


@asynctest
async def test_the_only_page_that_is_turned_to_is_followed():
    transcript = Transcript()

    def pages() -> list[str]:
        asked = ("CurrentPageAnnotationsQuery", "annotationHistoryStream")
        return [
            variables["pageId"].rpartition("/")[2]
            for name, variables in operations(transcript)
            if name in asked
        ]

    async with scene() as stage:
        async with stage.present(stage.participant(1, transcript=transcript)):
            await eventually(lambda: pages() == ["1", "1"], what="the first page's")
            meeting = room(stage)
            (shown,) = meeting.presentations.values()
            shown.pages, shown.current_page = 3, 2
            meeting.changed("presentation")
            await eventually(lambda: len(pages()) > 3, what="the second page's")

    assert pages() == ["1", "1", "2", "2"]


def asks(message: dict[str, Any], name: str) -> bool:
    is_asked = message.get("type") == "subscribe"
    return is_asked and message["payload"]["operationName"] == name


def least_gap(times: list[float]) -> float:
    assert len(times) > 3
    return min(later - earlier for earlier, later in itertools.pairwise(times))


@asynctest
async def test_what_is_written_is_typed_first_and_marked_as_seen_by_readers():
    transcript = Transcript()
    async with scene() as stage:
        writer = stage.participant(1, chat_interval_s=0.5, transcript=transcript)
        reader = stage.participant(2, chat_interval_s=3600.0)
        async with stage.present(writer, reader):
            (chat,) = room(stage).chats.values()
            await eventually(
                lambda: person(stage, 2).id in chat.last_seen_s,
                what="a message that was seen",
            )

    names = [name for name, _ in operations(transcript)]
    about_chat = [name for name in names if name in CHAT_PANEL or name in CHAT_ACTS]
    assert about_chat[:2] == ["chatMessages", "IsTyping"]
    said = about_chat.index("ChatSendMessage")
    assert about_chat[said - 1] == "ChatSetTyping"
    assert about_chat[said + 1] == "UpdateChatLastSeen"


@asynctest
async def test_hands_and_reactions_are_raised():
    habits = Habits(hand_interval_s=0.5, reaction_interval_s=0.5)
    async with scene() as stage:
        async with stage.present(stage.participant(1, habits=habits)):
            user = person(stage, 1)
            await eventually(lambda: user.raise_hand_s is not None, what="a hand")
            await eventually(lambda: room(stage).reactions, what="a reaction")


@asynctest
async def test_a_locked_viewer_tries_neither_camera_nor_microphone_nor_chat():
    locks = (
        ("lockSettingsDisableCam", "true"),
        ("lockSettingsDisableMic", "true"),
        ("lockSettingsDisablePublicChat", "true"),
    )
    transcript = Transcript()
    async with scene(*locks) as stage:
        locked = stage.participant(
            1,
            audio="microphone",
            shares_camera=True,
            chat_interval_s=0.3,
            transcript=transcript,
        )
        async with stage.present(locked):
            await stage.wait_for(RefusalReport, 2)
            await asyncio.sleep(1.5)  # a time to try in, wrongly
            voice = person(stage, 1).voice
            assert voice is not None
            assert voice.listen_only
            # As soon as the lock is gone, the camera comes.
            meeting = room(stage)
            assert not meeting.cameras()
            meeting.locks.disable_cam = False
            meeting.changed("meeting")
            await eventually(lambda: meeting.cameras(), what="a camera")

    told = {(r.what, r.outcome, r.code) for r in stage.of(RefusalReport)}
    assert told == {
        ("microphone", "withdrawn", "locked"),
        ("camera share", "withdrawn", "locked"),
    }
    (join,) = stage.of(JoinReport)
    assert join.path.audio_role == "passive-sendrecv"
    assert "ChatSendMessage" not in {name for name, _ in operations(transcript)}


@asynctest
async def test_a_moderator_lets_in_who_waits_in_the_lobby():
    async with scene(force_lobby=True) as stage:
        moderator = stage.participant(1, role="moderator", limits=LIMITS)
        told = Transcript()
        guest = stage.participant(2, transcript=told)
        async with stage.present(moderator):
            async with stage.present(guest):
                assert person(stage, 2).joined

    first = [name for name, _ in operations(told)][:3]
    assert first == ["Patched_userCurrentSubscription", "getGuestLobbyInfo", "UserJoin"]
    frames = [frame["message"] for frame in told.document()["frames"]]
    (lobby,) = [frame["id"] for frame in frames if asks(frame, "getGuestLobbyInfo")]
    assert stage.of(RefusalReport) == []
    assert {"id": lobby, "type": "complete"} in frames
    assert [join.outcome for join in stage.of(JoinReport)] == ["joined", "joined"]


@asynctest
async def test_a_guest_of_the_plan_waits_until_it_is_let_in():
    async with scene(("guestPolicy", "ASK_MODERATOR")) as stage:
        told = Transcript()
        member = stage.participant(2)
        guest = stage.participant(3, is_guest=True, transcript=told)
        async with stage.present(member), stage.unjoined(guest):
            users = room(stage).users
            await eventually(
                lambda: [u.name for u in users.values() if u.guest_status == "WAIT"]
            )
            waits = person(stage, 3)
            assert waits.guest
            assert not waits.joined
            await eventually(
                lambda: '"positionInWaitingQueue": 1' in json.dumps(told.document()),
                what="its place in the lobby",
            )
            async with stage.present(stage.participant(1, role="moderator")):
                await stage.wait_for(JoinReport, participant=3, outcome="joined")
                assert waits.guest_status == "ALLOW"


@asynctest
async def test_a_presenters_trace_comes_back_as_the_applications_round_trip():
    async with scene() as stage:
        presenter = stage.participant(1, role="moderator")
        transcript = Transcript()
        viewer = stage.participant(2, transcript=transcript)
        async with stage.present(presenter, viewer):
            status = room(stage).connection_status
            await eventually(
                lambda: all(s.network_rtt_ms for s in status.values()),
                what="a connection-alive report of both",
            )
            traces = {s.user_id: s.trace_log for s in status.values()}
            ids = (person(stage, 1).id, person(stage, 2).id)
            assert presenter._presence is not None
            told = presenter._presence
            await eventually(lambda: told.application_rtt_s is not None)

    alive = dict(operations(transcript))["UpdateConnectionAliveAt"]
    assert alive["serverRequestId"], "as the answer to rtt-check named it"
    assert traces[ids[0]].startswith("@html5|")
    assert "@gqlactions|" in traces[ids[0]]
    assert not traces[ids[1]]
    leaves = {leave.participant: leave for leave in stage.of(LeaveReport)}
    assert 0 <= leaves[1].application_rtt_s < 5
    assert leaves[2].application_rtt_s is None
