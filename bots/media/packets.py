"""Clips cut into RTP payloads, once, for every sender of a process to share. Pure.

VP8 frames are split evenly (RFC 7741 section 4), so that the last packet of a frame is
not a crumb. Each payload begins with a descriptor of four bytes whose 15-bit picture id
a sender rewrites; nothing else in a payload ever changes.
"""

from dataclasses import dataclass

from bots.media.rtp import VP8_DESCRIPTOR_BYTES, build_vp8_descriptor

MAX_DATAGRAM_BYTES = 1200
"""What a UDP payload may hold: RTP header, extensions, payload and SRTP tag."""
HEADER_ROOM_BYTES = 12 + 4 + 16 + 16
"""Fixed header, extension header, up to four words of elements, the longest tag."""
MAX_PAYLOAD_BYTES = MAX_DATAGRAM_BYTES - HEADER_ROOM_BYTES

VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000
AUDIO_PACKET_S = 0.02
AUDIO_PACKET_TICKS = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPackets:
    """A looped video clip as RTP payloads, in order."""

    payloads: tuple[bytes, ...]
    """VP8 data *without* its descriptor; see `descriptor_of`."""
    starts_frame: tuple[bool, ...]
    first_of_frame: tuple[int, ...]
    """Index of each frame's first payload, and the number of payloads at the end."""
    key_frames: tuple[int, ...]
    """Frames that are key frames; the first is 0."""
    frame_interval_s: float
    frame_ticks: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPackets:
    """A looped speech clip as Opus packets of 20 ms, and the packet of silence."""

    speech: tuple[bytes, ...]
    silence: bytes


def split_frame(frame: bytes, max_bytes: int) -> tuple[bytes, ...]:
    """Cut a VP8 frame into the fewest pieces that fit, of nearly equal size."""
    if not frame:
        raise ValueError("a vp8 frame holds at least one byte")
    room = max_bytes - VP8_DESCRIPTOR_BYTES
    count = -(-len(frame) // room)
    size, longer = divmod(len(frame), count)
    pieces = []
    at = 0
    for index in range(count):
        end = at + size + (index < longer)
        pieces.append(frame[at:end])
        at = end
    return tuple(pieces)


def packetise_video(
    frames: tuple[bytes, ...], frame_rate: float, max_bytes: int = MAX_PAYLOAD_BYTES
) -> VideoPackets:
    """Return the payloads of a clip.

    Raises:
        ValueError: the clip is empty, or does not begin with a key frame.
    """
    # the P bit of the VP8 frame header: 0 in a key frame (RFC 6386 section 9.1)
    key_frames = tuple(
        index for index, frame in enumerate(frames) if not frame[0] & 0x01
    )
    if not frames or key_frames[:1] != (0,):
        raise ValueError("a clip must begin with a key frame, so that it can loop")
    payloads: list[bytes] = []
    starts: list[bool] = []
    firsts = [0]
    for frame in frames:
        pieces = split_frame(frame, max_bytes)
        payloads.extend(pieces)
        starts.extend(index == 0 for index in range(len(pieces)))
        firsts.append(len(payloads))
    return VideoPackets(
        payloads=tuple(payloads),
        starts_frame=tuple(starts),
        first_of_frame=tuple(firsts),
        key_frames=key_frames,
        frame_interval_s=1 / frame_rate,
        frame_ticks=VIDEO_CLOCK_HZ / frame_rate,
    )


def descriptor_of(packets: VideoPackets, index: int, picture_id: int) -> bytes:
    """Return the descriptor for payload `index` when its frame has this picture id."""
    return build_vp8_descriptor(
        starts_frame=packets.starts_frame[index], picture_id=picture_id & 0x7FFF
    )
