"""A user's own film and recording, made here by ffmpeg's encoders, as a clip."""

import fractions
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from bots.errors import ConfigError
from bots.media import clip, own_clip
from bots.media.plane import MediaPlane
from bots.models import CameraProfile
from tests.support.asynctest import asynctest

SMALL = CameraProfile(
    name="small", width=160, height=90, frame_rate=15.0, bitrate_bps=60_000
)


def film(path: Path, *, seconds: float = 5.0, rate: int = 25, sound: bool = True):
    """Write a film of `seconds`, 25 pictures a second, with a tone beside it."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        video.codec_context.time_base = fractions.Fraction(1, rate)
        audio = container.add_stream("aac", rate=44_100) if sound else None
        for index in range(int(seconds * rate)):
            grey = np.full((180, 320, 3), index * 2 % 256, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts, frame.time_base = index, fractions.Fraction(1, rate)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            t = np.arange(int(seconds * 44_100)) / 44_100
            tone = (np.sin(t * 2000) * 8000).astype(np.int16)
            for at in range(0, len(tone) - 1024, 1024):
                part = tone[at : at + 1024].reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                frame.sample_rate, frame.pts = 44_100, at
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def test_a_film_is_encoded_to_the_profile_in_whole_groups(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = clip.read_own(film(tmp_path / "meeting.mp4"))

    frames = clip.video_frames(SMALL, own)
    packed = clip.video_packets(SMALL, own)

    # Five seconds hold two whole groups of two seconds at fifteen frames a second.
    assert len(frames) == 60
    assert packed.key_frames == (0, 30)
    decoder = av.CodecContext.create("vp8", "r")
    shown = [f for data in frames for f in decoder.decode(av.Packet(data))]
    assert {(f.width, f.height) for f in shown} == {(160, 90)}
    assert len(shown) == 60
    # The film grows lighter by fifty steps a second, and so does the clip.
    light = [f.to_ndarray(format="gray").mean() for f in shown]
    assert light[30] - light[0] == pytest.approx(100, abs=10)
    assert next(p.name for p in (tmp_path / "cache/bbbload").iterdir()).startswith(
        f"own-{own.digest}-video"
    )
    assert clip.video_frames(SMALL) != frames


def test_a_films_sound_takes_the_place_of_speech(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = clip.read_own(film(tmp_path / "meeting.mp4", seconds=2.0))

    sound = clip.audio_packets(own)

    assert 90 <= len(sound.speech) <= 102  # two seconds of 20 ms
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    heard = np.concatenate(
        [
            f.to_ndarray().reshape(-1).astype(float)
            for data in sound.speech[25:75]
            for f in decoder.decode(av.Packet(data))
        ]
    )
    spectrum = np.abs(np.fft.rfft(heard))
    loudest_hz = spectrum.argmax() * 48_000 / len(heard)
    assert loudest_hz == pytest.approx(2000 / 2 / np.pi, rel=0.05)


@asynctest
async def test_a_plane_sends_the_film_and_keeps_the_voice_where_it_has_none():
    with tempfile.TemporaryDirectory() as folder:
        path = film(Path(folder) / "silent.mp4", seconds=2.0, sound=False)
        own = clip.read_own(path)

    async with MediaPlane(own=own) as plane:
        await plane.prepare(SMALL)
        speech = await plane.audio()

    assert speech == clip.audio_packets()
    assert not own.has_sound


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: no such file"), (b"no film at all", "cannot be decoded")],
)
def test_what_is_no_film_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "odd.mp4"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=words) as caught:
        clip.read_own(path)

    assert "odd.mp4" in str(caught.value)


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(tmp_path):
    whole = film(tmp_path / "whole.avi", seconds=6.0, sound=False).read_bytes()
    own = own_clip.probe("torn.avi", "torn", whole[: len(whole) * 2 // 3])

    assert len(own_clip.pictures(own, SMALL, 30)) in (30, 60)
