"""Depths that agree, depths that do not, and the voices' ratings."""

from dataclasses import replace

import pytest

from bots.models import Depth, StreamReport
from loadtest.depths import LEAST_FRAMES, Depths
from loadtest.results import DepthFigures

VOICE = StreamReport(
    elapsed_s=1.0,
    participant=1,
    meeting=1,
    direction="in",
    media="audio",
    ssrc=1,
    packets=50,
    expected=50,
    jitter_s=0.003,
    rtt_s=0.04,
)
CAMERA = replace(
    VOICE, media="camera", packets=30, expected=30, frames=15, watched_s=1.0
)
SECONDS = 40


def seen(*reports: StreamReport) -> dict[tuple[str, Depth], DepthFigures]:
    """Let each report come every second, from a participant of its own."""
    depths = Depths()
    for second in range(SECONDS):
        for number, report in enumerate(reports):
            depths.add(replace(report, elapsed_s=1.0 + second, participant=number))
    return {(found.kind, found.depth): found for found in depths.figures()}


def decoded(report: StreamReport, **more: object) -> StreamReport:
    return replace(report, depth="decode", decoded_frames=report.frames, **more)  # type: ignore[arg-type]


def test_packets_lost_in_a_row_are_told_of_voices():
    bad = {"expected": 60, "lost": 10, "lost_bursts": 4}
    found = seen(replace(VOICE, **bad), VOICE, replace(CAMERA, **bad))

    assert found["audio", "light"].burst_packets == 2.5
    assert found["video", "light"].burst_packets is None


def test_the_way_is_a_mean_of_those_who_know_it_and_forged_packets_are_summed():
    found = seen(
        VOICE,
        replace(CAMERA, one_way_delay_s=0.02, auth_failures=1),
        replace(CAMERA, one_way_delay_s=0.04),
        CAMERA,
    )

    assert found["video", "light"].one_way_delay_s == pytest.approx(0.03)
    assert found["video", "light"].auth_failures == SECONDS
    assert found["audio", "light"].one_way_delay_s is None
    assert found["audio", "light"].auth_failures == 0

    nothing = replace(CAMERA, packets=0, expected=0, frames=0, auth_failures=2)
    (refused,) = seen(nothing).values()
    assert (refused.auth_failures, refused.loss_ratio) == (2 * SECONDS, None)


def test_depths_that_saw_the_same_agree():
    assert SECONDS * CAMERA.frames > LEAST_FRAMES
    found = seen(
        VOICE,
        CAMERA,
        replace(CAMERA, depth="decrypt"),
        decoded(VOICE, concealed_s=0.0),
        decoded(CAMERA),
    )

    assert [key for key, one in found.items() if one.is_compared] == [
        ("audio", "decode"),
        ("video", "decrypt"),
        ("video", "decode"),
    ]
    assert not any(one.differs for one in found.values())
    assert found["video", "decode"].decoded_ratio == 1.0
    assert found["video", "light"].frame_rate == 15.0
    assert found["audio", "light"].frame_rate is None


@pytest.mark.parametrize(
    ("deeper", "kind", "name"),
    [
        (decoded(CAMERA, lost=1, packets=29), "video", "loss"),
        (decoded(CAMERA, jitter_s=0.006), "video", "jitter"),
        (replace(CAMERA, depth="decrypt", frames=14), "video", "frames"),
        (replace(decoded(CAMERA), decoded_frames=14), "video", "decoded"),
        (decoded(VOICE, concealed_s=0.04), "audio", "concealed"),
    ],
)
def test_each_difference_is_named(deeper, kind, name):
    found = seen(VOICE, CAMERA, deeper)

    assert found[kind, deeper.depth].differs == (name,)


def test_what_was_lost_and_filled_in_agree():
    found = seen(VOICE, decoded(VOICE, lost=5, packets=45, concealed_s=0.1))

    assert found["audio", "decode"].concealed_ratio == pytest.approx(0.1)
    assert found["audio", "decode"].differs == ("loss",)


def test_a_few_frames_are_not_compared():
    depths = Depths()
    depths.add(CAMERA)
    depths.add(replace(decoded(CAMERA), participant=2, decoded_frames=10))

    assert not any(found.differs or found.is_compared for found in depths.figures())


def test_a_few_words_are_not_compared_either():
    depths = Depths()
    depths.add(VOICE)
    depths.add(replace(decoded(VOICE, lost=5, concealed_s=0.5), participant=2))

    assert not any(found.differs or found.is_compared for found in depths.figures())


def test_one_depth_alone_is_compared_with_nothing_and_sent_streams_are_left_out():
    found = seen(CAMERA, replace(VOICE, direction="out"))

    assert list(found) == [("video", "light")]
    assert not found["video", "light"].is_compared


def test_a_voice_is_rated_lower_the_more_it_loses():
    worse = replace(VOICE, lost=5, packets=45, lost_bursts=5)
    clear = seen(VOICE)["audio", "light"]
    mixed = seen(*[VOICE] * 9, worse)["audio", "light"]

    assert clear.mos_p50 == clear.mos_p5 == pytest.approx(4.5, abs=0.05)
    assert mixed.mos_p50 == clear.mos_p50
    assert mixed.mos_p5 is not None
    assert 1.0 < mixed.mos_p5 < 3.5
