"""Capacity of unseen mixes and how often its interval holds, on planted nodes.

Run by `python -m tests.benchmarks mixes`. SYNTHETIC: nodes of known costs, drawn at
random around the usual ones; three profiles of eight steps each and their contrasts,
measured with noise, some runs together; then mixes that no step had.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from loadtest.capacity import capacity_of
from loadtest.models import Capacity, MeetingProfile
from loadtest.profiles import SMALL_PROFILES, contrast_of
from planning.mix import capacity_of_mix
from tests.support.runs import SyntheticNode, synthetic_header, synthetic_point

STEPS = 8
MIXES: tuple[tuple[str, tuple[tuple[MeetingProfile, float], ...]], ...] = (
    (
        "seminar of 10, 4 cameras",
        (
            (
                MeetingProfile(
                    name="seminar", size=10, cameras=4, microphones=5, listeners=4
                ),
                1.0,
            ),
        ),
    ),
    (
        "lecture of 30, 1 camera",
        (
            (
                MeetingProfile(
                    name="lecture", size=30, cameras=1, microphones=1, listeners=29
                ),
                1.0,
            ),
        ),
    ),
    (
        "half talks, half groups",
        ((SMALL_PROFILES[0], 0.5), (SMALL_PROFILES[2], 0.5)),
    ),
    (
        "a third of each",
        tuple((profile, 1.0) for profile in SMALL_PROFILES),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How a mix was told over many planted nodes."""

    name: str
    error_mean: float
    """Mean of |told ÷ true − 1|."""
    error_p95: float
    coverage: float
    """Share of truths inside the interval."""
    width: float
    """Median of (high − low) ÷ told."""


def planted(rng: np.random.Generator, noise: float) -> SyntheticNode:
    """Return a node whose costs are the usual ones times 0.6 to 1.6."""
    usual = SyntheticNode(noise=noise)
    names = ("participant", "audio_in", "audio_out", "video_in", "video_out")
    drawn = {name: getattr(usual, name) * rng.uniform(0.6, 1.6) for name in names}
    return replace(usual, cores=8.0, base=0.2, **drawn)


def measured(node: SyntheticNode, seed: int, runs: int) -> Capacity:
    """Return what a benchmark of the node would find."""
    rng = np.random.default_rng([seed, 5])
    points = []
    for _ in range(runs):
        for profile in SMALL_PROFILES:
            # A little past the knee. Steps near saturation are left out by what was
            # measured, which bends costs down where many come near it: at 1.15 times
            # the knee and 3 % noise intervals held 82 % instead of 91.
            most = node.knee(profile) * 1.02
            for step in range(1, STEPS + 1):
                size = profile.size
                people = max(1, round(most * step / STEPS / size)) * size
                points.append(synthetic_point(node, profile, people, rng=rng))
            contrast = contrast_of(profile)
            assert contrast is not None
            people = max(1, round(most / 2 / contrast.size)) * contrast.size
            points.append(synthetic_point(node, contrast, people, rng=rng))
    return capacity_of(synthetic_header(seed), points, profiles=SMALL_PROFILES)


def truth_of(
    node: SyntheticNode, parts: tuple[tuple[MeetingProfile, float], ...]
) -> float:
    """Return the participants at which the node's CPU reaches the SLO's share."""
    total = sum(share for _, share in parts)
    each = sum(
        share / total / node.knee(profile, cpu_share=0.8) for profile, share in parts
    )
    return 1.0 / each


def study(nodes: int, noise: float, runs: int) -> Iterator[Share]:
    """Return a row for each mix."""
    told: dict[str, list[tuple[float, float, float, float]]] = {
        name: [] for name, _ in MIXES
    }
    for seed in range(nodes):
        rng = np.random.default_rng([seed, 1])
        node = planted(rng, noise)
        capacity = measured(node, seed, runs)
        for name, parts in MIXES:
            found = capacity_of_mix(parts, capacity, rng)
            told[name].append((found.low, found.mid, found.high, truth_of(node, parts)))
    for name, rows in told.items():
        low, mid, high, truth = np.array(rows).T
        error = np.abs(mid / truth - 1.0)
        yield Share(
            name=name,
            error_mean=float(error.mean()),
            error_p95=float(np.quantile(error, 0.95)),
            coverage=float(np.mean((low <= truth) & (truth <= high))),
            width=float(np.median((high - low) / mid)),
        )


def main(options: list[str] | None = None) -> int:
    """Print the table; an option is the number of planted nodes."""
    nodes = int(options[0]) if options else 200
    print("| runs, noise | mix | error, mean | error, p95 | coverage | width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for runs, noise in ((1, 0.015), (1, 0.03), (3, 0.03)):
        for row in study(nodes, noise, runs):
            print(
                f"| {runs}, {noise:.1%} | {row.name} | {row.error_mean:.1%} | "
                f"{row.error_p95:.1%} | {row.coverage:.3f} | {row.width:.1%} |"
            )
    return 0
