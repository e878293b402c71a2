"""statsforecast and Prophet on the simulated services, where they are installed.

They are no dependency: `pip install statsforecast prophet` (some 900 MB) brings them.
Each sees the logarithm of the weekly peaks up to an origin and, where it can use one,
the calendar of the weeks ahead; its quantiles are those it states itself. AutoETS gets
no season: statsforecast's has none of 52. Fewer services and origins than in the main
table, since a fit takes seconds; model and rule are scored on the very same ones.
"""

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planning.baselines import LEVELS, rule
from planning.combining import combined
from planning.conformal import roll
from planning.metrics import pinball
from planning.peaks import QUANTILES
from planning.structure import regimes
from tests.benchmarks.rows import HORIZON
from tests.support.simulator import service

Floats = NDArray[np.float64]
Quantiles = Callable[[Floats, Floats, Floats], Floats]

SEEDS = range(4)
ORIGINS = range(30, 130 - HORIZON, 16)
SCALE_WEEKS = 26


def judged() -> str:
    """Return the table, or the sentence that says what is not installed."""
    forecasters: dict[str, Quantiles] = {}
    absent = []
    if importlib.util.find_spec("statsforecast"):
        forecasters["AutoETS"] = auto_ets
        forecasters["AutoARIMA + calendar"] = auto_arima
    else:
        absent.append("statsforecast")
    if importlib.util.find_spec("prophet"):
        forecasters["Prophet + calendar"] = prophet
    else:
        absent.append("prophet")
    said = f"Not installed, so not compared: {', '.join(absent)}.\n" if absent else ""
    if not forecasters:
        return said
    losses: dict[str, list[Floats]] = {}
    for seed in SEEDS:
        known = service(seed)
        features = regimes(known.open_days)
        series = np.log(known.peaks)
        padded = np.vstack([features, np.repeat(features[-1:], HORIZON, axis=0)])
        rolling = roll(series, HORIZON, padded)
        for origin in ORIGINS:
            past, ahead = series[:origin], features[origin : origin + HORIZON]
            columns = [LEVELS.index(q) for q in QUANTILES]
            quantiles = {
                "model": combined(rolling, origin - 1, HORIZON)[:, columns],
                "rule": rule(past, HORIZON)[:, columns],
            }
            for name, forecaster in forecasters.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    quantiles[name] = forecaster(past, features[:origin], ahead)
            truth = known.peaks[origin : origin + HORIZON]
            unit = np.median(known.peaks[max(0, origin - SCALE_WEEKS) : origin])
            for name, said_by in quantiles.items():
                losses.setdefault(name, []).append(
                    np.array(
                        [
                            pinball(truth, np.exp(said_by[:, i]), q).mean() / unit
                            for i, q in enumerate(QUANTILES)
                        ]
                    )
                )
    rules = np.mean(losses["rule"], axis=0)
    lines = [f"{'÷ rule':<22}" + " ".join(f"{q:>6g}" for q in QUANTILES)]
    for name, rows in losses.items():
        share = np.mean(rows, axis=0) / rules
        lines.append(f"{name:<22}" + " ".join(f"{value:6.3f}" for value in share))
    count = len(losses["rule"])
    return f"{said}\n```text\n" + "\n".join(lines) + f"\n{count} origins\n```"


def auto_ets(past: Floats, _: Floats, __: Floats) -> Floats:
    """Return the log quantiles of statsforecast's AutoETS."""
    from statsforecast.models import AutoETS

    return _of_levels(AutoETS(season_length=1).forecast(past, HORIZON, level=_LEVELS))


def auto_arima(past: Floats, features: Floats, ahead: Floats) -> Floats:
    """Return the log quantiles of statsforecast's AutoARIMA with the calendar."""
    from statsforecast.models import AutoARIMA

    kept = _independent(features)
    model = AutoARIMA(season_length=1)
    return _of_levels(
        model.forecast(
            past, HORIZON, X=features[:, kept], X_future=ahead[:, kept], level=_LEVELS
        )
    )


def prophet(past: Floats, features: Floats, ahead: Floats) -> Floats:
    """Return the log quantiles of Prophet on weekly peaks with the calendar."""
    import logging

    import pandas
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    days = pandas.date_range("2023-01-02", periods=past.size + HORIZON, freq="W-MON")
    whole = np.vstack([features, ahead])
    frame = pandas.DataFrame({"ds": days})
    model = Prophet(
        yearly_seasonality=past.size > 60,
        weekly_seasonality=False,
        daily_seasonality=False,
        uncertainty_samples=1000,
    )
    for column in range(whole.shape[1]):
        frame[f"c{column}"] = whole[:, column]
        model.add_regressor(f"c{column}", standardize=False)
    model.fit(frame[: past.size].assign(y=past), seed=1)
    drawn = model.predictive_samples(frame[past.size :])["yhat"]
    return np.asarray(np.quantile(drawn, QUANTILES, axis=1).T, dtype=float)


_LEVELS = [60, 80, 90, 98]
"""Central intervals whose upper ends are the quantiles .8, .9, .95 and .99."""


def _of_levels(said: dict[str, Any]) -> Floats:
    return np.stack([said["mean"], *(said[f"hi-{level}"] for level in _LEVELS)], axis=1)


def _independent(features: Floats) -> list[int]:
    """Return columns that are not a combination of those before and a constant."""
    kept: list[int] = []
    basis = np.ones((features.shape[0], 1))
    for column in range(features.shape[1]):
        tried = np.column_stack([basis, features[:, column]])
        if np.linalg.matrix_rank(tried) > basis.shape[1]:
            basis = tried
            kept.append(column)
    return kept
