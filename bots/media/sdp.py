"""Session descriptions, the client's side: read the server's, write ours. Pure.

`parse` reads what bbb-webrtc-sfu, LiveKit and browsers write (RFC 8866, RFC 8839,
RFC 8843 for BUNDLE): any number of m-lines and of fingerprints, attributes at session
or media level. `write` makes descriptions as the recorded chromium does, as far as a
media server looks: one transport for all m-lines, no candidates unless given. What is
written into an m-line, `negotiation` decides.
"""

from dataclasses import dataclass, field
from typing import Literal

SdpDirection = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

MAX_SDP_CHARACTERS = 200_000
MAX_MEDIA_SECTIONS = 200
LAST_EXTENSION_ID = 255
"""What a packet can carry (RFC 8285 section 4.3); SDP may offer higher ones, to be
numbered anew by who answers (section 7), which are left out."""

_DIRECTIONS: tuple[SdpDirection, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
_REVERSED: dict[SdpDirection, SdpDirection] = {
    "sendonly": "recvonly",
    "recvonly": "sendonly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One payload type of an m-line."""

    payload_type: int
    name: str
    clock_hz: int
    channels: int = 1
    parameters: str = ""
    """The text after `a=fmtp:<pt> `."""
    feedback: tuple[str, ...] = ()
    """The texts after `a=rtcp-fb:<pt> `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One ICE candidate line, as written after `a=candidate:`."""

    text: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IceCredentials:
    """One side's ice-ufrag and ice-pwd."""

    ufrag: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSection:
    """One m-line with what belongs to it."""

    kind: str
    """`audio` or `video`; `application` is kept so that it can be rejected."""
    mid: str
    direction: SdpDirection = "sendrecv"
    codecs: tuple[Codec, ...] = ()
    extensions: tuple[tuple[int, str], ...] = ()
    ssrcs: tuple[tuple[int, str], ...] = ()
    """(SSRC, CNAME) pairs, in order."""
    msid: str = ""
    content: str = ""
    port: int = 9
    """0: rejected, or an m-line that BUNDLE carries elsewhere."""
    protocol: str = "UDP/TLS/RTP/SAVPF"
    has_reduced_size: bool = True

    def codec(self, name: str) -> Codec | None:
        """Return the first codec of that name, in the order of the m-line."""
        for codec in self.codecs:
            if codec.name.lower() == name.lower():
                return codec
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A whole description; the transport is that of the first m-line (BUNDLE)."""

    sections: tuple[MediaSection, ...]
    ice: IceCredentials
    fingerprints: tuple[tuple[str, str], ...]
    """(family, value) pairs in the order given."""
    setup: str = "actpass"
    is_ice_lite: bool = False
    candidates: tuple[Candidate, ...] = ()
    has_all_candidates: bool = False
    """`a=end-of-candidates` was there."""
    is_bundled: bool = True


def reverse(direction: SdpDirection) -> SdpDirection:
    """Return the direction as the other side sees it."""
    return _REVERSED.get(direction, direction)


def may_send(direction: SdpDirection) -> bool:
    """Return whether the writer of this direction may send."""
    return direction in ("sendrecv", "sendonly")


def may_receive(direction: SdpDirection) -> bool:
    """Return whether the writer of this direction wants to receive."""
    return direction in ("sendrecv", "recvonly")


def parse(text: str) -> Description:
    """Read a description.

    Raises:
        ValueError: no m-line, no ICE credentials, no fingerprint, or a line whose
            numbers are none; the message names the line.
    """
    if len(text) > MAX_SDP_CHARACTERS:
        raise ValueError(
            f"session description has over {MAX_SDP_CHARACTERS} characters"
        )
    head: list[str] = []
    blocks: list[list[str]] = []
    for raw in text.splitlines():
        line = raw.rstrip()
        if line.startswith("m="):
            blocks.append([line])
        elif line:
            (blocks[-1] if blocks else head).append(line)
    if not blocks:
        raise ValueError("session description has no m-line")
    if len(blocks) > MAX_MEDIA_SECTIONS:
        raise ValueError(f"session description has over {MAX_MEDIA_SECTIONS} m-lines")
    transport = head + _bundle_block(blocks)
    fingerprints = tuple(
        (family.lower(), value)
        for family, _, value in (
            entry.partition(" ") for entry in _values(transport, "fingerprint")
        )
    )
    ice = IceCredentials(
        ufrag=_last(transport, "ice-ufrag"), password=_last(transport, "ice-pwd")
    )
    if not ice.ufrag or not ice.password:
        raise ValueError("session description has no ice-ufrag or no ice-pwd")
    if not fingerprints:
        raise ValueError("session description has no fingerprint")
    return Description(
        sections=tuple(
            _section(block, str(index)) for index, block in enumerate(blocks)
        ),
        ice=ice,
        fingerprints=fingerprints,
        setup=_last(transport, "setup") or "actpass",
        is_ice_lite="a=ice-lite" in head,
        candidates=tuple(
            candidate
            for value in _values(transport, "candidate")
            if (candidate := parse_candidate(value)) is not None
        ),
        has_all_candidates="a=end-of-candidates" in transport,
        is_bundled=any(value.startswith("BUNDLE") for value in _values(head, "group")),
    )


def parse_candidate(value: str) -> Candidate | None:
    """Read the text after `a=candidate:`; None for a form this cannot use."""
    parts = value.split()
    if len(parts) < 8 or parts[6] != "typ":
        return None
    try:
        return Candidate(
            text=value,
            component=int(parts[1]),
            transport=parts[2].lower(),
            priority=int(parts[3]),
            address=parts[4],
            port=int(parts[5]),
            kind=parts[7],
        )
    except ValueError:
        return None


def write(description: Description, *, session_id: int) -> str:
    """Write a description as chromium does; lines end with CRLF."""
    lines = [
        "v=0",
        f"o=- {session_id} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
    ]
    bundled = [entry.mid for entry in description.sections if entry.port]
    if bundled:
        lines.append("a=group:BUNDLE " + " ".join(bundled))
    lines.append("a=msid-semantic: WMS")
    for section in description.sections:
        lines.extend(_section_lines(section, description))
    return "\r\n".join(lines) + "\r\n"


def _bundle_block(blocks: list[list[str]]) -> list[str]:
    """Return the m-line block whose transport counts: the first that is not off."""
    for block in blocks:
        words = block[0].split()
        is_off = len(words) > 1 and words[1] == "0"
        if not is_off and any(line.startswith("a=ice-ufrag:") for line in block):
            return block
    return blocks[0]


def _values(lines: list[str], name: str) -> list[str]:
    prefix = f"a={name}:"
    return [line[len(prefix) :].strip() for line in lines if line.startswith(prefix)]


def _last(lines: list[str], name: str) -> str:
    """The media level wins over the session level, which comes first."""
    found = _values(lines, name)
    return found[-1] if found else ""


def _section(block: list[str], fallback_mid: str) -> MediaSection:
    words = block[0][2:].split()
    if len(words) < 4:
        raise ValueError(f"m-line {block[0]!r} is cut short")
    direction: SdpDirection = "sendrecv"
    for known in _DIRECTIONS:
        if f"a={known}" in block:
            direction = known
    cnames: dict[int, str] = {}
    for value in _values(block, "ssrc"):
        number, _, attribute = value.partition(" ")
        ssrc = _number(number, f"a=ssrc:{value}")
        if attribute.startswith("cname:") or ssrc not in cnames:
            cnames[ssrc] = attribute.removeprefix("cname:")
    extensions = []
    for value in _values(block, "extmap"):
        number, _, uri = value.partition(" ")
        entry = _number(number.partition("/")[0], f"a=extmap:{value}")
        if 1 <= entry <= LAST_EXTENSION_ID:
            extensions.append((entry, uri.split()[0] if uri.split() else ""))
    return MediaSection(
        kind=words[0],
        mid=_last(block, "mid") or fallback_mid,
        direction=direction,
        codecs=_codecs(block, words[3:]) if words[0] in ("audio", "video") else (),
        extensions=tuple(extensions),
        ssrcs=tuple(cnames.items()),
        msid=_last(block, "msid"),
        content=_last(block, "content"),
        port=_number(words[1].partition("/")[0], block[0]),
        protocol=words[2],
        has_reduced_size="a=rtcp-rsize" in block,
    )


def _codecs(block: list[str], payload_types: list[str]) -> tuple[Codec, ...]:
    maps = _by_payload_type(block, "rtpmap")
    parameters = _by_payload_type(block, "fmtp")
    feedback = _by_payload_type(block, "rtcp-fb")
    codecs = []
    for payload_type in payload_types:
        for mapping in maps.get(payload_type, ())[:1]:
            line = f"a=rtpmap:{payload_type} {mapping}"
            name, _, rest = mapping.partition("/")
            clock, _, channels = rest.partition("/")
            codecs.append(
                Codec(
                    payload_type=_number(payload_type, line),
                    name=name,
                    clock_hz=_number(clock, line),
                    channels=_number(channels or "1", line),
                    parameters="".join(parameters.get(payload_type, ())[:1]),
                    feedback=tuple(
                        feedback.get(payload_type, []) + feedback.get("*", [])
                    ),
                )
            )
    return tuple(codecs)


def _by_payload_type(block: list[str], name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in _values(block, name):
        payload_type, _, text = value.partition(" ")
        found.setdefault(payload_type, []).append(text.strip())
    return found


def _number(text: str, line: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} in {line!r} is not a number") from None


def _section_lines(section: MediaSection, description: Description) -> list[str]:
    types = " ".join(str(codec.payload_type) for codec in section.codecs) or "0"
    if not section.port:
        return [
            f"m={section.kind} 0 {section.protocol} {types}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{section.mid}",
            "a=inactive",
        ]
    lines = [
        f"m={section.kind} {section.port} {section.protocol} {types}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *(f"a=candidate:{entry.text}" for entry in description.candidates),
        f"a=ice-ufrag:{description.ice.ufrag}",
        f"a=ice-pwd:{description.ice.password}",
        "a=ice-options:trickle",
        *(f"a=fingerprint:{f} {value}" for f, value in description.fingerprints),
        f"a=setup:{description.setup}",
        f"a=mid:{section.mid}",
        *(f"a=extmap:{number} {uri}" for number, uri in section.extensions),
        f"a={section.direction}",
    ]
    if section.msid:
        lines.append(f"a=msid:{section.msid}")
    lines.append("a=rtcp-mux")
    if section.has_reduced_size:
        lines.append("a=rtcp-rsize")
    if any("rrtr" in codec.feedback for codec in section.codecs):
        lines.append("a=rtcp-xr:rcvr-rtt=all")
    for codec in section.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        at = codec.payload_type
        lines.append(f"a=rtpmap:{at} {codec.name}/{codec.clock_hz}{channels}")
        lines.extend(f"a=rtcp-fb:{at} {entry}" for entry in codec.feedback)
        if codec.parameters:
            lines.append(f"a=fmtp:{at} {codec.parameters}")
    lines.extend(f"a=ssrc:{ssrc} cname:{cname}" for ssrc, cname in section.ssrcs)
    return lines
