"""BBB's events.xml with limits: nothing expanded, nothing too deep or too long."""

import pytest

from bots.errors import ConfigError
from planning.history import events
from planning.history.events import changes_of

JOIN = (
    '<event eventname="ParticipantJoinEvent"><userId>{who}</userId>'
    "<timestampUTC>{when}</timestampUTC></event>"
)


def written(path, text: str):
    path.write_text(text, "utf-8")
    return path


def test_joins_are_told_without_names(tmp_path):
    text = JOIN.format(who="w_1", when=1000) + JOIN.format(who="w_2", when=2500)

    found = list(changes_of(written(tmp_path / "e.xml", f"<r>{text}</r>")))

    assert found == [(1.0, 1), (2.5, 1)]


def test_events_of_other_kinds_may_hold_anything(tmp_path):
    other = '<event eventname="AddShapeEvent"><a><userId>x</userId></a></event>'
    text = other * 20_000 + JOIN.format(who="w_1", when=1000)

    found = list(changes_of(written(tmp_path / "e.xml", f"<r>{text}</r>")))

    assert found == [(1.0, 1)]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>', "document type"),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd">', "document type"),
    ],
)
def test_a_document_type_is_refused_before_anything_is_expanded(tmp_path, head, words):
    text = head + "<r>" + JOIN.format(who="&b;", when=1000) + "</r>"

    with pytest.raises(ConfigError, match=words):
        list(changes_of(written(tmp_path / "e.xml", text)))


def test_elements_too_deep_and_texts_too_long_are_refused(tmp_path):
    deep = "<r>" + "<a>" * 100 + "</a>" * 100 + "</r>"
    long = "<r>" + JOIN.format(who="w" * 5000, when=1000) + "</r>"

    with pytest.raises(ConfigError, match="64 deep"):
        list(changes_of(written(tmp_path / "e.xml", deep)))
    with pytest.raises(ConfigError, match="more than 4096 letters"):
        list(changes_of(written(tmp_path / "e.xml", long)))


def test_a_file_too_large_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MOST_BYTES", 1 << 17)
    text = "<r>" + "<event eventname='x'/>" * 20_000 + "</r>"

    with pytest.raises(ConfigError, match="no meeting's events"):
        list(changes_of(written(tmp_path / "e.xml", text)))


@pytest.mark.parametrize("when", ["", "soon", "-5", "9" * 20])
def test_a_join_without_a_time_is_one_sentence(tmp_path, when):
    text = "<r>" + JOIN.format(who="w", when=when) + "</r>"

    with pytest.raises(ConfigError, match="without a timestampUTC"):
        list(changes_of(written(tmp_path / "e.xml", text)))
