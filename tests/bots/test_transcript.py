"""Frames as the captures hold them, without a secret."""

import json

import pytest

from bots.redaction import HIDDEN
from bots.transcript import Transcript, without_secrets


def test_frames_are_kept_in_order_in_the_form_of_the_captures():
    transcript = Transcript()
    transcript.record("graphql", "client->server", '{"type":"connection_init"}')
    transcript.record("graphql", "server->client", "no json")

    first, second = transcript.document()["frames"]

    assert first["at_s"] == 0.0
    assert second["at_s"] >= 0.0
    assert first["direction"] == "client->server"
    assert first["message"] == {"type": "connection_init"}
    assert second["message"] == "no json"


@pytest.mark.parametrize(
    "message",
    [
        {"payload": {"headers": {"X-Session-Token": "hidden-value"}}},
        {"payload": {"variables": {"authToken": "hidden-value"}}},
        {"data": {"user_current": [{"authToken": "hidden-value"}]}},
        {"data": {"user_connectionStatus": [{"sessionToken": "hidden-value"}]}},
        {"sdpAnswer": "a=ice-ufrag:x\r\na=ice-pwd:hidden-value\r\na=mid:0\r\n"},
        {"url": "https://h/?sessionToken=hidden-value&x=1"},
        {"learningDashboard": {"learningDashboardAccessToken": "hidden-value"}},
        {"livekit": {"livekitToken": "hidden-value"}},
        {"patch": [{"op": "add", "path": "/0/authToken", "value": "hidden-value"}]},
        {
            "patch": [
                {"op": "add", "path": "/0", "value": {"authToken": "hidden-value"}}
            ]
        },
    ],
)
def test_credentials_are_hidden_wherever_they_stand(message):
    text = json.dumps(without_secrets(message))

    assert "hidden-value" not in text
    assert HIDDEN in text


def test_what_is_no_credential_is_kept():
    message = {
        "id": "start",
        "sdpAnswer": "a=ice-pwd:x\r\na=candidate:1 1 udp 1 127.0.0.1 5 typ host\r\n",
        "payload": {"query": "mutation UserJoin($authToken: String!) { x }"},
        "numbers": [1, 2.5, None, True],
        "authToken": "",
    }

    kept = without_secrets(message)

    assert kept["payload"] == message["payload"]
    assert kept["numbers"] == message["numbers"]
    assert "a=candidate:1 1 udp 1 127.0.0.1 5 typ host" in kept["sdpAnswer"]
    assert kept["authToken"] == ""


def test_a_patched_value_that_is_no_credential_is_kept():
    patch = {
        "patch": [{"op": "replace", "path": "/0/layout/updatedAt", "value": "now"}]
    }

    assert without_secrets(patch) == patch


def test_a_transcript_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr("bots.transcript.MOST_FRAMES", 2)
    transcript = Transcript()
    for _ in range(5):
        transcript.record("graphql", "client->server", "{}")

    assert len(transcript.document()["frames"]) == 2
    assert transcript.document()["left_out"] == 3
