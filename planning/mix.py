"""Capacity of a mix of meetings from what units of load cost a node. Pure.

A node's CPU is base + participants + audio in and out + video in and out, each with its
cost (`loadtest.models.Cost`); stream counts are exact arithmetic. The capacity of a mix
is where that sum reaches the SLO's share of the cores. The interval follows from the
costs' intervals, drawn together.
"""

from dataclasses import dataclass

import numpy as np

from bots.errors import ConfigError
from loadtest.models import Capacity, Cost, MeetingProfile
from planning.peaks import Interval
from planning.sampling import interval_of, log_normal

DRAWS = 4000
_KNOWN = ("participant", "audio_in", "audio_out", "video_in", "video_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsPerParticipant:
    """Streams of a mix, per participant present."""

    audio_in: float
    audio_out: float
    video_in: float
    video_out: float


def streams_of(profile: MeetingProfile) -> StreamsPerParticipant:
    """Return the streams of one meeting of this profile, per participant.

    A viewer sees a page of the others' cameras, a moderator all of them (BBB); audio
    comes to everyone with audio, one mixed stream each.
    """
    size, cameras = profile.size, profile.cameras
    moderators = min(profile.moderators, size)
    seen = 0.0
    for sharing, people in ((True, cameras), (False, size - cameras)):
        others = cameras - 1 if sharing else cameras
        share = people / size
        seen += share * moderators * others
        seen += share * (size - moderators) * min(others, profile.camera_page)
    return StreamsPerParticipant(
        audio_in=profile.microphones / size,
        audio_out=min(size, profile.microphones + profile.listeners) / size,
        video_in=cameras / size,
        video_out=seen / size,
    )


def capacity_of(
    profile: MeetingProfile, capacity: Capacity, rng: np.random.Generator
) -> Interval:
    """Return the participants a node carries in meetings of this profile.

    Raises ConfigError when the measurement has no costs, cores or CPU bound.
    """
    bound = capacity.slo.node_cpu_max
    if not capacity.costs or capacity.node_cores is None or bound is None:
        why = capacity.cost_note or "the node's CPU was not watched"
        raise ConfigError(
            f"run {capacity.run} has no costs to compute a mix from: {why}; measure it "
            "again with --node-metrics"
        )
    streams = streams_of(profile)
    units = {
        "participant": 1.0,
        "audio_in": streams.audio_in,
        "audio_out": streams.audio_out,
        "video_in": streams.video_in,
        "video_out": streams.video_out,
    }
    costs = {cost.name: cost for cost in capacity.costs}
    coverage = capacity.cost_coverage
    base = _draw(costs["base"], coverage, rng) if "base" in costs else np.zeros(DRAWS)
    each = np.zeros(DRAWS)
    for name in _KNOWN:
        if name in costs:
            each += units[name] * _draw(costs[name], coverage, rng)
    budget = bound * capacity.node_cores - base
    carried = np.maximum(budget, 0.0) / np.maximum(each, 1e-9)
    return interval_of(carried, coverage)


def _draw(
    cost: Cost, coverage: float, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    stated = Interval(low=cost.low, mid=cost.value, high=cost.high, coverage=coverage)
    return log_normal(stated, rng, DRAWS)
