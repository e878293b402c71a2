"""The clips that every synthetic participant plays: encoded once, looped for ever.

`video_packets` and `audio_packets` encode with libvpx and libopus on the first call on
a machine (some seconds), keep the result in `$XDG_CACHE_HOME/bbbload`, and in memory
for the rest of the process. A cache file that is damaged, foreign or of another version
is made anew; a cache folder that cannot be written only costs the encoding again.

A user's own file (`own_clip`) takes the place of either where it has pictures or sound.

A clip begins with a key frame and has one every two seconds, so the loop's end needs no
decoder to be told anything: the next picture is a key frame with the next picture id.
"""

import fractions
import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from bots.errors import ConfigError
from bots.media import own_clip, packets, scene
from bots.media.own_clip import OwnClip
from bots.models import CameraProfile

CLIP_VERSION = 1
"""Part of the cache's file names: raise it when a clip's content changes."""
CLIP_S = 10.0
KEY_FRAME_INTERVAL_S = 2.0
SPEECH_BITRATE_BPS = 30_000
"""`maxaveragebitrate` in BBB's SFU configuration."""
SCREEN_PROFILE = CameraProfile(
    name="screen", width=1280, height=720, frame_rate=5.0, bitrate_bps=1_500_000
)
"""BBB's screen share: 1,500 kbit/s at 5 frames a second (html5 settings.yml)."""

LARGEST_OWN_BYTES = 200_000_000

_encoding = threading.Lock()
"""Held while frames are encoded: encoders write times into the pictures they share."""
_MAGIC = b"bbbload clip\n"
_log = logging.getLogger(__name__)


@lru_cache(maxsize=32)
def video_packets(
    profile: CameraProfile, own: OwnClip | None = None
) -> packets.VideoPackets:
    """Return the packetised clip of a profile; blocks while it must be encoded."""
    return packets.packetise_video(video_frames(profile, own), profile.frame_rate)


def video_frames(
    profile: CameraProfile, own: OwnClip | None = None
) -> tuple[bytes, ...]:
    """Return the VP8 frames of a profile's clip; blocks while it must be encoded."""
    own = own if own is not None and own.has_pictures else None
    name = (
        f"{_source(own)}video-{CLIP_VERSION}-{profile.width}x{profile.height}"
        f"-{profile.frame_rate:g}-{profile.bitrate_bps}.clip"
    )

    def encode() -> tuple[bytes, ...]:
        with _encoding:
            return _encode_video(profile, own)

    return _cached(name, encode)


def forget_pictures() -> None:
    """Give back the memory of the pictures that several rates were encoded from."""
    with _encoding:
        _pictures.cache_clear()


@lru_cache(maxsize=2)
def audio_packets(own: OwnClip | None = None) -> packets.AudioPackets:
    """Return the packetised speech clip; blocks while it must be encoded."""
    own = own if own is not None and own.has_sound else None
    speech = _cached(
        f"{_source(own)}speech-{CLIP_VERSION}.clip", lambda: _encode_speech(own)
    )
    # A frame of no bytes means discontinuous transmission (RFC 6716 section 3.4), so
    # the table-of-contents byte alone, code 0, is a packet of silence.
    return packets.AudioPackets(speech=speech, silence=bytes([speech[0][0] & 0xFC]))


def read_own(path: Path) -> OwnClip:
    """Read a user's film or recording.

    Raises ConfigError for a file that cannot be read, is too large, or is neither.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_OWN_BYTES else b""
    except OSError as failure:
        reason = (failure.strerror or "no reason given").lower()
        raise ConfigError(f"the clip {path} cannot be read: {reason}") from failure
    if size > LARGEST_OWN_BYTES:
        raise ConfigError(
            f"the clip {path} has {size} bytes: use one of at most "
            f"{LARGEST_OWN_BYTES} bytes, since only its first minute is played"
        )
    return own_clip.probe(path.name, hashlib.sha256(data).hexdigest()[:32], data)


def cache_folder() -> Path:
    """Return the folder for clips, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "bbbload"


def _source(own: OwnClip | None) -> str:
    return "" if own is None else f"own-{own.digest}-"


@lru_cache(maxsize=1)
def _pictures(
    width: int, height: int, frame_rate: float, group: int
) -> tuple[av.VideoFrame, ...]:
    """Return the pictures of the project's own scene."""
    count = group * max(1, round(CLIP_S / KEY_FRAME_INTERVAL_S))
    return tuple(
        av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
        for picture in scene.pictures(width, height, frame_rate, count, seed=1)
    )


def _encode_video(profile: CameraProfile, own: OwnClip | None) -> tuple[bytes, ...]:
    """Encode the loop twice and keep the second turn, whose rate has settled."""
    group = max(1, round(KEY_FRAME_INTERVAL_S * profile.frame_rate))
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = profile.width, profile.height, "yuv420p"
    codec.framerate = fractions.Fraction(profile.frame_rate).limit_denominator(1000)
    codec.time_base = 1 / codec.framerate
    codec.bit_rate = profile.bitrate_bps
    codec.thread_count = 1
    rate = str(profile.bitrate_bps)
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "6",
        "lag-in-frames": "0",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,
        "g": str(group),
        "keyint_min": str(group),
        "static-thresh": "1",
    }
    if own is None:
        size = (profile.width, profile.height)
        pictures = _pictures(*size, profile.frame_rate, group)
    else:
        pictures = own_clip.pictures(own, profile, group)
    count = len(pictures)
    encoded: list[bytes] = []
    for index in range(2 * count):
        frame = pictures[index % count]
        frame.pts, frame.time_base = index, codec.time_base
        kind = av.video.frame.PictureType
        frame.pict_type = kind.I if index % group == 0 else kind.NONE
        encoded.extend(bytes(packet) for packet in codec.encode(frame))
    encoded.extend(bytes(packet) for packet in codec.encode(None))
    return tuple(encoded[count : 2 * count])


def _encode_speech(own: OwnClip | None) -> tuple[bytes, ...]:
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = scene.SAMPLE_RATE_HZ, "mono", "s16"
    codec.bit_rate = SPEECH_BITRATE_BPS
    codec.options = {"application": "voip", "vbr": "on", "frame_duration": "20"}
    samples = scene.speech(CLIP_S, seed=1) if own is None else own_clip.samples(own)
    encoded: list[bytes] = []
    step = scene.FRAME_SAMPLES
    for at in range(0, len(samples), step):
        data = np.ascontiguousarray(samples[at : at + step]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate, frame.pts = scene.SAMPLE_RATE_HZ, at
        encoded.extend(bytes(packet) for packet in codec.encode(frame))
    return tuple(encoded[: len(samples) // step])


def _cached(name: str, encode: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...]:
    path = cache_folder() / name
    kept = _read(path)
    if kept is not None:
        return kept
    units = encode()
    try:
        _write(path, units)
    except OSError as error:
        _log.info("clip %s is not kept: %s", name, error)
    return units


def _read(path: Path) -> tuple[bytes, ...] | None:
    """Return a cache file's units, None when it is not there or not as written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, _, rest = data.removeprefix(_MAGIC).partition(b"\n")
    try:
        facts = json.loads(head)
        sizes, digest = [int(size) for size in facts["sizes"]], facts["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    is_whole = data.startswith(_MAGIC) and sum(sizes) == len(rest)
    if not is_whole or hashlib.sha256(rest).hexdigest() != digest:
        return None
    units = []
    at = 0
    for size in sizes:
        units.append(rest[at : at + size])
        at += size
    return tuple(units)


def _write(path: Path, units: Iterable[bytes]) -> None:
    """Write a cache file beside its place and move it there in one step."""
    listed = tuple(units)
    body = b"".join(listed)
    facts = {
        "sizes": [len(unit) for unit in listed],
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(_MAGIC + json.dumps(facts).encode() + b"\n" + body)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
