"""Several climbs of one profile drawn together: a bootstrap over whole climbs. Pure.

What one climb says of its own uncertainty leaves out all that stays the same within it
and differs between climbs: the placement of processes, a neighbour on the machine, the
minute. So climbs are resampled whole, each with its own interval's uncertainty:

    capacity of a draw = mean of all climbs + mean over climbs, drawn with replacement,
                         of deviation from it · share · reach + own noise

Where climbs differ by no more than their own noise explains, that is counted once:
`share` is √(1 − own variance ÷ variance seen), or 0. `reach` makes up for n values
being few: √(n / (n − 1)), for their spread around their own mean being too small by
that, times Student's quantile over the normal one. Chance comes from a seed.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from loadtest.ascents import Ascent
from loadtest.crossing import Crossing, pooled_noise
from loadtest.knees import COVERAGE, Knee, Noise
from loadtest.models import Limit, LimitMet
from loadtest.student import student_quantile

DRAWS = 2_000
BLURRED = 2.0
"""A climb's spread over that of the sharpest one, from which on it adds nothing."""
NORMAL_REACH = 1.645
"""Standard deviations on either side that hold 90 % of a normal distribution."""


def noise_of(ascents: Sequence[Ascent]) -> Noise:
    """Return the noise of a step's CPU, pooled over climbs."""
    lines = [ascent.line for ascent in ascents if ascent.line is not None]
    ratio, freedom = pooled_noise(lines)
    return Noise(ratio=ratio, freedom=freedom)


def together(knees: Sequence[Knee], *, seed: int) -> Knee | None:
    """Return one knee for all climbs that found one; None for no climb.

    Of those `alike`, one that knows far less than the sharpest adds nothing, as when
    the end of the time cut it short; unless the two contradict each other: then climbs
    differ, which the interval must hold.
    """
    telling = alike(knees)
    if not telling:
        return None
    sharpest = min(telling, key=lambda knee: knee.spread)
    telling = [
        knee
        for knee in telling
        if knee.spread <= BLURRED * sharpest.spread
        or not knee.crossing.low <= sharpest.crossing.value <= knee.crossing.high
    ]
    if len(telling) == 1:
        return telling[0]
    crossing = _bootstrapped([knee.crossing for knee in telling], seed)
    return replace(telling[0], crossing=crossing)


def alike(knees: Sequence[Knee]) -> list[Knee]:
    """Return the knees of the limit that most climbs met.

    Those that met another one measured something else.
    """
    counts: Counter[tuple[Limit, LimitMet]] = Counter(
        (knee.limit, knee.met.limit) for knee in knees
    )
    commonest = [limits for limits, _ in counts.most_common(1)]
    return [knee for knee in knees if (knee.limit, knee.met.limit) in commonest]


def left_out(knees: Sequence[Knee | None]) -> list[str]:
    """Tell the climbs that say nothing of a limit which others found; None: no knee.

    Where the node sometimes carries more than was tried, the capacity told is that of
    the climbs in which it did not, and so a cautious one.
    """
    found = [knee for knee in knees if knee is not None]
    if not found:
        return []
    notes = []
    without, another = len(knees) - len(found), len(found) - len(alike(found))
    if without:
        notes.append(
            f"{without} of {len(knees)} climbs found no limit and are not in the "
            "interval"
        )
    if another:
        notes.append(
            f"{another} of {len(knees)} climbs met another limit and are not in the "
            "interval"
        )
    return notes


def _bootstrapped(crossings: Sequence[Crossing], seed: int) -> Crossing:
    rng = np.random.default_rng(seed)
    count = len(crossings)
    values = np.array([each.value for each in crossings])
    mean = float(values.mean())
    own = np.array([(each.high - each.low) / 2 for each in crossings]) / NORMAL_REACH
    seen = float(values.var(ddof=1))
    excess = max(0.0, 1 - float(np.mean(own**2)) / seen) if seen > 0 else 0.0
    few = math.sqrt(count / (count - 1))
    few *= student_quantile((1 + COVERAGE) / 2, count - 1) / NORMAL_REACH
    deviations = (values - mean) * math.sqrt(excess) * few
    chosen = rng.integers(count, size=(DRAWS, count))
    draws = mean + (deviations[chosen] + _own_noise(crossings, chosen, rng)).mean(
        axis=1
    )
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Crossing(value=mean, low=max(0.0, float(low)), high=float(high))


def _own_noise(
    crossings: Sequence[Crossing],
    chosen: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Draw from each chosen climb's interval, normal on either side of its value."""
    below = np.array([each.value - each.low for each in crossings]) / NORMAL_REACH
    above = np.array([each.high - each.value for each in crossings]) / NORMAL_REACH
    normal = rng.normal(size=chosen.shape)
    noise: npt.NDArray[np.float64] = normal * np.where(
        normal < 0, below[chosen], above[chosen]
    )
    return noise
