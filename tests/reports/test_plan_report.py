from dataclasses import replace

import pytest

from planning.peaks import Backtest, Interval
from reports import plan_report, plan_tables, text
from reports.document import Chart, Limit
from tests.support.plans import synthetic_plan


def told(plan=None) -> str:
    document = plan_report.document(plan or synthetic_plan(), source="plan.json")
    return text.render((document,))


def test_a_plan_report_reads_as_approved(golden):
    golden("plan.txt", told())


def test_the_first_screen_answers_what_a_treasurer_asks():
    answers = plan_report.document(synthetic_plan(), source="plan.json").answers

    questions = [answer.question for answer in answers]
    assert questions == [
        "Nodes for Jan 2021",
        "Monthly cost, Jan 2021",
        "The money lasts",
        "A bad month",
        "If demand grows 5-fold at once",
        "Largest meeting planned for",
    ]
    assert all(answer.interval for answer in answers)
    assert "prices of 15 Nov 2020" in answers[1].holds_for


def test_nodes_that_serve_are_told_wherever_they_change():
    rows = plan_tables.changes(synthetic_plan().months)

    assert rows == (
        ("Jan 2021", "11 × dedicated-8"),
        ("Apr 2021", "12 × dedicated-8 and 2 × cloud-16"),
        ("Jul 2021", "13 × dedicated-8"),
        ("Oct 2021", "14 × dedicated-8"),
    )


def test_what_is_held_already_is_not_ordered_again():
    plan = synthetic_plan()

    page = " ".join(told(plan).split())
    none = " ".join(told(replace(plan, orders=())).split())

    assert "order 2 × dedicated-8 by 18 Dec 2020; then 3 changes" in page
    assert "order 11" not in page + none
    assert "all of them are held: nothing to order" in none
    assert "nothing changes – –" in none


def test_a_modelled_history_is_called_modelled_in_headline_and_sections():
    document = plan_report.document(synthetic_plan(), source="plan.json")

    assert "modelled" in document.title
    own, last = document.sections[:-1], document.sections[-1]
    assert told().count("[modelled history]") == len(own)
    assert last.notices is not None
    assert "stand-in" in last.notices[0].short


def test_a_measured_history_is_not():
    assert "modelled" not in told(synthetic_plan(is_modelled=False))


def test_the_stand_in_has_a_section_of_its_own_titled_so():
    titles = [
        section.title
        for section in plan_report.document(synthetic_plan(), source="p").sections
    ]

    assert [title for title in titles if "stand-in" in title] == [titles[-1]]
    assert "no part of this plan" in told()
    assert "stand-in" not in told(synthetic_plan(with_stand_in=False))


def test_a_plan_that_misses_its_risk_does_not_hold():
    plan = synthetic_plan()
    failure = replace(plan.node_failure, overload_risk=0.2)

    document = plan_report.document(replace(plan, node_failure=failure), source="p")

    assert document.tone == "bad"
    assert document.verdict.startswith("The plan does not hold")


def test_a_short_runway_asks_for_income():
    long = replace(
        synthetic_plan(), runway_months=Interval(low=30.0, mid=40.0, high=60.0)
    )

    assert "Find income" in told()
    assert "Find income" not in told(long)


@pytest.mark.parametrize("factor", ["× 2", "× 3", "× 5"])
def test_every_shock_stands_beside_the_forecast(factor):
    assert factor in told()


def test_the_backtest_shows_the_used_forecaster_beside_the_others():
    page = told()

    assert "rule (used)" in page
    assert "seasonal naive" in page


def test_a_history_too_short_for_a_backtest_says_so():
    plan = synthetic_plan()
    plan = replace(plan, backtest=replace(plan.backtest, scores=()))

    assert "too short for a backtest" in told(plan)


def test_the_charts_of_a_plan_are_there_with_bands_and_reserve():
    document = plan_report.document(synthetic_plan(), source="plan.json")

    charts = {
        block.title: block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Chart)
    }

    assert len(charts) == 6
    balance = charts["Money left at the end of each month"]
    assert [mark.value for mark in balance.marks if isinstance(mark, Limit)] == [500.0]


def test_a_plan_of_stated_demand_says_so_and_names_no_past():
    stated = replace(
        synthetic_plan(),
        demand="demand.toml",
        backtest=Backtest(horizon_weeks=0, used="rule", reason="no history", scores=()),
    )

    page = " ".join(told(stated).split())

    assert "Forecast: none, the demand is what demand.toml states." in page
    assert "(stated demand)" in page
    assert "modelled history" not in page
    assert "so far" not in page
    assert "did not beat" not in page
