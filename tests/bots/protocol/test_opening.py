"""The opening against the recorded browser's order and times."""

import json
from pathlib import Path

import pytest

from bots.protocol import operations as op
from bots.protocol.opening import LONGEST_WAIT_S, OPENING, Fact, Opening

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
SESSION = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())["frames"]
PRESENTATION = "d1177503b8013a544ca78c08ef1d2c88fcb26db4-1785756454351"
FACTS = {
    Fact.SESSION_UUID: "cb6559cc-d90b-459f-8642-c05f969a0443",
    Fact.NOW_HTTP: "Mon, 03 Aug 2026 11:27:43 GMT",
    Fact.MEETING_CREATED_AT: "2026-08-03T11:27:34.348Z",
    Fact.PAGE_ID: f"{PRESENTATION}/1",
    Fact.PRESENTATION_ID: PRESENTATION,
}
JOINED_AT_S = 0.316
ECHO_TEST = op.ECHO_TEST_RUNNING.name


def recorded_after_the_join():
    names = {}
    for frame in SESSION:
        message, at_s = frame["message"], frame["at_s"]
        if frame["direction"] != "client->server" or at_s <= JOINED_AT_S:
            continue
        if message["type"] == "subscribe":
            name = message["payload"]["operationName"]
            names[message["id"]] = name
            if name != ECHO_TEST:
                yield at_s - JOINED_AT_S, name, message["payload"]["variables"]
        elif message["type"] == "complete":
            yield at_s - JOINED_AT_S, f"end of {names[message['id']]}", {}


def named(step):
    return f"end of {step.operation.name}" if step.ends else step.operation.name


def test_a_moderator_and_presenter_sends_the_recorded_frames_in_their_order():
    opening = Opening(is_moderator=True, is_presenter=True)

    sent = [(named(step), given) for step, given in opening.due(10.0, FACTS)]

    assert sent == [(name, given) for _, name, given in recorded_after_the_join()]


def test_the_times_are_the_recorded_ones():
    for step, (at_s, name, _) in zip(OPENING, recorded_after_the_join(), strict=True):
        assert step.after_s == pytest.approx(at_s, abs=0.002), name


def test_variables_keep_the_recorded_order_of_their_keys():
    opening = Opening(is_moderator=True, is_presenter=True)

    sent = [json.dumps(given) for _, given in opening.due(10.0, FACTS)]

    # The order of JSON keys cannot matter to a server; it could tell us from a browser.
    recorded = [json.dumps(given) for _, _, given in recorded_after_the_join()]
    differing = [a for a, b in zip(sent, recorded, strict=True) if a != b]
    assert differing == []


def test_a_plain_viewer_leaves_out_what_moderators_and_presenters_send():
    opening = Opening(is_moderator=False, is_presenter=False)

    names = {step.operation.name for step, _ in opening.due(10.0, FACTS)}

    everything = {name for _, name, _ in recorded_after_the_join()}
    missing = {name for name in everything - names if not name.startswith("end of")}
    assert missing == {
        "getGuestsCount",
        "SetLayoutProps",
        "PresentationSetUploadCompletionNotified",
        "ConnStatusWithTraceLog",
    }


def test_nothing_is_sent_early_twice_or_late():
    opening = Opening(is_moderator=True, is_presenter=True)
    sent, elapsed_s, rounds = [], 0.0, 0

    while (next_s := opening.next_s(elapsed_s)) is not None:
        elapsed_s, rounds = next_s, rounds + 1
        for step, _ in opening.due(elapsed_s, FACTS):
            assert step.after_s <= elapsed_s
            assert elapsed_s - step.after_s < 0.001
            sent.append(step)
        assert rounds < 100

    assert sent == list(OPENING)


def test_a_step_waits_for_its_facts_without_holding_others():
    without_page = {k: v for k, v in FACTS.items() if k is not Fact.PAGE_ID}
    opening = Opening(is_moderator=False, is_presenter=False)

    first = [step.operation for step, _ in opening.due(5.0, without_page)]
    second = [step.operation for step, _ in opening.due(6.0, FACTS)]

    assert op.ANNOTATIONS not in first
    assert op.USER_LIST in first
    assert second == [op.ANNOTATIONS, op.ANNOTATION_HISTORY]


def test_a_step_whose_facts_never_come_is_given_up():
    opening = Opening(is_moderator=False, is_presenter=False)

    opening.due(LONGEST_WAIT_S + 10, {})

    assert opening.next_s(LONGEST_WAIT_S + 10) is None
