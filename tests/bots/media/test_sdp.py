"""Descriptions against the recorded ones of a real BBB 3.0 and a real chromium."""

import json
import random
from pathlib import Path

import pytest
from aiortc import sdp as aiortc_sdp

from bots.media import negotiation, rtp, sdp

CAPTURE = Path(__file__).parents[2] / "data/captures/bbb-3.0-sfu-signalling.json"
FLOWS = json.loads(CAPTURE.read_text())["flows"]
VARIABLE = ("o=", "a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=msid", "a=ssrc")


def message(flow: str, index: int, field: str) -> str:
    return FLOWS[flow][index]["message"][field]


SERVER = {
    "microphone": message("fullAudio", 1, "sdpAnswer"),
    "listener": message("listenOnly", 1, "sdpAnswer"),
    "share": message("cameraShare", 1, "sdpAnswer"),
    "view": message("cameraView", 1, "sdpAnswer"),
}
CHROMIUM = {
    "microphone": message("fullAudio", 2, "sdpOffer"),
    "listener": message("listenOnly", 2, "sdpOffer"),
    "view": message("cameraView", 2, "answer"),
}
OURS = sdp.IceCredentials(ufrag="abcd", password="p" * 22)


def answer(text: str, *, track: str = "stream track") -> str:
    offered = sdp.parse(text)
    description = sdp.Description(
        sections=tuple(
            negotiation.answer_section(section, ssrc=7, cname="us", track=track)
            for section in offered.sections
        ),
        ice=OURS,
        fingerprints=(("sha-256", "AA:BB"),),
        setup="active",
    )
    return sdp.write(description, session_id=5)


def fixed_lines(text: str) -> set[str]:
    return {line for line in text.splitlines() if not line.startswith(VARIABLE)}


def test_an_extension_that_no_packet_can_carry_is_left_out():
    text = SERVER["view"]
    known = [line for line in text.splitlines() if line.startswith("a=extmap:")]
    uri = known[0].partition(" ")[2]
    for number in (0, 256, 4096, 10**12):
        text = text.replace(known[0], f"a=extmap:{number} {uri}\r\n{known[0]}", 1)

    (section,) = sdp.parse(text).sections

    assert section.extensions == sdp.parse(SERVER["view"]).sections[0].extensions


@pytest.mark.parametrize("name", SERVER)
def test_a_server_description_is_read_whole(name):
    read = sdp.parse(SERVER[name])

    assert read.is_ice_lite
    assert read.is_bundled
    assert read.has_all_candidates
    assert len(read.candidates) == 1
    assert (read.candidates[0].address, read.candidates[0].kind) == (
        "203.0.113.10",
        "host",
    )
    assert len(read.ice.ufrag) == 32
    assert read.sections[0].mid == "0"


@pytest.mark.parametrize(
    ("name", "kind", "direction", "setup", "family"),
    [
        ("microphone", "audio", "sendrecv", "actpass", "sha-256"),
        ("listener", "audio", "sendrecv", "actpass", "sha-256"),
        ("share", "video", "recvonly", "active", "sha-512"),
        ("view", "video", "sendonly", "actpass", "sha-512"),
    ],
)
def test_direction_codec_and_fingerprint_are_read(name, kind, direction, setup, family):
    read = sdp.parse(SERVER[name])
    (section,) = read.sections
    (codec,) = section.codecs

    assert (section.kind, section.direction, read.setup) == (kind, direction, setup)
    assert read.fingerprints[0][0] == family
    if kind == "audio":
        assert (codec.payload_type, codec.name, codec.channels) == (111, "opus", 2)
        assert codec.feedback == ("transport-cc",)
        assert len(section.ssrcs) == 1
    else:
        assert (codec.payload_type, codec.name) == (96, "VP8")
        assert sorted(codec.feedback) == sorted(negotiation.VIDEO_FEEDBACK)
        ids = rtp.extension_ids(section.extensions)
        assert (ids.abs_send_time, ids.transport_sequence, ids.mid) == (2, 4, 9)
        assert section.content == "main"


@pytest.mark.parametrize("name", CHROMIUM)
def test_our_answer_has_the_lines_of_chromiums_answer(name):
    ours = answer(SERVER[name])

    assert fixed_lines(ours) == fixed_lines(CHROMIUM[name])


@pytest.mark.parametrize("name", CHROMIUM)
def test_an_ssrc_line_stands_where_chromium_has_one_and_nowhere_else(name):
    def has_ssrc(text: str) -> bool:
        return "\na=ssrc:" in text

    assert has_ssrc(answer(SERVER[name])) == has_ssrc(CHROMIUM[name])


def test_a_passive_listener_has_a_track_without_a_stream_and_still_an_ssrc():
    ours = answer(SERVER["listener"], track="- 4f9c")

    assert "a=msid:- 4f9c\r\n" in ours
    assert "a=ssrc:7 cname:us\r\n" in ours
    assert "a=msid:- " in CHROMIUM["listener"]


def test_our_camera_offer_says_what_chromiums_says_of_vp8():
    theirs = fixed_lines(message("cameraShare", 0, "sdpOffer"))
    offer = sdp.write(
        sdp.Description(
            sections=(
                negotiation.offer_section(
                    "video",
                    mid="0",
                    direction="sendonly",
                    ssrc=7,
                    cname="c",
                    track="s t",
                ),
            ),
            ice=OURS,
            fingerprints=(("sha-256", "AA:BB"),),
        ),
        session_id=1,
    )

    beyond = fixed_lines(offer) - theirs
    assert beyond == {"m=video 9 UDP/TLS/RTP/SAVPF 96"}
    assert "rtx" not in offer
    assert "a=candidate" not in offer
    assert "a=ssrc:7 cname:c" in offer


@pytest.mark.parametrize("name", [*SERVER, "camera offer"])
def test_aiortc_reads_what_we_write(name):
    if name == "share":
        text = sdp.write(sdp.parse(SERVER[name]), session_id=1)
    elif name == "camera offer":
        section = negotiation.offer_section(
            "video", mid="0", direction="sendonly", ssrc=7, cname="c", track="s t"
        )
        description = sdp.Description(
            sections=(section,), ice=OURS, fingerprints=(("sha-1", "AA:BB"),)
        )
        text = sdp.write(description, session_id=1)
    else:
        text = answer(SERVER[name])

    read = aiortc_sdp.SessionDescription.parse(text)

    ours = sdp.parse(text)
    assert read.media[0].kind == ours.sections[0].kind
    assert read.media[0].direction == ours.sections[0].direction
    assert [codec.payloadType for codec in read.media[0].rtp.codecs] == [
        codec.payload_type for codec in ours.sections[0].codecs
    ]
    assert read.media[0].ice.usernameFragment == ours.ice.ufrag


@pytest.mark.parametrize("at", ["session", "media", "both"])
def test_fingerprints_of_all_families_are_read_in_their_order(at):
    base = "".join(
        line + "\r\n"
        for line in SERVER["view"].splitlines()
        if not line.startswith("a=fingerprint")
    )
    lines = [f"a=fingerprint:{f} {f.upper()}" for f in ("SHA-1", "sha-224", "sha-512")]
    block = "\r\n".join(lines) + "\r\n"
    if at in ("session", "both"):
        base = base.replace("a=msid-semantic", block + "a=msid-semantic", 1)
    if at in ("media", "both"):
        base = base.replace("a=mid:0\r\n", block + "a=mid:0\r\n", 1)

    families = [family for family, _ in sdp.parse(base).fingerprints]

    assert families == ["sha-1", "sha-224", "sha-512"] * (2 if at == "both" else 1)


def test_many_m_lines_share_the_transport_of_the_first_that_is_not_off():
    first = SERVER["microphone"]
    second = SERVER["view"][SERVER["view"].index("m=video") :].replace("mid:0", "mid:1")
    rejected = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=inactive\r\n"
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:3\r\n"
    text = first + second + rejected + data

    read = sdp.parse(text)
    ours = sdp.parse(answer(text))

    assert [section.mid for section in read.sections] == ["0", "1", "2", "3"]
    assert read.ice.ufrag == sdp.parse(first).ice.ufrag
    assert [section.direction for section in ours.sections] == [
        *("sendrecv", "recvonly", "inactive", "inactive")
    ]
    assert [section.port == 0 for section in ours.sections] == [
        *(False, False, True, True)
    ]
    assert "a=group:BUNDLE 0 1\r\n" in answer(text)


def test_a_section_without_our_codec_is_rejected():
    text = SERVER["view"].replace("VP8/90000", "H264/90000")

    assert "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" in answer(text)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.split("m=")[0], "no m-line"),
        (lambda text: text.replace("a=ice-ufrag", "a=x"), "ice-ufrag"),
        (lambda text: text.replace("a=fingerprint", "a=x"), "fingerprint"),
        (lambda text: text.replace("opus/48000", "opus/fast"), "fast"),
        (lambda text: text.replace("a=ssrc:4", "a=ssrc:x"), "not a number"),
        (lambda text: text.replace("m=audio 7", "m=audio"), "m-line|not a number"),
        (lambda text: text + "a=x\r\n" * 50_000, "characters"),
        (lambda text: text + "m=audio 0 RTP/AVP 0\r\n" * 300, "m-lines"),
        (lambda text: "", "no m-line"),
    ],
)
def test_a_broken_description_is_refused_and_named(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        sdp.parse(change(SERVER["microphone"]))


def test_random_damage_never_raises_anything_but_value_error():
    rng = random.Random(4)
    for _ in range(3000):
        text = list(SERVER[rng.choice(list(SERVER))])
        for _ in range(rng.randrange(1, 12)):
            text[rng.randrange(len(text))] = chr(rng.randrange(10, 127))
        try:
            sdp.write(sdp.parse("".join(text)), session_id=1)
        except ValueError:
            continue


@pytest.mark.parametrize("value", ["", "1 2 3", "f x udp 1 1.2.3.4 5 typ host"])
def test_a_candidate_of_another_form_is_passed_over(value):
    assert sdp.parse_candidate(value) is None
