"""The treasurer's page in two languages, and the sheet behind it."""

import csv
import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from loadtest.cli import run_command
from planning.budget import parse_budget
from planning.catalog import read_catalog, read_toml
from planning.codec import encode_plan
from planning.models import Alternative, ConfidencePrice, Influence, OrderStep
from planning.peaks import Interval
from reports import html, plan_page, plan_report, plan_sheet, plan_words, text
from reports.document import Language
from tests.planning.test_example import brief_plan
from tests.support.plans import synthetic_plan


def full_plan():
    plan = synthetic_plan()
    month = plan.months[0]
    return replace(
        plan,
        orders=(
            OrderStep(
                month="2021-04",
                type="dedicated-8",
                count=2,
                act_by="2021-03-18",
                reason="14 days until it serves",
            ),
            OrderStep(
                month="2021-07",
                type="cloud-16",
                count=-1,
                act_by="2021-05-31",
                reason="30 days of notice",
                is_late=True,
            ),
        ),
        alternatives=(
            Alternative(
                name="cheapest",
                nodes=(month.nodes,),
                total_eur=10846.4,
                changes=6,
                overload_risk=0.049,
                why="",
            ),
        ),
        confidence=(
            ConfidencePrice(confidence=0.95, total_eur=10846, largest_pool=25),
        ),
        sensitivity=(
            Influence(
                name="capacity of a node",
                low_eur=13387,
                high_eur=6248,
                rank_correlation=-0.82,
                sentence="the more a node carries, the fewer are needed",
            ),
        ),
        reasons=("nodes are filled to 58%",),
        disk_bytes=Interval(low=1e12, mid=2e12, high=3e12),
        co2_kg=1234.0,
    )


def told(language: Language) -> str:
    page = replace(
        plan_page.first_screen(full_plan(), language),
        title="Plan",
        sections=plan_page.sections(full_plan(), language),
    )
    return text.render((page,))


def test_the_german_page_says_everything_in_german():
    page = told("de")

    for words in (
        "Bestellen und kündigen",
        "18.3.2021",
        "2 × dedicated-8 bestellen",
        "schon überfällig",
        "30 Tage Kündigungsfrist",
        "April 2021",
        "Das Geld reicht",
        "Größte Konferenz",
        "Ein schlechter Monat",
        "Preise vom",
        "10.846 EUR",
        "was ein Server trägt",
        "Je mehr ein Server trägt, desto weniger sind nötig: 13.387 EUR",
    ):
        assert words in page, words
    for english in ("order", "cancel", "capacity of a node", "months with"):
        assert not re.search(rf"\b{english}\b", page), english


def test_the_german_page_is_german_around_its_content_too(tmp_path):
    plan = plan_report.document(full_plan(), source="plan.json", language="de")

    page = html.render((plan,))

    assert '<html lang="de">' in page
    assert "Woher das kommt" in page
    assert "Where this comes from" not in page
    assert "von 7.000 EUR bis auf" in page


def test_the_english_page_says_the_same():
    page = told("en")

    for words in (
        "Order and cancel",
        "order 2 × dedicated-8",
        "already late",
        "The money lasts",
        "10,846 EUR",
        "A bad month",
        "1,234 kg",
    ):
        assert words in page, words


def test_money_that_does_not_end_is_said_to_last_over_twenty_years():
    forever = Interval(low=240.0, mid=240.0, high=240.0)
    long = replace(full_plan(), runway_months=forever)
    some = replace(long, runway_months=Interval(low=40.7, mid=173.0, high=240.0))
    cases: tuple[tuple[Language, str, str], ...] = (
        ("en", "over 20 years", "40.7 months to over 20 years"),
        ("de", "mehr als 20 Jahre", "40,7 Monate bis mehr als 20 Jahre"),
    )

    for language, words, span in cases:
        told = [plan_page.first_screen(plan, language).answers for plan in (long, some)]
        lasting = [answers[1] for answers in told]
        assert (lasting[0].value, lasting[0].interval) == (words, "")
        assert span in lasting[1].interval.replace("\xa0", " ")


def test_both_pages_tell_disk_and_co2():
    plan = full_plan()
    english = plan_report.document(plan, source="plan.json")

    questions = [answer.question for answer in english.answers]
    assert questions[-2:] == ["Disk for recordings", "CO2 of the nodes, all months"]
    german = plan_page.first_screen(plan, "de").answers
    assert german[-2].value.replace("\xa0", " ") == "2 TB"
    assert "1 TB bis 3 TB" in german[-2].interval.replace("\xa0", " ")


def test_nodes_held_are_told_in_the_language_of_the_page():
    held = replace(full_plan().orders[0], type="six (held)", count=-2)
    plan = replace(full_plan(), orders=(held,))

    def told(language: Language) -> str:
        page = plan_report.document(plan, source="plan.json", language=language)
        return text.render((page,)).replace("\xa0", " ")

    assert "2 × six (vorhanden) kündigen" in told("de")
    assert "cancel 2 × six (held)" in told("en")


def test_every_text_has_both_languages():
    for name, (english, german) in plan_words.WORDS.items():
        assert english, name
        assert german, name
        fields = [sorted(re.findall(r"{\w+}", words)) for words in (english, german)]
        assert fields[0] == fields[1], name


def test_the_sheet_adds_up_for_whoever_redoes_it():
    rows = list(csv.reader(io.StringIO(plan_sheet.render(full_plan()))))

    head = next(row for row in rows if row and row[0] == "month")
    months = [row for row in rows if row and re.fullmatch(r"20\d\d-\d\d", row[0])]
    assert len(months) == len(full_plan().months)
    for row in months:
        cells = dict(zip(head, row, strict=True))
        parts = ("nodes_eur", "setup_eur", "purchase_eur", "traffic_eur", "fixed_eur")
        assert sum(float(cells[name]) for name in parts) == pytest.approx(
            float(cells["cost_eur"]), abs=0.06
        )
    assert any(row and row[0] == "capacity" for row in rows)


def test_the_balance_of_the_sheet_is_the_one_before_plus_income_minus_cost():
    plan = brief_plan()
    rows = list(csv.reader(io.StringIO(plan_sheet.render(plan))))

    head = next(row for row in rows if row and row[0] == "month")
    left = plan.balance_start_eur
    for row in rows:
        if row and re.fullmatch(r"20\d\d-\d\d", row[0]):
            cells = dict(zip(head, row, strict=True))
            left += float(cells["income_eur"]) - float(cells["cost_eur"])
            assert float(cells["balance_as_ordered_eur"]) == pytest.approx(left, abs=1)
    assert left < plan.balance_start_eur


def test_the_german_sheet_is_one_that_german_spreadsheets_read():
    plan = replace(full_plan(), budget_used=None)
    english = list(csv.reader(io.StringIO(plan_sheet.render(plan))))

    sheet = plan_sheet.render(plan, "de")

    assert sheet.startswith("\ufeffEingaben;")
    rows = list(csv.reader(io.StringIO(sheet), delimiter=";"))
    assert [len(row) for row in rows] == [len(row) for row in english]
    months = [row for row in rows if row and re.fullmatch(r"20\d\d-\d\d", row[0])]
    told = [row for row in english if row and row[0] == months[1][0]]
    assert [cell.replace(",", ".") for cell in months[1]] == told[0]
    assert "," in "".join(months[1])
    (head,) = (row for row in rows if row[:1] == ["Monat"])
    assert not set(head) & set(plan_sheet.HEAD)


def test_the_sheet_holds_what_the_bill_was_computed_from():
    example = Path(__file__).parents[2] / "examples" / "senfcall-2020"
    budget = read_toml(example / "budget.toml", "the budget")
    budget["income"] = [{"name": "=donations", "amount": 200.0, "first": "2021-03"}]
    plan = replace(
        full_plan(),
        budget_used=parse_budget(budget, source="budget.toml"),
        catalog_used=read_catalog(example / "catalog.toml", today=date(2021, 1, 1)),
    )

    rows = list(csv.reader(io.StringIO(plan_sheet.render(plan))))

    given = {(row[0], row[1]): row[2:] for row in rows if len(row) > 2}
    assert given["price_eur_a_month", "6 cores"][0] == "39.44"
    assert given["nodes_held", "6 cores"] == ["9"]
    assert given["spare_nodes", ""] == ["1"]
    fixed = [row for row in rows if row[:1] == ["fixed_cost_eur_a_month"]]
    assert [row[2] for row in fixed] == ["100"]
    income = given["income_eur_a_month", "'=donations"]
    assert (income[0], income[3]) == ("200", "from 2021-03")


def test_no_cell_of_the_sheet_is_a_formula():
    plan = full_plan()
    evil = replace(plan.assumptions[0], name="=1+1", source="@SUM(A1)")

    sheet = plan_sheet.render(replace(plan, assumptions=(evil,)))

    assert "'=1+1" in sheet
    assert not re.search(r"(^|,)[=@]", sheet, re.MULTILINE)


def test_page_and_sheet_are_written_from_a_plan_file(tmp_path, capsys):
    path = tmp_path / "plan.json"
    path.write_text(encode_plan(full_plan()))

    assert run_command(["report", str(path), "--language", "de"]) == 0
    assert "Bestellen und kündigen" in capsys.readouterr().out
    assert run_command(["report", str(path), "-o", str(tmp_path / "plan.csv")]) == 0
    assert (tmp_path / "plan.csv").read_text().startswith("inputs")
    assert run_command(["report", str(path), str(path), "--language", "de"]) == 2
