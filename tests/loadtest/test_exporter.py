"""The metrics of a run, read as Prometheus reads them."""

import socket
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bots.errors import ConfigError
from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    StreamReport,
)
from loadtest.exporter import Exporter, metrics_address
from loadtest.machine import free_port
from loadtest.models import EndRecord, NodeSample
from tests.support.results import run_records


def scraped(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        families = text_string_to_metric_families(page.read().decode())
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


def test_the_metrics_are_the_sums_of_the_log():
    records = [r for r in run_records() if not isinstance(r, EndRecord)]
    port, exporter = free_port(), Exporter()
    end = exporter.serve("127.0.0.1", port)
    try:
        for record in records:
            exporter.receive(record)
        seen = scraped(port)
    finally:
        end()

    streams = [r for r in records if isinstance(r, StreamReport)]
    joins = [r for r in records if isinstance(r, JoinReport)]
    leaves = [r for r in records if isinstance(r, LeaveReport)]
    waits = [
        r.wait_s
        for r in records
        if isinstance(r, MilestoneReport) and r.media == "audio" and r.wait_s
    ]
    assert streams
    assert joins
    for media, way in {(s.media, s.direction) for s in streams}:
        mine = [s for s in streams if (s.media, s.direction) == (media, way)]
        key = ("bbbload_rtp_packets_total", way, media)
        assert seen[key] == sum(s.packets for s in mine)
    came = sum(join.outcome == "joined" for join in joins)
    assert seen[("bbbload_joins_total", "joined")] == came
    assert seen[("bbbload_participants",)] == came - len(leaves)
    assert seen[("bbbload_first_media_seconds_count", "audio")] == len(waits)
    for sample in (r for r in records if isinstance(r, NodeSample)):
        assert seen[("bbbload_node_cores", sample.node)] > 0
        assert seen[("bbbload_node_cpu_seconds_total", sample.node, "node")] > 0


def test_how_late_an_engine_was_is_told_every_second():
    engine = EngineReport(
        **{"elapsed_s": 1.0, "engine": 1, "cpu_ratio": 0.4, "lag_s": 0.01},
        **{"late_packets": 3, "sent_packets": 90, "received_packets": 50},
        **{"participants": 2, "memory_bytes": 1 << 20, "dropped_packets": 2},
        lateness_s=0.07,
    )
    port, exporter = free_port(), Exporter()
    end = exporter.serve("127.0.0.1", port)
    try:
        for second in (1.0, 2.0):
            exporter.receive(replace(engine, elapsed_s=second))
        seen = scraped(port)
    finally:
        end()

    assert seen[("bbbload_engine_lateness_seconds", "1")] == 0.07
    assert seen[("bbbload_engine_lag_seconds", "1")] == 0.01
    assert seen[("bbbload_late_packets_total", "1")] == 6
    assert seen[("bbbload_dropped_packets_total", "1")] == 4


def test_the_end_of_a_run_leaves_nobody_in():
    exporter = Exporter()
    for record in run_records():
        exporter.receive(record)

    assert exporter.registry.get_sample_value("bbbload_participants") == 0


def test_no_metric_tells_one_participant_from_another():
    exporter = Exporter()
    for record in run_records():
        exporter.receive(record)

    labels = {
        label
        for family in exporter.registry.collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {
        *("media", "direction", "outcome", "what", "node", "role", "engine", "le"),
        *("run", "target"),
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("0", None),
        ("9646", ("127.0.0.1", 9646)),
        ("192.0.2.7:9646", ("192.0.2.7", 9646)),
        ("[::1]:9646", ("::1", 9646)),
    ],
)
def test_a_port_is_on_loopback_unless_an_address_is_named(text, address):
    assert metrics_address(text) == address


@pytest.mark.parametrize("text", ["x", "70000", "1.2.3.4:", "-1", "²"])
def test_what_is_no_port_is_one_sentence(text):
    with pytest.raises(ConfigError, match="is no port"):
        metrics_address(text)


def test_a_busy_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ConfigError, match="give another port"):
            Exporter().serve("127.0.0.1", port)
