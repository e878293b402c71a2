"""SFU signalling against the recorded conversations."""

import json
from pathlib import Path

import pytest

from bots.protocol import sfu
from bots.protocol.sfu import Answered, Failed, Flowing, Offered, State, Stopped

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
FLOWS = json.loads((CAPTURES / "bbb-3.0-sfu-signalling.json").read_text())["flows"]
SHARED = FLOWS["cameraShare"][0]["message"]
CAMERA = SHARED["cameraId"]
OFFER = SHARED["sdpOffer"]


def play(conversation, flow):
    """Play a recorded flow; return our frames beside the browser's, and the events."""
    ours, theirs, events = [], [], []
    conversation.start()
    for frame in flow:
        message = frame["message"]
        if frame["direction"] == "server->client":
            events += conversation.receive(message)
            continue
        if conversation.state is State.OFFERED:
            conversation.answer(message.get("sdpOffer", message.get("answer")))
        ours += conversation.messages_to_send()
        theirs.append(json.dumps(message, separators=(",", ":")))
    return ours, theirs, [type(event) for event in events]


@pytest.mark.parametrize(
    ("conversation", "flow", "events"),
    [
        (
            sfu.audio(role="sendrecv", session_number=1),
            "fullAudio",
            [Offered, Flowing],
        ),
        (
            sfu.audio(role="passive-sendrecv", session_number=1),
            "listenOnly",
            [Offered, Flowing],
        ),
        (
            sfu.camera_share(camera_id=CAMERA, offer=OFFER, bitrate_bps=200_000),
            "cameraShare",
            [Answered, Flowing],
        ),
        (
            sfu.camera_view(camera_id=CAMERA, bitrate_bps=200_000),
            "cameraView",
            [Offered, Flowing],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_our_frames_equal_the_recorded_ones_key_by_key(conversation, flow, events):
    ours, theirs, told = play(conversation, FLOWS[flow])

    assert ours == theirs
    assert told == events
    assert conversation.state is State.FLOWING


def test_a_camera_is_stopped_as_recorded_by_viewer_and_publisher():
    viewer = sfu.camera_view(camera_id=CAMERA, bitrate_bps=200_000)
    sharer = sfu.camera_share(camera_id=CAMERA, offer=OFFER, bitrate_bps=200_000)
    for conversation in (viewer, sharer):
        conversation.start()
        conversation.messages_to_send()
        conversation.stop()

    sent = [*viewer.messages_to_send(), *sharer.messages_to_send()]

    assert sent == [
        json.dumps(frame["message"], separators=(",", ":"))
        for frame in FLOWS["cameraStop"]
    ]


def test_audio_has_no_stop_frame_and_ends_with_its_socket():
    conversation = sfu.audio(role="sendrecv", session_number=1)
    conversation.start()
    conversation.messages_to_send()

    conversation.stop()

    assert conversation.messages_to_send() == []


def test_a_client_that_offers_audio_gets_an_answer():
    conversation = sfu.audio(
        role="sendrecv", session_number=2, offer="v=0", is_transparent=False
    )
    conversation.start()

    (started,) = conversation.messages_to_send()
    (event,) = conversation.receive(
        {
            "type": "audio",
            "id": "startResponse",
            "response": "accepted",
            "sdpAnswer": "a",
        }
    )

    assert list(json.loads(started)) == [
        "id",
        "type",
        "role",
        "clientSessionNumber",
        "sdpOffer",
        "extension",
        "transparentListenOnly",
    ]
    assert event == Answered(sdp="a")
    assert conversation.state is State.NEGOTIATED


def test_a_screen_is_offered_by_its_sender_and_answered_by_its_viewers():
    names = {
        "internal_meeting_id": "m",
        "voice_bridge": "70001",
        "user_id": "w_1",
        "user_name": "Bot 1",
    }
    share = sfu.screen_share(offer="v=0", **names)
    view = sfu.screen_view(**names)
    for conversation in (share, view):
        conversation.start()
        conversation.receive(
            {"id": "startResponse", "response": "accepted", "sdpAnswer": "s"}
        )
    view.answer("a")

    shared = json.loads(share.messages_to_send()[0])
    _, answered = view.messages_to_send()

    assert shared["bitrate"] == 1500
    assert shared["contentType"] == "screenshare"
    assert share.state is State.NEGOTIATED
    assert answered == (
        '{"id":"subscriberAnswer","type":"screenshare","role":"recv",'
        '"voiceBridge":"70001","callerName":"w_1","answer":"a"}'
    )


@pytest.mark.parametrize("code", [2301, "2301", " 2301"])
@pytest.mark.parametrize("frame_id", ["error", "webRTCAudioError"])
def test_an_error_is_the_same_with_either_id_and_either_form_of_its_code(
    frame_id, code
):
    conversation = sfu.audio(role="sendrecv", session_number=1)
    conversation.start()

    (event,) = conversation.receive({"type": "audio", "id": frame_id, "code": code})

    assert event == Failed(code="2301", message="2301 SFU_UNAUTHORIZED")
    assert event.refusal().code == "2301"
    assert conversation.state is State.OVER


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"id": "error"}, "malformed"),
        ({"id": "error", "code": "\N{SUPERSCRIPT TWO}"}, "\N{SUPERSCRIPT TWO}"),
        ({"id": "error", "code": None, "message": "x"}, "malformed"),
        ({"id": "error", "code": 9999, "reason": "x"}, "9999"),
        ({"id": "startResponse"}, "malformed"),
        ({"id": "startResponse", "sdpAnswer": ""}, "malformed"),
        ({"id": "startResponse", "response": "rejected", "code": 2302}, "2302"),
    ],
)
def test_a_strange_answer_is_a_failure_with_a_code(message, code):
    conversation = sfu.audio(role="sendrecv", session_number=1)
    conversation.start()

    (event,) = conversation.receive(message)

    assert isinstance(event, Failed)
    assert event.code == code


def test_messages_out_of_their_turn_change_nothing():
    conversation = sfu.camera_view(camera_id="c", bitrate_bps=200_000)
    play_start = {"type": "video", "role": "viewer", "id": "playStart", "cameraId": "c"}

    assert conversation.receive(play_start) == []
    conversation.start()
    assert conversation.receive(play_start) == []
    assert conversation.state is State.STARTED


def test_a_publisher_that_is_not_heard_is_told():
    conversation = sfu.camera_share(camera_id="c", offer="v=0", bitrate_bps=200_000)
    conversation.start()
    conversation.receive({"id": "startResponse", "sdpAnswer": "a"})

    assert conversation.receive({"id": "playStop"}) == [Stopped()]


def test_cameras_on_one_socket_are_told_apart_and_so_are_their_errors():
    share = sfu.camera_share(camera_id="c", offer="v=0", bitrate_bps=1)
    view = sfu.camera_view(camera_id="c", bitrate_bps=1)
    error = {"type": "video", "id": "error", "role": "viewer", "streamId": "c"}

    assert share.route != view.route
    assert sfu.route_of(error) == view.route


@pytest.mark.parametrize(
    ("attempt", "wait_s"), [(0, 30), (1, 30), (2, 60), (3, 60), (100, 60)]
)
def test_a_viewer_tries_again_as_the_browser_does(attempt, wait_s):
    assert sfu.view_retry_s(attempt) == wait_s


def test_frames_are_parsed_and_pongs_known():
    assert sfu.parse("nonsense") is None
    assert sfu.parse("[1]") is None
    assert sfu.parse("[" * 100_000) is None
    assert sfu.is_pong(sfu.parse('{"id":"pong"}') or {})
    assert sfu.PING == json.dumps({"id": "ping"}, separators=(",", ":"))
