"""SYNTHETIC plans: every field filled by simple arithmetic, none of it planned.

They show what a report makes of a plan; what a planner makes of a history is proved
elsewhere. Nothing made here may be shown as a real plan.
"""

from dataclasses import replace
from datetime import date, timedelta

from planning.models import (
    Assumption,
    Buying,
    CapacityUsed,
    MonthPlan,
    NodeFailure,
    OrderStep,
    Plan,
    ShockRow,
    StandInMeasurement,
    StandInProfile,
)
from planning.offers import NodeCount
from planning.peaks import (
    Backtest,
    BacktestScore,
    ForecastMethod,
    Interval,
    PeakQuantiles,
    PeriodForecast,
    PeriodPeak,
    QuantileScore,
)

FIRST_MONDAY = date(2020, 3, 2)
HISTORY_WEEKS = 44
MONTHS = tuple(f"2021-{month:02d}" for month in range(1, 13))


def synthetic_plan(*, with_stand_in: bool = True, is_modelled: bool = True) -> Plan:
    """Return a plan of twelve months that grows and runs out of money."""
    months = tuple(_month(place) for place in range(len(MONTHS)))
    plan = Plan(
        tool_version="0.1.0",
        made_on="2026-11-23",
        seed=1,
        risk=0.05,
        history="history.csv",
        history_is_modelled=is_modelled,
        history_step_s=300,
        history_weeks=tuple(_past_week(place) for place in range(HISTORY_WEEKS)),
        history_peak=1117.0,
        history_peak_at="2020-12-16T09:30:00+01:00",
        catalog="catalog.toml",
        catalog_date="2020-11-15",
        currency="EUR",
        budget="budget.toml",
        forecast_method="rule",
        forecast_reason="The history is shorter than a year: the rule leads.",
        forecast_month_rule="A month's quantile is the largest of its weeks'.",
        forecast_weeks=tuple(_coming_week(place) for place in range(52)),
        backtest=Backtest(
            horizon_weeks=12,
            used="rule",
            reason="the model did not beat the rule at every quantile.",
            scores=(
                _score("model", 0.21),
                _score("rule", 0.19),
                _score("seasonal naive", 0.44),
            ),
        ),
        months=months,
        runway_months=Interval(low=9.5, mid=13.2, high=18.0),
        cost_total_eur=sum(month.cost_eur for month in months),
        cost_total_interval_eur=Interval(low=5400.0, mid=7100.0, high=9600.0),
        reserve_eur=500.0,
        balance_start_eur=7000.0,
        largest_meeting=120,
        capacity_used=(
            CapacityUsed(
                type="dedicated-8",
                origin="catalog",
                participants=180.0,
                low=140.0,
                high=230.0,
                coverage=0.8,
                source="published experience of another operator",
                mix="school lessons, a few cameras",
            ),
        ),
        node_failure=NodeFailure(
            spare_nodes=1,
            rule="One node more than the peak needs",
            worst_type="dedicated-8",
            overload_risk=0.043,
            month="2021-12",
        ),
        buying=Buying(
            method="integer programme",
            total_eur=4620.0,
            bound_eur=4600.0,
            gap_ratio=0.0043,
            greedy_eur=4800.0,
        ),
        orders=(
            _order("2021-01", 2, "2020-12-18"),
            _order("2021-04", 1, "2021-03-18"),
            _order("2021-07", 1, "2021-06-17"),
            _order("2021-10", 1, "2021-09-17"),
        ),
        shocks=tuple(_shock(factor) for factor in (2.0, 3.0, 5.0)),
        assumptions=(
            Assumption(
                name="capacity of a node",
                value="140 to 230 participants",
                reason="not measured on this hardware",
                source="published experience of another operator",
            ),
            Assumption(
                name="donations",
                value="€200 to €600 a month",
                reason="the year's mean, halved and half as much again",
                source="annual report 2020",
            ),
            Assumption(
                name="cameras per participant",
                value="10 % to 30 %",
                reason="schools seldom switch them on",
                source="our assumption",
            ),
            Assumption(
                name="screen shares",
                value="5 % to 20 %",
                reason="seen in lectures",
                source="our assumption",
            ),
        ),
        warnings=("Prices are 373 days older than the plan: refresh the catalogue.",),
    )
    return replace(plan, stand_in=_stand_in()) if with_stand_in else plan


def _past_week(place: int) -> PeriodPeak:
    peak: float | None = 40.0 + 1000.0 * (place / HISTORY_WEEKS) ** 3
    if place in (20, 21):
        peak = None
    day = FIRST_MONDAY + timedelta(weeks=place)
    return PeriodPeak(
        starts_on=day.isoformat(),
        peak=peak,
        coverage=0.0 if peak is None else 1.0,
    )


def _peak(middle: float, spread: float) -> PeakQuantiles:
    return PeakQuantiles(
        p10=middle * (1 - spread),
        p50=middle,
        p80=middle * (1 + 0.6 * spread),
        p90=middle * (1 + spread),
        p95=middle * (1 + 1.4 * spread),
        p99=middle * (1 + 2.2 * spread),
    )


def _coming_week(place: int) -> PeriodForecast:
    day = FIRST_MONDAY + timedelta(weeks=HISTORY_WEEKS + place)
    return PeriodForecast(
        starts_on=day.isoformat(),
        peak=_peak(1050.0 + 8 * place, 0.15 + 0.005 * place),
    )


def _month(place: int) -> MonthPlan:
    middle = 1100.0 + 35 * place
    count = 11 + place // 3
    extra = (NodeCount(type="cloud-16", count=2),) if 3 <= place < 6 else ()
    node_cost = 32.0 * count + (55.0 * 2 if extra else 0.0)
    left = 7000.0 - 560.0 * (place + 1)
    return MonthPlan(
        month=MONTHS[place],
        peak=_peak(middle, 0.2),
        required=middle * 1.35,
        nodes=(NodeCount(type="dedicated-8", count=count), *extra),
        utilisation=0.7,
        overload_risk=0.03 + 0.001 * place,
        cost_eur=node_cost + 100.0 + (39.0 if place % 3 == 0 else 0.0),
        node_cost_eur=node_cost,
        setup_cost_eur=39.0 if place % 3 == 0 else 0.0,
        traffic_cost_eur=0.0,
        fixed_cost_eur=100.0,
        cost_interval_eur=Interval(low=380.0, mid=480.0 + 12 * place, high=760.0),
        nodes_interval=Interval(low=count - 3.0, mid=float(count), high=count + 4.0),
        income_eur=0.0,
        traffic_bytes=(20 + 2 * place) * 1e12,
        traffic_interval_bytes=Interval(
            low=(12 + place) * 1e12,
            mid=(20 + 2 * place) * 1e12,
            high=3e13 + place * 3e12,
        ),
        traffic_in_bytes=(5 + place / 2) * 1e12,
        balance_eur=Interval(low=left - 150 * place, mid=left, high=left + 180 * place),
    )


def _score(name: ForecastMethod, loss: float) -> BacktestScore:
    return BacktestScore(
        name=name,
        origins=4,
        truths=48,
        scores=tuple(
            QuantileScore(
                quantile=quantile,
                pinball=loss * (1.05 - quantile),
                coverage=quantile - 0.03,
            )
            for quantile in (0.5, 0.8, 0.9, 0.95, 0.99)
        ),
    )


def _shock(factor: float) -> ShockRow:
    count = round(9 * factor) + 1
    return ShockRow(
        factor=factor,
        month="2021-01",
        peak=1500.0 * factor,
        nodes=(NodeCount(type="dedicated-8", count=count),),
        extra_nodes=count - 11,
        cost_eur=39.0 * (count - 11) + 32.0 * count + 100.0,
        monthly_cost_eur=32.0 * count + 100.0,
        runway_months=Interval(low=5 / factor, mid=9 / factor, high=14 / factor),
    )


def _stand_in() -> StandInMeasurement:
    return StandInMeasurement(
        title="Measured on bbbload's stand-in node, no part of this plan",
        note="The stand-in node says nothing about BigBlueButton.",
        run="synthetic",
        slo="bbbload-1",
        coverage=0.9,
        profiles=(
            StandInProfile(
                name="talks",
                size=8,
                cameras=1,
                capacity=42.0,
                at_least=None,
                low=39.0,
                high=45.0,
                invalid="",
                limit="cpu",
            ),
            StandInProfile(
                name="classes",
                size=6,
                cameras=2,
                capacity=None,
                at_least=18.0,
                low=None,
                high=None,
                invalid="",
                limit="cap",
            ),
        ),
    )


def _order(month: str, count: int, act_by: str) -> OrderStep:
    return OrderStep(
        month=month,
        type="dedicated-8",
        count=count,
        act_by=act_by,
        reason="14 days until it serves",
    )
