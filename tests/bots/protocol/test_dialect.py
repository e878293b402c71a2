"""What is recognised, what is refused, and how the client's settings are read."""

import json

import pytest

from bots.errors import TargetUnusable
from bots.protocol import dialect, wordings
from bots.protocol import operations as op
from bots.protocol.answers import ApiIndex, HttpAnswer
from bots.protocol.dialect import (
    BBB_3_0_0,
    BBB_3_0_14,
    BBB_3_0_19,
    BBB_3_0_20,
    DIALECTS,
    ClientSettings,
    parse_client_settings,
)

GRAPHQL = "wss://bbb.example.org/graphql"


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("", BBB_3_0_20),
        ("hidden", BBB_3_0_20),
        ("3.0", BBB_3_0_20),
        ("3.0.37", BBB_3_0_20),
        ("3.0.19", BBB_3_0_19),
        ("3.0.18", BBB_3_0_14),
        ("3.0.13", BBB_3_0_0),
        ("3.0.0-beta.1", BBB_3_0_0),
    ],
)
def test_a_server_with_graphql_is_a_3_0_of_any_schema_the_likeliest_first(
    version, first
):
    index = ApiIndex(bbb_version=version, graphql_websocket_url=GRAPHQL)

    found = dialect.detect(index)

    assert found[0] is first
    assert set(map(id, found)) == set(map(id, DIALECTS))


@pytest.mark.parametrize(
    ("version", "path", "first"),
    [
        ("", "clientSettings", BBB_3_0_0),
        ("", "meetingStaticData", BBB_3_0_20),
        ("", "", BBB_3_0_20),
        ("3.0.19", "clientSettings", BBB_3_0_20),
    ],
)
def test_where_the_settings_are_served_tells_what_no_version_does(version, path, first):
    index = ApiIndex(bbb_version=version, graphql_websocket_url=GRAPHQL)

    assert dialect.likelier(DIALECTS, index, path)[0] is first


def test_an_older_client_says_its_own_and_leaves_out_what_it_does_not_know():
    status = {"clientSessionUUID": "u"}
    alive = {"networkRttInMs": 1.0, "traceLog": "", "clientIsHidden": False}

    assert BBB_3_0_19.spoken(op.CONNECTION_STATUS, status) == (
        op.CONNECTION_STATUS,
        status,
    )
    said, variables = BBB_3_0_14.spoken(op.CONNECTION_ALIVE, alive)
    assert said.topic == op.CONNECTION_ALIVE.name
    assert variables == {"networkRttInMs": 1.0, "traceLog": ""}
    assert BBB_3_0_14.spoken(op.CONNECTION_STATUS, status)[1] == {}
    assert BBB_3_0_0.spoken(op.CONNECTION_STATUS, status) is None
    assert BBB_3_0_0.spoken(op.ANNOTATION_HISTORY, {"pageId": "p"}) is None
    again = BBB_3_0_0.spoken(*BBB_3_0_0.spoken(op.CAMERAS, {}))
    assert again == (wordings.WORDS_3_0_0[op.CAMERAS.name].operation, {})


@pytest.mark.parametrize("spoken", DIALECTS, ids=lambda it: it.name)
def test_an_opening_gives_every_document_exactly_its_variables(spoken):
    for step in spoken.opening:
        given = {name for name, _ in step.variables}
        wanted = set() if step.ends else dialect.declared(step.operation.query)
        assert given == wanted or step.ends, step.operation.name


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (ApiIndex(bbb_version="2.7.3"), r"BBB 2\.7\.3"),
        (ApiIndex(), "older than 3.0"),
        (ApiIndex(bbb_version="4.0.0", graphql_websocket_url=GRAPHQL), r"BBB 4\.0\.0"),
        (ApiIndex(bbb_version="3.1.0", graphql_websocket_url=GRAPHQL), r"BBB 3\.1\.0"),
    ],
)
def test_a_version_without_an_adapter_is_refused_in_one_sentence(index, words):
    with pytest.raises(TargetUnusable, match=words) as caught:
        dialect.detect(index)

    assert caught.value.exit_code == 8
    assert "\n" not in str(caught.value)


def test_a_livekit_meeting_is_refused_by_name():
    settings = ClientSettings(audio_bridge="livekit", camera_bridge="livekit")

    with pytest.raises(TargetUnusable, match="livekit"):
        dialect.refuse_foreign_bridges(settings)


def test_the_usual_bridges_are_taken():
    dialect.refuse_foreign_bridges(ClientSettings())


MEDIA = {
    "transparentListenOnly": False,
    "fullAudioOffering": True,
    "listenOnlyOffering": False,
}
PAGES = {"pagination": {"desktopPageSizes": {"viewer": 3, "moderator": 7}}}
SETTINGS = {"clientSettingsJson": {"public": {"media": MEDIA, "kurento": PAGES}}}


@pytest.mark.parametrize(
    "body",
    [
        {"meeting": [{"clientSettings": SETTINGS}]},
        {"meeting_clientSettings": [SETTINGS]},
    ],
)
def test_the_settings_are_read_in_the_newer_and_the_older_form(body):
    settings = parse_client_settings(HttpAnswer(status=200, body=json.dumps(body)))

    assert settings is not None
    assert settings.client_offers_microphone
    assert (settings.viewer_page_size, settings.moderator_page_size) == (3, 7)
    assert settings.foreign_bridges == ()


def test_without_pagination_everybody_sees_all_cameras():
    off = {"pagination": PAGES["pagination"] | {"enabled": False}}
    public = {"media": MEDIA, "kurento": off}
    body = {"meeting_clientSettings": [{"clientSettingsJson": {"public": public}}]}

    settings = parse_client_settings(HttpAnswer(status=200, body=json.dumps(body)))

    assert settings is not None
    assert settings.page_of("viewer") is None
    assert settings.page_of("moderator") is None


def test_the_bridges_and_the_voice_bridge_of_a_meeting_are_read():
    meeting = {"audioBridge": "livekit", "voiceSettings": {"voiceConf": "70001"}}
    body = json.dumps({"meeting": [meeting]})

    settings = parse_client_settings(HttpAnswer(status=200, body=body))

    assert settings is not None
    assert settings.foreign_bridges == ("livekit",)
    assert settings.voice_bridge == "70001"


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(status=404, body="{}"),
        HttpAnswer(status=200, body="<html>"),
        HttpAnswer(status=200, body="[]"),
        HttpAnswer(status=200, body="{}"),
        HttpAnswer(status=200, body='{"meeting":[]}'),
        HttpAnswer(status=200, body='{"meeting":17}'),
    ],
)
def test_no_settings_are_no_settings(answer):
    assert parse_client_settings(answer) is None


def test_settings_of_the_wrong_type_fall_back_to_the_defaults():
    media = {"transparentListenOnly": "yes"}
    pages = {"pagination": {"desktopPageSizes": {"viewer": -1, "moderator": True}}}
    public = {"media": media, "kurento": pages}
    body = {"meeting_clientSettings": [{"clientSettingsJson": {"public": public}}]}

    settings = parse_client_settings(HttpAnswer(status=200, body=json.dumps(body)))

    assert settings == ClientSettings()
