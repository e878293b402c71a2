"""Two sources of one service: a stated rule, a wider forecast."""

from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.forecast import forecast
from planning.history.csv import parse_csv, write_csv
from planning.history.reconcile import reconciled
from planning.series import weekly_peaks
from tests.support.histories import hourly_history


def history(*, factor=1.0, noise=0.0, keep=lambda index: True, source="a.csv"):
    whole = hourly_history(40, lambda week: 400.0)
    rng = np.random.default_rng(2)
    seen = [index for index in range(len(whole.times_s)) if keep(index)]
    wobble = np.exp(rng.normal(0, noise, len(whole.times_s)))
    return replace(
        whole,
        source=source,
        times_s=tuple(whole.times_s[i] for i in seen),
        participants=tuple(
            round(whole.participants[i] * factor * wobble[i]) for i in seen
        ),
    )


def test_the_first_leads_and_the_second_fills_its_gaps_to_scale():
    first = history(keep=lambda index: not 2000 <= index < 2400)
    second = history(factor=0.7, source="b.csv")

    both = reconciled(first, second)

    whole = history()
    assert both.times_s == whole.times_s
    apart = np.array(both.participants) - np.array(whole.participants)
    assert np.abs(apart).max() <= 2
    assert "400 of 6720 bins come from b.csv × 1.4" in both.notes[0]
    assert "1.43 times what b.csv says" in both.notes[1]


def test_disagreement_is_measured_kept_in_the_csv_and_widens_the_forecast():
    both = reconciled(history(), history(noise=0.2, source="b.csv"))
    again = parse_csv(write_csv(both), source="again.csv")

    assert both.disagreement_ratio == pytest.approx(0.2, abs=0.02)
    assert again.disagreement_ratio == pytest.approx(both.disagreement_ratio, abs=1e-3)
    weeks = weekly_peaks(both)
    sure, unsure = (
        forecast(
            weeks,
            horizon_weeks=8,
            rng=np.random.default_rng(1),
            measured_sd=doubt,
        )
        .weeks[0]
        .peak
        for doubt in (0.0, both.disagreement_ratio)
    )
    assert unsure.p50 == pytest.approx(sure.p50)
    assert unsure.p95 > sure.p95
    assert unsure.p10 < sure.p10


def test_two_sources_that_hardly_meet_are_refused():
    first = history(keep=lambda index: index < 1000)
    second = history(keep=lambda index: index > 980, source="b.csv")

    with pytest.raises(ConfigError, match="busy bins"):
        reconciled(first, second)


def test_refused_joins_count_as_demand_up_to_half_of_those_present():
    rows = [f"2026-11-02T{hour:02}:00:00Z,100,{hour * 10}" for hour in range(24)]
    days = [row.replace("-02T", f"-{day:02}T") for day in range(2, 9) for row in rows]
    limited = parse_csv(
        ["time,participants,limit_hits\n", *(day + "\n" for day in days)],
        source="limited.csv",
    )

    assert weekly_peaks(limited)[0].peak == 150
    assert weekly_peaks(replace(limited, limit_hits=None))[0].peak == 100
