"""The signed URLs, the parameters of `create` and what a balancer did to them."""

import hashlib
import math
from urllib.parse import parse_qsl, urlsplit

import pytest

from bots.errors import ConfigError
from bots.protocol import api
from bots.protocol.answers import HttpAnswer, parse_meeting_info

API = "https://bbb.example.org/bigbluebutton/api"
SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"  # from BBB's API documentation
QUERY = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444"

INFO = """<response><returncode>SUCCESS</returncode>
<meetingName>bbbload r1 2</meetingName><meetingID>bbbload-r1-2</meetingID>
<internalMeetingID>ab-1531155809613</internalMeetingID>
<createTime>1531155809613</createTime><voiceBridge>70757</voiceBridge>
<running>true</running><duration>{duration}</duration><recording>{record}</recording>
<hasBeenForciblyEnded>false</hasBeenForciblyEnded>
<participantCount>2</participantCount><listenerCount>1</listenerCount>
<voiceParticipantCount>1</voiceParticipantCount><videoCount>1</videoCount>
<maxUsers>0</maxUsers><moderatorCount>1</moderatorCount><isBreakout>false</isBreakout>
<attendees/><metadata>{origin}<bbbload-run>r1</bbbload-run></metadata></response>"""
ORIGIN = "<bbb-origin>bbbload</bbb-origin>"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("sha1", "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"),
        ("sha256", "da9185f7f333cfdfcd6eeac32dca3777510c4c436020d8b887ba5515bd1d189e"),
    ],
)
def test_the_published_test_vector_is_signed(algorithm, expected):
    assert api.sign("create", QUERY, SECRET, algorithm) == expected


@pytest.mark.parametrize("algorithm", api.CHECKSUM_ALGORITHMS)
def test_the_signed_bytes_are_the_sent_bytes(algorithm):
    parameters = (("name", "Ä & b=c/d+e %"), ("meetingID", "x y"))

    url = api.signed_url(API, "create", parameters, SECRET, algorithm)

    query, _, checksum = urlsplit(url).query.rpartition("&checksum=")
    hashed = hashlib.new(algorithm, ("create" + query + SECRET).encode())
    assert checksum == hashed.hexdigest()
    assert tuple(parse_qsl(query)) == parameters
    assert url.isascii()


def test_an_unknown_algorithm_is_a_mistake_of_the_operator():
    with pytest.raises(ConfigError, match="md5"):
        api.sign("create", "", SECRET, "md5")  # type: ignore[arg-type]


def test_a_call_without_parameters_is_signed_over_its_name_alone():
    url = api.get_meetings_url(API, SECRET)

    checksum = hashlib.sha256(f"getMeetings{SECRET}".encode()).hexdigest()
    assert url == f"{API}/getMeetings?checksum={checksum}"


@pytest.mark.parametrize(
    "url",
    [
        "https://bbb.example.org/bigbluebutton",
        "https://bbb.example.org/bigbluebutton/",
        "https://bbb.example.org/bigbluebutton/api",
        "https://bbb.example.org/bigbluebutton/api/",
    ],
)
def test_the_url_that_bbb_conf_prints_is_taken_in_every_form(url):
    assert api.normalise_api_url(url) == API


@pytest.mark.parametrize(
    "url", ["bbb.example.org", "https://bbb.example.org/", "ftp://x/bigbluebutton", ""]
)
def test_a_url_that_cannot_lead_to_bbb_is_refused_by_name(url):
    with pytest.raises(ConfigError, match="bigbluebutton"):
        api.normalise_api_url(url)


def test_join_asks_for_the_role_in_capitals_and_for_an_xml_answer():
    url = api.join_url(
        API, meeting_id="m", full_name="Bot 7", role="moderator", secret=SECRET
    )

    sent = dict(parse_qsl(urlsplit(url).query))
    assert sent["role"] == "MODERATOR"
    assert sent["redirect"] == "false"
    assert sent["fullName"] == "Bot 7"


@pytest.mark.parametrize("rest_of_run_s", [0, 1, 59, 60, 61, 3600])
def test_every_create_keeps_nothing_and_ends_by_itself(rest_of_run_s):
    sent = dict(api.create_parameters(run="r1", number=2, rest_of_run_s=rest_of_run_s))

    for name in (
        "record",
        "autoStartRecording",
        "allowStartStopRecording",
        "meetingKeepEvents",
    ):
        assert sent[name] == "false"
    assert sent["meta_bbb-origin"] == "bbbload"
    assert sent["meta_bbbload-run"] == "r1"
    assert sent["meetingID"] == "bbbload-r1-2"
    assert int(sent["duration"]) == math.ceil((rest_of_run_s + 300) / 60)


def test_what_bbbload_fixes_cannot_be_asked_otherwise():
    with pytest.raises(ConfigError, match="record"):
        api.create_parameters(
            run="r1", number=0, rest_of_run_s=1, extra=(("record", "true"),)
        )


def info(duration="6", record="false", origin=ORIGIN):
    body = INFO.format(duration=duration, record=record, origin=origin)
    return parse_meeting_info(HttpAnswer(status=200, body=body))


def test_a_meeting_created_as_asked_shows_no_override():
    asked = api.create_parameters(run="r1", number=2, rest_of_run_s=60)

    assert api.overrides(asked, info()) == ()


@pytest.mark.parametrize(
    ("changed", "parameter", "told"),
    [
        ({"duration": "0"}, "duration", "0"),
        ({"duration": ""}, "duration", ""),
        ({"record": "true"}, "record", "true"),
        ({"origin": "<bbb-origin>moodle</bbb-origin>"}, "meta_bbb-origin", "moodle"),
        ({"origin": ""}, "meta_bbb-origin", ""),
    ],
)
def test_a_parameter_that_a_balancer_replaced_is_named(changed, parameter, told):
    asked = api.create_parameters(run="r1", number=2, rest_of_run_s=60)

    (override,) = api.overrides(asked, info(**changed))

    assert override.parameter == parameter
    assert override.told == told


@pytest.mark.parametrize(
    ("external_id", "run"),
    [
        ("bbbload-r1-2", "r1"),
        ("bbbload-2026-11-a-10", "2026-11-a"),
        ("bbbload-r1-x", None),
        ("random-123-4", None),
        ("bbbload", None),
    ],
)
def test_only_our_own_meetings_name_their_run(external_id, run):
    assert api.run_of(external_id) == run


def test_stuns_passes_the_session_token_alone():
    assert api.stuns_url(API, "a b") == f"{API}/stuns?sessionToken=a+b"
