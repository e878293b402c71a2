"""Who sends what in which m-line: our sections for an answer or an offer. Pure.

Between `sdp`, which knows texts, and `session`, which knows sockets. BBB's payload
types and feedback are here, and the rule that whatever may send announces an SSRC.
"""

import secrets
import uuid
from dataclasses import dataclass, replace
from typing import Literal

from bots.errors import ClusterError
from bots.media import rtp, sdp
from bots.models import CameraProfile, Media

OPUS_PAYLOAD_TYPE = 111
VP8_PAYLOAD_TYPE = 96
VIDEO_FEEDBACK = ("rrtr", "goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
VIDEO_EXTENSIONS = (
    (1, rtp.TOFFSET_URI),
    (2, rtp.ABS_SEND_TIME_URI),
    (4, rtp.TRANSPORT_SEQUENCE_URI),
    (9, rtp.MID_URI),
    (10, rtp.RTP_STREAM_ID_URI),
    (11, rtp.REPAIRED_STREAM_ID_URI),
)


_OUR_CODECS = {"audio": "opus", "video": "VP8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSpec:
    """One stream that a participant sends."""

    media: Media
    profile: CameraProfile | None = None
    """None: BBB's medium camera, or the screen profile of `clip.py`."""
    talks: bool = True
    """Audio: speech from the beginning; else silence until `set_talking`."""
    seed: int = 0
    """Where in the clip and in the packet interval the stream begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One m-line of ours and what we send in it, if anything."""

    section: sdp.MediaSection
    spec: SendSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What the descriptions say about streams that may come in one m-line."""

    media: Media
    clock_hz: int
    payload_type: int
    has_nack: bool
    wide_id: int
    """Header extension of the transport-wide number; 0: not negotiated."""
    ssrcs: tuple[int, ...]


def read_description(text: str) -> sdp.Description:
    """Read what the server wrote.

    Raises:
        ClusterError: it cannot be read.
    """
    try:
        return sdp.parse(text)
    except ValueError as error:
        raise ClusterError(
            f"the server's description cannot be read: {error}", code="bad sdp"
        ) from error


def slots_for_answer(
    remote: sdp.Description, sends: tuple[SendSpec, ...], *, ssrc: int, cname: str
) -> tuple[Slot, ...]:
    """Give each of `sends` the first fitting m-line of the server's offer.

    `ssrc` is used for the first m-line, the others get random ones.

    Raises:
        ClusterError: the offer has no place for one of them.
    """
    waiting = list(sends)
    slots: list[Slot] = []
    for offered in remote.sections:
        spec = None
        if sdp.may_send(sdp.reverse(offered.direction)):
            spec = next((s for s in waiting if _kind(s.media) == offered.kind), None)
        section = answer_section(
            offered,
            ssrc=_random_ssrc() if slots else ssrc,
            cname=cname,
            track=_track(is_passive=spec is None),
        )
        if spec is not None and section.port:
            waiting.remove(spec)
        slots.append(Slot(section=section, spec=spec if section.port else None))
    if waiting:
        raise ClusterError(
            f"the server's offer has no place for our {waiting[0].media}",
            code="no m-line",
        )
    return tuple(slots)


def slots_for_offer(
    sends: tuple[SendSpec, ...], receives: tuple[Media, ...], *, ssrc: int, cname: str
) -> tuple[Slot, ...]:
    """Return the m-lines of our offer; audio both ways is one of them, sendrecv."""
    waiting = list(receives)
    slots: list[Slot] = []
    for spec in sends:
        is_both_ways = spec.media == "audio" and "audio" in waiting
        if is_both_ways:
            waiting.remove("audio")
        section = offer_section(
            _kind(spec.media),
            mid=str(len(slots)),
            direction="sendrecv" if is_both_ways else "sendonly",
            ssrc=_random_ssrc() if slots else ssrc,
            cname=cname,
            track=_track(is_passive=False),
        )
        slots.append(Slot(section=section, spec=spec))
    for media in waiting:
        section = offer_section(
            _kind(media),
            mid=str(len(slots)),
            direction="recvonly",
            ssrc=ssrc,
            cname=cname,
            track="",
        )
        slots.append(Slot(section=section, spec=None))
    return tuple(slots)


def check_answer(
    ours: tuple[sdp.MediaSection, ...], remote: tuple[sdp.MediaSection, ...]
) -> None:
    """Refuse an answer that does not take what we offered to send.

    Raises:
        ClusterError: another number of m-lines, or one of ours is rejected.
    """
    if len(remote) != len(ours):
        raise ClusterError(
            f"the server answered {len(remote)} of {len(ours)} m-lines", code="bad sdp"
        )
    for offered, answered in zip(ours, remote, strict=True):
        takes = answered.port and sdp.may_receive(answered.direction)
        if sdp.may_send(offered.direction) and not takes:
            raise ClusterError(
                f"the server does not take our {offered.kind}", code="rejected"
            )


def incoming(
    ours: tuple[sdp.MediaSection, ...],
    remote: tuple[sdp.MediaSection, ...],
    receives: tuple[Media, ...],
) -> tuple[Incoming, ...]:
    """Return what may arrive; `receives` names the video m-lines in their order."""
    videos = [media for media in receives if media != "audio"]
    found = []
    for own, theirs in zip(ours, remote, strict=True):
        if not theirs.port or not sdp.may_send(theirs.direction) or not own.codecs:
            continue
        media: Media = "audio"
        if theirs.kind == "video":
            fallback: Media = "screen" if theirs.content == "slides" else "camera"
            media = videos.pop(0) if videos else fallback
        codec = own.codecs[0]
        found.append(
            Incoming(
                media=media,
                clock_hz=codec.clock_hz,
                payload_type=payload_type(theirs),
                has_nack="nack" in codec.feedback,
                wide_id=rtp.extension_ids(theirs.extensions).transport_sequence,
                ssrcs=tuple(ssrc for ssrc, _ in theirs.ssrcs),
            )
        )
    return tuple(found)


def payload_type(section: sdp.MediaSection) -> int:
    """Return the payload type of Opus or VP8 in a section.

    Raises:
        ClusterError: it has neither.
    """
    codec = section.codec(_OUR_CODECS.get(section.kind, ""))
    if codec is None:
        raise ClusterError(
            f"the server's description has no codec of ours for {section.kind}",
            code="no codec",
        )
    return codec.payload_type


def answer_section(
    offered: sdp.MediaSection, *, ssrc: int, cname: str, track: str
) -> sdp.MediaSection:
    """Return our answer to an offered section: its VP8 or Opus, and nothing else.

    `ssrc` is announced wherever the offer lets us send, also when nothing will be sent
    (a passive listener; then `track` begins with `-`): without an `a=ssrc` line the SFU
    never completes DTLS, and says nothing. A section without a codec of ours is
    rejected with port 0, as RFC 9429 section 5.3.1 asks.
    """
    codec = offered.codec(_OUR_CODECS.get(offered.kind, ""))
    if codec is None or (offered.direction == "inactive" and not offered.port):
        return replace(
            offered, port=0, direction="inactive", ssrcs=(), msid="", content=""
        )
    direction = sdp.reverse(offered.direction)
    sends = sdp.may_send(direction)
    known = {uri for _, uri in VIDEO_EXTENSIONS}
    feedback = VIDEO_FEEDBACK if offered.kind == "video" else ("transport-cc",)
    parameters = "minptime=10;useinbandfec=1" if offered.kind == "audio" else ""
    return sdp.MediaSection(
        kind=offered.kind,
        mid=offered.mid,
        direction=direction,
        codecs=(
            replace(
                codec,
                parameters=parameters,
                feedback=tuple(entry for entry in feedback if entry in codec.feedback),
            ),
        ),
        extensions=tuple(entry for entry in offered.extensions if entry[1] in known),
        ssrcs=((ssrc, cname),) if sends else (),
        msid=track if sends else "",
        protocol=offered.protocol,
        has_reduced_size=offered.has_reduced_size,
    )


def offer_section(
    kind: Literal["audio", "video"],
    *,
    mid: str,
    direction: sdp.SdpDirection,
    ssrc: int,
    cname: str,
    track: str,
) -> sdp.MediaSection:
    """Return a section of our own offer, with the payload types BBB's SFU uses."""
    sends = sdp.may_send(direction)
    if kind == "audio":
        codec = sdp.Codec(
            payload_type=OPUS_PAYLOAD_TYPE,
            name="opus",
            clock_hz=48_000,
            channels=2,
            parameters="minptime=10;useinbandfec=1",
            feedback=("transport-cc",),
        )
    else:
        codec = sdp.Codec(
            payload_type=VP8_PAYLOAD_TYPE,
            name="VP8",
            clock_hz=90_000,
            feedback=VIDEO_FEEDBACK,
        )
    return sdp.MediaSection(
        kind=kind,
        mid=mid,
        direction=direction,
        codecs=(codec,),
        extensions=VIDEO_EXTENSIONS if kind == "video" else (),
        ssrcs=((ssrc, cname),) if sends else (),
        msid=track if sends else "",
    )


def _kind(media: Media) -> Literal["audio", "video"]:
    return "audio" if media == "audio" else "video"


def _random_ssrc() -> int:
    return secrets.randbelow(0xFFFFFFFE) + 1


def _track(*, is_passive: bool) -> str:
    stream = "-" if is_passive else str(uuid.uuid4())
    return f"{stream} {uuid.uuid4()}"
