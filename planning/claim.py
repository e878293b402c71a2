"""What the structural expert claims of the weekly peak, held against its record. Pure.

The structural expert (`planning/structure.py`) states a mean and a standard deviation
of each log peak ahead: where it knows the calendar these are the sharpest quantiles
there are. They are not taken on trust: the errors it made at past origins, divided by
the deviations it claimed then, are pooled over origins and weeks ahead (newer ones
counting more), and their quantiles take the place of the normal distribution's as
origins accumulate.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS
from planning.conformal import Rolling, truths_of
from planning.metrics import weighted_quantile

Floats = NDArray[np.float64]

HALF_LIFE_WEEKS = 100.0
NORMAL_ORIGINS = 50.0
"""Origins after which own errors weigh as much as the normal distribution."""
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def claimed(rolling: Rolling, origin: int, horizon: int) -> Floats:
    """Return the log quantiles (weeks ahead, LEVELS) claimed at `origin`.

    Only what was known then is used. NaN where the structural expert could not speak.
    """
    means = rolling.points[: origin + 1, -1, :horizon]
    spreads = rolling.spreads[: origin + 1, :horizon]
    errors = (truths_of(rolling.log_peaks, origin, horizon) - means) / spreads
    offsets = NORMAL
    known = np.isfinite(errors)
    if known.any():
        age = origin - np.arange(origin + 1)
        decay = np.where(known, (0.5 ** (age / HALF_LIFE_WEEKS))[:, None], 0.0)
        own = float(decay.sum() / horizon)
        share = own / (own + NORMAL_ORIGINS)
        found = [weighted_quantile(errors[known], decay[known], q) for q in LEVELS]
        offsets = share * np.array(found) + (1 - share) * NORMAL
    quantiles = means[-1][:, None] + spreads[-1][:, None] * offsets[None, :]
    return np.asarray(quantiles, dtype=float)
