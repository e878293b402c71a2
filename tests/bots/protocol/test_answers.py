"""BBB's answers, as its documentation and the recordings show them."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from bots.errors import ApiRefusal
from bots.protocol.answers import (
    HttpAnswer,
    Joined,
    Redirected,
    parse_create,
    parse_end,
    parse_index,
    parse_join,
    parse_meeting_info,
    parse_meetings,
    parse_running,
    parse_stuns,
)

CAPTURES = Path(__file__).parents[2] / "data" / "captures"

CREATED = """<response><returncode>SUCCESS</returncode><meetingID>abc123</meetingID>
<internalMeetingID>sha1-1531155809613</internalMeetingID>
<parentMeetingID>bbb-none</parentMeetingID><attendeePW>a</attendeePW>
<moderatorPW>m</moderatorPW><createTime>1531155809613</createTime>
<voiceBridge>70757</voiceBridge><dialNumber>613-555-1234</dialNumber>
<createDate>Mon Jul 09 17:03:29 UTC 2018</createDate>
<hasUserJoined>false</hasUserJoined><duration>7</duration>
<hasBeenForciblyEnded>false</hasBeenForciblyEnded>
<messageKey>{key}</messageKey><message></message></response>"""

JOINED = """<response><returncode>SUCCESS</returncode>
<messageKey>successfullyJoined</messageKey><message>You have joined.</message>
<meeting_id>ab-1531155809613</meeting_id><user_id>w_abcdefghijkl</user_id>
<auth_token>auth12345678</auth_token><session_token>tokentokentokent</session_token>
<guestStatus>ALLOW</guestStatus>
<url>https://node3.example.org/html5client/?sessionToken=tokentokentokent</url>
</response>"""

FAILED = """<response><returncode>FAILED</returncode><messageKey>{key}</messageKey>
<message>{message}</message></response>"""

MEETING = """<meeting><meetingName>Algebra</meetingName><meetingID>{id}</meetingID>
<internalMeetingID>x</internalMeetingID><createTime>1000</createTime>
<voiceBridge>70001</voiceBridge><running>true</running><duration>0</duration>
<recording>false</recording><participantCount>2</participantCount>
<listenerCount>1</listenerCount><voiceParticipantCount>1</voiceParticipantCount>
<videoCount>1</videoCount><maxUsers>0</maxUsers><moderatorCount>1</moderatorCount>
<attendees><attendee><userID>ext1</userID><fullName>A</fullName><role>MODERATOR</role>
<isPresenter>true</isPresenter><isListeningOnly>false</isListeningOnly>
<hasJoinedVoice>true</hasJoinedVoice><hasVideo>true</hasVideo>
<clientType>HTML5</clientType></attendee></attendees><metadata/></meeting>"""


def ok(body):
    return HttpAnswer(status=200, body=body)


def test_a_created_meeting_is_read_in_seconds():
    created = parse_create(ok(CREATED.format(key="")))

    assert created.created_at_s == 1531155809.613
    assert created.duration_s == 420
    assert created.voice_bridge == "70757"
    assert not created.was_there


def test_a_meeting_that_was_there_already_is_told():
    assert parse_create(ok(CREATED.format(key="duplicateWarning"))).was_there


def test_a_join_names_the_node_and_hides_its_tokens():
    joined = parse_join(ok(JOINED))

    assert isinstance(joined, Joined)
    assert joined.node == "node3.example.org"
    assert joined.user_id == "w_abcdefghijkl"
    assert joined.session_token == "tokentokentokent"
    assert "token" not in repr(joined).replace("session_token", "")
    assert "auth1234" not in repr(joined)


def test_a_redirected_join_is_read_from_the_client_url():
    location = "https://node3.example.org/html5client/join?sessionToken=abc"

    joined = parse_join(HttpAnswer(status=302, location=location))

    assert isinstance(joined, Joined)
    assert (joined.session_token, joined.node) == ("abc", "node3.example.org")


def test_a_redirect_with_errors_is_a_refusal():
    errors = quote(json.dumps([{"key": "notFound", "message": "no such meeting"}]))
    location = f"https://bbb.example.org/?errors={errors}"

    with pytest.raises(ApiRefusal, match="no such meeting") as caught:
        parse_join(HttpAnswer(status=302, location=location))

    assert caught.value.code == "notFound"


@pytest.mark.parametrize("errors", ["[]", "{", "[1]", '{"key": 1}'])
def test_a_redirect_with_broken_errors_is_a_refusal_all_the_same(errors):
    location = f"https://bbb.example.org/?errors={quote(errors)}"

    with pytest.raises(ApiRefusal):
        parse_join(HttpAnswer(status=302, location=location))


def test_a_balancer_sends_the_join_on_to_its_node():
    location = "https://node3.example.org/bigbluebutton/api/join?x=1&checksum=2"

    assert parse_join(HttpAnswer(status=302, location=location)) == Redirected(
        url=location
    )


def test_a_redirect_to_anywhere_else_is_no_join():
    with pytest.raises(ApiRefusal, match=r"example\.org/login"):
        parse_join(HttpAnswer(status=302, location="https://example.org/login?t=s"))


def test_a_waiting_page_of_b3scale_is_refused_without_the_request_in_its_path():
    location = "/b3s/retry-join/c2lnbmVkIHJlcXVlc3Q"

    with pytest.raises(ApiRefusal, match=r"to /b3s/retry-join/…, which") as refusal:
        parse_join(HttpAnswer(status=302, location=location))

    assert "c2lnbmVk" not in str(refusal.value)


@pytest.mark.parametrize(
    "key",
    ["checksumError", "notFound", "maxParticipantsReached", "Params required"],
)
def test_a_failure_carries_bbbs_own_key(key):
    with pytest.raises(ApiRefusal, match="because") as caught:
        parse_end(ok(FAILED.format(key=key, message="because")))

    assert caught.value.code == key


def test_the_first_of_several_errors_is_the_code():
    body = (
        "<response><returncode>FAILED</returncode><errors>"
        '<error key="validationError" message="too short"/></errors></response>'
    )

    with pytest.raises(ApiRefusal, match="too short") as caught:
        parse_create(ok(body))

    assert caught.value.code == "validationError"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (ok("<!DOCTYPE html><html>hello</html>"), "html", "HTML"),
        (ok("\n <html><body>hello"), "html", "HTML"),
        (HttpAnswer(status=502, body="<html>Bad Gateway"), "http 502", "HTML"),
        (HttpAnswer(status=404, body=""), "http 404", "404"),
        (HttpAnswer(status=500, body="oops"), "http 500", "500"),
        (ok("it works"), "malformed", "neither XML nor JSON"),
        (ok(""), "malformed", "neither XML nor JSON"),
        (
            ok("<response><returncode>FAILED</returncode></response>"),
            "malformed",
            "no mess",
        ),
        (ok('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "malformed", "plain XML"),
        (HttpAnswer(status=301, location="https://x.org/y"), "http 301", r"x\.org/y"),
        (HttpAnswer(status=301, location="http://[x"), "malformed", "an address that"),
    ],
)
def test_what_is_no_answer_of_bbb_is_named_as_such(answer, code, words):
    with pytest.raises(ApiRefusal, match=words) as caught:
        parse_meetings(answer)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(status=302, location="http://[x/join"),
        ok(
            "<response><returncode>SUCCESS</returncode><session_token>s</session_token>"
            "<user_id>w_1</user_id><url>https://[x/client</url></response>"
        ),
    ],
)
def test_a_join_that_leads_to_no_address_is_refused(answer):
    with pytest.raises(ApiRefusal, match="an address that is none") as caught:
        parse_join(answer)

    assert caught.value.code == "malformed"


@pytest.mark.parametrize("told", ["wss://[x/graphql", "wss:///graphql", "nowhere"])
def test_an_index_whose_graphql_has_no_host_is_refused(told):
    index = {"returncode": "SUCCESS", "graphqlWebsocketUrl": told}

    with pytest.raises(ApiRefusal, match="address") as caught:
        parse_index(ok(json.dumps({"response": index})))

    assert caught.value.code == "malformed"


def test_json_without_end_is_no_answer():
    with pytest.raises(ApiRefusal, match="no JSON object"):
        parse_stuns(ok("[" * 100_000))


def test_running_is_a_claim():
    body = "<response><returncode>SUCCESS</returncode><running>{}</running></response>"

    assert parse_running(ok(body.format("true")))
    assert not parse_running(ok(body.format("false")))


def test_all_meetings_are_listed_with_their_participants():
    body = (
        "<response><returncode>SUCCESS</returncode><meetings>"
        f"{MEETING.format(id='a')}{MEETING.format(id='b')}</meetings></response>"
    )

    first, second = parse_meetings(ok(body))

    assert (first.meeting_id, second.meeting_id) == ("a", "b")
    assert first.participants == 2
    assert first.attendees[0].has_video
    assert first.attendees[0].role == "MODERATOR"


def test_a_server_without_meetings_lists_none():
    body = (
        "<response><returncode>SUCCESS</returncode><meetings/>"
        "<messageKey>noMeetings</messageKey></response>"
    )

    assert parse_meetings(ok(body)) == ()


@pytest.mark.parametrize("told", ["x", "1e999", "nan"])
def test_a_number_that_is_none_is_named(told):
    body = CREATED.format(key="").replace(
        "1531155809613</createTime>", f"{told}</createTime>"
    )

    with pytest.raises(ApiRefusal, match=f"createTime is '{told}'"):
        parse_create(ok(body))


def test_the_metadata_of_a_meeting_is_read():
    meeting = MEETING.format(id="a").replace(
        "<metadata/>", "<metadata><bbb-origin>moodle</bbb-origin></metadata>"
    )
    body = meeting.replace("<meeting>", "<response><returncode>SUCCESS</returncode>")
    body = body.replace("</meeting>", "</response>")

    assert parse_meeting_info(ok(body)).metadata == (("bbb-origin", "moodle"),)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(
            {
                "response": {
                    "returncode": "SUCCESS",
                    "version": "2.0",
                    "apiVersion": "2.0",
                    "bbbVersion": "3.0.19",
                    "graphqlWebsocketUrl": "wss://h/graphql",
                    "graphqlApiUrl": "https://h/api/rest",
                }
            }
        ),
        "<response><returncode>SUCCESS</returncode><version>2.0</version>"
        "<apiVersion>2.0</apiVersion><bbbVersion>3.0.19</bbbVersion>"
        "<graphqlWebsocketUrl>wss://h/graphql</graphqlWebsocketUrl>"
        "<graphqlApiUrl>https://h/api/rest</graphqlApiUrl></response>",
    ],
)
def test_the_index_is_read_in_both_forms(body):
    index = parse_index(ok(body))

    assert index.bbb_version == "3.0.19"
    assert index.graphql_websocket_url == "wss://h/graphql"
    assert index.graphql_api_url == "https://h/api/rest"


def test_the_index_of_an_older_server_names_no_graphql():
    body = "<response><returncode>SUCCESS</returncode><version>2.0</version></response>"

    assert parse_index(ok(body)).graphql_websocket_url == ""


def test_the_recorded_stuns_answer_is_read_without_showing_its_password():
    capture = json.loads((CAPTURES / "bbb-3.0-sfu-signalling.json").read_text())

    stun, turn, turns = parse_stuns(ok(json.dumps(capture["stuns"]["response"])))

    assert stun.url == "stun:coturn.example.com"
    assert turn.url == "turn:coturn.example.com:5349?transport=tcp"
    assert turns.url.startswith("turns:")
    assert turns.username == "<expiry>:w_vaftbqozzify"
    assert turns.credential == "[REDACTED]"
    assert "REDACTED" not in repr(turns)


def test_refused_stuns_are_a_refusal():
    body = '{"returncode":"FAILED","message":"Could not find conference."}'

    with pytest.raises(ApiRefusal, match="Could not find"):
        parse_stuns(ok(body))
