"""The pages of node cards and observations, and the commands that make them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.card_codec import decode_card, encode_card
from loadtest.card_making import make_card
from loadtest.cli import run_command
from loadtest.codec import encode_capacity, encode_record
from loadtest.models import Capacity, RunHeader
from planning.observed.beside import at_dearer_cost, set_beside
from planning.observed.codec import encode_observed
from planning.observed.fit import COVERAGE, fit_node
from planning.observed.models import Observed
from reports import html, text
from reports.cards import card_report
from tests.loadtest.test_card import (
    LEAKS,
    MARKERS,
    full_capacity,
    planted,
    whole_run,
)
from tests.planning.test_measured import PEOPLE
from tests.support.people import synthetic_benchmark, synthetic_past
from tests.support.results import capacity


def told(card) -> str:
    return text.render((card_report.document(card),))


@pytest.fixture(scope="module")
def observed() -> Observed:
    """Return an observation of SYNTHETIC people, dearer than a benchmark's bots."""
    benchmark = synthetic_benchmark(profiles=capacity().profiles)
    fit = fit_node(synthetic_past(counted=True, dearer=1 / 0.7, roles=True))
    found = set_beside([fit], benchmark)
    return Observed(
        source="prometheus.example.org",
        since="2026-11-02T00:00:00+00:00",
        until="2026-11-16T00:00:00+00:00",
        step_s=300,
        tool_version="0.1.0",
        seed=1,
        coverage=COVERAGE,
        nodes=(fit.result,),
        beside=found,
        planning=at_dearer_cost(benchmark, found),
        notes=("a note of the reader",),
    )


def written_results(folder: Path) -> Path:
    """Write a capacity.json and the run.jsonl behind it."""
    header, records = whole_run()
    lines = [encode_record(record) + "\n" for record in (header, *records)]
    (folder / "run.jsonl").write_text("".join(lines))
    (folder / "capacity.json").write_text(encode_capacity(capacity(stand_in=False)))
    return folder


def test_the_page_of_a_card_names_machine_load_result_and_validity():
    header, records = whole_run()
    page = told(
        make_card(
            capacity(stand_in=False),
            server_type="CCX33",
            header=header,
            records=records[:1],
        )
    )

    for words in (
        "Node card: CCX33",
        "AMD EPYC 7502P",
        "32 GiB",
        "6.8.12-4-pve",
        "setting: graphql max connections",
        "9150a9c0e49c",
        "27 to 31 (90 % interval)",
        "bbbload-1: joins",
        "Valid:",
        "no production was set beside",
    ):
        assert words in page


def test_what_is_not_known_is_called_so_on_the_page():
    page = told(make_card(replace(capacity(stand_in=False), node_cores=None)))

    for name in ("memory", "network card", "kernel", "processor", "cores"):
        line = next(row for row in page.splitlines() if row.startswith(f"{name} "))
        assert line.endswith("not known")


def test_no_host_address_tenant_or_secret_is_on_a_page():
    def change(words: str) -> str:
        return f"{words}; {' '.join(MARKERS)}"

    header, records = whole_run()
    card = make_card(
        replace(planted(full_capacity(), Capacity, change), run="2f9c"),
        server_type="CCX33",
        header=replace(planted(header, RunHeader, change), run="2f9c"),
        records=tuple(planted(each, type(each), change) for each in records),
        people=PEOPLE,
    )
    document = card_report.document(card)

    for page in (html.render((document,)), text.render((document,))):
        assert LEAKS.findall(page) == []


def test_a_stand_ins_page_says_so_in_every_section():
    document = card_report.document(make_card(capacity()))

    page = text.render((document,))
    assert "stand-in node (not of BigBlueButton)" in document.title
    assert page.count("[stand-in node, not BigBlueButton]") == len(document.sections)


@pytest.mark.parametrize(
    ("dearer", "words"),
    [
        ("people", "Real people cost this server type more"),
        ("bots", "bots cost more than real people"),
        ("", "they differ beyond chance, by less than planning minds (0.8 to 1.25)"),
    ],
)
def test_the_first_page_says_whether_bots_cost_what_people_do(dearer, words):
    card = make_card(capacity(stand_in=False))
    page = told(replace(card, people=replace(PEOPLE, dearer=dearer)))

    first = " ".join(page[: page.index("The machine")].split())
    assert "CPU of bots ÷ CPU of real people: " in first
    assert "0.7 – 0.6 to 0.78 (90 % interval)" in first
    assert words in first


def test_the_first_page_says_that_bots_and_people_agree():
    card = make_card(capacity(stand_in=False))
    page = told(replace(card, people=replace(PEOPLE, dearer="", high=1.04)))

    assert "they agree (0.8 to 1.25)" in " ".join(page.split())


def test_bbbload_card_makes_card_and_page_that_read_again(tmp_path, capsys):
    folder = written_results(tmp_path)
    output = folder / "bbb17.gymnasium.json"

    code = run_command(
        [
            *("card", str(folder / "capacity.json"), "--type", "CCX33"),
            *("--run", str(folder / "run.jsonl"), "-o", str(output)),
        ]
    )

    assert code == 0, capsys.readouterr().err
    card = decode_card(output.read_text(), where="card.json")
    assert card.type == "CCX33"
    assert card.software.kernel == "6.8.12-4-pve"
    page = (folder / "bbb17.gymnasium.html").read_text()
    assert "Node card: CCX33" in page
    assert LEAKS.findall(page + output.read_text()) == []
    assert run_command(["report", str(output)]) == 0
    assert "Node card: CCX33" in capsys.readouterr().out


def test_bbbload_card_without_a_log_says_that_the_machine_is_not_known(
    tmp_path, capsys
):
    folder = written_results(tmp_path)

    assert run_command(["card", str(folder / "capacity.json"), "-o", "-"]) == 0

    captured = capsys.readouterr()
    assert json.loads(captured.out)["schema"] == "bbbload.card"
    assert "give the run's log with --run" in captured.err
    assert not (folder / "card.html").exists()


def test_bbbload_card_takes_the_ratio_of_an_observation(tmp_path, observed, capsys):
    (tmp_path / "capacity.json").write_text(
        encode_capacity(synthetic_benchmark(profiles=capacity().profiles))
    )
    (tmp_path / "observed.json").write_text(encode_observed(observed))
    output = tmp_path / "card.json"

    code = run_command(
        [
            *("card", str(tmp_path / "capacity.json"), "-o", str(output)),
            *("--observed", str(tmp_path / "observed.json")),
        ]
    )

    said = capsys.readouterr().err
    assert code == 0, said
    assert "Warning: Real people cost this server type more" in said
    card = decode_card(output.read_text(), where="card.json")
    assert card.people is not None
    assert observed.beside is not None
    assert card.people.mid == pytest.approx(observed.beside.ratio.mid)
    assert (
        "Real people cost this server type more" in (tmp_path / "card.html").read_text()
    )


def test_bbbload_card_adds_to_a_card_what_was_learnt_later(tmp_path, observed, capsys):
    benchmark = replace(synthetic_benchmark(profiles=capacity().profiles), run="2f9c")
    path = tmp_path / "card.json"
    path.write_text(encode_card(make_card(benchmark, server_type="old")))
    assert observed.beside is not None
    beside = replace(observed.beside, run="2f9c")
    (tmp_path / "observed.json").write_text(
        encode_observed(replace(observed, beside=beside))
    )
    later = ["--type", "CCX33", "--observed", str(tmp_path / "observed.json")]

    assert run_command(["card", str(path), *later, "-o", str(path)]) == 0
    assert run_command(["card", str(path), "--run", "run.jsonl"]) == 2

    card = decode_card(path.read_text(), where="card.json")
    assert card.type == "CCX33"
    assert card.people is not None
    assert card.people.dearer == "people"
    assert len(card.capacity.profiles) == 3
    assert "leave --run out" in capsys.readouterr().err


def test_a_card_is_known_however_its_json_is_written_and_a_torn_one_is_refused(
    tmp_path, capsys
):
    whole = encode_card(make_card(capacity(stand_in=False), server_type="six"))
    path = tmp_path / "card.json"
    path.write_text(json.dumps(json.loads(whole), sort_keys=True))

    assert run_command(["cards", str(tmp_path)]) == 0
    path.write_text(whole[: len(whole) // 2])
    assert run_command(["cards", str(tmp_path)]) == 2

    assert "card.json is no JSON" in capsys.readouterr().err


def test_a_page_tells_what_ran_out_and_what_shows_it():
    found = capacity(stand_in=False)
    first = replace(
        found.profiles[0], limit_met="cpu", evidence=("93% of 8 cores in use",)
    )

    page = told(make_card(replace(found, profiles=(first,))))

    assert "What ran out\n" in page
    assert "93% of 8 cores in use" in page
    assert "What ran out" not in told(make_card(found))


def test_bbbload_cards_compares_a_folder(tmp_path, capsys):
    for name, found in (
        ("real", capacity(stand_in=False)),
        ("toy", capacity(stand_in=True)),
    ):
        card = make_card(found, server_type="six")
        (tmp_path / f"{name}.json").write_text(encode_card(card))
    (tmp_path / "other.json").write_text('{"schema": "bbbload.plan"}')
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(
        '[catalog]\nsource = "x"\ndate = 2026-11-01\n[[types]]\nname = "six"\n'
        "price = 10.0\nterm_months = 1\nnic_mbps = 1000\ncores = 8\n"
    )

    code = run_command(["cards", str(tmp_path), "--catalog", str(catalog)])

    captured = capsys.readouterr()
    page = " ".join(captured.out.split())
    assert code == 0, captured.err
    assert "other.json is no node card: left out" in captured.err
    assert "most users per euro: six: 2.84 – 2.66 to 3.12 (90 % interval)" in page
    assert "STAND-IN NODES, not BigBlueButton – classes" in page
    real = page[: page.index("STAND-IN NODES")]
    assert " toy " not in real
    assert run_command(["cards", str(tmp_path), "-o", str(tmp_path / "x.html")]) == 0
    assert "STAND-IN" in (tmp_path / "x.html").read_text()

    (tmp_path / "real.json").unlink()
    capsys.readouterr()
    assert run_command(["cards", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert "No card of a real node. 1 card of the stand-in" in page
    assert "Measure a real node: bbbload benchmark NAME" in page
    assert "Plan with a card" not in page


def test_cards_of_a_load_made_in_another_manner_stand_apart_and_say_which(
    tmp_path, capsys
):
    for name, manner in (("usual", ()), ("crowd", ("at once",))):
        card = make_card(replace(capacity(stand_in=False), manner=manner))
        (tmp_path / f"{name}.json").write_text(encode_card(card))

    assert run_command(["cards", str(tmp_path)]) == 0

    page = " ".join(capsys.readouterr().out.split())
    assert "2 cards of real nodes under 6 loads" in page
    assert "6 microphones, at once" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["card", "{}/absent.json"], "absent.json cannot be read"),
        (["card", "{}/capacity.json", "--page", "x.doc"], "no ending that is known"),
        (["card", "{}/capacity.json", "--type", "192.0.2.1"], "name the server type"),
        (["card", "{}/capacity.json", "--observed", "{}/run.jsonl"], "no JSON"),
        (["card", "{}/capacity.json", "-o", ""], "is a folder"),
        (["card", "{}/capacity.json", "-o", "{}/c.html"], "end with .json"),
        (["card", "{}/capacity.json", "-o", "{}/capacity.json"], "another card"),
        (["card", "{}/page.html"], "no JSON"),
        (["card", "{}/page.html", "--page", "{}/page.html"], "another page"),
        (["card", "{}/deep.json"], "no JSON"),
        (["report", "{}/deep.json"], "is no result"),
        (["cards", "{}"], "holds no node card"),
        (["cards", "{}", "-o", "x.doc"], "choose"),
        (["cards", "{}/absent"], "does not exist"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(tmp_path, arguments, words, capsys):
    written_results(tmp_path)
    (tmp_path / "page.html").write_text("<html>")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    known = [part.replace("{}", str(tmp_path)) for part in arguments]

    assert run_command(known) == 2

    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_report_of_an_observation_begins_with_the_ratio(tmp_path, observed, capsys):
    path = tmp_path / "observed.json"
    path.write_text(encode_observed(observed))

    assert run_command(["report", str(path)]) == 0

    page = capsys.readouterr().out
    first = next(line for line in page.splitlines() if line.startswith("* "))
    assert first.startswith("* CPU of bots ÷ CPU of real people: [!] 0.69")
    assert "A note of the reader." in page
    for words in ("whole node", "audio", "participant with a microphone", "busiest"):
        assert words in page


def test_an_observation_without_a_benchmark_says_how_to_set_one_beside(
    tmp_path, observed, capsys
):
    path = tmp_path / "observed.json"
    alone = replace(observed, beside=None, planning=None)
    path.write_text(encode_observed(alone))

    assert run_command(["report", str(path)]) == 0

    page = capsys.readouterr().out
    assert "CPU of bots ÷ CPU of real people: not known" in page
    assert "--benchmark capacity.json" in page


def test_a_capacity_says_what_the_observation_beside_it_found(
    tmp_path, observed, capsys
):
    own = tmp_path / "capacity.json"
    own.write_text(encode_capacity(synthetic_benchmark(profiles=capacity().profiles)))
    beside = tmp_path / "observed.json"
    beside.write_text(encode_observed(observed))

    assert run_command(["report", str(own), str(beside)]) == 0

    page = capsys.readouterr().out
    capacity_page = page[page.rindex("Capacity of synthetic\n") :]
    first = capacity_page[: capacity_page.index("What the node carries")]
    assert "CPU of bots ÷ CPU of real people: [!] 0.69" in first
    assert "Real people cost this server type more" in " ".join(first.split())
