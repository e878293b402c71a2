import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from markupsafe import escape

from loadtest.timeline import run_result
from reports import capacity_report, html, plan_report, run_report
from reports.document import Document
from tests.support.plans import synthetic_plan
from tests.support.results import capacity, run_records

VOID = {"meta", "link", "br", "img"}


def documents() -> tuple[Document, ...]:
    header, *records = run_records()
    return (
        run_report.document(run_result(header, records), source="run.jsonl"),
        capacity_report.document(capacity(), source="capacity.json"),
        plan_report.document(synthetic_plan(), source="plan.json"),
    )


@cache
def whole_page() -> str:
    return html.render(documents())


class Balance(HTMLParser):
    """Follows open elements; `wrong` names the first that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong = ""

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong = self.wrong or f"{tag} at {self.getpos()}"


def test_the_page_needs_nothing_but_itself():
    page = whole_page()

    assert "<script" not in page
    assert not re.search(r"(src|href|action|data)=\"(?!#|data:,)", page)
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", page)
    assert "@import" not in page
    assert "://" not in page


def test_the_page_is_well_formed_and_its_ids_are_unique():
    page = whole_page()
    balance = Balance()

    balance.feed(page)

    assert (balance.wrong, balance.open) == ("", [])
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_what_a_result_says_cannot_become_markup():
    evil = replace(
        documents()[1], title="<script>alert(1)</script>", verdict='"><img src=x>'
    )

    page = html.render((evil,))

    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_several_results_make_one_page_with_a_way_to_each():
    page = whole_page()

    assert page.count("<article") == 3
    for number in (1, 2, 3):
        assert f'href="#d{number}"' in page
        assert f'id="d{number}"' in page


def test_one_result_needs_no_table_of_contents():
    assert "<nav" not in html.render(documents()[:1])


def test_equal_results_give_equal_pages():
    assert html.render(documents()) == whole_page()


def test_several_results_begin_with_an_overview_that_answers_for_each():
    page = whole_page()
    overview = page[page.index('class="overview"') : page.index("<article")]

    assert overview.count('class="brief ') == 3
    for number, document in enumerate(documents(), start=1):
        assert f'href="#d{number}"' in overview
        assert f'id="d{number}"' in page
        for said in (document.asked, document.verdict, document.next_steps[0]):
            assert escape(said) in overview
        for answer in document.answers:
            assert escape(answer.value) in overview
            assert escape(answer.interval) in overview


def test_one_result_needs_no_overview():
    assert "overview" not in html.render(documents()[:1]).partition("<body>")[2]
