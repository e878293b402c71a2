import json
from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import pytest

from loadtest.node.faults import Faults
from loadtest.node.settings import NodeSettings
from tests.support.asynctest import asynctest
from tests.support.graphql import (
    cookieless,
    exact,
    get_ticket,
    joined_client,
    xml_fields,
)
from tests.support.node import SECRET, NodeUnderTest, local_node, signed

CREATE_KEYS = [
    *("returncode", "meetingID", "internalMeetingID", "parentMeetingID"),
    *("attendeePW", "moderatorPW", "createTime", "voiceBridge", "dialNumber"),
    *("createDate", "hasUserJoined", "duration", "hasBeenForciblyEnded"),
    *("messageKey", "message"),
]
JOIN_KEYS = [
    *("returncode", "messageKey", "message", "meeting_id", "user_id", "auth_token"),
    *("session_token", "guestStatus", "url"),
]
WITH_FAULTS = NodeSettings(secret=SECRET)


async def ask(
    http: aiohttp.ClientSession, node: NodeUnderTest, call: str, **parameters: object
) -> dict[str, str]:
    async with http.get(exact(node.signed(call, **parameters))) as response:
        assert response.status == 200
        assert response.content_type == "text/xml"
        return xml_fields(await response.text())


@asynctest
async def test_the_index_names_graphql_only_when_asked_for_json():
    async with local_node() as node, cookieless() as http:
        async with http.get(node.api_url) as response:
            fields = xml_fields(await response.text())
        headers = {"Content-Type": "application/json"}
        async with http.get(node.api_url, headers=headers) as response:
            answer = (await response.json())["response"]

    assert fields["returncode"] == answer["returncode"] == "SUCCESS"
    host = urlsplit(node.url).netloc
    assert answer["graphqlWebsocketUrl"] == f"ws://{host}/graphql"
    assert answer["graphqlApiUrl"] == f"{node.url}/api/rest"


@asynctest
async def test_create_and_join_answer_with_the_keys_of_a_real_server():
    async with local_node() as node, cookieless() as http:
        created = await ask(http, node, "create", meetingID="abc", name="A & B")
        url = node.signed(
            "join", meetingID="abc", fullName="Ann", role="viewer", redirect="false"
        )
        async with http.get(url) as response:
            joined = xml_fields(await response.text())
            cookie = response.headers["Set-Cookie"]

    assert list(created) == CREATE_KEYS
    assert list(joined) == JOIN_KEYS
    assert joined["messageKey"] == "successfullyJoined"
    assert joined["user_id"].startswith("w_")
    assert len(joined["user_id"]) == 14
    assert len(joined["session_token"]) == 16
    assert len(joined["auth_token"]) == 12
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Path=/", "Secure", "HttpOnly"} <= parts


@asynctest
async def test_create_is_idempotent_and_tells_what_is_taken():
    async with local_node() as node, cookieless() as http:
        first = await ask(
            http,
            node,
            "create",
            meetingID="abc",
            attendeePW="ap",
            moderatorPW="mp",
            voiceBridge="71234",
        )
        again = await ask(http, node, "create", meetingID="abc")
        same = await ask(
            http, node, "create", meetingID="abc", attendeePW="ap", moderatorPW="mp"
        )
        other = await ask(http, node, "create", meetingID="abc", attendeePW="xx")
        taken = await ask(http, node, "create", meetingID="def", voiceBridge="71234")

    assert first["messageKey"] == ""
    assert again["messageKey"] == same["messageKey"] == "duplicateWarning"
    assert again["internalMeetingID"] == first["internalMeetingID"]
    assert other["messageKey"] == "idNotUnique"
    assert taken["messageKey"] == "nonUniqueVoiceBridge"


@pytest.mark.parametrize(
    ("call", "parameters", "key"),
    [
        ("create", {}, "missingParamMeetingID"),
        ("create", {"meetingID": "a"}, "validationError"),
        ("create", {"meetingID": "a,b"}, "validationError"),
        ("create", {"meetingID": "ab", "record": "maybe"}, "validationError"),
        ("create", {"meetingID": "ab", "duration": "long"}, "validationError"),
        (
            "create",
            {"meetingID": "ab", "isBreakout": "true"},
            "parentMeetingIDMissing",
        ),
        ("getMeetingInfo", {}, "missingParamMeetingID"),
        ("getMeetingInfo", {"meetingID": "nope"}, "notFound"),
        ("end", {"meetingID": "nope"}, "notFound"),
        ("end", {"meetingID": "abc", "password": "wrong"}, "invalidPassword"),
        ("isMeetingRunning", {}, "missingParamMeetingID"),
    ],
)
@asynctest
async def test_a_wrong_call_fails_with_bbbs_key(call, parameters, key):
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc")
        answer = await ask(http, node, call, **parameters)

    assert (answer["returncode"], answer["messageKey"]) == ("FAILED", key)
    assert answer["message"]


@asynctest
async def test_only_rightly_signed_calls_are_answered():
    async with local_node() as node, cookieless() as http:
        keys = []
        good = signed(node.api_url, "getMeetings", {"a": "b"}, node.secret, "sha384")
        for url in (
            good,
            good.replace("a=b", "a=c"),
            good.replace("getMeetings", "isMeetingRunning"),
            f"{node.api_url}/getMeetings",
            signed(node.api_url, "getMeetings", {}, "another secret"),
        ):
            async with http.get(url) as response:
                keys.append(xml_fields(await response.text())["messageKey"])

    assert keys == ["noMeetings", *["checksumError"] * 4]


@asynctest
async def test_a_form_is_signed_over_its_body_and_repeats_no_parameter():
    async with local_node() as node, cookieless() as http:
        url = node.signed("create", meetingID="abc", name="From a form")
        body = urlsplit(url).query
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        keys = []
        for target in (
            f"{node.api_url}/create",
            f"{node.api_url}/create?meetingID=abc",
        ):
            async with http.post(target, data=body, headers=headers) as response:
                keys.append(xml_fields(await response.text())["messageKey"])
        async with http.post(url, data="{}") as response:
            keys.append(xml_fields(await response.text())["messageKey"])

    assert keys == ["", "checksumError", "unsupportedContentType"]


@asynctest
async def test_a_join_redirects_to_the_client_with_a_session_token():
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc", moderatorPW="mp")
        url = node.signed("join", meetingID="abc", fullName="Ann", password="mp")
        async with http.get(url, allow_redirects=False) as response:
            location = urlsplit(response.headers["Location"])
        session = node.running.node.sessions[
            parse_qs(location.query)["sessionToken"][0]
        ]

    assert response.status == 302
    assert location.path == "/html5client/"
    assert session.user.role == "MODERATOR"


@pytest.mark.parametrize(
    ("parameters", "status", "key"),
    [
        ({"meetingID": "nope", "fullName": "A", "role": "viewer"}, 302, "notFound"),
        ({"fullName": "A", "role": "viewer"}, 302, "missingParamMeetingID"),
        ({"meetingID": "abc", "role": "viewer"}, 302, "missingParamFullName"),
        ({"meetingID": "abc", "fullName": "A"}, 200, "Params required"),
        (
            {"meetingID": "abc", "fullName": "A", "password": "no"},
            200,
            "invalidPassword",
        ),
        (
            {"meetingID": "abc", "fullName": "A", "role": "viewer", "createTime": 1},
            200,
            "mismatchCreateTimeParam",
        ),
        (
            {
                "meetingID": "abc",
                "fullName": "A",
                "role": "viewer",
                "existingUserID": "w_x",
            },
            200,
            "userNotFound",
        ),
    ],
)
@asynctest
async def test_a_join_fails_early_with_a_redirect_and_later_with_xml(
    parameters, status, key
):
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc")
        url = node.signed("join", redirect="false", **parameters)
        async with http.get(url, allow_redirects=False) as response:
            if response.status == 302:
                errors = response.headers["Location"].partition("errors=")[2]
                found = json.loads(unquote(errors))[0]["key"]
            else:
                found = xml_fields(await response.text())["messageKey"]

    assert (response.status, found) == (status, key)


@asynctest
async def test_the_limit_of_participants_lets_known_people_and_bots_pass():
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc", maxParticipants=1)
        async with joined_client(http, node, userID="ann"):
            keys = [
                (
                    await ask(
                        http,
                        node,
                        "join",
                        meetingID="abc",
                        fullName="B",
                        role="viewer",
                        redirect="false",
                        **extra,
                    )
                )["messageKey"]
                for extra in ({}, {"userID": "ann"}, {"bot": "true"})
            ]

    assert keys == [
        "maxParticipantsReached",
        "successfullyJoined",
        "successfullyJoined",
    ]


@asynctest
async def test_a_meeting_is_shown_with_its_people_its_metadata_and_its_flags():
    async with local_node() as node, cookieless() as http:
        await ask(
            http,
            node,
            "create",
            **{
                "meetingID": "abc",
                "record": "false",
                "duration": 7,
                "meta_bbb-origin": "bbbload",
            },
        )
        before = await ask(http, node, "isMeetingRunning", meetingID="abc")
        async with joined_client(http, node, userID="ann", role="moderator"):
            during = await ask(http, node, "isMeetingRunning", meetingID="abc")
            info = await ask(http, node, "getMeetingInfo", meetingID="abc")
            async with http.get(node.signed("getMeetings")) as response:
                listing = await response.text()

    assert (before["running"], during["running"]) == ("false", "true")
    assert info["participantCount"] == info["moderatorCount"] == "1"
    assert (info["recording"], info["duration"]) == ("false", "7")
    assert "<bbb-origin>bbbload</bbb-origin>" in listing
    assert "<userID>ann</userID>" in listing
    assert "<isPresenter>true</isPresenter>" in listing


@asynctest
async def test_an_ended_meeting_takes_no_more_joins_and_its_id_can_be_used_again():
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc")
        ended = await ask(http, node, "end", meetingID="abc")
        info = await ask(http, node, "getMeetingInfo", meetingID="abc")
        url = node.signed("join", meetingID="abc", fullName="A", role="viewer")
        async with http.get(url, allow_redirects=False) as response:
            location = unquote(response.headers["Location"])
        again = await ask(http, node, "create", meetingID="abc")

    assert ended["messageKey"] == "sentEndMeetingRequest"
    assert (info["hasBeenForciblyEnded"], info["running"]) == ("true", "false")
    assert '"key":"meetingForciblyEnded"' in location
    assert again["messageKey"] == ""
    assert again["internalMeetingID"] != info["internalMeetingID"]


@asynctest
async def test_a_guest_waits_and_a_denied_policy_refuses():
    async with local_node() as node, cookieless() as http:
        await ask(http, node, "create", meetingID="abc", guestPolicy="ASK_MODERATOR")
        guest = await get_ticket(http, node, guest="true")
        regular = await get_ticket(http, node)
        moderator = await get_ticket(http, node, role="moderator", guest="true")
        await ask(http, node, "create", meetingID="shut", guestPolicy="ALWAYS_DENY")
        denied = await ask(
            http,
            node,
            "join",
            meetingID="shut",
            fullName="A",
            role="viewer",
            redirect="false",
        )

    assert guest.guest_status == "WAIT"
    assert regular.guest_status == moderator.guest_status == "ALLOW"
    assert denied["messageKey"] == "guestDeniedAccess"


@pytest.mark.parametrize(
    ("faults", "call", "told"),
    [
        (Faults(html=True), "getMeetings", "<!DOCTYPE html>"),
        (Faults(api_refuses="checksumError"), "getMeetings", "checksumError"),
    ],
)
@asynctest
async def test_faults_of_the_api_are_shown_on_request(faults, call, told):
    async with (
        local_node(replace(WITH_FAULTS, faults=faults)) as node,
        cookieless() as http,
        http.get(node.signed(call)) as response,
    ):
        assert told in await response.text()


@asynctest
async def test_a_server_that_overrides_parameters_shows_what_it_made_of_them():
    faults = Faults(override="record:true,duration:0", bridge="livekit")
    async with (
        local_node(replace(WITH_FAULTS, faults=faults)) as node,
        cookieless() as http,
    ):
        await ask(http, node, "create", meetingID="abc", record="false", duration=9)
        info = await ask(http, node, "getMeetingInfo", meetingID="abc")
        meeting = node.running.node.find("abc")

    assert (info["recording"], info["duration"]) == ("true", "0")
    assert meeting is not None
    assert meeting.request.audio_bridge == "livekit"
