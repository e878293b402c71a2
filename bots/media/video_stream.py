"""VP8 that is sent: a looped clip, a frame at a time.

What was sent is remembered as numbers, not as bytes, in a ring: a NACK is answered by
making the same packet again. Picture ids run on over the clip's end; a wish for a key
frame goes on with the loop's next one.
"""

import random
from collections.abc import Iterable

from bots.media import rtp
from bots.media.pacer import LATE_S
from bots.media.packets import VIDEO_CLOCK_HZ, VideoPackets
from bots.media.sending import Outlet, SendStream
from bots.models import Media

HISTORY_PACKETS = 512
"""Packets that can be sent again: about 15 s of a camera."""
MAX_RESENDS_A_NACK = 64
KEY_FRAME_GUARD_S = 0.3
"""PLIs that come closer together are the same wish (mediasoup guards 1 s)."""


class VideoStream(SendStream):
    """VP8, a frame at a time; its packets leave together."""

    def __init__(
        self,
        outlet: Outlet,
        clip: VideoPackets,
        *,
        media: Media,
        ssrc: int,
        payload_type: int,
        extensions: rtp.ExtensionIds,
        mid: str,
        rng: random.Random,
    ) -> None:
        super().__init__(
            outlet,
            media=media,
            ssrc=ssrc,
            payload_type=payload_type,
            clock_hz=VIDEO_CLOCK_HZ,
            interval_s=clip.frame_interval_s,
            extensions=extensions,
            mid=mid,
            rng=rng,
        )
        self._clip = clip
        self._frame = rng.choice(clip.key_frames)
        self._picture_id = rng.randrange(1 << 15)
        self._exact_timestamp = float(self._timestamp)
        self._history: list[tuple[int, int, int, int] | None] = [None] * HISTORY_PACKETS
        self._jump_asked = False
        self._last_jump_s = -KEY_FRAME_GUARD_S
        self._frames = 0

    @property
    def frames(self) -> int:
        """Frames sent so far."""
        return self._frames

    def set_out(self, due_s: float) -> None:
        """Let the first frame be due at this monotonic time; see `SendStream`."""
        super().set_out(due_s)
        self._exact_timestamp = float(self._timestamp)

    def play(self, clip: VideoPackets) -> None:
        """Go on with another clip of the same frame rate, from a key frame of it."""
        self._clip = clip
        self._frame = 0
        self._history = [None] * HISTORY_PACKETS  # its numbers were of the old clip

    def fire(self, now_s: float) -> None:
        """Send one frame."""
        clip = self._clip
        skipped = 0
        if now_s - self.due_s > LATE_S:
            skipped = self._overdue(now_s, clip.frame_interval_s)
        self.due_s += clip.frame_interval_s * (1 + skipped)
        exact = self._exact_timestamp + clip.frame_ticks * skipped
        timestamp = int(exact) & 0xFFFFFFFF
        self._exact_timestamp = (exact + clip.frame_ticks) % 4_294_967_296.0
        self._timestamp = int(self._exact_timestamp)
        if not self.is_sending:
            self._jump_asked = True  # whoever watches again needs a key frame first
            return
        frame = self._frame
        if self._jump_asked:
            self._jump_asked = False
            frame = next((key for key in clip.key_frames if key >= frame), 0)
        if frame in clip.key_frames:
            self.key_frames += 1
        picture_id = self._picture_id
        first, last = clip.first_of_frame[frame], clip.first_of_frame[frame + 1]
        self._frame = frame + 1 if frame + 2 < len(clip.first_of_frame) else 0
        self._picture_id = (picture_id + 1) & 0x7FFF
        self._frames += 1
        sequence = self._sequence
        for index in range(first, last):
            self._history[sequence % HISTORY_PACKETS] = (
                sequence & 0xFFFF,
                index,
                timestamp,
                picture_id,
            )
            self.octets += self._piece(
                sequence, index, timestamp, picture_id, index + 1 == last, now_s
            )
            sequence += 1
        self._sequence = sequence

    def answer_nack(self, sequences: Iterable[int], now_s: float) -> None:
        """Send packets again that are still remembered, so many at most."""
        for count, wanted in enumerate(sequences):
            self.nacks += 1
            kept = self._history[wanted % HISTORY_PACKETS]
            if kept is None or kept[0] != wanted or count >= MAX_RESENDS_A_NACK:
                continue
            sequence, index, timestamp, picture_id = kept
            is_last = self._clip.starts_frame[(index + 1) % len(self._clip.payloads)]
            self._piece(sequence, index, timestamp, picture_id, is_last, now_s)

    def answer_key_frame_wish(self, now_s: float) -> None:
        """Go on with the next key frame of the loop, unless that has just been done."""
        self.plis += 1
        if now_s - self._last_jump_s >= KEY_FRAME_GUARD_S:
            self._last_jump_s = now_s
            self._jump_asked = True

    def _piece(
        self,
        sequence: int,
        index: int,
        timestamp: int,
        picture_id: int,
        is_last: bool,
        now_s: float,
    ) -> int:
        """Send a piece of a frame; return its payload bytes."""
        clip = self._clip
        # X, S, partition 0; I; M and a picture id of 15 bits (RFC 7741 section 4.2)
        descriptor = 0x9080_8000 if clip.starts_frame[index] else 0x8080_8000
        payload = clip.payloads[index]
        self._send(
            self._payload_type | (0x80 if is_last else 0),
            sequence,
            timestamp,
            descriptor | picture_id,
            payload,
            now_s,
        )
        return 4 + len(payload)
