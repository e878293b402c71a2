"""The GraphQL conversation, fed with the frames that a real server sent."""

import itertools
import json
from pathlib import Path

import pytest

from bots.protocol import operations
from bots.protocol.graphql import (
    Acknowledged,
    Completed,
    Data,
    GraphqlClient,
    Lost,
    OperationFailed,
    Refused,
    State,
    Violation,
)

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
ACK = '{"type":"connection_ack"}'


def client(**changes) -> GraphqlClient:
    numbers = itertools.count()
    settings = {
        "session_token": "token",
        "client_session_uuid": "uuid",
        "new_id": lambda: f"id{next(numbers)}",
    }
    return GraphqlClient(**(settings | changes))


def ready() -> GraphqlClient:
    conversation = client()
    conversation.start()
    conversation.receive(ACK)
    conversation.messages_to_send()
    return conversation


def answer(operation_id, data, **more):
    payload = {"data": data, **more}
    return json.dumps({"id": operation_id, "type": "next", "payload": payload})


def test_the_init_carries_four_headers_as_text_in_the_browsers_order():
    conversation = client()

    conversation.start()

    (frame,) = conversation.messages_to_send()
    assert frame == (
        '{"type":"connection_init","payload":{"headers":{"X-Session-Token":"token",'
        '"X-ClientSessionUUID":"uuid","X-ClientType":"HTML5",'
        '"X-ClientIsMobile":"false"}}}'
    )


def test_pings_are_answered_before_the_acknowledgement_with_their_own_payload():
    conversation = client()
    conversation.start()
    conversation.messages_to_send()

    events = conversation.receive('{"type":"ping","payload":{"message":"keepalive"}}')

    assert events == []
    assert conversation.state is State.INITIALISING
    assert conversation.messages_to_send() == [
        '{"type":"pong","payload":{"message":"keepalive"}}'
    ]


def test_the_acknowledgement_comes_once():
    conversation = client()
    conversation.start()

    assert conversation.receive(ACK) == [Acknowledged()]
    assert isinstance(conversation.receive(ACK)[0], Violation)


def test_a_mutation_is_compact_and_shows_its_kind_to_the_middleware():
    conversation = ready()

    conversation.subscribe(operations.SET_MUTED, {"userId": "w_ä", "muted": True})

    (frame,) = conversation.messages_to_send()
    assert '"query":"mutation' in frame
    assert frame.startswith(
        '{"id":"id0","type":"subscribe","payload":{"variables":'
        '{"userId":"w_ä","muted":true},"extensions":{},"operationName":"UserSetMuted",'
        '"query":"mutation '
    )


def test_answers_find_their_operation_and_end_with_complete():
    conversation = ready()
    operation_id = conversation.subscribe(operations.USERS_COUNT)
    root = {"aggregate": {"count": 3}}

    (data,) = conversation.receive(answer(operation_id, {"user_aggregate": root}))
    (end,) = conversation.receive(json.dumps({"id": operation_id, "type": "complete"}))

    assert isinstance(data, Data)
    assert (data.operation, data.value) == (operations.USERS_COUNT, root)
    assert end == Completed(id=operation_id, operation=operations.USERS_COUNT)
    assert conversation.open_subscriptions == ()


def test_a_completed_subscription_hears_nothing_more():
    conversation = ready()
    operation_id = conversation.subscribe(operations.CURSORS)
    conversation.messages_to_send()

    conversation.complete(operation_id)
    conversation.complete(operation_id)

    assert conversation.messages_to_send() == ['{"id":"id0","type":"complete"}']
    assert (
        conversation.receive(answer(operation_id, {operations.CURSORS.root: []})) == []
    )


def test_a_patch_changes_the_last_rows_and_whole_data_replaces_them():
    conversation = ready()
    operation_id = conversation.subscribe(operations.CAMERAS)
    row = {"streamId": "a", "voice": {"floor": False}}
    conversation.receive(answer(operation_id, {"user_camera": [row]}))
    patch = [
        {"op": "replace", "path": "/0/voice/floor", "value": True},
        {"op": "add", "path": "/1", "value": {"streamId": "b"}},
        {"op": "move", "from": "/1", "path": "/0"},
    ]

    (patched,) = conversation.receive(
        answer(operation_id, {"user_camera": [], "patch": patch})
    )
    assert isinstance(patched, Data)
    assert patched.is_patched
    assert patched.value == [
        {"streamId": "b"},
        {"streamId": "a", "voice": {"floor": True}},
    ]

    (whole,) = conversation.receive(answer(operation_id, {"user_camera": []}))
    assert isinstance(whole, Data)
    assert whole.value == []


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/7/x", "value": 1}],
        [{"op": "jump", "path": "/0"}],
        [{"op": "test", "path": "/0/streamId", "value": "other"}],
        [{"op": "replace", "path": "", "value": {}}],
        [17],
        "nonsense",
    ],
)
def test_a_patch_that_does_not_fit_makes_the_subscription_anew(patch):
    conversation = ready()
    operation_id = conversation.subscribe(operations.CAMERAS)
    conversation.receive(answer(operation_id, {"user_camera": [{"streamId": "a"}]}))
    conversation.messages_to_send()

    (event,) = conversation.receive(
        answer(operation_id, {"user_camera": [], "patch": patch})
    )

    assert isinstance(event, OperationFailed)
    assert event.code == "patch"
    ended, asked = map(json.loads, conversation.messages_to_send())
    assert ended == {"id": operation_id, "type": "complete"}
    assert asked["payload"]["operationName"] == operations.CAMERAS.name
    assert asked["id"] != operation_id


def test_a_subscription_is_not_made_anew_for_ever():
    conversation = ready()
    conversation.subscribe(operations.CAMERAS)
    asked = 0

    while frames := [json.loads(f) for f in conversation.messages_to_send()]:
        asked += 1
        conversation.receive(
            answer(frames[-1]["id"], {"user_camera": [], "patch": "nonsense"})
        )
        assert asked < 10

    assert asked == 5  # the first one, three renewals, and the last one's end


def test_an_error_names_the_operation_and_leaves_the_connection_alone():
    conversation = ready()
    operation_id = conversation.subscribe(operations.TIMER)
    error = {
        "message": "field 'startedOn' not found in type: 'timer'",
        "extensions": {"code": "validation-failed"},
    }

    (event,) = conversation.receive(
        json.dumps({"id": operation_id, "type": "error", "payload": [error]})
    )
    after = conversation.receive(json.dumps({"id": operation_id, "type": "complete"}))

    assert isinstance(event, OperationFailed)
    assert event.operation is operations.TIMER
    assert event.code == "validation-failed"
    assert "startedOn" in event.message
    assert after == []
    assert conversation.state is State.READY


@pytest.mark.parametrize(
    ("message_id", "close_code", "is_final"),
    [
        ("param_missing", 4403, True),
        ("check_authorization_error", 4403, True),
        ("too_many_connections", 4403, True),
        ("connections_limit_exceeded", 1011, False),
    ],
)
def test_a_refusal_is_told_once_with_its_message_id(message_id, close_code, is_final):
    conversation = client()
    conversation.start()
    payload = [{"messageId": message_id, "message": "why"}]

    told = conversation.receive(
        json.dumps({"id": "-1", "type": "error", "payload": payload})
    )
    told += conversation.closed(close_code, "why")
    told += conversation.closed(close_code, "why")

    assert told == [Refused(code=message_id, message="why", is_final=is_final)]


@pytest.mark.parametrize(
    ("close_code", "event"),
    [
        (4403, Refused(code="4403", message="r", is_final=True)),
        (1011, Refused(code="1011", message="r", is_final=False)),
        (4499, Lost(code="4499", message="r")),
        (1000, Lost(code="1000", message="r")),
        (None, Lost(code="1006", message="r")),
    ],
)
def test_a_close_code_without_a_word_before_it_is_an_outcome(close_code, event):
    conversation = ready()

    assert conversation.closed(close_code, "r") == [event]
    assert conversation.receive('{"type":"ping"}') == []


def test_a_new_connection_asks_everything_open_again_under_its_old_id():
    conversation = ready()
    kept = conversation.subscribe(operations.MEETING)
    ended = conversation.subscribe(operations.USERS_COUNT)
    conversation.complete(ended)
    whole = {"data": {"meeting": [{"layout": {"a": 1}}]}}
    conversation.receive(json.dumps({"id": kept, "type": "next", "payload": whole}))
    first = [json.loads(text) for text in conversation.messages_to_send()]

    assert conversation.closed(1006) == [Lost(code="1006", message="")]
    asked_meanwhile = conversation.subscribe(operations.RAISE_HAND, {"userId": "w"})
    assert conversation.messages_to_send() == []
    conversation.start()
    conversation.receive('{"type":"connection_ack"}')
    again = [json.loads(text) for text in conversation.messages_to_send()]

    assert [m.get("id") for m in again] == [None, kept, asked_meanwhile]
    assert again[0]["type"] == "connection_init"
    assert again[1] == first[-3]
    # The rows of the old connection are nothing that a patch could start from.
    patch = {"data": {"meeting": [], "patch": []}}
    (event,) = conversation.receive(
        json.dumps({"id": kept, "type": "next", "payload": patch})
    )
    assert isinstance(event, OperationFailed)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 99_999, "[]", "17", '{"type":"dance"}', "{}"],
    ids=lambda it: it[:9],
)
def test_a_frame_outside_the_protocol_is_dropped_and_told(text):
    (event,) = ready().receive(text)

    assert isinstance(event, Violation)


@pytest.mark.parametrize("payload", [None, [], {}, {"data": None}, {"data": {"x": 1}}])
def test_an_answer_without_its_root_field_is_a_failed_operation(payload):
    conversation = ready()
    operation_id = conversation.subscribe(operations.USERS_COUNT)

    (event,) = conversation.receive(
        json.dumps({"id": operation_id, "type": "next", "payload": payload})
    )

    assert isinstance(event, OperationFailed)


def test_the_whole_recorded_session_is_understood_and_its_patches_fit():
    """Play the server's frames against our client asking as the browser did."""
    session = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())
    ours = {
        value.name: value
        for value in vars(operations).values()
        if isinstance(value, operations.Operation)
    }
    ids = iter(
        frame["message"]["id"]
        for frame in session["frames"]
        if frame["message"]["type"] == "subscribe"
    )
    conversation = client(new_id=lambda: next(ids))
    conversation.start()
    events = []
    pongs = 0
    for frame in session["frames"]:
        message = frame["message"]
        if frame["direction"] == "server->client":
            events += conversation.receive(json.dumps(message))
        elif message["type"] == "subscribe":
            name = message["payload"]["operationName"]
            conversation.subscribe(ours[name], message["payload"]["variables"])
        elif message["type"] == "complete":
            conversation.complete(message["id"])
        elif message["type"] == "pong":
            pongs += 1

    meetings = [
        e for e in events if isinstance(e, Data) and e.operation is operations.MEETING
    ]
    sent = [json.loads(text) for text in conversation.messages_to_send()]
    assert not [e for e in events if isinstance(e, Violation)]
    assert [e.operation.name for e in events if isinstance(e, OperationFailed)] == [
        "Patched_Timer"
    ]
    assert [m.is_patched for m in meetings] == [False, True, True, True]
    assert meetings[-1].value[0]["layout"]["cameraDockPlacement"] == "contentRight"
    assert meetings[-1].value[0]["layout"]["presentationMinimized"] is True
    assert len([m for m in sent if m["type"] == "pong"]) == pongs == 5
    assert len(conversation.open_subscriptions) == 23
