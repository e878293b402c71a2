"""The store: lines that survive a kill, and which experiment goes on."""

import pytest

from bots.errors import ConfigError
from loadtest.experiment import conclude
from loadtest.store import (
    RUNS,
    Store,
    StoredRun,
    StoredVerdict,
    experiment_name,
    finished_of,
    key_of,
    stored_verdict,
)
from tests.support.specs import simulate, spec_of

SPEC = spec_of()


def stored(count=3, experiment="k-1"):
    return [
        StoredRun(
            experiment=experiment,
            name=each.name,
            kind=each.kind,
            block=each.block,
            run=each.run,
        )
        for each in simulate(SPEC, at_most=count)
    ]


def verdict(experiment, said="equal", runs=10):
    return StoredVerdict(
        experiment=experiment,
        ended_at="2026-11-23T00:00:00Z",
        baseline="3.0.12",
        candidate="3.0.19",
        verdict=said,
        design="one host",
        runs=runs,
    )


def test_what_is_added_is_read_back(tmp_path):
    store = Store(tmp_path / "new" / "store")
    made = simulate(SPEC)
    runs = stored(len(made))
    for run in runs:
        store.add(run)
    ended = stored_verdict(
        conclude(made, SPEC), name="k-1", ended_at="2026-11-23T00:00:00Z", spec=SPEC
    )
    store.conclude(ended)

    again = Store(tmp_path / "new" / "store")

    assert [each.name for each in again.runs()] == [each.name for each in runs]
    assert again.verdicts()[0].verdict == "equal"
    found = conclude(finished_of("k-1", again.runs()), SPEC)
    assert found.verdict == conclude(made, SPEC).verdict


def test_a_line_cut_off_by_a_kill_is_left_out_and_mended(tmp_path):
    store = Store(tmp_path)
    first, second, third = stored()
    store.add(first)
    store.add(second)
    path = tmp_path / RUNS
    path.write_bytes(path.read_bytes()[:-40])

    assert len(store.runs()) == 1
    store.add(third)

    assert [each.name for each in store.runs()] == [first.name, third.name]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    store = Store(tmp_path)
    for run in stored():
        store.add(run)
    path = tmp_path / RUNS
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:50], lines[2]]) + "\n")

    with pytest.raises(ConfigError, match=r"runs\.jsonl line 2 is no JSON"):
        store.runs()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be used"):
        Store(tmp_path / "file")


def test_the_key_holds_what_decides_the_runs_and_not_how_many():
    assert key_of(SPEC) == key_of(spec_of(experiment="runs = 14"))
    assert key_of(SPEC) == key_of(spec_of(top='gated = ["join time p50"]'))
    assert key_of(SPEC) != key_of(spec_of(load="size = 3\nparticipants = 9"))
    assert key_of(SPEC) != key_of(spec_of(experiment="seed = 2"))


@pytest.mark.parametrize(
    ("verdicts", "planned", "expected"),
    [
        ([], 10, "k-1"),
        ([verdict("k-1")], 10, "k-2"),
        ([verdict("k-1", "inconclusive")], 10, "k-2"),
        ([verdict("k-1", "inconclusive")], 14, "k-1"),
        ([verdict("k-1", "regressed")], 14, "k-2"),
        ([verdict("other-7")], 10, "k-1"),
    ],
)
def test_an_experiment_goes_on_until_it_has_its_verdict(verdicts, planned, expected):
    assert experiment_name("k", planned, stored(), verdicts) == expected


def test_the_first_experiment_is_the_first():
    assert experiment_name("k", 10, [], []) == "k-1"
