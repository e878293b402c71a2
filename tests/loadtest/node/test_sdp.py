"""The node's SDP against what a BBB 3.0 server wrote, line by line."""

import json
import re
from pathlib import Path

import pytest

from loadtest.node import sdp
from loadtest.node.sdp import LocalSide, NoCodec, SdpError

CAPTURE = json.loads(
    (
        Path(__file__).parents[2] / "data/captures/bbb-3.0-sfu-signalling.json"
    ).read_text()
)


def captured(flow: str, field: str) -> str:
    for step in CAPTURE["flows"][flow]:
        if field in step["message"]:
            text = step["message"][field]
            assert isinstance(text, str)
            return text
    raise AssertionError(f"{flow} has no {field}")


def local_side_of(text: str) -> LocalSide:
    """Take from a captured description what the node would have chosen itself."""

    def value(pattern: str, default: str = "") -> str:
        found = re.search(pattern, text)
        return found.group(1) if found else default

    stream, _, track = value(r"a=msid:(.*)\r").partition(" ")
    family, _, fingerprint = value(r"a=fingerprint:(.*)\r").partition(" ")
    return LocalSide(
        ice_ufrag=value(r"a=ice-ufrag:(.*)\r"),
        ice_pwd=value(r"a=ice-pwd:(.*)\r"),
        fingerprint=(family, fingerprint),
        address=value(r"1076302079 (\S+) "),
        port=int(value(r"1076302079 \S+ (\d+) ")),
        setup=value(r"a=setup:(.*)\r"),  # type: ignore[arg-type]
        msid=(stream, track),
        ssrc=int(value(r"a=ssrc:(\d+) ", "0")),
        cname=value(r"a=ssrc:\d+ cname:(.*)\r"),
    )


@pytest.mark.parametrize("flow", ["fullAudio", "listenOnly"])
def test_an_audio_offer_is_the_captured_one(flow):
    expected = captured(flow, "sdpAnswer")

    written = sdp.write_offer("audio", local_side_of(expected), direction="sendrecv")

    assert written == expected


def test_a_camera_offer_is_the_captured_one():
    expected = captured("cameraView", "sdpAnswer")

    written = sdp.write_offer(
        "video", local_side_of(expected), direction="sendonly", bitrate_kbps=200
    )

    assert written == expected


def test_the_answer_to_the_captured_camera_offer_is_the_captured_one():
    offer = sdp.read(captured("cameraShare", "sdpOffer"), "video")
    expected = captured("cameraShare", "sdpAnswer")

    written = sdp.write_answer(
        offer, local_side_of(expected), direction="recvonly", bitrate_kbps=200
    )

    assert written == expected


def test_a_client_offered_microphone_keeps_its_payload_type_and_gets_an_ssrc():
    offer = captured("fullAudio", "sdpAnswer").replace("111", "109")
    remote = sdp.read(offer, "audio")

    written = sdp.write_answer(
        remote, local_side_of(captured("fullAudio", "sdpAnswer")), direction="sendrecv"
    )

    assert remote.payload_type == 109
    assert "m=audio 7 UDP/TLS/RTP/SAVPF 109\r\n" in written
    assert "a=rtpmap:109 opus/48000/2\r\n" in written
    assert "a=ssrc:444134349 " in written


def test_retransmission_sources_are_no_media_sources():
    offer = sdp.read(captured("cameraShare", "sdpOffer"), "video")

    assert offer.ssrcs == (697045304,)
    assert offer.cname == "/1m9FT/X+97D7AnO"
    assert (offer.direction, offer.setup) == ("sendonly", "actpass")


@pytest.mark.parametrize(
    ("flow", "field", "kind", "direction", "setup"),
    [
        ("fullAudio", "sdpOffer", "audio", "sendrecv", "active"),
        ("listenOnly", "sdpOffer", "audio", "sendrecv", "active"),
        ("cameraView", "answer", "video", "recvonly", "active"),
    ],
)
def test_captured_answers_are_read(flow, field, kind, direction, setup):
    remote = sdp.read(captured(flow, field), kind)

    assert (remote.direction, remote.setup, remote.mid) == (direction, setup, "0")
    assert remote.fingerprints[0][0] == "sha-256"
    assert remote.ice_pwd == "[REDACTED]"


def test_the_first_section_of_the_kind_counts_and_the_session_fills_gaps():
    text = (
        "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
        "a=ice-ufrag:u\na=ice-pwd:p\na=setup:passive\n"
        "a=fingerprint:SHA-1 ab:cd\na=fingerprint:sha-256 ef:01\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:x\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 120 96\na=mid:first\na=recvonly\n"
        "a=rtpmap:120 VP8/90000\na=rtcp-fb:* nack\na=extmap:3/sendonly urn:a b\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 97\na=mid:second\na=rtpmap:97 VP8/90000\n"
    )

    remote = sdp.read(text, "video")

    assert (remote.mid, remote.payload_type, remote.direction) == (
        "first",
        120,
        "recvonly",
    )
    assert remote.fingerprints == (("sha-1", "ab:cd"), ("sha-256", "ef:01"))
    assert (remote.ice_ufrag, remote.ice_pwd, remote.setup) == ("u", "p", "passive")
    assert remote.feedback == ("nack",)
    assert remote.extensions == ((3, "urn:a"),)
    assert remote.ssrcs == ()


@pytest.mark.parametrize(
    ("text", "kind", "error", "message"),
    [
        ("", "audio", SdpError, "not a session description"),
        ("v=0\r\n" + "a=x\r\n" * 3000, "audio", SdpError, "not a session"),
        (captured("fullAudio", "sdpOffer"), "video", SdpError, "no video section"),
        (
            captured("fullAudio", "sdpOffer").replace("opus", "speex"),
            "audio",
            NoCodec,
            "opus/48000/2",
        ),
        (
            captured("fullAudio", "sdpOffer").replace("a=ice-pwd", "a=other"),
            "audio",
            SdpError,
            "ice-pwd",
        ),
        (
            captured("fullAudio", "sdpOffer").replace("a=fingerprint", "a=other"),
            "audio",
            SdpError,
            "fingerprint",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(text, kind, error, message):
    with pytest.raises(error, match=message):
        sdp.read(text, kind)
