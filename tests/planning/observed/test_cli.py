"""bbbload capacity observe against Debian's Prometheus, over SYNTHETIC samples."""

import json
from collections.abc import Iterator
from itertools import accumulate

import pytest

from bots.errors import ConfigError
from loadtest.cli import run_command
from loadtest.codec import encode_capacity
from planning.measured import decode_measured
from planning.observed.codec import SCHEMA, decode_observed
from planning.observed.models import NodePast
from planning.observed.reading import Span, host_of, read_nodes
from tests.support.people import (
    START_S,
    STEP_S,
    TRUTH,
    synthetic_benchmark,
    synthetic_past,
)
from tests.support.prometheus import prometheus, write_openmetrics

DAYS = 6
SCRAPE_S = 60

Sample = tuple[str, int, float]


def scrapes(past: NodePast, name: str, labels: str) -> Iterator[Sample]:
    """Yield a gauge as it is scraped each minute: equal within a bin."""
    for time_s, value in zip(past.times_s, dict(past.loads)[name], strict=True):
        for late_s in range(0, STEP_S, SCRAPE_S):
            yield labels, time_s + late_s, value


def counter(past: NodePast, values: tuple[float, ...], labels: str) -> Iterator[Sample]:
    """Yield a counter of CPU seconds that grows by `values` cores."""
    minutes = [value * SCRAPE_S for value in values for _ in range(STEP_S // SCRAPE_S)]
    for number, total in enumerate(accumulate(minutes, initial=0.0)):
        yield labels, past.times_s[0] + number * SCRAPE_S, round(total, 3)


def families(past: NodePast) -> list[tuple[str, str, list[Sample]]]:
    exporter, machine = 'instance="bbb1:9688",job="bbb"', 'instance="bbb1:9100"'
    names = {
        "bbb_meetings": "meetings",
        "bbb_meetings_participants": "participants",
        "bbb_meetings_voice_participants": "voice",
        "bbb_meetings_video_participants": "cameras",
        "mediasoup_consumers": "streams",
    }
    found = [
        (metric, "gauge", list(scrapes(past, name, exporter)))
        for metric, name in names.items()
    ]
    # Load tests of ours ran on the first morning: an hour that is to be left out.
    ours = f'{exporter},name="bbbload",server="x"'
    found.append(
        (
            "bbb_meetings_participants_origin",
            "gauge",
            [(ours, START_S + 36_000 + late_s, 40.0) for late_s in range(0, 3300, 60)],
        )
    )
    cpu = dict(past.cpu)
    used = list(counter(past, cpu["node"], f'{machine},cpu="0",mode="user"'))
    for core in range(16):
        used += [
            (f'{machine},cpu="{core}",mode="idle"', at_s, 0.0) for at_s in past.times_s
        ]
    found.append(("node_cpu_seconds", "counter", used))
    groups = []
    for role, group in (("audio", "freeswitch"), ("recording", "bbb-rap-resque")):
        labels = f'instance="bbb1:9256",groupname="{group}",mode="user"'
        groups += list(counter(past, cpu[role], labels))
    found.append(("namedprocess_namegroup_cpu_seconds", "counter", groups))
    return found


@pytest.mark.prometheus
def test_a_real_prometheus_is_read_fitted_and_set_beside(tmp_path, capsys):
    past = synthetic_past(days=DAYS, counted=True, roles=True, dearer=1 / 0.7)
    metrics = tmp_path / "metrics.txt"
    write_openmetrics(metrics, families(past))
    benchmark, output = tmp_path / "capacity.json", tmp_path / "observed.json"
    benchmark.write_text(encode_capacity(synthetic_benchmark()))

    with prometheus(tmp_path, metrics) as address:
        arguments = ["capacity", "observe", "--prometheus", address, "--since"]
        arguments += ["2026-11-02", "--until", "2026-11-07", "--instance", "bbb1:9100"]
        code = run_command(
            [*arguments, "--benchmark", str(benchmark), "-o", str(output)]
        )
        told = capsys.readouterr().err.splitlines()
        unknown = run_command([*arguments, "--instance", "bbb9"])
        mistake = capsys.readouterr().err

    assert code == 0, told
    assert told[0].startswith("CPU of bots over CPU of real people at the same mix: 0.")
    assert "WARNING, outside 0.8 to 1.25: real people are dearer" in told[0]
    assert json.loads(output.read_text())["schema"] == SCHEMA
    observed = decode_observed(output.read_text(), where="observed.json")
    (node,) = observed.nodes
    assert (node.node, node.cores) == ("bbb1", 16.0)
    assert DAYS - 0.1 < node.days < DAYS
    assert any("of our own load tests were left out" in note for note in node.notes)
    assert observed.beside is not None
    assert observed.beside.streams == "counted"
    assert observed.beside.ratio.mid == pytest.approx(0.7, rel=0.1)
    audio = next(role for role in node.roles if role.role == "audio")
    costs = {cost.name: cost.value for cost in audio.costs}
    assert costs["voice"] == pytest.approx(TRUTH["voice"] / 0.7, rel=0.1)
    planned = decode_measured(output.read_text(), where="observed.json")
    assert planned.capacity.costs[1].value > synthetic_benchmark().costs[1].value
    assert "at the dearer cost, of real people" in planned.note
    assert unknown == 2
    assert "--instance bbb9 has no participants and CPU" in mistake


@pytest.mark.parametrize(
    ("instance", "host"),
    [
        ("bbb1:9100", "bbb1"),
        ("bbb1", "bbb1"),
        ("[2001:db8::1]:9100", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_exporters_of_one_host_are_one_node(instance, host):
    assert host_of(instance) == host


def test_load_without_cpu_is_refused_with_the_names_of_both():
    def fetch(path, parameters):
        load = "bbb_meetings_participants[" in parameters["query"]
        if not load and "node_cpu" not in parameters["query"]:
            return {"result": []}
        instance = "bbb1:9688" if load else "10.0.0.7:9100"
        series = {"metric": {"instance": instance}, "values": [[START_S, "3"]]}
        return {"result": [series]}

    with pytest.raises(ConfigError, match=r"of bbb1, CPU .* of 10\.0\.0\.7"):
        read_nodes(Span(starts_s=START_S, ends_s=START_S + 86_400), fetch)


@pytest.mark.parametrize(
    ("working", "bins", "note"),
    [
        (60, 228, "5.0 hours in which recordings were worked on were left out"),
        (200, 288, "16.7 hours, too many to leave out"),
    ],
)
def test_work_on_recordings_does_not_pass_for_an_idle_node(working, bins, note):
    def fetch(path, parameters):
        query = parameters["query"]
        if "origin" in query or "namedprocess" in query or "mediasoup" in query:
            return {"result": []}
        count = working if "bbb_recordings" in query else 288
        values = [[START_S + STEP_S * (at + 1), "3"] for at in range(count)]
        return {"result": [{"metric": {"instance": "bbb1:1"}, "values": values}]}

    (past,) = read_nodes(Span(starts_s=START_S, ends_s=START_S + 86_400), fetch)

    assert len(past.times_s) == bins
    assert any(note in one for one in past.notes)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--prometheus", "ftp://x", "--since", "2026-11-01"],
        ["--prometheus", "http://127.0.0.1:9", "--since", "2100-01-01"],
        ["--prometheus", "http://127.0.0.1:9", "--since", "soon"],
        ["--prometheus", "http://x", "--since", "2026-11-01", "--at", "people"],
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(wrong, capsys):
    assert run_command(["capacity", "observe", *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
