"""A user's own film or recording as the source of a clip: decoded, never opened here.

`clip.py` reads the file and encodes what comes from here; this module knows PyAV's
decoders and nothing of caches. At most `LONGEST_S` of a file are used, cut to whole
groups of pictures, so that the clip loops like the project's own.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from bots.models import CameraProfile

LONGEST_S = 60.0
SAMPLE_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClip:
    """A file that was read: two of the same content are the same clip."""

    name: str = field(compare=False)
    digest: str
    data: bytes = field(compare=False, repr=False)
    has_pictures: bool = field(compare=False)
    has_sound: bool = field(compare=False)


def probe(name: str, digest: str, data: bytes) -> OwnClip:
    """Return what is in a file.

    Raises ConfigError for one that holds neither pictures nor sound we can decode.
    """
    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            streams = container.streams
            found = OwnClip(
                name=name,
                digest=digest,
                data=data,
                has_pictures=bool(streams.video),
                has_sound=bool(streams.audio),
            )
    except (av.error.FFmpegError, ValueError) as unusable:
        raise ConfigError(
            f"the clip {name} cannot be decoded: use a film or recording that ffmpeg "
            "reads, such as an .mp4 or .webm"
        ) from unusable
    if not (found.has_pictures or found.has_sound):
        raise ConfigError(
            f"the clip {name} holds neither pictures nor sound: use another file"
        )
    return found


def pictures(
    clip: OwnClip, profile: CameraProfile, group: int
) -> tuple[av.VideoFrame, ...]:
    """Return the clip's pictures at the profile's size and frame rate.

    A whole number of groups of `group` pictures; a picture is shown until the next one
    is due, and a file shorter than a group goes on with its last picture.

    Raises ConfigError when nothing can be decoded.
    """
    taken = tuple(_taken(clip, profile))
    if not taken:
        raise ConfigError(
            f"no picture of the clip {clip.name} can be decoded: use another file"
        )
    whole = max(1, len(taken) // group) * group
    return (*taken[:whole], *(taken[-1:] * (whole - len(taken))))


def samples(clip: OwnClip) -> NDArray[np.int16]:
    """Return the clip's sound: mono, 48 kHz, whole packets of 20 ms.

    Raises ConfigError when nothing can be decoded.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    parts: list[NDArray[np.int16]] = []
    count = 0
    try:
        with av.open(io.BytesIO(clip.data), mode="r") as container:
            for frame in container.decode(audio=0):
                for resampled in resampler.resample(frame):
                    parts.append(resampled.to_ndarray().reshape(-1).astype(np.int16))
                    count += len(parts[-1])
                if count >= LONGEST_S * SAMPLE_RATE_HZ:
                    break
    except (av.error.FFmpegError, ValueError):
        pass  # a file that breaks off is used as far as it goes
    packet = SAMPLE_RATE_HZ // 50
    whole = min(count, int(LONGEST_S * SAMPLE_RATE_HZ)) // packet * packet
    if not whole:
        raise ConfigError(
            f"no sound of the clip {clip.name} can be decoded: use another file"
        )
    return np.concatenate(parts)[:whole]


def _taken(clip: OwnClip, profile: CameraProfile) -> Iterator[av.VideoFrame]:
    """Yield a picture for each frame interval of the profile."""
    most = int(LONGEST_S * profile.frame_rate)
    given = 0
    begin_s: float | None = None
    shown: av.VideoFrame | None = None
    try:
        with av.open(io.BytesIO(clip.data), mode="r") as container:
            for frame in container.decode(video=0):
                now_s = frame.time if frame.time is not None else 0.0
                begin_s = now_s if begin_s is None else begin_s
                while shown is not None and given < (now_s - begin_s) * (
                    profile.frame_rate
                ):
                    if given >= most:
                        return
                    given += 1
                    yield shown
                shown = frame.reformat(
                    width=profile.width, height=profile.height, format="yuv420p"
                )
    except (av.error.FFmpegError, ValueError):
        pass  # as with the sound
    if shown is not None and given < most:
        yield shown
