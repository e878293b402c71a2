"""Frames: every message, cut anywhere, comes out whole and in order."""

import random

import pytest

from bots.models import JoinReport, LeaveReport, ParticipantPlan
from bots.plain import Malformed
from bots.wire import (
    LARGEST_FRAME_BYTES,
    LENGTH,
    Begin,
    Begun,
    Caps,
    End,
    Ended,
    FrameReader,
    Join,
    Leave,
    Left,
    Refused,
    Reports,
    Retire,
    batches,
    encode,
    plain_report,
    report_of,
)

JOINED = JoinReport(
    elapsed_s=1.0,
    participant=3,
    meeting=0,
    persona="viewer",
    role="viewer",
    node="127.0.0.1",
    outcome="joined",
    phases_s=(("api", 0.1),),
)
MESSAGES = [
    Begin(
        run="r1",
        target="north",
        engine=1,
        zero_s=12.5,
        duration_s=30.0,
        caps=Caps(participants=4),
        allow_hosts=("a.example",),
        leftover_runs=("r0",),
    ),
    Join(plan=ParticipantPlan(number=3, meeting_number=0, persona="viewer")),
    Leave(participant=3),
    Retire(meeting=2),
    End(),
    Begun(server="north", host="h", bbb_version="3.0.4", stand_in=True, notes=("x",)),
    Refused(exit_code=7, message="näh"),
    Left(participant=3),
    Reports(items=(plain_report(JOINED),)),
    Ended(ended=2, failed=("bbbload-r1-0",)),
]


@pytest.mark.parametrize("seed", range(20))
def test_messages_survive_any_splitting(seed):
    stream = b"".join(encode(message) for message in MESSAGES)
    rng = random.Random(seed)
    reader = FrameReader()
    received = []
    while stream:
        size = rng.randint(1, 40)
        received += reader.receive(stream[:size])
        stream = stream[size:]

    assert received == MESSAGES


def test_a_report_crosses_as_itself():
    (message,) = FrameReader().receive(encode(Reports(items=(plain_report(JOINED),))))

    assert [report_of(item) for item in message.items] == [JOINED]


@pytest.mark.parametrize(
    "frame",
    [
        LENGTH.pack(LARGEST_FRAME_BYTES + 1),
        LENGTH.pack(3) + b"{{{",
        LENGTH.pack(2) + b"[]",
        LENGTH.pack(12) + b'{"type":"x"}',
    ],
)
def test_what_no_peer_of_ours_sends_is_refused(frame):
    with pytest.raises(Malformed):
        FrameReader().receive(frame)


def test_an_unknown_kind_of_report_is_refused():
    with pytest.raises(Malformed, match="poll"):
        report_of({"kind": "poll"})


def test_many_reports_go_up_in_pieces_and_none_is_lost():
    leave = LeaveReport(elapsed_s=1.0, participant=1, meeting=0, outcome="left")
    items = [plain_report(leave) | {"participant": number} for number in range(4500)]

    pieces = list(batches(items))

    assert [len(piece) for piece in pieces] == [2000, 2000, 500]
    assert [item for piece in pieces for item in piece] == items
