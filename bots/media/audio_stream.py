"""Opus that is sent: a looped speech clip, or packets of silence."""

import random

from bots.media import rtp
from bots.media.pacer import LATE_S
from bots.media.packets import (
    AUDIO_CLOCK_HZ,
    AUDIO_PACKET_S,
    AUDIO_PACKET_TICKS,
    AudioPackets,
)
from bots.media.sending import Outlet, SendStream


class AudioStream(SendStream):
    """Opus, a packet every 20 ms: speech while talking, else packets of silence.

    BBB negotiates no DTX, so a browser with a silent microphone goes on sending 50
    packets a second, and so does this; each then holds one byte (RFC 6716, no frame).
    """

    def __init__(
        self,
        outlet: Outlet,
        clip: AudioPackets,
        *,
        ssrc: int,
        payload_type: int,
        extensions: rtp.ExtensionIds,
        mid: str,
        rng: random.Random,
    ) -> None:
        super().__init__(
            outlet,
            media="audio",
            ssrc=ssrc,
            payload_type=payload_type,
            clock_hz=AUDIO_CLOCK_HZ,
            interval_s=AUDIO_PACKET_S,
            extensions=extensions,
            mid=mid,
            rng=rng,
        )
        self.is_talking = True
        self._clip = clip
        self._at = rng.randrange(len(clip.speech))
        self._was_talking = False

    def fire(self, now_s: float) -> None:
        """Send one packet."""
        timestamp = self._timestamp
        if now_s - self.due_s > LATE_S:
            skipped = self._overdue(now_s, AUDIO_PACKET_S)
            self.due_s += AUDIO_PACKET_S * skipped
            timestamp = (timestamp + AUDIO_PACKET_TICKS * skipped) & 0xFFFFFFFF
        self.due_s += AUDIO_PACKET_S
        self._timestamp = (timestamp + AUDIO_PACKET_TICKS) & 0xFFFFFFFF
        if not self.is_sending:
            return
        second = self._payload_type
        if self.is_talking:
            at = self._at
            payload = self._clip.speech[at]
            self._at = at + 1 if at + 1 < len(self._clip.speech) else 0
            if not self._was_talking:  # the first packet of a talk spurt (RFC 3551 4.1)
                self._was_talking = True
                second |= 0x80
        else:
            payload = self._clip.silence
            self._was_talking = False
        sequence = self._sequence
        self._sequence = sequence + 1
        self.octets += len(payload)
        self._send(second, sequence, timestamp, 0, payload, now_s)
