"""Our transcripts beside the recorded browsers', frame by frame.

The recorded user was moderator and presenter of an idle room and lingered in the audio
dialog; so does ours, for as long as the opening lasts. A plain viewer sends the same
less the rows that the table in `bots/protocol/README.md` marks.
"""

import json
import re
from pathlib import Path
from typing import Any

from graphql import parse, print_ast

from bots.models import Habits, JoinReport, MilestoneReport
from bots.transcript import Transcript
from tests.integration.test_participant import scene
from tests.support.asynctest import asynctest, eventually

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
ECHO_TEST = "UpdateUserClientEchoTestRunningAt"
ANSWERING = {
    "CurrentPageAnnotationsQuery",
    "annotationHistoryStream",
    "PresentationSetUploadCompletionNotified",
}
"""Sent when the server has told the page: a slow machine may move them later."""


def sent(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The client's GraphQL frames but its pongs, which follow the server's pings."""
    return [
        frame["message"]
        for frame in frames
        if frame["direction"] == "client->server"
        and frame.get("socket", "graphql") == "graphql"
        and frame["message"]["type"] != "pong"
    ]


def names(messages: list[dict[str, Any]]) -> list[str]:
    asked = {
        m["id"]: m["payload"]["operationName"]
        for m in messages
        if m["type"] == "subscribe"
    }
    return [
        asked.get(m.get("id", ""), m["type"]) + (" ends" * (m["type"] == "complete"))
        for m in messages
    ]


def keys(value: Any) -> Any:
    """The keys of a JSON value, in their order, without the values."""
    if isinstance(value, dict):
        return [(key, keys(item)) for key, item in value.items()]
    return None


@asynctest
async def test_a_lingering_presenter_says_what_the_recorded_browser_said():
    recorded = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())
    theirs = sent(recorded["frames"])
    expected = [name for name in names(theirs) if name != ECHO_TEST]
    transcript = Transcript()
    async with scene() as stage:
        participant = stage.participant(
            1,
            persona="lingering",
            role="moderator",
            audio="microphone",
            habits=Habits(dialog_s=60.0),
            transcript=transcript,
        )
        async with stage.unjoined(participant):
            await eventually(
                lambda: (
                    names(sent(transcript.document()["frames"])).count(ECHO_TEST) >= 2
                ),
                what="the whole opening and the dialog's echo test",
            )
    ours = sent(transcript.document()["frames"])

    timed = [name for name in expected if name not in ANSWERING]
    assert [n for n in names(ours) if n not in ANSWERING][: len(timed)] == timed
    order = [name for name in names(ours) if name != ECHO_TEST][: len(expected)]
    assert sorted(order) == sorted(expected)
    assert [n for n in order if n not in ANSWERING] == [
        n for n in expected if n not in ANSWERING
    ]
    assert stage.of(JoinReport)[0].outcome == "withdrawn", "it lingers for a minute"
    first_of = {}
    for message in theirs:
        if message["type"] == "subscribe":
            first_of.setdefault(message["payload"]["operationName"], message)
    for message in ours:
        if message["type"] != "subscribe":
            continue
        name = message["payload"]["operationName"]
        if name in first_of:
            assert list(message) == list(first_of[name])
            assert list(message["payload"]) == list(first_of[name]["payload"])
            assert set(message["payload"]["variables"]) == set(
                first_of[name]["payload"]["variables"]
            )
            assert document(message) == document(first_of[name])
    assert keys(ours[0]) == keys(theirs[0])
    assert constant_headers(ours[0]) == constant_headers(theirs[0])


@asynctest
async def test_a_plain_viewer_says_the_same_less_the_marked_rows():
    recorded = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())
    left_out = marked() | {ECHO_TEST}
    expected = [
        name for name in names(sent(recorded["frames"])) if name not in left_out
    ]
    transcript = Transcript()
    async with scene() as stage:
        async with stage.present(stage.participant(1)):
            viewer = stage.participant(2, transcript=transcript)
            async with stage.present(viewer):
                await eventually(
                    lambda: (
                        len(names(sent(transcript.document()["frames"])))
                        >= len(expected)
                    ),
                    what="the whole opening",
                )
    order = names(sent(transcript.document()["frames"]))[: len(expected)]

    assert len(left_out) == 5
    assert sorted(order) == sorted(expected)
    assert [n for n in order if n not in ANSWERING] == [
        n for n in expected if n not in ANSWERING
    ]


def marked() -> set[str]:
    """The operations that the README's table gives to moderators or presenters."""
    readme = (Path(__file__).parents[2] / "bots/protocol/README.md").read_text()
    rows = re.findall(
        r"^\| (?:moderators|presenters) \| (.+) \|$", readme, re.MULTILINE
    )
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@asynctest
async def test_media_signalling_has_the_recorded_keys_and_mutations_in_order():
    recorded = json.loads((CAPTURES / "bbb-3.0-sfu-signalling.json").read_text())
    flows = {
        name: [
            (f["message"]["id"], list(f["message"]))
            for f in flow
            if f["direction"] == "client->server"
        ]
        for name, flow in recorded["flows"].items()
    }
    teller, viewer = Transcript(), Transcript()
    async with scene() as stage:
        one = stage.participant(
            1,
            role="moderator",
            audio="microphone",
            shares_camera=True,
            camera_view_limit=0,
            habits=Habits(dialog_s=0.1),
            transcript=teller,
        )
        two = stage.participant(2, audio="listen only", transcript=viewer)
        async with stage.present(one, two):
            await stage.wait_for(MilestoneReport, media="camera")

    assert asked(teller, "sfu audio") == flows["fullAudio"]
    assert asked(viewer, "sfu audio") == flows["listenOnly"]
    shared, seen = asked(teller, "sfu cameras"), asked(viewer, "sfu cameras")
    assert shared[: len(flows["cameraShare"])] == flows["cameraShare"]
    assert seen[: len(flows["cameraView"])] == flows["cameraView"]
    assert {frame_id for frame_id, _ in shared + seen} == {
        "start",
        "subscriberAnswer",
        "stop",
    }
    assert [it for it in shared + seen if it[0] == "stop"] == flows["cameraStop"]
    assert_as_recorded(recorded["graphqlAroundMedia"], teller, viewer)


def assert_as_recorded(
    rows: list[dict[str, Any]], publisher: Transcript, viewer: Transcript
) -> None:
    """Hold the mutations around media against the recorded ones, one by one."""
    ours = {"publisher": mutations(publisher), "viewer": mutations(viewer)}
    for row in rows:
        if "mutation" not in row:
            continue
        who = row["who"].split(",")[0]
        function = row["mutation"].partition("(")[0]
        variables = ours[who][function]
        assert len(variables) == len(row["variables"]), function
        for name, value in row["variables"].items():
            if isinstance(value, bool):
                assert variables[name] is value


def asked(transcript: Transcript, socket: str) -> list[tuple[str, list[str]]]:
    """Id and keys of every frame that we sent on a socket, but its pings."""
    return [
        (f["message"]["id"], list(f["message"]))
        for f in transcript.document()["frames"]
        if f["socket"] == socket
        and f["direction"] == "client->server"
        and f["message"]["id"] != "ping"
    ]


def document(message: dict[str, Any]) -> str:
    """A whole document, variables, arguments and selections, printed in one form."""
    return print_ast(parse(message["payload"]["query"]))


def constant_headers(message: dict[str, Any]) -> dict[str, str]:
    """The headers of `connection_init` that say nothing of the session."""
    headers = message["payload"]["headers"]
    named = ("X-Session-Token", "X-ClientSessionUUID")
    return {name: value for name, value in headers.items() if name not in named}


def mutations(transcript: Transcript) -> dict[str, dict[str, Any]]:
    """The function of each mutation that was sent, with its last variables."""
    calls = {}
    for message in sent(transcript.document()["frames"]):
        query = message.get("payload", {}).get("query", "")
        if query.startswith("mutation"):
            (definition,) = parse(query).definitions
            (root,) = definition.selection_set.selections  # type: ignore[attr-defined]
            calls[root.name.value] = message["payload"]["variables"]
    return calls
