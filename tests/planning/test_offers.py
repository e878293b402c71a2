"""Ways to pay, contracts, disk, CO2 and what moves the bill."""

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bots.errors import ConfigError
from planning.catalog import parse_catalog
from planning.disk import co2_of, disk_for
from planning.offers import NodeCount, Recordings
from planning.peaks import Interval
from planning.sensitivity import rank_correlation
from planning.settings import blocks_of, held_counts, with_contracts
from tests.planning.test_buying import sized
from tests.support.histories import budget, catalog_data, hourly_history

TODAY = date(2026, 11, 23)
EXAMPLE = Path(__file__).parents[2] / "examples" / "catalog.toml"


def read(head: dict[str, object], **changes: object):
    data = catalog_data(**changes)
    data["catalog"] |= head
    return parse_catalog(data, source="c.toml", today=TODAY)


def test_the_catalogue_of_the_project_is_read_and_calls_its_prices_assumed():
    found = parse_catalog(
        tomllib.loads(EXAMPLE.read_text()), source="catalog.toml", today=TODAY
    )

    assert {kind.billing for kind in found.types} == {"rented", "hourly", "bought"}
    assert all(kind.is_assumption for kind in found.types)
    assert not found.warnings


def test_a_bought_node_runs_on_housing_and_power():
    found = parse_catalog(
        {
            "catalog": {"date": TODAY, "source": "x", "power_per_kwh": 0.30},
            "types": [
                {
                    "name": "own",
                    "purchase": 3000.0,
                    "years": 5,
                    "housing": 60.0,
                    "watts": 100,
                    "nic_mbps": 1000,
                    "cores": 8,
                }
            ],
        },
        source="c.toml",
        today=TODAY,
    )

    (own,) = found.types
    assert own.life_months == 60
    assert own.price_eur == pytest.approx(60 + 0.1 * 730.5 * 0.30)


def test_vat_is_left_out_for_those_who_get_it_back():
    gross = read({"vat": 0.19, "prices_include_vat": True}).types[0].price_eur
    net = (
        read({"vat": 0.19, "prices_include_vat": True, "vat_deductible": True})
        .types[0]
        .price_eur
    )

    assert gross == pytest.approx(40.0)
    assert net == pytest.approx(40.0 / 1.19)


def test_another_currency_needs_its_rate():
    swiss = read({"currency": "CHF", "eur_per_unit": 1.05})

    assert swiss.types[0].price_eur == pytest.approx(42.0)
    with pytest.raises(ConfigError, match="eur_per_unit"):
        read({"currency": "CHF"})


def test_a_contract_has_a_type_of_its_own_at_its_own_price():
    held = budget(
        held=[{"type": "small", "count": 3, "price": 12.0, "until": "2026-03"}]
    )

    types = with_contracts(sized(), held)

    own = types[-1].type
    assert (own.name, own.price_eur, own.is_held) == ("small (held)", 12.0, True)
    assert held_counts(held, types) == (NodeCount(type="small (held)", count=3),)
    with pytest.raises(ConfigError, match="'huge'"):
        with_contracts(
            sized(), budget(held=[{"type": "huge", "count": 1, "price": 1.0}])
        )


def test_blocks_are_the_hours_of_the_week_by_what_they_need():
    blocks = blocks_of(hourly_history(20, lambda week: 1000.0))

    assert [level for level, _ in blocks] == pytest.approx([1.0, 2 / 3, 1 / 3])
    assert sum(hours for _, hours in blocks) == pytest.approx(730.5)
    # Busy from 8 to 14 on five days: 30 of 168 hours.
    assert blocks[0][1] == pytest.approx(30 / 168 * 730.5, rel=0.05)


def test_disk_is_hours_times_size_times_months():
    certain = Recordings(
        hours=Interval(low=40, mid=40, high=40),
        bytes_per_hour=Interval(low=5e8, mid=5e8, high=5e8),
        retention_months=12,
    )

    assert disk_for(certain, np.random.default_rng(1)).mid == pytest.approx(240e9)


def test_co2_is_known_only_where_every_type_has_watts():
    nodes = ((NodeCount(type="small", count=2),),)

    known = read({"co2_kg_per_kwh": 0.4}, watts=100)

    assert co2_of(nodes, known) == pytest.approx(2 * 0.1 * 730.5 * 0.4)
    assert co2_of(nodes, read({"co2_kg_per_kwh": 0.4})) is None
    assert co2_of(nodes, read({}, watts=100)) is None


def test_rank_correlation_is_spearman_s():
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    assert rank_correlation(first, first**3) == pytest.approx(1.0)
    assert rank_correlation(first, -first) == pytest.approx(-1.0)
    # Ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 × 4 ÷ (5 × 24).
    assert rank_correlation(first, np.array([2.0, 1, 4, 3, 5])) == pytest.approx(0.8)
    assert rank_correlation(first, np.ones(5)) == 0.0
