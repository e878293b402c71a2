"""Participants over time: the history, its peaks and what is to come. Frozen data.

Peaks are participants present at one instant. An interval without another statement
covers 80 %. Days are `YYYY-MM-DD` in the time zone of the history.
"""

from dataclasses import dataclass
from typing import Literal

ForecastMethod = Literal["model", "rule", "seasonal naive"]

QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""The quantiles of the peak that every forecast and every backtest states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with the interval it is believed to lie in."""

    low: float
    mid: float
    high: float
    coverage: float = 0.8
    """Nominal share of truths between low and high."""


# --- history ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch without any sample, longer than the history's own step."""

    starts_at: str
    """ISO 8601 with zone."""
    ends_at: str
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Concurrency of the past as maxima over bins; bins without a sample are absent."""

    source: str
    """The file's name, without its folder."""
    comments: tuple[str, ...]
    """Comment lines of the file: a modelled history says there that it is modelled."""
    utc_offset_s: int
    """Of the first sample; weeks and months are cut in it where `zone` is unknown."""
    step_s: int
    """Length of a bin: 300, or the samples' own distance where that is longer."""
    times_s: tuple[int, ...]
    """Start of each bin in Unix time, ascending, one entry per bin with samples."""
    participants: tuple[int, ...]
    meetings: tuple[int | None, ...] | None = None
    """Maxima like participants; None where the file has no such column."""
    cameras: tuple[int | None, ...] | None = None
    voice: tuple[int | None, ...] | None = None
    """Participants with a two-way microphone."""
    listeners: tuple[int | None, ...] | None = None
    """Participants who only listen."""
    largest_meeting: tuple[int | None, ...] | None = None
    gaps: tuple[Gap, ...] = ()
    samples: int = 0
    duplicates: int = 0
    """Samples at a time already seen; the larger value was kept."""
    is_modelled: bool = False
    """True when a comment of the file says that its numbers are modelled."""
    limit_hits: tuple[int | None, ...] | None = None
    """Joins that a limit refused in the bin: demand that was not served."""
    notes: tuple[str, ...] = ()
    """What was left out, filled in or doubted on the way, one sentence each."""
    disagreement_ratio: float = 0.0
    """Standard deviation of the logarithm between two sources of it, 0 for one."""
    meeting_sizes: tuple[tuple[int, float], ...] = ()
    """(participants at most, meetings seen) in busy hours; see `planning/sizes.py`."""
    zone: str = ""
    """Name of its time zone, such as Europe/Berlin; "" where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPeak:
    """The peak of one week or month of the history."""

    starts_on: str
    """Its first day: a Monday, or the first of a month."""
    peak: float | None
    """None when too little of the period is known to speak of its peak."""
    coverage: float
    """Share of the period's bins that have a sample, 0 to 1."""


# --- forecast --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakQuantiles:
    """Quantiles of the peak of one period: of the maximum itself."""

    p10: float
    p50: float
    p80: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodForecast:
    """The forecast peak of one coming week or month."""

    starts_on: str
    peak: PeakQuantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileScore:
    """How one quantile of one forecaster did in the backtest."""

    quantile: float
    pinball: float
    """Mean pinball loss ÷ median weekly peak of the 26 weeks before each origin."""
    coverage: float
    """Share of truths at or under the forecast quantile; best is `quantile`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestScore:
    """One forecaster over all origins of a rolling-origin backtest."""

    name: ForecastMethod
    origins: int
    truths: int
    scores: tuple[QuantileScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Model and baselines on the same past, and which of them earned the forecast."""

    horizon_weeks: int
    used: ForecastMethod
    """The forecaster of most quantiles."""
    reason: str
    """One sentence: why `used` is used."""
    scores: tuple[BacktestScore, ...]
    """Empty when the history is too short for a single origin."""
    used_at: tuple[ForecastMethod, ...] = ()
    """The forecaster of each of `QUANTILES`: the one that lost least at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The peaks of the coming weeks and months, with the reasons to believe them."""

    method: ForecastMethod
    reason: str
    cutoff: str
    """Last day of the last week that the forecast knows."""
    weeks: tuple[PeriodForecast, ...]
    months: tuple[PeriodForecast, ...]
    month_rule: str
    """How monthly quantiles come from weekly ones."""
    backtest: Backtest
    history_weeks: tuple[PeriodPeak, ...]
    week_dependence: tuple[float, float]
    """(share of the error common to all weeks ahead, correlation of the rest from week
    to week): how errors of coming weeks hang together in simulated paths."""
    level_shift: bool
    """The last complete week lay above what the forecast before it called its .99."""
    warnings: tuple[str, ...] = ()
