import pytest

from reports import markdown, text
from reports.document import (
    Answer,
    Chart,
    Column,
    Document,
    Notice,
    Section,
    Table,
    Text,
)
from reports.format import NBSP

DOCUMENT = Document(
    kind="run",
    title="A title",
    asked="What was asked?",
    verdict="Valid.",
    tone="good",
    answers=(Answer(question="How many", value="28", interval="27 to 31"),),
    next_steps=("Do *this*.",),
    notices=(Notice(text="Beware of the long version.", short="beware"),),
    sections=(
        Section(
            title="One",
            blocks=(
                Text(text=f"5{NBSP}% of it"),
                Table(
                    title="A table",
                    columns=(
                        Column(title="name", is_name=True),
                        Column(title="n", is_number=True),
                        Column(title="why"),
                    ),
                    rows=(("a|b", "1", "short"), ("c", "1,117", "word " * 60)),
                    note="A note.",
                ),
                Chart(title="First", x_label="", y_label="", marks=()),
                Chart(title="Second", x_label="", y_label="", marks=()),
            ),
        ),
        Section(title="Two", blocks=(Text(text="x"),), notices=()),
    ),
    provenance=(("seed", "1"),),
)


@pytest.mark.parametrize("render", [text.render, markdown.render])
def test_every_part_of_a_document_is_told(render):
    page = render((DOCUMENT,))

    for part in (
        "A title",
        "What was asked?",
        "Valid.",
        "How many",
        "28",
        "27 to 31",
        "Beware of the long version.",
        "5 % of it",
        "A note.",
        "1,117",
        "First; Second",
        "seed",
    ):
        assert part in page


def test_text_is_never_wider_than_a_terminal_and_numbers_stand_right():
    lines = text.render((DOCUMENT,)).splitlines()

    assert max(map(len, lines)) <= text.TABLE_WIDTH
    one = next(line for line in lines if line.startswith("a|b"))
    many = next(line for line in lines if line.startswith("c "))
    assert one.index("1") == many.index("1,117") + len("1,117") - 1


def test_a_section_may_have_notices_of_its_own_or_none():
    page = text.render((DOCUMENT,))

    assert page.count("[beware]") == 1


def test_an_empty_table_says_so():
    table = Table(title="t", columns=(Column(title="a"),), rows=())
    section = Section(title="s", blocks=(table,))
    empty = Document(
        kind="run",
        title="t",
        asked="a",
        verdict="v",
        tone="plain",
        answers=(),
        next_steps=(),
        notices=(),
        sections=(section,),
        provenance=(),
    )

    assert "(nothing)" in text.render((empty,))


def test_markdown_escapes_what_would_be_markup():
    page = markdown.render((DOCUMENT,))

    assert "Do \\*this\\*." in page
    assert "| a\\|b | 1 | short |" in page
    assert "| --- | ---: | --- |" in page
