"""The forecast of the peaks of the coming weeks and months. Pure, seeded.

It forecasts the weekly *peak* itself (never per-hour quantiles joined into a maximum),
says what a backtest on this very history found, and uses the model only where that
backtest earned it. A shock (a lockdown) is no forecast: no quantile read from a history
covers one, so it is planned as a scenario beside.
"""

from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bots.errors import ConfigError
from planning.backtest import judge, quantiles_used
from planning.baselines import LEVELS
from planning.calendars import Calendar, Weeks, weeks_and_ahead
from planning.conformal import Rolling, distribution, roll
from planning.paths import MONTH_RULE, monthly_maxima, quantiles_of, simulate
from planning.peaks import Backtest, Forecast, PeakQuantiles, PeriodForecast, PeriodPeak

Floats = NDArray[np.float64]

FEWEST_WEEKS = 4
SHORT_WEEKS = 24
BACKTEST_WEEKS = 12
PATHS = 4000


def log_peaks(weeks: tuple[PeriodPeak, ...]) -> Floats:
    """Return the natural logarithm of the weekly peaks, NaN where unknown.

    A peak of zero counts as one participant: a closed week is low, not impossible.
    """
    values = [np.nan if week.peak is None else max(week.peak, 1.0) for week in weeks]
    return np.asarray(np.log(np.array(values)), dtype=float)


def forecast(
    weeks: tuple[PeriodPeak, ...],
    *,
    horizon_weeks: int,
    rng: np.random.Generator,
    source: str = "the history",
    calendar: Calendar | None = None,
    measured_sd: float = 0.0,
) -> Forecast:
    """Return the forecast of the `horizon_weeks` weeks after the last known one.

    `measured_sd` is the doubt about the history itself, as the standard deviation of
    its logarithm (`History.disagreement_ratio`): quantiles lie wider by it.
    Raises ConfigError when fewer than four weeks are known.
    """
    series = log_peaks(weeks)
    known = int(np.isfinite(series).sum())
    if known < FEWEST_WEEKS:
        raise ConfigError(
            f"{source} has {known} complete weeks (70 % of a week's samples must be "
            f"there); a forecast needs at least {FEWEST_WEEKS}"
        )
    told = weeks_and_ahead(calendar, weeks, horizon_weeks) if calendar else None
    rolling = roll(series, horizon_weeks, told.features if told else None)
    tested = judge(rolling, min(BACKTEST_WEEKS, horizon_weeks))
    model = distribution(rolling, series.size - 1, horizon_weeks)
    quantiles = quantiles_used(tested, rolling, series.size - 1, horizon_weeks)
    ahead = _periods(weeks[-1].starts_on, widened(quantiles, measured_sd))
    labels, peaks = monthly_maxima(ahead, simulate(ahead, model.dependence, rng, PATHS))
    months = tuple(
        PeriodForecast(starts_on=f"{label}-01", peak=quantiles_of(peaks[:, index]))
        for index, label in enumerate(labels)
    )
    last_monday = date.fromisoformat(weeks[-1].starts_on)
    return Forecast(
        method=tested.used,
        reason=tested.reason + _calendar_reason(calendar, told),
        cutoff=(last_monday + timedelta(days=6)).isoformat(),
        weeks=ahead,
        months=months,
        month_rule=MONTH_RULE,
        backtest=tested,
        history_weeks=weeks,
        week_dependence=model.dependence,
        level_shift=_level_shift(rolling, tested),
        warnings=_warnings(series, known, tested) + (told.warnings if told else ()),
    )


def widened(quantiles: Floats, measured_sd: float) -> Floats:
    """Return log quantiles moved away from the median by an independent doubt.

    Distances d become √(d² + (z·sd)²), as variances add (z: the normal score).
    """
    middle = quantiles[:, [LEVELS.index(0.5)]]
    scores = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    apart = np.hypot(quantiles - middle, scores * measured_sd)
    return np.asarray(middle + np.sign(scores) * apart, dtype=float)


def _periods(last_monday: str, quantiles: Floats) -> tuple[PeriodForecast, ...]:
    monday = date.fromisoformat(last_monday)
    peaks = np.exp(np.maximum.accumulate(quantiles, axis=1))
    return tuple(
        PeriodForecast(
            starts_on=(monday + timedelta(weeks=index + 1)).isoformat(),
            peak=PeakQuantiles(
                **{
                    f"p{round(level * 100)}": float(value)
                    for level, value in zip(LEVELS, row, strict=True)
                }
            ),
        )
        for index, row in enumerate(peaks)
    )


def _calendar_reason(calendar: Calendar | None, told: Weeks | None) -> str:
    if calendar is None or told is None:
        return ""
    return f"; {calendar.source} told of {', '.join(told.columns) or 'nothing'}"


def _level_shift(rolling: Rolling, tested: Backtest) -> bool:
    """Tell whether the last week lay above the .99 quantile of the week before."""
    series = rolling.log_peaks
    if series.size <= FEWEST_WEEKS or not np.isfinite(series[-1]):
        return False
    before = quantiles_used(tested, rolling, series.size - 2, 1)
    return bool(series[-1] > before[0, LEVELS.index(0.99)])


def _warnings(series: Floats, known: int, tested: Backtest) -> tuple[str, ...]:
    warnings = []
    if known < SHORT_WEEKS:
        warnings.append(
            f"only {known} weeks of history: the width of the forecast rests mostly on "
            "assumed errors of other services"
        )
    if known < 56:
        warnings.append(
            "less than a year of history: nothing is known of the seasons, such as "
            "holidays and terms"
        )
    missing = series.size - known
    if missing:
        warnings.append(f"{missing} of {series.size} weeks are gaps in the history")
    if not tested.scores:
        warnings.append("the history is too short for a backtest")
    return tuple(warnings)
