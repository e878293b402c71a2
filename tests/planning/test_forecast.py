"""Forecasts: honest widths, chosen by backtest, planted truths found."""

from dataclasses import replace

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.backtest import backtest, choose, origins_of
from planning.baselines import LEVELS, rule, seasonal_naive
from planning.combining import combined
from planning.conformal import distribution, roll
from planning.experts import EXPERTS
from planning.forecast import forecast, log_peaks
from planning.metrics import coverage, finite_sample_quantile, pinball
from planning.paths import monthly_maxima, quantiles_of, simulate
from planning.peaks import BacktestScore, PeriodPeak, QuantileScore
from planning.series import weekly_peaks
from tests.support.histories import hourly_history
from tests.support.simulator import service


def steady(weeks: int, *, level: float = 200.0, noise: float = 0.1, seed: int = 1):
    rng = np.random.default_rng(seed)
    return np.log(level) + rng.normal(0, noise, weeks)


def periods(series) -> tuple[PeriodPeak, ...]:
    first = np.datetime64("2024-01-01")
    return tuple(
        PeriodPeak(
            starts_on=str(first + np.timedelta64(7 * index, "D")),
            peak=None if np.isnan(value) else float(np.exp(value)),
            coverage=0.0 if np.isnan(value) else 1.0,
        )
        for index, value in enumerate(series)
    )


def test_pinball_is_least_at_the_true_quantile():
    truth = np.random.default_rng(1).exponential(1.0, 200_000)
    tried = np.linspace(1.5, 3.5, 41)

    losses = [pinball(truth, np.array(value), 0.9).mean() for value in tried]

    assert tried[int(np.argmin(losses))] == pytest.approx(np.log(10), abs=0.06)


def test_coverage_ignores_what_is_not_known():
    assert coverage(np.array([1.0, 2.0, np.nan]), np.array([1.5, 1.5, 1.5])) == 0.5


def test_a_finite_sample_quantile_covers_the_next_value():
    rng = np.random.default_rng(2)
    hits = [
        rng.normal() <= finite_sample_quantile(rng.normal(size=19), 0.9)
        for _ in range(20_000)
    ]

    assert np.mean(hits) == pytest.approx(0.9, abs=0.01)


def test_the_rule_is_the_four_week_maximum_times_its_factors():
    said = np.exp(rule(np.log([999.0, 10.0, 40.0, 20.0, 30.0]), 2))

    by_level = dict(zip(LEVELS, said[1], strict=True))
    assert by_level[0.5] == pytest.approx(40)
    assert by_level[0.9] == pytest.approx(52)
    assert by_level[0.95] == pytest.approx(60)
    assert by_level[0.99] == pytest.approx(80)


def test_seasonal_naive_repeats_last_year():
    series = np.log(np.tile(np.arange(1.0, 53.0), 3))

    said = np.exp(seasonal_naive(series, 4))[:, LEVELS.index(0.5)]

    assert said == pytest.approx([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda expert: expert.__name__)
def test_every_expert_says_a_constant_when_the_past_was_constant(expert):
    said = expert(np.full(120, 5.0), 20)

    assert said == pytest.approx(np.full(20, 5.0))


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda expert: expert.__name__)
def test_no_expert_stumbles_over_gaps_or_a_short_past(expert):
    gappy = np.full(70, 5.0)
    gappy[[3, 10, 11, 12, 69]] = np.nan

    assert expert(gappy, 8).shape == (8,)
    assert expert(np.array([5.0, np.nan, 5.0]), 8).shape == (8,)


def test_an_origin_never_sees_its_future():
    series = steady(100)
    changed = series.copy()
    changed[80:] += 3.0

    before = distribution(roll(series, 12), 79, 12).quantiles
    after = distribution(roll(changed, 12), 79, 12).quantiles

    assert before == pytest.approx(after)


@pytest.mark.parametrize("weeks", [5, 12, 40, 120])
def test_a_longer_horizon_never_narrows(weeks):
    said = distribution(roll(steady(weeks), 52), weeks - 1, 52).quantiles

    width = said[:, LEVELS.index(0.95)] - said[:, LEVELS.index(0.1)]
    assert np.all(np.diff(width) >= -1e-9)


def test_a_steady_service_with_ten_percent_noise_is_forecast_as_such():
    said = distribution(roll(steady(150), 12), 149, 12).quantiles

    median = np.exp(said[:, LEVELS.index(0.5)])
    assert median == pytest.approx(np.full(12, 200.0), rel=0.06)
    # The .95 quantile of a log-normal with sd 10 % lies 18 % up.
    high = np.exp(said[0, LEVELS.index(0.95)])
    assert 1.12 < high / 200 < 1.35


def test_a_season_known_for_two_years_is_expected_again():
    weeks = np.arange(156)
    season = np.where(weeks % 52 >= 26, 1.0, 0.0)
    series = 5.0 + season + np.random.default_rng(3).normal(0, 0.05, 156)

    said = distribution(roll(series[:150], 12), 149, 12).quantiles[:, LEVELS.index(0.5)]

    # Weeks 150 to 155 are high season, 156 on low again.
    assert said[:5] == pytest.approx(np.full(5, 6.0), abs=0.15)
    assert said[7:] == pytest.approx(np.full(5, 5.0), abs=0.15)


def test_a_shock_long_past_does_not_widen_the_forecast_of_calm_weeks():
    calm = steady(150)
    shaken = calm.copy()
    shaken[100:106] -= 2.0

    def width(series: np.ndarray) -> float:
        said = distribution(roll(series, 12), 149, 12).quantiles[5]
        return float(said[LEVELS.index(0.99)] - said[LEVELS.index(0.5)])

    assert width(shaken) < 1.5 * width(calm)


def test_the_backtest_starts_at_week_thirty_and_steps_by_four():
    assert origins_of(50) == (30, 34, 38, 42, 46)
    assert origins_of(20)[0] == 8


def test_the_model_beats_the_rule_on_a_steady_service_and_is_used():
    tested = backtest(steady(150), 12)

    assert tested.used == "model"
    by_name = {score.name: score for score in tested.scores}
    for mine, rules in zip(
        by_name["model"].scores, by_name["rule"].scores, strict=True
    ):
        assert mine.pinball < rules.pinball


def scores(model: float, other: float, naive: float, origins: int = 9):
    def one(name, loss):
        rows = tuple(
            QuantileScore(quantile=q, pinball=loss, coverage=q)
            for q in (0.5, 0.8, 0.9, 0.95, 0.99)
        )
        return BacktestScore(name=name, origins=origins, truths=origins, scores=rows)

    return one("model", model), one("rule", other), one("seasonal naive", naive)


def test_a_baseline_that_was_better_is_used_and_said():
    used, reason = choose(scores(1.1, 1.0, 1.2), weeks=100)

    assert set(used) == {"rule"}
    assert "model 1.10" in reason


def test_each_quantile_is_that_of_the_forecaster_that_lost_least_at_it():
    model, other, naive = scores(0.7, 1.0, 1.2)
    tail = replace(model.scores[-1], pinball=1.07)

    used, reason = choose(
        (replace(model, scores=(*model.scores[:-1], tail)), other, naive), weeks=100
    )

    assert used == ("model", "model", "model", "model", "rule")
    assert "rule at 0.99" in reason


def test_a_tie_goes_to_the_rule():
    assert set(choose(scores(1.0, 1.0, 1.0), weeks=100)[0]) == {"rule"}


def test_seasonal_naive_needs_a_year():
    assert set(choose(scores(1.1, 1.0, 0.5), weeks=100)[0]) == {"seasonal naive"}
    assert set(choose(scores(1.1, 1.0, 0.5), weeks=40)[0]) == {"rule"}


def test_too_few_origins_show_nothing_so_the_rule_is_used():
    used, reason = choose(scores(0.1, 1.0, 1.0, origins=2), weeks=40)

    assert set(used) == {"rule"}
    assert "2 backtest origins" in reason


@pytest.mark.parametrize("weeks", [16, 21, 26, 33, 45, 60])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_used_never_lost_more_than_the_rule(weeks, seed):
    tested = backtest(np.log(service(seed).peaks[:weeks]), 12)

    by_name = {score.name: score.scores for score in tested.scores}
    for index, used in enumerate(tested.used_at):
        rules = by_name["rule"][index].pinball
        assert by_name[used][index].pinball <= rules


def test_before_thirty_weeks_the_rule_speaks_alone():
    series = steady(29)

    assert combined(roll(series, 12), 28, 12) == pytest.approx(rule(series, 12))


def test_three_known_weeks_are_too_few():
    weeks = weekly_peaks(hourly_history(3, lambda week: 50.0))

    with pytest.raises(ConfigError, match=r"made\.csv has 3 complete weeks"):
        forecast(
            weeks,
            horizon_weeks=8,
            rng=np.random.default_rng(1),
            source="made.csv",
        )


def test_a_short_history_is_forecast_with_a_warning():
    predicted = forecast(
        periods(steady(10)), horizon_weeks=20, rng=np.random.default_rng(1)
    )

    assert predicted.method == "rule"
    assert any("only 10 weeks" in warning for warning in predicted.warnings)
    assert predicted.weeks[0].peak.p50 < predicted.weeks[0].peak.p95


def test_quantiles_never_cross():
    predicted = forecast(
        periods(steady(120)), horizon_weeks=60, rng=np.random.default_rng(1)
    )

    for period in (*predicted.weeks, *predicted.months):
        peak = period.peak
        ordered = (peak.p10, peak.p50, peak.p80, peak.p90, peak.p95, peak.p99)
        assert ordered == tuple(sorted(ordered))


def test_a_month_reaches_higher_than_its_weeks_but_not_as_their_maximum():
    predicted = forecast(
        periods(steady(120)), horizon_weeks=30, rng=np.random.default_rng(1)
    )
    month = predicted.months[2]
    inside = [
        week.peak
        for week in predicted.weeks
        if week.starts_on[:7] == month.starts_on[:7]
    ]

    assert month.peak.p50 > max(peak.p50 for peak in inside)
    assert month.peak.p99 < 1.25 * max(peak.p99 for peak in inside)


def test_paths_follow_the_weekly_quantiles_they_come_from():
    predicted = forecast(
        periods(steady(120)), horizon_weeks=10, rng=np.random.default_rng(1)
    )

    paths = simulate(predicted.weeks, (0.4, 0.5), np.random.default_rng(2), 40_000)

    drawn, stated = quantiles_of(paths[:, 6]), predicted.weeks[6].peak
    assert drawn.p50 == pytest.approx(stated.p50, rel=0.01)
    assert drawn.p95 == pytest.approx(stated.p95, rel=0.01)
    assert drawn.p10 == pytest.approx(stated.p10, rel=0.01)


def test_errors_that_hang_together_make_the_monthly_peak_lower_at_the_median():
    predicted = forecast(
        periods(steady(120)), horizon_weeks=12, rng=np.random.default_rng(1)
    )

    def median(common: float) -> float:
        paths = simulate(
            predicted.weeks, (common, 0.0), np.random.default_rng(2), 20_000
        )
        return quantiles_of(monthly_maxima(predicted.weeks, paths)[1][:, 0]).p50

    assert median(0.95) < median(0.0)


def test_a_jump_in_the_last_week_raises_the_level_alarm():
    calm = steady(100, noise=0.05)
    jumped = np.append(calm, calm[-1] + np.log(3.0))
    rng = np.random.default_rng(1)

    assert forecast(periods(jumped), horizon_weeks=8, rng=rng).level_shift
    assert not forecast(periods(calm), horizon_weeks=8, rng=rng).level_shift


def test_gaps_stay_gaps():
    series = steady(80)
    series[[10, 40, 41]] = np.nan

    assert np.isnan(log_peaks(periods(series))[[10, 40, 41]]).all()
    predicted = forecast(periods(series), horizon_weeks=8, rng=np.random.default_rng(1))
    assert any("3 of 80 weeks are gaps" in warning for warning in predicted.warnings)
