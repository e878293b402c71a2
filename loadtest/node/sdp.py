"""The node's session descriptions: written as BBB 3.0 writes them, read tolerantly.

Lines and their order are those recorded from a 3.0 server (tests/data/captures): one
m-section, ICE-lite, one inline host candidate and `end-of-candidates`, one fingerprint
line, port 7, `c=IN IP4 127.0.0.1`, `b=TIAS` before `b=AS`, trailing blanks after a
feedback kind without parameter. An answer differs from an offer in the order of its
feedback (the client's), in `a=msid` and in having no `a=ssrc` where nothing is sent.

Pure text: no socket, no chance. What must be random is handed in.
"""

from dataclasses import dataclass
from typing import Final, Literal

from bots.media.rtp import (
    ABS_SEND_TIME_URI,
    MID_URI,
    REPAIRED_STREAM_ID_URI,
    RTP_STREAM_ID_URI,
    TOFFSET_URI,
    TRANSPORT_SEQUENCE_URI,
)

Kind = Literal["audio", "video"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["active", "passive", "actpass"]

MAX_LINES = 2000
"""A description is at most 51,200 bytes anyway; one with more lines is no SDP."""


class SdpError(ValueError):
    """A description that cannot be used; the message says what is missing."""


class NoCodec(SdpError):
    """A description without the codec that the node forwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """What the node forwards of one kind of media."""

    payload_type: int
    rtpmap: str
    fmtp: str
    offered_feedback: tuple[str, ...]
    extensions: tuple[tuple[int, str], ...]


OPUS: Final = Codec(
    payload_type=111,
    rtpmap="opus/48000/2",
    fmtp="useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; "
    "minptime=10; maxptime=40",
    offered_feedback=("transport-cc",),
    extensions=(),
)
VP8: Final = Codec(
    payload_type=96,
    rtpmap="VP8/90000",
    fmtp="",
    offered_feedback=(
        "rrtr ",
        "ccm fir",
        "nack ",
        "nack pli",
        "goog-remb ",
        "transport-cc ",
    ),
    extensions=(
        (1, TOFFSET_URI),
        (2, ABS_SEND_TIME_URI),
        (4, TRANSPORT_SEQUENCE_URI),
        (9, MID_URI),
        (10, RTP_STREAM_ID_URI),
        (11, REPAIRED_STREAM_ID_URI),
    ),
)
CODECS: Final[dict[Kind, Codec]] = {"audio": OPUS, "video": VP8}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSide:
    """The node's end of a transport, as its descriptions tell it."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: tuple[str, str]
    """(family, value)"""
    address: str
    port: int
    setup: Setup
    msid: tuple[str, str]
    """(stream, track)"""
    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSide:
    """What the node needs of a client's description: the first section of a kind."""

    kind: Kind
    mid: str
    direction: Direction
    setup: Setup
    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[tuple[str, str], ...]
    payload_type: int
    feedback: tuple[str, ...]
    """The kinds for `payload_type`, such as `nack pli`, in the client's order."""
    extensions: tuple[tuple[int, str], ...]
    ssrcs: tuple[int, ...]
    """Of media, retransmission streams left out, in order."""
    cname: str


# -- writing -----------------------------------------------------------------------


def write_offer(
    kind: Kind,
    local: LocalSide,
    *,
    direction: Direction,
    bitrate_kbps: int = 0,
) -> str:
    """Return the node's offer of one kind; the bit rate is told for video."""
    codec = CODECS[kind]
    return _write(
        kind,
        local,
        direction=direction,
        bitrate_kbps=bitrate_kbps,
        mid="0",
        payload_type=codec.payload_type,
        feedback=codec.offered_feedback,
        extensions=codec.extensions,
        is_offer=True,
    )


def write_answer(
    remote: RemoteSide,
    local: LocalSide,
    *,
    direction: Direction,
    bitrate_kbps: int = 0,
) -> str:
    """Return the node's answer to a client's offer."""
    codec = CODECS[remote.kind]
    known = {entry.strip(): entry for entry in codec.offered_feedback}
    uris = {uri for _, uri in codec.extensions}
    return _write(
        remote.kind,
        local,
        direction=direction,
        bitrate_kbps=bitrate_kbps,
        mid=remote.mid,
        payload_type=remote.payload_type,
        feedback=tuple(known[entry] for entry in remote.feedback if entry in known),
        extensions=tuple(entry for entry in remote.extensions if entry[1] in uris),
        is_offer=False,
    )


def _write(
    kind: Kind,
    local: LocalSide,
    *,
    direction: Direction,
    bitrate_kbps: int,
    mid: str,
    payload_type: int,
    feedback: tuple[str, ...],
    extensions: tuple[tuple[int, str], ...],
    is_offer: bool,
) -> str:
    codec = CODECS[kind]
    lines = [
        "v=0",
        "o=mediasoup-client 10000 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=fingerprint:{local.fingerprint[0]} {local.fingerprint[1]}",
        "a=msid-semantic: WMS *",
        f"a=group:BUNDLE {mid}",
        f"m={kind} 7 UDP/TLS/RTP/SAVPF {payload_type}",
        "c=IN IP4 127.0.0.1",
    ]
    if kind == "video":
        lines += [f"b=TIAS:{bitrate_kbps * 1000}", f"b=AS:{bitrate_kbps}"]
    lines += [
        f"a=rtpmap:{payload_type} {codec.rtpmap}",
        f"a=fmtp:{payload_type} {codec.fmtp}",
    ]
    lines += [f"a=rtcp-fb:{payload_type} {entry}" for entry in feedback]
    lines += [f"a=extmap:{number} {uri}" for number, uri in extensions]
    msid = f"a=msid:{local.msid[0]} {local.msid[1]}"
    lines += [
        f"a=setup:{local.setup}",
        f"a=mid:{mid}",
        msid,
        f"a={direction}",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        f"a=candidate:udpcandidate 1 udp 1076302079 {local.address} {local.port} "
        "typ host",
        "a=end-of-candidates",
        "a=ice-options:renomination",
    ]
    if is_offer or direction in ("sendrecv", "sendonly"):
        lines.append(f"a=ssrc:{local.ssrc} cname:{local.cname}")
    lines += ["a=rtcp-mux", "a=rtcp-rsize"]
    if kind == "video":
        lines.append("a=content:main")
    return "\r\n".join(lines) + "\r\n"


# -- reading -----------------------------------------------------------------------


def read(text: str, kind: Kind) -> RemoteSide:
    """Return the first section of `kind` in a client's offer or answer.

    Unknown lines are skipped, candidates too; both line ends are taken. ICE and DTLS
    lines may stand in the section or above it.

    Raises:
        SdpError: no such section, or one without ICE credentials or a fingerprint.
        NoCodec: the section does not have the node's codec.
    """
    session, section = _split(text, kind)
    attributes = session + section
    codec = CODECS[kind]
    payload_type = _payload_type(section, codec)
    ice_ufrag = _last(attributes, "ice-ufrag")
    ice_pwd = _last(attributes, "ice-pwd")
    if not ice_ufrag or not ice_pwd:
        raise SdpError("the description has no ice-ufrag or ice-pwd")
    fingerprints = _fingerprints(section) or _fingerprints(session)
    if not fingerprints:
        raise SdpError("the description has no fingerprint")
    ssrcs, cname = _sources(section)
    return RemoteSide(
        kind=kind,
        mid=_last(section, "mid") or "0",
        direction=_direction(attributes),
        setup=_setup(_last(attributes, "setup")),
        ice_ufrag=ice_ufrag,
        ice_pwd=ice_pwd,
        fingerprints=fingerprints,
        payload_type=payload_type,
        feedback=_feedback(section, payload_type),
        extensions=_extensions(attributes),
        ssrcs=ssrcs,
        cname=cname,
    )


Attributes = list[tuple[str, str]]


def _split(text: str, kind: Kind) -> tuple[Attributes, Attributes]:
    """Return (name, value) of the session's and the section's attribute lines."""
    lines = text.splitlines()
    if len(lines) > MAX_LINES or not text.startswith("v=0"):
        raise SdpError("not a session description")
    session: Attributes = []
    section: Attributes | None = None
    current: Attributes | None = session
    for line in lines:
        if line.startswith("m="):
            is_wanted = section is None and line[2:].split(" ")[0] == kind
            current = [] if is_wanted else None
            if is_wanted:
                section = current
        elif line.startswith("a=") and current is not None:
            name, _, value = line[2:].partition(":")
            current.append((name, value.strip()))
    if section is None:
        raise SdpError(f"the description has no {kind} section")
    return session, section


def _last(attributes: Attributes, name: str) -> str:
    return next((value for key, value in reversed(attributes) if key == name), "")


def _payload_type(section: Attributes, codec: Codec) -> int:
    wanted = codec.rtpmap.lower()
    for name, value in section:
        number, _, encoding = value.partition(" ")
        if name == "rtpmap" and encoding.strip().lower() == wanted:
            if number.isdecimal() and int(number) < 128:
                return int(number)
    raise NoCodec(f"the description does not offer {codec.rtpmap}")


def _fingerprints(attributes: Attributes) -> tuple[tuple[str, str], ...]:
    pairs = (value.split() for name, value in attributes if name == "fingerprint")
    return tuple((pair[0].lower(), pair[1]) for pair in pairs if len(pair) == 2)


def _feedback(section: Attributes, payload_type: int) -> tuple[str, ...]:
    found = []
    for name, value in section:
        number, _, entry = value.partition(" ")
        if name == "rtcp-fb" and number in (str(payload_type), "*"):
            found.append(entry.strip())
    return tuple(found)


def _extensions(attributes: Attributes) -> tuple[tuple[int, str], ...]:
    found = []
    for name, value in attributes:
        words = value.split()
        if name == "extmap" and len(words) >= 2:
            number = words[0].partition("/")[0]
            if number.isdecimal() and 1 <= int(number) <= 255:
                found.append((int(number), words[1]))
    return tuple(found)


def _sources(section: Attributes) -> tuple[tuple[int, ...], str]:
    """Return the media SSRCs and their CNAME; FID groups name RTX sources second."""
    retransmissions: set[str] = set()
    for name, value in section:
        words = value.split()
        if name == "ssrc-group" and words[:1] == ["FID"]:
            retransmissions.update(words[2:])
    numbers: dict[int, None] = {}
    cname = ""
    for name, value in section:
        number, _, attribute = value.partition(" ")
        if name != "ssrc" or number in retransmissions or not number.isdecimal():
            continue
        if int(number) < 1 << 32:
            numbers[int(number)] = None
        if attribute.startswith("cname:") and not cname:
            cname = attribute[6:].strip()
    return tuple(numbers), cname


def _direction(attributes: Attributes) -> Direction:
    for name, _ in reversed(attributes):
        if name == "sendonly":
            return "sendonly"
        if name == "recvonly":
            return "recvonly"
        if name == "inactive":
            return "inactive"
        if name == "sendrecv":
            break
    return "sendrecv"


def _setup(value: str) -> Setup:
    if value == "active":
        return "active"
    return "passive" if value == "passive" else "actpass"
