"""Capacity of a mix of meetings from what units of load cost a node. Pure.

A node's CPU is base + participants + audio in and out + video in and out, each with its
cost (`loadtest.models.Cost`); stream counts are exact arithmetic. The capacity of a mix
is where that sum reaches the SLO's share of the cores.

Costs err against each other: where the fit gives too much to cameras, it gives too
little to participants. So the interval of a sum is not the sum of intervals: costs are
drawn together, with the covariance that the measured steps give them (weighted least
squares, Student's t for few steps). Only where steps are not known, each is drawn
alone, and the interval is wider than it need be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from loadtest.models import Capacity, Cost, MeetingProfile
from planning.peaks import Interval
from planning.sampling import interval_of, log_normal

Floats = NDArray[np.float64]

DRAWS = 4000
_SATURATED = 0.95
"""Of the cores: above this a step's CPU is the node's and not its load's."""
_NOISE_SHARE = 0.05
"""A step's noise is taken as proportional to its CPU plus this share of the largest."""
_KNOWN = ("base", "participant", "audio_in", "audio_out", "video_in", "video_out")


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
    return capacity_of_mix(((profile, 1.0),), capacity, rng)


def capacity_of_mix(
    parts: tuple[tuple[MeetingProfile, float], ...],
    capacity: Capacity,
    rng: np.random.Generator,
) -> Interval:
    """Return the participants a node carries in a mix of meetings.

    `parts` are profiles with the share of participants in meetings of each.
    Raises ConfigError as `capacity_of` does, and where the shares are no shares.
    """
    total = sum(share for _, share in parts)
    if not parts or min(share for _, share in parts) < 0 or total <= 0:
        raise ConfigError(
            "a mix needs shares that are not negative and not all nothing, not "
            + ", ".join(f"{share:g}" for _, share in parts)
        )
    bound = capacity.slo.node_cpu_max
    if not capacity.costs or capacity.node_cores is None or bound is None:
        why = capacity.cost_note or "the node's CPU was not watched"
        raise ConfigError(
            f"run {capacity.run} has no costs to compute a mix from: {why}; measure it "
            "again with --node-metrics"
        )
    units = np.zeros(len(_KNOWN))
    for profile, share in parts:
        units += share / total * _units_of(profile)
    costs = {cost.name: cost for cost in capacity.costs}
    known = tuple(name for name in _KNOWN if name in costs)
    middle = np.array([costs[name].value if name in costs else 0.0 for name in _KNOWN])
    draws = _drawn_together(capacity, middle, rng)
    if draws is None:
        draws = np.zeros((DRAWS, len(_KNOWN)))
        for name in known:
            draws[:, _KNOWN.index(name)] = _draw(
                costs[name], capacity.cost_coverage, rng
            )
    budget = bound * capacity.node_cores

    def carried(each: Floats) -> Floats:
        free = np.maximum(budget - each[..., 0], 0.0)
        return np.asarray(free / np.maximum(each @ units, 1e-9), dtype=float)

    found = interval_of(carried(draws), capacity.cost_coverage)
    mid = float(carried(middle))
    return Interval(
        low=min(found.low, mid),
        mid=mid,
        high=max(found.high, mid),
        coverage=found.coverage,
    )


def _units_of(profile: MeetingProfile) -> Floats:
    """Return by cost what one participant of the profile asks for; no base."""
    streams = streams_of(profile)
    return np.array(
        [
            0.0,
            1.0,
            streams.audio_in,
            streams.audio_out,
            streams.video_in,
            streams.video_out,
        ]
    )


def _drawn_together(
    capacity: Capacity, middle: Floats, rng: np.random.Generator
) -> Floats | None:
    """Return (draws, costs) around `middle`, None where the steps are not known."""
    every = [point for found in capacity.profiles for point in found.points]
    every += list(capacity.cost_points)
    steps = [
        point
        for point in every
        if point.node_cpu_s_per_s is not None
        and (point.node_cpu_ratio or 0.0) < _SATURATED
        and point.present > 0
    ]
    design = np.array(
        [
            (1.0, p.present, p.audio_in, p.audio_out, p.video_in, p.video_out)
            for p in steps
        ]
    )
    freedom = len(steps) - len(_KNOWN)
    if freedom < 1 or np.linalg.matrix_rank(design) < len(_KNOWN):
        return None
    cpu = np.array([point.node_cpu_s_per_s for point in steps], dtype=float)
    weights = 1.0 / (cpu + _NOISE_SHARE * cpu.max() + 1e-12)
    weighted = design * weights[:, None]
    rest = (cpu - design @ middle) * weights
    variance = float(rest @ rest) / freedom
    covariance = np.linalg.inv(weighted.T @ weighted) * variance
    noise = rng.multivariate_normal(np.zeros(len(_KNOWN)), covariance, size=DRAWS)
    # Student's t: the variance itself comes from few steps.
    noise *= np.sqrt(freedom / rng.chisquare(freedom, size=DRAWS))[:, None]
    return np.asarray(middle + noise, dtype=float)


def _draw(cost: Cost, coverage: float, rng: np.random.Generator) -> Floats:
    stated = Interval(low=cost.low, mid=cost.value, high=cost.high, coverage=coverage)
    return log_normal(stated, rng, DRAWS)
