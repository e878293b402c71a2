"""Until when to order and cancel."""

from dataclasses import replace

import pytest

from planning.offers import NodeCount
from planning.orders import order_steps
from tests.support.histories import catalog

MONTHS = ("2027-01", "2027-02", "2027-03")


def nodes(*counts: int) -> tuple[tuple[NodeCount, ...], ...]:
    return tuple((NodeCount(type="small", count=count),) for count in counts)


def kinds(**changes: object):
    small, large = catalog().types
    return (replace(small, **changes), large)


def test_orders_are_placed_a_lead_time_before_their_month():
    (first, later) = order_steps(
        MONTHS, nodes(3, 5, 5), kinds(lead_days=14), (), "2026-11-23"
    )

    assert (first.month, first.count, first.act_by) == ("2027-01", 3, "2026-12-18")
    assert (later.month, later.count, later.act_by) == ("2027-02", 2, "2027-01-18")
    assert not first.is_late


def test_cancellations_are_sent_before_the_notice_begins():
    (step,) = order_steps(
        MONTHS,
        nodes(5, 5, 2),
        kinds(notice_days=30),
        (NodeCount(type="small", count=5),),
        "2026-11-23",
    )

    assert (step.month, step.count) == ("2027-03", -3)
    # Ends on 28 February; thirty days of notice lie between.
    assert step.act_by == "2027-01-29"
    assert "30 days of notice" in step.reason


@pytest.mark.parametrize(
    ("made_on", "late"), [("2026-12-28", True), ("2027-06-01", False)]
)
def test_what_should_have_been_ordered_already_is_called_late(made_on, late):
    # A look back from June is no plan that is late.
    (step,) = order_steps(MONTHS[:1], nodes(3), kinds(lead_days=14), (), made_on)

    assert step.is_late is late


def test_hourly_nodes_are_switched_and_not_ordered():
    (step,) = order_steps(
        MONTHS[:1], nodes(3), kinds(billing="hourly"), (), "2026-11-23"
    )

    assert "by the hour" in step.reason
