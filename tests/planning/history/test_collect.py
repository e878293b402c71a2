"""The collector, against a stand-in node that speaks BBB's API over HTTP."""

import asyncio
import urllib.request
from dataclasses import replace

import pytest

from bots.errors import ConfigError
from bots.protocol.answers import parse_meetings
from bots.protocol.api import HttpAnswer
from bots.servers import Secret, Server
from loadtest.cli import run_command
from planning.history.collect import Poll, Round, Store, added_up, collect
from tests.support.asynctest import asynctest
from tests.support.node import local_node

START_S = 1_760_000_100
NOBODY = Poll(
    participants=0,
    meetings=0,
    cameras=0,
    voice=0,
    listeners=0,
    largest_meeting=0,
    own=0,
)


def answer(*meetings: tuple[int, int, str]) -> HttpAnswer:
    rows = "".join(
        f"<meeting><meetingID>m{index}</meetingID><meetingName>n</meetingName>"
        "<internalMeetingID>i</internalMeetingID><createTime>1</createTime>"
        "<voiceBridge>1</voiceBridge><running>true</running>"
        "<hasBeenForciblyEnded>false</hasBeenForciblyEnded>"
        f"<participantCount>{people}</participantCount><videoCount>{cameras}</videoCount>"
        "<listenerCount>1</listenerCount><voiceParticipantCount>2</voiceParticipantCount>"
        f"<metadata><bbb-origin>{origin}</bbb-origin></metadata></meeting>"
        for index, (people, cameras, origin) in enumerate(meetings)
    )
    text = (
        "<response><returncode>SUCCESS</returncode>"
        f"<meetings>{rows}</meetings></response>"
    )
    return HttpAnswer(status=200, body=text)


def test_our_own_meetings_are_counted_apart():
    poll = added_up(
        parse_meetings(answer((30, 4, "Moodle"), (400, 90, "bbbload"), (12, 1, "")))
    )

    assert poll == replace(
        NOBODY,
        participants=42,
        meetings=2,
        cameras=5,
        voice=4,
        listeners=2,
        largest_meeting=30,
        own=400,
        sizes=((15, 1), (30, 1)),
    )


def test_a_bin_keeps_the_largest_poll_and_old_bins_go(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    for at_s, people in ((0, 5), (60, 9), (120, 7), (300, 3)):
        store.add(START_S + at_s, replace(NOBODY, participants=people, own=people))

    whole = store.history()
    store.forget(START_S + 300)
    rest = store.history()
    store.close()

    assert whole.participants == (9, 3)
    assert rest.participants == (3,)
    assert any("up to 9 participants" in note for note in whole.notes)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path):
    (tmp_path / "s.sqlite").write_text("no database at all, but quite some text\n" * 99)

    with pytest.raises(ConfigError, match="cannot be used as a SQLite file"):
        Store(tmp_path / "s.sqlite")


@asynctest
async def test_a_node_is_polled_and_a_missing_answer_is_a_gap(tmp_path):
    path = tmp_path / "s.sqlite"
    times = iter(range(START_S, START_S + 10_000, 150))
    async with local_node() as node:
        create = node.signed("create", meetingID="m", name="m", voiceBridge="71234")
        await asyncio.to_thread(lambda: urllib.request.urlopen(create).read())
        server = Server(name="lab", url=node.api_url, secret=Secret(node.secret))

        failed = await collect(
            server,
            path,
            Round(every_s=0.01, most_polls=3),
            now_s=lambda: float(next(times)),
            stopped=asyncio.Event(),
        )
    missed = await collect(
        server,
        path,
        Round(every_s=0.01, most_polls=2),
        now_s=lambda: float(next(times)),
        stopped=asyncio.Event(),
    )

    assert (failed, missed) == (0, 2)
    store = Store(path)
    assert set(store.history().participants) == {0}
    store.close()


def test_a_server_that_is_not_allowed_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    arguments = [
        "https://bbb.example.org/bigbluebutton/",
        "--database",
        str(tmp_path / "s.sqlite"),
    ]

    assert run_command(["history", "collect", *arguments]) == 7

    assert "not on the allow-list" in capsys.readouterr().err
    assert not (tmp_path / "s.sqlite").exists()
