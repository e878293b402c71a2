"""A structural expert: level, season and calendar of the log weekly peaks. Pure.

log peak = level + season + calendar + noise, all Gaussian, so that the whole of it is
one regression with a covariance (a Gaussian process, Rasmussen and Williams 2006):

- level: a random walk, σ²·min(t, t');
- season: the same week a year ago, σ²·exp(−2·sin²(π·Δ/52.18)/ℓ²) with a wide and a
  narrow ℓ, fading over years;
- calendar: a linear effect of each regime of the calendar, with a wide prior;
- noise: an AR(1) part, σ²·φ^|Δ|, and a part of its own for each week.

The sizes σ are chosen by the marginal likelihood of the past over a small fixed grid,
so that no optimiser can wander off. Unknown weeks are simply left out, and a week that
all others together leave unexplained (an event) is believed less.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR_WEEKS = 52.18
FEWEST_WEEKS = 8
SEASON_WIDTHS = (0.5, 0.06)
"""ℓ of the season's two equal parts: a smooth one (a summer, a winter), and one of
single weeks, since terms and holidays begin and end within a week."""
SEASON_FADES_WEEKS = 260.0
STRANGE_SCORE = 2.5
"""Standard deviations between a week and what all others say of it from which on it is
believed less."""
PHI = 0.7
"""Week-to-week correlation of the AR(1) part."""
CALENDAR_SD = 1.5
START_SD = 2.0
"""Prior standard deviation of the log level itself, around the mean of the past."""
OPEN_SHARE_SIZE = 0.2
"""Size of the columns of open shares, where those of some days open have one."""
SEASON_COST = 4.0
"""A calendar says what comes again every year. Until one is seen twice, a season beside
it must make the past e⁴ times likelier to be believed."""
TWICE_WEEKS = 104


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One point of the grid: standard deviations on the log scale."""

    level: float
    """Per week of the random walk."""
    season: float
    fading: float
    """Of the AR(1) part."""
    own: float
    """Of each week's own noise."""


GRID = tuple(
    Sizes(level=level, season=season, fading=fading, own=own)
    for level in (0.007, 0.02, 0.05)
    for season in (0.0, 0.15, 0.5)
    for fading, own in ((0.03, 0.02), (0.08, 0.04), (0.15, 0.08), (0.06, 0.15))
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """The parts of the covariance between all weeks, each of size one."""

    shared: Floats
    """Start and calendar, which have one size only."""
    level: Floats
    season: Floats
    fading: Floats
    season_cost: float
    """Log likelihood that a season seen once must bring to be believed."""


def parts_of(weeks: int, features: Floats | None) -> Parts:
    """Return the covariance parts of `weeks` weeks.

    `features` holds a row per week, without a constant column.
    """
    index = np.arange(weeks, dtype=float)
    apart = np.abs(index[:, None] - index[None, :])
    shared = np.full((weeks, weeks), START_SD**2)
    season_cost = 0.0
    if features is not None and features.shape[1]:
        season_cost = SEASON_COST
        shared += CALENDAR_SD**2 * features[:weeks] @ features[:weeks].T
    phase = np.sin(np.pi * apart / YEAR_WEEKS)
    alike = [np.exp(-2.0 * (phase / width) ** 2) for width in SEASON_WIDTHS]
    return Parts(
        shared=shared,
        level=np.minimum(index[:, None], index[None, :]),
        season=np.exp(-apart / SEASON_FADES_WEEKS) * np.mean(alike, axis=0),
        fading=PHI**apart,
        season_cost=season_cost,
    )


def structural(
    past: Floats, horizon: int, parts: Parts, sizes: Sizes
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the log peak of each week ahead."""
    size = past.size
    known = np.flatnonzero(np.isfinite(past))
    centre = float(past[known].mean())
    ahead = np.arange(size, size + horizon)
    inside = _covariance(_between(parts, known, known), sizes)
    across = _covariance(_between(parts, ahead, known), sizes)
    inside[np.diag_indices(known.size)] += sizes.own**2
    inverse = _believing_less(inside, past[known] - centre)
    mean = centre + across @ (inverse @ (past[known] - centre))
    total = np.diag(_covariance(_between(parts, ahead, ahead), sizes)) + sizes.own**2
    explained = np.einsum("ij,ij->i", across @ inverse, across)
    return mean, np.sqrt(np.maximum(total - explained, sizes.own**2))


def _believing_less(covariance: Floats, values: Floats) -> Floats:
    """Return the inverse of `covariance`, with more noise in strange weeks.

    A week lies z deviations from what all other weeks say of it (leave-one-out, from
    the inverse: Rasmussen and Williams 2006, 5.4.2). Where z is above `STRANGE_SCORE`,
    its noise grows by as much as brings z down to that.
    """
    inverse = np.linalg.inv(covariance)
    variances = 1.0 / np.diag(inverse)
    squares = (inverse @ values) ** 2 * variances
    extra = np.maximum(squares / STRANGE_SCORE**2 - 1.0, 0.0) * variances
    if extra.any():
        inverse = np.linalg.inv(covariance + np.diag(extra))
    return np.asarray(inverse, dtype=float)


def best_sizes(past: Floats, parts: Parts) -> Sizes:
    """Return the point of the grid under which the past is likeliest.

    Before `TWICE_WEEKS` a season is charged `parts.season_cost`.
    """
    known = np.flatnonzero(np.isfinite(past))
    count = known.size
    values = past[known] - past[known].mean()
    between = _between(parts, known, known)
    # Bordered by the values, one factorisation gives the determinant and, in its last
    # corner, what is left of `corner` after the squared distance of the values.
    bordered = np.empty((count + 1, count + 1))
    bordered[:count, count] = bordered[count, :count] = values
    corner = 1e6 * (1.0 + float(values @ values))
    best, most = GRID[0], -np.inf
    for sizes in GRID:
        bordered[:count, :count] = _covariance(between, sizes)
        bordered[np.arange(count), np.arange(count)] += sizes.own**2
        bordered[count, count] = corner
        diagonal = np.diag(np.linalg.cholesky(bordered))
        distance = corner - diagonal[count] ** 2
        likelihood = -0.5 * distance - float(np.log(diagonal[:count]).sum())
        if sizes.season > 0.0 and past.size < TWICE_WEEKS:
            likelihood -= parts.season_cost
        if likelihood > most:
            best, most = sizes, likelihood
    return best


def _between(
    parts: Parts, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Parts:
    block = np.ix_(rows, columns)
    return Parts(
        shared=parts.shared[block],
        level=parts.level[block],
        season=parts.season[block],
        fading=parts.fading[block],
        season_cost=parts.season_cost,
    )


def _covariance(parts: Parts, sizes: Sizes) -> Floats:
    total = parts.shared + sizes.level**2 * parts.level
    if sizes.season > 0.0:
        total += sizes.season**2 * parts.season
    total += sizes.fading**2 * parts.fading
    return np.asarray(total, dtype=float)


def regimes(open_days: Floats) -> Floats:
    """Return features of a calendar whose columns are open shares of weekdays, 0 to 1.

    A peak needs one busy day, so an almost open week peaks like an open one: each
    column becomes 'some days open' (from two of five on full), with the products of two
    columns, since what remains in a holiday matters only where the rest is closed too.
    The shares themselves follow, small: a linear effect is drawn towards none by the
    square of its column.
    """
    some = np.minimum(1.0, open_days / 0.4)
    columns = [some[:, index] for index in range(some.shape[1])]
    columns += [
        some[:, first] * some[:, second]
        for first in range(some.shape[1])
        for second in range(first + 1, some.shape[1])
    ]
    columns += [
        OPEN_SHARE_SIZE * open_days[:, index] for index in range(open_days.shape[1])
    ]
    return np.stack(columns, axis=1) if columns else np.empty((open_days.shape[0], 0))
