"""Money: balances, runways, and budgets read strictly."""

from datetime import date

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.budget import (
    balances,
    month_distance,
    monthly_amounts,
    months_after,
    parse_budget,
    runways,
)
from planning.models import LONGEST_RUNWAY_MONTHS
from planning.offers import MoneyLine
from planning.peaks import Interval
from tests.support.histories import budget


def money(*values: float) -> np.ndarray:
    return np.array([values])


def test_a_runway_counts_fractions_of_a_month():
    (months,) = runways(7000.0, money(*[0.0] * 12), money(*[450.0] * 12))

    assert months == pytest.approx(7000 / 450)


def test_a_runway_inside_the_plan_ends_where_the_money_does():
    (months,) = runways(250.0, money(0, 0, 0, 0), money(100, 100, 100, 100))

    assert months == pytest.approx(2.5)


def test_the_reserve_is_not_spent():
    (months,) = runways(250.0, money(0, 0, 0), money(100, 100, 100), reserve_eur=100.0)

    assert months == pytest.approx(1.5)


def test_money_that_grows_lasts_for_ever():
    (months,) = runways(10.0, money(100, 100), money(90, 90))

    assert months == LONGEST_RUNWAY_MONTHS


def test_nothing_left_is_no_runway():
    (months,) = runways(50.0, money(1000), money(10), reserve_eur=60.0)

    assert months == 0.0


def test_balances_add_up():
    left = balances(100.0, money(10, 0), money(30, 40))

    assert left.tolist() == [[80.0, 40.0]]


def test_lines_count_from_first_to_last_month():
    line = MoneyLine(
        name="grant",
        amount=Interval(low=50, mid=50, high=50),
        first_month="2026-02",
        last_month="2026-03",
    )

    drawn = monthly_amounts(
        (line,),
        ("2026-01", "2026-02", "2026-03", "2026-04"),
        np.random.default_rng(1),
        2,
    )

    assert drawn.tolist() == [[0, 50, 50, 0]] * 2


def test_uncertain_income_keeps_its_interval():
    line = MoneyLine(name="donations", amount=Interval(low=50, mid=120, high=300))

    drawn = monthly_amounts((line,), ("2026-01",), np.random.default_rng(1), 40_000)

    assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx(
        [50, 120, 300], rel=0.03
    )


def test_months_are_counted_across_years():
    assert months_after("2020-12-31", 2) == ("2021-01", "2021-02")
    assert month_distance("2020-11", "2021-02") == 3


def test_shocks_are_never_missing():
    assert [shock.factor for shock in budget().shocks] == [2.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"balance": -3}, ("balance = -3",)),
        ({"balence": 3}, ("unknown key 'balence'",)),
        ({"fixed_costs": [{"name": "web", "amount": -5}]}, ("'web'", "-5")),
        ({"fixed_costs": [{"name": "web"}]}, ("'web'", "lacks amount")),
        (
            {"income": [{"name": "gift", "amount": {"low": 9, "mid": 5, "high": 7}}]},
            ("low ≤ mid ≤ high",),
        ),
        ({"income": [{"name": "gift", "amount": 5, "first": "May"}]}, ("'May'",)),
        ({"growth": [{"name": "school", "factor": 1.2}]}, ("lacks first",)),
        ({"shocks": [{"factor": 0}]}, ("above 0",)),
        ({"streams": {"audio_bps": 50_000}}, ("lacks source",)),
        ({"balance_on": "soon"}, ("'soon'",)),
    ],
)
def test_a_mistake_is_one_sentence(changes, words):
    with pytest.raises(ConfigError) as caught:
        budget(**changes)

    message = str(caught.value)
    assert message.startswith("budget.toml")
    for word in words:
        assert word in message


def test_the_day_of_the_balance_is_needed():
    with pytest.raises(ConfigError, match="lacks balance_on"):
        parse_budget({"balance": 5}, source="b.toml")


def test_own_stream_shares_replace_the_defaults():
    streams = budget(
        streams={"source": "our exporter", "seen_cameras": 3.0},
        balance_on=date(2026, 1, 31),
    ).streams

    assert streams is not None
    assert streams.seen_cameras.mid == 3.0
    assert streams.source == "our exporter"
