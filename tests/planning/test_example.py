"""Senfcall 2020: every published fact of that year, held against the planner.

Facts: https://www.senfcall.de/news/kleiner-transparenzbericht/ (the year 2020) and
https://www.senfcall.de/news/transparenzbericht2/ (the year after, used to check only).
"""

import re
from dataclasses import replace
from datetime import date
from functools import cache
from subprocess import run
from sys import executable
from tomllib import loads

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.assembly import Inputs, make_plan
from planning.budget import monthly_amounts, parse_budget, runways
from planning.capacities import as_interval, capacities_used
from planning.catalog import read_catalog
from planning.models import MonthPlan, Plan
from planning.offers import MoneyLine, NodeCount
from planning.paths import simulate
from planning.peaks import Interval, PeriodForecast
from planning.placement import meeting_sizes, morning_risk, place
from planning.sampling import log_normal
from planning.series import monthly_peaks, weekly_peaks
from planning.sizing import SPARE_NODES, SizedType, cost_of_peak, nodes_needed
from planning.sizing import sized_types as sized_of
from planning.traffic import DEFAULT_STREAMS, traffic_between
from tests.support.histories import EXAMPLE, example_history

PEAK = 1117
RISK = 0.05


@cache
def inputs() -> Inputs:
    catalog = read_catalog(EXAMPLE / "catalog.toml", today=date(2020, 12, 31))
    return Inputs(
        history=example_history(),
        catalog=catalog,
        budget=parse_budget(
            loads((EXAMPLE / "budget.toml").read_text()), source="budget.toml"
        ),
        capacities=capacities_used(catalog),
        months=12,
        risk=RISK,
        seed=1,
        made_on="2020-12-31",
        tool_version="test",
    )


@cache
def plan() -> Plan:
    return make_plan(inputs())


@cache
def brief() -> Inputs:
    """Return two months without shocks, for tests that make several plans."""
    calm = replace(inputs().budget, shocks=())
    return replace(inputs(), budget=calm, months=2)


@cache
def brief_plan() -> Plan:
    return make_plan(brief())


def sized(largest: int = 80) -> tuple[SizedType, ...]:
    intervals = {used.type: as_interval(used) for used in inputs().capacities}
    return sized_of(inputs().catalog, intervals, largest)


def test_the_modelled_history_honours_what_was_published():
    history = example_history()
    weeks = {week.starts_on: week.peak or 0.0 for week in weekly_peaks(history)}
    summer = [weeks[day] for day in weeks if "2020-05-11" <= day <= "2020-09-21"]

    assert history.is_modelled
    assert max(history.participants) == PEAK
    assert history.participants.count(PEAK) == 1
    assert max(weeks, key=lambda day: weeks[day]) == "2020-12-14"
    # Flat from May to September, steep from October.
    assert max(summer) < 1.3 * min(summer)
    assert weeks["2020-10-26"] > 1.7 * np.median(summer)
    # Sudden rises at the beginning of November and in the week before Christmas.
    assert weeks["2020-11-02"] > 1.5 * weeks["2020-10-26"]
    assert weeks["2020-12-14"] > 1.3 * weeks["2020-12-07"]


def test_the_history_is_what_its_generator_writes():
    made = run(
        [executable, str(EXAMPLE / "make_history.py")], capture_output=True, check=True
    )

    assert made.stdout == (EXAMPLE / "history.csv").read_bytes()


def test_seven_thousand_euros_at_450_a_month_last_15_6_months():
    (months,) = runways(8800.0 - 1800.0, np.zeros((1, 1)), np.full((1, 1), 450.0))

    assert months == pytest.approx(15.6, abs=0.05)


def test_the_year_grown_step_by_step_cost_about_1800_euros():
    # Two servers were private; from May on nodes follow the peaks, at December's load
    # per node (350 EUR of nodes for 1,117), and the virtual servers grow to 100 EUR.
    kind = inputs().catalog.types[0]
    in_december = round(350 / kind.price_eur)
    peaks = np.array(
        [m.peak for m in monthly_peaks(example_history()) if m.starts_on >= "2020-05"]
    )
    months = tuple(f"2020-{month:02d}" for month in range(5, 13))
    nodes = nodes_needed(peaks, PEAK / in_december) - SPARE_NODES
    new = np.maximum(np.diff(nodes, prepend=2), 0)
    steps = tuple(
        MoneyLine(
            name="virtual servers",
            amount=Interval(low=12.5, mid=12.5, high=12.5),
            first_month=month,
        )
        for month in months
    )
    virtual = monthly_amounts(steps, months, np.random.default_rng(1), 1)[0]

    bills = nodes * kind.price_eur + new * kind.setup_eur + virtual

    assert bills[-1] - new[-1] * kind.setup_eur == pytest.approx(450, rel=0.03)
    assert np.all(np.diff(nodes) >= 0)
    assert bills.sum() == pytest.approx(1800, rel=0.10)


def test_servers_for_the_peak_cost_350_euros_within_the_interval():
    cost = cost_of_peak(PEAK, sized(), 80, np.random.default_rng(1))

    assert cost.coverage == 0.8
    assert cost.low <= 350 <= cost.high
    assert cost.high / cost.low <= 2.5


def test_traffic_from_may_to_december_holds_93_terabytes():
    out, into = traffic_between(
        example_history(),
        "2020-05",
        "2020-12",
        DEFAULT_STREAMS,
        np.random.default_rng(1),
    )

    # 93 TB is both ways together; the interval stated is for what goes out.
    assert out.low <= 93e12 <= out.high
    assert out.high / out.low <= 3
    assert out.mid > 2 * into.mid


def test_the_readme_tells_the_plan_that_is_made_today():
    text = " ".join((EXAMPLE / "README.md").read_text("utf-8").split())
    made = plan()
    five = next(shock for shock in made.shocks if shock.factor == 5.0)

    def said(words: str) -> float:
        found = re.search(words, text)
        assert found, words
        return float(found[1].replace(",", ""))

    def count(nodes: tuple[NodeCount, ...]) -> int:
        return sum(node.count for node in nodes)

    for told, true in (
        (r"wants (\d+) nodes", count(made.months[0].nodes)),
        (r"and (\d+) in December", count(made.months[-1].nodes)),
        (r"already and (\d+) to be ordered", sum(it.count for it in made.orders)),
        (r"that is ([\d,]+) EUR", made.cost_total_eur),
        (r"out, ([\d,]+) to", made.cost_total_interval_eur.low),
        (r"to ([\d,]+) EUR \(80 %\)", made.cost_total_interval_eur.high),
        (r"EUR last ([\d.]+) months", made.ordered_runway_months),
        (r"money lasts ([\d.]+) months", made.runway_months.mid),
        (r"asks for (\d+) nodes", count(five.nodes)),
    ):
        assert said(told) == pytest.approx(true, rel=0.1), told


def test_any_node_may_fail():
    made = plan()
    capacities = {used.type: used.participants for used in made.capacity_used}

    assert made.node_failure.overload_risk <= RISK
    for month in (made.months[0], made.months[-1]):
        for lost in month.nodes:
            pool = [
                capacities[node.type] for node in month.nodes for _ in range(node.count)
            ]
            pool.remove(capacities[lost.type])
            # Another seed than the plan's: it must hold on mornings it never saw.
            assert overloaded(made, month, pool) <= RISK + 0.012
            # And not several times over: a fifth of the nodes less would not hold.
            assert overloaded(made, month, pool[: round(0.8 * len(pool))]) > RISK


def overloaded(made: Plan, month: MonthPlan, pool: list[float]) -> float:
    """Return the share of mornings, drawn from what the plan states, that overload."""
    rng = np.random.default_rng(99)
    week = PeriodForecast(starts_on="2021-01-04", peak=month.peak)
    peaks = simulate((week,), (0.0, 0.0), rng, 3000)[:, 0]
    used = made.capacity_used[0]
    factors = log_normal(as_interval(used), rng, 3000) / used.participants
    beyond = peaks > factors * sum(pool)
    rows = np.flatnonzero(~beyond & (peaks > 0.3 * factors * sum(pool)))
    sizes = meeting_sizes(peaks[rows], made.largest_meeting, rng, rows.size)
    fullest = place(sizes, np.array(pool), rng).fill.max(axis=1)
    return float((beyond.sum() + (fullest > factors[rows]).sum()) / 3000)


def test_a_lecture_larger_than_every_node_is_an_error_and_no_plan():
    lecture = replace(inputs().budget, largest_meeting=600)

    with pytest.raises(ConfigError, match=r"600 .*280 \(12 cores\).*larger type"):
        make_plan(replace(inputs(), budget=lecture))


def test_a_shock_of_five_shows_servers_cost_and_runway_beside_the_forecast():
    made = plan()
    row = next(shock for shock in made.shocks if shock.factor == 5.0)
    first = made.months[0]

    assert row.month == first.month
    assert row.peak == pytest.approx(5 * first.peak.p50)
    assert row.extra_nodes > sum(node.count for node in first.nodes)
    assert row.monthly_cost_eur > 2 * first.node_cost_eur
    assert row.runway_months.mid < made.runway_months.low
    capacities = {used.type: used.participants for used in made.capacity_used}
    pool = [capacities[node.type] for node in row.nodes for _ in range(node.count)]
    pool.remove(max(pool))
    rng = np.random.default_rng(5)
    held = morning_risk(row.peak, made.largest_meeting, tuple(pool), rng)
    assert held.risk <= RISK
    # Averaged into nothing: the forecast is the same without it.
    calm = make_plan(replace(inputs(), budget=replace(inputs().budget, shocks=())))
    assert calm.months == made.months


def test_every_number_ahead_comes_with_an_interval():
    made = plan()

    for month in made.months:
        for interval in (
            month.cost_interval_eur,
            month.nodes_interval,
            month.traffic_interval_bytes,
            month.balance_eur,
        ):
            assert interval.low < interval.mid < interval.high
        assert month.peak.p50 < month.peak.p80 < month.peak.p90 < month.peak.p95
    assert made.runway_months.low < made.runway_months.mid < made.runway_months.high


def test_the_plan_says_what_it_assumes():
    made = plan()
    names = [assumption.name for assumption in made.assumptions]

    assert made.history_is_modelled
    assert "history" in names
    assert "price of 6 cores" in names
    assert "capacity of 6 cores" in names
    assert "largest meeting" in names
    assert all(assumption.reason for assumption in made.assumptions)
    assert all(assumption.source for assumption in made.assumptions)


def test_what_the_next_year_really_cost_lies_within_the_forecast():
    # About 11,400 EUR were spent in 2021: the year began with 6,000 at once.
    total = plan().cost_total_interval_eur

    assert total.low <= 11_400 <= total.high


def test_wider_capacity_means_wider_cost():
    narrow = tuple(
        replace(used, low=used.participants * 0.98, high=used.participants * 1.02)
        for used in inputs().capacities
    )

    sure = make_plan(replace(brief(), capacities=narrow)).months[0]
    unsure = brief_plan().months[0]

    assert sure.required < unsure.required
    assert (
        sure.cost_interval_eur.high / sure.cost_interval_eur.low
        < unsure.cost_interval_eur.high / unsure.cost_interval_eur.low
    )


def test_less_risk_never_costs_less():
    bold = make_plan(replace(brief(), risk=0.2)).months[0]
    careful = make_plan(replace(brief(), risk=0.02)).months[0]

    assert careful.node_cost_eur >= bold.node_cost_eur


@pytest.mark.parametrize(
    ("day", "words"), [("2020-10-31", "2 months older"), ("2021-01-31", "younger")]
)
def test_a_balance_of_another_month_is_bridged_and_told(day, words):
    moved = replace(brief().budget, balance_on=day)

    made = make_plan(replace(brief(), budget=moved))

    assert any(words in warning for warning in made.warnings)
    on_time = brief_plan()
    assert not any("balance" in warning for warning in on_time.warnings)
    later = on_time.months[0].balance_eur.mid
    assert (made.months[0].balance_eur.mid < later) == (day < "2020-12")


def test_the_same_seed_gives_the_same_plan():
    assert make_plan(brief()) == brief_plan()
