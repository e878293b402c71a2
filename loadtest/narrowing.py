"""Which hold would narrow an interval most, from what the finished steps show. Pure.

For a knee of the CPU a hold adds a point to the line; its place decides how much of the
line's uncertainty is left at the bound, and the closed form of that is minimised. For
any other knee a hold halves the bracket or better: the law's estimate says on which
side of a load the knee is likely to be, and the width expected afterwards is minimised.
Nothing here is chance.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from loadtest.ascents import Ascent, bracket
from loadtest.crossing import NOISE_SHARE, SATURATED, Line, usable_for_cpu
from loadtest.knees import COVERAGE, Knee, Noise
from loadtest.models import MeetingProfile
from loadtest.student import student_quantile

LAW_TRUST = 0.8
"""How sure it is that a law's estimate is right within its error; else the knee may be
anywhere in the bracket."""
LAW_ERROR = 0.07
"""Relative error of an estimate by a law, one standard deviation."""
GAIN_MIN = 0.02
"""A hold is not worth its time that narrows the interval by a smaller share."""
UNSATURATED = 0.97
"""Share of the load that would saturate the node, up to which a hold tells its CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold worth making, and the spread (half width ÷ value) to expect after it."""

    participants: int
    spread: float


def best_hold(ascent: Ascent, knee: Knee, noise: Noise, *, cap: int) -> Hold | None:
    """Return the hold that is expected to narrow a knee's interval most.

    Only whole meetings up to `cap`; None where no hold narrows it noticeably, as when
    the bracket is one meeting wide.
    """
    if knee.limit == "cpu" and ascent.line is not None and knee.by_law:
        holds = _line_holds(ascent, ascent.line, knee, noise, cap)
    else:
        holds = _bracket_holds(ascent, knee, cap)
    best = min(holds, key=lambda hold: (hold.spread, hold.participants), default=None)
    if best is None or best.spread > (1 - GAIN_MIN) * knee.spread:
        return None
    return best


def _line_holds(
    ascent: Ascent, line: Line, knee: Knee, noise: Noise, cap: int
) -> Iterable[Hold]:
    """Yield every load with the spread of the crossing after one more point there.

    var x = (v₀₀ + 2x·v₀₁ + x²·v₁₁)·noise² / slope², as in `line_crossing`, with the
    covariance (D'WD)⁻¹ of the design to which the point is added.
    """
    points = [p for p, v in ascent.fit_pairs if usable_for_cpu(p)]
    loads = np.array([point.present for point in points])
    ratios = np.array([point.node_cpu_ratio for point in points], dtype=float)
    scale = NOISE_SHARE * float(ratios.max())
    known = _information(loads, 1 / (ratios + scale))
    value = knee.crossing.value
    reach = student_quantile((1 + COVERAGE) / 2, max(noise.freedom + 1, 1))
    for load in whole_loads(ascent.profile, 1, cap):
        ratio = line.base + line.slope * load
        if not 0 < ratio < UNSATURATED * SATURATED:
            continue
        information = known + _information(
            np.array([float(load)]), np.array([1 / (ratio + scale)])
        )
        (v00, v01), (_, v11) = np.linalg.inv(information)
        variance = (v00 + 2 * value * v01 + value**2 * v11) * noise.ratio**2
        width = reach * math.sqrt(max(float(variance), 0.0)) / line.slope
        yield Hold(participants=load, spread=width / value)


def _information(
    loads: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    weights: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    design = np.column_stack([np.ones_like(loads), loads]) * weights[:, None]
    information: np.ndarray[tuple[int, int], np.dtype[np.float64]] = design.T @ design
    return information


def _bracket_holds(ascent: Ascent, knee: Knee, cap: int) -> Iterable[Hold]:
    """Yield every untried load within the bracket with the width expected after it."""
    good, bad = bracket(ascent.pairs)
    if good is None or bad is None:
        return
    tried = {point.participants for point, _ in ascent.pairs}
    value = knee.crossing.value
    law = NormalDist(value, max(LAW_ERROR * value, 1e-9))
    for load in whole_loads(ascent.profile, good + 1, min(cap, bad - 1)):
        if load in tried:
            continue
        is_good = (bad - load) / (bad - good)
        if knee.by_law:
            is_good += LAW_TRUST * ((1 - law.cdf(load)) - is_good)
        width = is_good * (bad - load) + (1 - is_good) * (load - good)
        yield Hold(participants=load, spread=width / 2 / value)


def whole_loads(profile: MeetingProfile, least: int, most: int) -> Sequence[int]:
    """Return the loads of whole meetings from `least` to `most` participants."""
    first = math.ceil(least / profile.size) * profile.size
    return range(max(first, profile.size), most + 1, profile.size)
