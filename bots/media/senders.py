"""The sender that a `SendSpec` asks for, with the process's shared clip."""

import random
from typing import Any, Protocol

from bots.media import packets, rtp, sdp
from bots.media.audio_stream import AudioStream
from bots.media.negotiation import SendSpec, payload_type
from bots.media.sending import Outlet, SendStream
from bots.media.video_stream import VideoStream


class Clips(Protocol):
    """Where the shared clips come from."""

    async def video(self, spec: SendSpec) -> packets.VideoPackets:
        """Return the clip for a camera or screen."""

    async def audio(self) -> packets.AudioPackets:
        """Return the speech clip."""


async def make_sender(
    spec: SendSpec,
    section: sdp.MediaSection,
    *,
    outlet: Outlet,
    clips: Clips,
    is_bundled: bool,
) -> SendStream:
    """Return the sender for one of our m-lines; it starts with `begin`."""
    numbers: Any = {
        "ssrc": section.ssrcs[0][0],
        "payload_type": payload_type(section),
        "extensions": rtp.extension_ids(section.extensions),
        "mid": section.mid if is_bundled else "",  # one m-line needs no telling which
        "rng": random.Random(spec.seed),
    }
    if spec.media == "audio":
        audio = AudioStream(outlet, await clips.audio(), **numbers)
        audio.is_talking = spec.talks
        return audio
    video = await clips.video(spec)
    return VideoStream(outlet, video, media=spec.media, **numbers)
