"""Which schema a version plays, and what its GraphQL knows then."""

import pytest

from bots.errors import ConfigError
from loadtest.node.documents import DocumentError, read_document
from loadtest.node.settings import NodeSettings
from loadtest.node.versions import SCHEMAS, schema_of
from tests.support.asynctest import asynctest
from tests.support.graphql import cookieless, exact, get_ticket
from tests.support.node import SECRET, local_node

WRITERS = "subscription W { user_whiteboardWriteAccess { userId } }"
STARTED_ON = "subscription Patched_Timer { timer { startedOn } }"
SUMMARY = "subscription S { user_current { breakoutRoomsSummary { totalOfJoinURL } } }"
ROOMS = "subscription R { user_current { breakoutRooms { assignedAt } } }"


def knows(version: str, text: str) -> bool:
    try:
        read_document(text, schema_of(version))
    except DocumentError:
        return False
    return True


@pytest.mark.parametrize(
    ("version", "since"),
    [
        ("3.0.0", (3, 0, 0)),
        ("3.0.0-rc.4", (3, 0, 0)),
        ("3.0.13", (3, 0, 0)),
        ("3.0.14", (3, 0, 14)),
        ("3.0.18", (3, 0, 14)),
        ("3.0.19", (3, 0, 19)),
        ("3.0.37", (3, 0, 20)),
    ],
)
def test_a_version_has_the_newest_schema_before_it(version, since):
    assert schema_of(version).since == since


@pytest.mark.parametrize("version", ["2.7.3", "3.1.0", "4.0.0", "3.0", "hidden", ""])
def test_what_is_no_3_0_is_not_played(version):
    with pytest.raises(ConfigError, match="plays no BBB"):
        schema_of(version)


@pytest.mark.parametrize("field", ["user_camera.nothing", "nothing.streamId", "x"])
def test_only_a_field_that_is_there_can_be_missing(field):
    with pytest.raises(ConfigError, match="missing-field"):
        schema_of("3.0.19", field)


def test_each_schema_knows_the_fields_of_its_time_alone():
    known = {
        text: [knows(version, text) for version in ("3.0.0", "3.0.14", "3.0.19")]
        for text in (WRITERS, STARTED_ON, SUMMARY, ROOMS)
    }

    assert known == {
        WRITERS: [False, False, True],
        STARTED_ON: [True, True, False],
        SUMMARY: [False, True, True],
        ROOMS: [True, False, False],
    }


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda it: str(it.since))
def test_every_relation_of_a_schema_leads_to_a_type_of_it(schema):
    wanted = {kind for fields in schema.types.values() for kind in fields.values()}

    assert wanted - {""} <= schema.types.keys()
    assert set(schema.roots.values()) <= schema.types.keys()


@pytest.mark.parametrize(("version", "status"), [("3.0.0", 404), ("3.0.14", 200)])
@asynctest
async def test_static_data_came_with_3_0_14(version, status):
    settings = NodeSettings(secret=SECRET, bbb_version=version)
    async with local_node(settings) as node, cookieless() as http:
        ticket = await get_ticket(http, node)
        headers = {"x-session-token": ticket.session_token, "Cookie": ticket.cookie}
        answers = {}
        for path in ("clientSettings", "meetingStaticData"):
            url = exact(f"{node.url}/api/rest/{path}")
            async with http.get(url, headers=headers) as response:
                answers[path] = response.status

    assert answers == {"clientSettings": 200, "meetingStaticData": status}
