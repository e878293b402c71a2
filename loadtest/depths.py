"""Do the depths at which streams are looked at agree? A run's own truth. Pure.

Most participants are looked at *light*: headers, and a sample of the payloads. Some
*decrypt* every packet, some really *decode*. Two comparisons tell whether the light
mass can be believed: of different participants, loss, jitter and frames a second at
each depth; of the same decoded streams, what the headers said beside what a decoder
made of them.

A voice stream is also rated by the E-model (`bots.media.mos`, which names its sources
and assumptions), with half the mean round trip, the codec, and a jitter buffer of four
times the mean jitter, at least one packet, as its delay from mouth to ear.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bots.media import mos
from bots.models import Depth, StreamReport
from loadtest.results import DepthFigures, VideoOrAudio

DEPTHS: tuple[Depth, ...] = ("light", "decrypt", "decode")
MAY_DIFFER = 0.02
"""Of the loss ratio in points, of jitter, of frames a second and of what a decoder made
of them in parts."""
JITTER_MAY_DIFFER_S = 0.002
"""Two participants' jitter is never the same: less than this is no difference."""
PACKET_S = 0.02
LEAST_FRAMES = 300
"""Fewer of them at one depth, 20 s of a camera, are not compared."""
LEAST_PACKETS = 1_000
"""Of voices, 20 s of one: of fewer a single lost word is more than may differ."""


@dataclass(slots=True)
class _Sums:
    """What one received stream came to."""

    packets: int = 0
    expected: int = 0
    lost: int = 0
    lost_bursts: int = 0
    jitter_s: float = 0.0
    """Times packets, as the next two."""
    rtt_s: float = 0.0
    rtt_packets: int = 0
    frames: int = 0
    watched_s: float = 0.0
    decoded_frames: int = 0
    concealed_s: float = 0.0
    delays_s: float = 0.0
    delays: int = 0
    auth_failures: int = 0

    def add(self, report: StreamReport) -> None:
        self.packets += report.packets
        self.expected += report.expected
        self.lost += report.lost
        self.lost_bursts += report.lost_bursts
        self.jitter_s += (report.jitter_s or 0.0) * report.packets
        if report.rtt_s is not None:
            self.rtt_s += report.rtt_s * report.packets
            self.rtt_packets += report.packets
        self.frames += report.frames
        self.watched_s += report.watched_s
        self.decoded_frames += report.decoded_frames or 0
        self.concealed_s += report.concealed_s or 0.0
        if report.one_way_delay_s is not None:
            self.delays_s += report.one_way_delay_s
            self.delays += 1
        self.auth_failures += report.auth_failures

    def rated(self) -> float:
        """Return the MOS of this voice stream."""
        lost = min(max(self.lost, 0), self.expected)
        jitter_s = self.jitter_s / max(self.packets, 1)
        rtt_s = self.rtt_s / max(self.rtt_packets, 1)
        return mos.mos(
            loss_ratio=lost / max(self.expected, 1),
            burst_ratio=mos.burst_ratio(lost, self.lost_bursts, self.expected),
            delay_s=rtt_s / 2 + max(PACKET_S, 4 * jitter_s) + mos.CODEC_DELAY_S,
        )


class Depths:
    """Takes the reports of a run as they come, and compares at its end."""

    def __init__(self) -> None:
        self._streams: dict[tuple[VideoOrAudio, Depth, int, int], _Sums] = defaultdict(
            _Sums
        )

    def add(self, report: StreamReport) -> None:
        """Take in one report; what is sent is not looked at."""
        if report.direction == "in":
            kind: VideoOrAudio = "audio" if report.media == "audio" else "video"
            key = (kind, report.depth, report.participant, report.ssrc)
            self._streams[key].add(report)

    def figures(self) -> tuple[DepthFigures, ...]:
        """Return a line a medium and depth that occurred, `light` first."""
        kinds: tuple[VideoOrAudio, ...] = ("audio", "video")
        found: list[DepthFigures] = []
        for kind in kinds:
            light: DepthFigures | None = None
            for depth in DEPTHS:
                streams = [
                    sums
                    for (its_kind, its_depth, *_), sums in self._streams.items()
                    if (its_kind, its_depth) == (kind, depth)
                    and (sums.packets or sums.auth_failures)
                ]
                if streams:
                    found.append(_figures(kind, depth, streams, light))
                    light = found[-1] if depth == "light" else light
        return tuple(found)


def _figures(
    kind: VideoOrAudio,
    depth: Depth,
    streams: Sequence[_Sums],
    light: DepthFigures | None,
) -> DepthFigures:
    packets = sum(sums.packets for sums in streams)
    expected = sum(sums.expected for sums in streams)
    lost = sum(sums.lost for sums in streams)
    frames = sum(sums.frames for sums in streams)
    watched_s = sum(sums.watched_s for sums in streams)
    decoded = sum(sums.decoded_frames for sums in streams)
    concealed_s = sum(sums.concealed_s for sums in streams)
    delays = sum(sums.delays for sums in streams)
    bursts = 0 if kind == "video" else sum(sums.lost_bursts for sums in streams)
    is_video, is_decoded = kind == "video", depth == "decode"
    ratings = [] if is_video else sorted(sums.rated() for sums in streams)
    loss_ratio = lost / expected if expected else None
    jitter_s = sum(sums.jitter_s for sums in streams) / max(packets, 1)
    frame_rate = frames / watched_s if is_video and watched_s else None
    decoded_ratio = decoded / frames if is_decoded and is_video and frames else None
    concealed_ratio = None
    if is_decoded and not is_video and expected:
        concealed_ratio = concealed_s / (expected * PACKET_S)
    is_enough = frames >= LEAST_FRAMES if is_video else expected >= LEAST_PACKETS
    is_beside = depth != "light" and (light is not None or is_decoded)
    differs = []
    if light is not None and depth != "light" and is_enough:
        if _is_apart(loss_ratio, light.loss_ratio, MAY_DIFFER):
            differs.append("loss")
        bound_s = max(JITTER_MAY_DIFFER_S, MAY_DIFFER * light.jitter_s)
        if _is_apart(jitter_s, light.jitter_s, bound_s):
            differs.append("jitter")
        bound_hz = MAY_DIFFER * (light.frame_rate or 0.0)
        if _is_apart(frame_rate, light.frame_rate, bound_hz):
            differs.append("frames")
    if is_enough and _is_apart(decoded_ratio, 1.0, MAY_DIFFER):
        differs.append("decoded")
    if is_enough and _is_apart(
        concealed_ratio, max(loss_ratio or 0.0, 0.0), MAY_DIFFER
    ):
        differs.append("concealed")
    return DepthFigures(
        kind=kind,
        depth=depth,
        streams=len(streams),
        packets=packets,
        loss_ratio=loss_ratio,
        jitter_s=jitter_s,
        frame_rate=frame_rate,
        decoded_ratio=decoded_ratio,
        concealed_ratio=concealed_ratio,
        mos_p50=_nearest(ratings, 0.5),
        mos_p5=_nearest(ratings, 0.05),
        is_compared=is_beside and is_enough,
        differs=tuple(differs),
        one_way_delay_s=(
            sum(sums.delays_s for sums in streams) / delays if delays else None
        ),
        auth_failures=sum(sums.auth_failures for sums in streams),
        # what came late is no loss, but was a gap when it was missing
        burst_packets=max(1.0, lost / bursts) if bursts and lost > 0 else None,
    )


def _is_apart(one: float | None, other: float | None, bound: float) -> bool:
    return one is not None and other is not None and abs(one - other) > bound


def _nearest(ordered: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank quantile of sorted values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
