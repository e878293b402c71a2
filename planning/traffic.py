"""Bytes out of and into the nodes, from who sends and sees what. Pure.

For each participant present: out go the cameras on their page (five by default), one
audio stream, a screen share now and then, and the web; in come their own camera and
microphone. Nothing is sent to oneself, and paging holds a viewer to a page of cameras
(BBB FAQ: all-to-all of 20 is 20 in and 380 out).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planning.offers import StreamMix
from planning.peaks import History, Interval
from planning.sampling import interval_of, log_normal
from planning.series import month_days, monthly_means

Floats = NDArray[np.float64]
BITS_PER_BYTE = 8.0
CAMERA_PAGE = 5
"""Cameras of others that a viewer sees at once: BBB's default."""
HOUR_S = 3600.0

DEFAULT_STREAMS = StreamMix(
    cameras_per_participant=Interval(low=0.15, mid=0.3, high=0.5),
    seen_cameras=Interval(low=1.0, mid=2.2, high=4.0),
    microphones_ratio=Interval(low=0.5, mid=0.7, high=0.9),
    audio_ratio=Interval(low=0.9, mid=0.97, high=1.0),
    screens_seen=Interval(low=0.05, mid=0.12, high=0.25),
    camera_bps=Interval(low=130e3, mid=175e3, high=230e3),
    audio_bps=Interval(low=40e3, mid=50e3, high=60e3),
    screen_bps=Interval(low=300e3, mid=600e3, high=1_000e3),
    signalling_bps=Interval(low=5e3, mid=15e3, high=30e3),
    source=(
        "camera: 200 kbit/s profile (BBB settings), about 175 kbit/s measured in a "
        "room of 20 (wirelessmoves, 2020); audio: 40 nominal, about 60 kbit/s "
        "measured (bbb-hilfe.de); screen: 1 Mbit/s and more at full motion "
        "(converia), less for slides, our assumption; shares of participants: our "
        "assumption"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Bits per second that a participant present costs, drawn from a stream mix."""

    out_bps: tuple[float, ...]
    in_bps: tuple[float, ...]


def draw_rates(mix: StreamMix, rng: np.random.Generator, count: int) -> Rates:
    """Draw the rates per participant present, `count` times."""

    def draw(interval: Interval) -> Floats:
        return log_normal(interval, rng, count)

    camera, audio = draw(mix.camera_bps), draw(mix.audio_bps)
    screen = draw(mix.screen_bps)
    screens_seen = np.minimum(draw(mix.screens_seen), 1.0)
    out = (
        draw(mix.seen_cameras) * camera
        + np.minimum(draw(mix.audio_ratio), 1.0) * audio
        + screens_seen * screen
        + draw(mix.signalling_bps)
    )
    into = (
        np.minimum(draw(mix.cameras_per_participant), 1.0) * camera
        + np.minimum(draw(mix.microphones_ratio), 1.0) * audio
        # One publisher for a meeting of about ten viewers.
        + screens_seen * screen / 10.0
    )
    return Rates(out_bps=tuple(out.tolist()), in_bps=tuple(into.tolist()))


def traffic_between(
    history: History,
    first_month: str,
    last_month: str,
    mix: StreamMix,
    rng: np.random.Generator,
    count: int = 4000,
) -> tuple[Interval, Interval]:
    """Return (out, in): bytes of the months from first to last, from their means."""
    rates = draw_rates(mix, rng, count)
    out, into = np.zeros(count), np.zeros(count)
    for month, mean in monthly_means(history):
        if first_month <= month <= last_month:
            days = float(month_days(month))
            present = np.full(count, mean)
            out += monthly_bytes(present, np.array(rates.out_bps), days)
            into += monthly_bytes(present, np.array(rates.in_bps), days)
    return interval_of(out), interval_of(into)


def monthly_bytes(
    mean_participants: Floats, rates_bps: Floats, days: Floats | float
) -> Floats:
    """Return bytes in a month of `days` days at this mean concurrency."""
    seconds = days * 24 * HOUR_S
    return np.asarray(
        mean_participants * rates_bps * seconds / BITS_PER_BYTE, dtype=float
    )
