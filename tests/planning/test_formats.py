"""What the document of the planner's files shows is what their readers take."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from planning.budget import parse_budget
from planning.calendars import parse_calendar
from planning.catalog import parse_catalog
from planning.demand import parse_demand
from planning.history.csv import parse_csv

FORMATS = (Path(__file__).parents[2] / "planning" / "formats.md").read_text("utf-8")


def shown(kind: str) -> dict[str, str]:
    """The examples of a kind, by the heading above them."""
    sections = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", FORMATS, re.M | re.S)
    return {
        heading: example
        for heading, text in sections
        for example in re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)
    }


def table(heading: str) -> dict[str, Any]:
    return tomllib.loads(shown("toml")[heading])


def test_the_catalogue_that_is_shown_has_a_type_of_each_billing():
    data = table("The catalogue")

    catalog = parse_catalog(data, source="it", today=date(2026, 11, 23))

    assert [kind.billing for kind in catalog.types] == ["rented", "hourly", "bought"]
    assert catalog.warnings == ()


def test_the_budget_that_is_shown_is_read():
    budget = parse_budget(table("The budget"), source="it")

    assert budget.contracts[0].until == "2027-03"
    assert budget.recordings is not None
    assert budget.streams is not None
    assert (budget.room_limit, budget.joins_per_s) == (200, 30.0)


def test_the_calendar_that_is_shown_is_read():
    calendar = parse_calendar(table("The calendar"), source="it")

    assert calendar.country == "DE"


def test_the_demand_that_is_shown_is_read():
    stated = parse_demand(table("Demand without a history"), source="it")

    assert 400 < stated.peak.p50 < 900


def test_the_history_that_is_shown_is_read():
    history = parse_csv(shown("csv")["history.csv"].splitlines(), source="it")

    assert history.participants == (412, 455)
    assert history.meetings == (31, 33)
