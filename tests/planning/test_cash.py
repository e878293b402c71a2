"""Money from the day of the balance on: every month once, what is paid once, once."""

import numpy as np
import pytest

from planning.budget import monthly_amounts
from planning.cash import Cash, columns, laid_out, planned
from planning.offers import Budget
from tests.support.histories import budget

MONTHS = ("2026-01", "2026-02", "2026-03")


def cash(money: Budget, monthly: tuple[float, ...], once: tuple[float, ...]) -> Cash:
    span, rng = columns(money, MONTHS), np.random.default_rng(1)
    return Cash(
        budget=money,
        months=MONTHS,
        income=monthly_amounts(money.income, span, rng, 1),
        fixed=monthly_amounts(money.fixed_costs, span, rng, 1),
        nodes=laid_out(np.array([monthly]), np.array([once]), money, MONTHS),
    )


def test_a_balance_is_the_one_before_with_income_and_without_bills():
    money = budget(
        balance=1000.0,
        income=[{"name": "gifts", "amount": 30.0}],
        fixed_costs=[{"name": "web", "amount": 50.0}],
    )

    left = cash(money, (100.0, 100.0, 200.0), (300.0, 0.0, 0.0)).balances_eur()

    assert left.tolist() == [[580.0, 460.0, 240.0]]


def test_months_between_the_balance_and_the_plan_are_lived_through_once():
    # From the end of October: November, December, then the plan.
    money = budget(
        balance=5000.0,
        balance_on="2025-10-31",
        income=[
            {
                "name": "grant",
                "amount": 1000.0,
                "first": "2026-01",
                "last": "2026-01",
            }
        ],
        fixed_costs=[],
    )

    left = cash(money, (100.0, 100.0, 100.0), (700.0, 0.0, 0.0)).balances_eur()

    # The set-up of January is paid in January, and the grant comes then.
    assert left.tolist() == [[5000 - 200 - 800 + 1000, 4900.0, 4800.0]]


def test_planned_months_that_the_balance_holds_are_not_paid_again():
    money = budget(balance=500.0, balance_on="2026-02-28", fixed_costs=[])
    made = cash(money, (100.0, 100.0, 100.0), (0.0, 0.0, 0.0))

    assert made.balances_eur()[0, -1] == 400.0
    assert made.runway_months() == pytest.approx([5.0])
    assert planned(made.nodes, money, MONTHS).shape == (1, 3)


def test_what_is_paid_once_in_the_last_month_is_not_paid_for_ever():
    money = budget(
        balance=2000.0,
        income=[
            {"name": "fair", "amount": 90.0, "first": "2026-03", "last": "2026-03"}
        ],
        fixed_costs=[{"name": "web", "amount": 50.0, "last": "2026-03"}],
    )

    made = cash(money, (100.0, 100.0, 100.0), (0.0, 0.0, 500.0))

    # 2,000 - 450 - 500 + 90 are left in March; 100 a month from then on.
    assert made.balances_eur()[0, -1] == 1140.0
    assert made.runway_months() == pytest.approx([3 + 11.4])


def test_what_is_ordered_takes_all_else_in_its_middle():
    money = budget(
        balance=1000.0,
        income=[{"name": "gifts", "amount": {"low": 10, "mid": 40, "high": 160}}],
        fixed_costs=[],
    )
    drawn = monthly_amounts(
        money.income, columns(money, MONTHS), np.random.default_rng(1), 4001
    )
    many = Cash(
        budget=money,
        months=MONTHS,
        income=drawn,
        fixed=np.zeros(drawn.shape),
        nodes=np.full(drawn.shape, 77.0),
    )

    one = many.ordered(np.array([100.0, 100.0, 100.0]), np.array([20.0, 0.0, 0.0]))

    assert one.balances_eur()[0] == pytest.approx([920.0, 860.0, 800.0], abs=6.0)
