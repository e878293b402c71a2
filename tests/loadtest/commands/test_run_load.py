"""What `run` is told to load: a mistake in a file is one sentence and exit code 2."""

import pytest

from loadtest.cli import run_command

URL = "http://127.0.0.1:9/bigbluebutton"
MIX = "[mix.talk]\npresenter = 1\nlistener = 3\n"


def said(capfd, *arguments):
    code = run_command(["run", *arguments])
    lines = [line for line in capfd.readouterr().err.splitlines() if "bbbload:" in line]
    return code, lines


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[meeting.talk", "is no TOML"),
        (MIX + "[meeting.talk]\nsiez = 3\n", "[meeting.talk]: unknown key 'siez'"),
        ('personas = "none.toml"\n', "names 'none.toml', which cannot be read"),
    ],
)
def test_a_mistake_in_a_scenario_names_file_and_key(tmp_path, capfd, text, sentence):
    file = tmp_path / "mine.toml"
    file.write_text(text + "[profile]\nparticipants = 4\nhold = 5\n")

    code, lines = said(capfd, str(file), URL, "-o", str(tmp_path / "r"))

    assert code == 2
    assert len(lines) == 1
    assert sentence in lines[0]
    assert "mine.toml" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{mine}"], "name one server"),
        ([URL, URL], "name one server"),
        (["gone.toml", URL], "gone.toml cannot be read"),
        ([URL, "--mix", "talk"], "name it with --personas"),
        ([URL, "--personas", "{mine}"], "name one with --mix"),
        ([URL, "--personas", "{mine}", "--mix", "tale"], "names no mix 'tale'"),
        ([URL, "--clip", "gone.mp4"], "the clip gone.mp4 is no file"),
    ],
)
def test_what_cannot_be_loaded_is_said_before_anything_is_sent(
    tmp_path, capfd, arguments, sentence
):
    file = tmp_path / "mine.toml"
    file.write_text(MIX)
    named = [argument.format(mine=file) for argument in arguments]
    if named == [str(file)]:
        more = '[meeting.talk]\n[profile]\nparticipants = 4\nhold = "5s"\n'
        file.write_text(MIX + more)

    code, lines = said(capfd, *named, "-o", str(tmp_path / "r"))

    assert code == 2
    assert sentence in lines[0]
