"""`bbbload preview` on the example scenarios, as its users call it."""

import re
from xml.etree import ElementTree

import pytest

from loadtest.cli import run_command
from loadtest.machine import Machine
from loadtest.occupancy import Load
from loadtest.preview import preview_of
from loadtest.streams import Streams
from reports.preview.report import document

SCENARIO = "examples/scenarios/school-morning.toml"
SMALL = ["--scale", "0.05", "--length", "60s"]


def test_the_text_draws_the_population_and_names_what_is_needed(capsys):
    assert run_command(["preview", SCENARIO, *SMALL]) == 0

    out = capsys.readouterr().out
    assert "█" in out
    assert "This machine is large enough" in out
    assert re.search(r"participants at once: 28; in \d+ meetings", out)
    assert "not measured" in out


def test_the_run_that_is_named_next_is_the_one_that_was_previewed(capsys):
    assert run_command(["preview", SCENARIO, *SMALL, "--seed", "7"]) == 0

    said = " ".join(capsys.readouterr().out.split())
    options = "--scale 0.05 --length 1m --seed 7"
    assert f"bbbload run {SCENARIO} my-server {options} -o run.jsonl" in said


def test_the_run_that_is_named_next_has_the_engines_that_it_needs():
    machine = Machine(
        cores=8.0,
        memory_bytes=None,
        descriptors=None,
        udp_ports=None,
        uplink_bps=None,
        conntrack_free=None,
    )
    streams = Streams(participants=100, video_out=2_000)
    course = (Load(elapsed_s=0.0, meetings=1, streams=streams),)
    found = preview_of(course, duration_s=9.0, meetings=1, machine=machine)

    page = document(found, name="x", source="x.toml", seed=1, prices=())

    assert page.next_steps == ("bbbload run x.toml my-server --engines 3 -o run.jsonl",)


def test_a_machine_that_is_too_small_is_an_error_that_names_the_size(capsys):
    assert run_command(["preview", SCENARIO, "--scale", "50"]) == 2

    said = capsys.readouterr()
    assert re.search(r"use a machine of \d+ cores", said.err)
    assert "too small" in said.out


def test_a_cap_that_would_refuse_the_run_is_said_before_it_does(tmp_path, capsys):
    path = tmp_path / "long.toml"
    path.write_text(
        "[mix.talk]\nlistener = 2\n[meeting.talk]\n[profile]\nparticipants = 2\n"
        'hold = "5h"\n'
    )

    assert run_command(["preview", str(path)]) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "a run would be refused by its cap on duration" in said
    assert "bbbload run" not in said


def test_the_page_says_what_the_traffic_costs_on_each_type(tmp_path):
    page = tmp_path / "preview.html"
    catalog = ["--catalog", "examples/catalog.toml"]

    assert run_command(["preview", SCENARIO, *SMALL, *catalog, "-o", str(page)]) == 0

    text = page.read_text("utf-8")
    assert "What the traffic costs" in text
    assert "<svg" in text


def test_the_same_seed_gives_the_same_picture(tmp_path):
    first, again = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in (first, again):
        assert run_command(["preview", SCENARIO, *SMALL, "-o", str(path)]) == 0

    assert ElementTree.parse(first).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.toml"], "nowhere.toml cannot be read"),
        (["README.md"], "is no TOML"),
        ([SCENARIO, "-o", "x.png"], "choose .htm"),
        ([SCENARIO, "--scale", "0"], "more than 0"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence, capsys):
    assert run_command(["preview", *arguments]) == 2
    assert sentence in capsys.readouterr().err
