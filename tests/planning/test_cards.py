"""Cards side by side: one SLO, one load, what a euro buys, stand-ins apart."""

from dataclasses import replace
from datetime import date

import pytest

from bots.errors import ConfigError
from loadtest.card_making import make_card
from loadtest.models import Slo
from planning.cards import NamedCard, month_eur, side_by_side
from planning.catalog import parse_catalog
from tests.planning.test_capacities import measured, profile
from tests.planning.test_measured import PEOPLE

CATALOG = parse_catalog(
    {
        "catalog": {"source": "made up", "date": date(2026, 11, 1)},
        "types": [
            {
                "name": "rented",
                "price": 50.0,
                "term_months": 1,
                "nic_mbps": 1000,
                "cores": 8,
            },
            {
                "name": "bought",
                "purchase": 2400.0,
                "years": 4,
                "housing": 25.0,
                "nic_mbps": 1000,
                "cores": 8,
            },
        ],
    },
    source="c.toml",
    today=date(2026, 11, 23),
)


def named(name: str, server_type: str = "", **changes: object) -> NamedCard:
    found = measured(**({"profiles": (profile("talks", 150.0),)} | changes))
    return NamedCard(name=name, card=make_card(found, server_type=server_type))


def rows(found, load: str):
    (one,) = [each for each in found.loads if each.profile.name == load]
    return one.rows


def test_users_per_euro_have_the_price_and_the_interval_of_the_type():
    cards = (named("a", "Rented"), named("b", "bought"), named("c", "unknown"))

    found = rows(side_by_side(cards, CATALOG), "talks")

    bought = CATALOG.types[1]
    assert month_eur(bought) == pytest.approx(25 + 2400 / 48)
    assert [row.name for row in found] == ["a", "b", "c"]
    assert [row.price_eur for row in found] == [50.0, 75.0, None]
    best = found[0].per_eur
    assert best is not None
    assert (best.low, best.mid, best.high) == pytest.approx((2.7, 3.0, 3.3))
    assert best.coverage == 0.9
    assert found[2].per_eur is None


def test_a_load_that_held_buys_at_least_that_much():
    held = named("held", "rented", profiles=(profile("talks", None),))

    (row,) = rows(side_by_side((held,), CATALOG), "talks")

    assert row.per_eur is None
    assert row.at_least_per_eur == 90.0 / 50.0


def test_without_prices_the_card_that_carries_most_stands_first():
    small = named("small", profiles=(profile("talks", 90.0),))
    large = named("large", profiles=(profile("talks", 140.0),))

    found = rows(side_by_side((small, large), None), "talks")

    assert [row.name for row in found] == ["large", "small"]


def test_stand_ins_stand_apart_and_have_no_price():
    real, toy = named("real", "rented"), named("toy", "rented", stand_in=True)

    found = side_by_side((toy, real), CATALOG)

    assert {row.name for load in found.loads for row in load.rows} == {"real"}
    toys = [row for load in found.stand_ins for row in load.rows]
    assert {(row.name, row.standing) for row in toys} == {("toy", "stand-in")}
    assert all(row.per_eur is None and row.price_eur is None for row in toys)


def test_a_card_that_is_not_valid_is_last_and_buys_nothing():
    good = named("good", "rented", profiles=(profile("talks", 90.0),))
    bad = named(
        "bad", "rented", validity="invalid", profiles=(profile("talks", 900.0),)
    )

    found = rows(side_by_side((bad, good), CATALOG), "talks")

    assert [(row.name, row.standing) for row in found] == [
        ("good", "valid"),
        ("bad", "invalid"),
    ]
    assert found[1].per_eur is None


def test_cards_of_another_slo_stand_apart_with_the_bound_that_differs():
    strict = Slo(name="ours", node_cpu_max=0.6, dropped_max=None)
    cards = (named("odd", slo=strict), named("a"), named("b"))

    found = side_by_side(cards, None)

    assert found.slo == Slo()
    assert found.apart == (
        (
            "odd",
            "another SLO: dropped_max not judged and not 0.005, node_cpu_max 0.6 and "
            "not 0.8",
        ),
    )


def test_the_name_of_an_slo_is_no_difference():
    renamed = named("renamed", slo=Slo(name="bbbload-1 changed"))

    assert side_by_side((renamed, named("a")), None).apart == ()


def test_the_slo_of_most_real_valid_cards_is_compared():
    strict = Slo(name="ours", node_cpu_max=0.6)
    cards = (
        named("toy", stand_in=True),
        named("void", validity="invalid"),
        named("real", slo=strict),
    )

    found = side_by_side(cards, None)

    assert found.slo.node_cpu_max == 0.6
    assert [name for name, _ in found.apart] == ["toy", "void"]


def test_other_meetings_are_another_table_whatever_they_are_called():
    other = replace(profile("talks", 150.0).profile, size=10)
    card = named("other", profiles=(replace(profile("talks", 70.0), profile=other),))

    found = side_by_side((card, named("a")), None)

    assert [[row.name for row in load.rows] for load in found.loads] == [
        ["other"],
        ["a"],
    ]


def test_dearer_people_shrink_what_a_card_carries():
    card = named("a", "rented")
    beside = replace(card, card=replace(card.card, people=PEOPLE))

    (row,) = rows(side_by_side((beside,), CATALOG), "talks")

    assert row.participants is not None
    assert row.participants.mid == pytest.approx(150 * PEOPLE.mid)
    assert row.per_eur is not None
    assert row.per_eur.mid == pytest.approx(150 * PEOPLE.mid / 50)


def test_no_card_is_nothing_to_compare():
    with pytest.raises(ConfigError, match="no node card to compare"):
        side_by_side((), None)
