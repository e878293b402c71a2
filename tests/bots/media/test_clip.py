"""The clips, decoded by libvpx and libopus themselves, and their cache."""

import itertools

import av
import numpy as np
import pytest

from bots.media import clip
from bots.models import CAMERA_MEDIUM, CameraProfile

SMALL = CameraProfile(
    name="small", width=160, height=90, frame_rate=10.0, bitrate_bps=60_000
)


@pytest.fixture(scope="module")
def medium():
    return clip.video_packets(CAMERA_MEDIUM)


def frames_of(packets):
    return [
        b"".join(packets.payloads[first:last])
        for first, last in itertools.pairwise(packets.first_of_frame)
    ]


def test_the_camera_clip_has_the_profile_bitrate_and_a_key_frame_every_two_seconds(
    medium,
):
    size = sum(len(payload) for payload in medium.payloads)

    assert len(medium.first_of_frame) == 151
    assert medium.key_frames == (0, 30, 60, 90, 120)
    assert size * 8 / 10 == pytest.approx(200_000, rel=0.1)
    assert medium.frame_ticks == 6000


def test_a_decoder_takes_every_frame_over_the_seam(medium):
    decoder = av.CodecContext.create("vp8", "r")

    pictures = []
    for frame in frames_of(medium) * 2 + frames_of(medium)[:10]:
        pictures += decoder.decode(av.Packet(frame))

    assert len(pictures) == 310
    assert {(picture.width, picture.height) for picture in pictures} == {(640, 360)}
    grey = [picture.to_ndarray(format="gray").astype(float) for picture in pictures]
    steps = [np.abs(a - b).mean() for a, b in itertools.pairwise(grey)]
    inside = max(steps[k - 1] for k in (60, 90, 120, 180, 210))
    assert steps[149] < 2 * inside + 0.5  # the seam is no rougher than a key frame


def test_the_camera_clip_moves_all_the_time(medium):
    sizes = [len(frame) for frame in frames_of(medium)]

    assert min(sizes) > 200


def test_speech_is_twenty_milliseconds_a_packet_and_sounds(tmp_path):
    speech = clip.audio_packets()
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"

    samples = []
    for packet in speech.speech:
        frames = decoder.decode(av.Packet(packet))
        samples.extend(frame.to_ndarray() for frame in frames)
    sound = np.concatenate(samples, axis=1)

    assert len(speech.speech) == 500
    assert sound.shape[1] == pytest.approx(480_000, abs=1000)
    assert np.abs(sound).mean() > 0.01
    assert sum(map(len, speech.speech)) * 8 / 10 == pytest.approx(30_000, rel=0.25)


def test_the_packet_of_silence_is_one_byte_with_the_frame_count_of_one():
    audio = clip.audio_packets()

    assert len(audio.silence) == 1
    assert audio.silence[0] & 0x03 == 0
    assert audio.silence[0] >> 2 == audio.speech[0][0] >> 2


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    clip.video_packets.cache_clear()
    yield tmp_path / "bbbload"
    clip.video_packets.cache_clear()


def test_a_clip_is_encoded_once_and_read_from_the_cache_afterwards(fresh_cache):
    first = clip.video_packets(SMALL)
    (path,) = fresh_cache.iterdir()
    written = path.stat().st_mtime_ns
    clip.video_packets.cache_clear()

    again = clip.video_packets(SMALL)

    assert again == first
    assert path.stat().st_mtime_ns == written
    assert [entry.name for entry in fresh_cache.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty"])
def test_a_damaged_cache_file_is_made_anew(fresh_cache, damage):
    first = clip.video_packets(SMALL)
    (path,) = fresh_cache.iterdir()
    whole = path.read_bytes()
    broken = {
        "cut": whole[:-1],
        "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
        "foreign": b"something else\n" + whole,
        "empty": b"",
    }[damage]
    path.write_bytes(broken)
    clip.video_packets.cache_clear()

    assert clip.video_packets(SMALL) == first
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(fresh_cache):
    fresh_cache.write_text("a file where the folder should be")

    assert clip.video_packets(SMALL).key_frames[0] == 0
