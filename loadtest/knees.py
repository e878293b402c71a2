"""Where one climb met the first bound of the SLO, with its interval. Pure.

Which limit was met first is decided by where each broken bound was crossed, not by
which broke worst: a node at its end loses packets by the dozen, long after its CPU
passed the bound.

- CPU: a weighted line through all unsaturated steps of the profile, crossed with the
  bound; the noise of a step is pooled over the profiles, the interval is Student's.
- Quality: flat until it breaks; the interval is the bracket between the last good and
  the first bad step, the estimate follows the law of an overloaded queue within it.
- A cap on connections is counted: who is in when it refuses is the cap.
"""

from dataclasses import dataclass

from loadtest.ascents import Ascent, bracket, broken_at, measured_at, met_at
from loadtest.crossing import (
    Crossing,
    delay_crossing,
    growing_crossing,
    line_crossing,
    saturation_crossing,
)
from loadtest.limits import Met
from loadtest.models import Limit, Slo

COVERAGE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How far a step's CPU is off by chance, pooled over all profiles."""

    ratio: float
    freedom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """The capacity that one climb found, and what was met there."""

    crossing: Crossing
    limit: Limit
    met: Met
    by_law: bool
    """The estimate follows a law; False: it is the middle of what is possible."""

    @property
    def spread(self) -> float:
        """Half of the interval's width, as a share of the capacity."""
        width = self.crossing.high - self.crossing.low
        return width / 2 / self.crossing.value if self.crossing.value else float("inf")


def knee_of(ascent: Ascent, slo: Slo, noise: Noise) -> Knee | None:
    """Return the knee of a climb that has a good and a bad load, else None."""
    good, bad = bracket(ascent.pairs)
    if good is None or bad is None:
        return None
    knees = [
        _crossed(ascent, slo, noise, limit, good, bad)
        for limit in broken_at(ascent.pairs, bad)
    ]
    limit, crossing, by_law = min(knees, key=lambda found: found[1].value)
    met = met_at(ascent.pairs, bad, limit)
    if met.limit == "connection cap":
        counted = _counted(ascent, good, bad)
        if counted is not None:
            crossing, by_law = counted, True
    return Knee(crossing=crossing, limit=limit, met=met, by_law=by_law)


def _crossed(
    ascent: Ascent, slo: Slo, noise: Noise, limit: Limit, good: int, bad: int
) -> tuple[Limit, Crossing, bool]:
    """Return where a limit that broke at the bad load crossed its bound."""
    if limit == "cpu" and ascent.line is not None and slo.node_cpu_max is not None:
        crossing = line_crossing(
            ascent.line,
            slo.node_cpu_max,
            noise=noise.ratio,
            freedom=noise.freedom,
            coverage=COVERAGE,
        )
        if crossing is not None:
            return limit, crossing, True
    value, by_law = _within(ascent, slo, limit, good, bad)
    return limit, Crossing(value=value, low=float(good), high=float(bad)), by_law


def _within(
    ascent: Ascent, slo: Slo, limit: Limit, good: int, bad: int
) -> tuple[float, bool]:
    """Return the likeliest crossing between two loads, and whether a law says it."""
    middle = (good + bad) / 2
    below, _ = measured_at(ascent, slo, limit, good, is_met=True)
    above, bound = measured_at(ascent, slo, limit, bad, is_met=False)
    if limit in ("join time", "first audio", "first camera"):
        is_queue = met_at(ascent.pairs, bad).limit == "join rate"
        law = growing_crossing if is_queue else delay_crossing
        value = law(good, bad, measured_good=below, measured_bad=above, bound=bound)
    elif limit in ("audio loss", "video loss", "freezes"):
        value = saturation_crossing(good, bad, measured_bad=above, bound=bound)
    else:
        value = middle
    # At an end of the bracket the law contradicts what was seen there.
    is_inside = good < value < bad
    return (value, value != middle) if is_inside else (middle, False)


def _counted(ascent: Ascent, good: int, bad: int) -> Crossing | None:
    """Return how many were let in where a cap kept the others out, give or take one.

    Nothing has to be estimated: those who were in at the end of the bad step are the
    cap. None where that is not known, or is no more than what was good before.
    """
    points = [p for p, v in ascent.fit_pairs if p.participants == bad and not v.met]
    inside = points[-1].present_at_end
    if inside is None or not good <= round(inside) < bad:
        return None
    cap = float(round(inside))
    return Crossing(value=cap, low=cap - 1, high=cap + 1)
