"""The whole plan report in German: only the user's own words stay as they are."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from tomllib import loads

import pytest

from planning.assembly import Inputs, make_plan
from planning.budget import parse_budget
from planning.capacities import STAND_IN_NOTE, STAND_IN_TITLE, capacities_used
from planning.catalog import read_catalog
from planning.models import Plan
from planning.peaks import Interval
from reports import plan_report, plan_section_words
from reports.document import Document
from reports.format import NBSP
from reports.plan_history_sentences import HISTORY_SENTENCES
from reports.plan_price_sentences import PRICE_SENTENCES
from reports.plan_sentences import SENTENCES
from reports.plan_tongue import ENGLISH, Tongue
from tests.support.histories import EXAMPLE, example_history
from tests.support.plans import synthetic_plan

GERMAN = Tongue("de")
SAME = {"SLO", "bbbload", "bbbload-1", "test", "Budget", "Jan\n2021", "Feb"}
"""Names and months that both languages write alike."""
NOT_SHOWN = {"kind", "tone", "x_kind", "y_unit", "language"}
ENGLISH_ONLY = re.compile(
    r"\b(the|and|of|with|is|are|for|at|by|to|which|no|none|node|nodes|every|month)\b"
)


@cache
def example_plan() -> Plan:
    """Return the example, planned for two months, with a stand-in node beside it."""
    catalog = read_catalog(EXAMPLE / "catalog.toml", today=date(2021, 12, 31))
    budget = (EXAMPLE / "budget.toml").read_text()
    plan = make_plan(
        Inputs(
            history=example_history(),
            catalog=catalog,
            budget=parse_budget(loads(budget), source="budget.toml"),
            capacities=capacities_used(catalog),
            months=2,
            risk=0.05,
            seed=1,
            made_on="2021-12-31",
            tool_version="test",
        )
    )
    stand_in = synthetic_plan().stand_in
    assert stand_in is not None
    return replace(
        plan, stand_in=replace(stand_in, title=STAND_IN_TITLE, note=STAND_IN_NOTE)
    )


def strings(value: object) -> Iterator[str]:
    """Yield every text of a document or of a parsed file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from strings(part)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in NOT_SHOWN:
                yield from strings(getattr(value, field.name))


def in_language(language) -> Document:
    return plan_report.document(example_plan(), source="plan.json", language=language)


@cache
def words_of_the_user() -> tuple[str, ...]:
    files = ("catalog.toml", "budget.toml")
    written = [text for name in files for text in strings(_parsed(EXAMPLE / name))]
    profiles = [profile.name for profile in example_plan().stand_in.profiles]
    known = {*written, *example_history().comments, *files, *profiles}
    known |= {"history.csv", "plan.json", "scalelite"}
    return tuple(sorted(known, key=len, reverse=True))


def _parsed(path: Path) -> object:
    return loads(path.read_text())


def without_the_users_words(fragment: str) -> str:
    for words in words_of_the_user():
        fragment = fragment.replace(words, "")
    return fragment


def test_no_sentence_of_ours_stays_english_in_the_german_report():
    english = set(strings(in_language("en")))
    german = set(strings(in_language("de")))

    alike = {without_the_users_words(each) for each in english & german} - SAME
    half = {
        each for each in german if ENGLISH_ONLY.search(without_the_users_words(each))
    }

    assert not [each for each in alike if re.search(r"[A-Za-z]{2}", each)]
    assert not half


def test_both_languages_tell_the_same_sections_tables_and_charts():
    english, german = in_language("en"), in_language("de")

    def shape(document: Document) -> list[tuple[str, ...]]:
        return [
            tuple(type(block).__name__ for block in section.blocks)
            for section in document.sections
        ]

    assert shape(english) == shape(german)
    assert len(english.next_steps) == len(german.next_steps)
    assert len(english.provenance) == len(german.provenance)


@pytest.mark.parametrize("name", plan_section_words.WORDS)
def test_every_text_has_both_languages_and_is_asked_for(name):
    english, german = plan_section_words.WORDS[name]
    sources = "".join(
        path.read_text()
        for path in Path(plan_report.__file__).parent.glob("plan_*.py")
        if path.name != "plan_section_words.py"
    )

    assert places(english) == places(german)
    assert english
    assert german
    asked = re.escape(name.removesuffix(", short"))
    assert re.search(f"[\"']{asked}[\"']", sources)


@pytest.mark.parametrize(
    ("english", "german"), [*SENTENCES, *PRICE_SENTENCES, *HISTORY_SENTENCES]
)
def test_every_sentence_of_the_planner_keeps_its_places(english, german):
    assert places(english) == places(german)


def places(text: str) -> list[str]:
    return sorted(re.findall(r"{\w+}", text))


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("30 days of notice", "30 Tage Kündigungsfrist"),
        (
            "2021-01: the peak is 1190 in the middle and 18530 at the asked confidence",
            "Januar 2021: die Spitze liegt in der Mitte bei 1.190 und bei der "
            "verlangten Sicherheit bei 18.530",
        ),
        (
            "the history allows 2 backtest origins, fewer than 3: nothing shows that "
            "the model is better than the rule; terms.toml told of Exams of the year",
            "der Verlauf erlaubt 2 Startpunkte im Rückvergleich, weniger als 3: nichts "
            "zeigt, dass das Modell besser ist als die Faustregel; terms.toml nannte: "
            "Exams of the year",
        ),
        (
            "there is no history; demand.toml states the demand (asked; twice), and "
            "its intervals are those of statements, not of measurements",
            "es gibt keinen Verlauf; demand.toml gibt die Nachfrage an (asked; twice), "
            "und ihre Intervalle sind die von Angaben, nicht von Messungen",
        ),
        (
            "the plan begins in 2026-09, which is past: h.csv ends before it, and a "
            "newer history would tell what has come since",
            "der Plan beginnt im September 2026, der vorbei ist: h.csv endet davor, "
            "und ein neuerer Verlauf würde sagen, was seitdem kam",
        ),
        (
            "the balance of 2026-10-31 is 1 month older than the plan: the months "
            "between are taken to cost what its first month does",
            "der Kontostand vom 31.10.2026 ist 1 Monat älter als der Plan: für die "
            "Zeit dazwischen werden die Kosten des ersten Monats angenommen",
        ),
        (
            "19% added to the prices",
            f"19{NBSP}% auf die Preise aufgeschlagen",
        ),
        ("1 CHF = 1.05 EUR", "1 CHF = 1,05 EUR"),
        (
            "cameras in a meeting: demand.toml; our assumption",
            "Kameras je Konferenz: demand.toml; unsere Annahme",
        ),
        (
            "so the chance of an overload with a node down is 4.4%, where 5.0% was "
            "asked",
            "damit ist die Wahrscheinlichkeit einer Überlastung bei einem "
            f"ausgefallenen Server 4,4{NBSP}%; verlangt waren 5,0{NBSP}%",
        ),
        (
            "bbbload benchmark, run 12345678 of 2021-01-02T03:04:05Z",
            "bbbload benchmark, Lauf 12345678 vom 2021-01-02T03:04:05Z",
        ),
        (
            "a.csv leads; 12 of 1300 bins come from b.csv × 1.050, the median ratio of "
            "40 busy bins both know; they differ by 5.0% (standard deviation of the "
            "logarithm), by which the forecast is wider",
            "a.csv führt; 12 von 1.300 Abschnitten kommen aus b.csv × 1,050, dem "
            "mittleren Verhältnis (Median) von 40 vollen Abschnitten, die beide "
            f"kennen; sie weichen um 5,0{NBSP}% ab (Standardabweichung des "
            "Logarithmus), um so viel breiter ist die Prognose",
        ),
        ("the dean's own guess of 1.5 rooms", "the dean's own guess of 1.5 rooms"),
    ],
)
def test_the_planners_sentences_become_german_and_the_users_stay(english, german):
    assert GERMAN.told(english) == german
    assert ENGLISH.told(english) == english


def test_german_figures_have_german_marks():
    plan = synthetic_plan()

    assert GERMAN.money(-1234.4, plan) == f"−1.234{NBSP}EUR"
    assert GERMAN.money(7.5, plan) == f"7,50{NBSP}EUR"
    assert GERMAN.number(1234.5) == "1.234"
    assert GERMAN.percent(0.0125) == f"1,2{NBSP}%"
    assert GERMAN.months(1.0) == f"1{NBSP}Monat"
    assert GERMAN.months(15.62) == f"15,6{NBSP}Monate"
    assert GERMAN.months(float("inf")) == "ohne Ende"
    assert GERMAN.months(float("nan")) == "–"
    assert GERMAN.byte_count(1.5e12) == f"1,5{NBSP}TB"
    assert GERMAN.day("2020-12-16T09:30:00+01:00") == "16.12.2020"
    assert GERMAN.day("soon") == "soon"
    assert GERMAN.month("2021-03") == "März 2021"
    assert GERMAN.listing(("a", "b", "c")) == "a, b und c"
    assert GERMAN.span("–", "–") == "kein Intervall"
    interval = Interval(low=1.5, mid=2, high=2.5)
    assert GERMAN.interval(interval, GERMAN.tenths) == f"1,5 bis 2,5 (80{NBSP}%)"
