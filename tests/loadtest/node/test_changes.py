"""What one user does is seen by the others, as BBB's subscriptions would show it."""

from dataclasses import replace

import pytest

from loadtest.node.settings import GraphqlLimits, NodeSettings
from loadtest.node.state import Timeouts
from tests.support.asynctest import asynctest
from tests.support.graphql import (
    USER_CURRENT,
    GraphqlClient,
    cookieless,
    get_ticket,
    graphql_client,
    joined_client,
)
from tests.support.node import SECRET, local_node

USERS = (
    "subscription Patched_UserListSubscription($limit: Int!) { user(limit: $limit, "
    "order_by: [{presenter: desc}, {role: asc}, {raiseHandTime: asc_nulls_last}, "
    "{nameSortable: asc}]) { userId name presenter raiseHand disconnected "
    "voice { joined listenOnly __typename } cameras { streamId __typename } "
    "__typename } }"
)
CAMERAS = "subscription Cameras { user_camera { streamId user { userId name } } }"
AUDIO_COUNT = (
    "subscription UsersWithAudioCount { user_aggregate(where: {voice: {joined: "
    "{_eq: true}}}) { aggregate { count } } }"
)
ACTIVITY = (
    "subscription UserVoiceActivity { user_voice_activity_stream(cursor: "
    '{initial_value: {voiceActivityAt: "2020-01-01"}}, batch_size: 10) '
    "{ muted talking userId startTime } }"
)
MESSAGES = (
    "subscription chatMessages($limit: Int!, $offset: Int!) { chat_message_public("
    "limit: $limit, offset: $offset, order_by: {createdAt: asc}) { message senderName "
    "messageSequence user { userId } } }"
)
NEW_MESSAGES = (
    "subscription chatMessages($createdAt: timestamptz!) { chat_message_public_stream("
    "cursor: {initial_value: {createdAt: $createdAt}, ordering: ASC}, batch_size: 10) "
    "{ message senderId createdAt } }"
)
CHATS = (
    "subscription Chats { chat(order_by: [{chatId: asc}]) { chatId totalMessages "
    "totalUnread lastSeenAt public participant { userId } } }"
)
SEND = (
    "mutation ChatSendMessage($chatId: String!, $chatMessageInMarkdownFormat: String!) "
    "{ chatSendMessage(chatId: $chatId, "
    "chatMessageInMarkdownFormat: $chatMessageInMarkdownFormat) }"
)
TYPING = "mutation T($chatId: String!) { chatSetTyping(chatId: $chatId) }"
IS_TYPING = (
    "subscription IsTyping($chatId: String!) { user_typing_public(limit: 4, "
    "where: {chatId: {_eq: $chatId}}) { userId isCurrentlyTyping user { name } } }"
)
LAST_SEEN = (
    "mutation UpdateChatLastSeen($chatId: String, $lastSeenAt: String) "
    "{ chatSetLastSeen(chatId: $chatId, lastSeenAt: $lastSeenAt) }"
)
HAND = (
    "mutation SetRaiseHand($userId: String!, $raiseHand: Boolean!) "
    "{ userSetRaiseHand(userId: $userId, raiseHand: $raiseHand) }"
)
CAMERA_ON = (
    "mutation CameraBroadcastStart($cameraId: String!, $contentType: String!) "
    "{ cameraBroadcastStart(stream: $cameraId, contentType: $contentType) }"
)
CAMERA_OFF = (
    "mutation Stop($cameraId: String!) { cameraBroadcastStop(stream: $cameraId) }"
)
MUTED = (
    "mutation UserSetMuted($userId: String, $muted: Boolean!) "
    "{ userSetMuted(userId: $userId, muted: $muted) }"
)
PUBLIC = "MAIN-PUBLIC-GROUP-CHAT"


def by_id(client: GraphqlClient, rows: list[dict]) -> dict | None:
    """Return the client's own row."""
    mine = (row for row in rows if row["userId"] == client.ticket.user_id)
    return next(mine, None)


@asynctest
async def test_the_user_list_follows_joins_hands_cameras_and_leaves_by_patches():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node, role="moderator", fullName="Mo") as mo:
            users = await mo.subscribe(USERS, limit=50)
            assert len(await mo.rows(users)) == 1
            async with joined_client(http, node, fullName="Zoe") as zoe:
                me = zoe.ticket.user_id
                async with joined_client(http, node, fullName="Al") as al:
                    rows = await mo.rows(users, lambda rows: len(rows) == 3)
                    assert [row["name"] for row in rows] == ["Mo", "Al", "Zoe"]
                    await zoe.mutate(HAND, userId=me, raiseHand=True)
                    rows = await mo.rows(users, lambda rows: rows[1]["name"] == "Zoe")
                    assert by_id(zoe, rows)["raiseHand"]
                    stream = f"{me}_{zoe.client_session}_0"
                    await zoe.mutate(CAMERA_ON, cameraId=stream, contentType="camera")
                    await mo.rows(users, lambda rows: by_id(zoe, rows)["cameras"])
                    await al.mutate("mutation Leave { userLeaveMeeting }")
                    await mo.rows(users, lambda rows: len(rows) == 2)
                await zoe.socket.close()
                await mo.rows(users, lambda rows: by_id(zoe, rows)["disconnected"])
            data = [frame["payload"]["data"] for frame in mo.answers(users)]

    assert "patch" not in data[0]
    assert any(
        operation["op"] == "move"
        for item in data
        for operation in item.get("patch", ())
    )


@asynctest
async def test_a_camera_is_announced_and_taken_back():
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node) as one,
            joined_client(http, node, fullName="Two") as two,
        ):
            cameras = await one.subscribe(CAMERAS)
            assert await one.rows(cameras) == []
            stream = f"{two.ticket.user_id}_{two.client_session}_0"
            await two.mutate(CAMERA_ON, cameraId=stream, contentType="camera")
            rows = await one.rows(cameras, lambda rows: rows)
            await two.mutate(CAMERA_OFF, cameraId=stream)
            await one.rows(cameras, lambda rows: not rows)

    user = {"userId": two.ticket.user_id, "name": "Two"}
    assert rows == [{"streamId": stream, "user": user}]


@asynctest
async def test_a_camera_with_somebody_elses_id_is_accepted_without_effect():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            answer = await one.mutate(
                CAMERA_ON, cameraId=f"{two.ticket.user_id}_x_0", contentType="camera"
            )
            cameras = await two.rows(await two.subscribe(CAMERAS))

    assert answer["type"] == "next"
    assert cameras == []


@asynctest
async def test_speech_is_streamed_and_counted_from_silence_on():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            activity = await one.subscribe(ACTIVITY)
            counted = await one.subscribe(AUDIO_COUNT)
            assert (await one.rows(counted))["aggregate"]["count"] == 0
            assert one.answers(activity) == []
            meeting = node.running.node.find("abc")
            user = meeting.users[two.ticket.user_id]
            meeting.join_voice(user, listen_only=False)
            await one.rows(counted, lambda rows: rows["aggregate"]["count"] == 1)
            meeting.set_talking(user, True)
            rows = await one.rows(activity, lambda rows: rows[0]["talking"])
            await two.mutate(MUTED, userId=user.id, muted=True)
            muted = await one.rows(activity, lambda rows: rows[0]["muted"])

    assert rows[0]["userId"] == two.ticket.user_id
    assert rows[0]["startTime"] > 1_700_000_000_000
    assert not muted[0]["talking"]


@asynctest
async def test_chat_reaches_page_stream_counters_and_typing():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            page = await one.subscribe(MESSAGES, limit=50, offset=0)
            stream = await one.subscribe(NEW_MESSAGES, createdAt="2100-01-01")
            news = await one.subscribe(NEW_MESSAGES, createdAt="2020-01-01T00:00:00Z")
            chats = await one.subscribe(CHATS)
            typing = await one.subscribe(IS_TYPING, chatId=PUBLIC)
            assert (await one.rows(chats))[0]["totalUnread"] is None
            await one.mutate(
                LAST_SEEN, chatId=PUBLIC, lastSeenAt="2020-01-01T00:00:00Z"
            )
            await two.mutate(TYPING, chatId=PUBLIC)
            typists = await one.rows(typing, lambda rows: rows)
            for text in ("hello", 'quoted "and" <b>é</b>'):
                await two.mutate(SEND, chatId=PUBLIC, chatMessageInMarkdownFormat=text)
            rows = await one.rows(page, lambda rows: len(rows) == 3)
            newest = await one.rows(
                news, lambda rows: rows[-1]["message"].startswith("quoted")
            )
            count = await one.rows(chats, lambda rows: rows[0]["totalMessages"] == 3)
            await one.rows(typing, lambda rows: not rows)

    assert [row["messageSequence"] for row in rows] == [1, 2, 3]
    assert rows[2]["message"] == 'quoted "and" <b>é</b>'
    assert rows[2]["user"] == {"userId": two.ticket.user_id}
    assert typists[0]["userId"] == two.ticket.user_id
    assert newest[-1]["senderId"] == two.ticket.user_id
    assert count[0]["totalUnread"] == 3
    assert one.answers(stream) == []


@asynctest
async def test_a_stream_sends_each_row_once_however_fast_they_come():
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            news = await one.subscribe(NEW_MESSAGES, createdAt="2020-01-01")
            for number in range(40):
                await two.subscribe(
                    SEND, chatId=PUBLIC, chatMessageInMarkdownFormat=str(number)
                )
            await one.rows(news, lambda rows: rows[-1]["message"] == "39")
            batches = [
                frame["payload"]["data"]["chat_message_public_stream"]
                for frame in one.answers(news)
            ]

    told = [row["message"] for batch in batches for row in batch]
    assert told[1:] == [str(number) for number in range(40)]
    assert max(len(batch) for batch in batches) <= 10


@asynctest
async def test_a_private_chat_is_seen_by_its_two_members_only():
    create = "mutation C($userId: String!) { chatCreateWithUser(userId: $userId) }"
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node) as one,
            joined_client(http, node) as two,
            joined_client(http, node) as three,
        ):
            await one.mutate(create, userId=two.ticket.user_id)
            seen = await two.rows(await two.subscribe(CHATS), lambda r: len(r) == 2)
            private = next(row for row in seen if not row["public"])
            await two.mutate(
                SEND, chatId=private["chatId"], chatMessageInMarkdownFormat="psst"
            )
            await three.mutate(
                SEND, chatId=private["chatId"], chatMessageInMarkdownFormat="me too"
            )
            rows = await one.rows(
                await one.subscribe(CHATS), lambda rows: rows[0]["totalMessages"] == 1
            )
            other = await three.rows(await three.subscribe(CHATS))

    assert private["participant"] == {"userId": one.ticket.user_id}
    assert [row["totalMessages"] for row in rows if not row["public"]] == [1]
    assert len(other) == 1


@asynctest
async def test_the_alive_loop_returns_its_trace():
    alive = (
        "mutation UpdateConnectionAliveAt($networkRttInMs: Float!, $traceLog: String, "
        "$clientSessionUUID: String!) { userSetConnectionAlive(networkRttInMs: "
        "$networkRttInMs, traceLog: $traceLog, clientSessionUUID: $clientSessionUUID) }"
    )
    status = (
        "subscription ConnStatusWithTraceLog($clientSessionUUID: String!) { "
        "user_connectionStatus(where: {clientSessionUUID: {_eq: $clientSessionUUID}}) "
        "{ traceLog networkRttInMs sessionToken } }"
    )
    async with local_node() as node, cookieless() as http:
        async with joined_client(http, node) as client:
            mine = {"clientSessionUUID": client.client_session}
            rows = await client.subscribe(status, **mine)
            assert (await client.rows(rows))[0]["traceLog"] is None
            await client.mutate(
                alive, networkRttInMs=12.5, traceLog="@client|1", **mine
            )
            after = await client.rows(rows, lambda rows: rows[0]["traceLog"])

    assert after[0]["traceLog"].startswith("@client|1@gqlactions|")
    assert after[0]["networkRttInMs"] == 12.5
    assert after[0]["sessionToken"] == client.ticket.session_token


@asynctest
async def test_a_moderator_lets_a_guest_in():
    approve = (
        "mutation A($guests: json!) { guestUsersSubmitApprovalStatus(guests: $guests) }"
    )
    waiting = (
        "subscription getGuestsCount { user_guest_aggregate(where: {isWaiting: "
        "{_eq: true}}) { aggregate { count } } }"
    )
    async with local_node() as node, cookieless() as http:
        created = node.signed("create", meetingID="abc", guestPolicy="ASK_MODERATOR")
        async with http.get(created):
            pass
        async with joined_client(http, node, role="moderator") as moderator:
            ticket = await get_ticket(http, node, guest="true")
            counted = await moderator.subscribe(waiting)
            await moderator.rows(counted, lambda r: r["aggregate"]["count"] == 1)
            async with graphql_client(http, node, ticket) as guest:
                await guest.initialise()
                await guest.frame(lambda frame: frame["type"] == "connection_ack")
                current = await guest.subscribe(USER_CURRENT)
                before = await guest.rows(current)
                await moderator.mutate(
                    approve, guests=[{"guest": ticket.user_id, "status": "ALLOW"}]
                )
                await guest.rows(current, lambda r: r[0]["guestStatus"] == "ALLOW")
                await moderator.rows(counted, lambda r: r["aggregate"]["count"] == 0)

    assert before[0]["guestStatus"] == "WAIT"


@pytest.mark.parametrize("is_banned", [False, True])
@asynctest
async def test_an_ejected_user_is_told_and_a_banned_one_stays_out(is_banned):
    eject = (
        "mutation E($userId: String!, $banUser: Boolean!) "
        "{ userEjectFromMeeting(userId: $userId, banUser: $banUser) }"
    )
    join = (
        "mutation UserJoin($authToken: String!) "
        '{ userJoinMeeting(authToken: $authToken, clientType: "HTML5") }'
    )
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node, role="moderator") as moderator,
            joined_client(http, node) as viewer,
        ):
            current = next(iter(viewer.data))
            await moderator.mutate(
                eject, userId=viewer.ticket.user_id, banUser=is_banned
            )
            rows = await viewer.rows(current, lambda rows: not rows[0]["joined"])
            await viewer.mutate(join, authToken=viewer.ticket.auth_token)
            after = await viewer.rows(
                current, lambda r: r[0]["joined"] or r[0]["joinErrorCode"]
            )

    assert rows[0]["ejectReasonCode"] == "user_requested_eject_reason"
    assert after[0]["joined"] is not is_banned
    banned = "banned_user_rejoining_reason" if is_banned else None
    assert after[0]["joinErrorCode"] == banned


@asynctest
async def test_everybody_is_told_that_the_meeting_ended_and_then_cut_off():
    settings = NodeSettings(
        secret=SECRET, timeouts=Timeouts(ended_meeting_s=0.5), tick_s=0.1
    )
    async with local_node(settings) as node, cookieless() as http:
        async with (
            joined_client(http, node, role="moderator") as moderator,
            joined_client(http, node) as viewer,
        ):
            current = next(iter(viewer.data))
            await moderator.mutate("mutation End { meetingEnd }")
            rows = await viewer.rows(current, lambda r: r[0]["meeting"]["ended"])
            code = await viewer.wait_closed()

    assert rows[0]["ejectReasonCode"] == "meeting_ended"
    assert rows[0]["meeting"]["endedReasonCode"] == "ENDED_FROM_MODERATOR"
    assert code == 4403


@asynctest
async def test_a_user_who_left_hears_nothing_more_of_the_meeting():
    settings = NodeSettings(secret=SECRET, limits=GraphqlLimits(refresh_s=0.01))
    async with local_node(replace(settings)) as node, cookieless() as http:
        async with joined_client(http, node) as one, joined_client(http, node) as two:
            count = await one.subscribe(
                "subscription UsersCount { user_aggregate { aggregate { count } } }"
            )
            await one.rows(count)
            await one.mutate("mutation Leave { userLeaveMeeting }")
            current = next(iter(one.data))
            await one.rows(current, lambda rows: rows[0]["loggedOut"])
            heard = len(one.answers(count))
            users = await two.subscribe(USERS, limit=50)
            async with joined_client(http, node):
                await two.rows(users, lambda rows: len(rows) == 2)

    assert len(one.answers(count)) == heard


@asynctest
async def test_a_poll_is_asked_answered_and_published():
    create = (
        "mutation P($pollId: String!, $pollType: String!, $secretPoll: Boolean!, "
        "$question: String!, $multipleResponse: Boolean!) { pollCreate("
        "pollId: $pollId, pollType: $pollType, secretPoll: $secretPoll, "
        "question: $question, multipleResponse: $multipleResponse) }"
    )
    vote = (
        "mutation V($pollId: String!, $answerIds: [Int]!) "
        "{ pollSubmitUserVote(pollId: $pollId, answerIds: $answerIds) }"
    )
    polls = (
        "subscription PollPublished { poll { pollId questionText published "
        "options { optionId optionDesc } users { userId responded } "
        "responses { optionDesc optionResponsesCount } } }"
    )
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node, role="moderator") as moderator,
            joined_client(http, node) as viewer,
        ):
            seen = await viewer.subscribe(polls)
            await moderator.mutate(
                create,
                pollId="p1",
                pollType="YN",
                secretPoll=False,
                question="Ready?",
                multipleResponse=False,
            )
            asked = await viewer.rows(seen, lambda rows: rows)
            await viewer.mutate(vote, pollId="p1", answerIds=[1])
            await viewer.rows(seen, lambda rows: rows[0]["users"][0]["responded"])
            await moderator.mutate(
                "mutation P($pollId: String!) { pollPublishResult(pollId: $pollId) }",
                pollId="p1",
            )
            done = await viewer.rows(seen, lambda rows: rows[0]["published"])

    assert [o["optionDesc"] for o in asked[0]["options"]] == ["Yes", "No"]
    counts = {r["optionDesc"]: r["optionResponsesCount"] for r in done[0]["responses"]}
    assert counts == {"Yes": 0, "No": 1}


@asynctest
async def test_the_presenters_cursor_and_shapes_reach_the_others():
    cursor = (
        "mutation C($whiteboardId: String!, $xPercent: Float!, $yPercent: Float!) "
        "{ presentationPublishCursor(whiteboardId: $whiteboardId, xPercent: $xPercent, "
        "yPercent: $yPercent) }"
    )
    draw = (
        "mutation D($pageId: String!, $annotations: json!) "
        "{ presAnnotationSubmit(pageId: $pageId, annotations: $annotations) }"
    )
    cursors = (
        "subscription getCursorCoordinatesStream { pres_page_cursor_stream(cursor: "
        '{initial_value: {lastUpdatedAt: "2020-01-01"}}, where: {isCurrentPage: '
        "{_eq: true}}, batch_size: 100) { xPercent yPercent userId } }"
    )
    shapes = (
        "subscription annotationHistoryStream($updatedAt: timestamptz, "
        "$pageId: String!) { pres_annotation_history_curr_stream(batch_size: 1000, "
        "where: {pageId: {_eq: $pageId}}, "
        "cursor: {initial_value: {updatedAt: $updatedAt}, ordering: ASC}) "
        "{ annotationId annotationInfo userId } }"
    )
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node, role="moderator") as presenter,
            joined_client(http, node) as viewer,
        ):
            pages = await viewer.rows(
                await viewer.subscribe("subscription P { pres_page_curr { pageId } }")
            )
            page = pages[0]["pageId"]
            moved = await viewer.subscribe(cursors)
            drawn = await viewer.subscribe(
                shapes, updatedAt="2020-01-01T00:00:00Z", pageId=page
            )
            await viewer.mutate(cursor, whiteboardId=page, xPercent=1.0, yPercent=1.0)
            await presenter.mutate(
                cursor, whiteboardId=page, xPercent=25.5, yPercent=50.0
            )
            await presenter.mutate(
                draw,
                pageId=page,
                annotations=[{"id": "s1", "annotationInfo": {"x": 1}}],
            )
            at = await viewer.rows(moved)
            shape = await viewer.rows(drawn)

    user_id = presenter.ticket.user_id
    assert at == [{"xPercent": 25.5, "yPercent": 50.0, "userId": user_id}]
    assert shape == [
        {"annotationId": "s1", "annotationInfo": {"x": 1}, "userId": user_id}
    ]


@asynctest
async def test_locks_bind_viewers_and_unmuting_is_theirs_alone():
    lock = (
        "mutation L($disableCam: Boolean!, $disablePubChat: Boolean!) "
        "{ meetingLockSettingsSetProps(disableCam: $disableCam, "
        "disablePubChat: $disablePubChat) }"
    )
    locks = (
        "subscription Patched_MeetingSubscription { meeting { lockSettings "
        "{ disableCam disablePublicChat hasActiveLockSetting } } }"
    )
    async with local_node() as node, cookieless() as http:
        async with (
            joined_client(http, node, role="moderator") as moderator,
            joined_client(http, node) as viewer,
        ):
            stream = f"{viewer.ticket.user_id}_{viewer.client_session}_0"
            await viewer.mutate(CAMERA_ON, cameraId=stream, contentType="camera")
            cameras = await moderator.subscribe(CAMERAS)
            await moderator.rows(cameras, lambda rows: rows)
            seen = await viewer.subscribe(locks)
            await moderator.mutate(lock, disableCam=True, disablePubChat=True)
            rows = await viewer.rows(
                seen, lambda rows: rows[0]["lockSettings"]["disableCam"]
            )
            await moderator.rows(cameras, lambda rows: not rows)
            await viewer.mutate(SEND, chatId=PUBLIC, chatMessageInMarkdownFormat="no")
            meeting = node.running.node.find("abc")
            total = meeting.chats[PUBLIC].total
            user = meeting.users[viewer.ticket.user_id]
            meeting.join_voice(user, listen_only=False, muted=True)
            await moderator.mutate(MUTED, userId=user.id, muted=False)
            unmuted_by_moderator = not user.voice.muted
            await viewer.mutate(MUTED, userId=user.id, muted=False)

    assert rows[0]["lockSettings"]["hasActiveLockSetting"]
    assert total == 1
    assert not unmuted_by_moderator
    assert not user.voice.muted
