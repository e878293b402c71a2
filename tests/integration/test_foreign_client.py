"""A BBB client library of other hands manages meetings on the stand-in node.

`bbb-client` (PyPI, Easter-eggs) signs with SHA-1 and reads the XML in its own way: what
it takes for BigBlueButton is not only what our own code takes for it.
"""

import asyncio
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from bbb_client.domain.meeting_management.model import (
    Bbb,
    ChecksumError,
    MeetingDoesNotExist,
)

from tests.support.asynctest import asynctest
from tests.support.node import local_node


def manage_meetings(api_url: str, secret: str) -> None:
    bbb = Bbb(api_url, secret)
    assert bbb.get_meetings() == []

    assert bbb.create_meeting(
        "algebra & more", name="Algebra, größer", max_participants=9
    )
    assert bbb.create_meeting("history", moderator_password="m-pw")
    assert not bbb.create_meeting("history", moderator_password="m-pw")  # a duplicate

    listed = {meeting.meetingID: meeting for meeting in bbb.get_meetings()}
    assert set(listed) == {"algebra & more", "history"}
    assert listed["algebra & more"].meetingName == "Algebra, größer"
    assert listed["algebra & more"].maxUsers == "9"
    assert listed["history"].moderatorPW == "m-pw"
    assert len(listed["history"].voiceBridge) == 5
    (only,) = (
        m for m in bbb.get_meetings() if m.voiceBridge == listed["history"].voiceBridge
    )
    assert only == bbb.get_meeting_info("history")

    with urllib.request.urlopen(
        bbb.generate_join_url("history", "Ada", moderator=True), timeout=10
    ) as page:
        assert "sessionToken" in parse_qs(urlsplit(page.url).query)

    for name in ("algebra & more", "history"):
        assert bbb.end_meeting(name)


def be_refused(api_url: str, secret: str) -> None:
    with pytest.raises(ChecksumError):
        Bbb(api_url, f"not-{secret}").get_meetings()
    with pytest.raises(MeetingDoesNotExist):
        Bbb(api_url, secret).get_meeting_info("nowhere")


@asynctest
async def test_it_creates_lists_and_ends_meetings_and_its_join_reaches_the_client():
    async with local_node() as node:
        await asyncio.to_thread(manage_meetings, node.api_url, node.secret)

        meetings = node.running.node.meetings.values()
        assert [meeting.ended for meeting in meetings] == [True, True]


@asynctest
async def test_it_recognises_the_node_s_refusals():
    async with local_node() as node:
        await asyncio.to_thread(be_refused, node.api_url, node.secret)
