"""Which capacity is planned with: the catalogue's first, the stand-in's never."""

from dataclasses import replace
from datetime import date

import pytest

from bots.errors import ConfigError
from loadtest.models import MeetingProfile, ProfileCapacity
from planning.capacities import (
    Measured,
    capacities_used,
    parse_mix,
    stand_in_section,
)
from planning.catalog import parse_catalog
from planning.offers import Catalog
from tests.planning.test_mix import capacity
from tests.support.histories import catalog, catalog_data
from tests.support.runs import synthetic_capacity


def bare(cores: tuple[int, ...] = (8, 16)) -> Catalog:
    """Return the catalogue without any capacity."""
    data = catalog_data()
    for kind, count in zip(data["types"], cores, strict=True):
        del kind["capacity"]
        kind["cores"] = count
    return parse_catalog(data, source="c.toml", today=date(2026, 11, 23))


def profile(name: str, carried: float | None) -> ProfileCapacity:
    return ProfileCapacity(
        profile=MeetingProfile(
            name=name, size=20, cameras=5, microphones=10, listeners=10
        ),
        capacity=carried,
        at_least=None if carried else 90.0,
        invalid="",
        low=carried * 0.9 if carried else None,
        high=carried * 1.1 if carried else None,
        coverage=0.9,
        limit="cpu" if carried else "",
        points=(),
        verdicts=(),
    )


def measured(**changes: object):
    values = {
        "profiles": (profile("talks", 150.0), profile("classes", 110.0)),
        "node_cores": 8.0,
    }
    return capacity(**(values | changes))


def given(**changes: object) -> tuple[Measured, ...]:
    return (Measured(capacity=measured(**changes)),)


def test_a_capacity_of_the_catalogue_wins_over_a_measurement():
    used = capacities_used(catalog(), given())

    assert {one.origin for one in used} == {"catalog"}
    assert used[0].participants == 200


def test_a_measurement_serves_the_type_with_as_many_cores():
    (used,) = capacities_used(bare(), given())

    assert used.type == "small"
    assert used.origin == "capacity.json"
    assert used.participants == 110.0
    assert used.slo == "bbbload-1"
    assert used.coverage == 0.9
    assert used.mix.startswith("classes")


def test_another_profile_can_be_named():
    assert capacities_used(bare(), given(), "talks")[0].participants == 150.0
    with pytest.raises(ConfigError, match="'parties'; it has talks, classes"):
        capacities_used(bare(), given(), "parties")


def test_a_profile_that_only_held_at_the_cap_is_no_capacity():
    only_at_least = given(profiles=(profile("talks", None),))

    with pytest.raises(ConfigError, match="no capacity to plan with"):
        capacities_used(bare(), only_at_least)


def test_an_invalid_run_is_no_capacity():
    invalid = given(validity="invalid", reasons=("generator too slow",))

    for mix in ((), (("talks", 1.0),)):
        with pytest.raises(ConfigError, match="generator too slow"):
            capacities_used(bare(), invalid, mix=mix)


def test_the_stand_in_is_never_a_capacity_of_bbb():
    with pytest.raises(ConfigError, match="stand-in node, which says nothing about"):
        capacities_used(bare(), given(stand_in=True))


def test_the_stand_in_has_a_section_of_its_own():
    section = stand_in_section((measured(), measured(stand_in=True)))

    assert section is not None
    assert "not on BigBlueButton" in section.title
    assert "not used" in section.note
    assert [row.capacity for row in section.profiles] == [150.0, 110.0]
    assert stand_in_section((measured(),)) is None
    assert stand_in_section(()) is None


def test_no_capacity_anywhere_is_one_sentence():
    with pytest.raises(ConfigError, match=r"add \[types\.capacity\]"):
        capacities_used(bare())


def test_a_measurement_of_other_cores_serves_nobody():
    with pytest.raises(ConfigError, match="as many cores"):
        capacities_used(bare((12, 16)), given(node_cores=8.0))


def test_a_mix_of_measured_profiles_is_planned_with():
    found = synthetic_capacity()
    names = [one.profile.name for one in found.profiles]
    offered = bare((round(found.node_cores or 0), 99))
    real = (Measured(capacity=replace(found, stand_in=False)),)

    (used,) = capacities_used(
        offered, real, mix=parse_mix(f"{names[0]}=3,{names[2]}=1")
    )

    singly = [
        capacities_used(offered, real, mix=((name, 1.0),))[0].participants
        for name in (names[0], names[2])
    ]
    assert used.participants == pytest.approx(1 / (0.75 / singly[0] + 0.25 / singly[1]))
    assert used.mix == f"{names[0]} 75%, {names[2]} 25%"
    assert used.low < used.participants < used.high
    with pytest.raises(ConfigError, match="no profile 'parties' to mix"):
        capacities_used(offered, real, mix=(("parties", 1.0),))


@pytest.mark.parametrize("text", ["talks", "talks=", "=1", "talks=-1", "talks=nan"])
def test_a_mix_written_otherwise_is_one_sentence(text):
    with pytest.raises(ConfigError, match="no part of a mix"):
        parse_mix(text)


def test_cards_serve_the_types_they_name_and_others_those_of_their_cores():
    small, large = bare().types
    cards = (
        Measured(capacity=measured(node_cores=4.0), type="LARGE", origin="node card"),
        Measured(capacity=measured(profiles=(profile("talks", 70.0),))),
    )

    used = {one.type: one for one in capacities_used(bare(), cards)}

    assert used[large.name].participants == 110.0
    assert used[large.name].origin == "node card"
    assert used[small.name].participants == 70.0


def test_a_card_never_serves_a_type_beside_the_one_it_names():
    card = Measured(capacity=measured(), type="large", origin="node card")

    (used,) = capacities_used(bare(), (card,))

    assert used.type == "large"


def test_two_measurements_of_one_type_are_not_chosen_between():
    with pytest.raises(ConfigError, match=r"several measurements .* 'small': give one"):
        capacities_used(bare(), (*given(), *given()))
