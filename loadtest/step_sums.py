"""What is added up for one step of a run, and the percentiles of its samples. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadtest.models import Percentiles

PACKETS_MIN = 25
"""Fewer packets expected of a participant than half a second of audio give no loss."""


def percentiles(samples: Sequence[float]) -> Percentiles | None:
    """Return nearest-rank percentiles, None without a sample.

    The p-th percentile is the smallest sample with at least p % of all samples at or
    below it, so infinite samples need no arithmetic.
    """
    if not samples:
        return None
    ordered = sorted(samples)

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]

    return Percentiles(
        count=len(ordered),
        p50=at(0.50),
        p95=at(0.95),
        max=ordered[-1],
        missing=sum(1 for sample in ordered if math.isinf(sample)),
    )


@dataclass(slots=True)
class Received:
    """What one participant received of one medium in a step's judged part."""

    expected: int = 0
    lost: int = 0
    watched_s: float = 0.0
    frozen_s: float = 0.0


@dataclass(slots=True)
class StepSums:
    """What was added up for one step."""

    joined: int = 0
    refused: set[int] = field(default_factory=set)
    failed: int = 0
    unasked: int = 0
    """Joins that our own engine did not take: neither tried nor failed."""
    dropped: int = 0
    join_times_s: list[float] = field(default_factory=list)
    first_audio_s: list[float] = field(default_factory=list)
    first_camera_s: list[float] = field(default_factory=list)
    audio: defaultdict[int, Received] = field(
        default_factory=lambda: defaultdict(Received)
    )
    video: defaultdict[int, Received] = field(
        default_factory=lambda: defaultdict(Received)
    )
    stream_s: defaultdict[tuple[str, bool], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    """(direction at the participant, is audio) -> stream-seconds with packets."""
    late_stream_s: defaultdict[tuple[str, bool], float] = field(
        default_factory=lambda: defaultdict(float)
    )
    """The same in the end of the judged part alone."""
    sent_bytes: float = 0.0
    received_bytes: float = 0.0
    node_cpu_s: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_seconds: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_core_s: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )
    node_samples: int = 0
    engine_cpu_max: float = 0.0
    engine_lag_max_s: float = 0.0
    warm_up_lag_max_s: float = 0.0
    late_packets: int = 0
    sent_packets: int = 0


def losses(received: Iterable[Received]) -> list[float]:
    return [
        max(0, each.lost) / each.expected
        for each in received
        if each.expected >= PACKETS_MIN
    ]


def frozen_shares(received: Iterable[Received]) -> list[float]:
    return [each.frozen_s / each.watched_s for each in received if each.watched_s > 0]


def mean_of(
    totals: defaultdict[str, float], seconds: defaultdict[str, float]
) -> float | None:
    """Return the sum over nodes of each one's mean per second; None without samples."""
    if not totals:
        return None
    return sum(totals[node] / seconds[node] for node in totals)
