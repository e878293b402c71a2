"""What the doctor makes of a probe's meeting: each mistake in its own line."""

import pytest

from bots.models import JoinReport, PathTaken, RefusalReport, StreamReport
from loadtest.probing import examine_probe, probe_of, refused_probe


def records(kind="host", turns=1, packets=100, frames=60):
    """Return what two bots of a meeting report."""
    for bot in (0, 1):
        yield JoinReport(
            elapsed_s=1.0,
            participant=bot,
            meeting=0,
            persona="test",
            role="viewer",
            node="n",
            outcome="joined",
            path=PathTaken(
                bridge="bbb-webrtc-sfu",
                candidate_type=kind,
                remote_address="192.0.2.1:16400",
                turn_servers=turns,
            ),
        )
        for media in ("audio", "camera"):
            yield StreamReport(
                elapsed_s=2.0,
                participant=bot,
                meeting=0,
                direction="in",
                media=media,
                ssrc=1,
                packets=packets,
                frames=frames,
            )


def states(*more, **changes):
    lines = examine_probe(probe_of([*records(**changes), *more]))
    return {line.what: line for line in lines if line.state != "OK"}


def test_a_sound_meeting_has_only_good_lines():
    assert states() == {}


def test_media_by_relay_measure_coturn():
    line = states(kind="relay")["UDP ports"]

    assert line.state == "WARN"
    assert "measures coturn and gives no node capacity" in line.text


def test_silence_darkness_and_missing_turn_have_lines_of_their_own():
    found = states(packets=0, frames=0, turns=0)

    assert {what: line.state for what, line in found.items()} == {
        "sound": "FAIL",
        "picture": "FAIL",
        "TURN": "WARN",
    }
    assert all(line.fix for line in found.values())


def test_a_cap_that_was_met_is_named():
    refusal = RefusalReport(
        elapsed_s=1.0,
        participant=1,
        meeting=0,
        what="camera share",
        outcome="refused",
        code="camera cap",
    )

    assert "camera share: camera cap" in states(refusal)["caps"].text


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("meetings use the bridge livekit", "bridge"),
        ("the server changed record of our meeting from 'false'", "recording"),
        ("the server changed muteOnStart of our meeting from 'x'", "parameters"),
        ("nobody answers", "probe"),
    ],
)
def test_a_refusal_is_told_where_it_belongs(message, what):
    (line,) = examine_probe(refused_probe(message, 8))

    assert (line.state, line.what, bool(line.fix)) == ("FAIL", what, True)
