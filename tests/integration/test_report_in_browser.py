"""A page that we wrote, as a person's browser shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from loadtest.cli import run_command
from loadtest.codec import encode_capacity, encode_record
from planning.codec import encode_plan
from tests.support.browser import chromium
from tests.support.plans import synthetic_plan
from tests.support.results import capacity, run_records

pytestmark = pytest.mark.chromium

A4_WIDTH = 688
"""A4 less two margins of 14 mm, in CSS pixels."""

INKED = """svg => {
    const box = svg.getBoundingClientRect();
    const shapes = [...svg.querySelectorAll('path, use')].filter(
        shape => shape.getBoundingClientRect().width > box.width / 20);
    const words = [...svg.querySelectorAll('text')].filter(
        word => word.getBoundingClientRect().height > 5);
    return {width: box.width, height: box.height,
            shapes: shapes.length, words: words.length,
            letters: Math.min(...words.map(
                word => word.getBoundingClientRect().height))};
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a browser made of the page."""

    problems: tuple[str, ...]
    requests: tuple[str, ...]
    charts: tuple[dict[str, float], ...]
    page_width: int
    first_screen: str


VISIBLE_TEXT = """
() => [...document.querySelectorAll("h1, h2, p, li")]
  .filter(each => each.getBoundingClientRect().bottom <= window.innerHeight)
  .map(each => each.textContent).join("\\n")
"""
"""Text of all that can be read without scrolling."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    lines = (encode_record(record) + "\n" for record in run_records())
    (folder / "run.jsonl").write_text("".join(lines), "utf-8")
    (folder / "capacity.json").write_text(encode_capacity(capacity()), "utf-8")
    (folder / "plan.json").write_text(encode_plan(synthetic_plan()), "utf-8")
    out = folder / "report.html"
    names = ("run.jsonl", "capacity.json", "plan.json")
    inputs = [str(folder / name) for name in names]
    assert run_command(["report", *inputs, "-o", str(out)]) == 0
    return out


def look(
    browser: Browser,
    path: Path,
    *,
    width: int,
    scheme: Literal["light", "dark"] = "light",
) -> Seen:
    problems: list[str] = []
    requests: list[str] = []
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    try:
        page.goto(path.as_uri())
        return Seen(
            problems=tuple(problems),
            requests=tuple(requests),
            charts=tuple(svg.evaluate(INKED) for svg in page.query_selector_all("svg")),
            page_width=page.evaluate("document.documentElement.scrollWidth"),
            first_screen=page.evaluate(VISIBLE_TEXT),
        )
    finally:
        page.close()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")]
)
def test_the_report_shows_its_charts_without_a_console_error(
    browser, page_file, width, scheme
):
    seen = look(browser, page_file, width=width, scheme=scheme)

    assert seen.problems == ()
    assert seen.requests == (page_file.as_uri(),)
    assert len(seen.charts) == 19
    for chart in seen.charts:
        assert chart["width"] > 300
        assert chart["height"] > 180
        assert chart["shapes"] >= 4
        assert chart["words"] >= 5
    assert seen.page_width <= width


def test_the_letters_of_a_chart_can_be_read_on_a_phone(browser, page_file):
    seen = look(browser, page_file, width=390)

    # A line of 8 px letters is about 9.5 px high.
    assert min(chart["letters"] for chart in seen.charts) >= 9.5


def test_the_first_screen_holds_question_verdict_numbers_and_next_step(
    browser, page_file
):
    seen = look(browser, page_file, width=1280)

    for part in (
        "Capacity of bbbload's stand-in node (not of BigBlueButton)",
        "How many participants does the stand-in node carry",
        "% interval)",
        "Servers and money",
        "The money lasts",
        "Load on bbbload's stand-in node (not BigBlueButton)",
        "Does bbbload's stand-in node keep bbbload-1",
        "Valid: the generator was fit",
        "Steps that kept the SLO",
    ):
        assert part in seen.first_screen
    assert seen.first_screen.count("Next:") == 3


def test_the_printed_page_loses_nothing_at_its_edge(browser, page_file):
    page = browser.new_page(viewport={"width": A4_WIDTH, "height": 1000})
    try:
        page.emulate_media(media="print")
        page.goto(page_file.as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        columns = page.evaluate(
            "getComputedStyle(document.querySelector('.blocks')).gridTemplateColumns"
        )
    finally:
        page.close()

    assert width <= A4_WIDTH
    assert len(columns.split()) == 2


def test_a_chart_that_draws_nothing_would_be_noticed(browser, tmp_path):
    empty = tmp_path / "empty.html"
    empty.write_text(
        "<!DOCTYPE html><article><header></header></article>"
        '<svg viewBox="0 0 10 10"></svg>',
        "utf-8",
    )

    seen = look(browser, empty, width=1280)

    assert seen.charts[0]["shapes"] == 0
    assert seen.charts[0]["words"] == 0
