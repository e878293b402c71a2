"""What a reader of a plan must know before believing it."""

from dataclasses import replace

import pytest

from planning.capacities import capacities_used
from planning.demand import parse_demand, stated_forecast
from planning.history.csv import parse_csv
from planning.reasons import assumptions_of, warnings_of
from planning.series import shape
from tests.planning.test_buying import sized
from tests.planning.test_offers import read
from tests.support.histories import budget, catalog, hourly_history

FORECAST = stated_forecast(
    parse_demand(
        {
            "first": "2025-02",
            "source": "a test",
            "groups": [{"name": "a", "meetings": 3, "size": 10}],
        },
        source="demand.toml",
    ),
    weeks=4,
)


def warned(history=None, *, months_before=0, made_on="2025-02-03") -> str:
    return "\n".join(
        warnings_of(
            history=history or hourly_history(4, lambda week: 300.0),
            catalog=catalog(),
            budget=budget(),
            capacities=capacities_used(catalog()),
            sized=sized(),
            predicted=FORECAST,
            largest_meeting=60,
            months_before=months_before,
            first_month="2025-02",
            made_on=made_on,
        )
    )


def test_a_plan_that_begins_in_the_past_says_so():
    past = "begins in 2025-02, which is past: made.csv ends before it"
    modelled = replace(hourly_history(4, lambda week: 300.0), is_modelled=True)

    assert past in warned(made_on="2025-03-01")
    assert past not in warned(made_on="2025-02-28")
    assert past not in warned(modelled, made_on="2026-01-01")


@pytest.mark.parametrize(("count", "words"), [(1, "1 month older"), (3, "3 months")])
def test_the_age_of_a_balance_is_counted_in_months(count, words):
    assert words in warned(months_before=count)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({}, {"VAT": "as the prices have it"}),
        ({"vat": 0.19}, {"VAT": "19% added to the prices"}),
        ({"vat": 0.19, "vat_deductible": True}, {"VAT": "left out of the prices"}),
        (
            {"vat": 0.081, "currency": "CHF", "eur_per_unit": 1.05},
            {"VAT": "8.1% added to the prices", "exchange rate": "1 CHF = 1.05 EUR"},
        ),
    ],
)
def test_whether_prices_are_gross_and_in_which_money_is_told(head, told):
    history = hourly_history(4, lambda week: 300.0)
    rows = assumptions_of(
        history=history,
        catalog=read(head),
        budget=budget(),
        sized=sized(),
        shape=shape(history),
        largest_meeting=60,
    )

    found = {row.name: row.value for row in rows}
    assert {name: found[name] for name in told} == told
    assert ("exchange rate" in found) == ("exchange rate" in told)


def test_a_gap_is_one_gap():
    times = (0, 1, 2, 5, 6, 7)
    lines = [f"2025-01-06T0{hour}:00:00Z,5" for hour in times]
    history = parse_csv(["time,participants", *lines], source="h.csv")

    assert "h.csv has 1 gap, the longest of 2 hours" in warned(history)
