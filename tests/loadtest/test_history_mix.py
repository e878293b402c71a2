"""The mix of a history's busiest tenth, from each file that may tell it."""

import json

import pytest

from bots.errors import ConfigError
from loadtest.history_mix import is_history, mix_of_history
from loadtest.load_files import load_mix

HEAD = "# made up\ntime,participants,meetings,cameras,voice,listeners\n"
QUIET = [f"2026-11-02T{hour:02}:00:00+01:00,4,2,0,4,0" for hour in range(18)]
BUSY = ["2026-11-02T18:00:00+01:00,130,10,41,66,22"]
BUSIER = ["2026-11-02T19:00:00+01:00,110,10,39,54,18"]
CSV = HEAD + "\n".join([*QUIET, *BUSY, *BUSIER]) + "\n"
OBSERVED = {
    "schema": "bbbload.observed",
    "version": 1,
    "nodes": [
        {"busy": {"participants": 70, "meetings": 6, "cameras": 20, "voice": 40}},
        {"busy": {"participants": 50, "meetings": 4, "cameras": 20, "voice": 20}},
    ],
}


def rows_of(text):
    first, *rest = (line for line in text.splitlines() if not line.startswith("#"))
    return [dict(zip(first.split(","), row.split(","), strict=True)) for row in rest]


@pytest.mark.parametrize(
    ("name", "text", "listeners"),
    [
        ("h.csv", CSV, 2),
        ("h.json", json.dumps(rows_of(CSV)), 2),
        ("observed.json", json.dumps(OBSERVED), 0),
    ],
)
def test_meetings_are_the_mean_of_the_busiest_tenth(name, text, listeners):
    found = mix_of_history(text, name)

    # 120 people in 10 meetings, 40 cameras, 60 with a microphone, 20 who listen
    profile = found.profile
    assert (profile.size, profile.cameras, profile.microphones) == (12, 4, 6)
    assert profile.listeners == listeners
    assert "120 participants, 10 meetings" in found.told
    assert "taken as alike" in found.told


def test_a_count_that_nobody_took_is_left_out_of_the_mean_and_not_a_zero():
    unknown = "2026-11-02T20:00:00+01:00,500,,10,10,10\n"

    assert mix_of_history(CSV + unknown, "h.csv") == mix_of_history(CSV, "h.csv")


def test_all_seats_are_there_however_the_shares_are_rounded():
    rows = [
        {"participants": 5, "meetings": 2, "cameras": 5, "voice": 4, "listeners": 3}
    ]

    profile = mix_of_history(json.dumps(rows), "h.json").profile

    assert profile.size == 2
    assert profile.microphones + profile.listeners <= profile.size


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("h.csv", HEAD, "h.csv tells no participants: a mix needs"),
        ("h.csv", "time,participants\n2026-11-02,5\n", "h.csv tells no meetings"),
        ("h.csv", HEAD + "t,5,x,1,1,1\n", "h.csv, line 3: meetings = 'x' is no count"),
        ("h.csv", HEAD + "t,5,nan,1,1,1\n", "line 3: meetings = 'nan' is no count"),
        ("h.csv", HEAD + "t,5,0,1,1,1\n", "h.csv has no row with a meeting"),
        ("h.csv", HEAD + "t,5\n", "h.csv tells no meetings"),
        ("h.json", "{", "h.json is no JSON"),
        ("h.json", "[" * 100_000, "h.json is no JSON"),
        ("h.json", "{}", "h.json is no history: give a CSV of"),
        ("h.json", "[1]", "h.json, row 1 holds 1, which is no row"),
        ("h.json", '[{"participants": -1}]', "row 1: participants = -1 is no count"),
        ("h.json", '[{"participants": true}]', "participants = True is no count"),
        ("o.json", json.dumps(OBSERVED | {"version": 2}), "o.json has version 2"),
        ("o.json", json.dumps(OBSERVED | {"nodes": []}), "o.json tells of no meeting"),
        ("o.json", json.dumps(OBSERVED | {"nodes": [{}]}), "holds None, which is no"),
        (
            "o.json",
            json.dumps(OBSERVED | {"nodes": [{"busy": {"participants": 3}}]}),
            "o.json: a node tells no meetings",
        ),
    ],
)
def test_a_file_without_a_mix_is_one_sentence(name, text, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        mix_of_history(text, name)

    assert "\n" not in str(caught.value)


def test_a_mix_is_a_history_by_its_ending_and_then_needs_no_personas(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(CSV)

    assert is_history(str(path))
    assert not is_history("lesson")
    assert load_mix("", str(path), decode_every=3).decode_every == 3
    with pytest.raises(ConfigError, match="have their size: omit --size"):
        load_mix("", str(path), size=5)
    with pytest.raises(ConfigError, match="no file with the mix lesson"):
        load_mix("", "lesson")
