"""Personas and mixes from TOML, and every mistake in them by name."""

from pathlib import Path

import pytest

from bots.errors import ConfigError
from bots.persona import PERSONAS
from bots.persona_file import plans_of, read_personas

LECTURE = """
[persona.teacher]
like = "presenter"
chat_interval_s = 30
page_interval_s = 45.0
shares_camera = false

[persona.quiet]
audio = "none"
chat_interval_s = 0
answers_polls = false

[mix.lecture]
teacher = 1
camera = 2
quiet = 3
talker = 0
"""


def test_a_persona_starts_from_another_and_changes_what_it_names():
    book = read_personas(LECTURE, "own.toml")
    teacher, presenter = book.personas["teacher"], PERSONAS["presenter"]

    assert teacher.name == "teacher"
    assert (teacher.chat_interval_s, teacher.habits.page_interval_s) == (30.0, 45.0)
    assert not teacher.shares_camera
    assert teacher.shares_screen
    assert teacher.role == "moderator"
    assert teacher.habits.poll_interval_s == presenter.habits.poll_interval_s
    assert book.personas["quiet"].chat_interval_s is None
    assert book.personas["listener"] is PERSONAS["listener"]


def test_a_mix_becomes_the_plans_of_one_meeting():
    book = read_personas(LECTURE, "own.toml")

    plans = plans_of(book, "lecture", first_number=10, meeting_number=4, seed=3)

    assert [p.persona for p in plans] == ["teacher"] + ["camera"] * 2 + ["quiet"] * 3
    assert [p.number for p in plans] == list(range(10, 16))
    assert {(p.meeting_number, p.seed) for p in plans} == {(4, 3)}
    assert plans[0].habits.page_interval_s == 45.0
    assert not plans[5].habits.answers_polls


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[persona", "own.toml is no TOML"),
        ("[people.a]", "unknown table 'people': use one of persona, mix"),
        ("persona = 3", r"persona is no table: write \[persona.name\]"),
        ("[persona]\na = 3", r"persona.a is no table"),
        ('[persona.a]\nlike = "king"', "like = 'king' is no persona before it"),
        ("[persona.a]\nhat = true", "persona 'a': unknown field 'hat'"),
        ('[persona.a]\naudio = "loud"', "audio = 'loud' is unknown: use one of micro"),
        ('[persona.a]\nrole = "king"', "role = 'king' is unknown: use one of moder"),
        ("[persona.a]\ntalks = 1", "talks = 1 is no truth: use true or false"),
        ("[persona.a]\nchat_interval_s = -1", "chat_interval_s = -1 is out of range"),
        ("[persona.a]\naway_s = nan", "away_s = nan is out of range"),
        ("[persona.a]\naway_s = true", "away_s = True is no number: give seconds"),
        (
            '[persona.a]\nlike = "late"\njoin_delay_least_s = 200',
            "join_delay_least_s = 200 is above join_delay_most_s = 120: give both",
        ),
        (
            '[persona.a]\ntalks = true\naudio = "none"',
            "never heard with audio = 'none'",
        ),
        (
            '[persona.a]\nlike = "listener"\ntalks = true',
            "never heard with audio = 'listen only'",
        ),
        (
            '[persona.a]\nshares_screen = true\nrole = "viewer"',
            "never happens with role = 'viewer'.*give role = 'moderator'",
        ),
        ("[mix.m]\nking = 1", "mix 'm': unknown persona 'king'"),
        ("[mix.m]\ntalker = 1.5", "talker = 1.5 is no count"),
        ("[mix.m]\ntalker = 0", "has 0 participants: give 1 to 10000"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_fix(text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read_personas(text, "own.toml")

    assert str(caught.value).startswith("own.toml")


def test_the_example_is_a_lesson():
    path = Path(__file__).parents[2] / "examples" / "personas.toml"
    book = read_personas(path.read_text(), path.name)

    plans = plans_of(book, "lesson")

    assert len(plans) == 28
    assert plans[0].habits.page_interval_s == 60.0
    assert plans[-1].habits.drops_every_s == 120.0
    assert plans[-1].audio == "listen only"
