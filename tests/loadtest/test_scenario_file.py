"""Scenarios are read as they say; every mistake is a sentence with file and key."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bots.errors import ConfigError
from loadtest.expected import expected_of, load_at
from loadtest.load_files import load_scenario
from loadtest.machine import Machine
from loadtest.preview import over_caps, preview_of_plan
from loadtest.scenario import Arrival, Stage, duration_of
from loadtest.scenario_file import read_scenario
from loadtest.stages import scenario_plan

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
BASE = """
[mix.talk]
presenter = 1
listener = 9
[meeting.talk]
mix = "talk"
[profile]
participants = 20
hold = "10s"
"""
HISTORY = """# note: made up
time,participants,meetings
2024-10-07T08:00:00+02:00,0,0
2024-10-07T09:00:00+02:00,100,9
2024-10-07T10:00:00+02:00,,
2024-10-07T11:00:00+02:00,50,9
2024-10-14T08:00:00+02:00,500,9
"""
MACHINE = Machine(
    cores=99.0,
    memory_bytes=None,
    descriptors=None,
    udp_ports=None,
    uplink_bps=None,
    conntrack_free=None,
)
FILES = {"h.csv": HISTORY, "sizes.csv": "size,meetings\n3,10\n30,1\n"}


def read(text, **files):
    def opened(name):
        return (FILES | files)[name]

    return read_scenario(text, "a.toml", opened)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_example_can_be_planned(path):
    found = read_scenario(
        path.read_text("utf-8"),
        str(path),
        lambda name: (EXAMPLES / name).read_text("utf-8"),
    )

    plan = scenario_plan(
        found.scenario, slo=found.slo, seed=found.seed, caps=found.caps
    )
    expected = expected_of(plan)

    assert expected.most_participants.participants > 50
    assert expected.ends_s == duration_of(found.scenario)
    assert (
        over_caps(preview_of_plan(plan, MACHINE), plan) == ()
    )  # as it is written, no cap of its own refuses it


def test_what_the_caps_refuse_is_said_with_the_key_that_allows_it():
    long = BASE.replace('"10s"', '"5h"').replace("= 20", "= 600")

    found = read(long)
    plan = scenario_plan(found.scenario, slo=found.slo, seed=1, caps=found.caps)

    participants, duration = over_caps(preview_of_plan(plan, MACHINE), plan)
    assert "write participants = 600 under [limits]" in participants
    assert 'write duration = "5h1m" under [limits]' in duration


def test_there_are_the_five_examples():
    assert [path.stem for path in sorted(EXAMPLES.glob("*.toml"))] == [
        "all-camera-seminar",
        "conference",
        "school-morning",
        "soak-night",
        "university-lecture-day",
    ]


def test_a_small_file_has_sensible_defaults():
    found = read(BASE)

    assert found.scenario.name == "a"
    assert found.scenario.stages == (Stage(participants=20, over_s=30, hold_s=10),)
    assert found.scenario.arrival == Arrival()
    assert found.scenario.kinds[0].sizes[0].size == 10
    assert found.slo.name == "bbbload-1"
    assert found.seed == 1


def test_everything_else_is_read_as_it_stands():
    found = read(
        'name = "x"\nseed = 9\nrecording = true\n'
        + BASE.replace('mix = "talk"', 'mix = "talk"\nsize = {3 = 1, 5 = 2}')
        + '[arrival]\nkind = "storm"\nrate = 60\n'
        '[[burst]]\nkind = "cameras"\nat = "5s"\nevery = 7\nshare = 0.5\n'
        '[slo]\nnode_cpu_max = "none"\ndropped_max = 0.1\n'
        '[nodes]\nmetrics = ["http://127.0.0.1:9/metrics", "ssh://ops@127.0.0.1", '
        '"prometheus+http://127.0.0.1:9/?instance=n"]\n'
        '[limits]\nparticipants = 50\nduration = "1h"\n'
    )

    assert found.scenario.is_recorded
    assert [(s.size, s.weight) for s in found.scenario.kinds[0].sizes] == [
        (3, 1.0),
        (5, 2.0),
    ]
    assert found.scenario.arrival.rate == 60
    assert (found.scenario.bursts[0].at_s, found.scenario.bursts[0].every_s) == (5, 7)
    assert found.slo.node_cpu_max is None
    assert found.slo.dropped_max == 0.1
    assert found.node_metrics == (
        "http://127.0.0.1:9/metrics",
        "ssh://ops@127.0.0.1",
        "prometheus+http://127.0.0.1:9/?instance=n",
    )
    assert (found.caps.participants, found.caps.duration_s) == (50, 3600)


def test_a_week_of_a_real_history_is_replayed_in_compressed_time():
    profile = """[profile]
kind = "replay"
history = "h.csv"
from = "2024-10-07T08:00:00"
lasting = "1d"
length = "30s"
peak = 40
"""
    found = read(BASE.partition("[profile]")[0] + profile)
    plan = scenario_plan(found.scenario, slo=found.slo, seed=1, caps=found.caps)
    expected = expected_of(plan)

    # 8:00 to 11:00 in thirty seconds; the empty cell is bridged
    assert duration_of(found.scenario) == pytest.approx(
        timedelta(hours=3).total_seconds() / 360
    )
    assert load_at(expected, 10.01).participants == 40
    assert load_at(expected, 5).participants == 20
    assert load_at(expected, 29.9).participants == 20


def test_a_time_longer_than_any_history_is_all_of_it():
    profile = """[profile]
kind = "replay"
history = "h.csv"
lasting = "900000000w"
"""
    found = read(BASE.partition("[profile]")[0] + profile)

    assert max(stage.participants for stage in found.scenario.stages) == 500


@pytest.mark.parametrize("name", ["a\0b", "a\nb"])
def test_a_file_that_cannot_be_is_one_sentence(tmp_path, name):
    path = tmp_path / "a.toml"
    path.write_text(f"personas = {json.dumps(name)}\n{BASE}")

    with pytest.raises(ConfigError, match=r"a\.toml names 'a\\") as caught:
        load_scenario(str(path))

    assert "\n" not in str(caught.value)


def test_sizes_from_a_histogram_and_from_a_distribution():
    histogram = BASE.replace(
        'mix = "talk"', 'mix = "talk"\nsize = {histogram = "sizes.csv"}'
    )
    curve = BASE.replace(
        'mix = "talk"', 'mix = "talk"\nsize = {median = 10, spread = 2, most = 60}'
    )

    sizes = read(histogram).scenario.kinds[0].sizes
    drawn = read(curve).scenario.kinds[0].sizes

    assert [(s.size, s.weight) for s in sizes] == [(3, 10.0), (30, 1.0)]
    weights = {share.size: share.weight for share in drawn}
    whole = sum(weights.values())
    assert sum(w for s, w in weights.items() if s <= 10) / whole > 0.5
    middle = sum(w for s, w in weights.items() if 5 <= s <= 20) / whole
    assert middle == pytest.approx(0.683, abs=0.05)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("[mix.talk]", "[mix.talk"), r"a.toml is no TOML: .*line 2"),
        (("[profile]", "[profil]"), "a.toml: unknown key 'profil': use one of"),
        (
            (BASE[BASE.index("[profile]") :], ""),
            r"a.toml: there is no \[profile\], which every scenario has",
        ),
        (("hold =", "holds ="), r"a.toml: \[profile\]: hold is missing"),
        (('"10s"', '"soon"'), r"a.toml: \[profile\] hold: 'soon' is no duration"),
        (
            ("[profile]", '[nodes]\nmetrics = ["north"]\n[profile]'),
            r"\[nodes\] metrics: 'north' is no address of a source",
        ),
        (("= 20", "= 0"), r"\[profile\] participants = 0 is out of range"),
        (("= 20", '= "20"'), "participants = '20' is no whole number"),
        (('mix = "talk"', 'mix = "tale"'), r"\[meeting.talk\] mix names no mix 'tale'"),
        (("listener = 9", "listner = 9"), "a.toml, mix 'talk': unknown persona"),
        (("presenter = 1", "presenter = 2"), "mix 'talk': 2 participants of one meet"),
        (('mix = "talk"', 'mix = "talk"\nsize = 0'), r"\[meeting.talk\] size = 0 is"),
        (
            ('mix = "talk"', 'mix = "talk"\nsize = {big = 1}'),
            r"\[meeting.talk\]: \[size\]: 'big' is no size",
        ),
        (
            ("[profile]", '[arrival]\nkind = "flood"\n[profile]'),
            "kind = 'flood' is unk",
        ),
        (("[profile]", '[arrival]\nkind = "storm"\n[profile]'), "rate is missing"),
        (
            ("[profile]", '[[burst]]\nkind = "song"\nat = 1\n[profile]'),
            r"\[\[burst\]\] 1 kind = 'song' is unknown: use one of mute all",
        ),
        (("[profile]", "[slo]\njoy = 1\n[profile]"), r"\[slo\]: unknown key 'joy'"),
        (("[profile]", "[limits]\nstreams = -1\n[profile]"), "streams = -1 is out of"),
        (
            (
                'participants = 20\nhold = "10s"',
                'kind = "step"\nparticipants = [1, 2]\nhold = ["10s"]',
            ),
            "has 1 durations, not 2",
        ),
        (
            ("participants = 20", 'kind = "step"\nparticipants = 20'),
            "participants = 20 is no list",
        ),
    ],
)
def test_every_mistake_is_one_sentence_with_file_and_key(change, sentence):
    text = BASE.replace(*change)
    assert text != BASE

    with pytest.raises(ConfigError, match=sentence) as caught:
        read(text)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ("when,participants\n", "h.csv, line 1: no column time"),
        ("time,participants\nnow,1\n", "h.csv, line 2: 'now', '1' are no time"),
        ("time,participants\n2024-10-07T09:00:00,1\n", "line 2: a time has a zone"),
        (
            "time,participants\n2024-10-07T09:00:00Z,1\n2024-10-07T08:00:00Z,1\n",
            "line 3: times do not ascend|fewer than two rows",
        ),
        ("time,participants\n", "fewer than two rows"),
        ("participants,time\n5\n", "h.csv, line 2: '', '5' are no time"),
    ],
)
def test_a_history_that_cannot_be_replayed_is_named_by_file_and_line(history, sentence):
    profile = '[profile]\nkind = "replay"\nhistory = "h.csv"\n'

    with pytest.raises(ConfigError, match=sentence):
        read(BASE.partition("[profile]")[0] + profile, **{"h.csv": history})
