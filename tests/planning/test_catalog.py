"""Catalogues: dated prices, every mistake one sentence with its fix."""

from datetime import date

import pytest

from bots.errors import ConfigError
from planning.catalog import parse_catalog, read_catalog
from tests.support.histories import catalog, catalog_data

TODAY = date(2026, 11, 23)


def test_prices_are_what_the_user_pays():
    data = catalog_data()
    data["catalog"]["vat"] = 0.19

    kind = parse_catalog(data, source="c.toml", today=TODAY).types[0]

    assert kind.price_eur == pytest.approx(47.6)
    assert kind.setup_eur == pytest.approx(47.6)
    assert kind.nic_bps == 1e9


def test_included_vat_is_not_added_again():
    data = catalog_data()
    data["catalog"] |= {"vat": 0.19, "prices_include_vat": True}

    assert parse_catalog(data, source="c.toml", today=TODAY).types[0].price_eur == 40


def test_old_prices_warn_past_sixty_days():
    data = catalog_data()
    data["catalog"]["date"] = date(2026, 9, 24)
    assert parse_catalog(data, source="c.toml", today=TODAY).warnings == ()

    data["catalog"]["date"] = date(2026, 9, 23)
    (warning,) = parse_catalog(data, source="c.toml", today=TODAY).warnings
    assert "61 days old" in warning


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": -40.0}, ("'small'", "price = -40", "negative")),
        ({"setup": -1}, ("setup = -1", "negative")),
        ({"price": "forty"}, ("price", "'forty'")),
        ({"cores": 0}, ("cores = 0", "at least 1")),
        ({"cores": 2.5}, ("cores", "2.5")),
        ({"prize": 3}, ("unknown key 'prize'", "price")),
        ({"name": "large"}, ("two types called 'large'",)),
        ({"capacity": {"participants": 9}}, ("lacks low",)),
        (
            {"capacity": {"participants": 9, "low": 10, "high": 11, "source": "x"}},
            ("low ≤ participants ≤ high", "10"),
        ),
        ({"date": date(2027, 1, 1)}, ()),
    ],
)
def test_a_mistake_is_one_sentence(change, words):
    if change == {"date": date(2027, 1, 1)}:
        data = catalog_data(**change)
        data["types"] = data["types"][:1]
        words = ("2027-01-01", "to come")
    else:
        data = catalog_data(**change)

    with pytest.raises(ConfigError) as caught:
        parse_catalog(data, source="c.toml", today=TODAY)

    message = str(caught.value)
    assert message.startswith("c.toml")
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("missing", ["name", "price", "nic_mbps", "cores"])
def test_a_missing_field_is_named(missing):
    data = catalog_data()
    del data["types"][0][missing]

    with pytest.raises(ConfigError, match=f"lacks {missing}"):
        parse_catalog(data, source="c.toml", today=TODAY)


@pytest.mark.parametrize("missing", ["date", "source"])
def test_a_price_needs_its_day_and_its_source(missing):
    data = catalog_data()
    del data["catalog"][missing]

    with pytest.raises(ConfigError, match=f"has no {missing}"):
        parse_catalog(data, source="c.toml", today=TODAY)


def test_a_catalogue_without_types_is_refused():
    with pytest.raises(ConfigError, match=r"no \[\[types\]\]"):
        parse_catalog({}, source="c.toml", today=TODAY)


def test_another_currency_is_refused():
    data = catalog_data()
    data["catalog"]["currency"] = "CHF"

    with pytest.raises(ConfigError, match="'CHF'"):
        parse_catalog(data, source="c.toml", today=TODAY)


def test_a_file_that_is_no_toml_is_one_sentence(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[[types]\nname = 3")

    with pytest.raises(ConfigError, match="is no TOML"):
        read_catalog(path, today=TODAY)
    with pytest.raises(ConfigError, match="cannot read the catalogue"):
        read_catalog(tmp_path / "absent.toml", today=TODAY)


def test_the_catalogue_knows_its_oldest_price():
    assert catalog(date=date(2026, 10, 20)).date == "2026-10-20"
