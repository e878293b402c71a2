"""Real decoding of what is received: the truth beside the light statistics.

A participant of depth `decode` gives every authentic packet to one of these. Video is
decoded by libavcodec's VP8 decoder as soon as `frames.FrameAssembly` says that frames
are whole; audio by libopus, in order, with a jitter buffer of `CONCEAL_AFTER` packets:
what is missing beyond that is concealed, as W3C's `concealedSamples` counts it. A frame
or packet that the decoder refuses counts as not decoded.
"""

import av

from bots.media import rtp
from bots.media.packets import AUDIO_PACKET_S

CONCEAL_AFTER = 5
"""Later packets that a missing one is waited for: 100 ms of Opus."""
MAX_KEPT_PACKETS = 2000


class VideoDecoder:
    """Decodes the whole frames of one VP8 stream."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames that came out of the decoder."""
        self._codec = av.CodecContext.create("vp8", "r")
        self._codec.thread_count = 1
        self._kept: dict[int, tuple[bytes, bool]] = {}

    def packet(self, extended: int, packet: bytes, is_last: bool) -> None:
        """Keep an authentic packet by its extended number."""
        if len(self._kept) >= MAX_KEPT_PACKETS:
            self._kept.clear()
        self._kept[extended] = packet, is_last

    def forget(self) -> None:
        """Drop what was kept: a key frame is awaited."""
        self._kept.clear()

    def whole(self, key: int, end: int) -> None:
        """Decode what is whole before number `end`, from the key frame at `key` on."""
        begin = end
        while begin > key and begin - 1 in self._kept:
            begin -= 1
        data = b""
        for number in range(begin, end):
            packet, is_last = self._kept[number]
            data += _vp8_data(packet)
            if is_last:
                self._decode(data)
                data = b""
        for number in [number for number in self._kept if number < end]:
            del self._kept[number]

    def _decode(self, data: bytes) -> None:
        try:
            self.frames += len(self._codec.decode(av.Packet(data)))
        except av.FFmpegError:
            return


class AudioDecoder:
    """Decodes one Opus stream in order and counts what it had to conceal."""

    def __init__(self) -> None:
        self.frames = 0
        """Packets of 20 ms that came out of the decoder."""
        self.concealed_s = 0.0
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = 48_000
        self._kept: dict[int, bytes] = {}
        self._next = -1

    def packet(self, extended: int, packet: bytes) -> None:
        """Take an authentic packet by its extended number."""
        if self._next < 0:
            self._next = extended
        if extended < self._next:
            return  # too late: its place was concealed
        self._kept[extended] = packet
        while self._kept:
            found = self._kept.pop(self._next, None)
            if found is not None:
                self._decode(found)
            elif max(self._kept) - self._next >= CONCEAL_AFTER:
                self.concealed_s += AUDIO_PACKET_S
            else:
                return
            self._next += 1

    def restart(self) -> None:
        """Begin anew with the next packet: the sender did."""
        self._kept.clear()
        self._next = -1

    def _decode(self, packet: bytes) -> None:
        try:
            payload = _payload(packet)
            self.frames += bool(payload and self._codec.decode(av.Packet(payload)))
        except (av.FFmpegError, ValueError):
            self.concealed_s += AUDIO_PACKET_S


def _payload(packet: bytes) -> bytes:
    """Return what follows the header; mediasoup pads probes, never media."""
    return packet[rtp.header_length(packet) :]


def _vp8_data(packet: bytes) -> bytes:
    try:
        payload = _payload(packet)
        return payload[rtp.parse_vp8_descriptor(payload).length :]
    except ValueError:
        return b""
